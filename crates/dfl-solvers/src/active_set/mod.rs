//! Dense convex quadratic programs by a dual active-set method.

mod certificate;
mod derivative;
mod gram;
mod iterate;
pub(crate) mod kernels;
pub(crate) mod ldl;
mod metric;
mod model;
mod range_space;
mod rounds;
mod rows;
mod tight;
mod units;
mod work;

use std::sync::{Arc, OnceLock};

use dfl_core::{Dims, Entry, Error, ParamMap, Program, ProgramSolver, Result, Solution, SolveInfo, Solver, Status};

use crate::check_convex;
use crate::instance::{Instance, finite, is_finite, refuse_integers_and_cones, without_answer};
use crate::kkt::{Entries, Matrices, Symbolic};
use crate::limits::check_seconds;
pub use derivative::ActiveSetTape;
use model::Model;
use rounds::Outcome;
use work::Work;

/// How the method is run.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveSetOptions {
    /// KKT residual, relative as in [`Residuals`](dfl_core::Residuals), up to which an answer is optimal. Answers are near 1e-14.
    pub tolerance: f64,
    /// Most constraints that enter or leave in one solve.
    pub iterations: usize,
    /// Most seconds of one solve, looked at every 64 iterations.
    pub seconds: Option<f64>,
}

impl Default for ActiveSetOptions {
    fn default() -> Self {
        Self { tolerance: 1e-8, iterations: 20_000, seconds: None }
    }
}

/// Convex quadratic (and linear) programs of up to a few hundred variables by a dual active-set method; minimises.
///
/// With $H = P$ positive definite the multipliers of the tight constraints $W$ solve $G_{WW}\lambda_W = A_W H^{-1}(\cdot) - b_W$, where
/// $G = A H^{-1} A^\top$ is the Gram matrix of all normals in the metric $H^{-1}$. The method walks uphill in the dual: the most violated
/// constraint enters $W$; multipliers move to the solution on $W$, and one that reaches zero on the way leaves. $G_{WW} = LDL^\top$ is
/// updated for each; columns of $G$ are computed when first needed and kept, so that an iteration costs $O((n + m)|W|)$. $H^{-1}$ and
/// these columns outlive a solve if `theta` moves neither `P` nor `A`.
///
/// A $P$ that is only semidefinite gets a proximal term, and the method is repeated from its own answer until the term does not matter
/// (a linear program: mostly twice); it is measured in units that make the entries of `P` and `A` alike.
/// Repeating it also refines rounding errors away, down to a KKT residual near 1e-14.
///
/// An earlier answer hands over its tight sides and multipliers: if they are still right, no iteration is needed. Without one the answer
/// depends on `theta` alone. An answer is [`Status::Optimal`] only if its KKT residual is at most `tolerance`, else
/// [`Status::Failed`], or [`Status::Limit`] at a limit; infeasibility and unboundedness are certificates checked on the program's own
/// numbers. `iterations` counts constraints that enter or leave. A solve allocates nothing, but for the check of a predicted `P` that is
/// only semidefinite.
///
/// Its own derivative (it is a [`DifferentiableSolver`](dfl_core::DifferentiableSolver)) is that of [`Kkt`](crate::Kkt), by the factors
/// of the solve; a tape holds a copy of the one of the tight set, and of the model where `theta` moves a matrix.
///
/// # Shapes
/// `theta`: as `params`; `x`, `bound_dual`: `[n]`; `row_dual`: `[m]`. Memory: $(n + m)^2$ numbers at most.
///
/// # Errors
/// [`Error::Unsupported`] for integers or cones; [`Error::NotConvex`], from `solve` if `P` is predicted; [`Error::NotFinite`].
///
/// # References
/// Goldfarb & Idnani (1983), Math. Prog. 27, the dual method; Arnström, Bemporad & Axehill (2022), IEEE TAC 67, its form with
/// $LDL^\top$ of the Gram matrix and proximal steps; Gill, Golub, Murray & Saunders (1974), Math. Comp. 28, method C1, the update.
#[derive(Clone, Debug)]
pub struct ActiveSet {
    instance: Instance,
    options: ActiveSetOptions,
    model: Arc<Model>,
    moved: Moved,
    entries: Entries,
    /// For answers whose own factors do not serve; made when first needed.
    matrices: OnceLock<Arc<Matrices>>,
    symbolic: Symbolic,
}

/// What `theta` moves besides costs.
#[derive(Clone, Copy, Debug)]
struct Moved {
    p: bool,
    a: bool,
    bounds: bool,
}

