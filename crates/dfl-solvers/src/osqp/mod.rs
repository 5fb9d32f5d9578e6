//! OSQP for sparse convex quadratic programs, with an active-set polish and checked answers.

mod form;
mod run;

use std::sync::Arc;
use std::time::Duration;

use dfl_core::{Dims, Entry, Error, ParamMap, Program, ProgramSolver, Result, Solution, SolveInfo, Solver, Status};
use osqp::{Problem, Settings};

use crate::check_convex;
use crate::instance::{Instance, is_finite, refuse_integers_and_cones, without_answer};
use crate::limits::{Deadline, check_seconds};
use crate::polish::{Layout, Pattern, Point, Polisher, Stack};
use form::{Finite, borrow};

/// The step size a cold solve begins with; OSQP's default.
const RHO: f64 = 0.1;
/// First-order accuracy after which the tight constraints are guessed; a wrong guess asks for more.
const STAGES: [f64; 4] = [1e-3, 1e-5, 1e-7, 1e-9];

/// OSQP's own default of the time limit.
const FOREVER: Duration = Duration::from_secs(10_000_000_000);

/// How OSQP is run.
#[derive(Clone, Debug, PartialEq)]
pub struct OsqpOptions {
    /// KKT residual, relative as in [`Residuals`](dfl_core::Residuals), up to which an answer is optimal. Polished answers are near 1e-14.
    pub tolerance: f64,
    /// Most first-order steps of one solve.
    pub iterations: u32,
    /// Most seconds of one solve.
    pub seconds: Option<f64>,
}

impl Default for OsqpOptions {
    fn default() -> Self {
        Self { tolerance: 1e-7, iterations: 20_000, seconds: None }
    }
}

/// Convex quadratic (and linear) programs by OSQP, in the sparse form of [`Program`]; minimises.
///
/// OSQP runs until its point tells which constraints are tight; the KKT equations of those are then solved to rounding, and the
/// guess corrected until multipliers and slacks have the right sign. If that does not succeed, OSQP goes on to a finer tolerance
/// (1e-3 to 1e-9). A start first tries its own sides and needs no first-order step if few of them change. Without a
/// start the answer depends on `theta` alone: iterates begin at zero, with the step size of the set-up, adapted by iteration count.
///
/// An answer is [`Status::Optimal`] only if its KKT residual is at most `tolerance`, else [`Status::Failed`], or [`Status::Limit`] at a
/// limit; infeasibility and unboundedness are taken from a certificate that this library has checked. `iterations` counts first-order
/// steps and factorisations of the polish. Off scaling: a program whose `P` or `A` is predicted is not equilibrated, since OSQP's update
/// of a scaled matrix depends on the matrix before.
///
/// # Shapes
/// `theta`: as `params`; `x`, `bound_dual`: `[n]`; `row_dual`: `[m]`.
///
/// # Errors
/// [`Error::Unsupported`] for integers, cones, or no variables; [`Error::NotConvex`], from `solve` if `P` is predicted.
///
/// # References
/// Stellato et al. (2020), Math. Prog. Comp. 12, Alg. 1 and section 4; certificates: Banjac et al. (2019), JOTA 183.
#[derive(Clone, Debug)]
pub struct Osqp {
    instance: Instance,
    options: OsqpOptions,
    layout: Layout,
    pattern: Arc<Pattern>,
    moved: Moved,
}

/// What `theta` moves; costs are always told.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    p: bool,
    a: bool,
    bounds: bool,
}

impl Osqp {
    /// A solver of `program` with the entries of `params` moved by `theta`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::NotConvex`] as above, [`Error::Domain`] for an option, or what [`Program::check`] and
    /// [`ParamMap::check`] find.
    pub fn new(program: Program, params: ParamMap, options: OsqpOptions) -> Result<Self> {
        refuse_integers_and_cones("osqp", &program)?;
        if program.n() == 0 {
            return Err(Error::Unsupported { who: "osqp", what: "a program without variables" });
        }
        if !(options.tolerance >= 1e-12 && options.tolerance <= 1e-2) {
            return Err(Error::Domain { what: "OsqpOptions::tolerance", value: options.tolerance, need: "between 1e-12 and 1e-2" });
        }
        if options.iterations == 0 {
            return Err(Error::Domain { what: "OsqpOptions::iterations", value: 0.0, need: "at least 1" });
        }
        check_seconds("OsqpOptions::seconds", options.seconds)?;
        let moved = Moved {
            p: params.moves(|e| matches!(e, Entry::P(_))),
            a: params.moves(|e| matches!(e, Entry::A(_))),
            bounds: params.moves(|e| !matches!(e, Entry::P(_) | Entry::A(_) | Entry::C(_))),
        };
        let instance = Instance::new(program, params)?;
        if !moved.p {
            check_convex(&instance.base)?;
        }
        let layout = Layout::new(&instance.base)?;
        let pattern = Arc::new(Pattern::new(&instance.base.p, &Stack::new(&layout, &instance.base).a)?);
        Ok(Self { instance, options, layout, pattern, moved })
    }

