//! Random strictly convex dense QPs `A x <= u`: a cold solve, a warm one with unchanged tight constraints, one whose `P` moves, and as
//! the reference kernel one dense LU (factor and solve) of the KKT matrix at the optimum, of `n +` tight rows.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dfl_core::{Csc, Entry, ParamMap, Program, Rng, Side, Solution, Solver};
use dfl_solvers::{ActiveSet, ActiveSetOptions};
use faer::Mat;
use faer::linalg::solvers::{PartialPivLu, Solve};

const INSTANCES: usize = 32;

struct Case {
    solver: ActiveSet,
    moving: ActiveSet,
    costs: Vec<f64>,
    answer: Solution,
    kkt: Mat<f64>,
}

/// `P = B B' / n + I`, costs of standard deviation 3, right-hand sides uniform on [0, 1].
fn case(n: usize, m: usize, rng: &mut Rng) -> Case {
    let b: Vec<f64> = (0..n * n).map(|_| rng.normal()).collect();
    let p = |i: usize, j: usize| (0..n).map(|k| b[i * n + k] * b[j * n + k]).sum::<f64>() / n as f64 + if i == j { 1.0 } else { 0.0 };
    let upper: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, p(i, j))).collect();
    let rows: Vec<_> = (0..m * n).map(|k| (k / n, k % n, rng.normal())).collect();
    let up = (0..m).map(|_| rng.uniform()).collect();
    let program = Program::linear(vec![0.0; n]).with_quadratic(Csc::from_triplets(n, n, &upper).expect("indices are in range")).with_rows(
        Csc::from_triplets(m, n, &rows).expect("indices are in range"),
        vec![f64::NEG_INFINITY; m],
        up,
    );
    let make = |params| ActiveSet::new(program.clone(), params, ActiveSetOptions::default()).expect("a convex program");
    let (solver, moving) = (make(ParamMap::costs(n)), make(ParamMap::costs(n).link(Entry::P(0), 0, 1e-9)));
    let costs: Vec<f64> = (0..n).map(|_| 3.0 * rng.normal()).collect();
    let mut answer = Solution::default();
    let mut ws = solver.workspace().expect("enough memory");
    solver.solve(&costs, None, &mut ws, &mut answer).expect("well-formed input");
    let tight: Vec<usize> = (0..m).filter(|&i| answer.row_side[i] != Side::Free).collect();
    let kkt = Mat::from_fn(n + tight.len(), n + tight.len(), |i, j| match (i.min(j), i.max(j)) {
        (a, b) if b < n => p(a, b),
        (a, b) if a < n => rows[tight[b - n] * n + a].2,
        _ => 0.0,
    });
    Case { solver, moving, costs, answer, kkt }
}

fn bench(c: &mut Criterion) {
    faer::set_global_parallelism(faer::Par::Seq);
    for (n, m) in [(5, 10), (10, 20), (24, 96), (50, 100)] {
        let mut rng = Rng::seeded(1);
        let cases: Vec<Case> = (0..INSTANCES).map(|_| case(n, m, &mut rng)).collect();
        let mut group = c.benchmark_group(format!("{INSTANCES} QPs, n = {n}, m = {m}"));
        for name in ["cold", "warm", "moved P"] {
            let mut all: Vec<_> = cases
                .iter()
                .map(|k| if name == "moved P" { &k.moving } else { &k.solver })
                .map(|s| (s, s.workspace().expect("enough memory"), Solution::default()))
                .collect();
            group.bench_function(name, |b| {
                b.iter(|| {
                    for ((solver, ws, out), k) in all.iter_mut().zip(&cases) {
                        let from = (name == "warm").then_some(&k.answer);
                        black_box(solver.solve(black_box(&k.costs), from, ws, out).expect("well-formed input"));
                    }
                });
            });
        }
        group.bench_function("dense LU", |b| {
            b.iter(|| {
                for k in &cases {
                    let mut rhs = Mat::from_fn(k.kkt.nrows(), 1, |i, _| i as f64);
                    PartialPivLu::new(black_box(k.kkt.as_ref())).solve_in_place(rhs.as_mut());
                    black_box(rhs);
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
