//! Random strictly convex dense QPs `A x <= u`: a cold solve, a warm one with unchanged tight constraints, one whose `P` moves, and as
//! the reference kernel one dense LU (factor and solve) of the KKT matrix at the optimum, of `n +` tight rows.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dfl_core::testkit::dense_qp;
use dfl_core::{Entry, ParamMap, Rng, Side, Solution, Solver};
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

fn case(n: usize, m: usize, rng: &mut Rng) -> Case {
    let (program, costs) = dense_qp(n, m, rng);
    let make = |params| ActiveSet::new(program.clone(), params, ActiveSetOptions::default()).expect("a convex program");
    let (solver, moving) = (make(ParamMap::costs(n)), make(ParamMap::costs(n).link(Entry::P(0), 0, 1e-9)));
    let mut answer = Solution::default();
    let mut ws = solver.workspace().expect("enough memory");
    solver.solve(&costs, None, &mut ws, &mut answer).expect("well-formed input");
    let tight: Vec<usize> = (0..m).filter(|&i| answer.row_side[i] != Side::Free).collect();
    let mut kkt = Mat::zeros(n + tight.len(), n + tight.len());
    for (i, j, v) in program.p.triplets() {
        (kkt[(i, j)], kkt[(j, i)]) = (v, v);
    }
    for (k, &i) in tight.iter().enumerate() {
        for j in 0..n {
            let v = program.a.position(i, j).map_or(0.0, |at| program.a.values()[at]);
            (kkt[(n + k, j)], kkt[(j, n + k)]) = (v, v);
        }
    }
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
