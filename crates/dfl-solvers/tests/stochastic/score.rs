//! Score weights against leaving each sample out and solving again.

use dfl_core::{Adjoint, CostCurvature, Cotangent, Csc, Curvature, DifferentiableSolver, Program, Risk, Rng, Solution, Solver};
use dfl_solvers::StochasticProgram;

use crate::costs::{Allocation, Generation, Loss, Portfolio, Quadratic};
use crate::helpers::*;

fn weights<C: CostCurvature>(solver: &StochasticProgram<C>, theta: &[f64], cotangent: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut ws, mut out, mut u) = (solver.workspace().unwrap(), Solution::default(), Adjoint::default());
    let mut info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
    let tape = solver.tape(theta, &out, &mut ws, &mut info).unwrap();
    let mut w = vec![0.0; solver.scenarios().unwrap()];
    solver.score_weights(&tape, Cotangent { x: cotangent, ..Cotangent::default() }, &mut u, &mut w).unwrap();
    (w, out.x)
}

/// `M cotangent'(z - z without m)`.
fn left_out<C: CostCurvature + Clone>(
    cost: &C,
    feasible: &Program,
    risk: Risk,
    theta: &[f64],
    count: usize,
    cotangent: &[f64],
) -> Vec<f64> {
    let n = theta.len() / count;
    let along = |z: &[f64]| z.iter().zip(cotangent).map(|(z, c)| z * c).sum::<f64>();
    let options = || options(risk, Curvature::SampleAverage);
    let all = along(&solve(&program(cost.clone(), feasible.clone(), count, n, options()), theta).0.x);
    let others = program(cost.clone(), feasible.clone(), count - 1, n, options());
    (0..count)
        .map(|m| {
            let rest: Vec<f64> = theta.chunks(n).enumerate().filter(|(k, _)| *k != m).flat_map(|(_, y)| y.to_vec()).collect();
            count as f64 * (all - along(&solve(&others, &rest).0.x))
        })
        .collect()
}

