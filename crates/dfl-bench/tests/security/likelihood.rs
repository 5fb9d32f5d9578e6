use std::sync::Arc;

use dfl_bench::security::WalkLikelihood;
use dfl_core::testkit::gradient_error;
use dfl_core::{PointLikelihood, Rng};

use crate::{game, normals, reference};

/// h = 1e-5 leaves about 1e-9; at the truth the gradient is zero, and any other prediction is less likely.
#[test]
fn the_gradient_matches_differences_and_the_truth_is_likeliest() {
    let (game, mut rng) = (game(30, 3), Rng::seeded(1));
    let likelihood = WalkLikelihood::new(game);
    let (truth, other) = (normals(30, &mut rng), normals(30, &mut rng));
    let value = |prediction: &[f64], grad: &mut [f64]| likelihood.add_grad(&truth, prediction, 0.7, grad).unwrap();
    let mut grad = vec![0.0; 30];
    let at_other = value(&other, &mut grad);
    let error = gradient_error(&other, &grad, 1e-5, |p| value(p, &mut [0.0; 30]));
    assert!(error < 1e-6, "{error}");
    let mut grad = vec![0.0; 30];
    let moved: Vec<f64> = truth.iter().map(|v| v - 7.0).collect();
    assert!(value(&moved, &mut grad) > at_other);
    assert!(grad.iter().all(|g| g.abs() < 1e-12), "{grad:?}");
    assert!(likelihood.add_grad(&truth, &[f64::NAN; 30], 1.0, &mut grad).is_err());
}

/// The mean of 40000 walks within 4 standard errors.
#[test]
fn it_is_the_expected_log_likelihood_of_a_walk() {
    let (game, mut rng) = (game(20, 3), Rng::seeded(2));
    let m = game.graph().edges().len();
    let draw = |rng: &mut Rng| normals(20, rng).iter().map(|v| 0.3 * v).collect::<Vec<f64>>();
    let (truth, prediction, none) = (draw(&mut rng), draw(&mut rng), vec![0.0; m]);
    let log = |u: usize, v: usize| reference::transitions(&game, &prediction, &none, u).iter().find(|w| w.0 == v).unwrap().2.ln();
    let of_walk = |_| {
        let mut sum = 0.0;
        reference::walk(&game, &truth, &none, &mut rng, |u, v| sum += log(u, v));
        sum
    };
    let all: Vec<f64> = (0..40_000).map(of_walk).collect();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let error = (all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (all.len() as f64).powi(2)).sqrt();
    let value = WalkLikelihood::new(Arc::clone(&game)).add_grad(&truth, &prediction, 1.0, &mut [0.0; 20]).unwrap();
    println!("{value:.3}; {mean:.3} +- {error:.3} by walks");
    assert!((mean - value).abs() < 4.0 * error && error < 0.01 * value.abs(), "{value}, {mean} +- {error}");
}
