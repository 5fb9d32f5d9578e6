//! A hundred rows on one thread: shortest paths, fractional knapsacks and tours, smoothed with the weight 0.1. Three-operator splitting for
//! 100 plain steps, to a KKT residual of 1e-4 and of 1e-6, each row by itself and eight at a time; forward and backward; and the same
//! programs by Newton's method on the dual and, if it is built, by OSQP. The mean number of steps is printed for each.
#![allow(missing_docs, clippy::print_stdout, reason = "criterion's macros make undocumented items, and counts are part of the result")]

#[allow(dead_code, unreachable_pub, reason = "tests use the rest")]
#[path = "../tests/dys/programs.rs"]
mod programs;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dfl_core::{Batch, Call, Decider, Entry, Formulation, Key, ParamMap, Program, Rng, Stream};
use dfl_solvers::{Batched, Dys, DysDerivative, DysLayer, DysOptions, Separable, smooth_quadratic_with_slacks};

const ROWS: usize = 100;
const MU: f64 = 0.1;

/// A program of which the first `theta` costs are predicted, and predictions.
struct Case {
    name: &'static str,
    formulation: Formulation,
    thetas: Batch,
}

fn case(name: &'static str, program: Program, theta: usize, sign: f64) -> Case {
    let params = (0..theta).fold(ParamMap::new(theta), |map, j| map.link(Entry::C(j), j, 1.0));
    let mut rng = Rng::seeded(7);
    let costs = (0..ROWS * theta).map(|_| sign * (0.2 + rng.uniform())).collect();
    let thetas = Batch::from_vec(ROWS, theta, costs).expect("the length was drawn");
    Case { name, formulation: Formulation { program, params, visible: theta }, thetas }
}

fn cases() -> Vec<Case> {
    vec![
        case("path 10x10", programs::paths(10), 180, 1.0),
        case("knapsack 40x2", programs::knapsack(40, 2, &mut Rng::seeded(1)), 40, -1.0),
        case("tour 8", programs::tours(8), 56, 1.0),
        case("tour 11", programs::tours(11), 110, 1.0),
    ]
}

fn layer(case: &Case, options: DysOptions) -> DysLayer {
    let Formulation { program, params, visible } = case.formulation.clone();
    let solver = Dys::new(program, params, options).expect("a linear program");
    DysLayer::new(solver).visible(visible).expect("the program's own variables")
}

fn deciders(case: &Case) -> Vec<(&'static str, bool, Box<dyn Decider>)> {
    let options = |tolerance| DysOptions { mu: MU, tolerance, ..DysOptions::default() };
    let fixed = |derivative| DysOptions::fixed(MU, 1.0, 100, derivative);
    let smoothed = smooth_quadratic_with_slacks(case.formulation.clone(), MU).expect("a linear program");
    let visible = smoothed.visible;
    let one = Dys::new(case.formulation.program.clone(), case.formulation.params.clone(), options(1e-4)).expect("a linear program");
    let separable = Separable::new(smoothed.program.clone(), smoothed.params.clone(), Default::default()).expect("a separable program");
    #[allow(unused_mut, reason = "without OSQP there is one less")]
    let mut out: Vec<(&'static str, bool, Box<dyn Decider>)> = vec![
        ("dys, 100 steps, unrolled", true, Box::new(layer(case, fixed(DysDerivative::Unrolled)))),
        ("dys, 100 steps, jacobian-free", true, Box::new(layer(case, fixed(DysDerivative::JacobianFree)))),
        ("dys to 1e-4", true, Box::new(layer(case, options(1e-4)))),
        ("dys to 1e-6", false, Box::new(layer(case, options(1e-6)))),
        ("dys to 1e-4, row by row", false, Box::new(Batched::new(one).visible(visible).expect("the program's own variables"))),
        ("separable", true, Box::new(Batched::new(separable).visible(visible).expect("the program's own variables"))),
    ];
    #[cfg(feature = "osqp")]
    {
        let solver = dfl_solvers::Osqp::new(smoothed.program, smoothed.params, Default::default()).expect("a convex program");
        let osqp = Batched::new(dfl_solvers::Kkt::new(solver)).visible(visible).expect("the program's own variables");
        out.push(("osqp", true, Box::new(osqp)));
    }
    out
}

fn bench(c: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    let keys: Vec<Key> = (0..ROWS as u64).map(|id| Key { id, slot: 0 }).collect();
    for case in cases() {
        let mut group = c.benchmark_group(case.name);
        group.sample_size(10);
        for (name, pulls, decider) in deciders(&case) {
            let run = |backward: bool| {
                let call = Call { keys: &keys, stream: Stream::default(), backward };
                let decisions = decider.forward(black_box(&case.thetas), &call).expect("well-formed input");
                if let Some(back) = &decisions.back {
                    black_box(back.pull(&case.thetas).expect("the shape of the decisions"));
                }
                decisions.info.iter().map(|info| info.iterations).sum::<usize>() as f64 / ROWS as f64
            };
            println!("{}, {name}: {:.1} steps", case.name, run(false));
            for backward in [false, true].into_iter().take(1 + usize::from(pulls)) {
                let kind = if backward { "forward and backward" } else { "forward" };
                group.bench_function(BenchmarkId::new(name, kind), |b| b.iter(|| pool.install(|| black_box(run(backward)))));
            }
        }
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
