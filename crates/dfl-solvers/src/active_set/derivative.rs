//! The derivative of an answer from the factors that found it.
//!
//! With $H = P$ positive definite and $W$ the independent constraints of the tight set, the KKT system $K (v, y) = (r, s)$ has
//!
//! $$G_{WW}\, y_W = A_W H^{-1} r - s_W, \qquad v = H^{-1}(r - A_W^\top y_W)$$
//!
//! Both inverses are there after a solve, so that a right-hand side costs a few products. Equalities $D$ that depend on $W$ make $K$
//! singular but leave $v$ unique; with $N$ an orthonormal basis of the combinations of tight constraints that vanish, the least-norm
//! solution takes $N N^\top s$ out of the right-hand side and $N N^\top y$ out of the multipliers.

use std::sync::Arc;

use dfl_core::{Adjoint, Cotangent, DifferentiableSolver, Dims, ProgramSolver, Result, Solution, SolveInfo, Solver, check_len};

use super::kernels::{axpy, dot, largest, vectorised};
use super::ldl::Ldl;
use super::model::Model;
use super::work::Work;
use super::{ActiveSet, ActiveSetWorkspace};
use crate::kkt::{Linearised, Matrices, Numbering, Parts, Solved, System, check_residual, has_weak_dual, negate_into, responds};

/// Below this share of a normal's square outside the span of the others, the Gram matrix has lost too many digits.
const LEAST_PIVOT: f64 = 1e-8;
/// A relative residual above this is worth a refinement step.
const REFINE_ABOVE: f64 = 1e-14;
const REFINEMENTS: usize = 4;

/// What the backward pass of one instance needs; made by [`ActiveSet`].
pub struct ActiveSetTape {
    factor: Factor,
    solution: Solution,
}

enum Factor {
    Range(RangeSpace),
    /// Where `P` is only semidefinite or the factor of the solve has too few digits.
    General(Box<(System, Numbering)>),
}

impl DifferentiableSolver for ActiveSet {
    type Tape = ActiveSetTape;

    /// As that of [`Kkt`](crate::Kkt).
    fn differentiable(&self) -> bool {
        responds(&self.instance.base, &self.instance.params)
    }

    fn tape(&self, _theta: &[f64], solution: &Solution, ws: &mut ActiveSetWorkspace, info: &mut SolveInfo) -> Result<ActiveSetTape> {
        let ActiveSetWorkspace { program, model, work } = ws;
        info.degenerate |= has_weak_dual(program, solution);
        let mut range = None;
        if is_accurate(model.as_ref().unwrap_or(&self.model), work) {
            let model = model.as_ref().map_or_else(|| self.model.clone(), |own| Arc::new(own.clone()));
            range = RangeSpace::new(model, work, self.dims());
        }
        let factor = match range {
            Some(range) => {
                info.degenerate |= range.dependent();
                Factor::Range(range)
            }
            None => {
                let fixed = || Arc::clone(self.matrices.get_or_init(|| Arc::new(Matrices::of(&self.instance.base))));
                let matrices = if self.entries.move_matrices() { Arc::new(Matrices::of(program)) } else { fixed() };
                let system = System::new(Linearised::of(program, solution, matrices)?, &self.symbolic)?;
                info.degenerate |= system.degenerate();
                Factor::General(Box::new((system, Numbering::of(program))))
            }
        };
        Ok(ActiveSetTape { factor, solution: self.entries.keep(solution) })
    }

    fn vjp(&self, tape: &ActiveSetTape, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        check_len("grad_theta", self.dims().theta, grad_theta.len())?;
        match &tape.factor {
            Factor::Range(range) => range.adjoint(cotangent, u),
            Factor::General(general) => general.1.adjoint(&general.0, cotangent, u),
        }?;
        grad_theta.fill(0.0);
        self.params().pull(|entry| self.entries.gradient(&tape.solution, u, entry), grad_theta);
        Ok(())
    }

    fn jvp(&self, tape: &ActiveSetTape, dtheta: &[f64], u: &mut Adjoint, dx: &mut [f64]) -> Result<()> {
        check_len("dtheta", self.dims().theta, dtheta.len())?;
        check_len("dx", self.dims().x, dx.len())?;
        let tangent =
            |rhs: &mut Parts<'_>| self.params().tangent(dtheta, |entry, d| self.entries.add_tangent(&tape.solution, entry, d, rhs));
        match &tape.factor {
            Factor::Range(range) => range.solve_into(u, |rhs| {
                tangent(rhs);
                Ok(())
            }),
            Factor::General(general) => general.1.tangent(&general.0, tangent, u),
        }?;
        dx.copy_from_slice(&u.x);
        Ok(())
    }
}

/// Whether the factors of the last solve are those of the KKT matrix, to enough digits.
fn is_accurate(model: &Model, work: &Work) -> bool {
    let (tight, gram) = (&work.tight, &work.gram);
    model.metric.shift == 0.0 && tight.ldl.least_pivot(|k| gram.column(tight.index[k])[tight.index[k]]) > LEAST_PIVOT
}

/// The factors of a solve: of `H`, and of the Gram matrix of the tight set.
struct RangeSpace {
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
    fn new(model: Arc<Model>, work: &mut Work, dims: Dims) -> Option<Self> {
        let mut out = Self { model, dims, tight: work.tight.index.clone(), ldl: work.tight.ldl.snapshot(), null: Vec::new() };
        out.add_dependent(work)?;
        Some(out)
    }

