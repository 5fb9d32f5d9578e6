//! The exact answer for a given pattern: one linear system, refined, and judged by its KKT residual.

use dfl_core::{Program, Side};

use super::model::Model;
use super::profile::Factor;
use super::work::{Answer, Work};
use crate::active_set::kernels::worse;

/// A row whose pivot is below this share of its diagonal depends on others.
pub(super) const DEPENDENT: f64 = 1e-11;
/// Most solves with one factor.
const PASSES: usize = 4;
/// Rounding errors of the sums of multipliers up to this, relative to the costs, are overlooked.
const ROUNDING: f64 = 1e-12;
/// A KKT residual that no further pass can lower by much.
const EXACT: f64 = 1e-15;

/// The linear system of a pattern: free variables with weight `1 / P` (others 0) and tight rows with mask 1 (others 0).
pub(super) struct Pattern<'a> {
    pub(super) model: &'a Model,
    pub(super) factor: &'a Factor,
    pub(super) weight: &'a [f64],
    pub(super) mask: &'a [f64],
}

impl Pattern<'_> {
    /// Solves $P_F x_F + A_{RF}^\top y = $ `rx`, $A_{RF} x_F = $ `rr`; `rr` becomes $y$, and `visit` gets each $x_j$.
    ///
    /// With $D = P_F^{-1}$: $A_{RF} D A_{RF}^\top y = A_{RF} D\,$`rx`$ - $`rr` and $x_F = D($`rx`$ - A_{RF}^\top y)$.
    #[inline(always)]
    pub(super) fn solve(&self, rx: &[f64], rr: &mut [f64], mut visit: impl FnMut(usize, f64)) {
        let Self { model, factor, weight, mask } = self;
        rr.iter_mut().for_each(|r| *r = -*r);
        for j in 0..model.n() {
            if weight[j] != 0.0 && rx[j] != 0.0 {
                model.add(j, weight[j] * rx[j], rr);
            }
        }
        rr.iter_mut().zip(*mask).for_each(|(r, mask)| *r *= mask);
        factor.solve(&model.profile, rr);
        for j in 0..model.n() {
            visit(j, weight[j] * (rx[j] - model.dot(j, rr)));
        }
    }
}

impl Work {
    /// Factorises the matrix of the present pattern.
    #[inline(always)]
    pub(super) fn factorise_pattern(&mut self, model: &Model) {
        let m = model.rows();
        for j in 0..model.n() {
            self.weight[j] = if self.at[j] == Side::Free { self.inverse[j] } else { 0.0 };
        }
        for k in 0..m {
            self.mask[k] = if self.row_at[k] == Side::Free { 0.0 } else { 1.0 };
        }
        model.gram(&self.weight, &self.mask, &mut self.factor);
        self.factor.add_diagonal(&model.profile, 0.0, self.mask[..m].iter().map(|mask| 1.0 - mask));
        self.factor.factorise(&model.profile, DEPENDENT);
    }

    /// Finds the answer if the present pattern is right; returns its KKT residual, relative as in
    /// [`Residuals`](dfl_core::Residuals).
    #[inline(always)]
    pub(super) fn finish(&mut self, model: &Model, program: &Program) -> f64 {
        self.factorise_pattern(model);
        let pattern = Pattern { model, factor: &self.factor, weight: &self.weight, mask: &self.mask };
        let tight = Tight { at: &self.at, row_at: &self.row_at, row_lo: &self.row_lo, row_up: &self.row_up };
        self.answer.start(model, program, &self.y, &self.inverse, &tight);
        let first = self.answer.judge(model, program, &tight);
        let mut best = first;
        for _ in 0..PASSES {
            let Answer { x, y, rx, rr, .. } = &mut self.answer;
            pattern.solve(rx, rr, |j, d| x[j] += d);
            y.iter_mut().zip(rr).for_each(|(y, d)| *y += *d);
            let residual = self.answer.judge(model, program, &tight);
            let done = residual <= EXACT || residual > 0.5 * best;
            best = residual;
            if done {
                break;
            }
        }
        if best <= first {
            return best;
        }
        self.answer.start(model, program, &self.y, &self.inverse, &tight);
        self.answer.judge(model, program, &tight)
    }
}

/// A pattern, and what rows are held to.
struct Tight<'a> {
    at: &'a [Side],
    row_at: &'a [Side],
    row_lo: &'a [f64],
    row_up: &'a [f64],
}

impl Answer {
    /// The multipliers `y` of the tight rows, and the point that they and the bounds of the pattern give.
    #[inline(always)]
    fn start(&mut self, model: &Model, program: &Program, y: &[f64], inverse: &[f64], tight: &Tight<'_>) {
        for (k, side) in tight.row_at.iter().enumerate() {
            self.y[k] = if *side == Side::Free { 0.0 } else { y[k] };
        }
        for j in 0..model.n() {
            self.x[j] = match tight.at[j] {
                Side::Free => -(program.c[j] + model.dot(j, &self.y)) * inverse[j],
                Side::Lower => program.lo[j],
                Side::Upper => program.up[j],
            };
        }
    }

    /// Puts what rounding (or a wrong pattern) has put outside back to its side, and returns the KKT residual. The residuals of the
    /// pattern's equations are left in `rx` and `rr`.
    #[inline(always)]
    fn judge(&mut self, model: &Model, program: &Program, tight: &Tight<'_>) -> f64 {
        let (mut dual, mut size, mut terms) = (0.0_f64, 1.0_f64, 0.0_f64);
        for k in 0..model.rows() {
            let inequality = tight.row_lo[k] < tight.row_up[k];
            self.y[k] = allowed(self.y[k], tight.row_at[k], inequality);
        }
        self.ax.fill(0.0);
        for j in 0..model.n() {
            let (lo, up, c) = (program.lo[j], program.up[j], program.c[j]);
            self.x[j] = self.x[j].max(lo).min(up);
            let gradient = program.p.values()[j] * self.x[j] + c;
            size = size.max(1.0 + gradient.abs()).max(1.0 + c.abs());
            let rest = -(gradient + model.dot(j, &self.y));
            self.nu[j] = allowed(rest, tight.at[j], lo < up);
            self.rx[j] = rest - self.nu[j];
            dual = worse(dual, self.rx[j].abs());
            terms = terms.max(model.size(j, &self.y));
            model.add(j, self.x[j], &mut self.ax);
        }
        let mut primal = 0.0_f64;
        for k in 0..model.rows() {
            let (lo, up, ax) = (tight.row_lo[k], tight.row_up[k], self.ax[k]);
            let (error, rest) = match tight.row_at[k] {
                Side::Free => ((lo - ax).max(ax - up).max(0.0), 0.0),
                Side::Lower => ((lo - ax).abs(), lo - ax),
                Side::Upper => ((up - ax).abs(), up - ax),
            };
            self.rr[k] = rest;
            primal = worse(primal, error.max(rest.abs() * self.y[k].abs() / size) / (1.0 + ax.abs()));
        }
        // Multipliers that are so large that their sum is mostly rounding make no answer, though it may happen to vanish.
        let rounding = f64::EPSILON * terms;
        worse(primal, if rounding > ROUNDING * size { dual.max(rounding) } else { dual } / size)
    }
}

/// The part of a multiplier that has the sign of its side.
#[inline(always)]
fn allowed(dual: f64, side: Side, inequality: bool) -> f64 {
    match side {
        Side::Free => 0.0,
        _ if !inequality => dual,
        Side::Lower => dual.min(0.0),
        Side::Upper => dual.max(0.0),
    }
}
