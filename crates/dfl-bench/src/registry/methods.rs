use std::sync::Arc;

use dfl_core::{Decider, DecisionLoss, Error, Instances, Loss, Pool, Result};
use dfl_losses::{Mse, Regret, SpoPlus, TaskCost};
use dfl_solvers::Cached;

use super::MethodOptions;
use super::solvers::{SOLVERS, training_decider};
use crate::tasks::{Benchmark, unknown};

/// What a method is built for.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The task.
    pub task: &'a dyn Benchmark,
    /// Id of the solver inside the training loop.
    pub solver: &'a str,
    /// Settings of the method and of the solver.
    pub options: &'a MethodOptions,
    /// The training rows, labelled where the task is: what pools begin with and local losses are fitted on.
    pub train: &'a Instances,
}

/// A method: a loss and what surrounds the decider.
pub type Method = DecisionLoss<Box<dyn Loss>, Box<dyn Decider>>;

type Make = fn(&Setup<'_>) -> Result<Method>;

/// Whether a method has a solver inside its training loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Solves {
    /// It solves nothing: its solver is `none`.
    Never,
    /// It has one.
    Always,
}

/// A method by id.
pub struct MethodEntry {
    /// Fixed word of a result row.
    pub id: &'static str,
    /// Whether it has a solver.
    pub solves: Solves,
    /// The options that it reads besides those of its solver.
    pub reads: &'static [&'static str],
    make: Make,
}

const fn method(id: &'static str, solves: Solves, reads: &'static [&'static str], make: Make) -> MethodEntry {
    MethodEntry { id, solves, reads, make }
}

/// Every training method.
pub const METHODS: &[MethodEntry] = &[
    method("two_stage", Solves::Never, &[], |_| squared_error()),
    method("spo_plus", Solves::Always, &[], |s| plain(SpoPlus, s)),
    method("regret", Solves::Always, &[], |s| plain(Regret, s)),
    method("dfl_point", Solves::Always, &[], |s| plain(TaskCost::new(gradient_cost(s.task)?), s)),
];

/// A loss on the solver's own decisions.
fn plain(loss: impl Loss + 'static, setup: &Setup<'_>) -> Result<Method> {
    DecisionLoss::new(Box::new(loss), decider(setup)?)
}

/// The solver inside the training loop, behind a cache if only a share of the rows is to be solved.
fn decider(setup: &Setup<'_>) -> Result<Box<dyn Decider>> {
    let inner = training_decider(setup.task, setup.solver, setup.options)?;
    match setup.options.ratio {
        Some(ratio) if ratio < 1.0 => Ok(Box::new(Cached::new(inner, pool(setup)?, ratio)?)),
        _ => Ok(inner),
    }
}

/// The distinct optimal decisions of the training rows.
fn pool(setup: &Setup<'_>) -> Result<Arc<Pool>> {
    let labels = setup.train.labels.as_ref().ok_or(Error::Missing { loss: "a pool", what: "labelled training rows to begin with" })?;
    Ok(Arc::new(Pool::new(&labels.solution)?))
}

fn gradient_cost(task: &dyn Benchmark) -> Result<Arc<dyn dfl_core::CostGrad>> {
    task.gradient_cost().ok_or(Error::Missing { loss: "dfl_point", what: "a task whose cost has a gradient" })
}

/// The squared error alone, which training begins with where a decision loss needs a sensible prediction.
pub(crate) fn squared_error() -> Result<Method> {
    DecisionLoss::without_decider(Box::new(Mse))
}

/// Makes a method by id.
///
/// # Errors
/// [`Error::Unknown`], or why loss and decider do not fit together.
pub fn make_loss(id: &str, setup: &Setup<'_>) -> Result<Method> {
    (find(id)?.make)(setup)
}

fn find(id: &str) -> Result<&'static MethodEntry> {
    METHODS.iter().find(|m| m.id == id).ok_or_else(|| unknown("method", id, METHODS.iter().map(|m| m.id)))
}

/// Refuses a method or solver that is not known, a pair of which one has no use for the other; returns the options that the pair reads.
///
/// # Errors
/// [`Error::Unknown`].
pub(crate) fn options_read(id: &str, solver: &str) -> Result<Vec<&'static str>> {
    let method = find(id)?;
    if method.solves == Solves::Never {
        return match solver {
            "none" => Ok(method.reads.to_vec()),
            _ => Err(unknown("solver of a method that solves nothing", solver, ["none"])),
        };
    }
    let found = SOLVERS.iter().find(|s| s.id == solver).ok_or_else(|| unknown("solver", solver, SOLVERS.iter().map(|s| s.id)))?;
    Ok([method.reads, found.reads].concat())
}
