//! The objective of a stochastic program and its derivatives at one point.

use dfl_core::{CostCurvature, Risk};

use super::StochasticProgram;
use super::axes::{Axis, Breaks, Hinge};
use super::workspace::{Cell, Point, StochasticWorkspace};

/// Least curvature of a smoothed axis, as a share of its whole jump over its spread: what bounds a step where no breakpoint is near.
const FLOOR: f64 = 0.05;

impl<C: CostCurvature> StochasticProgram<C> {
    /// The objective at `z`; infinite where it is not a number. `point.costs` and `tau` are left for `z`.
    pub(super) fn value(&self, theta: &[f64], z: &[f64], breaks: &[Breaks], point: &mut Point) -> f64 {
        self.scenario_costs(theta, z, breaks, point);
        point.risk = self.options.risk.gradient(&point.costs, &mut point.image);
        let value = point.risk + self.feasible.objective(z);
        if value.is_nan() { f64::INFINITY } else { value }
    }

    /// Objective plus `penalty` times the violation of the constraints.
    pub(super) fn merit(&self, theta: &[f64], z: &[f64], breaks: &[Breaks], penalty: f64, point: &mut Point) -> f64 {
        let violation: f64 = self.constraints.iter().map(|h| h.value(z).max(0.0)).sum();
        self.value(theta, z, breaks, point) + penalty * violation
    }

    fn scenario_costs(&self, theta: &[f64], z: &[f64], breaks: &[Breaks], point: &mut Point) {
        point.tau.iter_mut().zip(&self.axes).for_each(|(tau, axis)| *tau = axis.dot(z));
        for m in 0..self.scenarios.count {
            let mut cost = self.cost.smooth(self.sample(theta, m), z);
            for ((axis, breaks), &tau) in self.axes.iter().zip(breaks).zip(&point.tau) {
                let width = point.smoothing * breaks.spread();
                for (hinge, at) in axis.hinges.iter().zip(&breaks.position[m * axis.hinges.len()..]) {
                    cost += hinge.value(tau - at, width);
                }
            }
            point.costs[m] = cost;
        }
    }

    /// Values, gradients and the Hessian of the Lagrangian at `ws.z`. The weights of CVaR are those of the last quadratic program, if
    /// there is one.
    pub(super) fn evaluate(&self, theta: &[f64], ws: &mut StochasticWorkspace, solved: bool) {
        let StochasticWorkspace { breaks, cells, point, answer, z, tail_weights, .. } = ws;
        self.scenario_costs(theta, z, breaks, point);
        point.risk = self.options.risk.gradient(&point.costs, &mut point.weights);
        if solved && self.cap().is_some() {
            point.weights.copy_from_slice(tail_weights);
        }
        self.gradients(theta, z, breaks, cells, point);
        self.hessian(theta, z, breaks, point);
        for (i, h) in self.constraints.iter().enumerate() {
            let n = z.len();
            point.bent[i] = h.value(z);
            h.grad(z, &mut point.bent_grads[i * n..][..n]);
            if solved {
                h.add_hess(z, answer.row_dual[self.layout.bent() + i], &mut point.hess);
            }
        }
    }

    /// Writes the Hessian of the Lagrangian at the present weights and gradients of the scenarios.
    pub(super) fn lagrangian_hess(&self, theta: &[f64], ws: &mut StochasticWorkspace) {
        let StochasticWorkspace { breaks, point, answer, z, .. } = ws;
        self.hessian(theta, z, breaks, point);
        for (h, dual) in self.constraints.iter().zip(&answer.row_dual[self.layout.bent()..]) {
            h.add_hess(z, *dual, &mut point.hess);
        }
    }

    /// `out += s` times the Hessian of the deterministic cost and of the constraints, with their multipliers.
    pub(super) fn add_deterministic_hess(&self, s: f64, ws: &StochasticWorkspace, out: &mut [f64]) {
        self.add_fixed_hess(s, out);
        for (h, dual) in self.constraints.iter().zip(&ws.answer.row_dual[self.layout.bent()..]) {
            h.add_hess(&ws.z, s * dual, out);
        }
    }

    /// Replaces the slopes of kinks in the gradients of the scenarios by `slopes`, `[M, hinges]`.
    pub(super) fn update_grads(&self, slopes: &[f64], ws: &mut StochasticWorkspace) {
        let (n, (first, total)) = (self.feasible.n(), self.offsets());
        for ((axis, first), (breaks, cell)) in self.axes.iter().zip(first).zip(ws.breaks.iter().zip(&ws.cells)) {
            for (k, &group) in breaks.group.iter().enumerate() {
                let (m, h) = (k / axis.hinges.len(), k % axis.hinges.len());
                let change = slopes[m * total + first + h] - axis.hinges[h].slope(group < cell.index);
                axis.add(change, &mut ws.point.grads[m * n..][..n]);
            }
        }
    }

