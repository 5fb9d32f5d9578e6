//! Linear programs smoothed by a quadratic term, by three-operator splitting: a layer of cheap steps.

mod answer;
mod derivative;
mod form;
mod gram;
mod lanes;
mod layer;
mod lines;
mod masks;
mod mixer;
mod operator;
mod pace;
mod projection;
mod run;

use std::sync::Arc;

use dfl_core::{Dims, Entry, Error, Formulation, ParamMap, Program, ProgramSolver, Result, Solution, SolveInfo, Solver, Status};

pub use derivative::DysTape;
pub use dfl_core::DysDerivative;
use form::Form;
use lanes::{Lanes, step_one};
pub use layer::DysLayer;
use mixer::LONGEST;
use run::{Job, Memory, Run};

use crate::instance::{Instance, refuse_integers_and_cones, without_answer};
use crate::smoothing::{smooth_quadratic, with_slacks};

/// How the projection onto the equations is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DysProjection {
    /// Whichever is less work.
    #[default]
    Auto,
    /// By a sparse factor of $A A^\top$.
    Sparse,
    /// By the matrix $I - A^+ A$.
    Dense,
}

/// How the method is run.
#[derive(Clone, Debug, PartialEq)]
pub struct DysOptions {
    /// Weight $\mu$ of the quadratic term, in units of the cost; 0 is accepted unless the derivative is [`DysDerivative::Implicit`].
    pub mu: f64,
    /// Length $\alpha$ of a step, below $2 / \mu$. `None` chooses one for each row and, unless the derivative is
    /// [`DysDerivative::Unrolled`], changes it on the way.
    pub step: Option<f64>,
    /// Most steps.
    pub iterations: usize,
    /// KKT residual, relative as in [`Residuals`](dfl_core::Residuals), at which a row is optimal and stops; with 0 all rows take all steps.
    pub tolerance: f64,
    /// How many steps Anderson acceleration combines, at most 16; 0 or 1 takes plain steps, as [`DysDerivative::Unrolled`] always does.
    pub memory: usize,
    /// What the backward pass differentiates.
    pub derivative: DysDerivative,
    /// How the projection onto the equations is computed.
    pub projection: DysProjection,
}

impl DysOptions {
    /// A layer of exactly so many plain steps of one length, as the method is published.
    pub fn fixed(mu: f64, step: f64, iterations: usize, derivative: DysDerivative) -> Self {
        Self { mu, step: Some(step), iterations, tolerance: 0.0, memory: 0, derivative, ..Self::default() }
    }

    fn is_unrolled(&self) -> bool {
        self.derivative == DysDerivative::Unrolled
    }

    /// Steps after which they are combined.
    fn cycle(&self) -> usize {
        if self.is_unrolled() { 1 } else { self.memory.max(1) }
    }

    fn changes_pace(&self) -> bool {
        self.step.is_none() && !self.is_unrolled()
    }
}

impl Default for DysOptions {
    fn default() -> Self {
        Self {
            mu: 0.1,
            step: None,
            iterations: 10_000,
            tolerance: 1e-6,
            memory: 6,
            derivative: DysDerivative::default(),
            projection: DysProjection::default(),
        }
    }
}

