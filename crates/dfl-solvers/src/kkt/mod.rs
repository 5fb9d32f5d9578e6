//! Differentiation of any [`ProgramSolver`] from its answer, by the KKT conditions at its active set.

mod active;
mod adjoint;
mod cones;
mod dense;
mod directional;
mod entries;
mod regularised;
mod system;
mod value;

use std::sync::{Arc, OnceLock};

pub(crate) use active::{Linearised, Matrices, has_weak_dual};
#[cfg(feature = "modelling")]
pub(crate) use active::{largest, zero_dual};
pub(crate) use adjoint::{Numbering, negate_into};
use dfl_core::{
    Adjoint, Cotangent, DifferentiableSolver, Dims, Entry, ParamMap, Program, ProgramSolver, Result, Solution, SolveInfo, Solver, check_len,
};
pub use directional::directional;
#[cfg(feature = "modelling")]
pub(crate) use directional::{Place, place};
pub(crate) use entries::{Entries, Parts};
pub(crate) use system::{Solved, Symbolic, System, check_residual};
pub use value::value_gradient;

/// Adds a derivative to a solver of programs, from its answer alone.
///
/// With $R$ the tight rows, $B$ the variables at a bound, and the KKT conditions as equations $F(x, \lambda_R, \nu_B; \theta) = 0$,
///
/// $$u = -K^{-1} g, \qquad \bar\theta = u^\top \tfrac{\partial F}{\partial\theta}, \qquad K = \tfrac{\partial F}{\partial(x,\lambda_R,\nu_B)}$$
///
/// for a cotangent $g$ on $(x, \lambda, \nu)$: one symmetric solve, whatever the number of parameters. Per entry:
/// $\bar c_j = u_j$, $\bar P_{ij} = u_i x_j + u_j x_i$ ($u_i x_i$ on the diagonal), $\bar A_{ij} = u_j \lambda_i + u_{\lambda i} x_j$,
/// $\bar b_i = -u_{\lambda i}$ for the tight side of a row, $-u_{\nu j}$ for that of a bound; 0 for sides that are not tight.
///
/// This is the derivative where strict complementarity holds and the tight constraints are independent. Elsewhere the answer is
/// flagged [`SolveInfo::degenerate`]: with a zero dual, the constraint is treated as the solver's sides say (one element of the
/// generalised Jacobian); with a singular $K$, $u$ is its least-norm solution. A tight cone row $h(x) \le 0$ enters with its gradient as
/// a row and $\mu \nabla^2 h$ in $P$; at its apex $F x + g = 0$ is held, and the answer flagged.
///
/// [`jvp`](DifferentiableSolver::jvp) leaves the tangents of the duals in `u` (`u.rows`, `u.bounds`, `u.cones`). Small or dense matrices
/// are factorised as such, large sparse ones as sparse; both once for any number of right-hand sides. `docs/differentiation.md` has
/// the formulas.
///
/// # References
/// Amos & Kolter (2017), OptNet, Eqs. 6-8; Fiacco (1976), Theorem 2.1.
#[derive(Clone, Debug)]
pub struct Kkt<S> {
    inner: S,
    /// Whether the decision moves with theta, once it was asked for.
    responds: OnceLock<bool>,
    /// What all tapes share: made by the first.
    shared: OnceLock<Shared>,
}

#[derive(Clone, Debug)]
struct Shared {
    entries: Arc<Entries>,
    symbolic: Symbolic,
    /// `P` and `A`, if `theta` moves neither.
    matrices: Option<Arc<Matrices>>,
}

impl Shared {
    fn of(program: &Program, entries: Entries) -> Self {
        let matrices = (!entries.move_matrices()).then(|| Arc::new(Matrices::of(program)));
        Self { entries: Arc::new(entries), symbolic: Symbolic::default(), matrices }
    }
}

impl<S: ProgramSolver> Kkt<S> {
    /// Wraps a solver.
    pub fn new(inner: S) -> Self {
        Self { inner, responds: OnceLock::new(), shared: OnceLock::new() }
    }

    /// The wrapped solver.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

/// Whether the decision moves with `theta`.
pub(crate) fn responds(program: &Program, params: &ParamMap) -> bool {
    let curved = program.p.nnz() > 0 || !program.cones.is_empty();
    curved || params.moves(|e| !matches!(e, Entry::C(_)))
}

/// What the backward pass of one instance needs; made by [`Kkt`].
pub struct KktTape {
    system: System,
    numbering: Numbering,
    entries: Arc<Entries>,
    solution: Solution,
}

impl<S: ProgramSolver> Solver for Kkt<S> {
    type Workspace = S::Workspace;
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn workspace(&self) -> Result<Self::Workspace> {
        self.inner.workspace()
    }
    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut Self::Workspace, out: &mut Solution) -> Result<SolveInfo> {
        self.inner.solve(theta, from, ws, out)
    }
}

impl<S: ProgramSolver> DifferentiableSolver for Kkt<S> {
    type Tape = KktTape;

    /// False for a linear program of which only costs are predicted: its vertex stays where it is, so that every gradient is zero.
    fn differentiable(&self) -> bool {
        // A workspace that cannot be made reports its own error when it is needed.
        *self.responds.get_or_init(|| self.inner.workspace().map_or(true, |ws| responds(self.inner.program(&ws), self.inner.params())))
    }

    fn tape(&self, _theta: &[f64], solution: &Solution, ws: &mut Self::Workspace, info: &mut SolveInfo) -> Result<KktTape> {
        let program = self.inner.program(ws);
        let shared = self.shared.get_or_init(|| Shared::of(program, Entries::of(program, self.inner.params())));
        let matrices = shared.matrices.clone().unwrap_or_else(|| Arc::new(Matrices::of(program)));
        let system = System::new(Linearised::of(program, solution, matrices)?, &shared.symbolic)?;
        info.degenerate |= system.degenerate();
        let entries = Arc::clone(&shared.entries);
        Ok(KktTape { system, numbering: Numbering::of(program), solution: entries.keep(solution), entries })
    }

    fn vjp(&self, tape: &KktTape, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        check_len("grad_theta", self.dims().theta, grad_theta.len())?;
        tape.numbering.adjoint(&tape.system, cotangent, u)?;
        grad_theta.fill(0.0);
        self.inner.params().pull(|entry| tape.entries.gradient(&tape.solution, u, entry), grad_theta);
        Ok(())
    }

    fn jvp(&self, tape: &KktTape, dtheta: &[f64], u: &mut Adjoint, dx: &mut [f64]) -> Result<()> {
        let dims = self.dims();
        check_len("dtheta", dims.theta, dtheta.len())?;
        check_len("dx", dims.x, dx.len())?;
        let tangent = |rhs: &mut Parts<'_>| {
            self.inner.params().tangent(dtheta, |entry, d| tape.entries.add_tangent(&tape.solution, entry, d, rhs));
        };
        tape.numbering.tangent(&tape.system, tangent, u)?;
        dx.copy_from_slice(&u.x);
        Ok(())
    }
}
