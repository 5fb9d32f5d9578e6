use dfl_core::{Decider, DecisionLoss, Error, Loss, Result, Task};
use dfl_losses::{Mse, Regret, SpoPlus, TaskCost};

use super::make_decider;
use crate::tasks::unknown;

/// What a method is built for.
pub struct Setup<'a> {
    /// The task.
    pub task: &'a dyn Task,
    /// Id of the solver inside the training loop.
    pub solver: &'a str,
}

/// A method: a loss and what surrounds the decider.
pub type Method = DecisionLoss<Box<dyn Loss>, Box<dyn Decider>>;

type Make = fn(&Setup<'_>) -> Result<Method>;

/// Every training method by id.
pub const METHODS: &[(&str, Make)] = &[
    ("two_stage", |_| squared_error()),
    ("spo_plus", |s| DecisionLoss::new(Box::new(SpoPlus), make_decider(s.task, s.solver, true)?)),
    ("regret", |s| DecisionLoss::new(Box::new(Regret), make_decider(s.task, s.solver, true)?)),
    ("dfl_point", |s| DecisionLoss::new(Box::new(TaskCost::new(gradient_cost(s.task)?)), make_decider(s.task, s.solver, true)?)),
];

fn gradient_cost(task: &dyn Task) -> Result<std::sync::Arc<dyn dfl_core::CostGrad>> {
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
    match METHODS.iter().find(|(name, _)| *name == id) {
        Some((_, make)) => make(setup),
        None => Err(unknown("method", id, METHODS.iter().map(|m| m.0))),
    }
}
