use std::f64::consts::TAU;

use dfl_core::{Batch, Generative, Parameters, Predictor, Rng, Sampler};
use dfl_models::torch::{Device, Mixture, MixtureConfig, Precision};

use super::{STREAM, assert_near, check_likelihood_gradient, filled, fit, grid, integral, mean_and_error, row, shaken};
use crate::common::{assert_close, normals};

pub(super) fn mixture(inputs: usize, outputs: usize, components: usize, hidden: &[usize]) -> Mixture {
    let config = MixtureConfig { components, hidden: hidden.to_vec(), precision: Precision::Double, ..MixtureConfig::new(inputs, outputs) };
    shaken(Mixture::new(config, 0, Device::Cpu).unwrap(), 0.4, 51)
}

/// Weight, means and deviations of one component for one row, by hand, from the values of an affine model.
struct Component {
    weight: f64,
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

fn by_hand(model: &Mixture, x: &[f64]) -> Vec<Component> {
    let (values, k, d) = (model.values(), model.config().components, model.config().outputs);
    let n = k + 2 * k * d;
    let at = |o: usize| values[o] + values[n + o * x.len()..].iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
    let total: f64 = (0..k).map(|c| at(c).exp()).sum();
    let part = |c: usize| Component {
        weight: at(c).exp() / total,
        mean: (0..d).map(|j| at(k + c * d + j)).collect(),
        deviation: (0..d).map(|j| at(k + k * d + c * d + j).exp()).collect(),
    };
    (0..k).map(part).collect()
}

fn density(components: &[Component], y: &[f64]) -> f64 {
    let normal = |y: f64, m: f64, s: f64| (-0.5 * ((y - m) / s).powi(2)).exp() / (s * TAU.sqrt());
    let each = |c: &Component| c.weight * (0..y.len()).map(|j| normal(y[j], c.mean[j], c.deviation[j])).product::<f64>();
    components.iter().map(each).sum()
}

/// Two ways to compute the same in `f64`: rounding alone, a few digits of 1e-16, and ten times more for logarithms of sums of products.
#[test]
fn density_mean_and_parameters_by_hand() {
    let model = mixture(3, 2, 3, &[]);
    let (x, y) = (normals(4, 3, 1), normals(4, 10, 2));
    let logs = model.log_density(&x, &y).unwrap();
    let (weights, means, deviations) = model.parameters(&x).unwrap();
    let predicted = model.predict(&x).unwrap();
    for i in 0..4 {
        let parts = by_hand(&model, x.row(i));
        let of = |what: fn(&Component) -> &[f64]| parts.iter().flat_map(what).copied().collect::<Vec<f64>>();
        assert_close(weights.row(i), &parts.iter().map(|c| c.weight).collect::<Vec<_>>(), 1e-12, 0.0);
        assert_close(means.row(i), &of(|c| &c.mean), 1e-12, 1e-13);
        assert_close(deviations.row(i), &of(|c| &c.deviation), 1e-12, 0.0);
        let mean = |j: usize| parts.iter().map(|c| c.weight * c.mean[j]).sum();
        assert_close(predicted.row(i), &[mean(0), mean(1)], 1e-12, 1e-13);
        let expected: Vec<f64> = y.row(i).chunks_exact(2).map(|y| density(&parts, y).ln()).collect();
        assert_close(logs.row(i), &expected, 1e-11, 1e-12);
    }
}

/// Far out the density is that of the nearest component alone, in f32 too: no exponential is taken before the largest is known. Means begin
/// as N(0, 1) and deviations as 1, so that it is -300^2/2 = -45000 within 300 times a mean of at most 3 and a constant.
#[test]
fn a_far_outcome_has_a_finite_log_density() {
    let model = Mixture::new(MixtureConfig { components: 3, ..MixtureConfig::new(2, 1) }, 0, Device::Cpu).unwrap();
    let log = model.log_density(&row(&[0.0, 0.0]), &row(&[300.0])).unwrap().as_slice()[0];
    assert!((-50_000.0..-40_000.0).contains(&log), "{log}");
}

/// The trapezoidal rule on a smooth density is exact to rounding, and so are sums over 4001 points; in two dimensions, with cells a
/// tenth wide, to 1e-8.
#[test]
fn densities_integrate_to_one() {
    let x = row(&[0.3, -0.7]);
    let points = Batch::from_vec(1, 4001, (0..4001).map(|i| f64::from(i) * 0.01 - 20.0).collect()).unwrap();
    let one = integral(&mixture(2, 1, 3, &[5]), &x, &points, 0.01, |_| 1.0);
    assert!((one - 1.0).abs() < 1e-10, "{one}");
    let (points, cell) = grid(30.0, 601);
    let two = integral(&mixture(2, 2, 3, &[5]), &x, &points, cell, |_| 1.0);
    assert!((two - 1.0).abs() < 1e-8, "{two}");
}

#[test]
fn likelihood_gradients_match_central_differences() {
    check_likelihood_gradient(&mut mixture(3, 1, 2, &[5]));
    check_likelihood_gradient(&mut mixture(3, 3, 4, &[5, 4]));
}

/// Means and covariances of 40000 samples within 5 standard errors (from the samples' own fourth moments): a component's weight wrong
/// by 0.03 is found with power above 0.8 where means differ by a deviation.
#[test]
fn samples_have_the_moments_of_the_mixture() {
    let model = mixture(3, 2, 3, &[]);
    let x = normals(1, 3, 6);
    let parts = by_hand(&model, x.row(0));
    let drawn = model.sample(&x, 40_000, STREAM).unwrap();
    let expect = |of: &dyn Fn(&Component) -> f64| parts.iter().map(|c| c.weight * of(c)).sum::<f64>();
    for i in 0..2 {
        let entry: Vec<f64> = drawn.as_slice().chunks_exact(2).map(|y| y[i]).collect();
        assert_near("mean", mean_and_error(&entry), expect(&|c| c.mean[i]), 5.0);
        for j in 0..=i {
            let product: Vec<f64> = drawn.as_slice().chunks_exact(2).map(|y| y[i] * y[j]).collect();
            let within = |c: &Component| if i == j { c.deviation[i].powi(2) } else { 0.0 };
            assert_near("second moment", mean_and_error(&product), expect(&|c| c.mean[i] * c.mean[j] + within(c)), 5.0);
        }
    }
}

#[test]
fn it_starts_with_equal_weights_and_means_apart() {
    let model = Mixture::new(MixtureConfig { components: 4, ..MixtureConfig::new(2, 1) }, 5, Device::Cpu).unwrap();
    let (weights, means, deviations) = model.parameters(&normals(3, 2, 1)).unwrap();
    assert_eq!(weights, filled(3, 4, 0.25));
    assert_eq!(deviations, filled(3, 4, 1.0));
    let mut first = means.row(0).to_vec();
    first.sort_by(f64::total_cmp);
    assert!(first.windows(2).all(|w| w[1] - w[0] > 1e-3), "{first:?}");
    assert_eq!(means.row(0), means.row(2), "whatever the features say");
}

/// 0.3 N(-1 + x, 0.4^2) + 0.7 N(2, 0.5^2), 4000 rows. Standard errors as if each row's component were known (they overlap
/// little): 0.0072 for the weight, 0.0115 and 0.0095 for the means and slopes, 0.0204 and 0.0134 for the log-deviations. Six of them are
/// allowed, and an estimate that is off by eight fails with probability 0.98.
#[test]
fn maximum_likelihood_recovers_a_known_mixture() {
    let n = 4000;
    let mut rng = Rng::seeded(18);
    let x = normals(n, 1, 19);
    let outcome = |x: &f64| if rng.uniform() < 0.3 { x - 1.0 + 0.4 * rng.normal() } else { 2.0 + 0.5 * rng.normal() };
    let y = Batch::from_vec(n, 1, x.as_slice().iter().map(outcome).collect()).unwrap();
    let config = MixtureConfig { components: 2, hidden: Vec::new(), precision: Precision::Double, ..MixtureConfig::new(1, 1) };
    let mut model = Mixture::new(config, 2, Device::Cpu).unwrap();
    fit(&mut model, &x, &y, 400, 0.05);
    let mut parts = [0.0, 1.0].map(|at| by_hand(&model, &[at]));
    parts.iter_mut().for_each(|p| p.sort_by(|a, b| a.mean[0].total_cmp(&b.mean[0])));
    let [at_zero, at_one] = parts;
    let near = |what: &str, found: f64, error: f64, expected: f64| assert_near(what, (found, error), expected, 6.0);
    near("weight", at_zero[0].weight, 0.0072, 0.3);
    near("first mean", at_zero[0].mean[0], 0.0115, -1.0);
    near("its slope", at_one[0].mean[0] - at_zero[0].mean[0], 0.0115, 1.0);
    near("second mean", at_zero[1].mean[0], 0.0095, 2.0);
    near("its slope", at_one[1].mean[0] - at_zero[1].mean[0], 0.0095, 0.0);
    near("first deviation", at_zero[0].deviation[0].ln(), 0.0204, 0.4_f64.ln());
    near("second deviation", at_zero[1].deviation[0].ln(), 0.0134, 0.5_f64.ln());
}
