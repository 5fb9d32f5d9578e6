use std::time::Instant;

use dfl_core::{Error, Request, Result, Splits, label};

use super::learn::{Learned, Learner};
use super::{Experiment, Profile, RunSpec, Training};
use crate::registry::{Method, Setup};
use crate::tasks::{Benchmark, Figure, TaskOptions, make_task};

/// One run at one seed: what is measured together and resumed as a whole.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) run: &'a RunSpec,
    pub(super) seed: u64,
}

/// What a job measured.
pub(super) struct Record {
    /// Figures on the test rows, the leading one first, then costs of training.
    pub(super) figures: Vec<Figure>,
    /// Number of test rows.
    pub(super) rows: usize,
    /// Leading figure on the validation rows, by epoch; empty for a baseline.
    pub(super) curve: Vec<[f64; 2]>,
}

/// What surrounds a job.
pub(super) struct Around<'a> {
    pub(super) profile: Profile,
    pub(super) device: &'a str,
    pub(super) methods: fn(&str, &Setup<'_>) -> Result<Method>,
    pub(super) interrupted: &'a dyn Fn() -> bool,
}

impl<'a> Job<'a> {
    /// A job of no predictor is a baseline.
    pub(super) fn is_baseline(&self) -> bool {
        self.run.predictor == "none"
    }

    pub(super) fn training(&self) -> &'a Training {
        self.run.training.as_ref().unwrap_or(&self.experiment.training)
    }

    /// Runs it. Of several learning rates the one that is best on this seed's validation rows is reported, so that every seed is a
    /// replicate of the whole protocol.
    pub(super) fn execute(&self, around: &Around<'_>) -> Result<Record> {
        let (task, data) = self.load()?;
        if self.is_baseline() {
            let decisions = task.baseline(&self.run.method, &data)?;
            return Ok(Record { figures: task.figures(&data.test, &decisions)?, rows: data.test.len(), curve: Vec::new() });
        }
        self.learn(&*task, &data, around, |learner| {
            let tried =
                self.training().learning_rates.iter().map(|&rate| learner.train(self.training(), rate)).collect::<Result<Vec<_>>>()?;
            let best = tried.into_iter().min_by(|a, b| a.valid.total_cmp(&b.valid)).ok_or(Error::Domain {
                what: "number of learning rates",
                value: 0.0,
                need: "at least 1",
            })?;
            let mut figures = learner.judge(&*best.model, &data.test)?;
            figures.extend(costs(&best));
            Ok(Record { figures, rows: data.test.len(), curve: best.curve })
        })
    }

    fn load(&self) -> Result<(Box<dyn Benchmark>, Splits)> {
        let Experiment { task, size, data, .. } = self.experiment;
        let task = make_task(task, &TaskOptions { size, data, columns: self.run.columns })?;
        let mut splits = task.source().load(&Request { train: data.train, valid: data.valid, test: data.test, seed: self.seed })?;
        if task.needs_labels() {
            label(&*task, &mut splits)?;
        }
        if !self.is_baseline() && self.training().whiten {
            crate::data::whiten(&mut splits)?;
        }
        Ok((task, splits))
    }

    fn learn<T>(
        &self,
        task: &dyn Benchmark,
        data: &Splits,
        around: &Around<'_>,
        with: impl FnOnce(&Learner<'_>) -> Result<T>,
    ) -> Result<T> {
        let method = (around.methods)(&self.run.method, &Setup { task, solver: &self.run.solver })?;
        let judge = task.oracle()?;
        with(&Learner {
            task,
            data,
            method: &method,
            judge: &*judge,
            predictor: &self.run.predictor,
            device: around.device,
            seed: self.seed,
            profile: around.profile,
            interrupted: around.interrupted,
        })
    }
}

/// What training took: seconds per epoch without validation, and solves in all.
fn costs(learned: &Learned) -> [Figure; 2] {
    let seconds: Vec<f64> = learned.epochs.iter().map(|e| e.seconds).collect();
    let calls: usize = learned.epochs.iter().map(|e| e.solves).sum();
    let (mean, se) = (dfl_core::metrics::mean(&seconds), dfl_core::metrics::standard_error(&seconds));
    [Figure { metric: "epoch_seconds", value: mean, se }, Figure { metric: "oracle_calls", value: calls as f64, se: None }]
}

/// Seconds since a moment.
pub(super) fn since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}