/// Linear programs smoothed by $\tfrac\mu2 \|v\|^2$, by Davis-Yin three-operator splitting; minimises.
///
/// In the standard form of [`smooth_quadratic_with_slacks`](crate::smooth_quadratic_with_slacks), $\min c^\top v + \tfrac\mu2 \|v\|^2$ s.t.
/// $A v = b$, $\underline v \le v \le \overline v$, with the slack of each inequality row behind the program's variables, a step is
///
/// $$x = P_2 z, \qquad z \leftarrow z - x + P_1\bigl((2 - \alpha\mu) x - z - \alpha c\bigr)$$
///
/// where $P_1$ projects onto $A v = b$ and $P_2$ onto the bounds; the decision is $P_2 z$. A step needs no factorisation, so many rows of a
/// batch take it at once ([`DysLayer`]), and a few of them are a decision already, if not the optimum.
///
/// A row stops where its KKT residual, the one of [`Residuals::of`](dfl_core::Residuals::of) for the program that
/// [`program`](ProgramSolver::program) shows, is at most `tolerance`: [`Status::Optimal`]. If it has taken all `iterations` before, it is
/// [`Status::Inexact`] with that residual. [`Status::Infeasible`] is proven by a combination of equations that no point within the bounds
/// satisfies, looked for at the beginning among dependent equations and at the end. An equation that nearly depends on others (to 1e-11 of
/// its squared norm) has no part in the projection: if they do not imply it, the row ends inexact.
/// Every row starts at $A^+ b$, or at $z = x + \alpha\nu$ of an earlier answer, and depends on nothing but its `theta` and that.
///
/// If no step is given, $\alpha$ begins with $\|A^+ b\| / \|\Pi c\|$, $\Pi = I - A^+ A$, and after 8, 16, 32, ... iterations moves to where decision
/// and multipliers have travelled equally far; it stays below $1 / \mu$. With `memory`, the steps of a cycle are combined to the point whose
/// step they predict to be the shortest, which is kept if its step is not longer than before.
///
/// # Derivatives
/// With $D$ the variables off their bounds at an iterate, a step has $\partial z_+ / \partial z = I - D + \Pi((2 - \alpha\mu) D - I)$ and
/// $\partial z_+ / \partial c = -\alpha \Pi$.
/// * [`DysDerivative::Implicit`]: $J_{II} = -\tfrac1\mu (I - A_I^\top (A_I A_I^\top)^+ A_I)$ for the variables $I$ off their bounds, else 0: what the
///   implicit function theorem makes of the fixed point, and the exact derivative of the optimum. At an inexact answer it is that of the
///   optimum whose free variables are those.
/// * [`DysDerivative::JacobianFree`]: $J^\top g = -\alpha \Pi D g$, the last step alone. An approximation, with another length and direction.
/// * [`DysDerivative::Unrolled`]: exact for the decision after as many steps as were taken, with $\alpha$ and the start held fixed; tends to the
///   implicit one. Of an iterate only $D$ is stored, a bit for each variable.
///
/// Rows at a kink and, for the implicit derivative, with dependent tight constraints are flagged degenerate.
///
/// # Shapes
/// `theta`: as `params`; `x`, `bound_dual`: `[n + slacks]`; `row_dual`: `[m]` and one more for each row with two sides. Show the program's
/// variables with `visible(n)`.
///
/// # Errors
/// [`Error::Unsupported`] for integers, cones, a quadratic term or a prediction of anything but costs; [`Error::Domain`] for an option.
///
/// # Differences
/// The published layer has $P_2 v = \max(v, 0)$ and makes an upper bound a row with a slack that is smoothed, too; here $P_2$ knows both bounds and
/// smoothing leaves their slacks alone. Write the bound as a row to have the former. The gradient $c + \mu x$ is taken at $x = P_2 z$, as
/// the theory has it; public implementations take it at $z$, or twice, and their fixed point is not the optimum. They stop a whole batch at once.
///
/// # References
/// Davis & Yin (2017), Set-Valued Var. Anal. 25, Alg. 1; McKenzie, Heaton & Wu Fung (2024), TMLR (DYS-Net, Jacobian-free); Wu Fung et al.
/// (2022), AAAI, JFB; Applegate et al. (2021), NeurIPS, section 4.3 (step lengths); Walker & Ni (2011), SIAM J. Numer. Anal. 49 (acceleration).
#[derive(Clone, Debug)]
pub struct Dys {
    instance: Instance,
    options: DysOptions,
    form: Arc<Form>,
}

