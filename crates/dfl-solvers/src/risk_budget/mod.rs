//! A linear objective under one quadratic constraint: the exact search for its multiplier.

mod bracket;
mod search;

use dfl_core::{
    Cone, Csc, Dims, Entry, Error, ParamMap, Program, ProgramSolver, Residuals, Result, Side, Solution, SolveInfo, Solver, Status,
};
use faer::Mat;
use faer::linalg::solvers::Llt;

use crate::instance::{Instance, without_answer};
use crate::limits::check_seconds;
use crate::{ActiveSet, ActiveSetOptions, ActiveSetWorkspace};
use search::{Found, Search};

/// How the search is run.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskBudgetOptions {
    /// KKT residual, relative as in [`Residuals`], up to which an answer is optimal. Answers are near 1e-13.
    pub tolerance: f64,
    /// Most multipliers that are tried; about five are needed.
    pub iterations: usize,
    /// Most seconds of each quadratic program inside.
    pub seconds: Option<f64>,
}

impl Default for RiskBudgetOptions {
    fn default() -> Self {
        Self { tolerance: 1e-10, iterations: 200, seconds: None }
    }
}

/// Linear programs with one convex quadratic constraint, such as a portfolio within a budget of risk; minimises.
///
/// $$\min_x\ c^\top x \quad\text{s.t. } \|Fx + g\| \le e,\ \underline b \le Ax \le \overline b,\ \underline x \le x \le \overline x$$
///
/// With the multiplier $\mu$ of the quadratic row, $x$ minimises $\tfrac12\|Fx + g\|^2 + t\,c^\top x$ over the polyhedron for
/// $t = e/\mu$. That $x(t)$ is piecewise affine, and $\|F x(t) + g\|$ does not fall as $t$ grows, so one number is searched: an
/// [`ActiveSet`] warm-started from the last $t$ gives $x(t)$, and on the line through two such points the next $t$ is the root of a
/// quadratic, exact as soon as both lie on the piece that holds the answer. Where $x(t)$ stops moving before the norm reaches $e$, the
/// quadratic row is not tight and the rest of its multipliers are those of the linear program.
///
/// The same [`Program`] as [`Clarabel`](crate::Clarabel) takes, in a fraction of its time. An answer is [`Status::Optimal`] only if its
/// KKT residual is at most `tolerance`; without a start it depends on `theta` alone. `iterations` counts the multipliers that were
/// tried and the constraints that entered or left meanwhile. The final check allocates, the search does not.
///
/// # Shapes
/// `theta`: as `params`, which may move costs alone; `x`, `bound_dual`: `[n]`; `row_dual`: `[m]`; `cone_dual`: $1 +$ rows of $F$.
///
/// # Errors
/// [`Error::Unsupported`] unless there is one cone row with $d = 0$, nothing is integer or quadratic, and only costs are predicted; for
/// dependent columns of $F$ either; [`Error::Domain`] for $e \le 0$.
///
/// # References
/// Markowitz (1956), Naval Res. Logist. Q. 3, the path $x(t)$; the portfolio of Tang & Khalil (2024), Math. Prog. Comp. 16 (PyEPO),
/// there solved as a general quadratically constrained program.
#[derive(Clone, Debug)]
pub struct RiskBudget {
    instance: Instance,
    options: RiskBudgetOptions,
    inner: ActiveSet,
    /// Scale of the quadratic term inside.
    scale: f64,
}

impl RiskBudget {
    /// A solver of `program` with the costs of `params` moved by `theta`.
    ///
    /// # Errors
    /// As above, or what [`Program::check`] and [`ParamMap::check`] find.
    pub fn new(program: Program, params: ParamMap, options: RiskBudgetOptions) -> Result<Self> {
        check_options(&options)?;
        let instance = Instance::new(program, params)?;
        let cone = check_structure(&instance)?;
        let (mut p, linear) = square(cone)?;
        let diagonal: f64 = (0..cone.f.cols()).map(|j| cone.f.col(j).map(|(_, v)| v * v).sum::<f64>()).sum();
        let scale = cone.f.cols() as f64 / diagonal;
        let scaled = |values: &[f64]| values.iter().map(|v| scale * v).collect::<Vec<_>>();
        p.values_mut().iter_mut().for_each(|v| *v *= scale);
        let base = &instance.base;
        let inside = Program::linear(scaled(&linear))
            .with_quadratic(p)
            .with_rows(base.a.clone(), base.row_lo.clone(), base.row_up.clone())
            .with_bounds(base.lo.clone(), base.up.clone());
        let inner_options = ActiveSetOptions { tolerance: options.tolerance, seconds: options.seconds, ..Default::default() };
        let inner = ActiveSet::new(inside, ParamMap::costs(base.n()), inner_options)?;
        Ok(Self { instance, options, inner, scale })
    }

    fn cone(&self) -> &Cone {
        &self.instance.base.cones[0]
    }

