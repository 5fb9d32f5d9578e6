//! Layers solved and differentiated, each for 32 costs on one thread: the forward pass alone, with the active set's own tape and a vjp,
//! with that of `Kkt`, and as the reference kernel one dense LU (factor and solve) of the KKT matrix at each optimum.
//!
//! `power24`: 24 hours, `P = 2 I`, 46 ramp rows and `z >= 0` as rows. `portfolio50`: a dense `P` over the simplex, 50 bounds as rows.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use dfl_core::{Adjoint, Cotangent, Csc, DifferentiableSolver, ParamMap, Program, Rng, Side, Solution, Solver, Status};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Kkt};
use faer::Mat;
use faer::linalg::solvers::{PartialPivLu, Solve};

const INSTANCES: usize = 32;

struct Layer {
    name: &'static str,
    program: Program,
    costs: Vec<Vec<f64>>,
}

fn rows(entries: &[(usize, usize, f64)], m: usize, n: usize) -> Csc {
    Csc::from_triplets(m, n, entries).expect("indices are in range")
}

/// Demand of two peaks and noise; ramps of at most 0.4 either way.
fn power24(rng: &mut Rng) -> Layer {
    let n = 24;
    let ramps = (0..n - 1).flat_map(|i| [(2 * i, i + 1, 1.0), (2 * i, i, -1.0), (2 * i + 1, i, 1.0), (2 * i + 1, i + 1, -1.0)]);
    let bounds = (0..n).map(|j| (2 * (n - 1) + j, j, -1.0));
    let entries: Vec<_> = ramps.chain(bounds).collect();
    let m = 2 * (n - 1) + n;
    let up = (0..m).map(|i| if i < 2 * (n - 1) { 0.4 } else { 0.0 }).collect();
    let program = Program::linear(vec![0.0; n]).with_quadratic(Csc::diagonal(&vec![2.0; n])).with_rows(
        rows(&entries, m, n),
        vec![f64::NEG_INFINITY; m],
        up,
    );
    let demand = |j: usize| 1.5 + (j as f64 / 24.0 * std::f64::consts::TAU).sin() - 0.8 * (j as f64 / 12.0 * std::f64::consts::TAU).cos();
    let costs = (0..INSTANCES).map(|_| (0..n).map(|j| -2.0 * (demand(j) + 0.5 * rng.normal())).collect()).collect();
    Layer { name: "power24", program, costs }
}

/// Covariances of ten factors, and returns of the size of a standard deviation.
fn portfolio50(rng: &mut Rng) -> Layer {
    let (n, k) = (50, 10);
    let f: Vec<f64> = (0..n * k).map(|_| rng.normal()).collect();
    let p = |i: usize, j: usize| (0..k).map(|l| f[i * k + l] * f[j * k + l]).sum::<f64>() / k as f64 + if i == j { 0.2 } else { 0.0 };
    let upper: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, p(i, j))).collect();
    let entries: Vec<_> = (0..n).map(|j| (0, j, 1.0)).chain((0..n).map(|j| (1 + j, j, -1.0))).collect();
    let sides = |other: f64| [vec![1.0], vec![other; n]].concat();
    let program = Program::linear(vec![0.0; n]).with_quadratic(rows(&upper, n, n)).with_rows(
        rows(&entries, 1 + n, n),
        sides(f64::NEG_INFINITY),
        sides(0.0),
    );
    let costs = (0..INSTANCES).map(|_| (0..n).map(|_| 0.5 * rng.normal()).collect()).collect();
    Layer { name: "portfolio50", program, costs }
}

/// All costs, forward and, if asked for, backward.
fn pass<S: DifferentiableSolver>(solver: &S, layer: &Layer, group: &mut BenchmarkGroup<'_, WallTime>, name: &str, backward: bool) {
    let n = solver.dims().x;
    let (mut ws, mut out) = (solver.workspace().expect("enough memory"), Solution::default());
    let (mut u, mut grad, cotangent) = (Adjoint::default(), vec![0.0; n], vec![1.0; n]);
    group.bench_function(name, |b| {
        b.iter(|| {
            for theta in &layer.costs {
                let mut info = solver.solve(black_box(theta), None, &mut ws, &mut out).expect("well-formed input");
                assert_eq!(info.status, Status::Optimal);
                if backward {
                    let tape = solver.tape(theta, &out, &mut ws, &mut info).expect("an optimum");
                    let on_x = Cotangent { x: black_box(&cotangent), ..Cotangent::default() };
                    solver.vjp(&tape, on_x, &mut u, &mut grad).expect("a regular system");
                    black_box(&grad);
                }
            }
        });
    });
}

/// The KKT matrix of the tight rows.
fn kkt_matrix(program: &Program, answer: &Solution) -> Mat<f64> {
    let n = program.n();
    let tight: Vec<usize> = (0..program.m()).filter(|&i| answer.row_side[i] != Side::Free).collect();
    let mut k = Mat::zeros(n + tight.len(), n + tight.len());
    let mut set = |i: usize, j: usize, v: f64| (k[(i, j)], k[(j, i)]) = (v, v);
    program.p.triplets().for_each(|(i, j, v)| set(i, j, v));
    for (i, j, v) in program.a.triplets() {
        tight.iter().position(|&t| t == i).into_iter().for_each(|r| set(n + r, j, v));
    }
    k
}

fn bench(c: &mut Criterion) {
    faer::set_global_parallelism(faer::Par::Seq);
    let mut rng = Rng::seeded(1);
    for layer in [power24(&mut rng), portfolio50(&mut rng)] {
        let n = layer.program.n();
        let solver = ActiveSet::new(layer.program.clone(), ParamMap::costs(n), ActiveSetOptions::default()).expect("a convex program");
        let mut group = c.benchmark_group(format!("{INSTANCES} times {}", layer.name));
        pass(&solver, &layer, &mut group, "forward", false);
        pass(&solver, &layer, &mut group, "forward and backward", true);
        pass(&Kkt::new(solver.clone()), &layer, &mut group, "forward and backward by Kkt", true);
        let (mut ws, mut out) = (solver.workspace().expect("enough memory"), Solution::default());
        let matrices: Vec<Mat<f64>> = layer
            .costs
            .iter()
            .map(|theta| {
                solver.solve(theta, None, &mut ws, &mut out).expect("well-formed input");
                kkt_matrix(&layer.program, &out)
            })
            .collect();
        group.bench_function("dense LU", |b| {
            b.iter(|| {
                for k in &matrices {
                    let mut rhs = Mat::from_fn(k.nrows(), 1, |i, _| i as f64);
                    PartialPivLu::new(black_box(k.as_ref())).solve_in_place(rhs.as_mut());
                    black_box(rhs);
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