    fn settings(&self, accuracy: f64, iterations: u32, deadline: Deadline) -> Settings {
        Settings::default()
            .verbose(false)
            .polishing(false)
            .rho(RHO)
            .scaling(if self.moved.p || self.moved.a { None } else { Some(10) })
            .adaptive_rho(true)
            .adaptive_rho_interval(Some(50))
            .eps_abs(accuracy)
            .eps_rel(accuracy)
            .eps_prim_inf(1e-7)
            .eps_dual_inf(1e-7)
            .max_iter(iterations)
            .check_termination(Some(25))
            // OSQP 1.0 refuses what its bindings make of none.
            .time_limit(Some(deadline.left().unwrap_or(FOREVER)))
    }

    /// Tells OSQP and the stack what `theta` has moved.
    fn update(&self, ws: &mut OsqpWorkspace) -> Result<()> {
        let OsqpWorkspace { problem, program, stack, finite, .. } = ws;
        if self.moved.p {
            check_convex(program)?;
            problem.update_P(borrow(&program.p));
        }
        if self.moved.a {
            stack.set_matrix(&self.layout, program);
            problem.update_A(borrow(&stack.a));
        }
        if self.moved.bounds {
            stack.set_bounds(&self.layout, program);
            finite.set(stack);
            problem.update_bounds(&finite.lo, &finite.up);
        }
        problem.update_lin_cost(&program.c);
        Ok(())
    }
}

/// OSQP's memory, its program and that of the polish.
pub struct OsqpWorkspace {
    problem: Problem,
    program: Program,
    stack: Stack,
    finite: Finite,
    point: Point,
    polisher: Polisher,
    ax: Vec<f64>,
    /// Whether OSQP has left the step size of the set-up.
    rho_moved: bool,
    deadline: Deadline,
}

impl Solver for Osqp {
    type Workspace = OsqpWorkspace;

    fn name(&self) -> &'static str {
        "osqp"
    }

    fn dims(&self) -> Dims {
        self.instance.dims()
    }

    fn workspace(&self) -> Result<OsqpWorkspace> {
        let program = self.instance.base.clone();
        let stack = Stack::new(&self.layout, &program);
        let finite = Finite::new(&stack);
        let settings = self.settings(STAGES[0], self.options.iterations, Deadline::default());
        // What `theta` moves is written before each solve; at `theta = 0` it need not be convex.
        let mut p = program.p.clone();
        if self.moved.p {
            p.values_mut().fill(0.0);
        }
        let problem = Problem::new(borrow(&p), &program.c, borrow(&stack.a), &finite.lo, &finite.up, &settings)
            .map_err(|source| Error::Backend { backend: "osqp", source: Box::new(source) })?;
        let (point, polisher, ax) = (Point::new(&self.layout), Polisher::new(&self.pattern), vec![0.0; stack.lo.len()]);
        Ok(OsqpWorkspace { problem, program, stack, finite, point, polisher, ax, rho_moved: false, deadline: Deadline::default() })
    }

    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut OsqpWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        self.instance.check_start(from)?;
        self.instance.reset(out);
        if !self.instance.push(theta, &mut ws.program)? {
            return Ok(without_answer(Status::Infeasible, 0));
        }
        ws.deadline = Deadline::after(self.options.seconds);
        self.update(ws)?;
        // OSQP would carry a NaN on for ever.
        let warm = from.filter(|from| is_finite(from)).map(|from| self.run_from(from, ws, out)).filter(|info| info.status.usable());
        let info = warm.unwrap_or_else(|| {
            self.restart(ws);
            self.run(ws, out)
        });
        if !info.status.usable() {
            self.instance.reset(out);
        }
        Ok(info)
    }
}

impl ProgramSolver for Osqp {
    fn params(&self) -> &ParamMap {
        &self.instance.params
    }

    fn program<'a>(&'a self, ws: &'a OsqpWorkspace) -> &'a Program {
        &ws.program
    }
}
