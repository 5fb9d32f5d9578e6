//! The search for `t`: a bracket, and lines through two points of the path `x(t)`.

use dfl_core::{Program, Result, Side, Solution, Solver, Status};

use super::{RiskBudget, RiskBudgetWorkspace};

/// Distance of the norm from its bound, relative to it, at which the search ends: at once, and after one more step.
const TIGHT: [f64; 2] = [1e-15, 1e-11];
/// Movement of `x` below this, relative to its size, is none.
const STILL: f64 = 1e-12;
/// Largest change of `t` while all norms are on one side of the bound, and how many steps down are tried.
const GROWTH: f64 = 16.0;
const DOWN: usize = 4;
/// A `t` this many times the first one is as good as infinite.
const FAR: f64 = 1e15;

/// What the search ends with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found {
    /// The norm is at its bound.
    Tight {
        t: f64,
    },
    /// The bound does not matter: the multipliers are those of the linear program.
    Slack,
    None(Status),
}

impl Found {
    pub(super) fn t(self) -> f64 {
        if let Self::Tight { t } = self { t } else { 1.0 }
    }
}

/// `t` and `Fx(t) + g`.
#[derive(Clone, Debug, Default)]
struct End {
    t: f64,
    value: Vec<f64>,
}

impl End {
    fn set(&mut self, t: f64, value: &[f64]) {
        self.t = t;
        self.value.copy_from_slice(value);
    }
}

/// Memory of a search.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// Of the inner program at the present `t`, and at the largest below the answer.
    pub(super) answer: Solution,
    below: Solution,
    start: Solution,
    /// `Fx + g` of the answer.
    pub(super) value: Vec<f64>,
    pub(super) degenerate: bool,
    costs: Vec<f64>,
    low: End,
    high: End,
    last: End,
}

impl Search {
    pub(super) fn new(program: &Program) -> Self {
        let (zero, value) = (Solution::zeros(program.n(), program.m()), program.cones[0].g.clone());
        let end = End { t: 0.0, value: value.clone() };
        Self {
            answer: zero.clone(),
            below: zero.clone(),
            start: zero,
            value,
            degenerate: false,
            costs: vec![0.0; program.n()],
            low: end.clone(),
            high: end.clone(),
            last: end,
        }
    }
}

impl RiskBudget {
    /// Looks for the `t` at which the norm is `e`; leaves the inner answer in `ws.search`.
    pub(super) fn search(&self, from: Option<&Solution>, ws: &mut RiskBudgetWorkspace) -> Result<(Found, usize)> {
        let bound = self.cone().e;
        let first = self.first(from, ws);
        let (mut t, mut iterations, mut warm) = (first, 0, from.is_some_and(is_finite));
        let (mut has_low, mut has_high, mut has_last, mut near, mut slow, mut width) = (false, false, false, false, 0, f64::INFINITY);
        for tries in 0..self.options.iterations {
            let status = self.at(t, warm, ws, &mut iterations)?;
            if status != Status::Optimal {
                return Ok((Found::None(status), iterations));
            }
            warm = true;
            let search = &mut ws.search;
            let norm = norm(&search.value);
            let off = (norm - bound).abs() / bound;
            if t > 0.0 && (off <= TIGHT[0] || (off <= TIGHT[1] && near)) {
                return Ok((Found::Tight { t }, iterations));
            }
            near = off <= TIGHT[1];
            if norm <= bound {
                if search.settled(has_low, t, &ws.program) {
                    return Ok((Found::Slack, iterations));
                }
                if t > FAR * first {
                    return Ok((Found::None(Status::Failed), iterations));
                }
                search.below.clone_from(&search.answer);
                search.low.set(t, &search.value);
                has_low = true;
            } else if t == 0.0 {
                return Ok((Found::None(Status::Infeasible), iterations));
            } else {
                search.high.set(t, &search.value);
                has_high = true;
            }
            let next = match (has_low, has_high) {
                (true, true) => {
                    let now = search.high.t - search.low.t;
                    slow = if now <= 0.5 * width { 0 } else { slow + 1 };
                    width = if slow == 0 { now } else { width };
                    search.between(has_last, bound, slow)
                }
                (true, false) => search.outside(has_last, t, bound).clamp(t, GROWTH * t),
                // The norm at 0 is the least there is.
                (false, _) if tries > DOWN => 0.0,
                (false, _) => search.outside(has_last, t, bound).clamp(t / GROWTH, t),
            };
            search.last.set(t, &search.value);
            (has_last, t) = (true, next);
        }
        Ok((Found::None(Status::Limit), iterations))
    }

    /// Where to begin: the `t` of an earlier answer, or that of the program without a polyhedron, $e / \sqrt{c^\top \Sigma^{-1} c}$ with
    /// $\Sigma$ taken for its scale.
    fn first(&self, from: Option<&Solution>, ws: &mut RiskBudgetWorkspace) -> f64 {
        let size = norm(&ws.program.c);
        if size == 0.0 {
            return 0.0;
        }
        let cold = self.cone().e * self.scale.sqrt() / size;
        let Some(from) = from.filter(|from| is_finite(from)) else { return cold };
        let known = self.scale * self.cone().e / from.cone_dual[0];
        let t = if known.is_finite() && known > 0.0 { known } else { cold };
        let start = &mut ws.search.answer;
        start.x.copy_from_slice(&from.x);
        start.row_side.copy_from_slice(&from.row_side);
        start.bound_side.copy_from_slice(&from.bound_side);
        start.row_dual.iter_mut().zip(&from.row_dual).for_each(|(to, v)| *to = t * v);
        start.bound_dual.iter_mut().zip(&from.bound_dual).for_each(|(to, v)| *to = t * v);
        t
    }

