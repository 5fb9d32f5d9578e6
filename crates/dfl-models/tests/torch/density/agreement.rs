//! Two estimators of one gradient: through the samples, and through the density at them.

use dfl_core::{Batch, Generative, Stream};
use dfl_models::torch::{Covariance, Device, Flow, FlowConfig, Gaussian, GaussianConfig, Precision};

use super::mixture::mixture;
use super::{filled, mean_and_error, row, shaken};

const BATCHES: usize = 60;
const SAMPLES: usize = 1000;

/// A value of the outcome that is neither linear nor a sum over its entries, and its gradient.
fn value(y: &[f64]) -> (f64, [f64; 2]) {
    ((y[0]).sin() + 0.5 * y[0] * y[1], [y[0].cos() + 0.5 * y[1], 0.5 * y[0]])
}

/// Gradients of the mean value through the samples and by the score, and the mean score, of one batch.
fn estimates<G: Generative>(model: &mut G, x: &Batch, step: u64) -> [Vec<f64>; 3] {
    let stream = Stream { seed: 9, step };
    let (n, share) = (SAMPLES, 1.0 / SAMPLES as f64);
    let y = model.draw(x, n, stream).unwrap();
    let found: Vec<(f64, [f64; 2])> = y.as_slice().chunks_exact(2).map(value).collect();
    model.zero_grad();
    model.pull_samples(&row(&found.iter().flat_map(|f| f.1.map(|g| g * share)).collect::<Vec<_>>())).unwrap();
    let through = model.gradient();
    model.zero_grad();
    model.add_log_likelihood(x, &y, &row(&found.iter().map(|f| f.0 * share).collect::<Vec<_>>()), stream).unwrap();
    let score = model.gradient();
    model.zero_grad();
    model.add_log_likelihood(x, &y, &filled(1, n, share), stream).unwrap();
    [through, score, model.gradient()]
}

/// 60 batches of 1000 samples. The mean score is 0 and the mean difference of the estimators is 0 in every weight, within 6 standard errors
/// of the 60 batches (one chance in 10^7 for each weight to exceed them). Power: in the weight with the largest gradient an error of a
/// fifth of it exceeds them, which is asserted.
fn check<G: Generative>(mut model: G) {
    let name = model.name();
    let x = row(&[0.4, -0.8]);
    let all: Vec<[Vec<f64>; 3]> = (0..BATCHES as u64).map(|step| estimates(&mut model, &x, step)).collect();
    let mut largest = (0.0_f64, 0.0);
    for k in 0..all[0][0].len() {
        let over = |of: &dyn Fn(&[Vec<f64>; 3]) -> f64| mean_and_error(&all.iter().map(of).collect::<Vec<_>>());
        let (score, difference) = (over(&|e| e[2][k]), over(&|e| e[1][k] - e[0][k]));
        assert!(score.0.abs() <= 6.0 * score.1 + 1e-12, "{name}, weight {k}: mean score {score:?}");
        assert!(difference.0.abs() <= 6.0 * difference.1 + 1e-12, "{name}, weight {k}: difference {difference:?}");
        let gradient = over(&|e| e[0][k]).0.abs();
        if gradient > largest.0 {
            largest = (gradient, 6.0 * difference.1);
        }
    }
    assert!(largest.1 < 0.2 * largest.0, "{name}: the test would not find an error of a fifth: {largest:?}");
}

#[test]
fn both_gradients_of_a_gaussian_agree() {
    for covariance in [Covariance::Diagonal, Covariance::Full] {
        let config = GaussianConfig { covariance, hidden: vec![4], precision: Precision::Double, ..GaussianConfig::new(2, 2) };
        check(shaken(Gaussian::new(config, 0, Device::Cpu).unwrap(), 0.3, 71));
    }
}

#[test]
fn both_gradients_of_a_mixture_agree() {
    check(mixture(2, 2, 3, &[4]));
}

#[test]
fn both_gradients_of_a_flow_agree() {
    let config = FlowConfig { hidden: vec![6], precision: Precision::Double, ..FlowConfig::new(2, 2) };
    check(shaken(Flow::new(config, 0, Device::Cpu).unwrap(), 0.4, 72));
}
