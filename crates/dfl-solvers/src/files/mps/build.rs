//! From what an MPS file says to a program.

use dfl_core::Program;

use super::super::{Checked, Fault, Problem, matrix};
use super::model::{Constraint, Kind, Model, Variable};

impl Model<'_> {
    /// The problem, after the last line.
    pub(super) fn finish(self) -> Checked<Problem> {
        if !self.has_rows() {
            return Err(Fault("there are no ROWS", "check that this is an MPS file"));
        }
        let (n, m) = (self.variables.len(), self.constraints.len());
        let (row_lo, row_up) = self.constraints.iter().map(Constraint::bounds).unzip();
        let bounds: Vec<_> = self.variables.iter().map(Variable::bounds).collect::<Result<_, _>>()?;
        let (lo, up) = bounds.into_iter().unzip();
        let program = Program::linear(self.variables.iter().map(|v| v.cost.unwrap_or(0.0)).collect())
            .with_quadratic(matrix(n, n, &self.upper_triangle()?))
            .with_rows(matrix(m, n, &self.entries), row_lo, row_up)
            .with_bounds(lo, up);
        let integer: Vec<bool> = self.variables.iter().map(|v| v.integer).collect();
        let program = if integer.contains(&true) { program.with_integers(integer) } else { program };
        let [variables, rows] = [&self.names, &self.row_names].map(|names| names.iter().map(ToString::to_string).collect());
        let r = self.constant.unwrap_or(0.0);
        Ok(Problem { name: self.name, program: Program { r, ..program }, maximise: self.maximise, variables, rows })
    }

    fn upper_triangle(&self) -> Checked<Vec<(usize, usize, f64)>> {
        if !self.square {
            return Ok(self.quadratic.clone());
        }
        let full = matrix(self.variables.len(), self.variables.len(), &self.quadratic);
        let value = |i, j| full.position(i, j).map_or(0.0, |k| full.values()[k]);
        if self.quadratic.iter().any(|&(i, j, v)| v != value(j, i)) {
            return Err(Fault("QMATRIX is not symmetric", "give both entries of each pair, or use QUADOBJ"));
        }
        Ok(self.quadratic.iter().copied().filter(|&(i, j, _)| i <= j).collect())
    }
}

impl Constraint {
    /// The range of an equality extends to the side of its sign, that of an inequality to its other side.
    fn bounds(&self) -> (f64, f64) {
        let side = self.side.unwrap_or(0.0);
        match (self.kind, self.range) {
            (Kind::Equal, None) => (side, side),
            (Kind::Equal, Some(range)) => (side + range.min(0.0), side + range.max(0.0)),
            (Kind::AtMost, range) => (side - range.map_or(f64::INFINITY, f64::abs), side),
            (Kind::AtLeast, range) => (side, side + range.map_or(f64::INFINITY, f64::abs)),
        }
    }
}

impl Variable {
    fn bounds(&self) -> Checked<(f64, f64)> {
        match (self.lo, self.up) {
            (None, None) if self.integer => Ok((0.0, 1.0)),
            (None, Some(up)) if up < 0.0 => {
                Err(Fault("a negative upper bound without a lower one", "add ` MI` for none, or ` LO` with its value"))
            }
            (lo, up) => Ok((lo.unwrap_or(0.0), up.unwrap_or(f64::INFINITY))),
        }
    }
}
