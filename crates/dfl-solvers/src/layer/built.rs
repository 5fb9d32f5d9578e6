use std::collections::HashMap;
use std::sync::Arc;

use dfl_core::{Decider, Error, Formulation, ParamMap, Program, Result, Solution, Status, check_len};
use good_lp::Variable;

use super::answer::Answer;
use super::build::{BoundRow, name_curved};
use super::explain::explain;
use super::model::{ConstraintReference, OTHER, OTHER_REMEDY, number_of};
use super::names::{find, refuse, unique};
use super::parameter::{Bound, Parameter, ParameterData};
use crate::{Backend, Deciding, Limits};

/// What a finished model knows besides its program.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) id: u64,
    pub(super) maximise: bool,
    pub(super) formulation: Formulation,
    pub(super) variables: Vec<String>,
    pub(super) place: HashMap<Variable, usize>,
    pub(super) constraints: Vec<String>,
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
        if parameter.model != self.id {
            let problem = "a parameter of another model";
            return refuse(problem, format!("number {}", parameter.number), "take what naming it in this model has returned");
        }
        let lengths = || self.parameters.iter().map(|p| p.nominal.len());
        let start = lengths().take(parameter.number).sum();
        Ok(start..start + self.parameters[parameter.number].nominal.len())
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
/// Values of the parameters are one slice, `theta`: the components of each in the order in which they were named;
/// [`theta`](Self::theta) makes one from the parameters.
#[derive(Clone, Debug)]
pub struct Layer {
    pub(super) named: Arc<Named>,
    backend: Backend,
    limits: Limits,
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
    /// It minimises: of a maximum it has the opposite objective. Its first rows are the constraints in their order, inequalities as
    /// `terms <= rhs`; bounds that a parameter could move past the other bound are rows behind them.
    pub fn formulation(&self) -> &Formulation {
        &self.named.formulation
    }

    /// A decider of batches of `theta`, as losses and training take them: differentiable unless variables are integer. It minimises: the
    /// objective that it returns is the opposite of a maximum.
    ///
    /// # Errors
    /// As [`Backend::decider`].
    pub fn decider(&self, deciding: &Deciding) -> Result<Box<dyn Decider>> {
        let Formulation { program, params, .. } = self.formulation();
        self.backend.decider(program.clone(), params.clone(), deciding)
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
    /// [`Error::Unknown`] with the names there are.
    pub fn variable(&self, name: &str) -> Result<Variable> {
        let j = find("variable", &self.named.variables, name)?;
        let of = |(&variable, &k): (&Variable, &usize)| (k == j).then_some(variable);
        Ok(self.named.place.iter().find_map(of).expect("every name has a variable"))
    }

    /// The constraint of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn constraint(&self, name: &str) -> Result<ConstraintReference> {
        Ok(ConstraintReference { model: self.named.id, index: find("constraint", &self.named.constraints, name)? })
    }

