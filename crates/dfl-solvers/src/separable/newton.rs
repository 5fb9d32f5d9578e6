//! Smoothed Newton steps on the dual, until the pattern of free variables and tight rows is that of the answer.
//!
//! A row's slack $s_i \in [\underline b_i, \overline b_i]$ is one more variable, with a proximal term
//! $\tfrac1{2g_i}(s_i - \bar s_i)^2$, so that the dual
//!
//! $$f(y) = \max_{x, s}\; -\tfrac12 x^\top P x - c^\top x - y^\top(Ax - s) - \sum_i \tfrac1{2g_i}(s_i - \bar s_i)^2$$
//!
//! is convex and differentiable with $\nabla f = s(y) - A x(y)$, where $x$ and $s$ are clamps of $-(c + A^\top y)/P$ and $\bar s + g y$.
//! The derivative of a clamp jumps between 0 and 1; that of its smoothed form,
//! $\tfrac12 (z - l)/\sqrt{(z - l)^2 + 4t^2} + \tfrac12 (u - z)/\sqrt{(u - z)^2 + 4t^2}$, does not, and takes its place outside the
//! bounds. This keeps the matrix regular and the steps long; $t$ follows the residual, and the search along a step is on $f$ itself.

use dfl_core::{Program, Side, Solution};

use super::certificate::proves_infeasible;
use super::model::Model;
use super::work::Work;
use crate::active_set::kernels::vectorised;
use crate::limits::Deadline;

/// Square of the smoothing, relative to the residual in the objective's unit.
const SMOOTHING: f64 = 0.03;
/// What is left of the smoothing where a step has changed nothing in the pattern.
const SHARPER: f64 = 1e-4;
/// Share of the diagonal that is added to it, and of what the diagonal would be if all variables were free.
const RIDGE: [f64; 2] = [1e-10, 1e-30];
/// Residual of the rows, relative to `1 +` their value, at which a step gains nothing.
const SETTLED: f64 = 1e-11;
/// A proximal term moves on when the rows' residual is below this share of its own.
const ROUND: f64 = 0.1;
/// How much stronger the slack follows in the next round.
const FIRMER: f64 = 100.0;
/// Most that a slack gives way, relative to what the variables of its row do.
const FIRMEST: f64 = 1e6;
/// KKT residual at which nothing is left to gain.
const GOAL: f64 = 1e-13;
/// Most attempts to finish at a settled point.
const ATTEMPTS: usize = 20;
/// Steps after which the multipliers are damped, the damping at first, and what each round leaves of it.
const PATIENCE: usize = 100;
const DAMPING: f64 = 1e-2;
const LESS_DAMPING: f64 = 0.1;
/// A damped round is over when the residual of the rows is below this share of what is held back.
const DAMPED: f64 = 1e-6;
/// Least damping.
const LEAST_DAMPING: f64 = 1e-9;

/// How a solve ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Optimal,
    Infeasible,
    Limit,
    Failed,
}

/// Where a solve ends without an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) iterations: usize,
    pub(super) deadline: Deadline,
}

vectorised! {
    /// Solves the loaded program to `tolerance`, from an earlier answer if there is one.
    pub(super) fn solve(model: &Model, program: &Program, work: &mut Work, from: Option<&Solution>, tolerance: f64, stop: Stop) -> Outcome = run
}

#[inline(always)]
fn run(model: &Model, program: &Program, work: &mut Work, from: Option<&Solution>, tolerance: f64, stop: Stop) -> Outcome {
    work.begin(model, program, from);
    if from.is_some() && work.finish(model, program) <= GOAL {
        return Outcome::Optimal;
    }
    let mut attempts = 0;
    loop {
        work.evaluate(model, program);
        let settled = work.settled(model);
        if work.unchanged || settled {
            let residual = work.finish(model, program);
            if residual <= GOAL {
                return Outcome::Optimal;
            }
            if work.next_round(model) {
                continue;
            }
            attempts += usize::from(settled || residual <= tolerance);
        }
        if work.damping > 0.0 && work.damped(model) {
            if work.diverges(model, program) {
                return Outcome::Infeasible;
            }
            work.damp(LESS_DAMPING * work.damping);
            work.evaluate(model, program);
        }
        let stuck = attempts == ATTEMPTS || (work.damping == 0.0 && work.iterations == PATIENCE);
        let spent = work.iterations == stop.iterations || stop.deadline.passed();
        if spent || !finite(&work.r) || (stuck && work.damping > 0.0) {
            return work.give_up(model, program, tolerance, spent);
        }
        if stuck {
            attempts = 0;
            work.y.fill(0.0);
            work.damp(DAMPING);
            work.evaluate(model, program);
        }
        work.iterations += 1;
        work.direction(model, program);
        let (step, bounded) = work.search(model, program);
        if !bounded && work.falls_forever(model, program) {
            return Outcome::Infeasible;
        }
        work.y.iter_mut().zip(&work.dy).for_each(|(y, d)| *y += step * d);
    }
}

fn finite(values: &[f64]) -> bool {
    values.iter().all(|v| v.is_finite())
}

