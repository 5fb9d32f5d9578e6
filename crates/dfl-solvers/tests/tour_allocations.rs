//! A solve of a shortest tour allocates nothing: counted by an allocator of this test's own, alone in its program.

#![allow(clippy::unwrap_used, reason = "helpers may fail their test")]

#[path = "support/counting.rs"]
mod counting;

use dfl_core::{Rng, Solution, Solver};
use dfl_solvers::{ShortestTour, Tour, TourOptions};

/// By the dynamic program and by branch and bound, the first solve of a workspace included.
#[test]
fn no_solve_allocates() {
    let mut rng = Rng::seeded(65);
    for (nodes, dynamic) in [(3, 17), (5, 17), (12, 17), (3, 0), (5, 0), (12, 0), (20, 0)] {
        let tour = Tour::new(nodes).unwrap();
        let solver = ShortestTour::new(tour, TourOptions { dynamic, ..Default::default() }).unwrap();
        let (mut ws, mut out, mut subproblems) = (solver.workspace().unwrap(), Solution::zeros(tour.edges(), 0), 0);
        let thetas: Vec<Vec<f64>> = (0..30).map(|_| (0..tour.edges()).map(|_| rng.normal()).collect()).collect();
        let before = counting::allocations();
        for theta in &thetas {
            subproblems += solver.solve(theta, None, &mut ws, &mut out).unwrap().iterations;
        }
        assert_eq!(counting::allocations() - before, 0, "{nodes} nodes");
        assert!(nodes < 12 || dynamic > 0 || subproblems > 30, "no instance was split");
    }
}
