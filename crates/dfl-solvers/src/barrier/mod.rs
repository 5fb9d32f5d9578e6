//! Linear and convex quadratic programs smoothed by a logarithmic barrier, with the derivative of the smoothed problem.

mod certificate;
mod newton;
mod sides;
mod system;
mod tape;

use std::sync::Arc;

use dfl_core::{
    Adjoint, Cotangent, DifferentiableSolver, Dims, Entry, Error, ParamMap, Program, Result, Side, Solution, SolveInfo, Solver, Status,
};

use crate::check_convex;
use crate::instance::{Instance, refuse_integers_and_cones, without_answer};
use newton::{Outcome, Work};
use system::{Kind, Structure};
pub use tape::BarrierTape;

/// How the barrier problem is set and solved.
#[derive(Clone, Debug, PartialEq)]
pub struct BarrierOptions {
    /// Weight of the barrier, in units of the objective: the larger, the smoother.
    pub mu: f64,
    /// Relative error of the optimality conditions up to which an answer is optimal. Answers are near 1e-14.
    pub tolerance: f64,
    /// Most Newton steps of one solve.
    pub iterations: usize,
}

impl Default for BarrierOptions {
    fn default() -> Self {
        Self { mu: 1.0, tolerance: 1e-9, iterations: 200 }
    }
}

/// A linear or convex quadratic program smoothed by a logarithmic barrier; minimises
///
/// $$\min_x \tfrac12 x^\top P x + c^\top x + r - \mu \sum_k \log s_k(x)$$
///
/// over the slacks $s_k$ of all finite sides of rows and variables; equality rows and fixed variables stay as they are. The minimiser lies
/// inside all other sides, is unique unless the objective is flat along the constraints, and moves smoothly with every entry: its
/// derivative is exact and nowhere zero for want of a tight constraint. It is the derivative of *this* problem, not of the program's own
/// optimum, which for a linear program is piecewise constant in the cost; see `docs/smoothing.md`. As $\mu \to 0$ the answer tends
/// to the analytic centre of the program's optima, and the objective is within $\mu$ times the number of sides of the optimum
/// before the logarithms are added.
///
/// A primal-dual interior-point method follows $s z = t$ with $t$ falling to $\mu$, and ends with Newton steps at $\mu$ until the
/// conditions hold to rounding. It begins inside the bounds, feasible or not; an earlier answer does not shorten it and is not used. Each
/// step factorises the sparse $[P + D, A^\top; A, -E]$ with $D, E^{-1}$ the curvature $\mu / s^2$ of the barrier; the last such matrix is
/// also the derivative's (Mandi & Guns' Eq. 8, with rows and both kinds of sides, and without their damping).
///
/// [`Status::Optimal`] means optimal for the barrier problem: stationarity, feasibility and $|s z / \mu - 1|$ were checked against
/// `tolerance`. [`Solution::objective`] includes the barrier, so that its gradient in the cost is `x`. Duals are $\mu / s$ (with the sign
/// of their side) although the sides are [`Side::Free`], since none is tight; fixed rows and variables are [`Side::Upper`].
/// [`Status::Unbounded`] also stands for a barrier problem without a minimiser: a set of optima of the program that goes on for ever. A
/// program without a point inside its sides has no barrier problem: [`Status::Infeasible`] if no point satisfies the sides at all, else
/// [`Status::Limit`] or [`Status::Failed`].
///
/// # Shapes
/// `theta`: as `params`; `x`, `bound_dual`: `[n]`; `row_dual`: `[m]`. Cost per step: one sparse factorisation of size $n + m$.
///
/// # Errors
/// [`Error::Unsupported`] for integers or cones; [`Error::NotConvex`], from `solve` if `P` is predicted; [`Error::NotFinite`].
///
/// # References
/// Mandi & Guns (2020), Interior point solving for LP-based prediction+optimisation, NeurIPS, section 3; Mehrotra (1992), SIAM J. Optim. 2;
/// Wright (1997), Primal-dual interior-point methods, SIAM, chapter 5 on the neighbourhood of the path.
#[derive(Clone, Debug)]
pub struct Barrier {
    instance: Instance,
    options: BarrierOptions,
    structure: Arc<Structure>,
    moves_p: bool,
    /// Whether `theta` moves what an equality says, which has no derivative if equalities depend on each other.
    moves_rows: bool,
}

