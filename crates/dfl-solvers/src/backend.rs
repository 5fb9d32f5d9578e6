use std::fmt;
use std::str::FromStr;

use dfl_core::{
    Decider, DifferentiableSolver, Entry, Error, ParamMap, Program, ProgramSolver, Residuals, Result, Solution, SolveInfo, Status,
};

use crate::limits::Deadline;
use crate::separable::is_separable;
use crate::{ActiveSet, ActiveSetOptions, Batched, Kkt, Limits, Separable, SeparableOptions};

/// Rows and bounded variables together up to which a cold solve by the active set was faster than one by Clarabel: of linear programs,
/// of sparse quadratic ones, and of dense ones, where it stays faster but needs memory for the square of that.
const SMALL: [usize; 3] = [150, 400, 2000];
/// Share of the entries of `P` and `A` from which a program is dense.
const DENSE: f64 = 0.2;

/// Which solver takes a program.
///
/// [`Auto`](Self::Auto) goes by structure, and takes the first that is built in:
///
/// | program | first | then |
/// | --- | --- | --- |
/// | integer variables | `highs` | |
/// | second-order cones | `clarabel` | |
/// | quadratic, `P` diagonal and positive | `separable` | as below |
/// | linear, up to 150 rows and bounded variables | `active_set` | as below |
/// | quadratic, up to 400 of them, or 2000 if a fifth of `P` and `A` is stored | `active_set` | as below |
/// | larger, linear | `highs` | `clarabel`, `osqp`, `active_set` |
/// | larger, quadratic | `osqp` | `clarabel`, `active_set` |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Backend {
    /// By structure.
    #[default]
    Auto,
    /// [`ActiveSet`].
    ActiveSet,
    /// [`Separable`].
    Separable,
    /// OSQP, feature `osqp`.
    Osqp,
    /// Clarabel, feature `clarabel`.
    Clarabel,
    /// HiGHS, feature `highs`.
    Highs,
}

/// What came of one program.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Who has answered.
    pub backend: Backend,
    /// The answer; zero unless [`Status::usable`].
    pub solution: Solution,
    /// How the solve ended.
    pub info: SolveInfo,
    /// How good the answer is, if there is one. That of a program with integers has no duals: only `primal` says something.
    pub residuals: Option<Residuals>,
    /// Relative gap between the objective and what branch and bound has proven; `None` for a program without integers.
    pub gap: Option<f64>,
    /// Whom [`Backend::Auto`] has tried before, and how that ended.
    pub before: Vec<(Backend, Status)>,
}

