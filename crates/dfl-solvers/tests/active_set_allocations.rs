//! A solve allocates nothing, a tape a few vectors, a vjp nothing: counted by an allocator of this test's own, alone in its program.

#![allow(clippy::unwrap_used, reason = "helpers may fail their test")]

#[path = "support/counting.rs"]
mod counting;

use dfl_core::testkit::random_qp;
use dfl_core::{Adjoint, Cotangent, DifferentiableSolver, Entry, ParamMap, Program, Risk, Rng, Solution, Solver};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Barrier, BarrierOptions, Scenarios, StochasticOptions, StochasticProgram};

#[path = "stochastic/costs.rs"]
#[allow(dead_code, reason = "one of its costs is enough here")]
mod costs;

fn allocations<S: Solver>(solver: &S, theta: &[f64], rng: &mut Rng) -> usize {
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

/// Allocations of a tape, and of a vjp after the first.
fn backward(solver: &ActiveSet, theta: &[f64]) -> (usize, usize) {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
    let before = counting::allocations();
    let tape = solver.tape(theta, &out, &mut ws, &mut info).unwrap();
    let made = counting::allocations();
    let (mut u, mut grad, x) = (Adjoint::default(), vec![0.0; theta.len()], vec![1.0; out.x.len()]);
    let mut pull = || solver.vjp(&tape, Cotangent { x: &x, ..Cotangent::default() }, &mut u, &mut grad).unwrap();
    pull();
    let first = counting::allocations();
    pull();
    (made - before, counting::allocations() - first)
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
            let base_is_linear = base.p.nnz() == 0;
            let moves_matrices = params.moves(|e| matches!(e, Entry::P(_) | Entry::A(_)));
            let solver = ActiveSet::new(base.clone(), params.clone(), ActiveSetOptions::default()).unwrap();
            assert_eq!(allocations(&solver, &theta, &mut rng), 0, "instance {k}");
            if solver.differentiable() && !base_is_linear {
                let (tape, vjp) = backward(&solver, &theta);
                // The list of tight constraints and their factor; the model and what a moved entry reads, where matrices move.
                let most = if moves_matrices { 24 } else { 3 };
                assert!(tape <= most && vjp == 0, "instance {k}: {tape} allocations for a tape, {vjp} for a vjp");
            }
            if !params.moves(|e| matches!(e, Entry::P(_))) {
                let solver = Barrier::new(base, params, BarrierOptions::default()).unwrap();
                assert_eq!(allocations(&solver, &theta, &mut rng), 0, "instance {k} by the barrier");
            }
        }
    }
    let scenarios = Scenarios { count: 30, outcome: 4 };
    let feasible = Program::linear(vec![0.1; 4]).with_bounds(vec![-1.0; 4], vec![2.0; 4]);
    let samples: Vec<f64> = (0..120).map(|_| 0.5 + rng.normal()).collect();
    for risk in [Risk::Mean, Risk::Cvar { tail: 0.3 }, Risk::MeanVariance { weight: 0.01 }, Risk::Entropic { temperature: 5.0 }] {
        let options = StochasticOptions { risk, ..StochasticOptions::default() };
        let solver = StochasticProgram::new(costs::Generation::new(4, 9.0, 1.0, 0.5), feasible.clone(), scenarios, options).unwrap();
        assert_eq!(allocations(&solver, &samples, &mut rng), 0, "{risk:?}");
    }
}
