//! Stochastic programs: the decision that is best for a set of samples, and its derivative in them.

mod axes;
mod derivative;
mod evaluate;
mod newton;
mod residual;
mod score;
mod subproblem;
mod sweep;
mod system;
mod workspace;

use std::sync::Arc;

use dfl_core::{Constraint, CostCurvature, Curvature, Dims, Error, Program, Result, Risk};

use crate::ActiveSet;
use axes::Axis;
pub use derivative::StochasticTape;
use subproblem::Layout;
pub use workspace::StochasticWorkspace;

const NAME: &str = "stochastic";

/// How many samples a stochastic program has, and their length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenarios {
    /// $M$, the number of samples; all weigh the same.
    pub count: usize,
    /// Length of one sample $y_m$.
    pub outcome: usize,
}

/// How a [`StochasticProgram`] combines its samples, differentiates and stops.
#[derive(Clone, Debug, PartialEq)]
pub struct StochasticOptions {
    /// How the costs of the samples are combined.
    pub risk: Risk,
    /// What the derivative takes for the curvature at kinks.
    pub curvature: Curvature,
    /// KKT residual, relative to `1 +` the size of its terms, up to which an answer is optimal. Answers are near 1e-13.
    pub tolerance: f64,
    /// Most quadratic programs that one solve takes.
    pub iterations: usize,
}

impl Default for StochasticOptions {
    fn default() -> Self {
        Self { risk: Risk::Mean, curvature: Curvature::SampleAverage, tolerance: 1e-8, iterations: 500 }
    }
}

/// The decision that is best for a set of samples; minimises, and differentiates in every sample.
///
/// $$z^\star(y_1, \dots, y_M) = \arg\min_z \tfrac12 z^\top P z + c^\top z + \rho\bigl(f(y_1, z), \dots, f(y_M, z)\bigr)
/// \quad\text{s.t. } \underline b \le Az \le \overline b,\ \underline z \le z \le \overline z,\ h_i(z) \le 0$$
///
/// with a cost $f$ by its capabilities ([`CostCurvature`]), a [`Risk`] $\rho$ and the rows, bounds and deterministic cost of a
/// [`Program`].
///
/// **Solving.** Sequential quadratic programming with [`ActiveSet`] inside and a line search. Kinks are solved exactly: those with a
/// common $a$ put breakpoints on the line $\tau = a^\top z$, between which the cost is smooth; each subproblem is restricted to the cell
/// of the present point, and a side whose multiplier exceeds the jump of the slope there is crossed. So $M$ samples add one row per axis
/// and no variable. A solve begins with an exact descent along the coordinates if every kink bends along one (which ends at the answer if
/// the smooth part is quadratic and no row tight); else, from a cold start, a few Newton steps on a smoothed cost find the neighbourhood.
/// CVaR adds its threshold $\eta$ and, for the samples whose cost is near it, a slack and a linearised row $f_m \le \eta + v_m$; farther
/// ones stay where they are. An indefinite Hessian is shifted, so that for a cost that is not convex a stationary point is found;
/// [`SolveInfo::degenerate`](dfl_core::SolveInfo) says if it is no strict local minimum.
///
/// **Derivative.** With $u = -K^{-1}$ cotangent, $K$ the KKT matrix of the tight constraints with $H = P + \sum_m p_m \nabla^2 s_m + F^\top
/// Q F + \sum_i \lambda_i \nabla^2 h_i$ ($p$, $Q$: gradient and Hessian of the risk, $F$: gradients of the scenarios), the cotangent of
/// sample $m$ is $p_m (\partial^2 s_m/\partial z\partial y)^\top u + (Q F u)_m \nabla_y f_m$, plus what [`Curvature`] makes of the kinks.
/// See `docs/stochastic.md`.
///
/// # Shapes
/// `theta`: `[M, outcome]`, row-major; `x`, `bound_dual`: `[n]`; `row_dual`: `[m + constraints]`.
/// # Errors
/// [`Error::NotFinite`] for a sample, with its number and entry; [`Error::Unsupported`] for score weights at a kink, see
/// [`Curvature::SampleAverage`].
/// # References
/// Diffusion-DFL (ICLR 2026), the total derivative through the KKT conditions and both estimators; Rockafellar & Uryasev (2000), J. Risk 2,
/// CVaR with a threshold; Nocedal & Wright (2006), Alg. 18.3, line-search SQP.
/// # Differences
/// The paper's second derivatives ignore kinks ([`Curvature::Ignored`]), and its weights the samples that the decision shares with them.
#[derive(Clone)]
pub struct StochasticProgram<C> {
    cost: C,
    feasible: Program,
    constraints: Vec<Arc<dyn Constraint>>,
    scenarios: Scenarios,
    options: StochasticOptions,
    axes: Vec<Axis>,
    /// The axis of each coordinate, if every axis is one.
    coordinates: Option<Vec<Option<usize>>>,
    /// Entries of each row of the program.
    normals: Vec<Vec<(usize, f64)>>,
    layout: Layout,
    qp: ActiveSet,
}