fn worst(a: &[f64], b: &[f64]) -> f64 {
    let scale = b.iter().fold(0.0_f64, |top, v| top.max(v.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / scale
}

/// `N(mu, 1)` and `(z - y)^2/2`: the weights are `M/(M-1) (y_m - mean)` times the cotangent, so that `mean w_m (y_m - mu)` has the
/// expectation `z - y*`, the derivative of the loss, for any M.
#[test]
fn quadratic_by_hand() {
    let (count, runs, mu, target, mut rng) = (5, 20_000, 3.0, 7.0, Rng::seeded(1));
    let solver = program(Quadratic, free(1), count, 1, options(Risk::Mean, Curvature::SampleAverage));
    let draws: Vec<f64> = (0..runs)
        .map(|_| {
            let theta = normals(count, mu, 1.0, &mut rng);
            let mean = theta.iter().sum::<f64>() / count as f64;
            let (w, z) = weights(&solver, &theta, &[mean - target]);
            assert!((z[0] - mean).abs() < 1e-12);
            for (w, y) in w.iter().zip(&theta) {
                assert!((w - (mean - target) * 1.25 * (y - mean)).abs() < 1e-12);
            }
            w.iter().zip(&theta).map(|(w, y)| w * (y - mu)).sum::<f64>() / count as f64
        })
        .collect();
    let (mean, error) = mean_and_error(&draws);
    println!("quadratic, M = 5: {mean:.4} +- {error:.4}, exact {}", mu - target);
    assert!((mean - (mu - target)).abs() < 4.0 * error);
}

/// Where the objective is quadratic in the decision, the corrected weights *are* those of leaving a sample out: deterministic costs,
/// rows and a risk that couples the samples included.
#[test]
fn quadratic_objectives_are_corrected_exactly() {
    let (n, count, mut rng) = (3, 9, Rng::seeded(2));
    let theta = normals(n * count, 0.4, 1.0, &mut rng);
    let cotangent = normals(n, 0.0, 1.0, &mut rng);
    let p = Csc::from_triplets(n, n, &[(0, 0, 2.0), (0, 1, 0.5), (1, 1, 1.0), (2, 2, 0.7)]).unwrap();
    let row = Csc::from_triplets(1, n, &[(0, 0, 1.0), (0, 1, 1.0), (0, 2, 2.0)]).unwrap();
    let mut feasible = free(n).with_quadratic(p).with_rows(row, vec![1.0], vec![1.0]);
    feasible.c = vec![0.3, -0.2, 0.5];
    let compare = |name: &str, error: f64| {
        println!("{name}: {error:.1e}");
        assert!(error < 1e-9, "{name}: {error:.1e}");
    };
    for risk in [Risk::Mean, Risk::MeanVariance { weight: 0.3 }] {
        let options = || options(risk, Curvature::SampleAverage);
        let exact = left_out(&Loss, &feasible, risk, &theta, count, &cotangent);
        compare("linear", worst(&weights(&program(Loss, feasible.clone(), count, n, options()), &theta, &cotangent).0, &exact));
        if risk == Risk::Mean {
            let cost = Portfolio(1.5);
            let exact = left_out(&cost, &feasible, risk, &theta, count, &cotangent);
            compare("portfolio", worst(&weights(&program(cost, feasible.clone(), count, n, options()), &theta, &cotangent).0, &exact));
        }
    }
}

/// Elsewhere the difference is of order 1/M: four times the samples, about a quarter of it.
#[test]
fn others_are_corrected_to_order_one_over_m() {
    for risk in [Risk::Mean, Risk::MeanVariance { weight: 0.1 }, Risk::Entropic { temperature: 2.0 }] {
        let error = |count: usize| {
            let (n, mut rng) = (2, Rng::seeded(3));
            let theta = normals(n * count, 0.3, 0.7, &mut rng);
            let (cotangent, feasible) = ([1.0, -0.4], free(n).with_quadratic(Csc::diagonal(&[0.3, 0.5])));
            let exact = left_out(&Allocation, &feasible, risk, &theta, count, &cotangent);
            let solver = program(Allocation, feasible, count, n, options(risk, Curvature::SampleAverage));
            worst(&weights(&solver, &theta, &cotangent).0, &exact)
        };
        let (few, many) = (error(100), error(800));
        println!("{risk:?}: {few:.1e} at M = 100, {many:.1e} at M = 800");
        assert!(many < 0.4 * few && many < 0.03, "{risk:?}");
    }
}

/// Product allocation with 10 samples, derivative of the mean decision in the mean of a Gaussian: the published weights with the factor
/// M/(M-1), the downdated ones, and the re-solved ones, which alone are unbiased. The truth is the mean of the pathwise derivatives.
#[test]
fn allocation_with_few_samples() {
    let (count, runs, mu, sigma, mut rng) = (10, 4000, 0.4, 0.6, Rng::seeded(4));
    let make = |curvature| program(Allocation, boxed(1, -3.0, 3.0), count, 1, options(Risk::Mean, curvature));
    let (solver, plain) = (make(Curvature::SampleAverage), make(Curvature::Ignored));
    let mut draws = vec![Vec::new(); 4];
    for _ in 0..runs {
        let theta = normals(count, mu, sigma, &mut rng);
        let score = |w: &[f64]| w.iter().zip(&theta).map(|(w, y)| w * (y - mu) / (sigma * sigma)).sum::<f64>() / count as f64;
        draws[1].push(score(&weights(&plain, &theta, &[1.0]).0) * count as f64 / (count as f64 - 1.0));
        draws[2].push(score(&weights(&solver, &theta, &[1.0]).0));
        draws[3].push(score(&left_out(&Allocation, &boxed(1, -3.0, 3.0), Risk::Mean, &theta, count, &[1.0])));
        let (mut ws, mut out, mut u) = (solver.workspace().unwrap(), Solution::default(), Adjoint::default());
        let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
        let tape = solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
        let mut grad = vec![0.0; count];
        solver.vjp(&tape, Cotangent { x: &[1.0], ..Cotangent::default() }, &mut u, &mut grad).unwrap();
        draws[0].push(grad.iter().sum::<f64>());
    }
    let found: Vec<(f64, f64)> = draws.iter().map(|d| mean_and_error(d)).collect();
    for (name, (mean, error)) in ["pathwise", "plain, M/(M-1)", "downdated", "re-solved"].iter().zip(&found) {
        println!("allocation, M = 10, {name}: {mean:.4} +- {error:.4}");
    }
    let off = |k: usize| (found[k].0 - found[0].0).abs();
    assert!(off(3) < 4.0 * (found[3].1 + found[0].1), "re-solved weights are unbiased");
    assert!(off(2) < off(1), "the downdate is nearer than the factor");
}

/// Weights of the power cost by density, 24 hours and ramps: they add up to zero, as the stationarity condition does.
#[test]
fn weights_add_up_to_zero_with_ramps() {
    let (n, count, mut rng) = (24, 50, Rng::seeded(5));
    let theta = normals(n * count, 1.5, 0.2, &mut rng);
    let cotangent = normals(n, 0.0, 1.0, &mut rng);
    let solver = program(Generation::new(n, 50.0, 0.5, 1.0), ramps(n, 0.05), count, n, options(Risk::Mean, Curvature::Ignored));
    let (w, _) = weights(&solver, &theta, &cotangent);
    let size = w.iter().fold(0.0_f64, |top, v| top.max(v.abs()));
    assert!(w.iter().sum::<f64>().abs() < 1e-11 * size * count as f64);
    let solver =
        program(Generation::new(n, 50.0, 0.5, 1.0), ramps(n, 0.05), count, n, options(Risk::Mean, Curvature::rule_of_thumb(count)));
    let (density, _) = weights(&solver, &theta, &cotangent);
    let smaller = density.iter().fold(0.0_f64, |top, v| top.max(v.abs()));
    println!("largest weight: {size:.2} with the kinks ignored, {smaller:.3} with their density");
    assert!(size > 5.0 * smaller);
}
