//! One SPO+ epoch on shortest path 5x5: 1000 instances, exact oracle, 2 threads.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop")]

use criterion::{Criterion, criterion_group, criterion_main};
use dfl_bench::data::shortest_path::ShortestPathData;
use dfl_bench::tasks::ShortestPathTask;
use dfl_core::{DecisionLoss, Instances, Linear, Predictor, Request, Stream, Task, TrainOptions, label, train};
use dfl_losses::SpoPlus;

fn instances() -> (ShortestPathTask, Instances) {
    let task = ShortestPathTask::new(ShortestPathData::default()).unwrap();
    let mut data = task.source().load(&Request { train: 1000, valid: 1, test: 1, seed: 135 }).unwrap();
    label(&task, &mut data).unwrap();
    (task, data.train)
}

fn epoch(c: &mut Criterion) {
    let (task, data) = instances();
    let loss = DecisionLoss::new(SpoPlus, task.oracle().unwrap()).unwrap();
    let mut model = Linear::new(data.features.cols(), data.truth.cols());
    let (targets, preds) = (data.targets(), model.predict(&data.features).unwrap());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let mut group = c.benchmark_group("spo_plus_epoch_5x5_1000");
    group.bench_function("forward_and_gradient", |b| {
        pool.install(|| b.iter(|| loss.evaluate(&preds, &targets, &data.ids, Stream::default()).unwrap()));
    });
    let options = TrainOptions { epochs: 1, ..TrainOptions::default() };
    group.bench_function("training_in_batches_of_32", |b| {
        pool.install(|| b.iter(|| train(&mut model, &loss, &data, &options, &mut ()).unwrap()));
    });
    group.finish();
}

criterion_group!(benches, epoch);
criterion_main!(benches);
