//! HiGHS for linear and mixed-integer programs, on one kept model per thread.

mod answer;
mod model;
mod subtours;
mod tour;

use dfl_core::{Dims, Entry, Error, ParamMap, Program, ProgramSolver, Residuals, Result, Side, Solution, SolveInfo, Solver, Status};
use highs_sys as ffi;
use highs_sys::HighsInt;

use crate::instance::{Instance, without_answer};
use crate::limits::{Deadline, check_seconds};
use model::Model;
pub use tour::{TourCuts, TourCutsOptions, TourCutsWorkspace};

/// Rows and columns from which a linear program is presolved.
const LARGE: usize = 1000;

/// How HiGHS is run.
#[derive(Clone, Debug, PartialEq)]
pub struct HighsOptions {
    /// Residual, relative as in [`Residuals`](dfl_core::Residuals), up to which a linear program's answer is optimal. HiGHS itself
    /// works to a tenth of it. Mixed-integer answers are checked to ten times it.
    pub tolerance: f64,
    /// Gap, relative to `max(1, |objective|)`, at which branch and bound stops; up to `max(gap, 1e-6)` is optimal.
    pub gap: f64,
    /// Most nodes of branch and bound.
    pub nodes: Option<usize>,
    /// Most simplex iterations.
    pub iterations: Option<usize>,
    /// Most seconds of one solve.
    pub seconds: Option<f64>,
    /// Whether a cold solve may presolve; `None` means integer programs and large linear ones, since on a small one presolve takes
    /// several times what the simplex method does.
    pub presolve: Option<bool>,
}

impl Default for HighsOptions {
    fn default() -> Self {
        Self { tolerance: 1e-7, gap: 0.0, nodes: None, iterations: None, seconds: None, presolve: None }
    }
}

/// Linear and mixed-integer programs by HiGHS: minimise $c^\top x + r$ subject to rows, bounds and integrality.
///
/// A workspace keeps one HiGHS model for its life and updates what `theta` moves (if that includes the matrix, it passes the
/// program as a whole). Without a start the answer depends on `theta` alone, to the last bit: linear programs are scaled by their
/// matrix, where HiGHS by itself looks at the first costs too. A start sets the basis from the sides of the earlier answer (of a
/// mixed-integer program: its point), and one that ends without an answer is repeated without it.
///
/// Status and numbers are HiGHS's, but an answer is [`Status::Optimal`] only if its KKT residuals are at most
/// `tolerance`; for mixed-integer programs, feasibility, integrality and gap. At a limit it is [`Status::Feasible`] if there is a
/// point, else [`Status::Limit`]. An unbounded program is told from an infeasible
/// one by a solve without costs. Sides come from the basis, duals have the sign of [`Solution`] (HiGHS's is the
/// opposite); a mixed-integer answer has no duals and no sides. `iterations` counts pivots, or nodes.
///
/// # Shapes
/// `theta`: as `params`; `x`, `bound_dual`: `[n]`; `row_dual`: `[m]`.
///
/// # Errors
/// [`Error::Unsupported`] for a quadratic term, a predicted one, or cones.
///
/// # References
/// Huangfu & Hall (2018), Math. Prog. Comp. 10, dual simplex.
#[derive(Clone, Debug)]
pub struct Highs {
    instance: Instance,
    options: HighsOptions,
    presolve: bool,
}

impl Highs {
    /// A solver of `program` with the entries of `params` moved by `theta`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] as above, [`Error::Domain`] for an option, or what [`Program::check`] and [`ParamMap::check`] find.
    pub fn new(program: Program, params: ParamMap, options: HighsOptions) -> Result<Self> {
        let unsupported = |what| Err(Error::Unsupported { who: "highs", what });
        if program.p.values().iter().any(|&v| v != 0.0) || params.moves(|e| matches!(e, Entry::P(_))) {
            return unsupported("a quadratic term");
        }
        if !program.cones.is_empty() {
            return unsupported("second-order cones");
        }
        if !(options.tolerance >= 1e-9 && options.tolerance <= 1e-2) {
            return Err(Error::Domain { what: "HighsOptions::tolerance", value: options.tolerance, need: "between 1e-9 and 1e-2" });
        }
        if !(options.gap >= 0.0 && options.gap.is_finite()) {
            return Err(Error::Domain { what: "HighsOptions::gap", value: options.gap, need: "finite and at least 0" });
        }
        check_seconds("HighsOptions::seconds", options.seconds)?;
        let instance = Instance::new(program, params)?;
        let pays = instance.base.has_integers() || instance.base.n() + instance.base.m() >= LARGE;
        Ok(Self { presolve: options.presolve.unwrap_or(pays), instance, options })
    }

    fn new_model(&self) -> Result<Model> {
        let mut model = Model::new(&self.instance.base, &self.instance.params)?;
        model.set("primal_feasibility_tolerance", self.options.tolerance * 0.1)?;
        model.set("dual_feasibility_tolerance", self.options.tolerance * 0.1)?;
        model.set("mip_rel_gap", self.options.gap)?;
        if let Some(nodes) = self.options.nodes {
            model.limit("mip_max_nodes", nodes)?;
        }
        if let Some(iterations) = self.options.iterations {
            model.limit("simplex_iteration_limit", iterations)?;
        }
        Ok(model)
    }

    /// Sets where the next run begins; a start that HiGHS refuses is none.
    fn start(&self, from: &Solution, ws: &mut HighsWorkspace) {
        let HighsWorkspace { model, program, columns, rows, .. } = ws;
        if program.has_integers() {
            if from.x.iter().all(|x| x.is_finite()) {
                model.set_point(&from.x);
            }
        } else if program.m() > 0 {
            basis(&from.bound_side, &program.lo, &program.up, columns);
            basis(&from.row_side, &program.row_lo, &program.row_up, rows);
            model.set_basis(columns, rows);
        }
    }

