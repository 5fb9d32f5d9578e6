//! Shortest tours against answers found in other ways: all permutations, one method against the other, linear programs.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers may fail their test, and say what they found")]

mod enumerate;
mod relaxation;
mod search;
#[path = "../support/tours.rs"]
mod tours;

use dfl_core::{Solution, SolveInfo, Solver};
use dfl_solvers::{ShortestTour, Tour, TourOptions};

fn tour(nodes: usize) -> Tour {
    Tour::new(nodes).unwrap()
}

/// By the dynamic program if `dynamic`, else by branch and bound.
fn solver(nodes: usize, dynamic: bool) -> ShortestTour {
    ShortestTour::new(tour(nodes), TourOptions { dynamic: if dynamic { 17 } else { 0 }, ..Default::default() }).unwrap()
}

/// Solves and checks what every answer must be: one tour, whose cost is the objective.
fn solve(solver: &ShortestTour, theta: &[f64]) -> (Solution, SolveInfo) {
    let mut out = Solution::default();
    let info = solver.solve(theta, None, &mut solver.workspace().unwrap(), &mut out).unwrap();
    check(theta, &out);
    (out, info)
}

fn check(theta: &[f64], out: &Solution) {
    assert!(out.x.iter().all(|&x| x == 0.0 || x == 1.0));
    order(&out.x);
    let cost: f64 = theta.iter().zip(&out.x).map(|(c, x)| c * x).sum();
    assert_eq!(cost, out.objective);
}

/// The nodes in the order in which a decision visits them from node 0; fails if it is no tour.
fn order(x: &[f64]) -> Vec<usize> {
    let n = (3..).find(|n| n * (n - 1) / 2 == x.len()).unwrap();
    let ends = tour(n).ends();
    let chosen: Vec<_> = ends.iter().zip(x).filter(|(_, x)| **x == 1.0).map(|(&e, _)| e).collect();
    assert_eq!(chosen.len(), n, "a tour of {n} nodes has as many edges");
    let mut order = vec![0];
    let (mut before, mut at) = (usize::MAX, 0);
    while order.len() < n {
        let around: Vec<usize> = chosen.iter().filter(|(a, b)| *a == at || *b == at).map(|(a, b)| a + b - at).collect();
        assert_eq!(around.len(), 2, "node {at} has two edges");
        let next = if around[0] == before { around[1] } else { around[0] };
        assert!(!order.contains(&next), "a subtour closes at node {next}");
        (before, at) = (at, next);
        order.push(at);
    }
    order
}
