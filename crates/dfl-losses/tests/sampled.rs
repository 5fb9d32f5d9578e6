//! Losses that solve at several points (perturbation gradient, perturbed Fenchel-Young, score function): by hand, against closed forms of their
//! expectations, and against a second implementation.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use common::{Listed, cheapest_of_three, column, dot, evaluate, exact_grid, grid_rows, ids, near, rows, targets};
use dfl_core::testkit::check_loss;
use dfl_core::{Batch, DecisionLoss, Error, Key, Loss, Stream, Targets, decide};
use dfl_losses::{FenchelYoung, PerturbationGradient, PerturbedFenchelYoung, Sfge};
use dfl_solvers::{Noise, Perturbed, PerturbedOptions};

fn zero_or_one() -> Listed {
    Listed(column(&[0.0, 1.0]))
}

fn first_or_second() -> Listed {
    Listed(rows(&[[1.0, 0.0], [0.0, 1.0]]))
}

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// The normal distribution function by Simpson's rule from -12 in 20000 steps, right to 1e-12.
fn below(x: f64) -> f64 {
    let (from, n) = (-12.0, 20_000);
    let h = (x - from) / f64::from(n);
    let inner: f64 = (1..n).map(|k| if k % 2 == 1 { 4.0 } else { 2.0 } * density(from + h * f64::from(k))).sum();
    h / 3.0 * (density(from) + inner + density(x))
}

/// Values and first entries of the gradient of one row under many streams.
fn draws<L: Loss>(loss: L, decider: Listed, pred: &[f64], best: &[f64], streams: u64) -> (Vec<f64>, Vec<f64>) {
    let joined = DecisionLoss::new(loss, decider).unwrap();
    let truth: Vec<f64> = pred.iter().map(|_| 4.0).collect();
    let at = |seed| joined.evaluate(&rows(&[pred]), &targets(rows(&[&truth]), rows(&[best])), &[7], Stream { seed, step: 3 }).unwrap();
    (0..streams).map(|seed| at(seed)).map(|out| (out.values[0], out.grads.row(0)[0])).unzip()
}

