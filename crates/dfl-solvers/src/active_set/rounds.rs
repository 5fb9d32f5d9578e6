//! Rounds: each solves a strictly convex QP from where the last one ended.
//!
//! Around the point $\bar x$ and multipliers $\bar\lambda$ where a round begins, with $s = P\bar x + c + A^\top\bar\lambda$,
//!
//! $$x(\lambda) = \bar x - H^{-1}\bigl(s + A^\top(\lambda - \bar\lambda)\bigr)$$
//!
//! is the minimiser of the Lagrangian at $\lambda$ if $H = P$, so that a second round refines the first one's rounding errors away. If
//! $H = P + \varepsilon I$ it is that of the Lagrangian with the proximal term $\tfrac\varepsilon2\|x-\bar x\|^2$, so that rounds are the
//! proximal-point method.

use dfl_core::{Side, Solution};

use super::certificate::{proves_infeasible, proves_unbounded};
use super::iterate::Ending;
use super::kernels::{add_scaled, dot, largest, vectorised};
use super::model::Model;
use super::work::Work;

/// Residual at which no further round is tried.
const GOAL: f64 = 1e-13;
/// Weight of the duality gap in the residual of a program with a proximal term: far from zero, a small residual is not enough.
const GAP: f64 = 0.01;
/// Slack up to which a constraint counts as satisfied within a round, relative to `1 +` its bounds: of the last round, and of the
/// first one if there is a proximal term. In between it follows the residual: rounds far from the answer need not be exact.
const SLACK: [f64; 2] = [1e-13, 1e-9];
const SLACK_OF_RESIDUAL: f64 = 1e-4;
/// Slack for rounding, relative to the size of the terms that a constraint's value is the sum of.
const NOISE: f64 = 1e-15;
/// Most rounds with and without a proximal term.
const ROUNDS: [usize; 2] = [1000, 8];

/// How a solve ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Optimal,
    Infeasible,
    Unbounded,
    Limit,
    Failed,
}

vectorised! {
    /// Solves the loaded program to `tolerance`, from an earlier answer if there is one.
    pub(super) fn solve(model: &Model, work: &mut Work, from: Option<&Solution>, tolerance: f64) -> Outcome = run
}

#[inline(always)]
fn run(model: &Model, work: &mut Work, from: Option<&Solution>, tolerance: f64) -> Outcome {
    if !work.enter_equalities(model, from) {
        return Outcome::Infeasible;
    }
    work.begin(model, from);
    let (proximal, mut before, mut reached) = (model.metric.shift > 0.0, f64::INFINITY, f64::INFINITY);
    for left in (0..ROUNDS[usize::from(!proximal)]).rev() {
        let slack = if proximal { (SLACK_OF_RESIDUAL * before).clamp(SLACK[0], SLACK[1]) } else { SLACK[0] };
        work.open_round(model, slack);
        match work.iterate(model) {
            Ending::Solved => {}
            Ending::Infeasible => return Outcome::Infeasible,
            Ending::Limit => return Outcome::Limit,
        }
        work.close_round(model);
        let residual = work.residual(model).max(if proximal { GAP * work.gap() } else { 0.0 });
        // A variable with a large unit may be far from its place while its part in the residual is small.
        let strict = if model.own_units { residual } else { residual.max(work.imbalance()) };
        if strict <= GOAL || (residual <= tolerance && strict > 0.5 * before) {
            return Outcome::Optimal;
        }
        if !strict.is_finite() {
            return Outcome::Failed;
        }
        // The last residual is that of the answer: no stride after it.
        if proximal && left > 0 && work.stride(model) {
            return Outcome::Unbounded;
        }
        let gained = strict < before;
        (before, reached) = (strict, residual);
        if work.stuck && !gained {
            break;
        }
    }
    if reached <= tolerance { Outcome::Optimal } else { Outcome::Failed }
}

impl Work {
    /// Puts every equality into the tight set, but for those that others imply. False if two contradict each other.
    #[inline(always)]
    fn enter_equalities(&mut self, model: &Model, from: Option<&Solution>) -> bool {
        for e in 0..self.equal.len() {
            let i = self.equal[e];
            self.gram.need(model, i);
            if let Some(pivot) = self.independent(model, i) {
                let dual = from.map_or(0.0, |from| self.cost_scale * earlier(model, from, i).0);
                self.tight.push(i, 0.0, (dual, 0.0), pivot);
            } else if self.contradicts(model, i) {
                return false;
            } else {
                self.implied.push(i);
            }
            self.weight[i] = 0.0;
        }
        true
    }

