use std::ops::ControlFlow;
use std::time::Instant;

use crate::{Batch, Decider, DecisionLoss, Error, Evaluation, Instances, Key, Loss, Result, Stream, Targets, Trainable, check_len};

/// How the learning rate falls over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// Not at all.
    #[default]
    Constant,
    /// $\tfrac12 (1 + \cos \pi t / T)$ over all steps; lets a non-smooth convex loss settle.
    Cosine,
}

impl Schedule {
    fn factor(self, step: usize, steps: usize) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / steps.max(1) as f64).cos()),
        }
    }
}

/// Settings of a training run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainOptions {
    /// Passes over the data.
    pub epochs: usize,
    /// Rows per step; the last batch of an epoch may be smaller.
    pub batch: usize,
    /// Step size handed to the model's optimiser.
    pub learning_rate: f64,
    /// How it falls.
    pub schedule: Schedule,
    /// Seeds shuffling and the noise of losses and deciders.
    pub seed: u64,
    /// Rows without a usable decision that the whole run puts up with.
    pub tolerated_failures: usize,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self { epochs: 30, batch: 32, learning_rate: 0.01, schedule: Schedule::Constant, seed: 0, tolerated_failures: 0 }
    }
}

/// What one epoch did.
#[derive(Clone, Copy, Debug)]
pub struct EpochReport {
    /// From 0.
    pub epoch: usize,
    /// Mean loss over its rows, each at the weights of its step.
    pub loss: f64,
    /// Solves made.
    pub solves: usize,
    /// Iterations of all solves.
    pub iterations: usize,
    /// Rows without a usable decision so far, in the whole run.
    pub failures: usize,
    /// Answers flagged degenerate in this epoch.
    pub degenerate: usize,
    /// Wall time without the callbacks.
    pub seconds: f64,
}

/// Watches a run; returning `Break` ends it early without an error.
pub trait Callback<M: ?Sized> {
    /// After each step; cheap work only, e.g. looking at an interrupt flag.
    ///
    /// # Errors
    /// Ends the run with this error.
    fn step_end(&mut self, _step: usize) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
    /// After each epoch, e.g. validation, keeping the best weights, a progress bar.
    ///
    /// # Errors
    /// Ends the run with this error.
    fn epoch_end(&mut self, _model: &mut M, _report: &EpochReport) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}

/// No watching.
impl<M: ?Sized> Callback<M> for () {}

/// Trains `model` on `data` by minibatch steps along the mean gradient; returns the epochs that ran.
///
/// # Errors
/// [`Error::NotSolved`] once more rows fail than are tolerated, [`Error::Domain`] for a zero batch, and whatever model, loss or
/// callback report.
pub fn train<M: Trainable + ?Sized, L: Loss, D: Decider>(
    model: &mut M,
    loss: &DecisionLoss<L, D>,
    data: &Instances,
    options: &TrainOptions,
    callback: &mut dyn Callback<M>,
) -> Result<Vec<EpochReport>> {
    check_len("ids of the training rows", data.features.rows(), data.ids.len())?;
    if options.batch == 0 || data.is_empty() {
        return Err(Error::Domain { what: "batch size or number of training rows", value: 0.0, need: "at least 1" });
    }
    let targets = data.targets();
    let mut run = Run { loss, data, targets, options, step: 0, failures: 0 };
    let mut reports = Vec::with_capacity(options.epochs);
    for epoch in 0..options.epochs {
        let (report, flow) = run.epoch(epoch, model, callback)?;
        reports.push(report);
        if flow.is_break() || callback.epoch_end(model, &report)?.is_break() {
            break;
        }
    }
    Ok(reports)
}

struct Run<'a, L, D> {
    loss: &'a DecisionLoss<L, D>,
    data: &'a Instances,
    targets: Targets,
    options: &'a TrainOptions,
    step: usize,
    failures: usize,
}

impl<L: Loss, D: Decider> Run<'_, L, D> {
    fn epoch<M: Trainable + ?Sized>(
        &mut self,
        epoch: usize,
        model: &mut M,
        callback: &mut dyn Callback<M>,
    ) -> Result<(EpochReport, ControlFlow<()>)> {
        let started = Instant::now();
        let mut report = EpochReport { epoch, loss: 0.0, solves: 0, iterations: 0, failures: 0, degenerate: 0, seconds: 0.0 };
        let (order, mut flow, mut rows) = (self.order(epoch), ControlFlow::Continue(()), 0);
        for index in order.chunks(self.options.batch) {
            let out = self.one_step(index, model)?;
            report.loss += out.values.iter().sum::<f64>();
            report.solves += out.info.len();
            report.iterations += out.info.iter().map(|i| i.iterations).sum::<usize>();
            report.degenerate += out.info.iter().filter(|i| i.degenerate).count();
            rows += index.len();
            flow = callback.step_end(self.step)?;
            if flow.is_break() {
                break;
            }
        }
        report.loss /= rows as f64;
        report.failures = self.failures;
        report.seconds = started.elapsed().as_secs_f64();
        Ok((report, flow))
    }

    fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.data.len()).collect();
        Stream { seed: self.options.seed, step: epoch as u64 }.rng("shuffle", Key::default()).shuffle(&mut order);
        order
    }

    fn one_step<M: Trainable + ?Sized>(&mut self, index: &[usize], model: &mut M) -> Result<Evaluation> {
        let stream = Stream { seed: self.options.seed, step: self.step as u64 };
        let ids: Vec<u64> = index.iter().map(|&i| self.data.ids[i]).collect();
        model.zero_grad();
        let preds = model.forward(&self.data.features.select(index), stream)?;
        check_not_diverged(&preds, &ids)?;
        let out = self.loss.evaluate(&preds, &self.targets.select(index), &ids, stream)?;
        self.tolerate(&out, &ids)?;
        model.backward(&mean_gradient(&out.grads))?;
        model.step(self.options.learning_rate * self.options.schedule.factor(self.step, self.steps()))?;
        self.step += 1;
        Ok(out)
    }

    fn steps(&self) -> usize {
        self.options.epochs * self.data.len().div_ceil(self.options.batch)
    }

    fn tolerate(&mut self, out: &Evaluation, ids: &[u64]) -> Result<()> {
        let failed = out.failed_rows();
        self.failures += failed.len();
        match failed.first() {
            Some(&i) if self.failures > self.options.tolerated_failures => {
                let bad = out.info[i * out.probes..].iter().find(|s| !s.status.usable()).expect("a failed row has a failed probe");
                let solver = self.loss.decider().map_or("none", |d| d.name());
                Err(Error::NotSolved { index: ids[i] as usize, solver, status: bad.status })
            }
            _ => Ok(()),
        }
    }
}

/// Weights that ran away show in the predictions first.
fn check_not_diverged(preds: &Batch, ids: &[u64]) -> Result<()> {
    match preds.check_finite("prediction") {
        Err(Error::NotFinite { row, column, value, .. }) => Err(Error::Diverged { id: ids[row], column, value }),
        other => other,
    }
}

/// Each row's gradient divided by the number of rows: the gradient of the mean loss.
fn mean_gradient(grads: &Batch) -> Batch {
    let mut out = grads.clone();
    let scale = 1.0 / grads.rows() as f64;
    out.as_mut_slice().iter_mut().for_each(|g| *g *= scale);
    out
}
