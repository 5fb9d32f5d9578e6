use dfl_core::{Decider, Error, Formulation, Result, Task};
use dfl_solvers::{Backend, Deciding};

use crate::tasks::unknown;

type Make = fn(&dyn Task, bool) -> Result<Box<dyn Decider>>;

/// Every solver by id; which of them are built in is a matter of features.
pub const SOLVERS: &[(&str, Make)] = &[
    ("exact", |task, _| task.oracle()),
    ("active_set", |task, warm| decider(Backend::ActiveSet, task, warm)),
    ("separable", |task, warm| decider(Backend::Separable, task, warm)),
    ("osqp", |task, warm| decider(Backend::Osqp, task, warm)),
    ("clarabel", |task, warm| decider(Backend::Clarabel, task, warm)),
    ("highs", |task, warm| decider(Backend::Highs, task, warm)),
];

/// Makes a decider by id. `warm` lets each row start from its last answer, where the answer does not depend on it.
///
/// # Errors
/// [`Error::Unknown`]; [`Error::Unsupported`] if the backend is not built in or the task is no program it takes.
pub fn make_decider(task: &dyn Task, id: &str, warm: bool) -> Result<Box<dyn Decider>> {
    match SOLVERS.iter().find(|(name, _)| *name == id) {
        Some((_, make)) => make(task, warm),
        None => Err(unknown("solver", id, SOLVERS.iter().map(|s| s.0))),
    }
}

fn decider(backend: Backend, task: &dyn Task, warm: bool) -> Result<Box<dyn Decider>> {
    let missing = Error::Unsupported { who: task.name(), what: "a formulation as a program, which this solver needs" };
    let Formulation { program, params, visible } = task.formulation().ok_or(missing)?;
    // A linear program has several optimal vertices, and which one is found must not depend on history. The tasks' quadratic programs
    // have one optimum each, so that a start saves time only.
    let warm = warm && program.p.nnz() > 0;
    backend.decider(program, params, &Deciding { visible: Some(visible), warm, ..Deciding::default() })
}
