use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use dfl_core::{Error, Result};
use good_lp::{Constraint, Expression, IntoAffineExpression, ProblemVariables, Variable, VariableDefinition};

use super::answer::Answer;
use super::names::{refuse, unique};
use super::parameter::{ParameterData, Slot};

/// A model of `good_lp` to be minimised: `layer::minimise(vars, objective)` stands where `vars.minimise(objective).using(solver)` stood.
pub fn minimise(variables: ProblemVariables, objective: impl IntoAffineExpression) -> Model {
    Model::new(variables, &objective.into_expression(), false)
}

/// A model of `good_lp` to be maximised. Values, multipliers and gradients are then those of the maximum.
pub fn maximise(variables: ProblemVariables, objective: impl IntoAffineExpression) -> Model {
    Model::new(variables, &objective.into_expression(), true)
}

/// A constraint of one model, as [`Model::add_constraint`] returns it. Copies of the model made later have it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConstraintReference {
    pub(super) stamp: u64,
    pub(super) index: usize,
}

/// A constraint together with its direction, of which `good_lp` does not tell which was written: made by [`at_most`] and [`at_least`].
///
/// Both speak of the form with all variables on the left and the constant on the right: `4 <= x + y` is `x + y >= 4` there. An equality
/// needs neither: it is `left - right = 0`, so that `x + y == 4` has the right-hand side 4, and `4 == x + y` is `-x - y = -4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    pub(super) reference: ConstraintReference,
    pub(super) at_least: Option<bool>,
}

/// The constraint in its form `terms <= constant`, with all variables on the left. Leaves an equality as it is.
pub fn at_most(constraint: ConstraintReference) -> Row {
    Row { reference: constraint, at_least: Some(false) }
}

/// The constraint in its form `terms >= constant`, with all variables on the left, whether it was written `x + y >= 4` or `4 <= x + y`.
///
/// Of an equality, both sides with the opposite sign: `4 == x + y` becomes `x + y = 4`.
pub fn at_least(constraint: ConstraintReference) -> Row {
    Row { reference: constraint, at_least: Some(true) }
}

impl From<ConstraintReference> for Row {
    fn from(reference: ConstraintReference) -> Self {
        Self { reference, at_least: None }
    }
}

/// Of a constraint `terms <= rhs`, or `= rhs`.
#[derive(Clone, Debug)]
pub(super) struct RowData {
    pub(super) stamp: u64,
    pub(super) name: String,
    pub(super) terms: Vec<(usize, f64)>,
    pub(super) rhs: f64,
    pub(super) equality: bool,
}

/// A model in the making: variables and objective, then constraints, quadratic terms and parameters; [`layer`](Self::layer) ends it.
///
/// What a method that returns no `Result` finds wrong is kept and returned by [`layer`](Self::layer).
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) maximise: bool,
    pub(super) variables: Vec<VariableDefinition>,
    pub(super) names: Vec<String>,
    pub(super) place: HashMap<Variable, usize>,
    pub(super) objective: Vec<f64>,
    pub(super) constant: f64,
    /// Of products by the numbers of their variables, the smaller one first.
    pub(super) quadratic: BTreeMap<(usize, usize), f64>,
    pub(super) rows: Vec<RowData>,
    pub(super) parameters: Vec<ParameterData>,
    /// The parameter that replaces a number.
    pub(super) owners: HashMap<Slot, usize>,
    fault: Option<(&'static str, String, &'static str)>,
}

/// A number of its own for each constraint and parameter, to tell those of one model from others'; no result depends on it.
pub(super) fn stamp() -> u64 {
    static STAMPS: AtomicU64 = AtomicU64::new(0);
    STAMPS.fetch_add(1, Ordering::Relaxed)
}

impl Model {
    fn new(variables: ProblemVariables, objective: &Expression, maximise: bool) -> Self {
        let place = variables.iter_variables_with_def().enumerate().map(|(j, (variable, _))| (variable, j)).collect();
        let variables: Vec<VariableDefinition> = variables.into_iter().collect();
        let names = unique(variables.iter().map(VariableDefinition::get_name), 'v');
        let mut model = Self {
            maximise,
            objective: vec![0.0; variables.len()],
            constant: objective.constant(),
            variables,
            names,
            place,
            quadratic: BTreeMap::new(),
            rows: Vec::new(),
            parameters: Vec::new(),
            owners: HashMap::new(),
            fault: None,
        };
        for (j, coefficient) in model.terms(objective, "the objective") {
            model.objective[j] = coefficient;
        }
        if !model.constant.is_finite() {
            model.note(NOT_FINITE, "the constant of the objective".into(), "write a number");
        }
        model
    }

