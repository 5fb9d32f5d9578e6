//! SPO+ on shortest paths with the exact oracle, 2 threads: the gradient of 1000 rows, and epochs of training from outside the thread pool,
//! as a training loop calls it: 1000 rows of 5x5, and the 100 rows of 5x5 and 10x10 that other libraries are timed with.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

use criterion::{Criterion, criterion_group, criterion_main};
use dfl_bench::data::shortest_path::ShortestPathData;
use dfl_bench::tasks::ShortestPathTask;
use dfl_core::{DecisionLoss, Instances, Linear, Predictor, Request, Stream, Task, TrainOptions, label, train};
use dfl_losses::SpoPlus;

fn instances(side: usize, rows: usize) -> (ShortestPathTask, Instances) {
    let task = ShortestPathTask::new(ShortestPathData { grid: [side, side], ..Default::default() }).unwrap();
    let mut data = task.source().load(&Request { train: rows, valid: 1, test: 1, seed: 135 }).unwrap();
    label(&task, &mut data).unwrap();
    (task, data.train)
}

fn gradient(c: &mut Criterion) {
    let (task, data) = instances(5, 1000);
    let loss = DecisionLoss::new(SpoPlus, task.oracle().unwrap()).unwrap();
    let model = Linear::new(data.features.cols(), data.truth.cols());
    let (targets, preds) = (data.targets(), model.predict(&data.features).unwrap());
    c.bench_function("spo_plus_gradient_5x5_1000", |b| {
        b.iter(|| loss.evaluate(&preds, &targets, &data.ids, Stream::default()).unwrap());
    });
}

fn epoch(c: &mut Criterion) {
    for (side, rows) in [(5, 1000), (5, 100), (10, 100)] {
        let (task, data) = instances(side, rows);
        let loss = DecisionLoss::new(SpoPlus, task.oracle().unwrap()).unwrap();
        let mut model = Linear::new(data.features.cols(), data.truth.cols());
        let options = TrainOptions { epochs: 1, ..TrainOptions::default() };
        c.bench_function(&format!("spo_plus_epoch_{side}x{side}_{rows}"), |b| {
            b.iter(|| train(&mut model, &loss, &data, &options, &mut ()).unwrap());
        });
    }
}

fn both(c: &mut Criterion) {
    rayon::ThreadPoolBuilder::new().num_threads(2).build_global().unwrap();
    gradient(c);
    epoch(c);
}

criterion_group!(benches, both);
criterion_main!(benches);
