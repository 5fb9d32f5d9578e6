//! All memory of a solve, and the point that belongs to the multipliers.

use dfl_core::{Program, Side, Solution};

use super::model::Model;
use super::profile::Factor;
use crate::instance::has_zero_dual;

/// How far a row's slack gives way to a multiplier at first, relative to how far the variables of the row do.
const GIVE: f64 = 10.0;

/// Memory of one solve after another; nothing in it is read by the next.
///
/// Rows are numbered as in [`Model`]; their vectors are padded to whole tiles.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) factor: Factor,
    /// `1 / P`.
    pub(super) inverse: Vec<f64>,
    pub(super) row_lo: Vec<f64>,
    pub(super) row_up: Vec<f64>,
    /// `sum_j a_ij^2 / P_j`, at least a little.
    pub(super) mass: Vec<f64>,
    /// Inverse weight of each row's proximal term, and the value that the term keeps to.
    pub(super) give: Vec<f64>,
    pub(super) anchor: Vec<f64>,
    pub(super) y: Vec<f64>,
    /// Weight of a proximal term on `y`, relative to `mass`, and the value that it keeps to.
    pub(super) damping: f64,
    pub(super) center: Vec<f64>,
    /// `-(c + A'y) / P` and its projection onto the bounds.
    pub(super) z: Vec<f64>,
    pub(super) x: Vec<f64>,
    /// The same of the rows' values.
    pub(super) w: Vec<f64>,
    pub(super) s: Vec<f64>,
    /// `A x - s`, less the gradient of the proximal term.
    pub(super) r: Vec<f64>,
    /// Where each variable and row stands.
    pub(super) at: Vec<Side>,
    pub(super) row_at: Vec<Side>,
    /// Whether the last evaluation left them as they were.
    pub(super) unchanged: bool,
    /// Direction in `y`, and what it does to `w`, to `z` and to `P z`.
    pub(super) dy: Vec<f64>,
    pub(super) dw: Vec<f64>,
    pub(super) dz: Vec<f64>,
    pub(super) slope: Vec<f64>,
    /// Weights of the variables and rows in the matrix.
    pub(super) weight: Vec<f64>,
    pub(super) mask: Vec<f64>,
    pub(super) row_weight: Vec<f64>,
    pub(super) answer: Answer,
    pub(super) iterations: usize,
}

/// A candidate for the answer, and residuals.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) nu: Vec<f64>,
    pub(super) rx: Vec<f64>,
    pub(super) rr: Vec<f64>,
    pub(super) ax: Vec<f64>,
}

impl Work {
    pub(super) fn new(model: &Model) -> Self {
        let (x, y) = (vec![0.0; model.n()], vec![0.0; model.padded()]);
        Self {
            factor: Factor::new(&model.profile),
            inverse: x.clone(),
            row_lo: y.clone(),
            row_up: y.clone(),
            mass: y.clone(),
            give: y.clone(),
            anchor: y.clone(),
            y: y.clone(),
            damping: 0.0,
            center: y.clone(),
            z: x.clone(),
            x: x.clone(),
            w: y.clone(),
            s: y.clone(),
            r: y.clone(),
            at: vec![Side::Free; x.len()],
            row_at: vec![Side::Free; model.rows()],
            unchanged: false,
            dy: y.clone(),
            dw: y.clone(),
            dz: x.clone(),
            slope: x.clone(),
            weight: x.clone(),
            mask: y.clone(),
            row_weight: y.clone(),
            answer: Answer { x: x.clone(), y: y.clone(), nu: x.clone(), rx: x, rr: y.clone(), ax: y },
            iterations: 0,
        }
    }

    /// Takes over the program.
    #[inline(always)]
    pub(super) fn load(&mut self, model: &Model, program: &Program) {
        self.iterations = 0;
        self.inverse.iter_mut().zip(program.p.values()).for_each(|(to, p)| *to = 1.0 / p);
        for (k, &i) in model.kept.iter().enumerate() {
            (self.row_lo[k], self.row_up[k]) = (program.row_lo[i], program.row_up[i]);
        }
        model.squares(&self.inverse, &mut self.mass);
        let top = self.mass.iter().fold(0.0_f64, |a, v| a.max(*v));
        for k in 0..model.rows() {
            // A row without entries has no scale of its own.
            self.mass[k] = if self.mass[k] > 0.0 {
                self.mass[k]
            } else if top > 0.0 {
                top
            } else {
                1.0
            };
            self.give[k] = GIVE * self.mass[k];
        }
    }