impl<C: CostCurvature> StochasticProgram<C> {
    /// The program of `cost` over the rows and bounds of `feasible`, whose own cost is added.
    ///
    /// # Errors
    /// [`Error::Domain`] for no scenarios or a parameter outside its domain, [`Error::Unsupported`] for integers or cones,
    /// [`Error::NotConvex`] for the deterministic cost, or what [`Program::check`] and [`Kink::check`](dfl_core::Kink::check) find.
    pub fn new(cost: C, feasible: Program, scenarios: Scenarios, options: StochasticOptions) -> Result<Self> {
        Self::constrained(cost, feasible, Vec::new(), scenarios, options)
    }

    /// The same with smooth convex constraints $h_i(z) \le 0$, whose multipliers follow those of the rows.
    ///
    /// # Errors
    /// As [`StochasticProgram::new`].
    pub fn constrained(
        cost: C,
        feasible: Program,
        constraints: Vec<Arc<dyn Constraint>>,
        scenarios: Scenarios,
        options: StochasticOptions,
    ) -> Result<Self> {
        if scenarios.count == 0 {
            return Err(Error::Domain { what: "Scenarios::count", value: 0.0, need: "at least 1" });
        }
        options.risk.check()?;
        options.curvature.check()?;
        if !(options.tolerance >= 1e-12 && options.tolerance <= 1e-2) {
            return Err(Error::Domain { what: "StochasticOptions::tolerance", value: options.tolerance, need: "between 1e-12 and 1e-2" });
        }
        feasible.check()?;
        cost.kinks().iter().try_for_each(|k| k.check(feasible.n(), scenarios.outcome))?;
        crate::check_convex(&feasible)?;
        let axes = Axis::all(cost.kinks());
        let tail = matches!(options.risk, Risk::Cvar { .. }).then(|| subproblem::slots(feasible.n(), scenarios.count));
        let mut layout = Layout::new(&feasible, axes.len(), constraints.len(), tail);
        let qp = layout.solver(&feasible, &axes)?;
        let mut normals = vec![Vec::new(); feasible.m()];
        feasible.a.triplets().for_each(|(i, j, v)| normals[i].push((j, v)));
        let coordinates = sweep::coordinates(&axes, feasible.n());
        Ok(Self { cost, feasible, constraints, scenarios, options, axes, coordinates, normals, layout, qp })
    }

    /// The cost of one scenario.
    pub fn cost(&self) -> &C {
        &self.cost
    }

    /// Sample `m` of `theta`.
    fn sample<'t>(&self, theta: &'t [f64], m: usize) -> &'t [f64] {
        &theta[m * self.scenarios.outcome..][..self.scenarios.outcome]
    }

    fn sizes(&self) -> Dims {
        let Scenarios { count, outcome } = self.scenarios;
        Dims { theta: count * outcome, x: self.feasible.n(), rows: self.feasible.m() + self.constraints.len() }
    }

    /// Most that one scenario weighs under CVaR.
    fn cap(&self) -> Option<f64> {
        match self.options.risk {
            Risk::Cvar { tail } => Some(1.0 / (tail * self.scenarios.count as f64)),
            _ => None,
        }
    }
}
