//! What has been read of an MPS file.

use std::collections::{HashMap, HashSet};

use super::super::{Checked, Fault, bound, finite};

/// What the name of a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Objective,
    /// A further row of type `N`.
    Dropped,
    At(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Equal,
    AtMost,
    AtLeast,
}

/// A row: $a^\top x$ is equal to, at most or at least `side`, or within `range` of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constraint {
    pub(super) kind: Kind,
    pub(super) side: Option<f64>,
    pub(super) range: Option<f64>,
}

/// A variable with the bounds that were given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variable {
    pub(super) cost: Option<f64>,
    pub(super) lo: Option<f64>,
    pub(super) up: Option<f64>,
    pub(super) integer: bool,
}

#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    pub(super) name: String,
    pub(super) maximise: bool,
    pub(super) constant: Option<f64>,
    pub(super) constraints: Vec<Constraint>,
    pub(super) variables: Vec<Variable>,
    /// Names of the variables, in order.
    pub(super) names: Vec<&'a str>,
    /// Names of the constraints, in order.
    pub(super) row_names: Vec<&'a str>,
    pub(super) entries: Vec<(usize, usize, f64)>,
    pub(super) quadratic: Vec<(usize, usize, f64)>,
    /// Whether `quadratic` has both triangles.
    pub(super) square: bool,
    pub(super) integer_from_here: bool,
    rows: HashMap<&'a str, Row>,
    columns: HashMap<&'a str, usize>,
    objective: bool,
    /// Column of the last entry of each row: a column is contiguous, so that two of one column are found.
    last: Vec<Option<usize>>,
    pairs: HashSet<(usize, usize)>,
    /// Name of the set of the present section.
    set: Option<&'a str>,
}

impl<'a> Model<'a> {
    pub(super) fn row(&self, name: &str) -> Checked<Row> {
        self.rows.get(name).copied().ok_or(Fault("a row that is not declared", "check its name, or add it to ROWS"))
    }

    pub(super) fn variable(&self, name: &str) -> Checked<usize> {
        self.columns.get(name).copied().ok_or(Fault("a variable that is not declared", "check its name, or add it to COLUMNS"))
    }

    /// Begins a section, in which all entries are of one set.
    pub(super) fn begin(&mut self) {
        self.set = None;
    }

    pub(super) fn use_set(&mut self, set: Option<&'a str>) -> Checked<()> {
        if set.is_some() && self.set.is_some() && set != self.set {
            return Err(Fault("a second set of right-hand sides, ranges or bounds", "keep the one that is meant"));
        }
        self.set = set.or(self.set);
        Ok(())
    }

    pub(super) fn add_row(&mut self, kind: &str, name: &'a str) -> Checked<()> {
        let kind = match kind {
            "N" => None,
            "E" => Some(Kind::Equal),
            "L" => Some(Kind::AtMost),
            "G" => Some(Kind::AtLeast),
            _ => return Err(Fault("not a type of a row", "use N, E, L or G")),
        };
        let row = match kind {
            Some(kind) => {
                self.constraints.push(Constraint { kind, side: None, range: None });
                self.row_names.push(name);
                self.last.push(None);
                Row::At(self.constraints.len() - 1)
            }
            None if std::mem::replace(&mut self.objective, true) => Row::Dropped,
            None => Row::Objective,
        };
        once(self.rows.insert(name, row).is_none())
    }

    /// The column of this name, a new one if the last line was of another.
    pub(super) fn column(&mut self, name: &'a str) -> Checked<usize> {
        if self.names.last() != Some(&name) {
            once(self.columns.insert(name, self.names.len()).is_none())?;
            self.names.push(name);
            self.variables.push(Variable { cost: None, lo: None, up: None, integer: self.integer_from_here });
        }
        Ok(self.names.len() - 1)
    }

    pub(super) fn add_entry(&mut self, row: &str, column: usize, value: f64) -> Checked<()> {
        let value = finite(value)?;
        match self.row(row)? {
            Row::Objective => set(&mut self.variables[column].cost, value),
            Row::Dropped => Ok(()),
            Row::At(i) => {
                once(self.last[i].replace(column) != Some(column))?;
                self.entries.push((i, column, value));
                Ok(())
            }
        }
    }

    pub(super) fn add_side(&mut self, row: &str, value: f64) -> Checked<()> {
        match self.row(row)? {
            Row::Objective => set(&mut self.constant, 0.0 - finite(value)?),
            Row::Dropped => Ok(()),
            Row::At(i) => set(&mut self.constraints[i].side, bound(value)),
        }
    }

    pub(super) fn add_range(&mut self, row: &str, value: f64) -> Checked<()> {
        match self.row(row)? {
            Row::Objective => Err(Fault("a range of the objective", "leave it out")),
            Row::Dropped => Ok(()),
            Row::At(i) => set(&mut self.constraints[i].range, bound(value)),
        }
    }

    pub(super) fn add_bound(&mut self, kind: &str, j: usize, value: Option<f64>) -> Checked<()> {
        let given = || value.map(bound).ok_or(Fault("a bound without a value", "add it"));
        let variable = &mut self.variables[j];
        match kind {
            "LO" | "LI" => set(&mut variable.lo, given()?)?,
            "UP" | "UI" => set(&mut variable.up, given()?)?,
            "MI" => set(&mut variable.lo, f64::NEG_INFINITY)?,
            "PL" => set(&mut variable.up, f64::INFINITY)?,
            "FX" | "FR" | "BV" => {
                let (lo, up) = match kind {
                    "FX" => (given()?, given()?),
                    "FR" => (f64::NEG_INFINITY, f64::INFINITY),
                    _ => (0.0, 1.0),
                };
                set(&mut variable.lo, lo)?;
                set(&mut variable.up, up)?;
            }
            "SC" | "SI" => return Err(Fault("a semi-continuous variable", "programs have none: model it with a binary variable")),
            _ => return Err(Fault("not a type of a bound", "use UP, LO, FX, FR, MI, PL, BV, LI or UI")),
        }
        variable.integer |= matches!(kind, "LI" | "UI" | "BV");
        Ok(())
    }

    pub(super) fn add_quadratic(&mut self, i: usize, j: usize, value: f64, square: bool) -> Checked<()> {
        if !self.quadratic.is_empty() && square != self.square {
            return Err(Fault("a second quadratic term", "keep one of QUADOBJ, QSECTION and QMATRIX"));
        }
        self.square = square;
        let position = if square { (i, j) } else { (i.min(j), i.max(j)) };
        once(self.pairs.insert(position))?;
        self.quadratic.push((position.0, position.1, finite(value)?));
        Ok(())
    }

    pub(super) fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }
}

fn once(first: bool) -> Checked<()> {
    if first { Ok(()) } else { Err(Fault("this was given before", "keep the one that is meant")) }
}

fn set(place: &mut Option<f64>, value: f64) -> Checked<()> {
    once(place.replace(value).is_none())
}
