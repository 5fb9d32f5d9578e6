use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use dfl_core::{Batch, Counters, Decider, Error, Generative, Instances, Objective, Result, Splits, Stream, Trainable, decide};
use dfl_losses::{EssMeter, MaximumLikelihood};
use dfl_solvers::Stopwatch;

use super::RunSpec;
use super::job::Around;
use super::labels::hash_of;
use super::learn::Learner;
use crate::registry::{
    Judge, MethodOptions, PredictorOptions, SampledSetup, Setup, judge, make_outcomes, make_predictor, make_sampled, squared_error,
};

/// Tells the noise that models are judged with from that of their training.
const JUDGE_SEED: u64 = 1 << 33;

/// Tells a model that a method fits beside the one that is trained from that one.
const PROXY_SEED: u64 = 1 << 35;

/// Most samples of one pass through a model that is judged: bounds memory.
const PASS: usize = 1 << 15;

/// Samples that the band of a drawing is read off.
const BAND: usize = 201;

/// Makes decisions of what a model says of some rows.
pub(super) type Decide<'a, M> = Box<dyn Fn(&M, &Instances) -> Result<Batch> + 'a>;

/// What a model expects of some rows, low and high.
pub(super) type Expect<'a, M> = Box<dyn Fn(&M, &Instances) -> Result<[Batch; 2]> + 'a>;

/// A model with what it learns from, and what makes decisions of what it says.
pub(super) struct Pupil<'a, M: ?Sized> {
    pub(super) model: Box<M>,
    /// What its training may begin with.
    pub(super) warm_up: Box<dyn Objective<M> + 'a>,
    pub(super) objective: Box<dyn Objective<M> + 'a>,
    pub(super) decide: Decide<'a, M>,
    /// Whether it predicts the truth; a policy does not.
    pub(super) predicts_truth: bool,
    /// The tenth and the ninetieth percentile of what it expects, if it says a distribution.
    pub(super) band: Option<Expect<'a, M>>,
    /// What goes on after a warm-up that is shared.
    pub(super) anew: Option<Anew<M>>,
}

/// A model that continues where another's warm-up ended.
pub(super) struct Anew<M: ?Sized> {
    /// The same model, not trained, with an optimiser that knows nothing of earlier steps.
    pub(super) model: Box<M>,
    /// Says all that the weights after the warm-up depend on.
    pub(super) name: String,
}

/// Weights after warm-ups, by the name of what they depend on.
pub(super) type WarmStarts = RefCell<HashMap<String, Vec<f64>>>;

/// What one training costs the solver.
#[derive(Default)]
pub(super) struct Work {
    pub(super) counters: Arc<Counters>,
    /// Runs for stochastic programs over several samples alone.
    pub(super) watch: Arc<Stopwatch>,
    /// Counts the candidates of an energy model that it relies on.
    pub(super) meter: OnceCell<Arc<EssMeter>>,
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
        let setup = Setup { task, solver: &self.run.solver, options: self.options, device, warm: true, counters, train: &data.train };
        let (policy, missing) = (self.run.is_policy(), Error::Unsupported { who: task.name(), what: "decisions of a policy's output" });
        let judge = if policy { task.policy().unwrap_or(Err(missing))? } else { task.oracle()? };
        let outputs = judge.dims().theta;
        Ok(Pupil {
            model: make_predictor(&self.run.predictor, &self.predictor(outputs))?,
            warm_up: Box::new(squared_error()?),
            objective: Box::new((self.around.methods)(&self.run.method, &setup)?),
            decide: Box::new(move |model, part| {
                let predictions = finite("prediction", model.predict(&part.features), &part.ids)?;
                Ok(decide(&*judge, &predictions, &part.ids)?.0)
            }),
            predicts_truth: !policy,
            band: None,
            anew: self.anew(|| make_predictor(&self.run.predictor, &self.predictor(outputs)))?,
        })
    }

    /// A distribution, whose decisions are those for its moments or of the stochastic program over its samples; the noise of samples is the
    /// same whenever it is judged.
    pub(super) fn distribution(&self) -> Result<Pupil<'a, dyn Generative>> {
        let (task, train, Work { counters, watch, meter }) = (self.learner.task, &self.learner.data.train, self.work);
        let (outcome, seed) = (train.truth.cols(), self.learner.seed ^ PROXY_SEED);
        let proxy = || make_outcomes(task, &self.run.predictor, &PredictorOptions { seed, ..self.predictor(outcome) }, train);
        let setup = SampledSetup { task, options: self.options, outcome, counters, watch, train, proxy: &proxy, seed, meter };
        let (judge, seed) = (judge(&self.run.method, &setup)?, self.learner.seed ^ JUDGE_SEED);
        Ok(Pupil {
            model: self.untrained()?,
            warm_up: Box::new(MaximumLikelihood),
            objective: make_sampled(&self.run.method, &setup)?,
            decide: Box::new(move |model, part| match &judge {
                Judge::Samples(count, decider) => decide_for_samples(model, &**decider, *count, part, seed),
                Judge::Moments(decider) => {
                    let moments = finite("moment", model.moments(&part.features), &part.ids)?;
                    Ok(decide(&**decider, &moments, &part.ids)?.0)
                }
            }),
            predicts_truth: true,
            band: Some(Box::new(move |model, part| expected(model, part, seed))),
            anew: self.anew(|| self.untrained())?,
        })
    }

    /// The distribution before training.
    pub(super) fn untrained(&self) -> Result<Box<dyn Generative>> {
        let train = &self.learner.data.train;
        make_outcomes(self.learner.task, &self.run.predictor, &self.predictor(train.truth.cols()), train)
    }

    fn anew<M: ?Sized>(&self, make: impl FnOnce() -> Result<Box<M>>) -> Result<Option<Anew<M>>> {
        let Learner { data: Splits { train, .. }, training, seed, profile, .. } = *self.learner;
        let Some(warm_up) = training.warm_up.filter(|warm_up| warm_up.shared) else { return Ok(None) };
        let rows = hash_of(&[train.features.as_slice(), train.truth.as_slice()]);
        let RunSpec { predictor, model, .. } = self.run;
        let (model, batch, start) = (model.of(profile), training.batch, training.start);
        Ok(Some(Anew { model: make()?, name: format!("{rows:x} {seed} {predictor} {model:?} {warm_up:?} {batch} {start:?}") }))
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
            graph: task.graph(),
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

/// The tenth and the ninetieth percentile of each entry over samples of some rows.
fn expected(model: &dyn Generative, part: &Instances, seed: u64) -> Result<[Batch; 2]> {
    let drawn = finite("sample", model.sample(&part.features, BAND, Stream { seed, step: 0 }), &part.ids)?;
    let entries = drawn.cols() / BAND;
    let percentile = |row: &[f64], entry: usize, share: f64| {
        let mut values: Vec<f64> = row.iter().skip(entry).step_by(entries).copied().collect();
        values.sort_by(f64::total_cmp);
        values[(share * (BAND - 1) as f64).round() as usize]
    };
    let side = |share: f64| {
        let values = drawn.iter().flat_map(|row| (0..entries).map(move |entry| percentile(row, entry, share))).collect();
        Batch::from_vec(part.len(), entries, values)
    };
    Ok([side(0.1)?, side(0.9)?])
}

/// What a model says, which is divergence if it is not finite.
fn finite(what: &'static str, said: Result<Batch>, ids: &[u64]) -> Result<Batch> {
    said.and_then(|batch| batch.check_finite(what).map(|()| batch)).map_err(|e| e.diverged(ids))
}
