use std::collections::{HashMap, HashSet};

use dfl_core::Result;
use good_lp::Variable;

use super::model::{Model, Row, RowData, stamp};
use super::names::refuse;

/// One number of a model that a parameter may be, or may move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// The coefficient of a variable in the objective.
    Cost(Variable),
    /// The right-hand side of a constraint; of an inequality as [`at_most`](super::at_most) or [`at_least`](super::at_least).
    Rhs(Row),
    /// The coefficient of a variable in a constraint, likewise.
    Coefficient(Row, Variable),
    /// The lower bound of a variable.
    Lower(Variable),
    /// The upper bound of a variable.
    Upper(Variable),
    /// The variable itself, held at the parameter's value: a placeholder to write constraints with.
    Value(Variable),
    /// The coefficient of a product of two variables in the objective.
    Quadratic(Variable, Variable),
}

/// Which bound of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The lower one.
    Lower,
    /// The upper one.
    Upper,
    /// Both: the variable stands for the parameter.
    Both,
}

/// A named parameter of a model: one number or several. Looks up values and sensitivities. Copies of the model made later have it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parameter {
    pub(super) stamp: u64,
    pub(super) number: usize,
}

/// An entry of the program to be, by the numbers of variables and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Cost(usize),
    Rhs(usize),
    Coefficient(usize, usize),
    Lower(usize),
    Upper(usize),
    Quadratic(usize, usize),
}

/// A target in the program: its slots, and what its number is multiplied by there.
struct Place {
    slots: Vec<Slot>,
    sign: f64,
    name: String,
    /// What of the variable or constraint `name` it is; empty where `name` says it.
    kind: &'static str,
}

/// `slot = its number + factor (theta - nominal)`, in the program's own signs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) slot: Slot,
    pub(super) index: usize,
    pub(super) factor: f64,
    pub(super) shift: Shift,
}

/// What becomes of the number that the model has in a slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shift {
    /// The parameter replaces it.
    Replaced,
    /// It holds at this value of the parameter.
    Nominal(f64),
}

#[derive(Clone, Debug)]
pub(super) struct ParameterData {
    pub(super) stamp: u64,
    pub(super) name: String,
    /// Of each component.
    pub(super) components: Vec<String>,
    /// The number of the model in its place, if it has one.
    pub(super) nominal: Vec<Option<f64>>,
    pub(super) links: Vec<Link>,
}

