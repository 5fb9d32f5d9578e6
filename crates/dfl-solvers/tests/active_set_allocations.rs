//! A solve allocates nothing: counted by an allocator of this test's own, alone in its program.

#![allow(clippy::unwrap_used, reason = "helpers may fail their test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use dfl_core::testkit::random_qp;
use dfl_core::{Entry, ParamMap, Program, Risk, Rng, Solution, Solver};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Scenarios, StochasticOptions, StochasticProgram};

#[path = "stochastic/costs.rs"]
#[allow(dead_code, reason = "one of its costs is enough here")]
mod costs;

static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes on to the system's allocator unchanged; counting touches no memory of a caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<S: Solver>(solver: &S, theta: &[f64], rng: &mut Rng) -> usize {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::zeros(solver.dims().x, solver.dims().rows));
    let others: Vec<Vec<f64>> = (0..20).map(|_| theta.iter().map(|t| t + 0.01 * rng.normal()).collect()).collect();
    let mut from = out.clone();
    let before = COUNT.load(Ordering::Relaxed);
    for other in &others {
        solver.solve(other, None, &mut ws, &mut out).unwrap();
        std::mem::swap(&mut from, &mut out);
        solver.solve(theta, Some(&from), &mut ws, &mut out).unwrap();
    }
    COUNT.load(Ordering::Relaxed) - before
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
    let scenarios = Scenarios { count: 30, outcome: 4 };
    let feasible = Program::linear(vec![0.1; 4]).with_bounds(vec![-1.0; 4], vec![2.0; 4]);
    let samples: Vec<f64> = (0..120).map(|_| 0.5 + rng.normal()).collect();
    for risk in [Risk::Mean, Risk::Cvar { tail: 0.3 }, Risk::MeanVariance { weight: 0.01 }, Risk::Entropic { temperature: 5.0 }] {
        let options = StochasticOptions { risk, ..StochasticOptions::default() };
        let solver = StochasticProgram::new(costs::Generation::new(4, 9.0, 1.0, 0.5), feasible.clone(), scenarios, options).unwrap();
        assert_eq!(allocations(&solver, &samples, &mut rng), 0, "{risk:?}");
    }
}
