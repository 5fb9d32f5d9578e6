use std::ops::ControlFlow;
use std::sync::Arc;

use dfl_core::{
    Batch, Callback, Counters, Decider, EpochReport, Error, Instances, Parameters as _, Predictor as _, Result, Schedule, Splits,
    Task as _, TrainOptions, decide, train_on,
};
use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, Tried};
use super::folder::RunFolder;
use super::method::{self, Taught};
use super::scaler::{Scaled, Scaler};
use super::settings::{Fall, Keep, Settings};
use super::task::UserTask;
use crate::registry::{MethodOptions, PredictorOptions, Setup, Start, make_predictor};
use crate::tasks::Benchmark as _;

/// One line of `epochs.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Rate of this training.
    pub learning_rate: f64,
    /// From 1.
    pub epoch: usize,
    /// Mean training loss.
    pub loss: f64,
    /// Figure on the validation rows; `None` without such rows, or if some have no decision.
    pub valid: Option<f64>,
    /// Solves of the epoch, and answers flagged degenerate.
    pub solves: usize,
    #[allow(missing_docs, reason = "described above")]
    pub degenerate: usize,
    /// Without the validation.
    pub seconds: f64,
}

/// Is told how training goes on.
pub trait Watcher {
    /// A learning rate begins, or goes on after so many epochs.
    fn begin(&self, learning_rate: f64, epochs: usize, done: usize);
    /// An epoch has ended.
    fn epoch(&self, epoch: &Epoch);
    /// Something that the user should know.
    fn note(&self, text: &str);
}

/// Says nothing.
impl Watcher for () {
    fn begin(&self, _learning_rate: f64, _epochs: usize, _done: usize) {}
    fn epoch(&self, _epoch: &Epoch) {}
    fn note(&self, _text: &str) {}
}

/// What training needs besides the state it goes on from.
pub(super) struct Lesson<'a> {
    pub(super) settings: &'a Settings,
    pub(super) options: &'a MethodOptions,
    pub(super) task: &'a UserTask,
    pub(super) data: &'a Splits,
    pub(super) scaler: &'a Scaler,
    pub(super) folder: &'a RunFolder,
    pub(super) interrupted: &'a dyn Fn() -> bool,
    pub(super) watcher: &'a dyn Watcher,
}

/// What came of it.
pub(super) struct Learned {
    pub(super) model: Scaled,
    pub(super) tried: Vec<Tried>,
}

/// The model of a run before training.
pub(super) fn untrained(settings: &Settings, task: &UserTask, scaler: &Scaler) -> Result<Scaled> {
    let options = PredictorOptions {
        inputs: scaler.columns.len(),
        outputs: scaler.centre.len(),
        shared: None,
        seed: settings.seed,
        // The mean cost is a start; without costs a prediction of zero would be one at which every decision is as good.
        start: if settings.costs.is_some() { Start::Zero } else { Start::Uniform },
        model: &method::model_options(settings)?,
        device: &settings.device,
        graph: None,
    };
    Ok(Scaled { model: make_predictor(&settings.predictor, &options)?, scaler: scaler.clone(), layout: task.layout().clone() })
}

/// What a model decides for some rows.
pub(super) fn decisions(model: &Scaled, decider: &dyn Decider, part: &Instances) -> Result<Batch> {
    let predictions = model.predict(&part.features).and_then(|said| said.check_finite("prediction").map(|()| said));
    Ok(decide(decider, &predictions.map_err(|e| e.diverged(&part.ids))?, &part.ids)?.0)
}

/// The loss with its solver.
pub(super) fn taught(settings: &Settings, options: &MethodOptions, task: &UserTask, train: &Instances) -> Result<Taught> {
    let counters = Arc::new(Counters::default());
    // Cold, so that a training that goes on meets the same bits.
    let setup = Setup { task, solver: "auto", options, device: &settings.device, warm: false, counters: &counters, train };
    method::make(settings, task, &setup)
}

