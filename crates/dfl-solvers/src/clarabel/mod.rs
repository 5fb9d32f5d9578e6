//! Clarabel for cones and for what is large or hard, with a polish and checked answers.

mod form;
mod newton;
mod run;

use std::sync::Arc;

use dfl_core::{Dims, Entry, Error, ParamMap, Program, ProgramSolver, Result, Solution, SolveInfo, Solver, Status};

use crate::check_convex;
use crate::instance::{Instance, without_answer};
use crate::limits::{Deadline, check_seconds};
use crate::polish::{Layout, Pattern, Point, Polisher, Stack};
use newton::Cones;

/// How Clarabel is run.
#[derive(Clone, Debug, PartialEq)]
pub struct ClarabelOptions {
    /// KKT residual, relative as in [`Residuals`](dfl_core::Residuals), up to which an answer is optimal. Polished answers are near 1e-14.
    pub tolerance: f64,
    /// Most interior-point steps of one solve.
    pub iterations: u32,
    /// Most seconds of one solve.
    pub seconds: Option<f64>,
}

impl Default for ClarabelOptions {
    fn default() -> Self {
        Self { tolerance: 1e-7, iterations: 200, seconds: None }
    }
}

/// Linear, convex quadratic and second-order-cone programs by Clarabel, an interior-point method; minimises.
///
/// Clarabel runs to 1e-10, which tells the tight constraints from the others. The KKT equations of those are then solved to rounding:
/// without cones by the method that polishes OSQP's answers, which corrects a wrong guess; with cones by Newton's method on
///
/// $$Px + c + A_T^\top\lambda_T + \sum_{k \in T} \mu_k \nabla h_k(x) = 0,\quad A_T x = b_T,\quad
/// h_k(x) = \|F_k x + g_k\| - d_k^\top x - e_k = 0$$
///
/// with a dense factor, so for up to 500 unknowns, and not at the apex of a cone, where $h_k$ has no gradient. Elsewhere Clarabel's own
/// point is the answer. A start is tried by this polish first and ignored by Clarabel itself.
///
/// An answer is [`Status::Optimal`] only if its KKT residual is at most `tolerance`, else [`Status::Failed`], or [`Status::Limit`] at a
/// limit; infeasibility and unboundedness are certificates that this library has checked. The answer depends on `theta` and the start
/// alone. `iterations` counts interior-point steps, and factorisations of the polish. Each solve sets Clarabel up anew, single-threaded;
/// that allocates.
///
/// # Shapes
/// `theta`: as `params`; `x`, `bound_dual`: `[n]`; `row_dual`: `[m]`; `cone_dual`: $1 +$ rows of $F_k$ for each cone.
///
/// # Errors
/// [`Error::Unsupported`] for integers; [`Error::NotConvex`], from `solve` if `P` is predicted.
///
/// # References
/// Goulart & Chen (2024), "Clarabel: an interior-point solver for conic programs with quadratic objectives", arXiv 2405.12762.
#[derive(Clone, Debug)]
pub struct Clarabel {
    instance: Instance,
    options: ClarabelOptions,
    layout: Layout,
    /// Of the polish without cones.
    pattern: Option<Arc<Pattern>>,
    moved: Moved,
}

/// Which matrices `theta` moves.
#[derive(Clone, Copy, Debug)]
struct Moved {
    p: bool,
    a: bool,
}

impl Clarabel {
    /// A solver of `program` with the entries of `params` moved by `theta`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::NotConvex`] as above, [`Error::Domain`] for an option, or what [`Program::check`] and
    /// [`ParamMap::check`] find.
    pub fn new(program: Program, params: ParamMap, options: ClarabelOptions) -> Result<Self> {
        if program.has_integers() {
            return Err(Error::Unsupported { who: "clarabel", what: "integer variables" });
        }
        if !(options.tolerance >= 1e-12 && options.tolerance <= 1e-2) {
            return Err(Error::Domain { what: "ClarabelOptions::tolerance", value: options.tolerance, need: "between 1e-12 and 1e-2" });
        }
        check_seconds("ClarabelOptions::seconds", options.seconds)?;
        let moved = Moved { p: params.moves(|e| matches!(e, Entry::P(_))), a: params.moves(|e| matches!(e, Entry::A(_))) };
        let instance = Instance::new(program, params)?;
        if !moved.p {
            check_convex(&instance.base)?;
        }
        let layout = Layout::new(&instance.base)?;
        let plain = instance.base.cones.is_empty();
        let pattern = if plain { Some(Arc::new(Pattern::new(&instance.base.p, &Stack::new(&layout, &instance.base).a)?)) } else { None };
        Ok(Self { instance, options, layout, pattern, moved })
    }

    /// Brings the stack up to date with what `theta` has moved.
    fn update(&self, ws: &mut ClarabelWorkspace) -> Result<()> {
        if self.moved.p {
            check_convex(&ws.program)?;
        }
        if self.moved.a {
            ws.stack.set_matrix(&self.layout, &ws.program);
        }
        ws.stack.set_bounds(&self.layout, &ws.program);
        Ok(())
    }
}

/// The program of the last `theta` and memory of the polish.
pub struct ClarabelWorkspace {
    program: Program,
    stack: Stack,
    point: Point,
    cones: Cones,
    polisher: Option<Polisher>,
    ax: Vec<f64>,
    deadline: Deadline,
}

impl Solver for Clarabel {
    type Workspace = ClarabelWorkspace;

    fn name(&self) -> &'static str {
        "clarabel"
    }

    fn dims(&self) -> Dims {
        self.instance.dims()
    }

    fn workspace(&self) -> Result<ClarabelWorkspace> {
        let program = self.instance.base.clone();
        let stack = Stack::new(&self.layout, &program);
        Ok(ClarabelWorkspace {
            point: Point::new(&self.layout),
            cones: Cones::new(&program),
            polisher: self.pattern.as_deref().map(Polisher::new),
            ax: vec![0.0; stack.lo.len()],
            deadline: Deadline::default(),
            stack,
            program,
        })
    }

    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut ClarabelWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        self.instance.check_start(from)?;
        self.instance.reset(out);
        if !self.instance.push(theta, &mut ws.program)? {
            return Ok(without_answer(Status::Infeasible, 0));
        }
        ws.deadline = Deadline::after(self.options.seconds);
        self.update(ws)?;
        let info = self.run(from, ws, out)?;
        if !info.status.usable() {
            self.instance.reset(out);
        }
        Ok(info)
    }
}

impl ProgramSolver for Clarabel {
    fn params(&self) -> &ParamMap {
        &self.instance.params
    }

    fn program<'a>(&'a self, ws: &'a ClarabelWorkspace) -> &'a Program {
        &ws.program
    }
}
