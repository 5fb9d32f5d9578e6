use std::f64::consts::TAU;

use dfl_core::{Batch, Generative, Predictor, Rng, Sampler};
use dfl_models::torch::{Covariance, Device, Flow, FlowConfig, Gaussian, GaussianConfig, Precision};

use super::{
    STREAM, assert_near, check_likelihood_gradient, check_pulled_samples, fit, grid, integral, mean_and_error, mean_log_density, row,
    shaken,
};
use crate::common::{assert_close, normals};

fn flow(inputs: usize, outputs: usize, hidden: &[usize]) -> Flow {
    let config = FlowConfig { hidden: hidden.to_vec(), precision: Precision::Double, ..FlowConfig::new(inputs, outputs) };
    shaken(Flow::new(config, 0, Device::Cpu).unwrap(), 0.4, 41)
}

fn determinant(a: &[Vec<f64>]) -> f64 {
    match a.len() {
        1 => a[0][0],
        n => (0..n).map(|j| if j % 2 == 0 { 1.0 } else { -1.0 } * a[0][j] * determinant(&minor(a, j))).sum(),
    }
}

fn minor(a: &[Vec<f64>], j: usize) -> Vec<Vec<f64>> {
    a[1..].iter().map(|r| r.iter().enumerate().filter(|&(k, _)| k != j).map(|(_, v)| *v).collect()).collect()
}

/// log |det dy/du| by central differences, and the density it gives; h = 1e-5 leaves 1e-10.
#[test]
fn the_log_determinant_matches_a_numeric_jacobian() {
    for d in [1, 2, 3, 5] {
        let (model, x, base, h) = (flow(3, d, &[8, 6]), normals(1, 3, 1), normals(1, d, 2), 1e-5);
        let (y, log_det) = model.outcomes_at(&x, &base).unwrap();
        let at = |j: usize, by: f64| {
            let mut u = base.clone();
            u.as_mut_slice()[j] += by;
            model.outcomes_at(&x, &u).unwrap().0.into_vec()
        };
        let column = |j| at(j, h).iter().zip(at(j, -h)).map(|(p, m)| (p - m) / (2.0 * h)).collect::<Vec<f64>>();
        let jacobian: Vec<Vec<f64>> = (0..d).map(column).collect();
        let expected = determinant(&jacobian).abs().ln();
        assert!(expected.abs() > 0.05, "the check must not compare zeros");
        assert_close(log_det.as_slice(), &[expected], 1e-8, 1e-9);
        let squares: f64 = base.as_slice().iter().map(|u| u * u).sum();
        let density = -0.5 * squares - 0.5 * d as f64 * TAU.ln() - expected;
        assert_close(model.log_density(&x, &y).unwrap().as_slice(), &[density], 1e-8, 1e-8);
    }
}

#[test]
fn both_directions_undo_each_other() {
    for d in [1, 2, 3, 10] {
        let (model, x, u) = (flow(3, d, &[8, 6]), normals(5, 3, 1), normals(5, 4 * d, 2));
        let (y, there) = model.outcomes_at(&x, &u).unwrap();
        let (back, same) = model.base_of(&x, &y).unwrap();
        assert_close(back.as_slice(), u.as_slice(), 1e-11, 1e-12);
        assert_close(there.as_slice(), same.as_slice(), 1e-11, 1e-12);
        assert!(y.as_slice().iter().zip(u.as_slice()).all(|(y, u)| (y - u).abs() > 1e-6), "every entry is moved");
    }
}

#[test]
fn likelihood_gradients_match_central_differences() {
    check_likelihood_gradient(&mut flow(2, 1, &[4]));
    check_likelihood_gradient(&mut flow(2, 3, &[5, 4]));
}

#[test]
fn pulled_samples_match_central_differences() {
    check_pulled_samples(&mut flow(2, 1, &[4]));
    check_pulled_samples(&mut flow(2, 3, &[5, 4]));
}

/// ReLU leaves kinks in the density, so that the trapezoidal rule is of second order: 1e-5 at this step.
#[test]
fn densities_integrate_to_one() {
    let x = row(&[0.3, -0.7]);
    let points = Batch::from_vec(1, 12_001, (0..12_001).map(|i| f64::from(i) * 0.01 - 60.0).collect()).unwrap();
    let one = integral(&flow(2, 1, &[8]), &x, &points, 0.01, |_| 1.0);
    assert!((one - 1.0).abs() < 1e-10, "{one}");
    let (points, cell) = grid(12.0, 601);
    let two = integral(&flow(2, 2, &[8]), &x, &points, cell, |_| 1.0);
    assert!((two - 1.0).abs() < 1e-5, "{two}");
}