    /// The multipliers of the program from those of the inner one at `t`: `t c + scale F'(Fx + g) + A'y + n = 0`.
    fn write(&self, found: Found, ws: &mut RiskBudgetWorkspace, out: &mut Solution) {
        let (inner, t) = (&ws.search.answer, found.t());
        out.x.copy_from_slice(&inner.x);
        out.row_side.copy_from_slice(&inner.row_side);
        out.bound_side.copy_from_slice(&inner.bound_side);
        let divided = |to: &mut [f64], from: &[f64]| to.iter_mut().zip(from).for_each(|(to, v)| *to = v / t);
        divided(&mut out.row_dual, &inner.row_dual);
        divided(&mut out.bound_dual, &inner.bound_dual);
        if let Found::Tight { .. } = found {
            let value = &ws.search.value;
            let share = self.scale / t;
            out.cone_dual[0] = share * value.iter().map(|v| v * v).sum::<f64>().sqrt();
            out.cone_dual[1..].iter_mut().zip(value).for_each(|(w, v)| *w = share * v);
            out.cone_side[0] = Side::Upper;
        }
        out.objective = ws.program.objective(&out.x);
    }
}

/// The program of the last `theta` and memory of the search.
#[derive(Clone, Debug)]
pub struct RiskBudgetWorkspace {
    program: Program,
    inner: ActiveSetWorkspace,
    search: Search,
}

impl Solver for RiskBudget {
    type Workspace = RiskBudgetWorkspace;

    fn name(&self) -> &'static str {
        "risk_budget"
    }

    fn dims(&self) -> Dims {
        self.instance.dims()
    }

    fn workspace(&self) -> Result<RiskBudgetWorkspace> {
        let search = Search::new(&self.instance.base);
        Ok(RiskBudgetWorkspace { program: self.instance.base.clone(), inner: self.inner.workspace()?, search })
    }

    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut RiskBudgetWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        self.instance.check_start(from)?;
        self.instance.reset(out);
        if !self.instance.push(theta, &mut ws.program)? {
            return Ok(without_answer(Status::Infeasible, 0));
        }
        let (found, iterations) = self.search(from, ws)?;
        if let Found::None(status) = found {
            return Ok(without_answer(status, iterations));
        }
        self.write(found, ws, out);
        let residual = Residuals::of(&ws.program, out).worst();
        if residual.is_nan() || residual > self.options.tolerance {
            self.instance.reset(out);
            return Ok(without_answer(Status::Failed, iterations));
        }
        Ok(SolveInfo { status: Status::Optimal, iterations, degenerate: ws.search.degenerate })
    }
}

impl ProgramSolver for RiskBudget {
    fn params(&self) -> &ParamMap {
        &self.instance.params
    }

    fn program<'a>(&'a self, ws: &'a RiskBudgetWorkspace) -> &'a Program {
        &ws.program
    }
}

fn check_options(options: &RiskBudgetOptions) -> Result<()> {
    if !(options.tolerance >= 1e-13 && options.tolerance <= 1e-2) {
        return Err(Error::Domain { what: "RiskBudgetOptions::tolerance", value: options.tolerance, need: "between 1e-13 and 1e-2" });
    }
    check_seconds("RiskBudgetOptions::seconds", options.seconds)
}

/// The one cone row of a program of the right structure.
fn check_structure(instance: &Instance) -> Result<&Cone> {
    let unsupported = |what| Err(Error::Unsupported { who: "risk_budget", what });
    let base = &instance.base;
    if base.has_integers() {
        return unsupported("integer variables");
    }
    if base.p.values().iter().any(|v| *v != 0.0) || instance.params.moves(|e| matches!(e, Entry::P(_))) {
        return unsupported("a quadratic objective");
    }
    if instance.params.moves(|e| !matches!(e, Entry::C(_))) {
        return unsupported("predictions of anything but costs");
    }
    let [cone] = base.cones.as_slice() else { return unsupported("another number of cone rows than one") };
    if cone.d.iter().any(|v| *v != 0.0) {
        return unsupported("a cone row whose right-hand side is not constant");
    }
    if cone.e <= 0.0 {
        return Err(Error::Domain { what: "right-hand side of the cone row", value: cone.e, need: "above 0" });
    }
    Ok(cone)
}

/// $F^\top F$, upper triangle, and $F^\top g$.
fn square(cone: &Cone) -> Result<(Csc, Vec<f64>)> {
    let n = cone.f.cols();
    let mut linear = vec![0.0; n];
    cone.f.mul_t_add(1.0, &cone.g, &mut linear);
    let mut dense = vec![0.0; cone.g.len()];
    let mut triplets = Vec::new();
    for j in 0..n {
        dense.fill(0.0);
        cone.f.col(j).for_each(|(i, v)| dense[i] = v);
        triplets.extend((0..=j).map(|i| (i, j, cone.f.col(i).map(|(k, v)| v * dense[k]).sum::<f64>())));
    }
    check_independent(n, &triplets)?;
    Ok((Csc::from_triplets(n, n, &triplets)?, linear))
}

/// Refuses an $F^\top F$ that is singular up to rounding: $x(t)$ would not be one point.
fn check_independent(n: usize, upper: &[(usize, usize, f64)]) -> Result<()> {
    const SINGULAR: f64 = 1e-13;
    let mut matrix = Mat::zeros(n, n);
    upper.iter().for_each(|&(i, j, v)| matrix[(j, i)] = v);
    let largest = (0..n).fold(0.0_f64, |a, j| a.max(matrix[(j, j)]));
    let regular = |factor: &Llt<f64>| (0..n).all(|j| factor.L()[(j, j)].powi(2) > SINGULAR * largest);
    match matrix.llt(faer::Side::Lower) {
        Ok(factor) if regular(&factor) => Ok(()),
        _ => Err(Error::Unsupported { who: "risk_budget", what: "a cone row whose F has dependent columns" }),
    }
}
