//! What has been read of an LP file.

use std::collections::{HashMap, HashSet};

use dfl_core::Program;

use super::super::{Checked, Fault, Problem, bound, matrix};
use super::tokens::{Relation, is_reserved};

/// A variable with the bounds that were given, the upper one with its line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Variable {
    cost: f64,
    lo: Option<f64>,
    up: Option<(f64, usize)>,
    integer: bool,
    binary: bool,
}

/// A sum of terms: one side of a row, or the objective.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    pub(super) linear: Vec<(usize, f64)>,
    /// Entries of the upper triangle of P.
    pub(super) quadratic: Vec<(usize, usize, f64)>,
    pub(super) constant: f64,
    pub(super) terms: usize,
}

#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    pub(super) maximise: bool,
    constant: f64,
    variables: Vec<Variable>,
    names: Vec<&'a str>,
    places: HashMap<&'a str, usize>,
    rows: HashSet<&'a str>,
    /// Name of each row; empty where there is none.
    row_names: Vec<&'a str>,
    entries: Vec<(usize, usize, f64)>,
    quadratic: Vec<(usize, usize, f64)>,
    row_lo: Vec<f64>,
    row_up: Vec<f64>,
}

const INFINITE_SIDE: Fault =
    Fault("an infinite side that nothing satisfies or that is not alone", "only a bound of its own may be infinite");

impl Sum {
    /// Its constant, which may be infinite if there is nothing else.
    fn side(&self) -> Checked<f64> {
        let value = bound(self.constant);
        if value.is_finite() || self.terms == 1 { Ok(value) } else { Err(INFINITE_SIDE) }
    }
}

impl<'a> Model<'a> {
    /// The variable of this name, a new one if there is none.
    pub(super) fn declare(&mut self, name: &'a str) -> Checked<usize> {
        if let Some(&place) = self.places.get(name) {
            return Ok(place);
        }
        if is_reserved(name) {
            return Err(Fault("a variable named like a word of the format", "rename it; words that open a section begin a line"));
        }
        self.places.insert(name, self.names.len());
        self.names.push(name);
        self.variables.push(Variable::default());
        Ok(self.names.len() - 1)
    }

    pub(super) fn find(&self, name: &str) -> Checked<usize> {
        let fault = Fault("a variable that is in no row and not in the objective", "check its name, or add `0` times it to the objective");
        self.places.get(name).copied().ok_or(fault)
    }

    pub(super) fn set_objective(&mut self, sum: Sum) -> Checked<()> {
        if !bound(sum.constant).is_finite() {
            return Err(Fault("an infinite constant in the objective", "leave it out"));
        }
        (self.constant, self.quadratic) = (sum.constant, sum.quadratic);
        sum.linear.into_iter().for_each(|(j, value)| self.variables[j].cost += value);
        Ok(())
    }

    pub(super) fn name_row(&mut self, name: &'a str) -> Checked<()> {
        if !self.rows.insert(name) {
            return Err(Fault("a second row of this name", "rename one of them"));
        }
        // That of the row to come.
        self.row_names.resize(self.row_lo.len(), "");
        self.row_names.push(name);
        Ok(())
    }

    /// `left relation right`, all that has variables moved to the left, unless only the right has some.
    pub(super) fn add_row(&mut self, left: Sum, relation: Relation, right: Sum) -> Checked<()> {
        if left.linear.is_empty() && !right.linear.is_empty() {
            return self.add_row(right, relation.reversed(), left);
        }
        let side = right.side()? - left.side()?;
        let minus = right.linear.into_iter().map(|(j, value)| (j, 0.0 - value));
        let (lo, up) = relation.limits(side);
        self.push_row(left.linear.into_iter().chain(minus), lo, up)
    }

    /// `low <= middle <= high`, or the same from the right to the left.
    pub(super) fn add_range(&mut self, sums: [Sum; 3], relations: [Relation; 2]) -> Checked<()> {
        let [first, middle, last] = sums;
        if !(first.linear.is_empty() && last.linear.is_empty()) {
            return Err(Fault("a variable beside a range", "write two rows, or only numbers on both sides"));
        }
        let shift = middle.side()?;
        let (lo, up) = ends(relations, first.side()? - shift, last.side()? - shift)?;
        self.push_row(middle.linear.into_iter(), lo, up)
    }