    /// Whether the dependent equality `i` has another right-hand side than the combination it is.
    #[inline(always)]
    fn contradicts(&mut self, model: &Model, i: usize) -> bool {
        let implied: f64 = self.tight.index.iter().zip(&self.tight.combination).map(|(&w, p)| p * self.up[w]).sum();
        let side = if implied > self.up[i] { 1.0 } else { -1.0 };
        proves_infeasible(self, model, i, side) == Some(true)
    }

    /// Begins at zero, or at an earlier answer with its tight constraints.
    #[inline(always)]
    fn begin(&mut self, model: &Model, from: Option<&Solution>) {
        let Some(from) = from else {
            self.x.fill(0.0);
            self.gradient.copy_from_slice(&self.c);
            self.stationarity.copy_from_slice(&self.c);
            return;
        };
        for i in 0..model.len() {
            let (dual, side) = earlier(model, from, i);
            let side = match side {
                Side::Upper if self.up[i] < f64::INFINITY => 1.0,
                Side::Lower if self.lo[i] > f64::NEG_INFINITY => -1.0,
                _ => continue,
            };
            if self.lo[i] < self.up[i] && !self.tight.full() {
                self.gram.need(model, i);
                if let Some(pivot) = self.independent(model, i) {
                    let dual = if dual * side > 0.0 { self.cost_scale * dual } else { 0.0 };
                    self.tight.push(i, side, (dual, 0.0), pivot);
                    self.weight[i] = 0.0;
                }
            }
        }
        self.x.iter_mut().zip(&from.x).zip(&model.units.column).for_each(|((to, x), d)| *to = x / d);
        self.differentiate(model);
    }

    /// `gradient = P x + c` and `stationarity = gradient + A' dual`.
    #[inline(always)]
    fn differentiate(&mut self, model: &Model) {
        model.metric.mul(&self.x, &mut self.gradient);
        add_scaled(1.0, &self.c, &mut self.gradient);
        self.stationarity.copy_from_slice(&self.gradient);
        for (k, &w) in self.tight.index.iter().enumerate() {
            model.add_normal(w, self.tight.dual(k), &mut self.stationarity);
        }
    }

    /// Sets the base of a round from the present point and multipliers.
    #[inline(always)]
    fn open_round(&mut self, model: &Model, slack: f64) {
        for i in self.ignored.drain(..) {
            self.weight[i] = model.weight[i];
        }
        self.gone.clear();
        self.stuck = false;
        model.metric.solve(&self.stationarity, &mut self.moved);
        for ((a, x), d) in self.anchor.iter_mut().zip(&self.x).zip(&self.moved) {
            *a = x - d;
        }
        model.values(&self.anchor, &mut self.base);
        self.tolerate(model, slack);
        self.tight.refactor(&self.gram);
        self.tight.restart();
        self.tight.aim(0, &self.base, &self.lo, &self.up);
    }

    /// Gives each constraint a slack for what rounding leaves of its value. Far from the feasible set, as a first proximal step is,
    /// that is much; the next round begins closer.
    #[inline(always)]
    fn tolerate(&mut self, model: &Model, share: f64) {
        let size = NOISE * dot(&self.anchor, &self.anchor).sqrt();
        for i in 0..model.len() {
            let slack = share * self.reach[i] + size * model.norm[i];
            (self.lowest[i], self.highest[i]) = (self.lo[i] - slack, self.up[i] + slack);
        }
    }

    /// Computes the point, its derivative and the constraints' values anew. Leaves the step from the last point in `direction`.
    #[inline(always)]
    fn close_round(&mut self, model: &Model) {
        self.direction.fill(0.0);
        for (&w, &delta) in self.tight.index.iter().zip(&self.tight.delta) {
            model.add_normal(w, delta, &mut self.direction);
        }
        for &(w, start) in &self.gone {
            model.add_normal(w, -start, &mut self.direction);
        }
        model.metric.solve(&self.direction, &mut self.moved);
        for (((d, h), a), x) in self.direction.iter_mut().zip(&self.moved).zip(&self.anchor).zip(&mut self.x) {
            let next = a - h;
            *d = next - *x;
            *x = next;
        }
        let rows = model.rows.len();
        for (&i, &side) in self.tight.index.iter().zip(&self.tight.side).filter(|(i, _)| **i >= rows) {
            self.x[model.vars[i - rows]] = if side < 0.0 { self.lo[i] } else { self.up[i] };
        }
        self.differentiate(model);
        model.values(&self.x, &mut self.value);
    }

