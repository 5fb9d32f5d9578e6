//! Smoothed programs: by a quadratic term, by a logarithmic barrier, by perturbation.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod barrier;
mod barrier_derivative;
mod barrier_status;
mod perturbed;
mod quadratic;

use dfl_core::{Csc, ParamMap, Program, Solution, SolveInfo, Solver};

/// Solves once, cold.
fn solve<S: Solver>(solver: &S, theta: &[f64]) -> (SolveInfo, Solution) {
    let mut out = Solution::default();
    let info = solver.solve(theta, None, &mut solver.workspace().unwrap(), &mut out).unwrap();
    (info, out)
}

/// `min theta'x` over the box `[0, 1]^n`.
fn unit_box(n: usize) -> (Program, ParamMap) {
    (Program::linear(vec![0.0; n]).with_bounds(vec![0.0; n], vec![1.0; n]), ParamMap::costs(n))
}

/// `min theta'x` over the simplex.
fn simplex(n: usize) -> (Program, ParamMap) {
    let ones: Vec<_> = (0..n).map(|j| (0, j, 1.0)).collect();
    let rows = Csc::from_triplets(1, n, &ones).unwrap();
    let program = Program::linear(vec![0.0; n]).with_rows(rows, vec![1.0], vec![1.0]).with_bounds(vec![0.0; n], vec![f64::INFINITY; n]);
    (program, ParamMap::costs(n))
}
