//! Polyhedra, samples and solves.

use dfl_core::{CostCurvature, Csc, Curvature, Program, Risk, Rng, Solution, SolveInfo, Solver};
use dfl_solvers::{Scenarios, StochasticOptions, StochasticProgram};

pub(crate) fn free(n: usize) -> Program {
    Program::linear(vec![0.0; n])
}

pub(crate) fn boxed(n: usize, lo: f64, up: f64) -> Program {
    free(n).with_bounds(vec![lo; n], vec![up; n])
}

/// `|z_i - z_{i-1}| <= ramp`.
pub(crate) fn ramps(n: usize, ramp: f64) -> Program {
    let rows: Vec<_> = (1..n).flat_map(|i| [(i - 1, i, 1.0), (i - 1, i - 1, -1.0)]).collect();
    free(n).with_rows(Csc::from_triplets(n - 1, n, &rows).unwrap(), vec![-ramp; n - 1], vec![ramp; n - 1])
}

/// `sum z = 1, z >= 0`.
pub(crate) fn simplex(n: usize) -> Program {
    let rows: Vec<_> = (0..n).map(|j| (0, j, 1.0)).collect();
    free(n).with_rows(Csc::from_triplets(1, n, &rows).unwrap(), vec![1.0], vec![1.0]).with_bounds(vec![0.0; n], vec![f64::INFINITY; n])
}

pub(crate) fn options(risk: Risk, curvature: Curvature) -> StochasticOptions {
    StochasticOptions { risk, curvature, ..StochasticOptions::default() }
}

pub(crate) fn program<C: CostCurvature>(
    cost: C,
    feasible: Program,
    count: usize,
    outcome: usize,
    options: StochasticOptions,
) -> StochasticProgram<C> {
    StochasticProgram::new(cost, feasible, Scenarios { count, outcome }, options).unwrap()
}

pub(crate) fn solve<C: CostCurvature>(solver: &StochasticProgram<C>, theta: &[f64]) -> (Solution, SolveInfo) {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
    (out, info)
}

pub(crate) fn normals(count: usize, mean: f64, sigma: f64, rng: &mut Rng) -> Vec<f64> {
    (0..count).map(|_| mean + sigma * rng.normal()).collect()
}

/// Mean and standard error of draws.
pub(crate) fn mean_and_error(draws: &[f64]) -> (f64, f64) {
    let m = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / m;
    (mean, (draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (m * (m - 1.0))).sqrt())
}

/// Density and distribution function of the standard normal; the latter by the trapezoidal rule, to 1e-12 on [-9, 9].
pub(crate) fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

pub(crate) fn distribution(x: f64) -> f64 {
    let (steps, from) = (4000, -9.0);
    let h = (x - from) / f64::from(steps);
    // The integrand and all its derivatives are tiny at the left end; at the right one the Euler-Maclaurin term is -h^2/12 times the slope.
    let sum: f64 = (1..steps).map(|k| density(from + h * f64::from(k))).sum();
    h * (sum + 0.5 * (density(from) + density(x))) + h * h / 12.0 * x * density(x)
}

/// The point at which `distribution` is `p`.
pub(crate) fn quantile(p: f64) -> f64 {
    let mut x = 0.0;
    for _ in 0..100 {
        x -= (distribution(x) - p) / density(x);
    }
    x
}
