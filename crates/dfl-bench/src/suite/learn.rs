use std::ops::ControlFlow;
use std::rc::Rc;

use dfl_core::{
    Batch, Callback, EpochReport, Error, Instances, Objective, Parameters, Predictor, Result, Splits, TrainOptions, metrics, train,
};

use super::checkpoint::{Checkpoint, Kept};
use super::pupil::{Anew, Decide, Pupil, WarmStarts};
use super::{Profile, Select, Training, WarmUp};
use crate::tasks::{Benchmark, Figure};

/// Tells the random numbers of the warm-up from those of the main phase.
const WARM_UP_SEED: u64 = 1 << 32;

/// What training one model needs besides the model.
#[derive(Clone, Copy)]
pub(super) struct Learner<'a> {
    pub(super) task: &'a dyn Benchmark,
    pub(super) data: &'a Splits,
    pub(super) training: &'a Training,
    pub(super) seed: u64,
    pub(super) profile: Profile,
    /// Looked at after each step.
    pub(super) interrupted: &'a dyn Fn() -> bool,
    /// Where weights are kept if training diverges.
    pub(super) checkpoint: &'a Checkpoint,
    /// Weights after warm-ups that are shared.
    pub(super) warm: &'a WarmStarts,
}

/// Judges weights on some rows.
type Judge<'a> = Box<dyn Fn(&Instances) -> Result<Judged> + 'a>;

/// What a model that says a distribution expects of some rows: the tenth and the ninetieth percentile of each entry of the truth.
pub(super) type Band<'a> = Box<dyn Fn(&Instances) -> Result<[Batch; 2]> + 'a>;

/// A trained model's record.
pub(super) struct Learned<'a> {
    /// Judges the weights that are reported.
    pub(super) judge: Judge<'a>,
    /// What they expect, if they say a distribution.
    pub(super) band: Option<Band<'a>>,
    /// Leading figure on the validation rows after each epoch.
    pub(super) curve: Vec<[f64; 2]>,
    /// That of the weights that are reported.
    pub(super) valid: f64,
    pub(super) epochs: Vec<EpochReport>,
    /// Those that are reported.
    pub(super) weights: Vec<f64>,
}

/// What decisions are worth.
pub(super) struct Judged {
    /// The leading figure first; then how far predictions are from the truth, where they are predictions of it.
    pub(super) figures: Vec<Figure>,
    /// The leading figure of each row.
    pub(super) per_row: Vec<f64>,
    pub(super) decisions: Batch,
}

