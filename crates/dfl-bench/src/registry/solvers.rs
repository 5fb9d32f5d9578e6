use dfl_core::{Decider, Error, Formulation, Result, Task};

use dfl_solvers::{ActiveSet, ActiveSetOptions, Batched, Kkt};

use crate::tasks::unknown;

type Make = fn(&dyn Task, bool) -> Result<Box<dyn Decider>>;

/// Every solver by id; which of them are built in is a matter of features.
pub const SOLVERS: &[(&str, Make)] = &[("exact", |task, _| task.oracle()), ("active_set", active_set), ("highs", highs), ("osqp", osqp)];

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

fn formulation(task: &dyn Task) -> Result<Formulation> {
    task.formulation().ok_or(Error::Unsupported { who: task.name(), what: "a formulation as a program, which this solver needs" })
}

/// The optimum of a QP does not depend on the start, which therefore saves time only.
fn active_set(task: &dyn Task, warm: bool) -> Result<Box<dyn Decider>> {
    let Formulation { program, params, visible } = formulation(task)?;
    let solver = Kkt::new(ActiveSet::new(program, params, ActiveSetOptions::default())?);
    Ok(Box::new(Batched::new(solver).warm_start(warm).visible(visible)?))
}

/// Cold starts: an LP has several optimal vertices, and which one is found must not depend on history.
#[cfg(feature = "highs")]
fn highs(task: &dyn Task, _warm: bool) -> Result<Box<dyn Decider>> {
    use dfl_solvers::{Highs, HighsOptions, Owned};
    let Formulation { program, params, visible } = formulation(task)?;
    let solver = dfl_core::NoGradient(Highs::new(program, params, HighsOptions::default())?);
    Ok(Box::new(Owned::new(solver, rayon::current_num_threads())?.visible(visible)?))
}

/// As [`active_set`]: the answers are polished.
#[cfg(feature = "osqp")]
fn osqp(task: &dyn Task, warm: bool) -> Result<Box<dyn Decider>> {
    use dfl_solvers::{Osqp, OsqpOptions};
    let Formulation { program, params, visible } = formulation(task)?;
    let solver = Kkt::new(Osqp::new(program, params, OsqpOptions::default())?);
    Ok(Box::new(Batched::new(solver).warm_start(warm).visible(visible)?))
}

#[cfg(not(feature = "highs"))]
fn highs(_task: &dyn Task, _warm: bool) -> Result<Box<dyn Decider>> {
    Err(Error::Unsupported { who: "this build", what: "HiGHS; build dfl-bench with `--features highs` after `cargo xtask setup`" })
}

#[cfg(not(feature = "osqp"))]
fn osqp(_task: &dyn Task, _warm: bool) -> Result<Box<dyn Decider>> {
    Err(Error::Unsupported { who: "this build", what: "OSQP; build dfl-bench with `--features osqp` after `cargo xtask setup`" })
}
