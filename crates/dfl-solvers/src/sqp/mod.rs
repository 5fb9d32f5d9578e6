//! Sequential quadratic programming: the decision of least energy over rows and bounds, and how it is differentiated.

mod block;
mod derivative;
mod mapped;
mod newton;
mod surrogate;
mod workspace;

use dfl_core::{Csc, Dims, EnergyCurvature, Entry, Error, ParamMap, Program, Result, Solution, SolveInfo, Solver, check_len};

use crate::instance::{finite, refuse_integers_and_cones};
use crate::kkt::Symbolic;
use crate::{ActiveSet, ActiveSetOptions, check_convex};
pub use block::BlockSqp;
pub use derivative::SqpTape;
pub use surrogate::{Surrogate, SurrogateTape, SurrogateWorkspace};
pub use workspace::SqpWorkspace;

const NAME: &str = "sqp";

/// What a backward pass of [`Sqp`] differentiates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum SqpDerivative {
    /// The KKT conditions of the program at its answer, with the Hessian of the energy: exact.
    #[default]
    Exact,
    /// The last quadratic program, whose gradient and Hessian at a point $z_0$ that is held depend on $\phi$: published with DFL through SQP.
    ///
    /// At a stationary point the step $z - z_0$ is zero, and with it what the change of the Hessian adds: this is [`SqpDerivative::Exact`] but for
    /// the Hessian, which has the shift in it that the last quadratic program needed. For a convex energy the two are the same.
    LastStep,
    /// The quadratic program at the answer with the diagonal of the Hessian raised to at least $c$, the first of 0.1, 0.2, 0.4, ... with which it
    /// is positive definite: published for the network security game.
    Clamped,
    /// The same over a random block of the variables, the others held: DFL-Block. The gradient is multiplied by $n / |B|$.
    ///
    /// `theta` is $\phi$ and, behind it, one number in $[0, 2^{53})$ that names the block: `BlockSqp` draws it for each row.
    Block {
        /// $|B|$ as a share of the variables, in $(0, 1]$; a block has at least two.
        share: f64,
    },
}

/// Where [`Sqp`] begins if no earlier answer is given; what is not feasible is moved to the nearest point that is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SqpStart {
    /// The origin: of a capped simplex its centre.
    #[default]
    Centre,
    /// The first entries of $\phi$: where $\phi$ begins with the mean of what the decision meets.
    Mean,
    /// This point.
    At(Vec<f64>),
}

/// How a [`Sqp`] starts, stops and differentiates.
#[derive(Clone, Debug, PartialEq)]
pub struct SqpOptions {
    /// What a backward pass differentiates.
    pub derivative: SqpDerivative,
    /// Where it begins.
    pub start: SqpStart,
    /// KKT residual, relative to `1 +` the gradient, up to which an answer is optimal. Answers are near 1e-13.
    pub tolerance: f64,
    /// Most steps.
    pub iterations: usize,
}

impl Default for SqpOptions {
    fn default() -> Self {
        Self { derivative: SqpDerivative::Exact, start: SqpStart::Centre, tolerance: 1e-8, iterations: 500 }
    }
}

/// The decision of least energy over rows and bounds, with its derivative in what the energy reads of a prediction; minimises.
///
/// $$a^\star(\phi) = \arg\min_a E(\phi, a) + \tfrac12 a^\top P a + c^\top a \quad\text{s.t. } \underline b \le Aa \le \overline b,\
/// \underline a \le a \le \overline a$$
///
/// **Solving.** Newton's method whose steps are quadratic programs over the rows and bounds, by [`ActiveSet`] from its last tight set, with a line
/// search on the objective; all points are feasible. A step that no row or bound is in the way of is Newton's alone. An indefinite Hessian is
/// shifted, so that for an energy that is not convex a *stationary point* is found: [`Status::Optimal`](dfl_core::Status) says that the KKT
/// residual is small, and [`SolveInfo::degenerate`] if the point is no strict local minimum (or a constraint is tight without a multiplier).
/// [`MultiStart`](crate::MultiStart) tries several starts.
///
/// **Derivative.** With $K$ the KKT matrix of the tight constraints, $u = -K^{-1}$ cotangent by the conventions of [`Kkt`](crate::Kkt), the gradient
/// is $(\partial^2 E / \partial a \partial \phi)^\top u$. What $K$ has for a Hessian is the [`SqpDerivative`].
///
/// # Shapes
/// `theta`: `[prediction of the energy]`, and one entry more for [`SqpDerivative::Block`]; `x`, `bound_dual`: `[n]`; `row_dual`: `[m]`.
/// # Errors
/// [`Error::NotFinite`] for `theta`, and what the energy says of a $\phi$ outside its domain.
/// # References
/// Nocedal & Wright (2006), Alg. 18.3, line-search SQP; Donti, Amos & Kolter (2017), NeurIPS, and Kong et al. (2022), NeurIPS, whose baseline
/// differentiates the last step; Wang, Wilder, Perrault & Tambe (2020), NeurIPS, blocks and the clamped Hessian.
/// # Differences
/// Published code takes whole steps from a mean that need not be feasible, and stops after 20.
#[derive(Clone, Debug)]
pub struct Sqp<E> {
    energy: E,
    feasible: Program,
    options: SqpOptions,
    /// Entries of each row.
    normals: Vec<Vec<(usize, f64)>>,
    /// Whether some row or bound is an equality, so that no step is free of them.
    equalities: bool,
    qp: ActiveSet,
    symbolic: Symbolic,
}

