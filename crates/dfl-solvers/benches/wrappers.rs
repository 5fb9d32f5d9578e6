//! Batches of 32 shortest paths with costs uniform on [0.5, 1.5]: on 10x10 solved, and looked up in pools of 100, 1000 and 10,000 paths;
//! a pool that grows by one path; on 5x5 the forward and backward pass of each decider that gives a black box a derivative.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dfl_core::{Batch, Call, Decider, Key, NoGradient, Pool, Rng, Stream};
use dfl_solvers::{AdaptiveImle, Batched, Cached, FrankWolfe, Grid, Imle, Interpolated, NegativeIdentity, Perturbed, ShortestPath};

const ROWS: usize = 32;

fn paths(size: usize) -> Batched<NoGradient<ShortestPath>> {
    Batched::new(NoGradient(ShortestPath::new(Grid::new(size, size).expect("enough nodes"))))
}

fn draw(rows: usize, cols: usize, rng: &mut Rng) -> Batch {
    Batch::from_vec(rows, cols, (0..rows * cols).map(|_| rng.uniform() + 0.5).collect()).expect("the size of the data")
}

/// Different shortest paths on 10x10, of which there are 48,620.
fn pool(size: usize, rng: &mut Rng) -> Pool {
    let (oracle, n) = (paths(10), 180);
    let solve = |rng: &mut Rng| {
        let keys: Vec<Key> = (0..1000).map(|id| Key { id, slot: 0 }).collect();
        let call = Call { keys: &keys, stream: Stream::default(), backward: false };
        oracle.forward(&draw(1000, n, rng), &call).expect("well-formed input").x
    };
    let mut all = Batch::zeros(0, n);
    while all.rows() < size {
        solve(rng).iter().for_each(|row| all.push(row).expect("the same length"));
        all = Pool::new(&all).expect("at least one").snapshot().as_ref().clone();
    }
    Pool::new(&all.select(&(0..size).collect::<Vec<_>>())).expect("at least one")
}

fn caches(c: &mut Criterion) {
    let mut rng = Rng::seeded(1);
    let (thetas, keys) = (draw(ROWS, 180, &mut rng), (0..ROWS as u64).map(|id| Key { id, slot: 0 }).collect::<Vec<_>>());
    let call = Call { keys: &keys, stream: Stream::default(), backward: false };
    let mut group = c.benchmark_group("32 paths, 10x10");
    let oracle = paths(10);
    group.bench_function("solved", |b| b.iter(|| black_box(oracle.forward(black_box(&thetas), &call).expect("well-formed input").x)));
    for size in [100, 1000, 10_000] {
        let pool = Arc::new(pool(size, &mut rng));
        let cached = Cached::new(paths(10), Arc::clone(&pool), 0.0).expect("a ratio of 0");
        group.bench_with_input(BenchmarkId::new("looked up", size), &(), |b, ()| {
            b.iter(|| black_box(cached.forward(black_box(&thetas), &call).expect("well-formed input").x));
        });
        let known = pool.snapshot().select(&(0..ROWS).collect::<Vec<_>>());
        group.bench_with_input(BenchmarkId::new("found in the pool again", size), &(), |b, ()| {
            b.iter(|| pool.extend(black_box(&known)).expect("well-formed input"));
        });
    }
    group.finish();
}

fn derivatives(c: &mut Criterion) {
    let mut rng = Rng::seeded(2);
    let (thetas, g, keys) =
        (draw(ROWS, 40, &mut rng), draw(ROWS, 40, &mut rng), (0..ROWS as u64).map(|id| Key { id, slot: 0 }).collect::<Vec<_>>());
    let call = Call { keys: &keys, stream: Stream::default(), backward: true };
    let fine = "the defaults are accepted";
    let deciders: [(&str, Box<dyn Decider>); 6] = [
        ("interpolated", Box::new(Interpolated::new(paths(5), 10.0).expect(fine))),
        ("negative identity", Box::new(NegativeIdentity::new(paths(5)).expect(fine))),
        ("perturbed", Box::new(Perturbed::new(paths(5), Default::default()).expect(fine))),
        ("I-MLE", Box::new(Imle::new(paths(5), Default::default()).expect(fine))),
        ("adaptive I-MLE", Box::new(AdaptiveImle::new(paths(5), Default::default()).expect(fine))),
        ("Frank-Wolfe", Box::new(FrankWolfe::new(paths(5), Default::default()).expect(fine))),
    ];
    let mut group = c.benchmark_group("32 paths, 5x5, forward and backward");
    for (name, decider) in deciders {
        group.bench_function(name, |b| {
            b.iter(|| {
                let found = decider.forward(black_box(&thetas), &call).expect("well-formed input");
                black_box(found.back.expect("differentiable").pull(&g).expect("the right shape"))
            });
        });
    }
    let oracle = paths(5);
    let call = Call { backward: false, ..call };
    group.bench_function("black box, forward only", |b| {
        b.iter(|| black_box(oracle.forward(black_box(&thetas), &call).expect("well-formed input").x))
    });
    group.finish();
}

criterion_group!(benches, caches, derivatives);
criterion_main!(benches);
