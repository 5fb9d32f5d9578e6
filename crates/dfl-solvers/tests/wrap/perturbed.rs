//! Noise in pairs, and the gradient of the perturbed objective, for Fenchel-Young losses.

use dfl_core::testkit::gradient_error;
use dfl_core::{Batch, Decider, Error};
use dfl_solvers::{Noise, Perturbed, PerturbedOptions};

use super::{both, call, cheapest, items, keys};

/// Two points, 0 and 1: `x = 1` where the cost is negative.
fn segment() -> impl Decider {
    cheapest(&[[0.0], [1.0]])
}

fn options(samples: usize, sigma: f64, noise: Noise) -> PerturbedOptions {
    PerturbedOptions { samples, sigma, noise }
}

/// Mean over 20,000 rows and variance of one.
fn moments(draws: &[f64]) -> (f64, f64) {
    let count = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / count;
    (mean, draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / count)
}

/// `dE x / dtheta = -phi(theta / sigma) / sigma` on the segment. In pairs both decision and estimate keep their means, and vary less than with
/// independent samples.
#[test]
fn pairs_are_unbiased_and_vary_less() {
    let (theta, sigma, rows) = (0.2_f64, 1.0, 20_000);
    let slope = -(-0.5 * theta * theta).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let (thetas, g) = (Batch::from_vec(rows, 1, vec![theta; rows]).unwrap(), Batch::from_vec(rows, 1, vec![1.0; rows]).unwrap());
    for samples in [2, 4] {
        let plain = Perturbed::new(segment(), options(samples, sigma, Noise::Additive)).unwrap();
        let paired = Perturbed::new(segment(), options(samples, sigma, Noise::Additive)).unwrap().antithetic().unwrap();
        let (x, pulled) = both(&plain, &thetas, &g);
        let (x2, pulled2) = both(&paired, &thetas, &g);
        let ((mean, variance), (mean2, variance2)) = (moments(x.as_slice()), moments(x2.as_slice()));
        assert!((mean - mean2).abs() < 4.0 * ((variance + variance2) / rows as f64).sqrt(), "{mean} and {mean2}");
        assert!(variance2 < 0.67 * variance, "decision: variance {variance2} for {variance}");
        let ((_, variance), (mean2, variance2)) = (moments(pulled.as_slice()), moments(pulled2.as_slice()));
        assert!((mean2 - slope).abs() < 4.0 * (variance2 / rows as f64).sqrt(), "{mean2} for {slope}");
        assert!(variance2 < 0.9 * variance, "estimate: variance {variance2} for {variance}");
    }
}

/// With the noise held, the objective's central differences: for additive noise the mean decision, for multiplicative noise not.
#[test]
fn the_gradient_of_the_objective_is_returned_if_asked_for() {
    let (theta, keys) = ([0.5, 0.6, 0.45, 0.7], keys(1));
    for noise in [Noise::Additive, Noise::Multiplicative] {
        let perturbed = || Perturbed::new(items(4), options(40, 0.4, noise)).unwrap();
        let (mean, decider) = (perturbed(), perturbed().objective_gradient());
        let at = |d: &dyn Decider, theta: &[f64]| {
            let found = d.forward(&Batch::from_rows(&[theta]).unwrap(), &call(&keys)).unwrap();
            (found.x.row(0).to_vec(), found.objective[0], found.back.is_some())
        };
        let (gradient, value, backward) = at(&decider, &theta);
        let error = gradient_error(&theta, &gradient, 1e-7, |t| at(&decider, t).1);
        assert!(error < 1e-7, "{noise:?}: {error:.1e}");
        assert!(!backward && !decider.differentiable(), "a black box");
        let (x, same, _) = at(&mean, &theta);
        assert_eq!((value, x == gradient), (same, noise == Noise::Additive));
    }
}

#[test]
fn pairs_need_an_even_number() {
    let odd = Perturbed::new(segment(), options(3, 1.0, Noise::Additive)).unwrap();
    assert!(matches!(odd.antithetic(), Err(Error::Domain { what: "samples", .. })));
}
