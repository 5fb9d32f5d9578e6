//! Costs that are not convex: several starts, the derivative at the minimum found, and the flag where there is no strict one.

use dfl_core::testkit::vjp_error;
use dfl_core::{Cost, CostCurvature, CostGrad, Csc, Curvature, DifferentiableSolver, Program, Risk, Rng, Solution, Solver, Status};
use dfl_solvers::{MultiStart, StochasticOptions};

use crate::costs::Wells;
use crate::helpers::*;

fn local() -> StochasticOptions {
    options(Risk::Mean, Curvature::SampleAverage)
}

/// `sum z <= budget`, `0 <= z <= cap`.
fn capped_simplex(n: usize, budget: f64, cap: f64) -> Program {
    let rows: Vec<_> = (0..n).map(|j| (0, j, 1.0)).collect();
    boxed(n, 0.0, cap).with_rows(Csc::from_triplets(1, n, &rows).unwrap(), vec![f64::NEG_INFINITY], vec![budget])
}

/// Each coordinate on its own: the smallest of `(z^2-1)^2/4 + y z` on a fine grid of the box.
fn best_coordinate(y: f64, lo: f64, up: f64) -> f64 {
    let cost = |z: f64| Wells.value(&[y], &[z]);
    (0..=400_000).map(|k| lo + (up - lo) * f64::from(k) / 400_000.0).min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap()
}

#[test]
fn the_best_well_of_many() {
    let (n, count, mut rng) = (3, 5, Rng::seeded(1));
    for _ in 0..10 {
        let theta = normals(n * count, 0.0, 0.4, &mut rng);
        let mean: Vec<f64> = (0..n).map(|j| theta.iter().skip(j).step_by(n).sum::<f64>() / count as f64).collect();
        let inner = program(Wells, boxed(n, -1.5, 1.5), count, n, local());
        let solver = MultiStart::uniform(inner, &[-1.5; 3], &[1.5; 3], 60, &mut rng).unwrap();
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
        solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
        assert!(info.status == Status::Optimal && !info.degenerate);
        for (z, y) in out.x.iter().zip(&mean) {
            assert!((z - best_coordinate(*y, -1.5, 1.5)).abs() < 1e-5, "{z} for {y}");
        }
        let error = vjp_error(&solver, &theta, 1e-6, &mut rng);
        assert!(error < 1e-6, "{error:.1e}");
    }
}

/// On the capped simplex no random feasible point is better, and the derivative is that of the tight budget.
#[test]
fn a_capped_simplex() {
    let (n, count, mut rng) = (5, 4, Rng::seeded(2));
    for seed in 0..6 {
        let theta = normals(n * count, -0.5, 0.3, &mut rng);
        let inner = program(Wells, capped_simplex(n, 3.5, 1.2), count, n, local());
        let solver = MultiStart::uniform(inner, &[0.0; 5], &[1.2; 5], 40, &mut rng).unwrap();
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
        solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
        assert!(info.status == Status::Optimal && !info.degenerate);
        let value = |z: &[f64]| theta.chunks(n).map(|y| Wells.value(y, z)).sum::<f64>() / count as f64;
        for _ in 0..20_000 {
            let mut z: Vec<f64> = (0..n).map(|_| 1.2 * rng.uniform()).collect();
            let sum = z.iter().sum::<f64>();
            z.iter_mut().for_each(|z| *z *= (3.5 / sum).min(1.0));
            assert!(value(&z) >= out.objective - 1e-12);
        }
        let error = vjp_error(&solver, &theta, 1e-6, &mut rng);
        assert!(error < 1e-6, "seed {seed}: {error:.1e}");
    }
}

/// Between the wells, at `z = 0` with `y = 0`, the gradient vanishes: a stationary point, which the flag says is no minimum.
#[test]
fn a_stationary_point_that_is_no_minimum_is_flagged() {
    let inner = program(Wells, boxed(2, -2.0, 2.0), 3, 2, local());
    let theta = [0.0; 6];
    let (mut ws, mut out) = (inner.workspace().unwrap(), Solution::default());
    let mut info = inner.solve(&theta, None, &mut ws, &mut out).unwrap();
    inner.tape(&theta, &out, &mut ws, &mut info).unwrap();
    assert!(info.status == Status::Optimal && info.degenerate && out.x == [0.0, 0.0]);
    let solver = MultiStart::new(inner, vec![vec![0.5, -0.7]]).unwrap();
    let mut ws = solver.workspace().unwrap();
    let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
    solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
    assert!(!info.degenerate && (out.x[0] - 1.0).abs() < 1e-12 && (out.x[1] + 1.0).abs() < 1e-12);
}

/// `1/2 z'Bz - y'z` with an indefinite `B` that is positive definite on `sum z = 1`.
#[derive(Clone, Copy)]
struct Saddle;

impl Cost for Saddle {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        (z[0] - z[1]).powi(2) - 3.0 * (z[0] + z[1]).powi(2) - y[0] * z[0] - y[1] * z[1]
    }
}
impl CostGrad for Saddle {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        let (a, b) = (2.0 * (z[0] - z[1]), -6.0 * (z[0] + z[1]));
        (out[0], out[1]) = (a + b - y[0], b - a - y[1]);
    }
}
impl CostCurvature for Saddle {
    fn add_hess(&self, _y: &[f64], _z: &[f64], w: f64, h: &mut [f64]) {
        [-4.0, -8.0, -8.0, -4.0].iter().zip(h).for_each(|(v, h)| *h += w * v);
    }
    fn add_cross(&self, _y: &[f64], _z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(v).for_each(|(out, v)| *out -= w * v);
    }
    fn add_grad_y(&self, _y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        out.iter_mut().zip(z).for_each(|(out, z)| *out -= w * z);
    }
}

/// On the line `z1 + z2 = 1` the minimum is where `4 (z1 - z2) = y1 - y2`: one Newton step, no flag.
#[test]
fn convex_on_the_equality_is_convex_enough() {
    let row = Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap();
    let solver = program(Saddle, free(2).with_rows(row, vec![1.0], vec![1.0]), 1, 2, local());
    let theta = [0.6, -0.2];
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
    solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
    assert!(info.status == Status::Optimal && !info.degenerate && info.iterations <= 3, "{info:?}");
    assert!((out.x[0] - 0.6).abs() < 1e-12 && (out.x[1] - 0.4).abs() < 1e-12, "{:?}", out.x);
    assert!(vjp_error(&solver, &theta, 1e-6, &mut Rng::seeded(3)) < 1e-8);
}

#[test]
fn bad_starts_are_refused() {
    let inner = || program(Wells, boxed(2, -2.0, 2.0), 3, 2, local());
    assert!(MultiStart::new(inner(), vec![vec![0.0]]).is_err());
    assert!(MultiStart::new(inner(), vec![vec![0.0, f64::NAN]]).is_err());
    assert!(MultiStart::uniform(inner(), &[0.0], &[1.0, 1.0], 1, &mut Rng::seeded(1)).is_err());
}
