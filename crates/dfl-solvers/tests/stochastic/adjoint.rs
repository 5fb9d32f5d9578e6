//! The derivative in every sample against central differences and against a dense KKT system built here.

use dfl_core::testkit::{gradient_error, vjp_error};
use dfl_core::{
    Adjoint, Constraint, CostCurvature, Cotangent, Curvature, DifferentiableSolver, Kink, Program, Risk, Rng, Solution, Solver,
};
use dfl_solvers::{Scenarios, StochasticProgram};
use faer::Mat;
use faer::linalg::solvers::{PartialPivLu, Solve};
use std::sync::Arc;

use crate::costs::{Allocation, Generation, Portfolio, Quadratic};
use crate::helpers::*;

const RISKS: [Risk; 4] = [Risk::Mean, Risk::Cvar { tail: 0.4 }, Risk::MeanVariance { weight: 0.05 }, Risk::Entropic { temperature: 2.0 }];

/// Checks a random instance, unless its answer is flagged degenerate; says whether it was checked.
fn check<C: CostCurvature>(what: &str, cost: C, feasible: Program, risk: Risk, count: usize, seed: u64) -> usize {
    let (n, mut rng) = (feasible.n(), Rng::seeded(seed));
    let theta = normals(n * count, 0.5, 1.0, &mut rng);
    let solver = program(cost, feasible, count, n, options(risk, Curvature::SampleAverage));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
    solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
    if info.degenerate {
        println!("{what}, {risk:?}, seed {seed}: degenerate");
        return 0;
    }
    let error = vjp_error(&solver, &theta, 1e-6, &mut rng);
    println!("{what}, {risk:?}, seed {seed}: {error:.1e}");
    assert!(error < 1e-6, "{what}, {risk:?}, seed {seed}: {error:.1e}");
    1
}

/// Smooth costs, free, in a box and on a simplex, every risk.
#[test]
fn smooth_costs() {
    let mut checked = 0;
    for risk in RISKS {
        for seed in 0..4 {
            checked += check("quadratic", Quadratic, boxed(3, -0.2, 0.6), risk, 7, seed);
            checked += check("portfolio", Portfolio(1.5), simplex(4), risk, 9, seed);
            checked += check("allocation", Allocation, boxed(3, 0.0, 2.0), risk, 8, seed);
        }
    }
    // At z = 0 all scenarios of the allocation cost the same, so that CVaR is degenerate there.
    assert!(checked >= 46, "{checked} of 48");
}

/// Decisions pinned at kinks, with ramps, with axes that several kinks share and one that mixes the coordinates.
#[test]
fn pinned_at_kinks() {
    let total = Kink { a: vec![1.0; 4], b: vec![0.5, 0.2, 0.1, 0.9], offset: 0.1, below: -1.0, above: 2.0 };
    let again = Kink { a: vec![-2.0; 4], b: vec![0.3; 4], offset: 0.0, below: -0.5, above: 0.7 };
    let mut checked = 0;
    for risk in RISKS {
        for seed in 0..4 {
            checked += check("power", Generation::new(4, 50.0, 0.5, 1.0), ramps(4, 0.4), risk, 9, seed);
            let mixed = Generation::new(4, 3.0, 1.0, 0.4).with(&[total.clone(), again.clone()]);
            checked += check("mixed", mixed, boxed(4, -1.0, 2.0), risk, 7, seed);
        }
    }
    assert_eq!(checked, 32);
}

/// The curvature of a smooth constraint, weighted by its multiplier.
#[test]
fn curved_constraints() {
    struct Ellipse(Vec<f64>);
    impl Constraint for Ellipse {
        fn value(&self, z: &[f64]) -> f64 {
            z.iter().zip(&self.0).map(|(z, s)| s * z * z + 0.1 * z.powi(4)).sum::<f64>() - 1.0
        }
        fn grad(&self, z: &[f64], out: &mut [f64]) {
            (0..z.len()).for_each(|i| out[i] = 2.0 * self.0[i] * z[i] + 0.4 * z[i].powi(3));
        }
        fn add_hess(&self, z: &[f64], w: f64, out: &mut [f64]) {
            (0..z.len()).for_each(|i| out[i * z.len() + i] += w * (2.0 * self.0[i] + 1.2 * z[i] * z[i]));
        }
    }
    for risk in RISKS {
        for seed in 0..3 {
            let (n, count, mut rng) = (3, 6, Rng::seeded(seed));
            let theta = normals(n * count, 1.5, 0.5, &mut rng);
            let curve: Arc<dyn Constraint> = Arc::new(Ellipse(vec![1.0, 0.5, 2.0]));
            let scenarios = Scenarios { count, outcome: n };
            let make = |curvature| options(risk, curvature);
            let smooth =
                StochasticProgram::constrained(Quadratic, free(n), vec![curve.clone()], scenarios, make(Curvature::SampleAverage)).unwrap();
            let error = vjp_error(&smooth, &theta, 1e-6, &mut rng);
            assert!(error < 1e-6, "quadratic, {risk:?}, seed {seed}: {error:.1e}");
            let cost = Generation::new(n, 3.0, 1.0, 0.5);
            let kinked = StochasticProgram::constrained(cost, free(n), vec![curve], scenarios, make(Curvature::SampleAverage)).unwrap();
            let error = vjp_error(&kinked, &theta, 1e-6, &mut rng);
            println!("curved, {risk:?}, seed {seed}: {error:.1e}");
            assert!(error < 1e-6, "kinked, {risk:?}, seed {seed}: {error:.1e}");
        }
    }
}

