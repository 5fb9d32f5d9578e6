//! The search for `t`, with the inner program solved at each.

use dfl_core::{Program, Result, Side, Solution, Solver, Status};

use super::bracket::{Bracket, norm};
use super::{RiskBudget, RiskBudgetWorkspace};
use crate::instance::is_finite;

/// Distance of the norm from its bound, relative to it, at which the search ends: at once, and after one more step.
const TIGHT: [f64; 2] = [1e-15, 1e-11];
/// Movement of `x` below this, relative to its size, is none.
const STILL: f64 = 1e-12;
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
    bracket: Bracket,
}

impl Search {
    pub(super) fn new(program: &Program) -> Self {
        let (zero, cone) = (Solution::zeros(program.n(), program.m()), &program.cones[0]);
        Self {
            answer: zero.clone(),
            below: zero.clone(),
            start: zero,
            value: cone.g.clone(),
            degenerate: false,
            costs: vec![0.0; program.n()],
            bracket: Bracket::new(cone.g.len(), cone.e),
        }
    }
}

impl RiskBudget {
    /// Looks for the `t` at which the norm is `e`; leaves the inner answer in `ws.search`.
    pub(super) fn search(&self, from: Option<&Solution>, ws: &mut RiskBudgetWorkspace) -> Result<(Found, usize)> {
        let first = self.first(from, ws);
        let (mut t, mut iterations, mut near) = (first, 0, false);
        ws.search.bracket.clear();
        for step in 0..self.options.iterations {
            let warm = step > 0 || from.is_some_and(is_finite);
            let status = self.at(t, warm, ws, &mut iterations)?;
            if status != Status::Optimal {
                return Ok((Found::None(status), iterations));
            }
            let off = norm(&ws.search.value) / self.cone().e - 1.0;
            if t > 0.0 && (off.abs() <= TIGHT[0] || (off.abs() <= TIGHT[1] && near)) {
                return Ok((Found::Tight { t }, iterations));
            }
            near = off.abs() <= TIGHT[1];
            let search = &mut ws.search;
            // At 0 the norm is the least there is; what exceeds the bound by rounding alone keeps it.
            let ended = match off > 0.0 {
                true if t == 0.0 && off > self.options.tolerance => Some(Found::None(Status::Infeasible)),
                above if (t == 0.0 || !above) && search.settled(t, &ws.program) => Some(Found::Slack),
                // A single point keeps the bound, with no finite multiplier.
                true if t == 0.0 => Some(Found::None(Status::Failed)),
                false if t > FAR * first => Some(Found::None(Status::Failed)),
                _ => None,
            };
            if let Some(found) = ended {
                return Ok((found, iterations));
            }
            if off <= 0.0 {
                search.below.clone_from(&search.answer);
            }
            search.bracket.add(t, &search.value);
            if search.bracket.closed() {
                return Ok((Found::Tight { t }, iterations));
            }
            t = search.bracket.next();
        }
        Ok((Found::None(Status::Limit), iterations))
    }

    /// Where to begin: the `t` of an earlier answer, whose sides and multipliers then are the inner start too; or that of the program
    /// without a polyhedron, $e / \sqrt{c^\top \Sigma^{-1} c}$, if $\Sigma = F^\top F$ were a multiple of the unit matrix.
    fn first(&self, from: Option<&Solution>, ws: &mut RiskBudgetWorkspace) -> f64 {
        let size = norm(&ws.program.c);
        let cold = if size == 0.0 { 0.0 } else { self.cone().e * self.scale.sqrt() / size };
        let Some(from) = from.filter(|from| is_finite(from)) else { return cold };
        let known = self.scale * self.cone().e / from.cone_dual[0];
        let t = if size > 0.0 && known.is_finite() && known > 0.0 { known } else { cold };
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
    fn settled(&mut self, t: f64, program: &Program) -> bool {
        if program.c.iter().all(|c| *c == 0.0) {
            self.answer.row_dual.fill(0.0);
            self.answer.bound_dual.fill(0.0);
            self.degenerate = true;
            return true;
        }
        let size = 1.0 + largest(self.answer.x.iter().copied());
        let moved = largest(self.answer.x.iter().zip(&self.below.x).map(|(a, b)| a - b));
        let same = self.answer.row_side == self.below.row_side && self.answer.bound_side == self.below.bound_side;
        let step = t - self.bracket.low();
        if step.is_nan() || step <= 0.0 || moved > STILL * size || !same {
            return false;
        }
        let (now, before) = (&mut self.answer, &self.below);
        let least = STILL * largest(program.c.iter().copied());
        let wrong = |side: Side, rate: f64| match side {
            Side::Free => false,
            Side::Lower => rate > least,
            Side::Upper => rate < -least,
        };
        let rate = |now: f64, before: f64| (now - before) / step;
        let mut rows = (0..program.m()).filter(|&i| program.row_lo[i] < program.row_up[i]);
        let mut bounds = (0..program.n()).filter(|&j| program.lo[j] < program.up[j]);
        if rows.any(|i| wrong(now.row_side[i], rate(now.row_dual[i], before.row_dual[i])))
            || bounds.any(|j| wrong(now.bound_side[j], rate(now.bound_dual[j], before.bound_dual[j])))
        {
            return false;
        }
        now.row_dual.iter_mut().zip(&before.row_dual).for_each(|(now, before)| *now = rate(*now, *before));
        now.bound_dual.iter_mut().zip(&before.bound_dual).for_each(|(now, before)| *now = rate(*now, *before));
        true
    }
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |a, v| a.max(v.abs()))
}
