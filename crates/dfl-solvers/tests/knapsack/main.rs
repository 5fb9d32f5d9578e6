//! Knapsack: by hand, against enumeration and dynamic programming, at its limits, and as its mixed-integer program.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod dynamic;
mod enumerate;
#[cfg(feature = "highs")]
mod highs;
mod limits;
mod refusals;

use dfl_core::{Batch, Rng, Solution, SolveInfo, Solver, Status};
use dfl_solvers::{Knapsack, KnapsackOptions, KnapsackProblem};

fn problem(weights: &[Vec<f64>], capacity: &[f64]) -> KnapsackProblem {
    KnapsackProblem::new(Batch::from_rows(weights).unwrap(), capacity.to_vec()).unwrap()
}

fn exact(weights: &[Vec<f64>], capacity: &[f64]) -> Knapsack {
    Knapsack::new(problem(weights, capacity), KnapsackOptions::default())
}

fn solve(solver: &Knapsack, theta: &[f64]) -> (SolveInfo, Solution) {
    let mut out = Solution::default();
    let info = solver.solve(theta, None, &mut solver.workspace().unwrap(), &mut out).unwrap();
    (info, out)
}

fn optimum(solver: &Knapsack, theta: &[f64]) -> Solution {
    let (info, out) = solve(solver, theta);
    assert_eq!(info.status, Status::Optimal);
    out
}

/// `dim` rows of weights in hundredths, 3 to 8, and half of each row's sum.
fn hundredths(dim: usize, items: usize, rng: &mut Rng) -> (Vec<Vec<f64>>, Vec<f64>) {
    let weights: Vec<Vec<f64>> = (0..dim).map(|_| (0..items).map(|_| (300 + rng.below(500)) as f64 / 100.0).collect()).collect();
    let capacity = weights.iter().map(|row| 0.5 * row.iter().sum::<f64>()).collect();
    (weights, capacity)
}

/// Minus 10 for most items, 20 or 30 for some, all with a little noise: a probe of blackbox differentiation.
fn near_tens(rng: &mut Rng) -> f64 {
    -10.0 * [1.0, 1.0, 1.0, 2.0, 3.0][rng.below(5)] + 0.5 * rng.normal()
}

/// Values 6, 10, 12 of weights 1, 2, 3 within 5: the last two. The greedy choice by value per weight, the first two, is worth 16.
#[test]
fn one_capacity_by_hand() {
    let out = optimum(&exact(&[vec![1.0, 2.0, 3.0]], &[5.0]), &[-6.0, -10.0, -12.0]);
    assert_eq!((out.x, out.objective), (vec![0.0, 1.0, 1.0], -22.0));
}

/// A second capacity of 3, of which they need 4, leaves the first and the last.
#[test]
fn two_capacities_by_hand() {
    let weights = [vec![1.0, 2.0, 3.0], vec![1.0, 2.0, 2.0]];
    let out = optimum(&exact(&weights, &[5.0, 3.0]), &[-6.0, -10.0, -12.0]);
    assert_eq!((out.x, out.objective), (vec![1.0, 0.0, 1.0], -18.0));
}

#[test]
fn what_costs_is_left_and_what_weighs_nothing_is_taken() {
    let solver = exact(&[vec![1.0, 0.0, 0.0, 1.0]], &[1.0]);
    let out = optimum(&solver, &[3.0, -0.5, 0.0, -1.0]);
    assert_eq!((out.x, out.objective), (vec![0.0, 1.0, 0.0, 1.0], -1.5));
    assert_eq!(optimum(&solver, &[1.0; 4]).x, [0.0; 4]);
}

/// 0.1 + 0.2 is more than 0.3 in binary, by rounding alone.
#[test]
fn decimals_that_fill_a_capacity_fit() {
    let out = optimum(&exact(&[vec![0.1, 0.2, 0.3]], &[0.3]), &[-2.0, -2.0, -3.0]);
    assert_eq!(out.x, [1.0, 1.0, 0.0]);
}

#[test]
fn a_capacity_of_zero_takes_what_weighs_nothing() {
    let weights = [vec![0.0, 1e-12, 5.0], vec![1.0, 1.0, 1.0]];
    assert_eq!(optimum(&exact(&weights, &[0.0, 2.0]), &[-1.0, -1.0, -1.0]).x, [1.0, 0.0, 0.0]);
    assert_eq!(optimum(&exact(&weights, &[0.0, 0.5]), &[-1.0, -1.0, -1.0]).x, [0.0; 3]);
}
