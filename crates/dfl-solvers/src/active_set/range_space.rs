//! The KKT system by the factors of a solve.
//!
//! With $H = P$ positive definite and $W$ the independent constraints of the tight set, the KKT system $K (v, y) = (r, s)$ has
//!
//! $$G_{WW}\, y_W = A_W H^{-1} r - s_W, \qquad v = H^{-1}(r - A_W^\top y_W)$$
//!
//! Both inverses are there after a solve, so that a right-hand side costs a few products. Equalities $D$ that depend on $W$ make $K$
//! singular but leave $v$ unique; with $N$ an orthonormal basis of the combinations of tight constraints that vanish, the least-norm
//! solution takes $N N^\top s$ out of the right-hand side and $N N^\top y$ out of the multipliers.

use std::sync::Arc;

use dfl_core::{Adjoint, Cotangent, Dims, Result};

use super::kernels::{axpy, dot, largest, padded, vectorised, worse};
use super::ldl::Ldl;
use super::model::Model;
use super::work::Work;
use crate::kkt::{Parts, Solved, check_residual, negate_into};

/// A relative residual above this is worth a refinement step.
const REFINE_ABOVE: f64 = 1e-14;
const REFINEMENTS: usize = 4;

/// The factors of a solve: of `H`, and of the Gram matrix of the tight set.
pub(super) struct RangeSpace {
    model: Arc<Model>,
    dims: Dims,
    /// Tight constraints in the order of the factor, then the equalities that depend on them.
    tight: Vec<usize>,
    ldl: Ldl,
    /// Orthonormal rows, one for each dependent equality.
    null: Vec<f64>,
}

impl RangeSpace {
    /// From the work of the last solve; `None` if it ignored an equality that is independent by now.
    pub(super) fn new(model: Arc<Model>, work: &mut Work, dims: Dims) -> Option<Self> {
        let mut out = Self { model, dims, tight: work.tight.index.clone(), ldl: work.tight.ldl.snapshot(), null: Vec::new() };
        out.add_dependent(work)?;
        Some(out)
    }

    /// Whether equalities depend on each other.
    pub(super) fn dependent(&self) -> bool {
        !self.null.is_empty()
    }

    /// Number of independent constraints.
    fn independent(&self) -> usize {
        self.tight.len() - self.null.len().checked_div(self.tight.len()).unwrap_or(0)
    }

    /// Finds the equalities that are not in the tight set, which are combinations of it; `None` if one is not.
    fn add_dependent(&mut self, work: &mut Work) -> Option<()> {
        let (k, outside) = (self.tight.len(), work.implied.clone());
        for (place, &i) in outside.iter().enumerate() {
            work.gram.need(&self.model, i);
            if work.independent(&self.model, i).is_some() {
                return None;
            }
            let mut row = vec![0.0; k + outside.len()];
            row[..k].iter_mut().zip(&work.tight.combination).for_each(|(to, p)| *to = -p);
            row[k + place] = 1.0;
            orthonormalise(&mut row, &self.null);
            self.null.extend(row);
        }
        self.tight.extend(outside);
        Some(())
    }

    /// `u = -K^-1 cotangent`.
    pub(super) fn adjoint(&self, cotangent: Cotangent<'_>, u: &mut Adjoint) -> Result<()> {
        self.solve_into(u, |rhs| {
            negate_into("cotangent on x", cotangent.x, rhs.x)?;
            negate_into("cotangent on the row duals", cotangent.rows, rhs.rows)?;
            negate_into("cotangent on the bound duals", cotangent.bounds, rhs.bounds)
        })
    }

    /// `u = K^-1 rhs` for the right-hand side that `fill` writes.
    pub(super) fn solve_into(&self, u: &mut Adjoint, fill: impl FnOnce(&mut Parts<'_>) -> Result<()>) -> Result<()> {
        let (n, m, k) = (self.dims.x, self.dims.rows, self.tight.len());
        let mut scratch = std::mem::take(&mut u.scratch);
        scratch.clear();
        scratch.resize(4 * padded(n) + 4 * k + padded(k), 0.0);
        for (part, len) in [(&mut u.x, n), (&mut u.rows, m), (&mut u.bounds, n), (&mut u.cones, 0)] {
            part.clear();
            part.resize(len, 0.0);
        }
        // Rows and bounds that are not tight are not read, so that the parts of `u` can hold the right-hand side.
        let (r, rest) = scratch.split_at_mut(padded(n));
        let filled = fill(&mut Parts { x: &mut r[..n], rows: &mut u.rows, bounds: &mut u.bounds });
        let solved = filled.and_then(|()| {
            let (solved, error) = solve(self, r, rest, u);
            check_residual(error)?;
            (u.residual, u.refinements) = (solved.residual, solved.refinements);
            Ok(())
        });
        u.scratch = scratch;
        solved
    }

    /// Where a tight constraint lives in an adjoint.
    fn slot<'a>(&self, i: usize, u: &'a mut Adjoint) -> &'a mut f64 {
        match i.checked_sub(self.model.rows.len()) {
            None => &mut u.rows[self.model.rows.kept[i]],
            Some(b) => &mut u.bounds[self.model.vars[b]],
        }
    }

    /// `z -= N' N z`.
    #[inline(always)]
    fn project(&self, z: &mut [f64]) {
        for row in self.null.chunks_exact(z.len().max(1)) {
            axpy(-dot(row, z), row, z);
        }
    }
}

