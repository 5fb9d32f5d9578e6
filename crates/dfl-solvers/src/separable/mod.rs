//! Quadratic programs with a diagonal `P`, by smoothed Newton steps on the dual.

mod certificate;
mod finish;
mod least_norm;
mod model;
mod newton;
mod order;
mod profile;
mod search;
mod tape;
mod work;

use std::sync::Arc;

use dfl_core::{Dims, Entry, Error, ParamMap, Program, ProgramSolver, Result, Solution, SolveInfo, Solver, Status};

use crate::instance::{Instance, refuse_integers_and_cones, without_answer};
use crate::kkt::Entries;
use crate::limits::{Deadline, check_seconds};
use model::Model;
use newton::{Outcome, Stop};
pub use tape::SeparableTape;
use work::Work;

/// How the method is run.
#[derive(Clone, Debug, PartialEq)]
pub struct SeparableOptions {
    /// KKT residual, relative as in [`Residuals`](dfl_core::Residuals), up to which an answer is optimal. Answers are near 1e-15.
    pub tolerance: f64,
    /// Most Newton steps in one solve.
    pub iterations: usize,
    /// Most seconds of one solve.
    pub seconds: Option<f64>,
}

impl Default for SeparableOptions {
    fn default() -> Self {
        Self { tolerance: 1e-8, iterations: 1000, seconds: None }
    }
}

/// Strictly convex quadratic programs with a diagonal $P$, small or large, by Newton's method on the dual; minimises.
///
/// With multipliers $y$ of the rows, the variables are clamps, $x_j(y) = \operatorname{clamp}(-(c_j + a_j^\top y)/P_{jj};
/// \underline x_j, \overline x_j)$, and the dual is concave and piecewise quadratic, with the Hessian $-A D A^\top$, $D = P^{-1}$ on the
/// variables off their bounds. One sparse Cholesky factor of it (in the order of Cuthill and McKee, within its profile) gives a step,
/// and an exact line search its length. Far from the answer the jump of $D$ at a bound is smoothed, which makes steps long also where
/// $P$ is tiny and the program nearly linear; the slack of an inequality row is one more variable with a proximal term. When a step
/// leaves the pattern of free variables and tight rows as it was, the exact answer for the pattern is one linear system away, and is
/// accepted if it satisfies the KKT conditions of the program, so that residuals are near 1e-15. Dependent rows are dropped from that
/// system. Where a hundred steps do not suffice, the multipliers are damped: rounds of the proximal-point method, which tend to the
/// answer or, if there is no feasible point, along the proof that there is none.
///
/// An earlier answer hands over its multipliers and sides: if the sides are still right, no step is needed. Without one the answer
/// depends on `theta` alone. An answer is [`Status::Optimal`] only if its KKT residual is at most `tolerance`, else
/// [`Status::Failed`] or, at a limit, [`Status::Limit`]; infeasibility is a certificate checked on the program's own numbers. A solve allocates nothing.
///
/// The derivative needs one back-substitution with the last factor: with $D$ and the tight rows $R$ of the answer,
/// $A_R D A_R^\top v = \ldots$ and $u_x = -D(g + A_R^\top v)$. It is that of [`Kkt`](crate::Kkt), where strict complementarity or rank
/// fails too: flagged, and the least-norm solution of the KKT system.
///
/// # Shapes
/// `theta`: as `params`; `x`, `bound_dual`: `[n]`; `row_dual`: `[m]`.
///
/// # Errors
/// [`Error::Unsupported`] for integers, cones, entries of `P` off the diagonal, even zeros, or a diagonal that is not positive
/// throughout ([`Error::NotConvex`] if it is negative), from `solve` if `P` is predicted; [`Error::NotFinite`].
///
/// # References
/// Li, Sun & Toh (2018), SIAM J. Optim. 28, semismooth Newton steps on such duals; Chen & Mangasarian (1996), Comput. Optim. Appl. 5,
/// the smoothed clamp; Rockafellar (1976), Math. Oper. Res. 1, proximal terms; George & Liu (1981), the factor.
#[derive(Clone, Debug)]
pub struct Separable {
    instance: Instance,
    options: SeparableOptions,
    model: Arc<Model>,
    entries: Entries,
    moved: Moved,
}

/// Which matrices `theta` moves.
#[derive(Clone, Copy, Debug)]
struct Moved {
    p: bool,
    a: bool,
}