/// Naming parameters. The order in which they are named is that of their values in [`Layer::solve`](super::Layer::solve).
///
/// Each number that becomes a parameter keeps the value it was written with as its nominal value. A number can be one parameter only;
/// [`affine`](Model::affine) parameters may move it besides.
impl Model {
    /// The coefficients of these variables in the objective.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn cost_of(&mut self, name: &str, variables: &[Variable]) -> Result<Parameter> {
        self.set(name, &variables.iter().map(|&x| Target::Cost(x)).collect::<Vec<_>>())
    }

    /// The right-hand sides of these constraints, each with its variables on the left. An inequality has to say its direction, since
    /// `good_lp` keeps `x >= 3` as `-x <= -3` and does not tell: `at_least(c)` has the value 3. An equality is `left - right = 0`: the
    /// value of `x == 3` is 3, that of `3 == x` is -3, or 3 as `at_least(c)`.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn rhs_of<R: Into<Row> + Copy>(&mut self, name: &str, constraints: &[R]) -> Result<Parameter> {
        self.set(name, &constraints.iter().map(|&c| Target::Rhs(c.into())).collect::<Vec<_>>())
    }

    /// The coefficient of a variable in a constraint, with all variables on the left; see [`rhs_of`](Self::rhs_of).
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn coefficient(&mut self, name: &str, constraint: impl Into<Row>, variable: Variable) -> Result<Parameter> {
        self.set(name, &[Target::Coefficient(constraint.into(), variable)])
    }

    /// Bounds of variables; with [`Bound::Both`] the variables themselves, as placeholders in constraints.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn bound_of(&mut self, name: &str, bound: Bound, variables: &[Variable]) -> Result<Parameter> {
        let target = match bound {
            Bound::Lower => Target::Lower,
            Bound::Upper => Target::Upper,
            Bound::Both => Target::Value,
        };
        self.set(name, &variables.iter().map(|&x| target(x)).collect::<Vec<_>>())
    }

    /// The coefficient of `x * y` in the objective.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn quadratic_of(&mut self, name: &str, x: Variable, y: Variable) -> Result<Parameter> {
        self.set(name, &[Target::Quadratic(x, y)])
    }

    /// Any numbers of the model as the components of one parameter.
    ///
    /// # Errors
    /// [`Error::Model`](dfl_core::Error::Model) for a name that is taken, a number that another parameter is, no numbers at all,
    /// variables and constraints of another model, and an inequality without [`at_most`](super::at_most) or [`at_least`](super::at_least).
    pub fn set(&mut self, name: &str, targets: &[Target]) -> Result<Parameter> {
        let (mut links, mut nominal, mut components, mut own) = (Vec::new(), Vec::new(), Vec::new(), HashSet::new());
        let first = self.theta();
        for (k, &target) in targets.iter().enumerate() {
            let Place { slots, sign, name: component, kind } = self.place_of(target)?;
            for &slot in &slots {
                let owner = self.owners.get(&slot).map(|&owner| self.parameters[owner].name.as_str());
                if let Some(owner) = owner.or((!own.insert(slot)).then_some(name)) {
                    return refuse("a number is a parameter twice", format!("{component} ({owner} and {name})"), "name it once");
                }
                links.push(Link { slot, index: first + k, factor: sign, shift: Shift::Replaced });
            }
            let numbers: Vec<f64> = slots.iter().map(|&slot| self.number(slot) / sign).collect();
            nominal.push(numbers.first().copied().filter(|v| v.is_finite() && numbers.iter().all(|w| w == v)));
            components.push((component, kind));
        }
        let components = told_apart(components);
        self.declare(ParameterData { stamp: stamp(), name: name.to_owned(), components, nominal, links })
    }

    /// One parameter that moves several numbers: each is what the model says plus its factor times `theta - nominal`.
    ///
    /// # Errors
    /// As [`set`](Self::set), and [`Error::Model`](dfl_core::Error::Model) for an infinite bound, which nothing can move, and a factor or
    /// nominal value that is not finite.
    pub fn affine(&mut self, name: &str, nominal: f64, moves: &[(Target, f64)]) -> Result<Parameter> {
        let (mut links, index) = (Vec::new(), self.theta());
        for &(target, factor) in moves {
            let Place { slots, sign, name: entry, .. } = self.place_of(target)?;
            if !(factor.is_finite() && nominal.is_finite()) {
                return refuse("a factor or nominal value is not finite", format!("{name} ({entry})"), "write a number");
            }
            if let Some(slot) = slots.iter().find(|&&slot| !self.number(slot).is_finite()) {
                let number = self.number(*slot);
                return refuse("an infinite bound cannot be moved", format!("{entry} is {number}"), "give it a finite bound first");
            }
            links.extend(slots.iter().map(|&slot| Link { slot, index, factor: sign * factor, shift: Shift::Nominal(nominal) }));
        }
        let components = vec![String::new()];
        self.declare(ParameterData { stamp: stamp(), name: name.to_owned(), components, nominal: vec![Some(nominal)], links })
    }

    /// Number of components of all parameters.
    pub(super) fn theta(&self) -> usize {
        self.parameters.iter().map(|p| p.nominal.len()).sum()
    }

    fn declare(&mut self, data: ParameterData) -> Result<Parameter> {
        if data.links.is_empty() {
            return refuse("a parameter that is no number of the model", data.name, "name at least one number");
        }
        if self.parameters.iter().any(|p| p.name == data.name) {
            return refuse("two parameters of one name", data.name, "choose another name");
        }
        let parameter = Parameter { stamp: data.stamp, number: self.parameters.len() };
        let replaced = data.links.iter().filter(|link| link.shift == Shift::Replaced);
        self.owners.extend(replaced.map(|link| (link.slot, parameter.number)));
        self.parameters.push(data);
        Ok(parameter)
    }

    fn place_of(&self, target: Target) -> Result<Place> {
        let place = |slots: Vec<Slot>, sign: f64, name: String, kind: &'static str| Ok(Place { slots, sign, name, kind });
        let sense = if self.maximise { -1.0 } else { 1.0 };
        let bound = |x: Variable, slots: fn(usize) -> Vec<Slot>, kind: &'static str| {
            let j = self.variable(x)?;
            place(slots(j), 1.0, self.names[j].clone(), kind)
        };
        match target {
            Target::Cost(x) => {
                let j = self.variable(x)?;
                place(vec![Slot::Cost(j)], sense, self.names[j].clone(), "cost")
            }
            Target::Rhs(row) => {
                let (i, sign) = self.oriented(row)?;
                place(vec![Slot::Rhs(i)], sign, self.rows[i].name.clone(), "right-hand side")
            }
            Target::Coefficient(row, x) => {
                let ((i, sign), j) = (self.oriented(row)?, self.variable(x)?);
                place(vec![Slot::Coefficient(i, j)], sign, format!("{} in {}", self.names[j], self.rows[i].name), "")
            }
            Target::Lower(x) => bound(x, |j| vec![Slot::Lower(j)], "lower bound"),
            Target::Upper(x) => bound(x, |j| vec![Slot::Upper(j)], "upper bound"),
            Target::Value(x) => bound(x, |j| vec![Slot::Lower(j), Slot::Upper(j)], "value"),
            Target::Quadratic(x, y) => {
                let (i, j) = (self.variable(x)?, self.variable(y)?);
                let (i, j) = (i.min(j), i.max(j));
                // The program has half of its quadratic form.
                let half = if i == j { 2.0 } else { 1.0 };
                place(vec![Slot::Quadratic(i, j)], sense * half, format!("{} * {}", self.names[i], self.names[j]), "")
            }
        }
    }

    /// Number of a constraint, and the sign by which the form of it that was asked for differs from the one that is kept.
    fn oriented(&self, row: Row) -> Result<(usize, f64)> {
        let i = self.constraint(row.reference)?;
        let RowData { name, equality, .. } = &self.rows[i];
        match row.at_least {
            Some(at_least) => Ok((i, if at_least { -1.0 } else { 1.0 })),
            None if *equality => Ok((i, 1.0)),
            None => refuse(
                "good_lp does not tell whether an inequality was written with <= or >=",
                name.as_str(),
                "say at_most(constraint) or at_least(constraint)",
            ),
        }
    }

    /// What the model says in a slot, in the program's signs.
    pub(super) fn number(&self, slot: Slot) -> f64 {
        let sense = if self.maximise { -1.0 } else { 1.0 };
        match slot {
            Slot::Cost(j) => sense * self.objective[j],
            Slot::Rhs(i) => self.rows[i].rhs,
            Slot::Coefficient(i, j) => self.rows[i].terms.iter().filter(|t| t.0 == j).map(|t| t.1).sum(),
            Slot::Lower(j) => self.variables[j].get_min(),
            Slot::Upper(j) => self.variables[j].get_max(),
            Slot::Quadratic(i, j) => {
                let half = if i == j { 2.0 } else { 1.0 };
                sense * half * self.quadratic.get(&(i, j)).copied().unwrap_or(0.0)
            }
        }
    }
}

/// Names of the components of one parameter: those that share one say of what they are.
fn told_apart(components: Vec<(String, &'static str)>) -> Vec<String> {
    let mut count: HashMap<String, usize> = HashMap::new();
    components.iter().for_each(|(name, _)| *count.entry(name.clone()).or_default() += 1);
    let name = |(name, kind): (String, &str)| if count[&name] > 1 && !kind.is_empty() { format!("{kind} of {name}") } else { name };
    components.into_iter().map(name).collect()
}