/// A dense KKT system, from the cost's derivatives by central differences of its gradient alone: mean and entropic risk on a simplex.
#[test]
fn agrees_with_a_dense_system() {
    for risk in [Risk::Mean, Risk::Entropic { temperature: 1.5 }] {
        let (n, count, mut rng) = (4, 8, Rng::seeded(11));
        let theta = normals(n * count, 0.8, 0.6, &mut rng);
        let solver = program(Allocation, simplex(n), count, n, options(risk, Curvature::SampleAverage));
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
        let tape = solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
        let cotangent: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let (mut u, mut grad) = (Adjoint::default(), vec![0.0; n * count]);
        solver.vjp(&tape, Cotangent { x: &cotangent, ..Cotangent::default() }, &mut u, &mut grad).unwrap();

        // The gradient of the whole objective, from values of the cost's gradient.
        let slope = |theta: &[f64], z: &[f64]| {
            let costs: Vec<f64> = theta.chunks(n).map(|y| dfl_core::Cost::value(&Allocation, y, z)).collect();
            let (mut p, mut g, mut total) = (vec![0.0; count], vec![0.0; n], vec![0.0; n]);
            risk.gradient(&costs, &mut p);
            for (y, p) in theta.chunks(n).zip(&p) {
                dfl_core::CostGrad::grad_z(&Allocation, y, z, &mut g);
                total.iter_mut().zip(&g).for_each(|(t, g)| *t += p * g);
            }
            total
        };
        let difference = |at: &[f64], k: usize, of: &dyn Fn(&[f64]) -> Vec<f64>| {
            let moved = |h: f64| {
                let mut v = at.to_vec();
                v[k] += h;
                of(&v)
            };
            let (a, b) = (moved(1e-5), moved(-1e-5));
            a.iter().zip(&b).map(|(a, b)| (a - b) / 2e-5).collect::<Vec<f64>>()
        };
        let tight: Vec<usize> = (0..n).filter(|&j| out.x[j] < 1e-9).collect();
        let size = n + 1 + tight.len();
        let mut k = Mat::zeros(size, size);
        for j in 0..n {
            let column = difference(&out.x, j, &|z| slope(&theta, z));
            (0..n).for_each(|i| k[(i, j)] = column[i]);
            (k[(n, j)], k[(j, n)]) = (1.0, 1.0);
        }
        tight.iter().enumerate().for_each(|(t, &j)| (k[(n + 1 + t, j)], k[(j, n + 1 + t)]) = (1.0, 1.0));
        let mut rhs = Mat::from_fn(size, 1, |i, _| if i < n { -cotangent[i] } else { 0.0 });
        PartialPivLu::new(k.as_ref()).solve_in_place(rhs.as_mut());
        let reference: Vec<f64> = (0..n * count)
            .map(|t| difference(&theta, t, &|theta| slope(theta, &out.x)).iter().enumerate().map(|(i, s)| s * rhs[(i, 0)]).sum())
            .collect();
        let scale = reference.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        let worst = grad.iter().zip(&reference).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / scale;
        println!("{risk:?}: {} tight, {worst:.1e}", tight.len());
        assert!(worst < 1e-7, "{risk:?}: {worst:.1e}");
    }
}

/// The cotangent may lie on the multipliers of rows and bounds.
#[test]
fn cotangents_on_multipliers() {
    let (n, count, mut rng) = (5, 7, Rng::seeded(12));
    let theta = normals(n * count, 1.0, 0.5, &mut rng);
    let solver = program(Generation::new(n, 5.0, 1.0, 1.0), ramps(n, 0.1), count, n, options(Risk::Mean, Curvature::SampleAverage));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
    let tape = solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
    let rows: Vec<f64> = out.row_dual.iter().map(|d| if *d == 0.0 { 0.0 } else { rng.normal() }).collect();
    assert!(rows.iter().any(|r| *r != 0.0));
    let (mut u, mut grad) = (Adjoint::default(), vec![0.0; n * count]);
    solver.vjp(&tape, Cotangent { rows: &rows, ..Cotangent::default() }, &mut u, &mut grad).unwrap();
    let error = gradient_error(&theta, &grad, 1e-6, |at| solve(&solver, at).0.row_dual.iter().zip(&rows).map(|(d, r)| d * r).sum());
    assert!(error < 1e-6, "{error:.1e}");
}

/// A regular system is refined once, and says so; a cotangent of zero is not solved at all.
#[test]
fn refinements_are_counted() {
    let solver = program(Quadratic, boxed(2, -9.0, 9.0), 3, 2, options(Risk::Mean, Curvature::SampleAverage));
    let theta = normals(6, 0.5, 1.0, &mut Rng::seeded(8));
    let (mut ws, mut out, mut u) = (solver.workspace().unwrap(), Solution::default(), Adjoint::default());
    let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
    let tape = solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
    for (x, steps) in [([1.0, 2.0], 1), ([0.0; 2], 0)] {
        solver.vjp(&tape, Cotangent { x: &x, ..Cotangent::default() }, &mut u, &mut [0.0; 6]).unwrap();
        assert_eq!(u.refinements, steps);
    }
}
