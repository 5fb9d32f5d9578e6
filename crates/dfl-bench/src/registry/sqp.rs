//! Methods that decide by an energy and differentiate the decision.

use std::sync::Arc;

use dfl_core::{Decider, EnergyCurvature, Error, Program, Result, SampleEnergy};
use dfl_losses::{EnergyDecision, EnergySurrogate, Input, SurrogateOptions};
use dfl_solvers::{Batched, BlockSqp, Counted, Sqp, SqpDerivative, SqpOptions, SqpStart, Surrogate, Timed};

use super::build::decision_cost;
use super::sampled::{SampledMethod, SampledSetup, samples};
use crate::tasks::Benchmark;

/// Share of the variables in a block unless `block` says otherwise; published are half as many edges as the graph has nodes.
const BLOCK: f64 = 0.25;

/// What a decision minimises, what it reads of the model, and where it may lie.
pub(super) struct Minimised {
    energy: Arc<dyn EnergyCurvature>,
    input: Input,
    feasible: Program,
    start: SqpStart,
}

impl Minimised {
    /// The expected cost in closed form, where the task has one.
    pub(super) fn in_closed_form(task: &dyn Benchmark) -> Option<Self> {
        let (energy, feasible) = (task.expected_cost()?, task.uncertain()?.feasible);
        // As published for the power task, whose decision has the units of the outcome.
        let start = if energy.prediction() == 2 * feasible.n() { SqpStart::Mean } else { SqpStart::Centre };
        Some(Self { energy, input: Input::Moments, feasible, start })
    }

    /// The mean cost over samples of the outcome.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a task without such a cost, or one with kinks.
    pub(super) fn of_samples(task: &dyn Benchmark, count: usize, outcome: usize) -> Result<Self> {
        let refuse = |what| Error::Unsupported { who: task.name(), what };
        let uncertain = task.uncertain().ok_or(refuse("the cost of an uncertain outcome, whose mean is minimised"))?;
        if !uncertain.cost.kinks().is_empty() {
            return Err(refuse("a smooth mean of sampled costs: they have kinks; use dfl_rp, whose stochastic program knows them"));
        }
        let feasible = uncertain.feasible;
        let energy = Arc::new(SampleEnergy::new(uncertain.cost, count, outcome, feasible.n())?);
        Ok(Self { energy, input: Input::Samples { count }, feasible, start: SqpStart::Centre })
    }

    /// The closed form unless `samples` are asked for, or there is none.
    fn of(setup: &SampledSetup<'_>) -> Result<Self> {
        match Self::in_closed_form(setup.task).filter(|_| setup.options.samples.is_none()) {
            Some(closed) => Ok(closed),
            None => Self::of_samples(setup.task, samples(setup.options), setup.outcome),
        }
    }

    fn options(&self, derivative: SqpDerivative) -> SqpOptions {
        SqpOptions { derivative, start: self.start.clone(), ..SqpOptions::default() }
    }

    fn solver(self, derivative: SqpDerivative) -> Result<Sqp<Arc<dyn EnergyCurvature>>> {
        let options = self.options(derivative);
        Sqp::new(self.energy, self.feasible, options)
    }

    /// What decides by it.
    pub(super) fn decider(self) -> Result<Box<dyn Decider>> {
        Ok(Box::new(Batched::new(self.solver(SqpDerivative::Exact)?)))
    }
}

/// `dfl_sqp`, `dfl_kkt`: the cost of the decision of least energy.
pub(super) fn through_decision(setup: &SampledSetup<'_>, derivative: SqpDerivative) -> Result<SampledMethod> {
    let minimised = Minimised::of(setup)?;
    let input = minimised.input;
    joined(setup, Batched::new(minimised.solver(derivative)?), input)
}

/// `dfl_block`: the same with the derivative over a random block of the variables.
pub(super) fn through_block(setup: &SampledSetup<'_>) -> Result<SampledMethod> {
    let minimised = Minimised::of(setup)?;
    let (input, derivative) = (minimised.input, SqpDerivative::Block { share: setup.options.block.unwrap_or(BLOCK) });
    joined(setup, BlockSqp::new(minimised.solver(derivative)?)?, input)
}

fn joined(setup: &SampledSetup<'_>, decider: impl Decider + 'static, input: Input) -> Result<SampledMethod> {
    Ok(Box::new(EnergyDecision::new(watched(setup, decider), decision_cost(setup.task, "dfl_sqp")?, input)?))
}

/// `dfl_surrogate`: the same over few variables that describe a decision, in a way that is learned.
pub(super) fn through_surrogate(setup: &SampledSetup<'_>) -> Result<SampledMethod> {
    let (minimised, default, o) = (Minimised::of(setup)?, SurrogateOptions::default(), setup.options);
    let (width, learning_rate) = (o.width.unwrap_or(default.width), o.step.unwrap_or(default.learning_rate));
    let (input, options) = (minimised.input, SqpOptions { start: SqpStart::Centre, ..minimised.options(SqpDerivative::Exact) });
    let decider = Batched::new(Surrogate::new(minimised.energy, minimised.feasible, width, options)?);
    let options = SurrogateOptions { width, learning_rate, seed: setup.seed, ..default };
    Ok(Box::new(EnergySurrogate::new(watched(setup, decider), decision_cost(setup.task, "dfl_surrogate")?, input, options)?))
}

/// The same, counted and timed.
fn watched(setup: &SampledSetup<'_>, decider: impl Decider + 'static) -> Box<dyn Decider> {
    Box::new(Timed::new(Counted::new(decider, Arc::clone(setup.counters)), Arc::clone(setup.watch)))
}