impl ActiveSet {
    /// A solver of `program` with the entries of `params` moved by `theta`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::NotConvex`] as above, [`Error::Domain`] for an option, or what [`Program::check`] and
    /// [`ParamMap::check`] find.
    pub fn new(program: Program, params: ParamMap, options: ActiveSetOptions) -> Result<Self> {
        refuse_integers_and_cones("active_set", &program)?;
        if !(options.tolerance >= 1e-13 && options.tolerance <= 1e-2) {
            return Err(Error::Domain { what: "ActiveSetOptions::tolerance", value: options.tolerance, need: "between 1e-13 and 1e-2" });
        }
        check_seconds("ActiveSetOptions::seconds", options.seconds)?;
        let moved = Moved {
            p: params.moves(|e| matches!(e, Entry::P(_))),
            a: params.moves(|e| matches!(e, Entry::A(_))),
            bounds: params.moves(|e| !matches!(e, Entry::P(_) | Entry::A(_) | Entry::C(_))),
        };
        let instance = Instance::new(program, params)?;
        if !moved.p {
            check_convex(&instance.base)?;
        }
        let model = Arc::new(Model::new(&instance.base));
        let entries = Entries::of(&instance.base, &instance.params);
        Ok(Self { instance, options, model, moved, entries, matrices: OnceLock::new(), symbolic: Symbolic::default() })
    }

    /// Writes the program of `theta`; `false` if its bounds cross. Matrices that stay are not looked at again.
    fn push(&self, theta: &[f64], program: &mut Program) -> Result<bool> {
        if self.moved.p || self.moved.a {
            return self.instance.push(theta, program);
        }
        finite("theta", theta)?;
        self.instance.params.push(theta, &self.instance.base, program)?;
        finite("c", &program.c)?;
        if !self.moved.bounds {
            return Ok(true);
        }
        match program.check_bounds() {
            Err(Error::CrossedBounds { .. }) => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Brings the workspace's own model up to date, if `theta` moves a matrix.
    fn refresh(&self, ws: &mut ActiveSetWorkspace) -> Result<()> {
        if ws.refill() && self.moved.p { check_convex(&ws.program) } else { Ok(()) }
    }

    /// Solves the program that the caller wrote into [`ActiveSetWorkspace::program_mut`]; `theta` plays no part. The caller vouches for
    /// finite numbers, bounds that do not cross and a convex `P`, and moves matrices only if some parameter does.
    pub(crate) fn solve_written(&self, from: Option<&Solution>, ws: &mut ActiveSetWorkspace, out: &mut Solution) -> SolveInfo {
        self.instance.reset(out);
        ws.refill();
        self.run(true, from, ws, out)
    }

    /// Solves the program of the workspace, of which the bounds may be others than in the last solve.
    fn run(&self, bounds_move: bool, from: Option<&Solution>, ws: &mut ActiveSetWorkspace, out: &mut Solution) -> SolveInfo {
        let ActiveSetWorkspace { program, model, work } = ws;
        let model = model.as_ref().unwrap_or(&self.model);
        work.load(model, program, &self.options, bounds_move);
        let from = from.filter(|from| is_finite(from));
        let status = match rounds::solve(model, work, from, self.options.tolerance) {
            Outcome::Optimal => Status::Optimal,
            Outcome::Infeasible => Status::Infeasible,
            Outcome::Unbounded => Status::Unbounded,
            Outcome::Limit => Status::Limit,
            Outcome::Failed => Status::Failed,
        };
        if status != Status::Optimal {
            return without_answer(status, work.iterations);
        }
        work.store(model, program.r, out);
        SolveInfo { status, iterations: work.iterations, degenerate: work.degenerate(model) }
    }
}

/// Memory of an [`ActiveSet`]: the program of the last `theta`, factors and the columns of the Gram matrix.
#[derive(Clone, Debug)]
pub struct ActiveSetWorkspace {
    program: Program,
    /// Where `theta` moves a matrix; else the solver's serves all.
    model: Option<Model>,
    work: Work,
}

impl ActiveSetWorkspace {
    /// The program, to write; its sparsity pattern and which of its sides are finite stay those of the solver's.
    pub(crate) fn program_mut(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Takes over the matrices of the program, if they may move. True if its `P` then needs a proximal term.
    fn refill(&mut self) -> bool {
        let Some(model) = &mut self.model else { return false };
        model.fill(&self.program);
        self.work.gram.clear();
        model.metric.shift > 0.0
    }
}

impl Solver for ActiveSet {
    type Workspace = ActiveSetWorkspace;

    fn name(&self) -> &'static str {
        "active_set"
    }

    fn dims(&self) -> Dims {
        self.instance.dims()
    }

    fn workspace(&self) -> Result<ActiveSetWorkspace> {
        let own = self.moved.p || self.moved.a;
        Ok(ActiveSetWorkspace {
            program: self.instance.base.clone(),
            model: own.then(|| (*self.model).clone()),
            work: Work::new(&self.model),
        })
    }

    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut ActiveSetWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        self.instance.check_start(from)?;
        self.instance.reset(out);
        if !self.push(theta, &mut ws.program)? {
            return Ok(without_answer(Status::Infeasible, 0));
        }
        self.refresh(ws)?;
        Ok(self.run(self.moved.bounds, from, ws, out))
    }
}

impl ProgramSolver for ActiveSet {
    fn params(&self) -> &ParamMap {
        &self.instance.params
    }

    fn program<'a>(&'a self, ws: &'a ActiveSetWorkspace) -> &'a Program {
        &ws.program
    }
}