/// How a backend decides a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Deciding {
    /// The decision is the first so many variables, the rest are auxiliary; `None` is all.
    pub visible: Option<usize>,
    /// Whether each row starts from the last answer of its key.
    pub warm: bool,
    /// For each row.
    pub limits: Limits,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Auto, Self::ActiveSet, Self::Separable, Self::Osqp, Self::Clarabel, Self::Highs];

    /// Its fixed name.
    pub fn id(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ActiveSet => "active_set",
            Self::Separable => "separable",
            Self::Osqp => "osqp",
            Self::Clarabel => "clarabel",
            Self::Highs => "highs",
        }
    }

    /// Whether this build has it.
    pub fn built_in(self) -> bool {
        match self {
            Self::Auto | Self::ActiveSet | Self::Separable => true,
            Self::Osqp => cfg!(feature = "osqp"),
            Self::Clarabel => cfg!(feature = "clarabel"),
            Self::Highs => cfg!(feature = "highs"),
        }
    }

    /// The backend that takes a program of this structure, for [`Auto`](Self::Auto); itself otherwise.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if this build lacks it. Whether it takes the program is found out when it is given one.
    pub fn choose(self, program: &Program, params: &ParamMap) -> Result<Self> {
        if self != Self::Auto {
            return if self.built_in() { Ok(self) } else { Err(self.missing()) };
        }
        let fitting = fitting(program, params);
        fitting.iter().copied().find(|b| b.built_in()).ok_or_else(|| fitting.first().map_or(NO_BACKEND, |first| first.missing()))
    }

    fn missing(self) -> Error {
        let what = match self {
            Self::Osqp => "osqp; build it with the feature `osqp` after `cargo xtask setup`",
            Self::Highs => "highs, which this program needs; build it with the feature `highs` after `cargo xtask setup`",
            _ => "clarabel; build it with the feature `clarabel`",
        };
        Error::Unsupported { who: "this build", what }
    }

    /// Solves one program once. [`Auto`](Self::Auto) goes on to the next backend that fits where one fails, or gives up at its own
    /// limit; not where it ends at one of `limits`.
    ///
    /// # Errors
    /// What the backend refuses: malformed or non-convex programs, kinds of constraints it does not take, or a failure of its own.
    pub fn solve(self, program: &Program, limits: &Limits) -> Result<Answer> {
        let params = ParamMap::new(0);
        let first = self.choose(program, &params)?;
        let others = if self == Self::Auto { fitting(program, &params) } else { Vec::new() };
        let others = others.into_iter().filter(|b| b.built_in() && *b != first);
        in_turn(first, others, limits, |backend, limits| backend.solve_once(program, limits))
    }

    fn solve_once(self, program: &Program, limits: &Limits) -> Result<Answer> {
        let (program, params) = (program.clone(), ParamMap::new(0));
        match self {
            #[cfg(feature = "osqp")]
            Self::Osqp => self.run(crate::Osqp::new(program, params, osqp_options(limits))?),
            #[cfg(feature = "clarabel")]
            Self::Clarabel => self.run(crate::Clarabel::new(program, params, clarabel_options(limits))?),
            #[cfg(feature = "highs")]
            Self::Highs => self.run_to_gap(crate::Highs::new(program, params, highs_options(limits))?, crate::HighsWorkspace::gap),
            Self::ActiveSet => self.run(ActiveSet::new(program, params, active_set_options(limits))?),
            Self::Separable => self.run(Separable::new(program, params, separable_options(limits))?),
            other => Err(other.missing()),
        }
    }

    fn run(self, solver: impl ProgramSolver) -> Result<Answer> {
        self.run_to_gap(solver, |_, _| None)
    }

    fn run_to_gap<S: ProgramSolver>(self, solver: S, gap: impl FnOnce(&S::Workspace, f64) -> Option<f64>) -> Result<Answer> {
        let (mut ws, mut solution) = (solver.workspace()?, Solution::default());
        let info = solver.solve(&[], None, &mut ws, &mut solution)?;
        let residuals = info.status.usable().then(|| residuals(solver.program(&ws), &solution));
        let gap = if info.status.usable() { gap(&ws, solution.objective) } else { None };
        Ok(Answer { backend: self, solution, info, residuals, gap, before: Vec::new() })
    }

    /// A decider of batches, differentiable by the solver itself or by [`Kkt`] unless variables are integer. Rows run in parallel under
    /// the current rayon pool (HiGHS: on as many threads of its own).
    ///
    /// # Errors
    /// As [`solve`](Self::solve), and [`Error::Dimension`] if there are fewer variables than are to be visible.
    pub fn decider(self, program: Program, params: ParamMap, deciding: &Deciding) -> Result<Box<dyn Decider>> {
        let limits = &deciding.limits;
        match self.choose(&program, &params)? {
            #[cfg(feature = "osqp")]
            Self::Osqp => batched(Kkt::new(crate::Osqp::new(program, params, osqp_options(limits))?), deciding),
            #[cfg(feature = "clarabel")]
            Self::Clarabel => batched(Kkt::new(crate::Clarabel::new(program, params, clarabel_options(limits))?), deciding),
            #[cfg(feature = "highs")]
            Self::Highs => owned(program, params, deciding),
            Self::ActiveSet => batched(ActiveSet::new(program, params, active_set_options(limits))?, deciding),
            Self::Separable => batched(Separable::new(program, params, separable_options(limits))?, deciding),
            other => Err(other.missing()),
        }
    }
}

