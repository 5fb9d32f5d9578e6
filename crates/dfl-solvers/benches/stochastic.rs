//! The power task's stochastic program, 24 hours, 50 samples and ramps: a cold and a warm solve, the tape, its adjoint in every sample and
//! the corrected score weights; as the reference kernel one dense LU (factor and solve) of a matrix of the size of its KKT matrix.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dfl_core::{Adjoint, Cotangent, Csc, Curvature, DifferentiableSolver, Program, Rng, Side, Solution, Solver};
use dfl_solvers::{Scenarios, StochasticOptions, StochasticProgram};
use faer::Mat;
use faer::linalg::solvers::{PartialPivLu, Solve};

#[path = "../tests/stochastic/costs.rs"]
#[allow(dead_code, reason = "one of its costs is enough here")]
mod costs;

const HOURS: usize = 24;
const SAMPLES: usize = 50;

fn solver(curvature: Curvature) -> StochasticProgram<costs::Generation> {
    let rows: Vec<_> = (1..HOURS).flat_map(|i| [(i - 1, i, 1.0), (i - 1, i - 1, -1.0)]).collect();
    let a = Csc::from_triplets(HOURS - 1, HOURS, &rows).expect("indices are in range");
    let feasible = Program::linear(vec![0.0; HOURS]).with_rows(a, vec![-0.4; HOURS - 1], vec![0.4; HOURS - 1]);
    let options = StochasticOptions { curvature, ..StochasticOptions::default() };
    let scenarios = Scenarios { count: SAMPLES, outcome: HOURS };
    StochasticProgram::new(costs::Generation::new(HOURS, 50.0, 0.5, 1.0), feasible, scenarios, options).expect("a convex program")
}

fn bench(c: &mut Criterion) {
    faer::set_global_parallelism(faer::Par::Seq);
    let mut rng = Rng::seeded(1);
    // A day like PJM's: a wave between 1 and 2, errors of 0.1.
    let day = |h: usize| 1.5 + 0.5 * (h as f64 * std::f64::consts::TAU / HOURS as f64).sin();
    let theta: Vec<f64> = (0..SAMPLES * HOURS).map(|k| day(k % HOURS) + 0.1 * rng.normal()).collect();
    let near: Vec<f64> = theta.iter().map(|y| y + 1e-3 * rng.normal()).collect();
    let (pathwise, density) = (solver(Curvature::SampleAverage), solver(Curvature::rule_of_thumb(SAMPLES)));
    let (mut ws, mut out, mut answer) = (pathwise.workspace().expect("enough memory"), Solution::default(), Solution::default());
    let mut info = pathwise.solve(&near, None, &mut ws, &mut answer).expect("well-formed input");
    assert!(info.status.usable());

    let mut group = c.benchmark_group(format!("power, {HOURS} hours, {SAMPLES} samples"));
    group.bench_function("cold solve", |b| {
        b.iter(|| black_box(pathwise.solve(black_box(&theta), None, &mut ws, &mut out).expect("well-formed input")));
    });
    group.bench_function("warm solve", |b| {
        b.iter(|| black_box(pathwise.solve(black_box(&theta), Some(&answer), &mut ws, &mut out).expect("well-formed input")));
    });
    group.bench_function("tape", |b| {
        b.iter(|| pathwise.tape(black_box(&theta), &out, &mut ws, &mut info).map(|_| ()).expect("the answer can be differentiated"));
    });
    let cotangent: Vec<f64> = (0..HOURS).map(|_| rng.normal()).collect();
    let on_x = Cotangent { x: &cotangent, ..Cotangent::default() };
    let (mut u, mut grad, mut weights) = (Adjoint::default(), vec![0.0; theta.len()], vec![0.0; SAMPLES]);
    let tape = pathwise.tape(&theta, &out, &mut ws, &mut info).expect("the answer can be differentiated");
    group.bench_function("vjp", |b| b.iter(|| pathwise.vjp(black_box(&tape), on_x, &mut u, &mut grad).expect("lengths agree")));
    let mut info = density.solve(&theta, None, &mut ws, &mut out).expect("well-formed input");
    let tape = density.tape(&theta, &out, &mut ws, &mut info).expect("the answer can be differentiated");
    group.bench_function("score weights", |b| {
        b.iter(|| density.score_weights(black_box(&tape), on_x, &mut u, &mut weights).expect("there is a density"));
    });
    let size = HOURS + out.row_side.iter().filter(|s| **s != Side::Free).count();
    let k = Mat::from_fn(size, size, |i, j| if i == j { 20.0 } else { ((i * size + j) as f64).sin() });
    group.bench_function(format!("dense LU, {size} rows"), |b| {
        b.iter(|| {
            let mut rhs = Mat::from_fn(size, 1, |i, _| i as f64);
            PartialPivLu::new(black_box(k.as_ref())).solve_in_place(rhs.as_mut());
            black_box(rhs)
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