    /// Whether equalities depend on each other.
    fn dependent(&self) -> bool {
        !self.null.is_empty()
    }

    /// Number of independent constraints.
    fn independent(&self) -> usize {
        self.tight.len() - self.null.len().checked_div(self.tight.len()).unwrap_or(0)
    }

    /// Finds the equalities that are not in the tight set, which are combinations of it; `None` if one is not.
    fn add_dependent(&mut self, work: &mut Work) -> Option<()> {
        let equality = |i: &usize| work.lo[*i] == work.up[*i];
        let inside = work.tight.side.iter().filter(|side| **side == 0.0).count();
        let dependent = (0..work.lo.len()).filter(equality).count() - inside;
        if dependent == 0 {
            return Some(());
        }
        let k = self.tight.len();
        let outside: Vec<usize> = (0..work.lo.len()).filter(equality).filter(|i| !work.tight.index.contains(i)).collect();
        for (place, &i) in outside.iter().enumerate() {
            work.gram.need(&self.model, i);
            if work.independent(&self.model, i).is_some() {
                return None;
            }
            let mut row = vec![0.0; k + dependent];
            row[..k].iter_mut().zip(&work.tight.combination).for_each(|(to, p)| *to = -p);
            row[k + place] = 1.0;
            orthonormalise(&mut row, &self.null);
            self.null.extend(row);
        }
        self.tight.extend(outside);
        Some(())
    }

    /// `u = -K^-1 cotangent`.
    fn adjoint(&self, cotangent: Cotangent<'_>, u: &mut Adjoint) -> Result<()> {
        self.solve_into(u, |rhs| {
            negate_into("cotangent on x", cotangent.x, rhs.x)?;
            negate_into("cotangent on the row duals", cotangent.rows, rhs.rows)?;
            negate_into("cotangent on the bound duals", cotangent.bounds, rhs.bounds)
        })
    }

    /// `u = K^-1 rhs` for the right-hand side that `fill` writes.
    fn solve_into(&self, u: &mut Adjoint, fill: impl FnOnce(&mut Parts<'_>) -> Result<()>) -> Result<()> {
        let (n, m, k) = (self.dims.x, self.dims.rows, self.tight.len());
        let mut scratch = std::mem::take(&mut u.scratch);
        scratch.clear();
        scratch.resize(4 * n + 5 * k, 0.0);
        for (part, len) in [(&mut u.x, n), (&mut u.rows, m), (&mut u.bounds, n), (&mut u.cones, 0)] {
            part.clear();
            part.resize(len, 0.0);
        }
        // Rows and bounds that are not tight are not read, so that the parts of `u` can hold the right-hand side.
        let (r, rest) = scratch.split_at_mut(n);
        let filled = fill(&mut Parts { x: r, rows: &mut u.rows, bounds: &mut u.bounds });
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
    let (n, k) = (r.len(), range.tight.len());
    let (moved, work) = work.split_at_mut(n);
    let (step, work) = work.split_at_mut(n);
    let (px, work) = work.split_at_mut(n);
    let (s, work) = work.split_at_mut(k);
    let (y, work) = work.split_at_mut(k);
    let (dy, work) = work.split_at_mut(k);
    let (gap, partial) = work.split_at_mut(k);
    for (to, &i) in s.iter_mut().zip(&range.tight) {
        *to = *range.slot(i, u);
    }
    u.rows.fill(0.0);
    u.bounds.fill(0.0);
    let scale = largest(r).max(largest(s));
    let mut solved = Solved::default();
    if scale == 0.0 {
        return (solved, 0.0);
    }
    // `gap` is what of `s` has no solution.
    gap.copy_from_slice(s);
    range.project(s);
    axpy(-1.0, s, gap);
    let inconsistent = largest(gap) / scale;
    let (model, independent) = (&*range.model, range.independent());
    loop {
        // One step from the residual (r, s).
        model.metric.solve(r, moved);
        for w in 0..independent {
            gap[w] = model.normal_dot(range.tight[w], moved) - s[w];
        }
        range.ldl.solve(&gap[..independent], partial, dy);
        for w in 0..independent {
            model.add_normal(range.tight[w], -dy[w], r);
        }
        model.metric.solve(r, step);
        axpy(1.0, step, &mut u.x);
        axpy(1.0, &dy[..independent], &mut y[..independent]);
        // Its residual: r has lost A'dy already.
        model.metric.mul(step, px);
        axpy(-1.0, px, r);
        for w in 0..k {
            s[w] -= model.normal_dot(range.tight[w], step);
        }
        // Stationarity at a tight bound holds for the right multiplier of it.
        let rows = model.rows.len();
        for w in 0..independent {
            if range.tight[w] >= rows {
                let j = model.vars[range.tight[w] - rows];
                y[w] += r[j];
                r[j] = 0.0;
            }
        }
        let residual = largest(r).max(largest(s)) / scale;
        let before = if solved.refinements == 0 { f64::INFINITY } else { solved.residual };
        solved.residual = residual;
        if residual <= REFINE_ABOVE || residual > 0.5 * before || residual.is_nan() || solved.refinements == REFINEMENTS {
            break;
        }
        solved.refinements += 1;
    }
    range.project(y);
    for (&i, &y) in range.tight.iter().zip(y.iter()) {
        *range.slot(i, u) = y;
    }
    let error = solved.residual;
    solved.residual = error.max(inconsistent);
    (solved, error)
}
