//! A solve of the separable solver allocates nothing: counted by an allocator of this test's own, alone in its program.

#![allow(clippy::unwrap_used, reason = "helpers may fail their test")]

#[path = "support/counting.rs"]
mod counting;

use dfl_core::{Adjoint, Cotangent, Csc, DifferentiableSolver, Entry, ParamMap, Program, Rng, Solution, Solver};
use dfl_solvers::{Grid, Separable, SeparableOptions};

/// Rows of every kind, bounds, and matrices that move.
fn program(n: usize, m: usize, rng: &mut Rng) -> (Program, ParamMap) {
    let places: Vec<usize> = (0..m * n).filter(|_| rng.uniform() < 0.4).collect();
    let entries: Vec<_> = places.into_iter().map(|k| (k / n, k % n, rng.normal())).collect();
    let a = Csc::from_triplets(m, n, &entries).unwrap();
    let up: Vec<f64> = (0..m).map(|i| if i % 3 == 0 { 0.0 } else { rng.uniform() }).collect();
    let lo = up.iter().enumerate().map(|(i, &v)| [v, f64::NEG_INFINITY, v - 1.5][i % 3]).collect();
    let costs: Vec<f64> = (0..n).map(|_| 2.0 * rng.normal()).collect();
    let base = Program::linear(costs).with_quadratic(Csc::diagonal(&vec![1.0; n])).with_rows(a, lo, up);
    let moved = ParamMap::costs(n).link(Entry::P(0), 0, 0.01).link(Entry::RowUp(1), 0, 0.01);
    (base.with_bounds(vec![-1.0; n], vec![f64::INFINITY; n]), moved.link(Entry::A(0), 0, 0.01))
}

fn allocated(solver: &Separable, rng: &mut Rng) -> usize {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::zeros(solver.dims().x, solver.dims().rows));
    let thetas: Vec<Vec<f64>> = (0..20).map(|_| (0..solver.dims().theta).map(|_| rng.uniform()).collect()).collect();
    let mut from = out.clone();
    let before = counting::allocations();
    for pair in thetas.windows(2) {
        solver.solve(&pair[0], None, &mut ws, &mut out).unwrap();
        std::mem::swap(&mut from, &mut out);
        solver.solve(&pair[1], Some(&from), &mut ws, &mut out).unwrap();
    }
    counting::allocations() - before
}

/// Cold and warm, the first solve of a workspace included; nor does a backward pass whose adjoint has its size.
#[test]
fn no_solve_allocates() {
    let mut rng = Rng::seeded(64);
    for k in 0..20 {
        let (base, params) = program(3 + 2 * k, 2 * k + 2, &mut rng);
        let solver = Separable::new(base, params, SeparableOptions::default()).unwrap();
        assert_eq!(allocated(&solver, &mut rng), 0, "instance {k}");
    }
    let grid = Grid::new(6, 6).unwrap();
    let smoothed = grid.program().with_quadratic(Csc::diagonal(&vec![0.1; grid.arcs()]));
    let solver = Separable::new(smoothed, ParamMap::costs(grid.arcs()), SeparableOptions::default()).unwrap();
    assert_eq!(allocated(&solver, &mut rng), 0);

    let (theta, mut ws, mut out) = (vec![1.0; grid.arcs()], solver.workspace().unwrap(), Solution::default());
    let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
    let tape = solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
    let (mut u, mut gradient) = (Adjoint::default(), vec![0.0; grid.arcs()]);
    let mut pull = || solver.vjp(&tape, Cotangent { x: &theta, ..Cotangent::default() }, &mut u, &mut gradient).unwrap();
    pull();
    let before = counting::allocations();
    pull();
    assert_eq!(counting::allocations() - before, 0);
}