/// What a program that nothing fits is refused with.
const NO_BACKEND: Error = Error::Unsupported { who: "auto", what: "integer variables together with cones or a quadratic term" };

/// Goes from one backend to the next while they fail, or give up at limits of their own.
fn in_turn(
    first: Backend,
    others: impl Iterator<Item = Backend>,
    limits: &Limits,
    mut attempt: impl FnMut(Backend, &Limits) -> Result<Answer>,
) -> Result<Answer> {
    let (deadline, mut before) = (Deadline::after(limits.seconds), Vec::new());
    let mut answer = attempt(first, limits)?;
    for next in others {
        let difficult = answer.info.status == Status::Failed || (answer.info.status == Status::Limit && !limits.any());
        if !difficult || deadline.passed() {
            break;
        }
        before.push((answer.backend, answer.info.status));
        answer = attempt(next, &Limits { seconds: deadline.left().map(|left| left.as_secs_f64()), ..*limits })?;
    }
    Ok(Answer { before, ..answer })
}

/// The backends that take a program, best first.
fn fitting(program: &Program, params: &ParamMap) -> Vec<Backend> {
    use Backend::{ActiveSet, Clarabel, Highs, Osqp, Separable};
    let linear = program.p.values().iter().all(|v| *v == 0.0) && !params.moves(|e| matches!(e, Entry::P(_)));
    if program.has_integers() {
        return if linear && program.cones.is_empty() { vec![Highs] } else { Vec::new() };
    }
    if !program.cones.is_empty() {
        return vec![Clarabel];
    }
    let large = if linear { vec![Highs, Clarabel, Osqp] } else { vec![Osqp, Clarabel] };
    let most = if linear { SMALL[0] } else { SMALL[1 + usize::from(density(program) >= DENSE)] };
    let bounded = program.lo.iter().zip(&program.up).filter(|(lo, up)| lo.is_finite() || up.is_finite()).count();
    let any = if program.m() + bounded <= most { [vec![ActiveSet], large].concat() } else { [large, vec![ActiveSet]].concat() };
    if is_separable(program, params) { [vec![Separable], any].concat() } else { any }
}

fn density(program: &Program) -> f64 {
    let n = program.n() as f64;
    let places = n * (n + 1.0) / 2.0 + n * program.m() as f64;
    (program.p.nnz() + program.a.nnz()) as f64 / places.max(1.0)
}

fn residuals(program: &Program, solution: &Solution) -> Residuals {
    if program.has_integers() {
        Residuals { primal: Residuals::feasibility(program, &solution.x), ..Residuals::default() }
    } else {
        Residuals::of(program, solution)
    }
}

fn batched<S: DifferentiableSolver + 'static>(solver: S, deciding: &Deciding) -> Result<Box<dyn Decider>>
where
    S::Workspace: Send,
{
    let visible = deciding.visible.unwrap_or(solver.dims().x);
    Ok(Box::new(Batched::new(solver).warm_start(deciding.warm).visible(visible)?))
}

#[cfg(feature = "highs")]
fn owned(program: Program, params: ParamMap, deciding: &Deciding) -> Result<Box<dyn Decider>> {
    let (visible, integers) = (deciding.visible.unwrap_or(program.n()), program.has_integers());
    let (solver, threads) = (crate::Highs::new(program, params, highs_options(&deciding.limits))?, rayon::current_num_threads());
    if integers {
        return Ok(Box::new(crate::Owned::new(dfl_core::NoGradient(solver), threads)?.warm_start(deciding.warm).visible(visible)?));
    }
    Ok(Box::new(crate::Owned::new(Kkt::new(solver), threads)?.warm_start(deciding.warm).visible(visible)?))
}