    /// Solves the inner program at `t`, from the last answer if `warm`.
    fn at(&self, t: f64, warm: bool, ws: &mut RiskBudgetWorkspace, iterations: &mut usize) -> Result<Status> {
        let RiskBudgetWorkspace { program, inner, search } = ws;
        search.costs.iter_mut().zip(&program.c).for_each(|(to, c)| *to = t * c);
        std::mem::swap(&mut search.start, &mut search.answer);
        let from = warm.then_some(&search.start);
        let mut info = self.inner.solve(&search.costs, from, inner, &mut search.answer)?;
        *iterations += 1 + info.iterations;
        if warm && info.status == Status::Failed {
            info = self.inner.solve(&search.costs, None, inner, &mut search.answer)?;
            *iterations += info.iterations;
        }
        search.degenerate = info.degenerate;
        let cone = self.cone();
        search.value.copy_from_slice(&cone.g);
        cone.f.mul_add(1.0, &search.answer.x, &mut search.value);
        Ok(info.status)
    }
}

impl Search {
    /// Whether `x` no longer moves with `t`: then the multipliers grow in proportion to `t`, at the rate that those of the linear
    /// program have, if their signs are right. Leaves them in the answer.
    fn settled(&mut self, has_low: bool, t: f64, program: &Program) -> bool {
        if program.c.iter().all(|c| *c == 0.0) {
            self.answer.row_dual.fill(0.0);
            self.answer.bound_dual.fill(0.0);
            self.degenerate = true;
            return true;
        }
        let size = 1.0 + largest(self.answer.x.iter().copied());
        let moved = largest(self.answer.x.iter().zip(&self.below.x).map(|(a, b)| a - b));
        let same = self.answer.row_side == self.below.row_side && self.answer.bound_side == self.below.bound_side;
        if !has_low || t <= self.low.t || moved > STILL * size || !same {
            return false;
        }
        let (step, now, before) = (t - self.low.t, &mut self.answer, &self.below);
        let least = STILL * largest(program.c.iter().copied());
        let wrong = |side: Side, rate: f64| match side {
            Side::Free => false,
            Side::Lower => rate > least,
            Side::Upper => rate < -least,
        };
        let rate = |now: f64, before: f64| (now - before) / step;
        let rows = (0..program.m()).filter(|&i| program.row_lo[i] < program.row_up[i]);
        let bounds = (0..program.n()).filter(|&j| program.lo[j] < program.up[j]);
        if rows.into_iter().any(|i| wrong(now.row_side[i], rate(now.row_dual[i], before.row_dual[i])))
            || bounds.into_iter().any(|j| wrong(now.bound_side[j], rate(now.bound_dual[j], before.bound_dual[j])))
        {
            return false;
        }
        now.row_dual.iter_mut().zip(&before.row_dual).for_each(|(now, before)| *now = rate(*now, *before));
        now.bound_dual.iter_mut().zip(&before.bound_dual).for_each(|(now, before)| *now = rate(*now, *before));
        true
    }

    /// The next `t` inside the bracket: by the line through the last two points, by that through the ends, or half way if these do not
    /// make the bracket shrink.
    fn between(&self, has_last: bool, bound: f64, slow: usize) -> f64 {
        let (low, high) = (self.low.t, self.high.t);
        let inside = |t: &f64| *t > low && *t < high;
        let now = if norm(&self.value) <= bound { &self.low } else { &self.high };
        let by_last = if has_last { root(&self.last, now, bound).filter(inside) } else { None };
        match slow {
            0..=2 => by_last.or_else(|| root(&self.low, &self.high, bound).filter(inside)),
            3 => root(&self.low, &self.high, bound).filter(inside),
            _ => None,
        }
        .unwrap_or(if low > 0.0 { (low * high).sqrt() } else { 0.1 * high })
    }

    /// The next `t` while all norms were on one side of the bound: by the line through the last two points, or in proportion.
    fn outside(&self, has_last: bool, t: f64, bound: f64) -> f64 {
        let (norm, now) = (norm(&self.value), if norm(&self.value) <= bound { &self.low } else { &self.high });
        let by_last = if has_last { root(&self.last, now, bound) } else { Some(t * bound / norm) };
        let ahead = by_last.filter(|next| next.is_finite() && (*next - t) * (bound - norm) > 0.0);
        ahead.unwrap_or(if norm <= bound { GROWTH * t } else { t / GROWTH })
    }
}

/// Where the norm reaches `bound` on the line through two points, going up.
fn root(a: &End, b: &End, bound: f64) -> Option<f64> {
    let step = b.t - a.t;
    if step == 0.0 {
        return None;
    }
    let (mut square, mut product) = (0.0, 0.0);
    for (a, b) in a.value.iter().zip(&b.value) {
        let rate = (b - a) / step;
        square += rate * rate;
        product += rate * b;
    }
    let length = norm(&b.value);
    let excess = (length - bound) * (length + bound);
    let root = (product * product - square * excess).sqrt();
    // Of the two forms of the larger root the one without cancellation.
    let move_by = if product >= 0.0 { -excess / (product + root) } else { (root - product) / square };
    let t = b.t + move_by;
    (t.is_finite() && t > 0.0).then_some(t)
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |a, v| a.max(v.abs()))
}

fn is_finite(from: &Solution) -> bool {
    [&from.x, &from.row_dual, &from.bound_dual, &from.cone_dual].into_iter().flatten().all(|v| v.is_finite())
}