impl Dys {
    /// A solver of `program` smoothed by `options.mu`, with the costs of `params` moved by `theta`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::Domain`] as above, or what [`Program::check`] and [`ParamMap::check`] find.
    pub fn new(program: Program, params: ParamMap, options: DysOptions) -> Result<Self> {
        refuse_integers_and_cones("dys", &program)?;
        check(&options)?;
        if program.p.nnz() > 0 {
            return Err(unsupported("a quadratic term besides that of mu"));
        }
        if params.moves(|e| !matches!(e, Entry::C(_))) {
            return Err(unsupported("a prediction of anything but costs"));
        }
        program.check()?;
        let mut standard = with_slacks(Formulation { visible: program.n(), program, params })?;
        if options.mu > 0.0 {
            standard = smooth_quadratic(standard, options.mu)?;
        }
        let form = Arc::new(Form::new(&standard.program, options.mu, options.projection)?);
        Ok(Self { instance: Instance::new(standard.program, standard.params)?, options, form })
    }

    /// Writes the program of `theta` to `program` and its cost to `cost`.
    fn costs(&self, theta: &[f64], program: &mut Program, cost: &mut [[f64; 1]]) -> Result<()> {
        self.instance.push(theta, program)?;
        cost.as_flattened_mut().copy_from_slice(&program.c);
        Ok(())
    }

    /// Writes the answer of the row that ended so.
    fn write(&self, info: SolveInfo, row: &Lanes<1>, out: &mut Solution) -> Result<SolveInfo> {
        self.instance.reset(out);
        let degenerate = info.status.usable() && answer::write(&self.form, row, out);
        Ok(SolveInfo { degenerate, ..info })
    }
}

fn unsupported(what: &'static str) -> Error {
    Error::Unsupported { who: "dys", what }
}

fn check(options: &DysOptions) -> Result<()> {
    let refuse = |what, value, need| Err(Error::Domain { what, value, need });
    let DysOptions { mu, step, tolerance, .. } = *options;
    if !(mu >= 0.0 && mu.is_finite()) {
        return refuse("DysOptions::mu", mu, "at least 0 and finite");
    }
    if mu == 0.0 && options.derivative == DysDerivative::Implicit {
        return refuse("DysOptions::mu", mu, "positive for the implicit derivative: a linear program's vertex does not move");
    }
    if let Some(step) = step
        && !(step > 0.0 && step.is_finite() && step * mu < 2.0)
    {
        return refuse("DysOptions::step", step, "positive and less than 2 / mu");
    }
    if !(0.0..=1.0).contains(&tolerance) {
        return refuse("DysOptions::tolerance", tolerance, "between 0 and 1");
    }
    if options.memory > LONGEST {
        return refuse("DysOptions::memory", options.memory as f64, "at most 16");
    }
    if options.iterations == 0 {
        return refuse("DysOptions::iterations", 0.0, "at least 1");
    }
    Ok(())
}

/// Memory of a [`Dys`], and the last row's answer.
#[derive(Clone, Debug)]
pub struct DysWorkspace {
    program: Program,
    memory: Memory<1>,
}

impl Solver for Dys {
    type Workspace = DysWorkspace;

    fn name(&self) -> &'static str {
        "dys"
    }

    fn dims(&self) -> Dims {
        self.instance.dims()
    }

    fn workspace(&self) -> Result<DysWorkspace> {
        Ok(DysWorkspace { program: self.instance.base.clone(), memory: Memory::new(&self.form, &self.options) })
    }

    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut DysWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        self.instance.check_start(from)?;
        let DysWorkspace { program, memory } = ws;
        let mut info = Ok(without_answer(Status::Failed, 0));
        let run = Run { form: &self.form, options: &self.options, step: step_one };
        run.solve(&[Job { theta, from }], memory, |theta, cost| self.costs(theta, program, cost), |_, ended, _| info = ended);
        self.write(info?, &memory.row, out)
    }
}

impl ProgramSolver for Dys {
    fn params(&self) -> &ParamMap {
        &self.instance.params
    }

    fn program<'a>(&'a self, ws: &'a DysWorkspace) -> &'a Program {
        &ws.program
    }
}
