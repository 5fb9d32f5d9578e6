//! Differentiation of any [`ProgramSolver`] from its answer, by the KKT conditions at its active set.

mod active;
mod entries;
mod system;

use std::sync::OnceLock;

use active::{ActiveSet, Vector};
use dfl_core::{
    Adjoint, Cotangent, DifferentiableSolver, Dims, Entry, Program, ProgramSolver, Result, Solution, SolveInfo, Solver, check_len,
};
pub(crate) use entries::{Entries, Parts};
use system::System;

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
/// generalised Jacobian); with a singular $K$, $u$ is its least-norm solution. Curvature of cone rows is not included; the solvers
/// here refuse cones.
///
/// # References
/// Amos & Kolter (2017), OptNet, Eqs. 6-8; Fiacco (1976), Theorem 2.1.
#[derive(Clone, Debug)]
pub struct Kkt<S> {
    inner: S,
    /// Whether the decision moves with theta, once it was asked for.
    responds: OnceLock<bool>,
    entries: OnceLock<Entries>,
}

impl<S: ProgramSolver> Kkt<S> {
    /// Wraps a solver.
    pub fn new(inner: S) -> Self {
        Self { inner, responds: OnceLock::new(), entries: OnceLock::new() }
    }

    /// The wrapped solver.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn entries(&self) -> &Entries {
        self.entries.get().expect("making a tape sets them")
    }
}

/// What the backward pass of one instance needs; made by [`Kkt`].
pub struct KktTape {
    system: System,
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
        let responds = |program: &Program| {
            let curved = program.p.nnz() > 0 || !program.cones.is_empty();
            curved || self.inner.params().moves(|e| !matches!(e, Entry::C(_)))
        };
        // A workspace that cannot be made reports its own error when it is needed.
        *self.responds.get_or_init(|| self.inner.workspace().map_or(true, |ws| responds(self.inner.program(&ws))))
    }

    fn tape(&self, _theta: &[f64], solution: &Solution, ws: &mut Self::Workspace, info: &mut SolveInfo) -> Result<KktTape> {
        let program = self.inner.program(ws);
        let system = System::new(ActiveSet::of(program, solution))?;
        info.degenerate |= system.degenerate();
        let solution = self.entries.get_or_init(|| Entries::of(program, self.inner.params())).keep(solution);
        Ok(KktTape { system, solution })
    }

    fn vjp(&self, tape: &KktTape, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        let dims = self.dims();
        check_len("grad_theta", dims.theta, grad_theta.len())?;
        let negated = |what, part: &[f64], len| -> Result<Vec<f64>> {
            if part.is_empty() {
                return Ok(vec![0.0; len]);
            }
            check_len(what, len, part.len())?;
            Ok(part.iter().map(|g| -g).collect())
        };
        let rhs = Vector {
            x: negated("cotangent on x", cotangent.x, dims.x)?,
            rows: negated("cotangent on the row duals", cotangent.rows, dims.rows)?,
            bounds: negated("cotangent on the bound duals", cotangent.bounds, dims.x)?,
        };
        tape.solve_into(&rhs, u)?;
        grad_theta.fill(0.0);
        self.inner.params().pull(|entry| self.entries().gradient(&tape.solution, u, entry), grad_theta);
        Ok(())
    }

    fn jvp(&self, tape: &KktTape, dtheta: &[f64], u: &mut Adjoint, dx: &mut [f64]) -> Result<()> {
        let dims = self.dims();
        check_len("dtheta", dims.theta, dtheta.len())?;
        check_len("dx", dims.x, dx.len())?;
        let mut rhs = Vector::zeros(dims.x, dims.rows);
        self.inner.params().tangent(dtheta, |entry, d| self.entries().add_tangent(&tape.solution, entry, d, &mut rhs.parts()));
        tape.solve_into(&rhs, u)?;
        dx.copy_from_slice(&u.x);
        Ok(())
    }
}

impl KktTape {
    fn solve_into(&self, rhs: &Vector, u: &mut Adjoint) -> Result<()> {
        let (answer, residual) = self.system.solve(rhs)?;
        (u.x, u.rows, u.bounds, u.residual) = (answer.x, answer.rows, answer.bounds, residual);
        Ok(())
    }
}