impl Lesson<'_> {
    /// Trains at every rate that is not done yet, from where the checkpoint stands, and keeps the weights that are best on the validation rows.
    pub(super) fn learn(&self, mut state: Checkpoint) -> Result<Learned> {
        let rates = &self.settings.learning_rates;
        for &rate in rates.iter().skip(state.tried.len()) {
            let ended = self.one_rate(rate, &mut state);
            let tried = match ended {
                Ok(tried) => tried,
                Err(error @ Error::Diverged { .. }) if rates.len() > 1 => {
                    self.watcher.note(&format!("learning rate {rate}: {error}"));
                    let diverged = Some(error.to_string());
                    state.best_weights.clear();
                    Tried { learning_rate: rate, epochs: state.epochs, best_epoch: 0, valid: None, diverged }
                }
                Err(error) => return Err(error),
            };
            let best_before = state.tried.iter().filter_map(|t| t.valid).fold(f64::INFINITY, f64::min);
            let better = tried.diverged.is_none() && (state.winner.is_empty() || tried.valid.is_some_and(|v| v < best_before));
            let winner = if better { std::mem::take(&mut state.best_weights) } else { std::mem::take(&mut state.winner) };
            let tried = [std::mem::take(&mut state.tried), vec![tried]].concat();
            state = Checkpoint { tried, winner, ..Checkpoint::default() };
            state.write(&self.folder.checkpoint())?;
        }
        if state.winner.is_empty() {
            let value = rates.iter().copied().fold(f64::INFINITY, f64::min);
            return Err(Error::Domain { what: "least learning rate", value, need: "lower: training diverged at every one" });
        }
        let mut model = untrained(self.settings, self.task, self.scaler)?;
        model.set_values(&state.winner)?;
        Ok(Learned { model, tried: state.tried })
    }

    /// One rate; its best weights are left in the state.
    fn one_rate(&self, rate: f64, state: &mut Checkpoint) -> Result<Tried> {
        let Taught { method, solver } = taught(self.settings, self.options, self.task, &self.data.train)?;
        let mut model = untrained(self.settings, self.task, self.scaler)?;
        if method::remembers(self.settings, &solver, self.options) && state.epochs > 0 {
            self.watcher.note("this loss keeps what earlier steps found, which no checkpoint holds: the learning rate begins anew");
            *state =
                Checkpoint { tried: std::mem::take(&mut state.tried), winner: std::mem::take(&mut state.winner), ..Checkpoint::default() };
        }
        if state.epochs > 0 {
            model.set_values(&state.weights)?;
            model.set_optimiser_state(&state.optimiser)?;
        }
        let done = state.done();
        self.watcher.begin(rate, self.settings.epochs, done.epochs);
        let ended = state.tried.iter().map(|t| t.epochs).sum::<usize>() + done.epochs;
        // Without a whole epoch, as where the rates before diverged in their first one, nothing is written yet.
        let mut epochs: Vec<Epoch> = if ended == 0 { Vec::new() } else { self.folder.read_lines("epochs.jsonl")? };
        // A run may have been killed between the checkpoint and this file, or the other way round.
        epochs.truncate(ended);
        let mut watch = Watch { lesson: self, rate, epochs, state, oracle: self.task.oracle()? };
        if !watch.is_patient() {
            return Ok(watch.ended());
        }
        let settings = self.settings;
        let schedule = if settings.schedule == Fall::Cosine { Schedule::Cosine } else { Schedule::Constant };
        let options = TrainOptions {
            epochs: settings.epochs,
            batch: settings.batch,
            learning_rate: rate,
            schedule,
            seed: settings.seed,
            tolerated_failures: settings.tolerated_failures,
        };
        train_on(&mut model, &method, &self.data.train, &options, done, &mut watch)?;
        Ok(watch.ended())
    }
}

/// Stops at an interruption, follows the validation figure and leaves a checkpoint after every epoch.
struct Watch<'w, 'a> {
    lesson: &'w Lesson<'a>,
    rate: f64,
    epochs: Vec<Epoch>,
    state: &'w mut Checkpoint,
    oracle: Box<dyn Decider>,
}

impl Callback<Scaled> for Watch<'_, '_> {
    fn step_end(&mut self, _step: usize) -> Result<ControlFlow<()>> {
        if (self.lesson.interrupted)() { Err(Error::Interrupted) } else { Ok(ControlFlow::Continue(())) }
    }

    fn epoch_end(&mut self, model: &mut Scaled, report: &EpochReport) -> Result<ControlFlow<()>> {
        let (epoch, keep) = (report.epoch + 1, self.lesson.settings.keep);
        let valid = self.validate(model).map_err(|e| self.located(e, report))?;
        let better = valid.is_some_and(|v| self.state.best.is_none_or(|(_, best)| v < best));
        if better {
            self.state.best = Some((epoch, valid.unwrap_or(f64::INFINITY)));
        }
        let weights = model.values();
        if better || keep == Keep::Last || self.state.best.is_none() {
            self.state.best_weights.clone_from(&weights);
        }
        (self.state.epochs, self.state.failures, self.state.last_loss) = (epoch, report.failures, report.last_loss);
        (self.state.weights, self.state.optimiser) = (weights, model.optimiser_state()?);
        let EpochReport { loss, solves, degenerate, seconds, .. } = *report;
        let line = Epoch { learning_rate: self.rate, epoch, loss, valid, solves, degenerate, seconds };
        self.lesson.watcher.epoch(&line);
        self.epochs.push(line);
        self.lesson.folder.write_lines("epochs.jsonl", &self.epochs)?;
        self.state.write(&self.lesson.folder.checkpoint())?;
        Ok(if self.is_patient() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }
}

impl Watch<'_, '_> {
    /// The first figure on the validation rows, if there are any and all have a decision.
    fn validate(&self, model: &Scaled) -> Result<Option<f64>> {
        let part = &self.lesson.data.valid;
        if part.is_empty() {
            return Ok(None);
        }
        match decisions(model, &*self.oracle, part) {
            Ok(decisions) => Ok(Some(self.lesson.task.leading_figure(part, &decisions)?).filter(|v| v.is_finite())),
            Err(Error::NotSolved { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_patient(&self) -> bool {
        let (patience, best) = (self.lesson.settings.patience, self.state.best.map_or(0, |(epoch, _)| epoch));
        patience == 0 || self.state.epochs < best + patience
    }

    fn ended(&self) -> Tried {
        let epochs = self.state.epochs;
        let last = self.epochs.last().and_then(|e| e.valid);
        let (best_epoch, valid) = match (self.lesson.settings.keep, self.state.best) {
            (Keep::BestValid, Some((epoch, valid))) => (epoch, Some(valid)),
            _ => (epochs, last),
        };
        Tried { learning_rate: self.rate, epochs, best_epoch, valid, diverged: None }
    }

    /// Weights that ran away in the last step of an epoch spoil the validation before any further step can tell.
    fn located(&self, error: Error, report: &EpochReport) -> Error {
        let steps = self.lesson.data.train.len().div_ceil(self.lesson.settings.batch);
        match error {
            Error::Diverged { what, id, column, value, .. } => {
                Error::Diverged { what, id, column, value, step: (report.epoch + 1) * steps, last_loss: Some(report.loss) }
            }
            other => other,
        }
    }
}