fn active_set_options(limits: &Limits) -> ActiveSetOptions {
    let default = ActiveSetOptions::default();
    ActiveSetOptions { iterations: limits.iterations.unwrap_or(default.iterations), seconds: limits.seconds, ..default }
}

fn separable_options(limits: &Limits) -> SeparableOptions {
    let default = SeparableOptions::default();
    SeparableOptions { iterations: limits.iterations.unwrap_or(default.iterations), seconds: limits.seconds, ..default }
}

#[cfg(feature = "osqp")]
fn osqp_options(limits: &Limits) -> crate::OsqpOptions {
    let default = crate::OsqpOptions::default();
    let iterations = limits.iterations.map_or(default.iterations, |i| u32::try_from(i).unwrap_or(u32::MAX));
    crate::OsqpOptions { iterations, seconds: limits.seconds, ..default }
}

#[cfg(feature = "clarabel")]
fn clarabel_options(limits: &Limits) -> crate::ClarabelOptions {
    let default = crate::ClarabelOptions::default();
    let iterations = limits.iterations.map_or(default.iterations, |i| u32::try_from(i).unwrap_or(u32::MAX));
    crate::ClarabelOptions { iterations, seconds: limits.seconds, ..default }
}

#[cfg(feature = "highs")]
fn highs_options(limits: &Limits) -> crate::HighsOptions {
    let Limits { iterations, nodes, seconds } = *limits;
    crate::HighsOptions { iterations, nodes, seconds, ..Default::default() }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// By [`id`](Backend::id), with `-` for `_` too.
impl FromStr for Backend {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self> {
        let id = given.replace('-', "_");
        let known = || Self::ALL.map(Self::id).join(", ");
        let found = Self::ALL.into_iter().find(|b| b.id() == id);
        found.ok_or_else(|| Error::Unknown { what: "backend", given: given.to_owned(), known: known() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::without_answer;

    /// What `Auto` makes of backends that end with these statuses, one after the other.
    fn after(statuses: [Status; 3], limits: &Limits) -> (Backend, Vec<(Backend, Status)>) {
        let mut statuses = statuses.into_iter();
        let answer = in_turn(Backend::ActiveSet, [Backend::Osqp, Backend::Clarabel].into_iter(), limits, |backend, within| {
            assert!(within.seconds <= limits.seconds);
            let info = without_answer(statuses.next().expect("three backends at the most"), 0);
            Ok(Answer { backend, solution: Solution::default(), info, residuals: None, gap: None, before: Vec::new() })
        });
        let answer = answer.expect("no attempt fails");
        (answer.backend, answer.before)
    }

    #[test]
    fn the_next_is_tried_where_one_fails() {
        use Backend::{ActiveSet, Clarabel, Osqp};
        use Status::{Failed, Infeasible, Limit, Optimal};
        let free = Limits::default();
        assert_eq!(after([Optimal; 3], &free), (ActiveSet, vec![]));
        assert_eq!(after([Failed, Infeasible, Optimal], &free), (Osqp, vec![(ActiveSet, Failed)]));
        assert_eq!(after([Limit, Failed, Optimal], &free), (Clarabel, vec![(ActiveSet, Limit), (Osqp, Failed)]));
        assert_eq!(after([Failed; 3], &free), (Clarabel, vec![(ActiveSet, Failed), (Osqp, Failed)]));
    }

    #[test]
    fn a_limit_that_was_asked_for_is_the_end() {
        let steps = Limits { iterations: Some(5), ..Limits::default() };
        assert_eq!(after([Status::Limit; 3], &steps), (Backend::ActiveSet, vec![]));
        let time = |seconds| Limits { seconds: Some(seconds), ..Limits::default() };
        assert_eq!(after([Status::Failed; 3], &time(0.0)), (Backend::ActiveSet, vec![]));
        assert_eq!(after([Status::Failed, Status::Limit, Status::Optimal], &time(1e6)).0, Backend::Osqp);
    }
}
