use std::ops::ControlFlow;

use dfl_core::{Batch, Decider, EpochReport, Error, Instances, Result, Splits, TrainOptions, Trainable, train};

use super::{Profile, Select, Training};
use crate::registry::{Method, PredictorOptions, make_predictor};
use crate::tasks::{Benchmark, Figure};

/// Tells the random numbers of the warm-up from those of the main phase.
const WARM_UP_SEED: u64 = 1 << 32;

/// What training one model needs besides its settings.
pub(super) struct Learner<'a> {
    pub(super) task: &'a dyn Benchmark,
    pub(super) data: &'a Splits,
    /// Decides at the prediction when the model is judged; always exact.
    pub(super) judge: &'a dyn Decider,
    pub(super) predictor: &'a str,
    pub(super) device: &'a str,
    pub(super) seed: u64,
    pub(super) profile: Profile,
    /// Looked at after each step.
    pub(super) interrupted: &'a dyn Fn() -> bool,
}

/// A trained model's record.
pub(super) struct Learned {
    pub(super) model: Box<dyn Trainable>,
    /// Leading figure on the validation rows after each epoch.
    pub(super) curve: Vec<[f64; 2]>,
    /// That of the weights that are reported.
    pub(super) valid: f64,
    pub(super) epochs: Vec<EpochReport>,
    /// Solves of the solver inside training; rows that a cache answers are none.
    pub(super) calls: u64,
}

impl Learner<'_> {
    /// Trains from fresh weights at one learning rate.
    pub(super) fn train(&self, method: &Method, training: &Training, learning_rate: f64) -> Result<Learned> {
        let (inputs, outputs) = (self.data.train.features.cols(), self.data.train.truth.cols());
        let (shared, start) = (self.task.shared_items(), training.start);
        let options = PredictorOptions { inputs, outputs, shared, seed: self.seed, start, device: self.device };
        let mut model = make_predictor(self.predictor, &options)?;
        self.warm_up(training, &mut *model)?;
        let options = TrainOptions {
            epochs: training.epochs.of(self.profile),
            batch: training.batch,
            learning_rate,
            schedule: training.schedule,
            seed: self.seed,
            ..TrainOptions::default()
        };
        let mut watch = Watch { learner: self, select: training.select, curve: Vec::new(), best: None };
        let epochs = train(&mut *model, method, &self.data.train, &options, &mut watch)?;
        let Watch { curve, best, .. } = watch;
        let mut valid = curve.last().map_or(f64::INFINITY, |p| p[1]);
        if let Some((value, weights)) = best {
            model.set_values(&weights)?;
            valid = value;
        }
        // A figure that is no number loses every comparison.
        Ok(Learned { model, curve, valid: if valid.is_nan() { f64::INFINITY } else { valid }, epochs, calls: 0 })
    }

    fn warm_up(&self, training: &Training, model: &mut (dyn Trainable + 'static)) -> Result<()> {
        let Some(warm_up) = training.warm_up else { return Ok(()) };
        let squared = crate::registry::squared_error()?;
        let options = TrainOptions {
            epochs: warm_up.epochs.of(self.profile),
            batch: training.batch,
            learning_rate: warm_up.learning_rate,
            // Shuffles and dropout masks of its own.
            seed: self.seed ^ WARM_UP_SEED,
            ..TrainOptions::default()
        };
        train(model, &squared, &self.data.train, &options, &mut Interrupt(self.interrupted)).map(|_| ())
    }

    /// Decides at the model's predictions and measures, all rows and each; one more figure says how far the predictions are from the truth.
    pub(super) fn judge(&self, model: &dyn Trainable, part: &Instances) -> Result<(Vec<Figure>, Vec<f64>)> {
        let predictions = model.predict(&part.features)?;
        let decisions = self.decide(&predictions, part)?;
        let mut figures = self.task.figures(part, &decisions)?;
        let rmse = dfl_core::metrics::rmse(predictions.as_slice(), part.truth.as_slice());
        figures.push(Figure { metric: "rmse", value: rmse, se: None });
        Ok((figures, self.task.per_row(part, &decisions)?))
    }

    /// Decides at predictions, which weights that ran away in the last step of an epoch spoil before any further step can tell.
    fn decide(&self, predictions: &Batch, part: &Instances) -> Result<Batch> {
        predictions.check_finite("prediction").map_err(|e| e.diverged(&part.ids))?;
        Ok(dfl_core::decide(self.judge, predictions, &part.ids)?.0)
    }
}

/// Stops at an interruption.
struct Interrupt<'a>(&'a dyn Fn() -> bool);

impl Interrupt<'_> {
    fn check(&self) -> Result<ControlFlow<()>> {
        if (self.0)() { Err(Error::Interrupted) } else { Ok(ControlFlow::Continue(())) }
    }
}

impl dfl_core::Callback<dyn Trainable> for Interrupt<'_> {
    fn step_end(&mut self, _step: usize) -> Result<ControlFlow<()>> {
        self.check()
    }
}

/// Follows the validation figure and keeps the best weights if asked to.
struct Watch<'a> {
    learner: &'a Learner<'a>,
    select: Select,
    curve: Vec<[f64; 2]>,
    best: Option<(f64, Vec<f64>)>,
}

impl dfl_core::Callback<dyn Trainable> for Watch<'_> {
    fn step_end(&mut self, _step: usize) -> Result<ControlFlow<()>> {
        Interrupt(self.learner.interrupted).check()
    }

    fn epoch_end(&mut self, model: &mut (dyn Trainable + 'static), report: &EpochReport) -> Result<ControlFlow<()>> {
        let valid = &self.learner.data.valid;
        let decisions = self.learner.decide(&model.predict(&valid.features)?, valid)?;
        let value = self.learner.task.figures(valid, &decisions)?[0].value;
        self.curve.push([(report.epoch + 1) as f64, value]);
        let better = value.is_finite() && self.best.as_ref().is_none_or(|(best, _)| value < *best);
        if self.select == Select::BestValid && better {
            self.best = Some((value, model.values()));
        }
        Ok(ControlFlow::Continue(()))
    }
}