impl Separable {
    /// A solver of `program` with the entries of `params` moved by `theta`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::NotConvex`] as above, [`Error::Domain`] for an option, or what [`Program::check`] and
    /// [`ParamMap::check`] find.
    pub fn new(program: Program, params: ParamMap, options: SeparableOptions) -> Result<Self> {
        refuse_integers_and_cones("separable", &program)?;
        if !(options.tolerance >= 1e-13 && options.tolerance <= 1e-2) {
            return Err(Error::Domain { what: "SeparableOptions::tolerance", value: options.tolerance, need: "between 1e-13 and 1e-2" });
        }
        check_seconds("SeparableOptions::seconds", options.seconds)?;
        let moved = Moved { p: params.moves(|e| matches!(e, Entry::P(_))), a: params.moves(|e| matches!(e, Entry::A(_))) };
        let instance = Instance::new(program, params)?;
        if instance.base.p.triplets().any(|(i, j, _)| i != j) {
            return Err(unsupported("a quadratic term with entries off the diagonal"));
        }
        if instance.base.p.nnz() < instance.base.n() {
            return Err(unsupported(NOT_STRICT));
        }
        if !moved.p {
            check_positive(&instance.base)?;
        }
        let (model, entries) = (Arc::new(Model::new(&instance.base)), Entries::of(&instance.base, &instance.params));
        Ok(Self { instance, options, model, entries, moved })
    }
}

const NOT_STRICT: &str = "a quadratic term that is not positive for every variable";

fn unsupported(what: &'static str) -> Error {
    Error::Unsupported { who: "separable", what }
}

/// Whether `program` is one of those that [`Separable`] takes, wherever `params` may move it.
pub(crate) fn is_separable(program: &Program, params: &ParamMap) -> bool {
    let diagonal = program.p.nnz() == program.n() && program.p.triplets().all(|(i, j, _)| i == j);
    let fixed = !params.moves(|e| matches!(e, Entry::P(_)));
    diagonal && fixed && !program.has_integers() && program.cones.is_empty() && check_positive(program).is_ok()
}

/// Every diagonal entry must be positive, and so must be its inverse.
fn check_positive(program: &Program) -> Result<()> {
    match program.p.values().iter().position(|&p| p <= 0.0 || (1.0 / p).is_infinite()) {
        None => Ok(()),
        Some(row) if program.p.values()[row] < 0.0 => Err(Error::NotConvex { row, pivot: program.p.values()[row] }),
        Some(_) => Err(unsupported(NOT_STRICT)),
    }
}

/// Memory of a [`Separable`]: the program of the last `theta`, and the last factor.
#[derive(Clone, Debug)]
pub struct SeparableWorkspace {
    program: Program,
    /// Where `theta` moves `A`; else the solver's serves all.
    model: Option<Model>,
    work: Work,
}

impl Solver for Separable {
    type Workspace = SeparableWorkspace;

    fn name(&self) -> &'static str {
        "separable"
    }

    fn dims(&self) -> Dims {
        self.instance.dims()
    }

    fn workspace(&self) -> Result<SeparableWorkspace> {
        Ok(SeparableWorkspace {
            program: self.instance.base.clone(),
            model: self.moved.a.then(|| (*self.model).clone()),
            work: Work::new(&self.model),
        })
    }

    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut SeparableWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        self.instance.check_start(from)?;
        self.instance.reset(out);
        let SeparableWorkspace { program, model, work } = ws;
        if !self.instance.push(theta, program)? {
            return Ok(without_answer(Status::Infeasible, 0));
        }
        if self.moved.p {
            check_positive(program)?;
        }
        if let Some(model) = model {
            model.fill(&program.a);
        }
        let model = model.as_ref().unwrap_or(&self.model);
        let from = from.filter(|from| from.x.iter().chain(&from.row_dual).all(|v| v.is_finite()));
        work.load(model, program);
        let stop = Stop { iterations: self.options.iterations, deadline: Deadline::after(self.options.seconds) };
        let status = match newton::solve(model, program, work, from, self.options.tolerance, stop) {
            Outcome::Optimal => Status::Optimal,
            Outcome::Infeasible => Status::Infeasible,
            Outcome::Limit => Status::Limit,
            Outcome::Failed => Status::Failed,
        };
        if status != Status::Optimal {
            return Ok(without_answer(status, work.iterations));
        }
        work.store(model, program, out);
        Ok(SolveInfo { status, iterations: work.iterations, degenerate: work.degenerate(model, program) })
    }
}

impl ProgramSolver for Separable {
    fn params(&self) -> &ParamMap {
        &self.instance.params
    }

    fn program<'a>(&'a self, ws: &'a SeparableWorkspace) -> &'a Program {
        &ws.program
    }
}
