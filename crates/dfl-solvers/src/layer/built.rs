use std::collections::HashMap;
use std::sync::Arc;

use dfl_core::{Decider, Entry, Formulation, Result};
use good_lp::Variable;

use super::build::BoundRow;
use super::model::{ConstraintReference, number_of, row_of};
use super::names::{find, refuse, unique};
use super::parameter::{Bound, Parameter, ParameterData};
use crate::{Backend, Deciding, Limits};

/// What a finished model knows besides its program.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) maximise: bool,
    pub(super) formulation: Formulation,
    pub(super) variables: Vec<String>,
    pub(super) place: HashMap<Variable, usize>,
    pub(super) constraints: Vec<String>,
    pub(super) stamps: Vec<u64>,
    pub(super) equality: Vec<bool>,
    pub(super) bound_rows: Vec<BoundRow>,
    pub(super) parameters: Vec<ParameterData>,
}

impl Named {
    /// `-1` for a maximum: what turns values of the program into those of the model.
    pub(super) fn sense(&self) -> f64 {
        if self.maximise { -1.0 } else { 1.0 }
    }

    /// Place of a parameter's components in `theta`.
    pub(super) fn range(&self, parameter: Parameter) -> Result<std::ops::Range<usize>> {
        let Some(data) = self.parameters.get(parameter.number).filter(|data| data.stamp == parameter.stamp) else {
            let problem = "a parameter of another model";
            return refuse(problem, format!("number {}", parameter.number), "use what naming it in this model returned");
        };
        let start = self.parameters[..parameter.number].iter().map(|p| p.nominal.len()).sum();
        Ok(start..start + data.nominal.len())
    }

    /// Names of all components: the parameter's own, with that of the number it stands for if there are several.
    pub(super) fn theta_names(&self) -> Vec<String> {
        let names = |p: &ParameterData| -> Vec<String> {
            match p.components.len() {
                1 => vec![p.name.clone()],
                _ => p.components.iter().map(|c| format!("{}[{c}]", p.name)).collect(),
            }
        };
        let all: Vec<String> = self.parameters.iter().flat_map(names).collect();
        unique(all.iter().map(String::as_str), 'p')
    }

    /// What a row of the program is called.
    pub(super) fn row_name(&self, i: usize) -> String {
        match self.constraints.get(i) {
            Some(name) => name.clone(),
            None => {
                let row = self.bound_rows[i - self.constraints.len()];
                self.bound_name(row.variable, row.bound)
            }
        }
    }

    /// The bound of a variable that an entry of the program is.
    pub(super) fn bound_of(&self, entry: Entry) -> Option<(usize, Bound)> {
        let row = |i: usize| i.checked_sub(self.constraints.len()).map(|k| (self.bound_rows[k].variable, self.bound_rows[k].bound));
        match entry {
            Entry::Lo(j) => Some((j, Bound::Lower)),
            Entry::Up(j) => Some((j, Bound::Upper)),
            Entry::RowLo(i) | Entry::RowUp(i) => row(i),
            Entry::P(_) | Entry::C(_) | Entry::A(_) => None,
        }
    }

    /// What a bound is called.
    pub(super) fn bound_name(&self, variable: usize, bound: Bound) -> String {
        let which = match bound {
            Bound::Lower => "lower bound",
            Bound::Upper => "upper bound",
            Bound::Both => "value",
        };
        format!("{which} of {}", self.variables[variable])
    }
}

/// A model with named parameters, to be solved and differentiated at any values of them.
///
/// Values of the parameters are one slice, `theta`: all components, in the order in which the parameters were named;
/// [`theta`](Self::theta) makes one from the parameters.
#[derive(Clone, Debug)]
pub struct Layer {
    pub(super) named: Arc<Named>,
    pub(super) backend: Backend,
    pub(super) limits: Limits,
}

impl Layer {
    pub(super) fn new(named: Arc<Named>) -> Self {
        Self { named, backend: Backend::Auto, limits: Limits::default() }
    }

    /// Solves with this backend in place of the one that fits the structure.
    #[must_use]
    pub fn with_backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// Solves within these limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The program and the map of its parameters, for every solver and differentiator of this library.
    ///
    /// It always minimises; for a maximum, the negated objective. Its first rows are the constraints in their order, inequalities as
    /// `terms <= rhs`; bounds that a parameter could move past the other bound are rows behind them.
    pub fn formulation(&self) -> &Formulation {
        &self.named.formulation
    }