/// Mean and its standard error.
fn mean(draws: &[f64]) -> (f64, f64) {
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    (mean, (draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
}

/// Within five standard errors, of which there is at least one.
#[track_caller]
fn agrees(draws: &[f64], expected: f64) {
    let (mean, error) = mean(draws);
    assert!(error > 0.0 && (mean - expected).abs() < 5.0 * error, "{mean} +- {error} instead of {expected}");
}

/// The cheapest of three, y = (1, 2, 3), p = (1, 1.5, 2), sigma 1. Behind, (0, -1/2, -1), it is e3 at -1, here e1 at 1: value 2, at least the
/// cost 1 of the decision. Ahead, (2, 3.5, 5), it is e1 at 2: (2 + 1) / 2.
#[test]
fn perturbation_gradient_by_hand() {
    let (pred, truth, best) = ([1.0, 1.5, 2.0], [1.0, 2.0, 3.0], [1.0, 0.0, 0.0]);
    let backward = DecisionLoss::new(PerturbationGradient::backward(1.0).unwrap(), cheapest_of_three()).unwrap();
    assert_eq!(evaluate(&backward, &pred, &truth, &best), (2.0, vec![1.0, 0.0, -1.0]));
    let central = DecisionLoss::new(PerturbationGradient::central(1.0).unwrap(), cheapest_of_three()).unwrap();
    assert_eq!(evaluate(&central, &pred, &truth, &best), (1.5, vec![0.5, 0.0, -0.5]));
    assert_eq!((backward.loss().name(), central.loss().name()), ("pg", "pg_central"));
}

/// V is concave: the backward quotient is at least the cost of the decision under the truth. It needs no labels.
#[test]
fn the_backward_quotient_bounds_the_cost_of_the_decision() {
    for seed in 0..50 {
        let (preds, targets) = grid_rows(4, seed);
        let decided = decide(&exact_grid(), &preds, &ids(4)).unwrap().0;
        let loss = DecisionLoss::new(PerturbationGradient::backward(0.1).unwrap(), exact_grid()).unwrap();
        let only_truth = Targets { solution: None, ..targets };
        let out = loss.evaluate(&preds, &only_truth, &ids(4), Stream::default()).unwrap();
        let truth = only_truth.truth.as_ref().unwrap();
        for i in 0..4 {
            assert!(out.values[i] >= dot(truth.row(i), decided.row(i)) - 1e-12, "seed {seed}, row {i}");
        }
    }
}

/// On {0, 1} the expectation of min(0, p + sigma xi) is p Phi(-p/sigma) - sigma phi(p/sigma), its derivative Phi(-p/sigma). The loss that draws
/// its own noise and the Fenchel-Young loss on a perturbed decider both estimate it.
#[test]
fn additive_noise_has_the_closed_form() {
    let (p, sigma) = (0.7, 1.5);
    let (value, gradient) = (sigma * density(p / sigma) - p * below(-p / sigma), -below(-p / sigma));
    let own = PerturbedFenchelYoung::additive(3, sigma).unwrap();
    for loss in [own, own.variance_reduced()] {
        let (values, gradients) = draws(loss, zero_or_one(), &[p], &[0.0], 4000);
        agrees(&values, value);
        agrees(&gradients, gradient);
    }
    let options = PerturbedOptions { samples: 3, sigma, noise: Noise::Additive };
    let joined = DecisionLoss::new(FenchelYoung::perturbed(), Perturbed::new(zero_or_one(), options).unwrap()).unwrap();
    let label = Targets { solution: Some(column(&[0.0])), ..Targets::default() };
    let at = |seed| joined.evaluate(&column(&[p]), &label, &[7], Stream { seed, step: 0 }).unwrap();
    let (values, gradients): (Vec<f64>, Vec<f64>) = (0..4000).map(|s| at(s)).map(|out| (out.values[0], out.grads.row(0)[0])).unzip();
    agrees(&values, value);
    agrees(&gradients, gradient);
}

/// The cheaper of two under multiplicative noise. With d = (ln(p2/p1) - sigma^2) / (sigma sqrt 2) the derivative of the expected minimum in p1 is
/// Phi(d), by the same change of measure that prices an exchange option; the mean decision would be Phi(ln(p2/p1) / (sigma sqrt 2)), which
/// the estimate must be able to tell apart.
#[test]
fn multiplicative_noise_has_the_closed_form() {
    let (pred, sigma) = ([1.0, 1.3], 0.8);
    let spread = sigma * 2.0_f64.sqrt();
    let log = |a: f64, b: f64| (b / a).ln();
    let part = |a: f64, b: f64| below((log(a, b) - sigma * sigma) / spread);
    let minimum = pred[0] * part(pred[0], pred[1]) + pred[1] * part(pred[1], pred[0]);
    let own = PerturbedFenchelYoung::multiplicative(2, sigma).unwrap();
    for loss in [own, own.variance_reduced()] {
        let (values, gradients) = draws(loss, first_or_second(), &pred, &[1.0, 0.0], 4000);
        agrees(&values, pred[0] - minimum);
        agrees(&gradients, 1.0 - part(pred[0], pred[1]));
        let (found, error) = mean(&gradients);
        assert!((found - (1.0 - below(log(pred[0], pred[1]) / spread))).abs() > 10.0 * error, "the mean decision is not the gradient");
    }
}

/// Pairs of opposite noise vary less, by 5 % of the standard error at least (four times what 4000 draws leave uncertain), and change nothing for
/// a sample alone.
#[test]
fn variance_is_reduced() {
    let cases = [
        (PerturbedFenchelYoung::additive(4, 1.0).unwrap(), vec![0.3, 0.5]),
        (PerturbedFenchelYoung::multiplicative(4, 0.8).unwrap(), vec![1.0, 1.3]),
    ];
    for (loss, pred) in cases {
        let plain = draws(loss, first_or_second(), &pred, &[1.0, 0.0], 4000);
        let reduced = draws(loss.variance_reduced(), first_or_second(), &pred, &[1.0, 0.0], 4000);
        for (plain, reduced) in [(&plain.0, &reduced.0), (&plain.1, &reduced.1)] {
            assert!(mean(reduced).1 < 0.95 * mean(plain).1, "{}: {} of {}", loss.name(), mean(reduced).1, mean(plain).1);
        }
    }
    let lone = PerturbedFenchelYoung::additive(1, 1.0).unwrap();
    let draws = |loss| draws(loss, first_or_second(), &[0.3, 0.5], &[1.0, 0.0], 10);
    assert_eq!(draws(lone), draws(lone.variance_reduced()));
}

/// Two samples of one entry, from the noise that the row's stream gives: theta = p + sigma xi, w = 1 where that is negative. The prediction
/// lies so that the two decide differently.
#[test]
fn sampled_losses_by_hand() {
    let (sigma, seed) = (1.0, 5);
    let mut rng = Stream { seed, step: 3 }.rng("loss", Key { id: 7, slot: 0 });
    let xi = [rng.normal(), rng.normal()];
    let p = -0.5 * (xi[0] + xi[1]);
    let w = xi.map(|xi| if p + sigma * xi < 0.0 { 1.0 } else { 0.0 });
    let at = |loss: Box<dyn Loss>| {
        let joined = DecisionLoss::new(loss, zero_or_one()).unwrap();
        let out = joined.evaluate(&column(&[p]), &targets(column(&[4.0]), column(&[0.0])), &[7], Stream { seed, step: 3 }).unwrap();
        [out.values[0], out.grads.row(0)[0]]
    };
    let minimum: f64 = xi.iter().map(|xi| (p + sigma * xi).min(0.0)).sum();
    near(&at(Box::new(PerturbedFenchelYoung::additive(2, sigma).unwrap())), &[-minimum / 2.0, -0.5], 1e-15);
    // Regrets 4 and 0 about their mean of 2, divided by K - 1 = 1.
    near(&at(Box::new(Sfge::new(2, sigma).unwrap())), &[2.0, (4.0 * w[0] - 2.0) * xi[0] + (4.0 * w[1] - 2.0) * xi[1]], 1e-15);
    near(&at(Box::new(Sfge::new(1, sigma).unwrap())), &[4.0 * w[0], 4.0 * w[0] * xi[0]], 1e-15);
}

/// On {0, 1} with y = 4 the expected regret is 4 Phi(-p/sigma), its derivative -4 phi(p/sigma) / sigma, with one sample and with several.
#[test]
fn the_score_function_has_the_closed_form() {
    let (p, sigma) = (0.7, 1.5);
    for samples in [1, 8] {
        let (values, gradients) = draws(Sfge::new(samples, sigma).unwrap(), zero_or_one(), &[p], &[0.0], 4000);
        agrees(&values, 4.0 * below(-p / sigma));
        agrees(&gradients, -4.0 * density(p / sigma) / sigma);
    }
}

/// For fixed noise the perturbed losses are piecewise linear, so that differences are exact away from kinks, which random points miss.
#[test]
fn gradients_at_fixed_noise_match_central_differences() {
    let (preds, targets) = grid_rows(5, 33);
    let (additive, multiplicative) =
        (PerturbedFenchelYoung::additive(3, 0.5).unwrap(), PerturbedFenchelYoung::multiplicative(3, 0.5).unwrap());
    for loss in [additive, additive.variance_reduced(), multiplicative, multiplicative.variance_reduced()] {
        let error = check_loss(&DecisionLoss::new(loss, exact_grid()).unwrap(), &preds, &targets, 1e-6);
        assert!(error < 1e-8, "{}: {error}", loss.name());
    }
    for loss in [PerturbationGradient::backward(0.1).unwrap(), PerturbationGradient::central(0.1).unwrap()] {
        let error = check_loss(&DecisionLoss::new(loss, exact_grid()).unwrap(), &preds, &targets, 1e-6);
        assert!(error < 1e-8, "{}: {error}", loss.name());
    }
}

#[test]
fn bad_options_and_predictions_are_refused() {
    for bad in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(PerturbationGradient::backward(bad), Err(Error::Domain { .. })), "{bad}");
        assert!(matches!(PerturbationGradient::central(bad), Err(Error::Domain { .. })), "{bad}");
        assert!(matches!(PerturbedFenchelYoung::additive(3, bad), Err(Error::Domain { .. })), "{bad}");
        assert!(matches!(PerturbedFenchelYoung::multiplicative(3, bad), Err(Error::Domain { .. })), "{bad}");
        assert!(matches!(Sfge::new(3, bad), Err(Error::Domain { .. })), "{bad}");
    }
    assert!(PerturbedFenchelYoung::additive(0, 1.0).is_err() && Sfge::new(0, 1.0).is_err());
    let loss = DecisionLoss::new(Sfge::new(2, 1.0).unwrap(), zero_or_one()).unwrap();
    let out = loss.evaluate(&column(&[f64::NAN]), &targets(column(&[4.0]), column(&[0.0])), &[7], Stream::default());
    assert!(matches!(out, Err(Error::NotFinite { what: "prediction", row: 0, column: 0, .. })));
    let out = loss.evaluate(&column(&[1.0]), &Targets { truth: Some(column(&[4.0])), ..Targets::default() }, &[7], Stream::default());
    assert!(matches!(out, Err(Error::Missing { loss: "sfge", .. })));
    assert_eq!(
        loss.evaluate(&Batch::zeros(0, 1), &targets(Batch::zeros(0, 1), Batch::zeros(0, 1)), &[], Stream::default()).unwrap().values,
        [0.0; 0]
    );
}
