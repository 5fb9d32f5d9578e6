//! Shortest paths on grids with a quadratic term of weight 0.1 and costs uniform on [0.5, 1.5]: a cold solve, one from the answer of
//! costs that are 1 % different, one from its own answer, a backward pass, forward and backward; and as the reference kernel one
//! sparse Cholesky (factor and solve, symbolic part apart) of `A A'` without its last row.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dfl_core::{Adjoint, Cotangent, Csc, DifferentiableSolver, ParamMap, Rng, Solution, Solver};
use dfl_solvers::{Grid, Separable, SeparableOptions};
use faer::linalg::solvers::Solve;
use faer::sparse::linalg::solvers::{Llt, SymbolicLlt};
use faer::sparse::{SparseColMat, Triplet};
use faer::{Mat, Side};

struct Case {
    theta: Vec<f64>,
    near: Solution,
    answer: Solution,
}

fn cases(solver: &Separable, count: usize, rng: &mut Rng) -> Vec<Case> {
    let mut ws = solver.workspace().expect("enough memory");
    let mut solve = |theta: &[f64]| {
        let mut out = Solution::default();
        solver.solve(theta, None, &mut ws, &mut out).expect("well-formed input");
        out
    };
    let mut one = || {
        let theta: Vec<f64> = (0..solver.dims().theta).map(|_| rng.uniform() + 0.5).collect();
        let moved: Vec<f64> = theta.iter().map(|t| t * (1.0 + 0.01 * rng.normal())).collect();
        Case { near: solve(&moved), answer: solve(&theta), theta }
    };
    (0..count).map(|_| one()).collect()
}

/// `A A'` of the grid, lower triangle, without the last node.
fn laplacian(grid: Grid) -> SparseColMat<usize, f64> {
    let last = grid.nodes() - 1;
    let mut entries = Vec::new();
    for (a, b) in grid.ends() {
        entries.extend([a, b].into_iter().filter(|&v| v != last).map(|v| Triplet::new(v, v, 1.0)));
        if a.max(b) != last {
            entries.push(Triplet::new(a.max(b), a.min(b), -1.0));
        }
    }
    SparseColMat::try_new_from_triplets(last, last, &entries).expect("indices are in range")
}

fn bench(c: &mut Criterion) {
    faer::set_global_parallelism(faer::Par::Seq);
    for (size, count) in [(10, 32), (30, 4)] {
        let grid = Grid::new(size, size).expect("enough nodes");
        let program = grid.program().with_quadratic(Csc::diagonal(&vec![0.1; grid.arcs()]));
        let solver = Separable::new(program, ParamMap::costs(grid.arcs()), SeparableOptions::default()).expect("a separable program");
        let cases = cases(&solver, count, &mut Rng::seeded(1));
        let (mut ws, mut out, mut u) = (solver.workspace().expect("enough memory"), Solution::default(), Adjoint::default());
        let mut gradient = vec![0.0; grid.arcs()];
        let mut group = c.benchmark_group(format!("{count} paths, {size}x{size}"));
        for (name, warm, backward) in [("cold", 0, false), ("cold + backward", 0, true), ("near", 1, false), ("unchanged", 2, false)] {
            group.bench_function(name, |b| {
                b.iter(|| {
                    for k in &cases {
                        let from = [None, Some(&k.near), Some(&k.answer)][warm];
                        let mut info = solver.solve(black_box(&k.theta), from, &mut ws, &mut out).expect("well-formed input");
                        if backward {
                            let tape = solver.tape(&k.theta, &out, &mut ws, &mut info).expect("differentiable");
                            let on_x = Cotangent { x: &k.theta, ..Cotangent::default() };
                            solver.vjp(&tape, on_x, &mut u, &mut gradient).expect("lengths agree");
                        }
                        black_box((&out, &gradient));
                    }
                });
            });
        }
        let matrix = laplacian(grid);
        let symbolic = SymbolicLlt::try_new(matrix.symbolic(), Side::Lower).expect("enough memory");
        group.bench_function("sparse Cholesky", |b| {
            b.iter(|| {
                for _ in 0..count {
                    let llt = Llt::try_new_with_symbolic(symbolic.clone(), black_box(matrix.as_ref()), Side::Lower).expect("definite");
                    let mut rhs = Mat::from_fn(matrix.nrows(), 1, |i, _| i as f64);
                    llt.solve_in_place(rhs.as_mut());
                    black_box(rhs);
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
