//! Newton's method on the conditions $s z = t$ of the barrier problem, with $t$ falling to $\mu$.

use dfl_core::Program;

use super::certificate::{is_ray, proves_infeasible};
use super::sides::Sides;
use super::system::{Factor, Kind, Matrix, Scratch, Structure, Vector, largest};

/// Steps stop short of the first side by this share of the way to it.
const TO_BOUNDARY: f64 = 0.99;
/// Products $s z$ below this share of their mean would let the path stray to the boundary.
const NEIGHBOURHOOD: f64 = 1e-4;
const SHORTER: f64 = 0.7;
const SHORTENINGS: usize = 30;
/// Where steps are shorter than this, products are evened out first.
const BLOCKED: f64 = 0.1;
/// Products within this share above $\mu$ are near enough for plain Newton steps.
const ARRIVED: f64 = 0.1;
/// A point that still moves by more than this, relative to its size, is no answer, whatever its residuals: they also vanish on the way
/// to infinity.
const SETTLED: f64 = 1e-5;
/// Errors below this are rounding.
const ROUNDING: f64 = 1e-15;
/// From this size on, relative to the bounds, a point is asked whether it is on its way to infinity; a step from this one on.
const FAR: f64 = 1e8;
const LONG: f64 = 1e4;
/// Relative slopes of the cost along a ray: no rise but rounding, and a fall.
const LEVEL: f64 = 1e-12;
const FALLING: f64 = -1e-6;

/// How a solve ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Optimal,
    Infeasible,
    Unbounded,
    Limit,
    Failed,
}

/// Where the method stands, and its memory. Arrays of `n + m` hold variables, then the values of rows.
pub(super) struct Work {
    pub(super) kind: Vec<Kind>,
    pub(super) value: Vec<f64>,
    pub(super) row_dual: Vec<f64>,
    pub(super) below: Sides,
    pub(super) above: Sides,
    /// Curvature of the barrier.
    pub(super) weight: Vec<f64>,
    pub(super) factor: Factor,
    pub(super) scratch: Scratch,
    pub(super) iterations: usize,
    stationarity: Vec<f64>,
    infeasibility: Vec<f64>,
    rhs: Vector,
    step: Vector,
    /// Step of the values.
    dv: Vec<f64>,
}

impl Work {
    pub(super) fn new(structure: &Structure, n: usize, m: usize) -> Self {
        let zeros = |len: usize| vec![0.0; len];
        Self {
            kind: vec![Kind::Free; n + m],
            value: zeros(n + m),
            row_dual: zeros(m),
            below: Sides::new(-1.0, n + m),
            above: Sides::new(1.0, n + m),
            weight: zeros(n + m),
            factor: Factor::new(structure),
            scratch: Scratch::new(structure, n, m),
            iterations: 0,
            stationarity: zeros(n + m),
            infeasibility: zeros(m),
            rhs: Vector::zeros(n, m),
            step: Vector::zeros(n, m),
            dv: zeros(n + m),
        }
    }

    /// Solves the barrier problem of `program` to errors of at most `tolerance`, in at most `limit` steps.
    pub(super) fn solve(&mut self, structure: &Structure, program: &Program, mu: f64, tolerance: f64, limit: usize) -> Outcome {
        self.start(program, mu);
        let (mut best, mut settled) = (f64::INFINITY, false);
        for iteration in 0..=limit {
            self.iterations = iteration;
            let (dual, primal) = self.residuals(program);
            let error = largest(&[dual, primal], self.distance_to(mu));
            if error.is_nan() {
                return Outcome::Failed;
            }
            // Once below the tolerance, go on while it helps.
            if settled && error <= tolerance && (error <= ROUNDING || error > 0.5 * best) {
                return Outcome::Optimal;
            }
            best = best.min(error);
            if primal > tolerance && proves_infeasible(program, &self.row_dual, &mut self.rhs.x) {
                return Outcome::Infeasible;
            }
            if !settled && self.proves_unbounded(program) {
                return Outcome::Unbounded;
            }
            if iteration < limit {
                let Some(moved) = self.step(structure, program, mu) else { return Outcome::Failed };
                settled = moved <= SETTLED;
            }
        }
        Outcome::Limit
    }