    /// Begins at zero, or at an earlier answer with its sides.
    #[inline(always)]
    pub(super) fn begin(&mut self, model: &Model, program: &Program, from: Option<&Solution>) {
        self.unchanged = false;
        self.damping = 0.0;
        [&mut self.y, &mut self.anchor, &mut self.center].into_iter().for_each(|values| values.fill(0.0));
        [&mut self.at, &mut self.row_at].into_iter().for_each(|sides| sides.fill(Side::Free));
        if let Some(from) = from {
            model.mul_add(1.0, &from.x, &mut self.anchor);
            for (k, &i) in model.kept.iter().enumerate() {
                self.row_at[k] = possible(from.row_side[i], self.row_lo[k], self.row_up[k]);
                self.y[k] = match self.row_at[k] {
                    _ if self.row_lo[k] == self.row_up[k] => from.row_dual[i],
                    Side::Free => 0.0,
                    Side::Lower => from.row_dual[i].min(0.0),
                    Side::Upper => from.row_dual[i].max(0.0),
                };
            }
            for j in 0..model.n() {
                self.at[j] = possible(from.bound_side[j], program.lo[j], program.up[j]);
            }
        }
        for k in 0..model.rows() {
            self.anchor[k] = self.anchor[k].max(self.row_lo[k]).min(self.row_up[k]);
        }
    }

    /// Takes over the sides of an answer; false if they are those of the last solve.
    pub(super) fn take_sides(&mut self, model: &Model, answer: &Solution) -> bool {
        let rows = model.kept.iter().map(|&i| answer.row_side[i]);
        if self.at == answer.bound_side && self.row_at.iter().copied().eq(rows.clone()) {
            return false;
        }
        self.at.copy_from_slice(&answer.bound_side);
        self.row_at.iter_mut().zip(rows).for_each(|(to, side)| *to = side);
        true
    }

    /// The point that minimises the Lagrangian at `y`, and the residual of the rows there.
    #[inline(always)]
    pub(super) fn evaluate(&mut self, model: &Model, program: &Program) {
        self.unchanged = true;
        for k in 0..model.rows() {
            self.w[k] = self.anchor[k] + self.give[k] * self.y[k];
            self.s[k] = self.w[k].max(self.row_lo[k]).min(self.row_up[k]);
            self.r[k] = -self.s[k] - self.damping * self.mass[k] * (self.y[k] - self.center[k]);
            let side = side(self.w[k], self.row_lo[k], self.row_up[k]);
            self.unchanged &= side == self.row_at[k];
            self.row_at[k] = side;
        }
        for j in 0..model.n() {
            let (lo, up) = (program.lo[j], program.up[j]);
            self.z[j] = -(program.c[j] + model.dot(j, &self.y)) * self.inverse[j];
            self.x[j] = self.z[j].max(lo).min(up);
            let side = side(self.z[j], lo, up);
            self.unchanged &= side == self.at[j];
            self.at[j] = side;
        }
        model.mul_add(1.0, &self.x, &mut self.r);
    }

    /// Writes the answer.
    #[inline(always)]
    pub(super) fn store(&self, model: &Model, program: &Program, out: &mut Solution) {
        out.x.copy_from_slice(&self.answer.x);
        out.bound_dual.copy_from_slice(&self.answer.nu);
        out.bound_side.copy_from_slice(&self.at);
        for (k, &i) in model.kept.iter().enumerate() {
            (out.row_dual[i], out.row_side[i]) = (self.answer.y[k], self.row_at[k]);
        }
        let terms = self.answer.x.iter().zip(program.p.values()).zip(&program.c);
        out.objective = terms.map(|((x, p), c)| x * (0.5 * p * x + c)).sum::<f64>() + program.r;
    }

    /// Whether a tight inequality has no multiplier. Reads what `finish` left.
    #[inline(always)]
    pub(super) fn degenerate(&self, model: &Model, program: &Program) -> bool {
        let m = model.rows();
        has_zero_dual(&self.answer.x, &program.lo, &program.up, &self.answer.nu)
            || has_zero_dual(&self.answer.ax[..m], &self.row_lo, &self.row_up, &self.answer.y)
    }
}

/// Beyond which side `value` lies; at both if they are one.
#[inline(always)]
fn side(value: f64, lo: f64, up: f64) -> Side {
    if lo == up || value > up {
        Side::Upper
    } else if value < lo {
        Side::Lower
    } else {
        Side::Free
    }
}

/// `side`, if it is finite.
#[inline(always)]
fn possible(side: Side, lo: f64, up: f64) -> Side {
    match side {
        _ if lo == up => Side::Upper,
        Side::Upper if up < f64::INFINITY => Side::Upper,
        Side::Lower if lo > f64::NEG_INFINITY => Side::Lower,
        _ => Side::Free,
    }
}
