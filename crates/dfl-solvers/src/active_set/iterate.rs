//! The dual active-set iteration of one round: multipliers walk uphill in the dual, constraints enter and leave one at a time.

use super::certificate::proves_infeasible;
use super::kernels::{dot, largest, worst_violation};
use super::model::Model;
use super::tight::LEAST_PIVOT;
use super::work::Work;

/// Below this share of its square outside the span of the tight set, a normal is looked at closely.
const SUSPECT: f64 = 1e-6;
/// Up to this distance from the span, relative to the terms it is computed from, a normal counts as dependent.
const DEPENDENT: f64 = 1e-11;
/// Coefficients of a dependent normal below this, relative to the largest, count as zero.
const NO_COEFFICIENT: f64 = 1e-10;

/// How a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Multipliers have the right signs and no constraint is violated.
    Solved,
    /// With a certificate that was checked.
    Infeasible,
    /// At a limit.
    Limit,
}

/// What became of a constraint that was to enter.
enum Entry {
    Done,
    Ignored,
    End(Ending),
}

impl Work {
    /// Iterates until the multipliers are optimal for the model at this round's base. They must have the right signs before.
    #[inline(always)]
    pub(super) fn iterate(&mut self, model: &Model) -> Ending {
        // In exact arithmetic the dual objective rises with each entry, so that no set recurs. One that takes this long is chasing
        // rounding errors: a new factor and a larger slack end that, and the next round is exact again.
        let patience = 50 + model.len();
        let mut patient_until = self.iterations + patience;
        loop {
            if let Some(ending) = self.walk(model) {
                return ending;
            }
            if self.iterations >= patient_until {
                patient_until = self.iterations + patience;
                self.widen(10.0);
                self.tight.refactor(&self.gram);
                self.tight.aim(0, &self.base, &self.lo, &self.up);
                continue;
            }
            self.evaluate();
            let Some((i, side)) = self.most_violated() else { return Ending::Solved };
            if let Entry::End(ending) = self.enter(model, i, side) {
                return ending;
            }
        }
    }

    /// Multiplies the slack of every constraint.
    #[inline(always)]
    fn widen(&mut self, by: f64) {
        for i in 0..self.lo.len() {
            self.lowest[i] = self.lo[i] - by * (self.lo[i] - self.lowest[i]).max(0.0);
            self.highest[i] = self.up[i] + by * (self.highest[i] - self.up[i]).max(0.0);
        }
    }

    /// Goes to the multipliers at which all members are tight; one that reaches zero on the way leaves.
    #[inline(always)]
    fn walk(&mut self, model: &Model) -> Option<Ending> {
        loop {
            self.tight.solve();
            let Some((r, share)) = self.tight.blocking() else {
                self.tight.arrive();
                return None;
            };
            if self.spent() {
                return Some(Ending::Limit);
            }
            self.iterations += 1;
            self.tight.advance(share);
            self.leave(model, r);
        }
    }

    /// The constraint farthest from being satisfied, and the side it violates.
    #[inline(always)]
    fn most_violated(&mut self) -> Option<(usize, f64)> {
        let i = worst_violation(&self.value, [&self.lowest, &self.highest], &self.weight, &mut self.score)?;
        Some((i, if self.value[i] > self.up[i] { 1.0 } else { -1.0 }))
    }

    /// Adds constraint `i` at its `side`. If its normal depends on those of the set, members leave first until it does not.
    #[inline(always)]
    fn enter(&mut self, model: &Model, i: usize, side: f64) -> Entry {
        self.gram.need(model, i);
        let mut delta = 0.0;
        loop {
            if self.spent() {
                return Entry::End(Ending::Limit);
            }
            self.iterations += 1;
            if let Some(pivot) = self.independent(model, i) {
                self.tight.push(i, side, (0.0, delta), pivot);
                self.weight[i] = 0.0;
                self.tight.aim(self.tight.len() - 1, &self.base, &self.lo, &self.up);
                if delta == 0.0 {
                    self.tight.solve_for_last((self.value[i] - self.bound(i, side)) / pivot);
                }
                return Entry::Done;
            }
            let Some((r, step)) = self.release(side) else {
                return self.dead_end(model, i, side);
            };
            delta += step * side;
            for (d, p) in self.tight.delta.iter_mut().zip(&self.tight.combination) {
                *d -= step * side * p;
            }
            self.leave(model, r);
        }
    }

