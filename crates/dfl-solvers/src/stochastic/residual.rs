//! How far a point is from the optimality conditions of the stochastic program itself.

use dfl_core::{CostCurvature, Side};

use super::StochasticProgram;
use super::axes::Breaks;
use super::workspace::{Cell, Point, StochasticWorkspace};
pub(super) use crate::polyhedron::largest;
use crate::polyhedron::{Worst, complementarity, infeasibility, multiply_rows};

impl<C: CostCurvature> StochasticProgram<C> {
    /// Largest violation of feasibility, stationarity, complementarity or the range of a multiplier at `ws.z` with the multipliers of the
    /// last quadratic program, each relative to `1 +` the size of its terms. NaN if any is.
    pub(super) fn residual(&self, ws: &mut StochasticWorkspace) -> f64 {
        let (layout, n) = (&self.layout, self.feasible.n());
        let StochasticWorkspace { breaks, cells, point, answer, z, rows, .. } = ws;
        let scale = 1.0 + largest(&point.fixed_grad).max(largest(&point.grad)).max(self.steepest(point));
        let r = &mut point.vector;
        r.copy_from_slice(&point.grad);
        self.feasible.a.mul_t_add(1.0, &answer.row_dual[..layout.axis()], r);
        r.iter_mut().zip(&answer.bound_dual).for_each(|(r, nu)| *r += nu);
        for (axis, cell) in self.axes.iter().zip(&*cells) {
            axis.add(cell.dual, r);
        }
        let mut worst = Worst(0.0);
        for i in 0..point.bent.len() {
            let dual = answer.row_dual[layout.bent() + i];
            let h = point.bent[i];
            r.iter_mut().zip(&point.bent_grads[i * n..][..n]).for_each(|(r, g)| *r += dual * g);
            worst.see(h.max(0.0) / (1.0 + largest(&point.bent_grads[i * n..][..n])));
            worst.see(dual * h.abs() / scale);
        }
        worst.see(largest(r) / scale);
        self.multiply_rows(z, rows);
        worst.see(self.infeasibility(z, rows));
        worst.see(complementarity(&self.feasible, (z, rows), (&answer.bound_dual, &answer.row_dual), scale));
        for (j, (cell, breaks)) in cells.iter().zip(&*breaks).enumerate() {
            let jump = self.jump(j, cell, breaks, point);
            worst.see((cell.dual.abs() - jump).max(0.0) / scale);
            worst.see(pinned_distance(cell, breaks, point.tau[j]) * cell.dual.abs() / scale);
        }
        if let Some(cap) = self.cap() {
            let reached: f64 = point.weights.iter().zip(&point.costs).map(|(p, f)| p * f).sum();
            worst.see((point.risk - reached).abs() / (1.0 + point.risk.abs()));
            worst.see((point.weights.iter().sum::<f64>() - 1.0).abs());
            point.weights.iter().for_each(|p| worst.see((-p).max(p - cap).max(0.0)));
        }
        worst.0
    }

    /// Largest gradient of a scenario times its weight.
    fn steepest(&self, point: &Point) -> f64 {
        let n = self.feasible.n().max(1);
        point.weights.iter().zip(point.grads.chunks_exact(n)).fold(0.0, |top: f64, (p, row)| top.max(p.abs() * largest(row)))
    }

    /// `rows = A z`.
    pub(super) fn multiply_rows(&self, z: &[f64], rows: &mut [f64]) {
        multiply_rows(&self.feasible, z, rows);
    }

    /// Largest violation of a bound or row, with `rows` $= Az$.
    pub(super) fn infeasibility(&self, z: &[f64], rows: &[f64]) -> f64 {
        infeasibility(&self.feasible, z, rows)
    }

    /// How much the slope of the objective jumps at the end of a cell where the point is.
    pub(super) fn jump(&self, axis: usize, cell: &Cell, breaks: &Breaks, point: &Point) -> f64 {
        let Some(group) = pinning_group(cell) else { return 0.0 };
        let hinges = &self.axes[axis].hinges;
        let jump = |k: &usize| point.weights[k / hinges.len()] * (hinges[k % hinges.len()].right - hinges[k % hinges.len()].left);
        breaks.members(group).iter().map(jump).sum()
    }
}

/// The group of breakpoints that a point is pinned at.
pub(super) fn pinning_group(cell: &Cell) -> Option<usize> {
    match cell.tight {
        Side::Free => None,
        Side::Lower => Some(cell.index - 1),
        Side::Upper => Some(cell.index),
    }
}

fn pinned_distance(cell: &Cell, breaks: &Breaks, tau: f64) -> f64 {
    let (lower, upper) = breaks.ends(cell.index);
    match cell.tight {
        Side::Free => 0.0,
        Side::Lower => (tau - lower).abs() / (1.0 + tau.abs()),
        Side::Upper => (tau - upper).abs() / (1.0 + tau.abs()),
    }
}
