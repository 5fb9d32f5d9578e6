//! One full-batch training step of the power-scheduling network: 2042 rows, 149 -> 200 -> 200 -> 24.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dfl_core::{Batch, Parameters, Rng, Stream, Trainable};
use dfl_models::torch::{Architecture, Device, Network, set_threads};

const ROWS: usize = 2042;

fn step(model: &mut Network, features: &Batch, number: u64) {
    model.zero_grad();
    let mut out = model.forward(features, Stream { seed: 0, step: number }).expect("valid features");
    out.as_mut_slice().iter_mut().for_each(|v| *v /= ROWS as f64);
    model.backward(black_box(&out)).expect("a cotangent of the same shape");
    model.step(1e-3).expect("a step on the CPU");
}

fn bench(c: &mut Criterion) {
    let mut rng = Rng::seeded(0);
    let features = Batch::from_vec(ROWS, 149, (0..ROWS * 149).map(|_| rng.normal()).collect()).expect("matching length");
    let mut group = c.benchmark_group("mlp_step");
    for threads in [1, 2] {
        set_threads(threads).expect("a positive number");
        for (name, architecture) in [("plain", Architecture::mlp(149, &[200, 200], 24)), ("power", Architecture::power(149, 24))] {
            let mut model = Network::new(architecture, 0, Device::Cpu).expect("a valid architecture");
            let mut number = 0;
            group.bench_function(format!("{name}/threads{threads}"), |b| {
                b.iter(|| {
                    number += 1;
                    step(&mut model, &features, number);
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
