use std::ops::ControlFlow;
use std::time::Instant;

use crate::{
    Batch, Decider, DecisionLoss, Error, Instances, Key, Loss, Parameters, Result, SolveInfo, Status, Stream, Targets, Trainable, check_len,
};

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

/// Rows of one step.
#[derive(Clone, Copy, Debug)]
pub struct Minibatch<'a> {
    /// Name of each row, `[b]`.
    pub ids: &'a [u64],
    /// `[b, features]`.
    pub features: &'a Batch,
    /// What turned out to be true.
    pub targets: &'a Targets,
}

/// What an [`Objective`] found at one step.
#[derive(Clone, Debug, Default)]
pub struct StepReport {
    /// Sum of the loss over the rows.
    pub loss: f64,
    /// How each solve ended.
    pub info: Vec<SolveInfo>,
    /// Rows of the minibatch without a usable decision, each with the first status that is not, in order.
    pub failed: Vec<(usize, Status)>,
}

/// What training minimises: the mean over rows of a loss of a model's predictions or samples.
///
/// A [`DecisionLoss`] is one for every [`Trainable`].
pub trait Objective<M: ?Sized> {
    /// Id of the solver inside, `"none"` without one; errors name it.
    fn solver(&self) -> &'static str {
        "none"
    }
    /// Adds the gradient of the *mean* loss over the rows to the model's gradient.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the model gives a number that is not finite (see [`Error::diverged`]); whatever model, loss or decider
    /// report.
    fn accumulate(&self, model: &mut M, rows: Minibatch<'_>, stream: Stream) -> Result<StepReport>;
}

impl<M: Trainable + ?Sized, L: Loss, D: Decider> Objective<M> for DecisionLoss<L, D> {
    fn solver(&self) -> &'static str {
        self.decider().map_or("none", |d| d.name())
    }
    fn accumulate(&self, model: &mut M, rows: Minibatch<'_>, stream: Stream) -> Result<StepReport> {
        let preds = model.forward(rows.features, stream)?;
        preds.check_finite("prediction").map_err(|e| e.diverged(rows.ids))?;
        let out = self.evaluate(&preds, rows.targets, rows.ids, stream)?;
        model.backward(&mean_gradient(&out.grads))?;
        let first_bad = |&i: &usize| out.info[i * out.probes..].iter().map(|s| s.status).find(|s| !s.usable());
        let failed = out.failed_rows().into_iter().filter_map(|i| Some((i, first_bad(&i)?))).collect();
        Ok(StepReport { loss: out.values.iter().sum(), failed, info: out.info })
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
    /// Mean loss of the last step.
    pub last_loss: Option<f64>,
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
    /// Before [`Error::Diverged`] ends the run: the last chance to keep a checkpoint. The model holds the weights that ran away.
    fn diverged(&mut self, _model: &mut M, _error: &Error) {}
}

/// No watching.
impl<M: ?Sized> Callback<M> for () {}

/// What a run has behind it that goes on: weights and optimiser are the model's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Done {
    /// Whole epochs.
    pub epochs: usize,
    /// Rows without a usable decision in them.
    pub failures: usize,
    /// Mean loss of their last step, for the message of a run that diverges right afterwards.
    pub last_loss: Option<f64>,
}

/// Trains `model` on `data` by minibatch steps along the mean gradient; returns the epochs that ran.
///
/// # Errors
/// As [`train_on`].
pub fn train<M: Parameters + ?Sized, O: Objective<M> + ?Sized>(
    model: &mut M,
    objective: &O,
    data: &Instances,
    options: &TrainOptions,
    callback: &mut dyn Callback<M>,
) -> Result<Vec<EpochReport>> {
    train_on(model, objective, data, options, Done::default(), callback)
}

/// Goes on with a [`train`]ing after the epochs that are `done`: order of rows, noise and learning rate are functions of seed and step, so
/// that a model with the weights and the [optimiser's state](Parameters::optimiser_state) of that moment ends with the bits of a run that was
/// never interrupted, unless the objective itself remembers earlier steps. Returns the epochs that ran now.
///
/// # Errors
/// [`Error::NotSolved`] once more rows fail than are tolerated, [`Error::Diverged`] with the step and the last finite loss,
/// [`Error::Domain`] for a zero batch, and whatever model, objective or callback report.
pub fn train_on<M: Parameters + ?Sized, O: Objective<M> + ?Sized>(
    model: &mut M,
    objective: &O,
    data: &Instances,
    options: &TrainOptions,
    done: Done,
    callback: &mut dyn Callback<M>,
) -> Result<Vec<EpochReport>> {
    check_len("ids of the training rows", data.features.rows(), data.ids.len())?;
    if options.batch == 0 || data.is_empty() {
        return Err(Error::Domain { what: "batch size or number of training rows", value: 0.0, need: "at least 1" });
    }
    let targets = data.targets();
    let step = done.epochs * data.len().div_ceil(options.batch);
    let mut run = Run { objective, data, targets, options, step, failures: done.failures, last_loss: done.last_loss };
    let mut reports = Vec::new();
    for epoch in done.epochs..options.epochs {
        let (report, flow) = run.epoch(epoch, model, callback)?;
        reports.push(report);
        if flow.is_break() || callback.epoch_end(model, &report)?.is_break() {
            break;
        }
    }
    Ok(reports)
}

