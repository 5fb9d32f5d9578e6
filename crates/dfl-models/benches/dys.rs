//! A hundred fractional knapsacks of 40 items in two dimensions, smoothed with the weight 0.1, by a hundred plain steps of three-operator
//! splitting: forward, and forward and backward, on tensors and by the solver on the host, both on one thread.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dfl_core::{Batch, Call, Decider, Key, ParamMap, Rng, Stream};
use dfl_models::torch::{Device, Dys as Layer, DysDecider, Precision, set_threads};
use dfl_solvers::{Dys, DysDerivative, DysLayer, DysOptions, KnapsackProblem};

const ROWS: usize = 100;
const ITEMS: usize = 40;

fn solver(derivative: DysDerivative) -> Dys {
    let mut rng = Rng::seeded(1);
    let weights: Vec<f64> = (0..2 * ITEMS).map(|_| 3.0 + 5.0 * rng.uniform()).collect();
    let capacity = weights.chunks(ITEMS).map(|w| 0.5 * w.iter().sum::<f64>()).collect();
    let weights = Batch::from_vec(2, ITEMS, weights).expect("the length was drawn");
    let program = KnapsackProblem::new(weights, capacity).expect("positive weights").relaxation();
    Dys::new(program, ParamMap::costs(ITEMS), DysOptions::fixed(0.1, 1.0, 100, derivative)).expect("a linear program")
}

/// On the host, and on tensors of either precision.
fn deciders(derivative: DysDerivative) -> Vec<(&'static str, Box<dyn Decider>)> {
    let layer = |precision| {
        let layer = Layer::new(&solver(derivative).operator(), Device::Cpu, precision).and_then(|layer| layer.visible(ITEMS));
        Box::new(DysDecider::new(layer.expect("the solver's own numbers")))
    };
    let host = DysLayer::new(solver(derivative)).visible(ITEMS).expect("the program's own variables");
    vec![("host", Box::new(host)), ("torch f64", layer(Precision::Double)), ("torch f32", layer(Precision::Single))]
}

fn bench(c: &mut Criterion) {
    set_threads(1).expect("one thread");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    let mut rng = Rng::seeded(7);
    let costs = (0..ROWS * ITEMS).map(|_| -0.2 - rng.uniform()).collect();
    let thetas = Batch::from_vec(ROWS, ITEMS, costs).expect("the length was drawn");
    let keys: Vec<Key> = (0..ROWS as u64).map(|id| Key { id, slot: 0 }).collect();
    for derivative in [DysDerivative::Implicit, DysDerivative::JacobianFree, DysDerivative::Unrolled] {
        let mut group = c.benchmark_group(format!("knapsack 40x2, 100 rows, 100 steps, {derivative:?}"));
        group.sample_size(20);
        for (name, decider) in deciders(derivative) {
            let run = |backward: bool| {
                let call = Call { keys: &keys, stream: Stream::default(), backward };
                let decisions = decider.forward(black_box(&thetas), &call).expect("well-formed input");
                if let Some(back) = &decisions.back {
                    black_box(back.pull(&thetas).expect("the shape of the decisions"));
                }
                decisions.x
            };
            for backward in [false, true] {
                let kind = if backward { "forward and backward" } else { "forward" };
                group.bench_function(BenchmarkId::new(name, kind), |b| b.iter(|| pool.install(|| black_box(run(backward)))));
            }
        }
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
