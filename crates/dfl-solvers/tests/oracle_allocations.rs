//! A solve of an exact oracle allocates nothing: counted by an allocator of this test's own, alone in its program.

#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

#[path = "support/counting.rs"]
mod counting;

use dfl_core::{Batch, Rng, Solution, Solver};
use dfl_solvers::{Grid, Knapsack, KnapsackOptions, KnapsackProblem, ShortestPath, TopK};

/// Allocations of solves of random costs, the first of a workspace included.
fn allocations<S: Solver>(solver: &S, cost: impl Fn(&mut Rng) -> f64, rng: &mut Rng) -> usize {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::zeros(solver.dims().x, 0));
    let thetas: Vec<Vec<f64>> = (0..50).map(|_| (0..solver.dims().theta).map(|_| cost(rng)).collect()).collect();
    let before = counting::allocations();
    for theta in &thetas {
        solver.solve(theta, None, &mut ws, &mut out).unwrap();
    }
    counting::allocations() - before
}

#[test]
fn no_oracle_allocates() {
    let mut rng = Rng::seeded(8);
    assert_eq!(allocations(&ShortestPath::new(Grid::new(5, 5).unwrap()), |rng| 2.0 + rng.normal(), &mut rng), 0);
    assert_eq!(allocations(&TopK::new(100, 10).unwrap(), Rng::normal, &mut rng), 0);
    for dim in [1, 2, 5] {
        let weights: Vec<f64> = (0..dim * 30).map(|_| 3.0 + rng.uniform()).collect();
        let problem = KnapsackProblem::new(Batch::from_vec(dim, 30, weights).unwrap(), vec![50.0; dim]).unwrap();
        for nodes in [None, Some(20)] {
            let solver = Knapsack::new(problem.clone(), KnapsackOptions { nodes });
            for (mean, spread) in [(0.0, 1.0), (-5.0, 1.0), (-5.0, 0.01)] {
                assert_eq!(allocations(&solver, |rng| mean + spread * rng.normal(), &mut rng), 0, "{dim} capacities, {nodes:?}");
            }
            let near_tens = |rng: &mut Rng| -10.0 * (1 + rng.below(3)) as f64 + 0.5 * rng.normal();
            assert_eq!(allocations(&solver, near_tens, &mut rng), 0, "{dim} capacities, {nodes:?}, near a lattice");
        }
    }
}