struct Run<'a, O: ?Sized> {
    objective: &'a O,
    data: &'a Instances,
    targets: Targets,
    options: &'a TrainOptions,
    step: usize,
    failures: usize,
    /// Mean loss of the last step that had one.
    last_loss: Option<f64>,
}

impl<O: ?Sized> Run<'_, O> {
    fn epoch<M: Parameters + ?Sized>(
        &mut self,
        epoch: usize,
        model: &mut M,
        callback: &mut dyn Callback<M>,
    ) -> Result<(EpochReport, ControlFlow<()>)>
    where
        O: Objective<M>,
    {
        let started = Instant::now();
        let mut report =
            EpochReport { epoch, loss: 0.0, solves: 0, iterations: 0, failures: 0, last_loss: None, degenerate: 0, seconds: 0.0 };
        let (order, mut flow, mut rows) = (self.order(epoch), ControlFlow::Continue(()), 0);
        for index in order.chunks(self.options.batch) {
            let out = self.one_step(index, model).inspect_err(|error| {
                if matches!(error, Error::Diverged { .. }) {
                    callback.diverged(model, error);
                }
            })?;
            report.loss += out.loss;
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
        (report.failures, report.last_loss) = (self.failures, self.last_loss);
        report.seconds = started.elapsed().as_secs_f64();
        Ok((report, flow))
    }

    fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.data.len()).collect();
        Stream { seed: self.options.seed, step: epoch as u64 }.rng("shuffle", Key::default()).shuffle(&mut order);
        order
    }

    fn one_step<M: Parameters + ?Sized>(&mut self, index: &[usize], model: &mut M) -> Result<StepReport>
    where
        O: Objective<M>,
    {
        let stream = Stream { seed: self.options.seed, step: self.step as u64 };
        let ids: Vec<u64> = index.iter().map(|&i| self.data.ids[i]).collect();
        let (features, targets) = (self.data.features.select(index), self.targets.select(index));
        let rows = Minibatch { ids: &ids, features: &features, targets: &targets };
        model.zero_grad();
        let out = self.objective.accumulate(model, rows, stream).map_err(|e| self.located(e))?;
        self.tolerate::<M>(&out, &ids)?;
        if !out.loss.is_finite() {
            let loss = Error::NotFinite { what: "loss", row: 0, column: 0, value: out.loss };
            return Err(self.located(loss.diverged(&ids)));
        }
        self.last_loss = Some(out.loss / index.len() as f64);
        model.step(self.options.learning_rate * self.options.schedule.factor(self.step, self.steps()))?;
        self.step += 1;
        Ok(out)
    }

    /// Says when training diverged.
    fn located(&self, error: Error) -> Error {
        match error {
            Error::Diverged { what, id, column, value, .. } => {
                Error::Diverged { what, id, column, value, step: self.step, last_loss: self.last_loss }
            }
            other => other,
        }
    }

    fn steps(&self) -> usize {
        self.options.epochs * self.data.len().div_ceil(self.options.batch)
    }

    fn tolerate<M: ?Sized>(&mut self, out: &StepReport, ids: &[u64]) -> Result<()>
    where
        O: Objective<M>,
    {
        self.failures += out.failed.len();
        match out.failed.first() {
            Some(&(i, status)) if self.failures > self.options.tolerated_failures => {
                Err(Error::NotSolved { index: ids[i] as usize, solver: self.objective.solver(), status })
            }
            _ => Ok(()),
        }
    }
}

/// Each row's gradient divided by the number of rows: the gradient of the mean loss.
fn mean_gradient(grads: &Batch) -> Batch {
    let mut out = grads.clone();
    let scale = 1.0 / grads.rows() as f64;
    out.as_mut_slice().iter_mut().for_each(|g| *g *= scale);
    out
}
