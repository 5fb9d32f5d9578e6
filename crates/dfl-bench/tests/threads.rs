//! Training by the runner's pieces does not depend on the number of threads, nor on which exact solver finds the paths.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::sync::Arc;

use dfl_bench::data::pjm::Columns;
use dfl_bench::data::shortest_path::ShortestPathData;
use dfl_bench::registry::{MethodOptions, Setup, make_loss};
use dfl_bench::tasks::{Benchmark, PowerScheduling, ShortestPathTask};
use dfl_core::{Batch, Instances, Linear, Parameters, Request, Rng, Splits, Task, TrainOptions, label, train};

/// Of a model trained on rows in batches of 32, the last batch of an epoch being smaller.
fn weights(task: &dyn Benchmark, method: &str, solver: &str, rows: &Instances, epochs: usize) -> Vec<f64> {
    let loss = make_loss(
        method,
        &Setup { task, solver, options: &MethodOptions::default(), device: "cpu", warm: true, counters: &Arc::default(), train: rows },
    )
    .unwrap();
    let mut model = Linear::new(rows.features.cols(), rows.truth.cols());
    let options = TrainOptions { epochs, batch: 32, learning_rate: 0.05, seed: 3, ..TrainOptions::default() };
    let reports = train(&mut model, &loss, rows, &options, &mut ()).unwrap();
    assert_eq!(reports.iter().map(|r| r.solves).sum::<usize>(), epochs * rows.len(), "one solve for each row and epoch");
    model.values()
}

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// The weights under 1, 2 and 8 threads are equal bit for bit, and not those of no training.
fn same_for_all(run: impl Fn() -> Vec<f64> + Sync) {
    let bits = |threads| with_threads(threads, || run().into_iter().map(f64::to_bits).collect::<Vec<_>>());
    let one = bits(1);
    assert!(one.iter().filter(|w| **w != 0).count() > one.len() / 2, "nothing was learned");
    for threads in [2, 8] {
        assert_eq!(bits(threads), one, "{threads} threads");
    }
}

fn grid(seed: u64) -> (ShortestPathTask, Splits) {
    let task = ShortestPathTask::new(ShortestPathData::default()).unwrap();
    let mut data = task.source().load(&Request { train: 200, valid: 0, test: 300, seed }).unwrap();
    label(&task, &mut data).unwrap();
    (task, data)
}

#[test]
fn spo_plus_learns_the_same_bits_under_any_number_of_threads() {
    let (task, data) = grid(1);
    same_for_all(|| weights(&task, "spo_plus", "exact", &data.train, 5));
}

/// Days of one peak whose height and hour follow two features, with noise: steep enough that ramps are tight.
fn days(rows: usize) -> Instances {
    let mut rng = Rng::seeded(8);
    let features = Batch::from_vec(rows, 2, (0..2 * rows).map(|_| rng.normal()).collect()).unwrap();
    let hour = |x: &[f64], h: usize| 1.5 + (0.8 + 0.2 * x[0]) * ((h as f64 - 6.0 + x[1]) * std::f64::consts::PI / 12.0).sin();
    let truth: Vec<f64> =
        features.iter().flat_map(|x| (0..24).map(|h| hour(x, h)).collect::<Vec<_>>()).map(|y| y + 0.3 * rng.normal()).collect();
    Instances::new(features, Batch::from_vec(rows, 24, truth).unwrap()).unwrap()
}

/// The program of the power task on made-up days: three epochs, so that rows also start from their earlier answers.
#[test]
fn the_gradient_through_a_program_has_the_same_bits_under_any_number_of_threads() {
    let (task, days) = (PowerScheduling::new(Columns::Honest), days(80));
    same_for_all(|| weights(&task, "dfl_point", "active_set", &days, 3));
}

/// Paths are unique but with probability 0, so both solvers give the same gradients to rounding; another path moves regret by far more.
#[cfg(feature = "highs")]
#[test]
fn highs_and_the_exact_oracle_train_to_the_same_regret() {
    use dfl_core::{Predictor, decide};
    for seed in 0..3 {
        let (task, data) = grid(seed);
        let regret = |solver: &str| {
            let mut model = Linear::new(data.train.features.cols(), data.train.truth.cols());
            model.set_values(&weights(&task, "spo_plus", solver, &data.train, 5)).unwrap();
            let predicted = model.predict(&data.test.features).unwrap();
            let paths = decide(&*task.oracle().unwrap(), &predicted, &data.test.ids).unwrap().0;
            task.figures(&data.test, &paths).unwrap()[0].value
        };
        let (exact, highs) = (regret("exact"), regret("highs"));
        assert!(exact > 0.0 && (exact - highs).abs() <= 1e-9, "seed {seed}: {exact} against {highs}");
    }
}