/// Makes `row` orthogonal to the orthonormal rows of `null`, twice to take out rounding, and a unit vector.
fn orthonormalise(row: &mut [f64], null: &[f64]) {
    for _ in 0..2 {
        for other in null.chunks_exact(row.len()) {
            axpy(-dot(other, row), other, row);
        }
    }
    let length = dot(row, row).sqrt();
    row.iter_mut().for_each(|v| *v /= length);
}

vectorised! {
    /// `u = K^+ (r, s)` with `s` in the rows and bounds of `u`; uses `r` and `work`. Returns the residual of the part of `s` that has
    /// a solution, too.
    fn solve(range: &RangeSpace, r: &mut [f64], work: &mut [f64], u: &mut Adjoint) -> (Solved, f64) = run
}

#[inline(always)]
fn run(range: &RangeSpace, r: &mut [f64], work: &mut [f64], u: &mut Adjoint) -> (Solved, f64) {
    let mut work = Scratch::of(work, r.len(), range.tight.len());
    for (to, &i) in work.s.iter_mut().zip(&range.tight) {
        *to = *range.slot(i, u);
    }
    u.rows.fill(0.0);
    u.bounds.fill(0.0);
    let scale = worse(largest(r), largest(work.s));
    let mut solved = Solved::default();
    if scale == 0.0 {
        return (solved, 0.0);
    }
    let inconsistent = range.make_consistent(&mut work) / scale;
    let mut before = f64::INFINITY;
    loop {
        range.advance(r, &mut work, &mut u.x);
        solved.residual = worse(largest(r), largest(work.s)) / scale;
        let done = solved.residual <= REFINE_ABOVE || solved.residual > 0.5 * before || solved.residual.is_nan();
        if done || solved.refinements == REFINEMENTS {
            break;
        }
        before = solved.residual;
        solved.refinements += 1;
    }
    range.project(work.y);
    for (&i, &y) in range.tight.iter().zip(work.y.iter()) {
        *range.slot(i, u) = y;
    }
    let error = solved.residual;
    solved.residual = worse(error, inconsistent);
    (solved, error)
}

/// Memory of one right-hand side: padded vectors over the variables, then vectors over the tight constraints, of which the last is padded.
struct Scratch<'a> {
    moved: &'a mut [f64],
    step: &'a mut [f64],
    px: &'a mut [f64],
    /// What is left of the right-hand side.
    s: &'a mut [f64],
    /// The multipliers, and their last change.
    y: &'a mut [f64],
    gap: &'a mut [f64],
    partial: &'a mut [f64],
    dy: &'a mut [f64],
}

impl<'a> Scratch<'a> {
    /// For `k` tight constraints and a padded number of variables.
    fn of(work: &'a mut [f64], n: usize, k: usize) -> Self {
        let (moved, work) = work.split_at_mut(n);
        let (step, work) = work.split_at_mut(n);
        let (px, work) = work.split_at_mut(n);
        let (s, work) = work.split_at_mut(k);
        let (y, work) = work.split_at_mut(k);
        let (gap, work) = work.split_at_mut(k);
        let (partial, dy) = work.split_at_mut(k);
        Self { moved, step, px, s, y, gap, partial, dy }
    }
}

impl RangeSpace {
    /// Takes out of `s` what has no solution; returns its size.
    #[inline(always)]
    fn make_consistent(&self, work: &mut Scratch<'_>) -> f64 {
        work.gap.copy_from_slice(work.s);
        self.project(work.s);
        axpy(-1.0, work.s, work.gap);
        largest(work.gap)
    }

    /// Adds to `x` and `y` the solution for the right-hand side `(r, s)`, of which the residual is left.
    #[inline(always)]
    fn advance(&self, r: &mut [f64], work: &mut Scratch<'_>, x: &mut [f64]) {
        let (model, independent) = (&*self.model, self.independent());
        let Scratch { moved, step, px, s, y, dy, gap, partial } = work;
        model.metric.solve(r, moved);
        for w in 0..independent {
            gap[w] = model.normal_dot(self.tight[w], moved) - s[w];
        }
        self.ldl.solve(&gap[..independent], partial, dy);
        for w in 0..independent {
            model.add_normal(self.tight[w], -dy[w], r);
        }
        model.metric.solve(r, step);
        axpy(1.0, step, x);
        axpy(1.0, &dy[..independent], &mut y[..independent]);
        // `r` has lost `A'dy` already.
        model.metric.mul(step, px);
        axpy(-1.0, px, r);
        for (s, &i) in s.iter_mut().zip(&self.tight) {
            *s -= model.normal_dot(i, step);
        }
        // What stationarity leaves at a bound is its multiplier.
        let rows = model.rows.len();
        for (w, &i) in self.tight[..independent].iter().enumerate().filter(|(_, i)| **i >= rows) {
            let j = model.vars[i - rows];
            y[w] += r[j];
            r[j] = 0.0;
        }
    }
}