    /// One run and what it found; the model is ready for it.
    fn attempt(&self, ws: &mut HighsWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        if ws.program.n() == 0 && Residuals::feasibility(&ws.program, &[]) > self.options.tolerance {
            // HiGHS looks at no row then.
            ws.limited = false;
            return Ok(without_answer(Status::Infeasible, 0));
        }
        let ended = ws.model.run();
        ws.limited = matches!(
            ended,
            ffi::MODEL_STATUS_REACHED_ITERATION_LIMIT | ffi::MODEL_STATUS_REACHED_SOLUTION_LIMIT | ffi::MODEL_STATUS_REACHED_TIME_LIMIT
        );
        Ok(match ended {
            ffi::MODEL_STATUS_OPTIMAL | ffi::MODEL_STATUS_MODEL_EMPTY => self.answer(ws, out, true),
            _ if ws.limited => match ws.model.has_point().then(|| self.answer(ws, out, false)) {
                Some(incumbent) if incumbent.status.usable() => incumbent,
                _ => without_answer(Status::Limit, self.iterations(ws)),
            },
            ffi::MODEL_STATUS_INFEASIBLE => without_answer(Status::Infeasible, self.iterations(ws)),
            ffi::MODEL_STATUS_UNBOUNDED | ffi::MODEL_STATUS_UNBOUNDED_OR_INFEASIBLE => self.unbounded_or_infeasible(ws)?,
            _ => without_answer(Status::Failed, self.iterations(ws)),
        })
    }

    /// Without costs every feasible point is optimal: a program that has one was unbounded.
    fn unbounded_or_infeasible(&self, ws: &mut HighsWorkspace) -> Result<SolveInfo> {
        let iterations = self.iterations(ws);
        ws.model.without_costs(self.instance.base.n())?;
        let status = match ws.model.run() {
            ffi::MODEL_STATUS_OPTIMAL => Status::Unbounded,
            ffi::MODEL_STATUS_INFEASIBLE => Status::Infeasible,
            ffi::MODEL_STATUS_REACHED_ITERATION_LIMIT | ffi::MODEL_STATUS_REACHED_TIME_LIMIT => Status::Limit,
            _ => Status::Failed,
        };
        Ok(without_answer(status, iterations + self.iterations(ws)))
    }
}

/// A basis from sides: what is not tight is basic. Which of the tight constraints are too many is for HiGHS to find out.
fn basis(sides: &[Side], lo: &[f64], up: &[f64], out: &mut [HighsInt]) {
    for (k, status) in out.iter_mut().enumerate() {
        *status = match sides[k] {
            Side::Lower if lo[k].is_finite() => ffi::kHighsBasisStatusLower,
            Side::Upper if up[k].is_finite() => ffi::kHighsBasisStatusUpper,
            _ => ffi::kHighsBasisStatusBasic,
        };
    }
}

/// One HiGHS model and the program it holds. It stays on the thread that made it: use it through [`Owned`](crate::Owned).
pub struct HighsWorkspace {
    model: Model,
    program: Program,
    /// Whether the last run ended at a limit; repeating it would not help.
    limited: bool,
    columns: Vec<HighsInt>,
    rows: Vec<HighsInt>,
}

impl HighsWorkspace {
    /// Distance of `objective` from the bound that the last branch and bound has proven, relative to `max(1, |objective|)`; `None` for
    /// a linear program.
    pub fn gap(&self, objective: f64) -> Option<f64> {
        self.program.has_integers().then(|| (objective - self.model.bound()).max(0.0) / objective.abs().max(1.0))
    }
}

impl Solver for Highs {
    type Workspace = HighsWorkspace;

    fn name(&self) -> &'static str {
        "highs"
    }

    fn dims(&self) -> Dims {
        self.instance.dims()
    }

    fn workspace(&self) -> Result<HighsWorkspace> {
        let (base, model) = (&self.instance.base, self.new_model()?);
        let (columns, rows) = (vec![0; base.n()], vec![0; base.m()]);
        Ok(HighsWorkspace { model, program: base.clone(), limited: false, columns, rows })
    }

    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut HighsWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        self.instance.check_start(from)?;
        self.instance.reset(out);
        if !self.instance.push(theta, &mut ws.program)? {
            return Ok(without_answer(Status::Infeasible, 0));
        }
        let (mut iterations, deadline) = (0, Deadline::after(self.options.seconds));
        // A start that misleads and a presolve that spoils the answer are both answered by leaving them out.
        let attempts = [(from, self.presolve), (None, self.presolve), (None, false)];
        for (k, (from, presolve)) in attempts.into_iter().enumerate() {
            if k == 0 && from.is_none() || k == 2 && !self.presolve {
                continue;
            }
            ws.model.load(&ws.program)?;
            ws.model.set_presolve(presolve)?;
            ws.model.stop_at(deadline)?;
            if let Some(from) = from {
                self.start(from, ws);
            }
            let mut info = self.attempt(ws, out)?;
            iterations += info.iterations;
            info.iterations = iterations;
            let trusted = from.is_none() && (info.status != Status::Failed || ws.limited);
            if info.status.usable() || trusted {
                return Ok(info);
            }
        }
        self.instance.reset(out);
        Ok(without_answer(Status::Failed, iterations))
    }
}

impl ProgramSolver for Highs {
    fn params(&self) -> &ParamMap {
        &self.instance.params
    }

    fn program<'a>(&'a self, ws: &'a HighsWorkspace) -> &'a Program {
        &ws.program
    }
}