    /// The terms of an expression by number of the variable, in their order.
    fn terms(&mut self, expression: &Expression, of: &str) -> Vec<(usize, f64)> {
        let mut terms = Vec::new();
        for (variable, coefficient) in expression.linear_coefficients() {
            match self.place.get(&variable) {
                None => self.note(FOREIGN, format!("{} in {of}", foreign(variable)), "take variables of one model"),
                Some(&j) if !coefficient.is_finite() => {
                    let name = format!("{coefficient} for {} in {of}", self.names[j]);
                    self.note(NOT_FINITE, name, "write a number");
                }
                Some(&j) => terms.push((j, coefficient)),
            }
        }
        terms.sort_by_key(|t| t.0);
        terms
    }

    /// Keeps the first fault.
    fn note(&mut self, problem: &'static str, names: String, remedy: &'static str) {
        self.fault.get_or_insert((problem, names, remedy));
    }

    /// Refuses a model in which something was wrong.
    pub(super) fn check(&self) -> Result<()> {
        match &self.fault {
            None => Ok(()),
            Some((problem, names, remedy)) => refuse(problem, names.clone(), remedy),
        }
    }

    /// Adds a constraint.
    #[must_use]
    pub fn with(mut self, constraint: Constraint) -> Self {
        self.add_constraint(constraint);
        self
    }

    /// Adds constraints.
    #[must_use]
    pub fn with_all(self, constraints: impl IntoIterator<Item = Constraint>) -> Self {
        constraints.into_iter().fold(self, Self::with)
    }

    /// Adds a constraint and returns what it is referred to by. Its name is that of [`Constraint::set_name`], else `c` and its number from 0.
    pub fn add_constraint(&mut self, constraint: Constraint) -> ConstraintReference {
        let index = self.rows.len();
        let name = constraint.name().map_or_else(|| format!("c{index}"), str::to_owned);
        let terms = self.terms(constraint.expression(), &name);
        let rhs = 0.0 - constraint.expression().constant();
        if !rhs.is_finite() {
            self.note(NOT_FINITE, format!("the right-hand side {rhs} of {name}"), "write a number, or leave the constraint out");
        }
        let stamp = stamp();
        self.rows.push(RowData { stamp, name, terms, rhs, equality: constraint.is_equality() });
        ConstraintReference { stamp, index }
    }

    /// Adds `value * x * y` to the objective; `quadratic(x, x, value)` adds the square. Terms of one pair add up.
    #[must_use]
    pub fn quadratic(mut self, x: Variable, y: Variable, value: f64) -> Self {
        self.add_quadratic(x, y, value);
        self
    }

    /// As [`quadratic`](Self::quadratic), in place.
    pub fn add_quadratic(&mut self, x: Variable, y: Variable, value: f64) {
        match (self.variable(x), self.variable(y)) {
            (Ok(i), Ok(j)) if value.is_finite() => *self.quadratic.entry((i.min(j), i.max(j))).or_default() += value,
            (Ok(i), Ok(j)) => {
                let name = format!("{value} for {} * {}", self.names[i], self.names[j]);
                self.note(NOT_FINITE, name, "write a number");
            }
            (i, _) => {
                let variable = if i.is_err() { x } else { y };
                self.note(FOREIGN, format!("{} in a quadratic term", foreign(variable)), "take variables of one model");
            }
        }
    }

    /// Solves the model with the numbers it was written with, as `good_lp` does.
    ///
    /// # Errors
    /// As [`layer`](Self::layer) and [`Layer::solve`](super::Layer::solve).
    pub fn solve(self) -> Result<Answer> {
        let layer = self.layer()?;
        layer.solve(&layer.nominal()?)
    }

    /// Number of a variable.
    pub(super) fn variable(&self, variable: Variable) -> Result<usize> {
        number_of(&self.place, variable)
    }

    /// Number of a constraint.
    pub(super) fn constraint(&self, reference: ConstraintReference) -> Result<usize> {
        row_of(self.rows.get(reference.index).map(|row| row.stamp), reference)
    }
}

const NOT_FINITE: &str = "a number of the model is not finite";
const FOREIGN: &str = "a variable of another model";

/// `good_lp`'s own name for a variable of which nothing else is known.
fn foreign(variable: Variable) -> String {
    format!("{:?}", Expression::from(variable))
}

/// Number of a constraint, if the one of that number has its stamp.
pub(super) fn row_of(stamp: Option<u64>, reference: ConstraintReference) -> Result<usize> {
    if stamp == Some(reference.stamp) {
        return Ok(reference.index);
    }
    refuse("a constraint of another model", format!("number {}", reference.index), "use what add_constraint of this model returned")
}

/// Number of a variable in `place`.
pub(super) fn number_of(place: &HashMap<Variable, usize>, variable: Variable) -> Result<usize> {
    let unknown = || Error::Model { problem: FOREIGN, names: foreign(variable), remedy: "take variables of one model" };
    place.get(&variable).copied().ok_or_else(unknown)
}