    /// The parameter of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn parameter(&self, name: &str) -> Result<Parameter> {
        let names: Vec<String> = self.named.parameters.iter().map(|p| p.name.clone()).collect();
        Ok(Parameter { model: self.named.id, number: find("parameter", &names, name)? })
    }

    /// The numbers that the model was written with.
    ///
    /// # Errors
    /// [`Error::Model`] with the parameters that had none: bounds that were not given.
    pub fn nominal(&self) -> Result<Vec<f64>> {
        self.theta(&[])
    }

    /// These values, and for all other parameters the numbers that the model was written with.
    ///
    /// # Errors
    /// [`Error::Model`] for a parameter of another model or without a number, [`Error::Dimension`] for a wrong number of values.
    pub fn theta(&self, values: &[(Parameter, &[f64])]) -> Result<Vec<f64>> {
        let mut theta: Vec<Option<f64>> = self.named.parameters.iter().flat_map(|p| p.nominal.iter().copied()).collect();
        for &(parameter, numbers) in values {
            let range = self.named.range(parameter)?;
            check_len("values of a parameter", range.len(), numbers.len())?;
            theta[range].iter_mut().zip(numbers).for_each(|(to, &from)| *to = Some(from));
        }
        let missing = self.named.theta_names().into_iter().zip(&theta).filter(|(_, v)| v.is_none()).map(|(name, _)| name);
        let missing: Vec<String> = missing.collect();
        if missing.is_empty() {
            return Ok(theta.into_iter().flatten().collect());
        }
        refuse("the model has no number for a parameter", missing.join(", "), "give its value")
    }

    /// Solves the model at these values.
    ///
    /// # Errors
    /// [`Error::Dimension`] or [`Error::Model`] for values that are not as they should be; [`Error::Model`] for a model that has no
    /// optimum there, naming the constraints that contradict each other or the variables that grow without bound;
    /// [`Error::NotSolved`] for one that was not solved within its limits; what the backend refuses.
    pub fn solve(&self, theta: &[f64]) -> Result<Answer> {
        match self.attempt(theta)? {
            Ok(answer) => Ok(answer),
            Err(status) => explain(self, &self.program(theta)?, status),
        }
    }

    /// An answer, or why there is none.
    pub(super) fn attempt(&self, theta: &[f64]) -> Result<std::result::Result<Answer, Status>> {
        let program = self.program(theta)?;
        if !program.has_integers() {
            let params = self.formulation().params.clone();
            return Ok(self.solve_program(&program)?.map(|found| Answer::new(self, theta, program, params, found)));
        }
        let (whole, status) = match self.solve_program(&program)? {
            Err(status) => return Ok(Err(status)),
            Ok(found) => found,
        };
        let (held, params) = hold_integers(&program, &self.formulation().params, &whole.x);
        let found = self.solve_program(&held)?;
        Ok(found.map(|(solution, _)| Answer { whole: Some(program), ..Answer::new(self, theta, held, params, (solution, status)) }))
    }

    /// The program at these values.
    pub(super) fn program(&self, theta: &[f64]) -> Result<Program> {
        let Formulation { program, params, .. } = self.formulation();
        if let Some(k) = theta.iter().position(|v| !v.is_finite()) {
            let names = self.named.theta_names();
            let name = names.get(k).map_or("one too many", String::as_str);
            return refuse("a value is not finite", format!("{} for {name}", theta[k]), "clean or drop this instance");
        }
        let mut out = program.clone();
        params.push(theta, program, &mut out)?;
        Ok(out)
    }

    /// The answer of a program and how it ended, or why there is none.
    pub(super) fn solve_program(&self, program: &Program) -> Result<std::result::Result<(Solution, Status), Status>> {
        let answer = match self.backend.solve(program, &self.limits) {
            Err(Error::CrossedBounds { .. }) => return Ok(Err(Status::Infeasible)),
            other => name_curved(other, &self.named.variables)?,
        };
        let status = answer.info.status;
        Ok(if status.usable() { Ok((answer.solution, status)) } else { Err(status) })
    }

    /// Number of a variable.
    pub(super) fn place(&self, variable: Variable) -> Result<usize> {
        number_of(&self.named.place, variable)
    }

    /// Number of a constraint.
    pub(super) fn row(&self, reference: ConstraintReference) -> Result<usize> {
        if reference.model == self.named.id {
            Ok(reference.index)
        } else {
            refuse(OTHER, format!("number {}", reference.index), OTHER_REMEDY)
        }
    }
}

/// The continuous program with the integers held at their values in `x`, and the links to their bounds dropped.
fn hold_integers(program: &Program, params: &ParamMap, x: &[f64]) -> (Program, ParamMap) {
    use dfl_core::Entry::{Lo, Up};
    let mut held = program.clone();
    for j in (0..program.n()).filter(|&j| program.integer[j]) {
        (held.lo[j], held.up[j]) = (x[j].round(), x[j].round());
    }
    let params = params.redirect(|entry| match entry {
        Lo(j) | Up(j) if program.integer[j] => Vec::new(),
        other => vec![other],
    });
    held.integer.clear();
    (held, params)
}