    /// Goes on along the last step as far as the objective falls and no constraint is crossed: many proximal steps in one, since any
    /// feasible point may be the next centre. True if that is forever, with a certificate.
    #[inline(always)]
    fn stride(&mut self, model: &Model) -> bool {
        let length = largest(&self.direction);
        if length == 0.0 {
            return false;
        }
        model.metric.mul(&self.direction, &mut self.anchor);
        let (slope, curvature) = (dot(&self.gradient, &self.direction), dot(&self.anchor, &self.direction));
        model.values(&self.direction, &mut self.score);
        let flat = curvature <= f64::EPSILON * model.metric.largest() * dot(&self.direction, &self.direction);
        let mut step = if flat { f64::INFINITY } else { -slope / curvature };
        for i in 0..model.len() {
            let speed = self.score[i];
            // Members stay where they are but for rounding.
            let tight = self.weight[i] == 0.0 && speed.abs() * model.weight[i] <= 1e-12 * length;
            let room = if speed > 0.0 { self.up[i] - self.value[i] } else { self.value[i] - self.lo[i] };
            if !tight && speed != 0.0 {
                step = step.min(room.max(0.0) / speed.abs());
            }
        }
        if step == f64::INFINITY {
            return proves_unbounded(self, model);
        }
        if slope < 0.0 && step > 1.0 {
            add_scaled(step, &self.direction, &mut self.x);
            self.differentiate(model);
        }
        false
    }

    /// Stationarity relative to its terms, in the units of the model.
    fn imbalance(&self) -> f64 {
        largest(&self.stationarity) / (self.cost_scale + largest(&self.gradient).max(largest(&self.c)))
    }

    /// $|x^\top s|$, by which the objective and that of the dual differ where members are tight, relative to the objective.
    #[inline(always)]
    fn gap(&self) -> f64 {
        let value = 0.5 * (dot(&self.gradient, &self.x) + dot(&self.c, &self.x));
        dot(&self.x, &self.stationarity).abs() / (self.cost_scale + value.abs())
    }

    /// The largest of violation, distance of members from their bound (times their multiplier) and stationarity, in the program's own
    /// units and relative as in [`Residuals`](dfl_core::Residuals), of which it is an upper bound.
    #[inline(always)]
    fn residual(&self, model: &Model) -> f64 {
        let size = |values: &[f64]| if model.own_units { largest(values) } else { largest_ratio(values, &model.units.column) };
        let scale = self.cost_scale + size(&self.gradient).max(size(&self.c));
        let mut worst = size(&self.stationarity) / scale;
        for i in 0..self.lo.len() {
            let violation = model.unit[i] * (self.lo[i] - self.value[i]).max(self.value[i] - self.up[i]);
            if violation > worst {
                worst = worst.max(violation / (1.0 + (model.unit[i] * self.value[i]).abs()));
            }
        }
        for (k, &i) in self.tight.index.iter().enumerate() {
            let unit = model.unit[i];
            let distance = unit * (self.value[i] - self.bound(i, self.tight.side[k])).abs() / (1.0 + (unit * self.value[i]).abs());
            worst = worst.max(distance * (self.tight.dual(k).abs() / (unit * scale)).max(1.0));
        }
        if dot(&self.x, &self.x).is_finite() { worst } else { f64::INFINITY }
    }
}

/// Multiplier, in the units of the model, and side of constraint `i` in an earlier answer.
#[inline(always)]
fn earlier(model: &Model, from: &Solution, i: usize) -> (f64, Side) {
    match i.checked_sub(model.rows.len()) {
        None => (model.unit[i] * from.row_dual[model.rows.kept[i]], from.row_side[model.rows.kept[i]]),
        Some(b) => (model.unit[i] * from.bound_dual[model.vars[b]], from.bound_side[model.vars[b]]),
    }
}

/// The largest magnitude of `values / units`.
fn largest_ratio(values: &[f64], units: &[f64]) -> f64 {
    values.iter().zip(units).fold(0.0, |top, (v, d)| {
        let ratio = (v / d).abs();
        if ratio > top || ratio.is_nan() { ratio } else { top }
    })
}