impl<E: EnergyCurvature> Sqp<E> {
    /// The program of `energy` over the rows and bounds of `feasible`, whose own cost is added.
    ///
    /// # Errors
    /// [`Error::Dimension`] if the energy is over another number of variables, [`Error::Domain`] for an option, [`Error::Unsupported`] for integers
    /// or cones, [`Error::NotConvex`] for the program's own cost, or what [`Program::check`] finds.
    pub fn new(energy: E, feasible: Program, options: SqpOptions) -> Result<Self> {
        let n = feasible.n();
        check_len("decision of the energy", n, energy.decision())?;
        feasible.check()?;
        refuse_integers_and_cones(NAME, &feasible)?;
        check_convex(&feasible)?;
        check_options(&options, n, energy.prediction())?;
        let mut normals = vec![Vec::new(); feasible.m()];
        feasible.a.triplets().for_each(|(i, j, v)| normals[i].push((j, v)));
        let equal = |lo: &[f64], up: &[f64]| lo.iter().zip(up).any(|(lo, up)| lo == up);
        let equalities = equal(&feasible.row_lo, &feasible.row_up) || equal(&feasible.lo, &feasible.up);
        let qp = quadratic_solver(&feasible)?;
        Ok(Self { energy, feasible, options, normals, equalities, qp, symbolic: Symbolic::default() })
    }

    /// The energy.
    pub fn energy(&self) -> &E {
        &self.energy
    }

    /// $\phi$ and, for blocks, the number behind it.
    fn split<'t>(&self, theta: &'t [f64]) -> Result<(&'t [f64], Option<f64>)> {
        check_len("theta", self.sizes().theta, theta.len())?;
        finite("theta", theta)?;
        let (phi, rest) = theta.split_at(self.energy.prediction());
        Ok((phi, rest.first().copied()))
    }

    fn sizes(&self) -> Dims {
        let draw = usize::from(matches!(self.options.derivative, SqpDerivative::Block { .. }));
        Dims { theta: self.energy.prediction() + draw, x: self.feasible.n(), rows: self.feasible.m() }
    }
}

fn check_options(options: &SqpOptions, n: usize, prediction: usize) -> Result<()> {
    if !(options.tolerance >= 1e-12 && options.tolerance <= 1e-2) {
        return Err(Error::Domain { what: "SqpOptions::tolerance", value: options.tolerance, need: "between 1e-12 and 1e-2" });
    }
    match options.derivative {
        SqpDerivative::Block { share } if !(share > 0.0 && share <= 1.0) => {
            return Err(Error::Domain { what: "share of a block", value: share, need: "above 0 and at most 1" });
        }
        _ => {}
    }
    match &options.start {
        SqpStart::At(point) => {
            check_len("start", n, point.len())?;
            finite("start", point)
        }
        SqpStart::Mean if prediction < n => Err(Error::Dimension { what: "means to start at", expected: n, got: prediction }),
        SqpStart::Mean | SqpStart::Centre => Ok(()),
    }
}

/// The solver of the steps: a dense quadratic cost that moves over the rows and bounds of the program.
fn quadratic_solver(feasible: &Program) -> Result<ActiveSet> {
    let n = feasible.n();
    let whole: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j, if i == j { 1.0 } else { 0.0 }))).collect();
    let program = Program { r: 0.0, ..feasible.clone() }.with_quadratic(Csc::from_triplets(n, n, &whole)?);
    let params = if n > 0 { ParamMap::new(1).link(Entry::P(0), 0, 1.0) } else { ParamMap::new(1) };
    ActiveSet::new(program, params, ActiveSetOptions::default())
}

impl<E: EnergyCurvature> Solver for Sqp<E> {
    type Workspace = SqpWorkspace;

    fn name(&self) -> &'static str {
        NAME
    }

    fn dims(&self) -> Dims {
        self.sizes()
    }

    fn workspace(&self) -> Result<SqpWorkspace> {
        SqpWorkspace::new(&self.feasible, &self.qp)
    }

    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut SqpWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        self.minimise(theta, from, ws, out)
    }
}