impl Work {
    #[inline(always)]
    fn settled(&self, model: &Model) -> bool {
        (0..model.rows()).all(|k| self.r[k].abs() <= SETTLED * (1.0 + self.s[k].abs()))
    }

    /// The end when no step gains anything: what is there may be good enough.
    #[inline(always)]
    fn give_up(&mut self, model: &Model, program: &Program, tolerance: f64, spent: bool) -> Outcome {
        if self.finish(model, program) <= tolerance {
            Outcome::Optimal
        } else if spent {
            Outcome::Limit
        } else {
            Outcome::Failed
        }
    }

    /// Whether a damped round is over: the rest is small beside what the damping holds back.
    #[inline(always)]
    fn damped(&self, model: &Model) -> bool {
        let (mut rest, mut held) = (0.0_f64, 0.0_f64);
        for k in 0..model.rows() {
            rest = rest.max(self.r[k].abs());
            held = held.max(self.damping * self.mass[k] * (self.y[k] - self.center[k]).abs());
        }
        rest <= DAMPED * held || self.settled(model)
    }

    /// Whether the dual has no minimum along the direction of the last step.
    #[inline(always)]
    fn falls_forever(&mut self, model: &Model, program: &Program) -> bool {
        self.answer.rr.copy_from_slice(&self.dy);
        proves_infeasible(model, program, self)
    }

    /// The same of the way that the multipliers took in a damped round: if there is no feasible point, it tends to the least
    /// violation of the rows.
    #[inline(always)]
    fn diverges(&mut self, model: &Model, program: &Program) -> bool {
        self.answer.rr.iter_mut().zip(self.y.iter().zip(&self.center)).for_each(|(v, (y, center))| *v = y - center);
        proves_infeasible(model, program, self)
    }

    /// Begins a round in which the multipliers keep to where they are.
    #[inline(always)]
    fn damp(&mut self, damping: f64) {
        self.damping = damping.max(LEAST_DAMPING);
        self.center.copy_from_slice(&self.y);
    }

    /// Moves the proximal term to where the slacks are; false if they have not moved enough for that to matter.
    #[inline(always)]
    fn next_round(&mut self, model: &Model) -> bool {
        let (mut rest, mut moved) = (0.0_f64, 0.0_f64);
        for k in 0..model.rows() {
            rest = rest.max(self.r[k].abs());
            if self.row_at[k] == Side::Free {
                moved = moved.max((self.s[k] - self.anchor[k]).abs());
            }
        }
        if moved == 0.0 || rest > ROUND * moved {
            return false;
        }
        for k in 0..model.rows() {
            self.anchor[k] = self.s[k];
            self.give[k] = (FIRMER * self.give[k]).min(FIRMEST * self.mass[k]);
            if self.row_at[k] == Side::Free {
                self.y[k] = 0.0;
            }
        }
        true
    }

    /// The Newton direction of the smoothed dual.
    #[inline(always)]
    fn direction(&mut self, model: &Model, program: &Program) {
        let m = model.rows();
        let error = (0..m).fold(0.0_f64, |a, k| a.max(self.r[k] * self.r[k] / self.mass[k]));
        let smoothing = 4.0 * SMOOTHING * error * if self.unchanged { SHARPER } else { 1.0 };
        for j in 0..model.n() {
            let v = self.inverse[j];
            self.weight[j] = v * slope(self.z[j], program.lo[j], program.up[j], smoothing * v);
        }
        for k in 0..m {
            let v = self.give[k];
            self.row_weight[k] =
                v * slope(self.w[k], self.row_lo[k], self.row_up[k], smoothing * v) + (RIDGE[1] + self.damping) * self.mass[k];
        }
        self.mask[..m].fill(1.0);
        model.gram(&self.weight, &self.mask, &mut self.factor);
        self.factor.add_diagonal(&model.profile, RIDGE[0], self.row_weight[..m].iter().copied());
        self.factor.factorise(&model.profile, 0.0);
        self.dy.copy_from_slice(&self.r);
        self.factor.solve(&model.profile, &mut self.dy);
        for j in 0..model.n() {
            self.slope[j] = -model.dot(j, &self.dy);
            self.dz[j] = self.slope[j] * self.inverse[j];
        }
        for k in 0..m {
            self.dw[k] = self.give[k] * self.dy[k];
        }
    }
}

/// Derivative of the clamp of `z`, smoothed outside the bounds with $4t^2 = $ `smoothing`.
#[inline(always)]
fn slope(z: f64, lo: f64, up: f64, smoothing: f64) -> f64 {
    let outside = (lo - z).max(z - up);
    if outside < 0.0 {
        1.0
    } else if smoothing == 0.0 {
        0.0
    } else {
        below_one(outside, smoothing) - below_one(outside + (up - lo), smoothing)
    }
}

/// $\tfrac12 (1 - d/\sqrt{d^2 + s})$ without cancellation.
#[inline(always)]
fn below_one(d: f64, s: f64) -> f64 {
    let root = (d * d + s).sqrt();
    0.5 * s / (root * (root + d))
}