impl<'a> Learner<'a> {
    /// Trains from fresh weights at one learning rate; if they run away, those of the last whole epoch are left in the checkpoint.
    pub(super) fn train<M: Parameters + Predictor + ?Sized + 'a>(&self, pupil: Pupil<'a, M>, rate: f64) -> Result<Learned<'a>> {
        let Pupil { mut model, warm_up, objective, decide, predicts_truth, anew, band } = pupil;
        let kept = Kept { epochs: 0, weights: model.values() };
        let mut watch = Watch { learner: self, decide: &decide, warm: false, epochs: 0, curve: Vec::new(), best: None, kept };
        let trained = self.both_phases(&mut model, (&*warm_up, &*objective), anew, rate, &mut watch);
        let Watch { curve, best, kept, .. } = watch;
        if matches!(trained, Err(Error::Diverged { .. })) {
            self.checkpoint.keep(&mut *model, &kept);
        }
        let epochs = trained?;
        let mut valid = curve.last().map_or(f64::INFINITY, |p| p[1]);
        if let Some((value, weights)) = best {
            model.set_values(&weights)?;
            valid = value;
        }
        let (task, weights, model) = (self.task, model.values(), Rc::new(model));
        let band = band.map(|band| {
            let model = Rc::clone(&model);
            Box::new(move |part: &Instances| band(&model, part)) as Band<'a>
        });
        let judge = Box::new(move |part: &Instances| {
            let decisions = decide(&model, part)?;
            let mut figures = task.figures(part, &decisions)?;
            if predicts_truth {
                let value = metrics::rmse(model.predict(&part.features)?.as_slice(), part.truth.as_slice());
                figures.push(Figure { metric: "rmse", value, se: None });
            }
            Ok(Judged { figures, per_row: task.per_row(part, &decisions)?, decisions })
        });
        // A figure that is no number loses every comparison.
        Ok(Learned { judge, band, curve, valid: if valid.is_nan() { f64::INFINITY } else { valid }, epochs, weights })
    }

    /// The warm-up, if there is one, and the main phase, whose epochs are returned.
    fn both_phases<M: Parameters + ?Sized>(
        &self,
        model: &mut Box<M>,
        (warm_up, objective): (&dyn Objective<M>, &dyn Objective<M>),
        anew: Option<Anew<M>>,
        rate: f64,
        watch: &mut Watch<'_, 'a, M>,
    ) -> Result<Vec<EpochReport>> {
        let training = self.training;
        let main = TrainOptions {
            epochs: training.epochs.of(self.profile),
            batch: training.batch,
            learning_rate: rate,
            schedule: training.schedule,
            seed: self.seed,
            ..TrainOptions::default()
        };
        match (training.warm_up, anew) {
            (Some(first), None) => self.first_phase(&mut **model, warm_up, first, watch)?,
            (Some(first), Some(Anew { model: fresh, name })) => {
                let known = self.warm.borrow().get(&name).cloned();
                let weights = known.map_or_else(|| self.first_phase(&mut **model, warm_up, first, watch).map(|()| model.values()), Ok)?;
                *model = fresh;
                model.set_values(&weights)?;
                self.warm.borrow_mut().insert(name, weights);
            }
            (None, _) => {}
        }
        watch.warm = true;
        train(&mut **model, objective, &self.data.train, &main, watch)
    }

    fn first_phase<M: Parameters + ?Sized>(
        &self,
        model: &mut M,
        warm_up: &dyn Objective<M>,
        first: WarmUp,
        watch: &mut Watch<'_, 'a, M>,
    ) -> Result<()> {
        let options = TrainOptions {
            epochs: first.epochs.of(self.profile),
            batch: first.batch.unwrap_or(self.training.batch),
            learning_rate: first.learning_rate,
            // Shuffles and dropout masks of its own.
            seed: self.seed ^ WARM_UP_SEED,
            ..TrainOptions::default()
        };
        train(model, warm_up, &self.data.train, &options, watch).map(|_| ())
    }

    /// Leading figure on the validation rows.
    fn validate<M: ?Sized>(&self, decide: &Decide<'_, M>, model: &M) -> Result<f64> {
        let decisions: Batch = decide(model, &self.data.valid)?;
        self.task.leading_figure(&self.data.valid, &decisions)
    }
}

/// Stops at an interruption, keeps the weights of the last epoch that ended with finite ones, and after the warm-up follows the validation
/// figure, keeping the best weights if asked to.
struct Watch<'w, 'a, M: ?Sized> {
    learner: &'w Learner<'a>,
    decide: &'w Decide<'a, M>,
    warm: bool,
    /// Those done, of the warm-up too.
    epochs: usize,
    curve: Vec<[f64; 2]>,
    best: Option<(f64, Vec<f64>)>,
    kept: Kept,
}

impl<M: Parameters + ?Sized> Callback<M> for Watch<'_, '_, M> {
    fn step_end(&mut self, _step: usize) -> Result<ControlFlow<()>> {
        if (self.learner.interrupted)() { Err(Error::Interrupted) } else { Ok(ControlFlow::Continue(())) }
    }

    fn epoch_end(&mut self, model: &mut M, report: &EpochReport) -> Result<ControlFlow<()>> {
        let weights = model.values();
        self.epochs += 1;
        if self.warm {
            let value = self.learner.validate(self.decide, model).map_err(|e| self.located(e, report))?;
            self.curve.push([(report.epoch + 1) as f64, value]);
            let better = value.is_finite() && self.best.as_ref().is_none_or(|(best, _)| value < *best);
            if self.learner.training.select == Select::BestValid && better {
                self.best = Some((value, weights.clone()));
            }
        }
        if weights.iter().all(|w| w.is_finite()) {
            self.kept = Kept { epochs: self.epochs, weights };
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl<M: ?Sized> Watch<'_, '_, M> {
    /// Weights that ran away in the last step of an epoch spoil the validation before any further step can tell.
    fn located(&self, error: Error, report: &EpochReport) -> Error {
        let steps = self.learner.data.train.len().div_ceil(self.learner.training.batch);
        match error {
            Error::Diverged { what, id, column, value, .. } => {
                let last_loss = Some(report.loss).filter(|loss| loss.is_finite());
                Error::Diverged { what, id, column, value, step: (report.epoch + 1) * steps, last_loss }
            }
            other => other,
        }
    }
}