/// Moments of 40000 samples equal those of the density within 5 standard errors: both directions belong to one distribution. An
/// error of 0.03 deviations in a mean is found with power above 0.8.
#[test]
fn samples_have_the_moments_of_the_density() {
    let (model, x) = (flow(2, 2, &[8]), row(&[0.3, -0.7]));
    let (points, cell) = grid(12.0, 401);
    let drawn = model.sample(&x, 40_000, STREAM).unwrap();
    let moments: [fn(&[f64]) -> f64; 5] = [|y| y[0], |y| y[1], |y| y[0] * y[0], |y| y[1] * y[1], |y| y[0] * y[1]];
    for (k, moment) in moments.into_iter().enumerate() {
        let found: Vec<f64> = drawn.as_slice().chunks_exact(2).map(moment).collect();
        assert_near(&format!("moment {k}"), mean_and_error(&found), integral(&model, &x, &points, cell, moment), 5.0);
    }
    // The prediction is a mean of 256 samples in 128 pairs; 5 errors of an unpaired mean.
    let predicted = model.predict(&x).unwrap();
    for j in 0..2 {
        let entry: Vec<f64> = drawn.as_slice().chunks_exact(2).map(|y| y[j]).collect();
        let (mean, error) = mean_and_error(&entry);
        assert_near("prediction", (predicted.as_slice()[j], error * (40_000.0_f64 / 256.0).sqrt()), mean, 5.0);
    }
}

/// One output: y = e^a u + c, so that the prediction is c, and the density of c is that of a Gaussian's mode.
#[test]
fn one_outcome_is_a_gaussian() {
    let (model, x) = (flow(3, 1, &[8, 6]), normals(4, 3, 1));
    let centre = model.predict(&x).unwrap();
    let (origin, log_det) = model.outcomes_at(&x, &Batch::zeros(4, 1)).unwrap();
    assert_close(centre.as_slice(), origin.as_slice(), 1e-12, 1e-13);
    for at in [0.0, 0.5, -3.0] {
        let mut y = centre.clone();
        y.as_mut_slice().iter_mut().for_each(|y| *y += at);
        let squared = |log_det: f64| (at / log_det.exp()).powi(2);
        let expected: Vec<f64> = log_det.as_slice().iter().map(|&s| -0.5 * squared(s) - s - 0.5 * TAU.ln()).collect();
        assert_close(model.log_density(&x, &y).unwrap().as_slice(), &expected, 1e-11, 1e-12);
    }
}

#[test]
fn it_starts_as_its_base() {
    let model = Flow::new(FlowConfig { hidden: vec![8], ..FlowConfig::new(2, 3) }, 5, Device::Cpu).unwrap();
    let u = normals(2, 6, 1);
    let (y, log_det) = model.outcomes_at(&normals(2, 2, 2), &u).unwrap();
    assert_close(y.as_slice(), u.as_slice(), 1e-6, 1e-7);
    assert_eq!(log_det, Batch::zeros(2, 2));
    assert_close(model.predict(&normals(2, 2, 2)).unwrap().as_slice(), &[0.0; 6], 0.0, 1e-7);
}

/// A curved ridge that follows the feature: y_0 = x + e_0, y_1 = ((y_0 - x)^2 - 1) / sqrt(2) + 0.5 e_1.
fn ridge(n: usize, seed: u64) -> (Batch, Batch) {
    let mut rng = Rng::seeded(seed);
    let x = normals(n, 1, seed + 100);
    let point = |x: &f64| {
        let e = rng.normal();
        [x + e, (e * e - 1.0) / 2.0_f64.sqrt() + 0.5 * rng.normal()]
    };
    let y = x.as_slice().iter().flat_map(point).collect();
    (x, Batch::from_vec(n, 2, y).unwrap())
}

/// Maximum likelihood on 2000 points comes within 0.15 of the true mean log-density on 2000 others (standard error 0.02), where the
/// full Gaussian is worse by more than 0.3: the differential entropy is 2.145, the cross entropy with the best Gaussian 2.949.
#[test]
fn maximum_likelihood_learns_what_no_gaussian_can() {
    let ((x, y), (test_x, test_y)) = (ridge(2000, 1), ridge(2000, 2));
    let mut model = Flow::new(FlowConfig { hidden: vec![32, 32], ..FlowConfig::new(1, 2) }, 3, Device::Cpu).unwrap();
    fit(&mut model, &x, &y, 300, 0.01);
    let config = GaussianConfig { covariance: Covariance::Full, hidden: vec![16], ..GaussianConfig::new(1, 2) };
    let mut gaussian = Gaussian::new(config, 3, Device::Cpu).unwrap();
    fit(&mut gaussian, &x, &y, 300, 0.01);
    let truth = -(TAU.ln() + 1.0 + 0.5_f64.ln());
    let (found, other) = (mean_log_density(&model, &test_x, &test_y), mean_log_density(&gaussian, &test_x, &test_y));
    eprintln!("MEASURE flow {found} gaussian {other} truth {truth}");
    assert!(truth - found < 0.15 && found - other > 0.3, "flow {found}, Gaussian {other}, truth {truth}");
}
