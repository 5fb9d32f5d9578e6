//! Why the sensitivities of an answer are not derivatives.

use dfl_core::{Result, Side, Status};

use super::answer::Answer;
use super::parameter::Bound;
use super::status::{Reason, SensitivityStatus};
use super::tight::{Along, Item};

impl Answer {
    /// Whether the sensitivities are derivatives, and if not, why, by the names of constraints and variables.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) if the reduced Hessian overflows.
    pub fn status(&self) -> Result<SensitivityStatus> {
        let (named, tight) = (&self.layer.named, self.tight());
        let (components, mut reasons) = (named.theta_names(), Vec::new());
        if self.ended != Status::Optimal {
            reasons.push(Reason::NotProven);
        }
        if let Some(whole) = &self.whole {
            let integers = (0..whole.n()).filter(|&j| whole.integer[j]).map(|j| named.variables[j].clone()).collect();
            reasons.push(if self.relaxed { Reason::Relaxed(integers) } else { Reason::FixedIntegers(integers) });
        }
        reasons.extend(self.weakly_active(&components)?);
        reasons.extend(self.redundant(&components));
        let flat = self.flat()?;
        if !flat.is_empty() {
            reasons.push(Reason::NotUnique(flat));
        }
        let linear = self.program.p.values().iter().all(|v| *v == 0.0);
        if linear && tight.weak.is_empty() && tight.strong.rank() == tight.free.len() {
            reasons.push(Reason::Vertex);
        }
        Ok(SensitivityStatus { reasons, components })
    }

    /// The weakly active constraints that the optimum leaves, or presses on, along some parameter.
    fn weakly_active(&self, components: &[String]) -> Result<Option<Reason>> {
        let tight = self.tight();
        if tight.weak.is_empty() {
            return Ok(None);
        }
        // The answer as if they were not there.
        let mut solution = self.solution.clone();
        for item in &tight.weak {
            match *item {
                Item::Row(i, _) => solution.row_side[i] = Side::Free,
                Item::Bound(j, _) => solution.bound_side[j] = Side::Free,
            }
        }
        let without = Self::new(&self.layer, &self.theta, self.program.clone(), self.params.clone(), (solution, self.ended));
        let jacobian = without.jacobian()?;
        let found = self.broken(components, |along| tight.kinks(&self.program, &jacobian.x[along.component], along));
        Ok(found.map(|(names, parameters)| Reason::WeaklyActive { names, parameters }))
    }

    /// The dependent constraints that some parameter moves apart.
    fn redundant(&self, components: &[String]) -> Option<Reason> {
        let tight = self.tight();
        let apart = |along: &Along<'_>| {
            let broken = tight.dependent.iter().filter(|combination| tight.breaks(combination, along));
            broken.flatten().map(|&(item, _)| item).collect()
        };
        self.broken(components, apart).map(|(names, parameters)| Reason::Redundant { names, parameters })
    }

    /// Names of the constraints that something is found of along some component, and of these components; `None` if there are none.
    fn broken(&self, components: &[String], find: impl Fn(&Along<'_>) -> Vec<Item>) -> Option<(Vec<String>, Vec<String>)> {
        let (places, mut names, mut parameters) = (self.program.a.positions(), Vec::new(), Vec::new());
        for (component, parameter) in components.iter().enumerate() {
            let found = find(&Along { params: &self.params, places: &places, x: &self.solution.x, component });
            if !found.is_empty() {
                parameters.push(parameter.clone());
            }
            for name in found.into_iter().map(|item| self.item_name(item)) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        (!names.is_empty()).then_some((names, parameters))
    }

    fn item_name(&self, item: Item) -> String {
        let named = &self.layer.named;
        match item {
            Item::Row(i, _) => named.row_name(i),
            Item::Bound(j, _) if self.program.lo[j] == self.program.up[j] => named.bound_name(j, Bound::Both),
            Item::Bound(j, Side::Lower) => named.bound_name(j, Bound::Lower),
            Item::Bound(j, _) => named.bound_name(j, Bound::Upper),
        }
    }
}
