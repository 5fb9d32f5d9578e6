use std::sync::Arc;

use dfl_core::{Batch, Counters, Decider, Error, Generative, Instances, Objective, Result, Stream, Trainable, decide};
use dfl_losses::MaximumLikelihood;
use dfl_solvers::Stopwatch;

use super::RunSpec;
use super::job::Around;
use super::learn::Learner;
use crate::registry::{
    MethodOptions, PredictorOptions, SampledSetup, Setup, judge_of_samples, make_outcomes, make_predictor, make_sampled, squared_error,
};

/// Tells the noise that models are judged with from that of their training.
const JUDGE_SEED: u64 = 1 << 33;

/// Tells a model that a method fits beside the one that is trained from that one.
const PROXY_SEED: u64 = 1 << 35;

/// Most samples of one pass through a model that is judged: bounds memory.
const PASS: usize = 1 << 15;

/// Makes decisions of what a model says of some rows.
pub(super) type Decide<'a, M> = Box<dyn Fn(&M, &Instances) -> Result<Batch> + 'a>;

/// A model with what it learns from, and what makes decisions of what it says.
pub(super) struct Pupil<'a, M: ?Sized> {
    pub(super) model: Box<M>,
    /// What its training may begin with.
    pub(super) warm_up: Box<dyn Objective<M> + 'a>,
    pub(super) objective: Box<dyn Objective<M> + 'a>,
    pub(super) decide: Decide<'a, M>,
    /// Whether it predicts the truth; a policy does not.
    pub(super) predicts_truth: bool,
}

/// What one training costs the solver.
#[derive(Default)]
pub(super) struct Work {
    pub(super) counters: Arc<Counters>,
    /// Runs for stochastic programs over several samples alone.
    pub(super) watch: Arc<Stopwatch>,
}

/// What a pupil is made from.
pub(super) struct School<'s, 'a> {
    pub(super) run: &'s RunSpec,
    pub(super) learner: &'s Learner<'a>,
    pub(super) around: &'s Around<'a>,
    pub(super) options: &'s MethodOptions,
    pub(super) work: &'s Work,
}

impl<'a> School<'_, 'a> {
    /// A predictor, whose decisions are the exact ones at its predictions, or a policy, whose output the task makes decisions of.
    pub(super) fn point(&self) -> Result<Pupil<'a, dyn Trainable>> {
        let (task, data, device) = (self.learner.task, self.learner.data, self.around.device);
        let Work { counters, .. } = self.work;
        let setup = Setup { task, solver: &self.run.solver, options: self.options, device, counters, train: &data.train };
        let (policy, missing) = (self.run.is_policy(), Error::Unsupported { who: task.name(), what: "decisions of a policy's output" });
        let judge = if policy { task.policy().unwrap_or(Err(missing))? } else { task.oracle()? };
        Ok(Pupil {
            model: make_predictor(&self.run.predictor, &self.predictor(judge.dims().theta))?,
            warm_up: Box::new(squared_error()?),
            objective: Box::new((self.around.methods)(&self.run.method, &setup)?),
            decide: Box::new(move |model, part| {
                let predictions = finite("prediction", model.predict(&part.features), &part.ids)?;
                Ok(decide(&*judge, &predictions, &part.ids)?.0)
            }),
            predicts_truth: !policy,
        })
    }

    /// A distribution, whose decisions are those of the stochastic program over its samples; the noise is the same whenever it is judged.
    pub(super) fn distribution(&self) -> Result<Pupil<'a, dyn Generative>> {
        let (train, Work { counters, watch }) = (&self.learner.data.train, self.work);
        let (outcome, seed) = (train.truth.cols(), self.learner.seed ^ PROXY_SEED);
        let (task, id) = (self.learner.task, &self.run.predictor);
        let proxy = || make_outcomes(task, id, &PredictorOptions { seed, ..self.predictor(outcome) }, train);
        let setup = SampledSetup { task, options: self.options, outcome, counters, watch, train, proxy: &proxy, seed };
        let (samples, judge) = judge_of_samples(&setup)?;
        let seed = self.learner.seed ^ JUDGE_SEED;
        Ok(Pupil {
            model: make_outcomes(task, id, &self.predictor(outcome), train)?,
            warm_up: Box::new(MaximumLikelihood),
            objective: make_sampled(&self.run.method, &setup)?,
            decide: Box::new(move |model, part| decide_for_samples(model, &*judge, samples, part, seed)),
            predicts_truth: true,
        })
    }

    fn predictor(&self, outputs: usize) -> PredictorOptions<'_> {
        let Learner { task, data, training, seed, profile, .. } = *self.learner;
        PredictorOptions {
            inputs: data.train.features.cols(),
            outputs,
            shared: task.shared_items().filter(|_| !self.run.is_policy()),
            seed,
            start: training.start,
            model: self.run.model.of(profile),
            device: self.around.device,
        }
    }
}

/// Samples as many rows in one pass as memory allows, and decides for each.
fn decide_for_samples(model: &dyn Generative, judge: &dyn Decider, samples: usize, part: &Instances, seed: u64) -> Result<Batch> {
    let rows: Vec<usize> = (0..part.len()).collect();
    let mut decisions = Vec::with_capacity(part.len() * judge.dims().x);
    for (pass, rows) in rows.chunks((PASS / samples).max(1)).enumerate() {
        let ids: Vec<u64> = rows.iter().map(|&i| part.ids[i]).collect();
        let drawn = model.sample(&part.features.select(rows), samples, Stream { seed, step: pass as u64 });
        decisions.extend(decide(judge, &finite("sample", drawn, &ids)?, &ids)?.0.into_vec());
    }
    Batch::from_vec(part.len(), judge.dims().x, decisions)
}

/// What a model says, which is divergence if it is not finite.
fn finite(what: &'static str, said: Result<Batch>, ids: &[u64]) -> Result<Batch> {
    said.and_then(|batch| batch.check_finite(what).map(|()| batch)).map_err(|e| e.diverged(ids))
}
