use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use dfl_core::{Error, Instances, Key, Linear, Parameters, Request, Result, Stream, TrainOptions, label, train};
use rayon::ThreadPool;
use serde::Serialize;

use super::SEED;
use super::turns::{Contender, Samples};
use crate::data::pjm::Columns;
use crate::power::fit_least_squares;
use crate::registry::{Method, MethodOptions, Setup, make_loss};
use crate::suite::DataOptions;
use crate::tasks::{Benchmark, TaskOptions, make_task};

/// Tasks of which an epoch of SPO+ is timed, beside PyEPO's.
pub(super) const EPOCHS: [&str; 3] = ["shortest_path", "knapsack", "tsp"];

/// Training rows; batches and steps are those of PyEPO's own experiments.
const ROWS: usize = 100;
const LEARNING_RATE: f64 = 0.05;
const BATCH: usize = 32;

/// The task of this size with its default data settings.
pub(super) fn task_of(task: &str, size: &str) -> Result<Box<dyn Benchmark>> {
    make_task(task, &TaskOptions { size, data: &DataOptions::default(), columns: Columns::Published, seed: SEED })
}

/// What an epoch goes through: a linear model, in batches, each followed by a step of Adam.
///
/// It begins with the weights of least squares: from zero weights a cost would be `-y`, under which no item is worth packing, and
/// solvers would be timed where there is nothing to solve.
pub(super) struct Lesson {
    task: Box<dyn Benchmark>,
    rows: Instances,
    /// Row-major `[outputs, inputs + 1]`, the intercept last, as [`Linear`] has them.
    start: Vec<f64>,
    options: TrainOptions,
}

impl Lesson {
    /// The first rows of the task's data, with their optimal decisions.
    pub(super) fn new(task: &str, size: &str) -> Result<Self> {
        let task = task_of(task, size)?;
        let mut data = task.source().load(&Request { train: ROWS, valid: 0, test: 0, seed: SEED })?;
        label(&*task, &mut data)?;
        let options = TrainOptions { epochs: 1, batch: BATCH, learning_rate: LEARNING_RATE, seed: SEED, ..TrainOptions::default() };
        let fit = fit_least_squares(&data.train.features, &data.train.truth)?;
        let of = |output: usize| fit.weights.iter().map(move |row| row[output]).chain([fit.intercept[output]]);
        let start = (0..data.train.truth.cols()).flat_map(of).collect();
        Ok(Self { task, rows: data.train, start, options })
    }

    /// Rows in the order in which [`train`] goes through them in its first epoch.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        Stream { seed: self.options.seed, step: 0 }.rng("shuffle", Key::default()).shuffle(&mut order);
        order
    }

    /// Writes it as `benchmarks/peers/with_pyepo.py` reads it.
    pub(super) fn export(&self, path: &Path, size: &str) -> Result<()> {
        let program = self.task.formulation().map(|formulation| formulation.program).unwrap_or_default();
        let mut weights = vec![vec![0.0; program.n()]; program.m()];
        program.a.triplets().for_each(|(i, j, v)| weights[i][j] = v);
        let file = File {
            task: self.task.name(),
            size,
            x: self.rows.features.iter().collect(),
            c: self.rows.truth.iter().collect(),
            w: self.rows.labels.as_ref().map_or_else(Vec::new, |labels| labels.solution.iter().collect()),
            start: self.start.chunks(self.rows.features.cols() + 1).collect(),
            // Of a path or a tour the peer knows the rows from the size.
            weights: if self.task.name() == "knapsack" { weights } else { Vec::new() },
            capacity: program.row_up,
            order: self.order(),
            batch: self.options.batch,
            learning_rate: self.options.learning_rate,
        };
        let failed = |source| Error::File { path: path.into(), action: "writing", remedy: "choose another folder with --out", source };
        let text = serde_json::to_vec(&file).map_err(|error| failed(error.into()))?;
        std::fs::write(path, text).map_err(failed)
    }
}

/// Rows of a task that minimises `c` in the decision; PyEPO maximises `-c` where its class does.
#[derive(Serialize)]
struct File<'a> {
    task: &'static str,
    size: &'a str,
    x: Vec<&'a [f64]>,
    c: Vec<&'a [f64]>,
    /// Best decisions: of several, which one a solver finds is its own affair, and the loss depends on it.
    w: Vec<&'a [f64]>,
    start: Vec<&'a [f64]>,
    weights: Vec<Vec<f64>>,
    capacity: Vec<f64>,
    order: Vec<usize>,
    batch: usize,
    learning_rate: f64,
}

/// Ours: an epoch as `train` runs it, called from outside its thread pool.
pub(super) struct Epoch<'a> {
    method: Method,
    lesson: &'a Lesson,
    pool: &'a ThreadPool,
}

impl<'a> Epoch<'a> {
    pub(super) fn new(lesson: &'a Lesson, solver: &str, pool: &'a ThreadPool) -> Result<Self> {
        let (options, counters) = (MethodOptions::default(), Arc::default());
        let setup =
            Setup { task: &*lesson.task, solver, options: &options, device: "auto", warm: true, counters: &counters, train: &lesson.rows };
        let method = pool.install(|| make_loss("spo_plus", &setup))?;
        Ok(Self { method, lesson, pool })
    }

    /// Seconds, mean loss over the rows, each at the weights of its step, and iterations of the solver.
    pub(super) fn once(&self) -> Result<(f64, f64, usize)> {
        let Lesson { rows, options, .. } = self.lesson;
        let mut model = Linear::new(rows.features.cols(), rows.truth.cols());
        model.set_values(&self.lesson.start)?;
        let start = Instant::now();
        let reports = self.pool.install(|| train(&mut model, &self.method, rows, options, &mut ()))?;
        let seconds = start.elapsed().as_secs_f64();
        Ok((seconds, reports[0].loss, reports[0].iterations))
    }
}

impl Contender for Epoch<'_> {
    fn run(&mut self, times: usize) -> Result<Samples> {
        let seconds = (0..times).map(|_| Ok(self.once()?.0)).collect::<Result<_>>()?;
        Ok(vec![("epoch_seconds", seconds)])
    }

    /// Where it learns it has no reference but itself; the peers are held to its loss.
    fn error(&mut self) -> Result<Option<f64>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::{Batch, Trainable};

    /// The order that the peers are given is the one that `train` goes through: the same steps by hand end in the same mean loss.
    #[test]
    fn the_exported_order_is_that_of_training() {
        let lesson = Lesson::new("shortest_path", "4x4").unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let epoch = Epoch::new(&lesson, "exact", &pool).unwrap();
        let mut model = Linear::new(lesson.rows.features.cols(), lesson.rows.truth.cols());
        model.set_values(&lesson.start).unwrap();
        let mut sum = 0.0;
        for index in lesson.order().chunks(BATCH) {
            let rows = lesson.rows.select(index);
            let predictions = model.forward(&rows.features, Stream::default()).unwrap();
            let found = epoch.method.evaluate(&predictions, &rows.targets(), &rows.ids, Stream::default()).unwrap();
            let mean: Vec<f64> = found.grads.as_slice().iter().map(|g| g / index.len() as f64).collect();
            model.zero_grad();
            model.backward(&Batch::from_vec(index.len(), predictions.cols(), mean).unwrap()).unwrap();
            model.step(LEARNING_RATE).unwrap();
            sum += found.values.iter().sum::<f64>();
        }
        let (_, loss, _) = epoch.once().unwrap();
        assert!((sum / ROWS as f64 - loss).abs() < 1e-12 * loss, "{} {loss}", sum / ROWS as f64);
    }
}
