use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use dfl_core::{Decider, Error, Generative, Instances, Request, Result, TrainOptions, decide, metrics, train};
use dfl_losses::MaximumLikelihood;
use serde::Serialize;

use super::SEED;
use super::turns::{Contender, Samples};
use crate::data::pjm::Columns;
use crate::power::PowerCost;
use crate::registry::{
    MethodOptions, ModelOptions, PredictorOptions, SampledMethod, SampledSetup, Start, decider_of_moments, make_distribution, make_sampled,
};
use crate::suite::DataOptions;
use crate::tasks::{Benchmark, TaskOptions, make_task};

/// The task of which epochs of distributions are timed, beside a peer that has its cost.
pub(super) const TASK: &str = "power";

/// Widths of the published network. Without dropout, so that all contenders meet the same forecasts.
const HIDDEN: [usize; 2] = [200, 200];

/// The likelihood that forecasts are fitted by beforehand, so that programs are as hard as in training.
const WARM_UP: TrainOptions =
    TrainOptions { epochs: 20, batch: 256, learning_rate: 1e-3, schedule: dfl_core::Schedule::Constant, seed: SEED, tolerated_failures: 0 };

/// Step of the timed epoch.
const LEARNING_RATE: f64 = 1e-4;

/// What epochs go through: all training days of the power task in one batch, from a Gaussian fitted to them.
pub(super) struct Course {
    task: Box<dyn Benchmark>,
    rows: Instances,
    model: ModelOptions,
    /// After the warm-up.
    weights: Vec<f64>,
    options: MethodOptions,
}

impl Course {
    pub(super) fn new(size: &str) -> Result<Self> {
        let columns = Columns::Published;
        let task = make_task(TASK, &TaskOptions { size, data: &DataOptions::default(), columns, seed: SEED })?;
        let data = task.source().load(&Request { train: 0, valid: 0, test: 0, seed: SEED })?;
        let mut rows = data.train;
        let solution = decide(&*task.oracle()?, &rows.truth, &rows.ids)?.0;
        let cost = task.costs(&rows.truth, &solution)?;
        rows.labels = Some(dfl_core::Labels { solution, cost, normals: None });
        let model = ModelOptions { hidden: Some(HIDDEN.to_vec()), skip: Some(false), ..ModelOptions::default() };
        let mut course = Self { task, rows, model, weights: Vec::new(), options: MethodOptions::default() };
        let mut fitted = course.untrained()?;
        train(&mut *fitted, &MaximumLikelihood, &course.rows, &WARM_UP, &mut ())?;
        course.weights = fitted.values();
        Ok(course)
    }

    fn untrained(&self) -> Result<Box<dyn Generative>> {
        let (inputs, outputs) = (self.rows.features.cols(), self.rows.truth.cols());
        let (model, start) = (&self.model, Start::default());
        let options = PredictorOptions { inputs, outputs, shared: None, seed: SEED, start, graph: None, model, device: "auto" };
        make_distribution("gaussian", &options, &self.rows)
    }

    fn fitted(&self) -> Result<Box<dyn Generative>> {
        let mut model = self.untrained()?;
        model.set_values(&self.weights)?;
        Ok(model)
    }

    fn with_setup<T>(&self, make: impl FnOnce(&SampledSetup<'_>) -> Result<T>) -> Result<T> {
        let (counters, watch, meter, proxy) = (Arc::default(), Arc::default(), OnceCell::new(), || self.untrained());
        make(&SampledSetup {
            task: &*self.task,
            options: &self.options,
            outcome: self.rows.truth.cols(),
            counters: &counters,
            watch: &watch,
            train: &self.rows,
            proxy: &proxy,
            seed: SEED,
            meter: &meter,
        })
    }

    /// Mean cost of the decisions for the fitted forecasts: what a peer should find.
    pub(super) fn loss(&self) -> Result<f64> {
        let missing = Error::Unsupported { who: TASK, what: "decisions for a Gaussian forecast" };
        let decider: Box<dyn Decider> = self.with_setup(decider_of_moments)?.ok_or(missing)?;
        let decisions = decide(&*decider, &self.fitted()?.moments(&self.rows.features)?, &self.rows.ids)?.0;
        Ok(metrics::mean(&self.task.costs(&self.rows.truth, &decisions)?))
    }

    /// Writes it as `benchmarks/peers/with_qpth_sqp.py` reads it.
    pub(super) fn export(&self, path: &Path) -> Result<()> {
        let (moments, hours) = (self.fitted()?.moments(&self.rows.features)?, self.rows.truth.cols());
        let PowerCost { under, over, ramp } = PowerCost::PUBLISHED;
        let halves = || moments.iter().map(|row| row.split_at(hours));
        let file = File {
            mean: halves().map(|half| half.0).collect(),
            deviation: halves().map(|half| half.1).collect(),
            truth: self.rows.truth.iter().collect(),
            under,
            over,
            ramp,
        };
        let failed = |source| Error::File { path: path.into(), action: "writing", remedy: "choose another folder with --out", source };
        let text = serde_json::to_vec(&file).map_err(|error| failed(error.into()))?;
        std::fs::write(path, text).map_err(failed)
    }
}

#[derive(Serialize)]
struct File<'a> {
    mean: Vec<&'a [f64]>,
    deviation: Vec<&'a [f64]>,
    truth: Vec<&'a [f64]>,
    under: f64,
    over: f64,
    ramp: f64,
}

/// Ours: one epoch of a method as `train` runs it, network and step of the optimiser included.
pub(super) struct Lap<'a> {
    course: &'a Course,
    objective: SampledMethod,
}

impl<'a> Lap<'a> {
    pub(super) fn new(course: &'a Course, method: &str) -> Result<Self> {
        Ok(Self { course, objective: course.with_setup(|setup| make_sampled(method, setup))? })
    }
}

impl Contender for Lap<'_> {
    fn run(&mut self, times: usize) -> Result<Samples> {
        let Course { rows, .. } = self.course;
        let options = TrainOptions { epochs: 1, batch: rows.len(), learning_rate: LEARNING_RATE, seed: SEED, ..TrainOptions::default() };
        let one = || {
            let mut model = self.course.fitted()?;
            let start = Instant::now();
            train(&mut *model, &*self.objective, rows, &options, &mut ())?;
            Ok(start.elapsed().as_secs_f64())
        };
        Ok(vec![("epoch_seconds", (0..times).map(|_| one()).collect::<Result<_>>()?)])
    }

    /// It has no reference but itself.
    fn error(&mut self) -> Result<Option<f64>> {
        Ok(None)
    }
}