    fn push_row(&mut self, terms: impl Iterator<Item = (usize, f64)>, lo: f64, up: f64) -> Checked<()> {
        let row = self.row_lo.len();
        self.entries.extend(terms.map(|(j, value)| (row, j, value)));
        // A difference of infinite sides is NaN.
        if !(lo < f64::INFINITY && up > f64::NEG_INFINITY) {
            return Err(INFINITE_SIDE);
        }
        if lo > up {
            return Err(Fault("a range whose lower end is above its upper one", "swap or widen them"));
        }
        self.row_lo.push(lo);
        self.row_up.push(up);
        Ok(())
    }

    /// Bounds of a variable as `x relation value`; the last ones hold.
    pub(super) fn set_bound(&mut self, j: usize, relation: Relation, value: f64, line: usize) -> Checked<()> {
        let (lo, up) = relation.limits(bound(value));
        if !(lo < f64::INFINITY && up > f64::NEG_INFINITY) {
            return Err(Fault("a bound that nothing satisfies", "write -inf for no lower and inf for no upper bound"));
        }
        let variable = &mut self.variables[j];
        if relation != Relation::AtMost {
            variable.lo = Some(lo);
        }
        if relation != Relation::AtLeast {
            variable.up = Some((up, line));
        }
        Ok(())
    }

    pub(super) fn set_free(&mut self, j: usize, line: usize) {
        let variable = &mut self.variables[j];
        (variable.lo, variable.up) = (Some(f64::NEG_INFINITY), Some((f64::INFINITY, line)));
    }

    pub(super) fn set_integer(&mut self, j: usize, binary: bool) {
        let variable = &mut self.variables[j];
        (variable.integer, variable.binary) = (true, variable.binary || binary);
    }

    /// The problem, after the last line; a fault comes with its line, `end` if it is of no other.
    pub(super) fn finish(mut self, end: usize) -> Result<Problem, (Fault, usize)> {
        let (n, m) = (self.variables.len(), self.row_lo.len());
        if n == 0 {
            return Err((Fault("there are no variables", "check that this is an LP file"), end));
        }
        let bounds: Vec<_> = self.variables.iter().map(Variable::bounds).collect::<Result<_, _>>()?;
        let (lo, up) = bounds.into_iter().unzip();
        let program = Program::linear(self.variables.iter().map(|v| v.cost).collect())
            .with_quadratic(matrix(n, n, &self.quadratic))
            .with_rows(matrix(m, n, &self.entries), self.row_lo, self.row_up)
            .with_bounds(lo, up);
        let integer: Vec<bool> = self.variables.iter().map(|v| v.integer).collect();
        let program = if integer.contains(&true) { program.with_integers(integer) } else { program };
        if !self.row_names.is_empty() {
            self.row_names.resize(m, "");
        }
        let [variables, rows] = [&self.names, &self.row_names].map(|names| names.iter().map(ToString::to_string).collect());
        Ok(Problem { program: Program { r: self.constant, ..program }, maximise: self.maximise, variables, rows, ..Problem::default() })
    }
}

impl Variable {
    fn bounds(&self) -> Result<(f64, f64), (Fault, usize)> {
        let (lo, up) = match (self.lo, self.up) {
            (None, Some((up, line))) if up < 0.0 => {
                let fault = Fault("a negative upper bound without a lower one", "write `-inf <= ` before it for none, or its value");
                return Err((fault, line));
            }
            (lo, up) => (lo.unwrap_or(0.0), up.map_or(f64::INFINITY, |(up, _)| up)),
        };
        // Both hold: bounds that fix a binary variable do so.
        Ok(if self.binary { (lo.max(0.0), up.min(1.0)) } else { (lo, up) })
    }
}

impl Relation {
    pub(super) fn reversed(self) -> Self {
        match self {
            Self::AtMost => Self::AtLeast,
            Self::Equal => Self::Equal,
            Self::AtLeast => Self::AtMost,
        }
    }

    fn limits(self, side: f64) -> (f64, f64) {
        match self {
            Self::AtMost => (f64::NEG_INFINITY, side),
            Self::Equal => (side, side),
            Self::AtLeast => (side, f64::INFINITY),
        }
    }
}

/// Lower and upper end of `first .. last`.
pub(super) fn ends(relations: [Relation; 2], first: f64, last: f64) -> Checked<(f64, f64)> {
    match relations {
        [Relation::AtMost, Relation::AtMost] => Ok((first, last)),
        [Relation::AtLeast, Relation::AtLeast] => Ok((last, first)),
        _ => Err(Fault("a range whose signs do not point the same way", "write it as in `1 <= x + y <= 4`")),
    }
}