    /// `grads`, `fixed_grad` and `grad`.
    fn gradients(&self, theta: &[f64], z: &[f64], breaks: &[Breaks], cells: &[Cell], point: &mut Point) {
        let n = z.len();
        point.fixed_grad.copy_from_slice(&self.feasible.c);
        self.feasible.p.symmetric_mul_add(1.0, z, &mut point.fixed_grad);
        point.grad.copy_from_slice(&point.fixed_grad);
        for m in 0..self.scenarios.count {
            let row = &mut point.grads[m * n..][..n];
            self.cost.smooth_grad_z(self.sample(theta, m), z, row);
            for (j, (axis, breaks)) in self.axes.iter().zip(breaks).enumerate() {
                let width = point.smoothing * breaks.spread();
                let mut slope = 0.0;
                for (h, hinge) in axis.hinges.iter().enumerate() {
                    let k = m * axis.hinges.len() + h;
                    slope += if width > 0.0 {
                        hinge.smoothed_slope(point.tau[j] - breaks.position[k], width)
                    } else {
                        hinge.slope(breaks.group[k] < cells[j].index)
                    };
                }
                axis.add(slope, row);
            }
            let weight = point.weights[m];
            point.grad.iter_mut().zip(&*row).for_each(|(to, g)| *to += weight * g);
        }
    }

    /// The Hessian of the objective.
    fn hessian(&self, theta: &[f64], z: &[f64], breaks: &[Breaks], point: &mut Point) {
        let n = z.len();
        point.hess.fill(0.0);
        self.add_fixed_hess(1.0, &mut point.hess);
        for (m, &weight) in point.weights.iter().enumerate().filter(|(_, w)| **w != 0.0) {
            self.cost.add_hess(self.sample(theta, m), z, weight, &mut point.hess);
        }
        if point.smoothing > 0.0 {
            for ((axis, breaks), &tau) in self.axes.iter().zip(breaks).zip(&point.tau) {
                axis.add_square(smoothed_curvature(axis, breaks, tau, point.smoothing, &point.weights), n, &mut point.hess);
            }
        }
        self.add_risk_hess(point);
    }

    /// `h += s P`.
    fn add_fixed_hess(&self, s: f64, h: &mut [f64]) {
        let n = self.feasible.n();
        for (i, j, v) in self.feasible.p.triplets() {
            h[i * n + j] += s * v;
            if i != j {
                h[j * n + i] += s * v;
            }
        }
    }

    /// `hess += F'QF`.
    fn add_risk_hess(&self, point: &mut Point) {
        if matches!(self.options.risk, Risk::Mean | Risk::Cvar { .. }) {
            return;
        }
        let n = self.feasible.n();
        for j in 0..n {
            point.column.iter_mut().zip(point.grads.chunks_exact(n)).for_each(|(to, row)| *to = row[j]);
            self.options.risk.hess_mul(&point.weights, &point.column, &mut point.image);
            for (q, row) in point.image.iter().zip(point.grads.chunks_exact(n)) {
                (0..n).for_each(|i| point.hess[i * n + j] += q * row[i]);
            }
        }
    }
}

impl Hinge {
    /// Cost at a distance `t` after the breakpoint, smoothed over `width`.
    fn value(&self, t: f64, width: f64) -> f64 {
        if width > 0.0 {
            let x = t / width;
            return self.left * t + (self.right - self.left) * width * (x.max(0.0) + (-x.abs()).exp().ln_1p());
        }
        t * self.slope(t > 0.0)
    }

    pub(super) fn slope(&self, after: bool) -> f64 {
        if after { self.right } else { self.left }
    }

    fn smoothed_slope(&self, t: f64, width: f64) -> f64 {
        self.left + (self.right - self.left) / (1.0 + (-t / width).exp())
    }
}

/// Second derivative of the smoothed cost along an axis.
fn smoothed_curvature(axis: &Axis, breaks: &Breaks, tau: f64, smoothing: f64, weights: &[f64]) -> f64 {
    let (hinges, spread) = (axis.hinges.len(), breaks.spread());
    let (width, mut bend, mut whole) = (smoothing * spread, 0.0, 0.0);
    if width == 0.0 {
        return 0.0;
    }
    for (k, at) in breaks.position.iter().enumerate() {
        let jump = weights[k / hinges] * (axis.hinges[k % hinges].right - axis.hinges[k % hinges].left);
        let tail = (-((tau - at) / width).abs()).exp();
        bend += jump * tail / ((1.0 + tail) * (1.0 + tail)) / width;
        whole += jump;
    }
    bend.max(FLOOR * whole / spread)
}
