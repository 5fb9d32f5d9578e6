//! What tasks with an uncertain outcome and a box of decisions share.

use dfl_core::{
    Batch, Decider, Dims, Error, Instances, NoGradient, Program, Result, Solution, SolveInfo, Solver, Status, Support, check_len, metrics,
};
use dfl_solvers::{Batched, BoxSigmoid, Scenarios, StochasticOptions, StochasticProgram};

use super::{Benchmark, Figure, Uncertain};

/// The mean of the costs with its standard error.
pub(super) fn mean_figure(metric: &'static str, costs: &[f64]) -> Figure {
    Figure { metric, value: metrics::mean(costs), se: metrics::standard_error(costs) }
}

/// Decisions of `[n]` from 0 to `capacity`.
pub(super) fn box_program(n: usize, capacity: f64) -> Program {
    Program::linear(vec![0.0; n]).with_bounds(vec![0.0; n], vec![capacity; n])
}

/// Where such decisions live.
pub(super) fn box_support(n: usize, capacity: f64) -> Support {
    Support::Box { lower: vec![0.0; n], upper: vec![capacity; n] }
}

/// What makes such a decision of the output of a policy network.
pub(super) fn box_policy(n: usize, capacity: f64) -> Result<Box<dyn Decider>> {
    Ok(Box::new(Batched::new(BoxSigmoid::new(vec![0.0; n], vec![capacity; n])?)))
}

/// The constant decision that is best in the mean over the training rows.
pub(super) fn best_constant(task: &dyn Benchmark, train: &Instances) -> Result<Vec<f64>> {
    let missing = Error::Unsupported { who: task.name(), what: "a cost of uncertain outcomes" };
    let Uncertain { cost, feasible } = task.uncertain().ok_or(missing)?;
    let scenarios = Scenarios { count: train.len(), outcome: train.truth.cols() };
    let decider = Batched::new(StochasticProgram::new(cost, feasible, scenarios, StochasticOptions::default())?);
    let samples = Batch::from_rows(&[train.truth.as_slice()])?;
    Ok(dfl_core::decide(&decider, &samples, &[0])?.0.into_vec())
}

/// A decision of `[n]` by a formula in a truth of `[theta]`: a black box, exact and without duals.
struct ClosedForm<F> {
    theta: usize,
    n: usize,
    /// Writes the decision and returns its cost.
    decide: F,
}

/// An oracle from the formula that writes the decision for a truth and returns its cost.
pub(super) fn closed_form(n: usize, decide: impl Fn(&[f64], &mut [f64]) -> f64 + Send + Sync + 'static) -> Box<dyn Decider> {
    closed_form_of(n, n, decide)
}

/// The same where the truth has another length than the decision.
pub(super) fn closed_form_of(
    theta: usize,
    n: usize,
    decide: impl Fn(&[f64], &mut [f64]) -> f64 + Send + Sync + 'static,
) -> Box<dyn Decider> {
    Box::new(Batched::new(NoGradient(ClosedForm { theta, n, decide })))
}

impl<F: Fn(&[f64], &mut [f64]) -> f64 + Send + Sync> Solver for ClosedForm<F> {
    type Workspace = ();

    fn name(&self) -> &'static str {
        "exact"
    }

    fn dims(&self) -> Dims {
        Dims { theta: self.theta, x: self.n, rows: 0 }
    }

    fn workspace(&self) -> Result<()> {
        Ok(())
    }

    fn solve(&self, theta: &[f64], _from: Option<&Solution>, _ws: &mut (), out: &mut Solution) -> Result<SolveInfo> {
        check_len("theta", self.theta, theta.len())?;
        if out.x.len() != self.n || !out.row_dual.is_empty() {
            *out = Solution::zeros(self.n, 0);
        }
        out.objective = (self.decide)(theta, &mut out.x);
        let status = if out.objective.is_finite() { Status::Optimal } else { Status::Failed };
        Ok(SolveInfo { status, iterations: 1, degenerate: false })
    }
}