    /// A dependent constraint is violated whatever the multipliers. Without a proof it is left for the next round, whose factor is new.
    #[inline(always)]
    fn dead_end(&mut self, model: &Model, i: usize, side: f64) -> Entry {
        let proof = proves_infeasible(self, model, i, side);
        if proof == Some(true) {
            return Entry::End(Ending::Infeasible);
        }
        self.stuck |= proof.is_none();
        self.weight[i] = 0.0;
        self.ignored.push(i);
        Entry::Ignored
    }

    /// The pivot of constraint `i` if it is independent of the tight set; its factor row is then prepared. Otherwise
    /// `tight.combination` holds what combination it is, and `direction` what is left of its normal.
    #[inline(always)]
    pub(super) fn independent(&mut self, model: &Model, i: usize) -> Option<f64> {
        let whole = self.gram.column(i)[i];
        let pivot = self.tight.prepare(i, &self.gram);
        if pivot > SUSPECT * whole && !self.tight.full() {
            return Some(pivot);
        }
        self.tight.ldl.combination(&mut self.tight.combination);
        let mut size = self.remainder(model, i);
        if largest(&self.direction) > DEPENDENT * size {
            // The Gram matrix has squared the rounding errors; correct the combination with what is left.
            self.correct_combination(model);
            size = self.remainder(model, i);
        }
        if largest(&self.direction) <= DEPENDENT * size || self.tight.full() {
            return None;
        }
        model.metric.solve(&self.direction, &mut self.moved);
        Some(dot(&self.moved, &self.direction).max(LEAST_PIVOT * whole))
    }

    /// `direction = a_i - sum_w combination_w a_w`; returns the size of the terms.
    #[inline(always)]
    fn remainder(&mut self, model: &Model, i: usize) -> f64 {
        self.direction.fill(0.0);
        model.add_normal(i, 1.0, &mut self.direction);
        let mut size = model.norm[i];
        for (&w, &p) in self.tight.index.iter().zip(&self.tight.combination) {
            model.add_normal(w, -p, &mut self.direction);
            size += p.abs() * model.norm[w];
        }
        size
    }

    /// Adds `G_WW^-1 A_W H^-1 direction` to the combination.
    #[inline(always)]
    fn correct_combination(&mut self, model: &Model) {
        model.metric.solve(&self.direction, &mut self.moved);
        let k = self.tight.len();
        for (to, &w) in self.tight.column.iter_mut().zip(&self.tight.index) {
            *to = model.normal_dot(w, &self.moved);
        }
        self.tight.ldl.resume(&self.tight.column, &mut self.steps, 0);
        self.tight.ldl.finish(&self.steps, &mut self.tight.column[..k]);
        for (p, d) in self.tight.combination[..k].iter_mut().zip(&self.tight.column) {
            *p += d;
        }
    }

    /// The member whose multiplier is the first to reach zero as that of a dependent constraint grows, and by how much it grows.
    #[inline(always)]
    fn release(&self, side: f64) -> Option<(usize, f64)> {
        let k = self.tight.len();
        let least = NO_COEFFICIENT * largest(&self.tight.combination[..k]);
        let mut first: Option<(usize, f64)> = None;
        for w in 0..k {
            let p = self.tight.combination[w];
            if self.tight.side[w] * side * p > 0.0 && p.abs() > least {
                let step = (self.tight.dual(w) / p).abs();
                if first.is_none_or(|(_, s)| step < s) {
                    first = Some((w, step));
                }
            }
        }
        first
    }
}