    /// Whether the point is so far out that the way to it is a ray, along which the logarithms grow even if the cost stays; or the
    /// step so long that it is one along which the cost falls.
    fn proves_unbounded(&mut self, program: &Program) -> bool {
        let x = &self.value[..program.n()];
        let bounds = [&program.lo, &program.up, &program.row_lo, &program.row_up];
        let size = bounds.into_iter().flatten().filter(|b| b.is_finite()).fold(1.0_f64, |a, b| a.max(b.abs()));
        let Vector { x: bend, rows: ad } = &mut self.rhs;
        (largest(x, 0.0) > FAR * size && is_ray(program, x, x, LEVEL, bend, ad))
            || (largest(&self.step.x, 0.0) > LONG * largest(x, size) && is_ray(program, x, &self.step.x, FALLING, bend, ad))
    }

    /// A point inside all sides; the values of rows agree with it only where their sides allow.
    fn start(&mut self, program: &Program, mu: f64) {
        let (n, product) = (program.n(), mu.max(largest(&program.c, 1.0)));
        // A solve that failed may have left NaN.
        [&mut self.row_dual, &mut self.dv, &mut self.step.x].into_iter().for_each(|v| v.fill(0.0));
        for j in 0..n {
            self.place(j, 0.0, program.lo[j], program.up[j], product);
        }
        self.infeasibility.fill(0.0);
        program.a.mul_add(1.0, &self.value[..n], &mut self.infeasibility);
        for i in 0..program.m() {
            self.place(n + i, self.infeasibility[i], program.row_lo[i], program.row_up[i], product);
            self.row_dual[i] = self.above.dual[n + i] - self.below.dual[n + i];
        }
    }

    /// The value nearest to `wish` that is 1 or a quarter of the width away from both sides.
    fn place(&mut self, k: usize, wish: f64, lo: f64, up: f64, product: f64) {
        self.kind[k] = match (lo == up, lo.is_finite() || up.is_finite()) {
            (true, _) => Kind::Fixed,
            (false, true) => Kind::Inside,
            (false, false) => Kind::Free,
        };
        let inside = self.kind[k] == Kind::Inside;
        let margin = if inside { (0.25 * (up - lo)).min(1.0) } else { 0.0 };
        let value = wish.max(lo + margin).min(up - margin);
        self.value[k] = value;
        self.below.place(k, (inside && lo.is_finite()).then_some(value - lo), product);
        self.above.place(k, (inside && up.is_finite()).then_some(up - value), product);
    }

    /// Writes the residuals of stationarity and of `A x = value`; returns their sizes relative to `1 +` their terms.
    fn residuals(&mut self, program: &Program) -> (f64, f64) {
        let n = program.n();
        let (x, values) = self.value.split_at(n);
        let (on_x, on_rows) = self.stationarity.split_at_mut(n);
        on_x.copy_from_slice(&program.c);
        program.p.symmetric_mul_add(1.0, x, on_x);
        let scale = largest(on_x, largest(&program.c, 0.0));
        program.a.mul_t_add(1.0, &self.row_dual, on_x);
        let scale = 1.0 + largest(on_x, largest(&self.row_dual, scale));
        on_rows.iter_mut().zip(&self.row_dual).for_each(|(r, y)| *r = -y);
        for (k, r) in self.stationarity.iter_mut().enumerate() {
            let z = self.above.dual[k] - self.below.dual[k];
            *r = if self.kind[k] == Kind::Inside || (self.kind[k] == Kind::Free && k < n) { *r + z } else { 0.0 };
        }
        self.infeasibility.fill(0.0);
        program.a.mul_add(1.0, x, &mut self.infeasibility);
        let size = 1.0 + largest(&self.infeasibility, largest(x, 0.0));
        for (i, (gap, value)) in self.infeasibility.iter_mut().zip(values).enumerate() {
            *gap = if self.kind[n + i] == Kind::Free { 0.0 } else { *gap - value };
        }
        (largest(&self.stationarity, 0.0) / scale, largest(&self.infeasibility, 0.0) / size)
    }

    /// Largest $|s z / \mu - 1|$.
    fn distance_to(&self, mu: f64) -> f64 {
        self.products(0.0).fold(0.0, |a: f64, p| if (p / mu - 1.0).abs() <= a { a } else { (p / mu - 1.0).abs() })
    }