impl Barrier {
    /// A solver of `program` with the entries of `params` moved by `theta`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::NotConvex`] as above, [`Error::Domain`] for an option, or what [`Program::check`] and
    /// [`ParamMap::check`] find.
    pub fn new(program: Program, params: ParamMap, options: BarrierOptions) -> Result<Self> {
        refuse_integers_and_cones("barrier", &program)?;
        if !(options.mu > 0.0 && options.mu.is_finite()) {
            return Err(Error::Domain { what: "BarrierOptions::mu", value: options.mu, need: "positive and finite" });
        }
        if !(options.tolerance >= 1e-13 && options.tolerance <= 1e-4) {
            return Err(Error::Domain { what: "BarrierOptions::tolerance", value: options.tolerance, need: "between 1e-13 and 1e-4" });
        }
        let moves_p = params.moves(|e| matches!(e, Entry::P(_)));
        let moves_rows = params.moves(|e| matches!(e, Entry::A(_) | Entry::RowLo(_) | Entry::RowUp(_)));
        let instance = Instance::new(program, params)?;
        if !moves_p {
            check_convex(&instance.base)?;
        }
        let structure = Arc::new(Structure::new(&instance.base)?);
        Ok(Self { instance, options, structure, moves_p, moves_rows })
    }

    /// Writes the answer.
    fn store(&self, ws: &BarrierWorkspace, out: &mut Solution) {
        let BarrierWorkspace { program, work } = ws;
        out.x.copy_from_slice(&work.value[..program.n()]);
        out.row_dual.copy_from_slice(&work.row_dual);
        out.bound_dual.copy_from_slice(&program.c);
        program.p.symmetric_mul_add(1.0, &out.x, &mut out.bound_dual);
        program.a.mul_t_add(1.0, &out.row_dual, &mut out.bound_dual);
        for (j, nu) in out.bound_dual.iter_mut().enumerate() {
            *nu = if work.kind[j] == Kind::Fixed { -*nu } else { work.above.dual[j] - work.below.dual[j] };
        }
        let side = |kind: Kind| if kind == Kind::Fixed { Side::Upper } else { Side::Free };
        out.bound_side.iter_mut().chain(&mut out.row_side).zip(&work.kind).for_each(|(s, kind)| *s = side(*kind));
        out.objective = program.objective(&out.x) - self.options.mu * (work.below.log_slacks() + work.above.log_slacks());
    }
}

/// Memory of a [`Barrier`]: the program of the last `theta`, the last point and its factor.
pub struct BarrierWorkspace {
    program: Program,
    work: Work,
}

impl Solver for Barrier {
    type Workspace = BarrierWorkspace;

    fn name(&self) -> &'static str {
        "barrier"
    }

    fn dims(&self) -> Dims {
        self.instance.dims()
    }

    fn workspace(&self) -> Result<BarrierWorkspace> {
        let base = &self.instance.base;
        Ok(BarrierWorkspace { program: base.clone(), work: Work::new(&self.structure, base.n(), base.m()) })
    }

    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut BarrierWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        self.instance.check_start(from)?;
        self.instance.reset(out);
        if !self.instance.push(theta, &mut ws.program)? {
            return Ok(without_answer(Status::Infeasible, 0));
        }
        if self.moves_p {
            check_convex(&ws.program)?;
        }
        let BarrierOptions { mu, tolerance, iterations } = self.options;
        let status = match ws.work.solve(&self.structure, &ws.program, mu, tolerance, iterations) {
            Outcome::Optimal => Status::Optimal,
            Outcome::Infeasible => Status::Infeasible,
            Outcome::Unbounded => Status::Unbounded,
            Outcome::Limit => Status::Limit,
            Outcome::Failed => Status::Failed,
        };
        if status == Status::Optimal {
            self.store(ws, out);
        }
        Ok(without_answer(status, ws.work.iterations))
    }
}

impl DifferentiableSolver for Barrier {
    type Tape = BarrierTape;

    fn tape(&self, _theta: &[f64], solution: &Solution, ws: &mut BarrierWorkspace, info: &mut SolveInfo) -> Result<BarrierTape> {
        let tape = BarrierTape::new(&self.structure, ws, solution)?;
        info.degenerate |= self.moves_rows && tape.equalities_depend();
        Ok(tape)
    }

    fn vjp(&self, tape: &BarrierTape, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        tape.vjp(&self.instance.params, cotangent, u, grad_theta)
    }

    fn jvp(&self, tape: &BarrierTape, dtheta: &[f64], u: &mut Adjoint, dx: &mut [f64]) -> Result<()> {
        tape.jvp(&self.instance.params, dtheta, u, dx)
    }
}