    /// A decider of batches of `theta`, as losses and training take them: differentiable unless variables are integer. It always minimises;
    /// for a maximum, the negated objective. Limits of `deciding` go before those of [`with_limits`](Self::with_limits).
    ///
    /// # Errors
    /// As [`Backend::decider`].
    pub fn decider(&self, deciding: &Deciding) -> Result<Box<dyn Decider>> {
        let Formulation { program, params, .. } = self.formulation();
        let (own, given) = (self.limits, deciding.limits);
        let limits = Limits {
            iterations: given.iterations.or(own.iterations),
            nodes: given.nodes.or(own.nodes),
            seconds: given.seconds.or(own.seconds),
        };
        self.backend.decider(program.clone(), params.clone(), &Deciding { limits, ..*deciding })
    }

    /// Names of the variables.
    pub fn variable_names(&self) -> &[String] {
        &self.named.variables
    }

    /// Names of the constraints.
    pub fn constraint_names(&self) -> &[String] {
        &self.named.constraints
    }

    /// Names of the components of `theta`: `price`, or `price[wheat]` of a parameter with several.
    pub fn parameter_names(&self) -> Vec<String> {
        self.named.theta_names()
    }

    /// The variable of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`](dfl_core::Error::Unknown) with the names there are.
    pub fn variable(&self, name: &str) -> Result<Variable> {
        let j = find("variable", &self.named.variables, name)?;
        let of = |(&variable, &k): (&Variable, &usize)| (k == j).then_some(variable);
        Ok(self.named.place.iter().find_map(of).expect("every name has a variable"))
    }

    /// The constraint of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`](dfl_core::Error::Unknown) with the names there are.
    pub fn constraint(&self, name: &str) -> Result<ConstraintReference> {
        let index = find("constraint", &self.named.constraints, name)?;
        Ok(ConstraintReference { stamp: self.named.stamps[index], index })
    }

    /// The parameter of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`](dfl_core::Error::Unknown) with the names there are.
    pub fn parameter(&self, name: &str) -> Result<Parameter> {
        let names: Vec<String> = self.named.parameters.iter().map(|p| p.name.clone()).collect();
        let number = find("parameter", &names, name)?;
        Ok(Parameter { stamp: self.named.parameters[number].stamp, number })
    }

    /// The numbers that the model was written with.
    ///
    /// # Errors
    /// [`Error::Model`](dfl_core::Error::Model) with the parameters that had none: bounds that were not given.
    pub fn nominal(&self) -> Result<Vec<f64>> {
        self.theta(&[])
    }

    /// These values, and for all other parameters the numbers that the model was written with.
    ///
    /// # Errors
    /// [`Error::Model`](dfl_core::Error::Model) for a parameter of another model, one without a number, one given twice, and a wrong number
    /// of values.
    pub fn theta(&self, values: &[(Parameter, &[f64])]) -> Result<Vec<f64>> {
        let mut theta: Vec<Option<f64>> = self.named.parameters.iter().flat_map(|p| p.nominal.iter().copied()).collect();
        for (k, &(parameter, numbers)) in values.iter().enumerate() {
            let range = self.named.range(parameter)?;
            let name = &self.named.parameters[parameter.number].name;
            if values[..k].iter().any(|(earlier, _)| *earlier == parameter) {
                return refuse("a parameter is given twice", name.as_str(), "give it once");
            }
            if numbers.len() != range.len() {
                let problem = "a parameter with a wrong number of values";
                return refuse(problem, format!("{name} has {}, not {}", range.len(), numbers.len()), "give one for each component");
            }
            theta[range].iter_mut().zip(numbers).for_each(|(to, &from)| *to = Some(from));
        }
        let missing = self.named.theta_names().into_iter().zip(&theta).filter(|(_, v)| v.is_none()).map(|(name, _)| name);
        let missing: Vec<String> = missing.collect();
        if missing.is_empty() {
            return Ok(theta.into_iter().flatten().collect());
        }
        refuse("the model has no number for a parameter", missing.join(", "), "give its value")
    }

    /// Number of a variable.
    pub(super) fn place(&self, variable: Variable) -> Result<usize> {
        number_of(&self.named.place, variable)
    }

    /// Number of a constraint.
    pub(super) fn row(&self, reference: ConstraintReference) -> Result<usize> {
        row_of(self.named.stamps.get(reference.index).copied(), reference)
    }
}
