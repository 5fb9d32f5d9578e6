//! Methods that decide by an energy and differentiate the decision.

use std::sync::Arc;

use dfl_core::{CostCurvature, Decider, EnergyCurvature, Error, Program, Result, SampleEnergy};
use dfl_losses::{EnergyDecision, EnergySurrogate, Input, SurrogateOptions};
use dfl_solvers::{Batched, BlockSqp, Counted, Sqp, SqpDerivative, SqpOptions, SqpStart, Surrogate, Timed};

use super::build::decision_cost;
use super::energy::closed_form;
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

/// The mean of a cost over samples: the task's own, or one sample after the other.
pub(super) fn energy_of_samples(
    task: &dyn Benchmark,
    cost: Arc<dyn CostCurvature>,
    count: usize,
    outcome: usize,
    decision: usize,
) -> Result<Arc<dyn EnergyCurvature>> {
    let plain = || Ok(Arc::new(SampleEnergy::new(cost, count, outcome, decision)?) as Arc<dyn EnergyCurvature>);
    task.energy_of_samples(count).unwrap_or_else(plain)
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
        let energy = energy_of_samples(task, uncertain.cost, count, outcome, feasible.n())?;
        Ok(Self { energy, input: Input::Samples { count }, feasible, start: SqpStart::Centre })
    }

    /// The closed form unless `samples` are asked for, or there is none for the task and the model.
    fn of(setup: &SampledSetup<'_>) -> Result<Self> {
        let closed = match setup.options.samples {
            None => closed_form(setup)?.and_then(|_| Self::in_closed_form(setup.task)),
            Some(_) => None,
        };
        closed.map_or_else(|| Self::of_samples(setup.task, samples(setup.options), setup.outcome), Ok)
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

#[cfg(test)]
mod tests {
    use dfl_core::{Batch, Curvature, Instances, Result, Source, Splits, Task};
    use dfl_solvers::Scenarios;

    use super::super::sampled::program_of_samples;
    use super::*;
    use crate::data::allocation::Returns;
    use crate::registry::MethodOptions;
    use crate::tasks::{AllocationTask, Figure, Uncertain};

    /// Product allocation, which is convex but does not say so.
    struct Undecided(AllocationTask);

    impl Task for Undecided {
        fn name(&self) -> &'static str {
            self.0.name()
        }
        fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
            self.0.cost(truth, decision)
        }
        fn oracle(&self) -> Result<Box<dyn Decider>> {
            self.0.oracle()
        }
        fn source(&self) -> &dyn Source {
            self.0.source()
        }
    }

    impl Benchmark for Undecided {
        fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
            self.0.figures(part, decisions)
        }
        fn needs_labels(&self) -> bool {
            self.0.needs_labels()
        }
        fn uncertain(&self) -> Option<Uncertain> {
            self.0.uncertain()
        }
        fn convex(&self) -> bool {
            false
        }
        fn baselines(&self) -> &'static [&'static str] {
            &[]
        }
        fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
            self.0.baseline(method, data)
        }
    }

    /// The same decisions by either method, as this cost is convex; a tail and score weights stay with the stochastic program.
    #[test]
    fn costs_that_need_not_be_convex_are_decided_by_sqp() {
        let products = 3;
        let task = || AllocationTask::new(products, Returns::CODE).unwrap();
        let (convex, other) = (task(), Undecided(task()));
        let scenarios = Scenarios { count: 5, outcome: products };
        let make = |task: &dyn Benchmark, options: &MethodOptions, weights| {
            program_of_samples(task, scenarios, options, Curvature::SampleAverage, weights).unwrap()
        };
        let (plain, tail) = (MethodOptions::default(), MethodOptions { tail: Some(0.4), ..MethodOptions::default() });
        let names = [make(&convex, &plain, false), make(&other, &plain, false), make(&other, &tail, false), make(&other, &plain, true)];
        assert_eq!(names.each_ref().map(|decider| decider.name()), ["stochastic", "sqp", "stochastic", "stochastic"]);
        let samples: Vec<f64> = (0..5 * products).map(|k| (k as f64).sin()).collect();
        let decide = |decider: &dyn Decider| dfl_core::decide(decider, &Batch::from_rows(&[&samples]).unwrap(), &[0]).unwrap().0;
        let (a, b) = (decide(&*names[0]), decide(&*names[1]));
        assert!(a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| (a - b).abs() < 1e-8), "{a:?} {b:?}");
    }

    /// The power cost has kinks, so that its samples are not for SQP, but its moments are.
    #[test]
    fn kinks_are_not_smoothed_over() {
        let task = crate::tasks::PowerScheduling::new(crate::data::pjm::Columns::Honest);
        assert!(matches!(Minimised::of_samples(&task, 5, 24).err(), Some(Error::Unsupported { .. })));
        let closed = Minimised::in_closed_form(&task).unwrap();
        assert_eq!((closed.input, &closed.start), (Input::Moments, &SqpStart::Mean));
    }
}
