use crate::{Error, ParamMap, Program, Result, Solution, SolveInfo};

/// Sizes a solver promises; an adapter allocates and checks with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// Length of the prediction.
    pub theta: usize,
    /// Length of the decision.
    pub x: usize,
    /// Number of row duals.
    pub rows: usize,
}

/// What a cotangent on the decision becomes: $u = -K^{-1}\,\text{cotangent}$, and scratch of the backward pass.
#[derive(Clone, Debug, Default)]
pub struct Adjoint {
    /// The gradient with respect to the linear cost, `[n]`.
    pub x: Vec<f64>,
    /// Its counterpart for rows, `[m]`; 0 where a row is not tight.
    pub rows: Vec<f64>,
    /// Its counterpart for bounds, `[n]`; 0 where a bound is not tight.
    pub bounds: Vec<f64>,
    /// Its counterpart for cone rows, one multiplier each; 0 where a row is not tight.
    pub cones: Vec<f64>,
    /// Relative residual of the linear system it solves.
    pub residual: f64,
    /// Steps of iterative refinement that were taken.
    pub refinements: usize,
    /// Memory of the solver, reused between calls.
    pub scratch: Vec<f64>,
}

/// Cotangent on a solution; an empty slice is zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cotangent<'a> {
    /// On the decision.
    pub x: &'a [f64],
    /// On the row duals.
    pub rows: &'a [f64],
    /// On the bound duals.
    pub bounds: &'a [f64],
}

/// Solves one instance of a parametric problem at a time. Minimises.
pub trait Solver: Send + Sync {
    /// Memory reused between solves. It need not be `Send` (a HiGHS model is not), but the adapter over rayon asks that it is.
    type Workspace;
    /// Stable id for errors and benchmark rows, e.g. `"osqp"`.
    fn name(&self) -> &'static str;
    /// Sizes of `theta`, `x` and the row duals.
    fn dims(&self) -> Dims;
    /// Allocates everything a solve needs; `solve` itself does not allocate.
    ///
    /// # Errors
    /// [`Error::Backend`] if a third-party solver refuses the structure.
    fn workspace(&self) -> Result<Self::Workspace>;
    /// Writes the answer for `theta` into `out`, starting from an earlier answer if one is given. The answer does not depend on
    /// what the workspace solved before.
    ///
    /// # Errors
    /// Malformed input or a backend failure. Infeasible or unfinished is an `Ok` with another [`Status`](crate::Status).
    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut Self::Workspace, out: &mut Solution) -> Result<SolveInfo>;
}

/// A solver of [`Program`]s; one differentiator serves every one of them from its answer.
pub trait ProgramSolver: Solver {
    /// Which entries `theta` moves.
    fn params(&self) -> &ParamMap;
    /// The program `ws` has just solved.
    fn program<'a>(&'a self, ws: &'a Self::Workspace) -> &'a Program;
}

/// A solver with a backward pass. How (KKT, Jacobian-free, unrolled, none) is a wrapper.
pub trait DifferentiableSolver: Solver {
    /// All a backward pass needs, without the workspace and the solver's thread.
    type Tape: Send + Sync;
    /// Whether a backward pass may give anything but zeros. False for [`NoGradient`], and for the derivative of a linear program of
    /// which only costs are predicted: its optimum stays at its vertex.
    fn differentiable(&self) -> bool {
        true
    }
    /// Records the solve `ws` has just finished; may set `info.degenerate`.
    ///
    /// # Errors
    /// If the answer cannot be differentiated at all.
    fn tape(&self, theta: &[f64], solution: &Solution, ws: &mut Self::Workspace, info: &mut SolveInfo) -> Result<Self::Tape>;
    /// Writes `J' cotangent` to `grad_theta` and leaves the adjoint in `u`.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a wrong length.
    fn vjp(&self, tape: &Self::Tape, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()>;
    /// Writes `J dtheta` to `dx`; a solver of programs leaves the tangents of the duals in `u`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where there is no forward derivative.
    fn jvp(&self, _tape: &Self::Tape, _dtheta: &[f64], _u: &mut Adjoint, _dx: &mut [f64]) -> Result<()> {
        Err(Error::Unsupported { who: self.name(), what: "a jvp" })
    }
    /// Number of scenarios in `theta`, if this is a stochastic program.
    fn scenarios(&self) -> Option<usize> {
        None
    }
    /// Writes the score-function weight of each scenario.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless this is a stochastic program.
    fn score_weights(&self, _tape: &Self::Tape, _cotangent: Cotangent<'_>, _u: &mut Adjoint, _weights: &mut [f64]) -> Result<()> {
        Err(Error::Unsupported { who: self.name(), what: "score weights" })
    }
}

/// A black box: the decision without a derivative.
#[derive(Clone, Debug)]
pub struct NoGradient<S>(pub S);

impl<S: Solver> Solver for NoGradient<S> {
    type Workspace = S::Workspace;
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn dims(&self) -> Dims {
        self.0.dims()
    }
    fn workspace(&self) -> Result<Self::Workspace> {
        self.0.workspace()
    }
    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut Self::Workspace, out: &mut Solution) -> Result<SolveInfo> {
        self.0.solve(theta, from, ws, out)
    }
}

impl<S: Solver> DifferentiableSolver for NoGradient<S> {
    type Tape = ();
    fn differentiable(&self) -> bool {
        false
    }
    fn tape(&self, _theta: &[f64], _solution: &Solution, _ws: &mut Self::Workspace, _info: &mut SolveInfo) -> Result<()> {
        Ok(())
    }
    fn vjp(&self, _tape: &(), _cotangent: Cotangent<'_>, _u: &mut Adjoint, _grad_theta: &mut [f64]) -> Result<()> {
        Err(Error::Unsupported { who: self.name(), what: "a derivative" })
    }
}
