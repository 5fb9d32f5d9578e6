//! A solve allocates nothing: counted by an allocator of this test's own, alone in its program.

#![allow(clippy::unwrap_used, reason = "helpers may fail their test")]

#[path = "support/counting.rs"]
mod counting;

use dfl_core::testkit::random_qp;
use dfl_core::{Entry, ParamMap, Program, Rng, Solution, Solver};
use dfl_solvers::{ActiveSet, ActiveSetOptions};

fn allocations(solver: &ActiveSet, theta: &[f64], rng: &mut Rng) -> usize {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::zeros(solver.dims().x, solver.dims().rows));
    let others: Vec<Vec<f64>> = (0..20).map(|_| theta.iter().map(|t| t + 0.01 * rng.normal()).collect()).collect();
    let mut from = out.clone();
    let before = counting::allocations();
    for other in &others {
        solver.solve(other, None, &mut ws, &mut out).unwrap();
        std::mem::swap(&mut from, &mut out);
        solver.solve(theta, Some(&from), &mut ws, &mut out).unwrap();
    }
    counting::allocations() - before
}

/// The first solve of a workspace included, cold and warm, with and without moving matrices, linear programs too.
#[test]
fn no_solve_allocates() {
    let mut rng = Rng::seeded(24);
    for k in 0..20 {
        let q = random_qp(3 + 2 * k, 3 * k, &mut rng);
        let n = q.base.n();
        let costs = (0..n).fold(ParamMap::new(n), |map, j| map.link(Entry::C(j), j, 1.0));
        let linear = Program { p: dfl_core::Csc::empty(n, n), lo: vec![-1.0; n], up: vec![1.0; n], ..q.base.clone() };
        let draw: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        for (base, params, theta) in [(q.base.clone(), q.params, q.theta), (q.base, costs.clone(), draw.clone()), (linear, costs, draw)] {
            let solver = ActiveSet::new(base, params, ActiveSetOptions::default()).unwrap();
            assert_eq!(allocations(&solver, &theta, &mut rng), 0, "instance {k}");
        }
    }
}