    fn products(&self, alpha: f64) -> impl Iterator<Item = f64> + '_ {
        self.below.products(&self.dv, alpha).chain(self.above.products(&self.dv, alpha))
    }

    /// Mean and least of `s z` after a step of length `alpha`.
    fn spread(&self, alpha: f64) -> (f64, f64) {
        let (count, sum, least) = self.products(alpha).fold((0.0, 0.0, f64::INFINITY), |(n, s, l), p| (n + 1.0, s + p, l.min(p)));
        (if count > 0.0 { sum / count } else { 0.0 }, least)
    }

    /// One step, with a predictor and a corrector (Mehrotra) until the products have come down to `mu`; returns how far it went,
    /// relative to the point. `None` if the matrix cannot be factorised.
    fn step(&mut self, structure: &Structure, program: &Program, mu: f64) -> Option<f64> {
        if !self.factorize(structure, program) {
            return None;
        }
        let (mean, _) = self.spread(0.0);
        self.below.aim(mu);
        self.above.aim(mu);
        self.direction(structure, program);
        if mean > (1.0 + ARRIVED) * mu {
            let reach = self.longest().min(1.0);
            let (ahead, _) = self.spread(reach);
            let share = ((ahead - mu).max(0.0) / (mean - mu)).min(1.0).powi(3);
            let aim = mu + share * (mean - mu);
            // What the correction is worth shrinks with the part of the predicted step that can be taken.
            self.below.aim_corrected(aim, reach * reach, &self.dv);
            self.above.aim_corrected(aim, reach * reach, &self.dv);
            self.direction(structure, program);
        }
        let mut alpha = self.length();
        if alpha < BLOCKED {
            self.below.aim(mean.max(mu));
            self.above.aim(mean.max(mu));
            self.direction(structure, program);
            alpha = self.length();
        }
        self.value.iter_mut().zip(&self.dv).for_each(|(v, d)| *v += alpha * d);
        self.row_dual.iter_mut().zip(&self.step.rows).for_each(|(y, d)| *y += alpha * d);
        self.below.advance(&self.dv, alpha);
        self.above.advance(&self.dv, alpha);
        let moved = |(d, v): (&f64, &f64)| alpha * d.abs() / (1.0 + v.abs());
        Some(self.dv.iter().zip(&self.value).map(moved).fold(0.0, f64::max))
    }

    /// Factorises the matrix at the present point; false if it cannot be.
    pub(super) fn factorize(&mut self, structure: &Structure, program: &Program) -> bool {
        for (k, weight) in self.weight.iter_mut().enumerate() {
            *weight = self.below.weight(k) + self.above.weight(k);
        }
        let matrix = Matrix { p: &program.p, a: &program.a, kind: &self.kind, weight: &self.weight };
        self.factor.fill(structure, matrix, &mut self.scratch.memory)
    }

    /// Solves the Newton equations for the products aimed at.
    fn direction(&mut self, structure: &Structure, program: &Program) {
        let n = program.n();
        let wanted = |k: usize| -self.stationarity[k] - self.above.pull(k) + self.below.pull(k);
        for j in 0..n {
            self.rhs.x[j] = if self.kind[j] == Kind::Fixed { 0.0 } else { wanted(j) };
        }
        for i in 0..program.m() {
            self.rhs.rows[i] = match self.kind[n + i] {
                Kind::Free => 0.0,
                Kind::Fixed => -self.infeasibility[i],
                Kind::Inside => wanted(n + i) / self.weight[n + i] - self.infeasibility[i],
            };
        }
        let matrix = Matrix { p: &program.p, a: &program.a, kind: &self.kind, weight: &self.weight };
        self.factor.solve(structure, matrix, &self.rhs, &mut self.step, &mut self.scratch);
        self.dv[..n].copy_from_slice(&self.step.x);
        self.rhs.rows.copy_from_slice(&self.infeasibility);
        program.a.mul_add(1.0, &self.step.x, &mut self.rhs.rows);
        for i in 0..program.m() {
            // Where a side is near, its slack is known better from the multiplier than from a difference of large numbers.
            self.dv[n + i] = match self.kind[n + i] {
                Kind::Free | Kind::Fixed => 0.0,
                Kind::Inside if self.weight[n + i] < 1.0 => self.rhs.rows[i],
                Kind::Inside => (self.step.rows[i] + wanted(n + i)) / self.weight[n + i],
            };
        }
        self.below.follow(&self.dv);
        self.above.follow(&self.dv);
    }

    fn longest(&self) -> f64 {
        self.below.longest(&self.dv).min(self.above.longest(&self.dv))
    }

    /// A step that stays inside all sides and near the path.
    fn length(&self) -> f64 {
        let mut alpha = (TO_BOUNDARY * self.longest()).min(1.0);
        for _ in 0..SHORTENINGS {
            let (mean, least) = self.spread(alpha);
            if least >= NEIGHBOURHOOD * mean {
                break;
            }
            alpha *= SHORTER;
        }
        alpha
    }
}
