//! Why the sensitivities of an answer are not derivatives.

use std::collections::{BTreeMap, HashSet};

use dfl_core::{Entry, Result, Side, Status};

use super::answer::Answer;
use super::parameter::{Bound, Parameter};
use super::status::{Reason, SensitivityStatus};
use super::tight::{Along, CONSISTENT, Item};

/// An integer variable this close to a bound is at it: the tolerance on integers of solvers.
const INTEGER: f64 = 1e-6;

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
        let dependent = names_of(tight.dependent.iter().flatten().map(|&(item, _)| self.item_name(item)));
        if !dependent.is_empty() {
            reasons.push(Reason::DualsNotUnique(dependent));
        }
        let flat = self.flat()?;
        if !flat.is_empty() {
            reasons.push(Reason::NotUnique(flat));
        }
        let linear = self.program.p.values().iter().all(|v| *v == 0.0);
        if linear && tight.weak.is_empty() && tight.strong.rank() == tight.free.len() {
            reasons.push(Reason::Vertex);
        }
        let each = named.parameters.iter().enumerate().map(|(number, p)| Parameter { stamp: p.stamp, number });
        let parameters = each.map(|p| Ok((p, named.range(p)?))).collect::<Result<_>>()?;
        Ok(SensitivityStatus { reasons, components, parameters })
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
        let kinks = |along: &Along<'_>| tight.kinks(&self.program, &jacobian.x[along.component], along);
        let found = self.broken(components, |along| kinks(along).into_iter().map(|item| self.item_name(item)).collect());
        Ok(found.map(|(names, parameters)| Reason::WeaklyActive { names, parameters }))
    }

    /// The dependent constraints that some parameter moves apart.
    fn redundant(&self, components: &[String]) -> Option<Reason> {
        let tight = self.tight();
        let bounds = self.parted_bounds();
        let apart = |along: &Along<'_>| {
            let broken = tight.dependent.iter().filter(|combination| tight.breaks(combination, along));
            let broken = broken.flatten().map(|&(item, _)| self.item_name(item));
            broken.chain(bounds.iter().filter(|(component, _)| *component == along.component).map(|(_, name)| name.clone())).collect()
        };
        self.broken(components, apart).map(|(names, parameters)| Reason::Redundant { names, parameters })
    }

    /// Names of the constraints that something is found of along some component, and of these components; `None` if there are none.
    fn broken(&self, components: &[String], find: impl Fn(&Along<'_>) -> Vec<String>) -> Option<(Vec<String>, Vec<String>)> {
        let (places, mut names, mut parameters) = (self.program.a.positions(), Vec::new(), Vec::new());
        for (component, parameter) in components.iter().enumerate() {
            let found = find(&Along { params: &self.params, places: &places, x: &self.solution.x, component });
            if !found.is_empty() {
                parameters.push(parameter.clone());
            }
            names.extend(found);
        }
        let names = names_of(names.into_iter());
        (!names.is_empty()).then_some((names, parameters))
    }

    /// Bounds that a component of `theta` moves away from what is held there, with that component: the two of a variable, where they meet
    /// and do not move together, and that of an integer variable at it, since a step one way makes it jump or leaves it no value.
    fn parted_bounds(&self) -> Vec<(usize, String)> {
        let (named, program, mut out) = (&self.layer.named, &self.program, Vec::new());
        let whole = self.whole.as_ref().filter(|_| !self.relaxed);
        let integer = |j: usize| whole.is_some_and(|whole| whole.integer[j]);
        let parted = |[lo, up]: [f64; 2]| f64::abs(lo - up) > CONSISTENT * (f64::abs(lo) + f64::abs(up));
        for component in 0..self.params.theta() {
            let (mut dtheta, mut rates) = (vec![0.0; self.params.theta()], BTreeMap::new());
            dtheta[component] = 1.0;
            self.params.tangent(&dtheta, |entry, d| match entry {
                Entry::Lo(j) if program.lo[j] == program.up[j] => rates.entry(j).or_insert([0.0, 0.0])[0] += d,
                Entry::Up(j) if program.lo[j] == program.up[j] => rates.entry(j).or_insert([0.0, 0.0])[1] += d,
                _ => {}
            });
            for (j, _) in rates.into_iter().filter(|&(_, rates)| parted(rates)) {
                out.extend([Bound::Lower, Bound::Upper].map(|bound| (component, named.bound_name(j, bound))));
            }
            named.formulation.params.tangent(&dtheta, |entry, d| {
                let Some((j, bound)) = named.bound_of(entry).filter(|&(j, _)| integer(j) && d != 0.0) else { return };
                if whole.and_then(|whole| entry.get(whole)).is_some_and(|side| (self.solution.x[j] - side).abs() <= INTEGER) {
                    out.push((component, named.bound_name(j, bound)));
                }
            });
        }
        out
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

/// Each name once.
fn names_of(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    names.filter(|name| seen.insert(name.clone())).collect()
}
