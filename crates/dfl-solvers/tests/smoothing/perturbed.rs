//! Perturbed decisions against Gaussian closed forms, with the standard error of the samples as the yardstick.

use dfl_core::testkit::gradient_error;
use dfl_core::{Batch, Call, Decider, Error, Key, NoGradient, ParamMap, Program, Stream};
use dfl_solvers::{ActiveSet, Batched, Noise, Perturbed, PerturbedOptions};

use super::{simplex, unit_box};

type Exact = Batched<NoGradient<ActiveSet>>;

fn exact((program, params): (Program, ParamMap)) -> Exact {
    Batched::new(NoGradient(ActiveSet::new(program, params, Default::default()).unwrap()))
}

fn perturbed(program: (Program, ParamMap), samples: usize, sigma: f64, noise: Noise) -> Perturbed<Exact> {
    Perturbed::new(exact(program), PerturbedOptions { samples, sigma, noise }).unwrap()
}

fn keys(n: usize) -> Vec<Key> {
    (0..n as u64).map(|id| Key { id, slot: 0 }).collect()
}

/// Decision, objective and `J' cotangent` of one row.
fn one(decider: &dyn Decider, theta: &[f64], cotangent: &[f64]) -> (Vec<f64>, f64, Vec<f64>) {
    let call = Call { keys: &keys(1), stream: Stream { seed: 5, step: 2 }, backward: true };
    let found = decider.forward(&Batch::from_rows(&[theta]).unwrap(), &call).unwrap();
    let gradient = found.back.unwrap().pull(&Batch::from_rows(&[cotangent]).unwrap()).unwrap();
    (found.x.row(0).to_vec(), found.objective[0], gradient.row(0).to_vec())
}

fn density(t: f64) -> f64 {
    (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// The standard normal distribution function, by the trapezoidal rule: error below 1e-9 at this step.
fn distribution(t: f64) -> f64 {
    let steps = 20_000;
    let h = (t + 10.0) / f64::from(steps);
    let inner: f64 = (1..steps).map(|k| density(-10.0 + f64::from(k) * h)).sum();
    h * (inner + 0.5 * (density(-10.0) + density(t)))
}

/// `min theta x` over [0, 1]: x is 1 with probability p = Phi(-theta / sigma), so E x = p and dE x / dtheta = -phi(theta / sigma) / sigma.
/// Standard errors: sqrt(p (1 - p) / K), and at most sqrt(E xi^2 (x - p)^2 / K) / sigma <= 1 / (sigma sqrt K).
#[test]
fn a_box_follows_the_normal_distribution() {
    let samples = 40_000;
    let root = (samples as f64).sqrt();
    for (theta, sigma) in [(0.3, 1.0), (-1.0, 0.5), (0.0, 2.0)] {
        let (x, value, gradient) = one(&perturbed(unit_box(1), samples, sigma, Noise::Additive), &[theta], &[1.0]);
        let p = distribution(-theta / sigma);
        assert!((x[0] - p).abs() < 4.0 * (p * (1.0 - p)).sqrt() / root, "{} against {p}", x[0]);
        // E min(t, 0) = theta p - sigma phi.
        let expected = theta * p - sigma * density(theta / sigma);
        assert!((value - expected).abs() < 4.0 * sigma / root, "{value} against {expected}");
        let slope = -density(theta / sigma) / sigma;
        let se = p.max(1.0 - p) / (sigma * root);
        assert!((gradient[0] - slope).abs() < 4.0 * se, "{} against {slope}, se {se:.1e}", gradient[0]);
    }
}

/// The best of two: x1 = Phi((theta2 - theta1) / (sigma sqrt 2)), and J = -phi / (sigma sqrt 2) [1 -1; -1 1].
#[test]
fn the_better_of_two_follows_the_normal_distribution() {
    let (theta, sigma, samples) = ([0.4, 0.1], 0.7, 40_000);
    let (x, _, gradient) = one(&perturbed(simplex(2), samples, sigma, Noise::Additive), &theta, &[2.0, -1.0]);
    let (scale, root) = (sigma * 2.0_f64.sqrt(), (samples as f64).sqrt());
    let t = (theta[1] - theta[0]) / scale;
    assert!((x[0] - distribution(t)).abs() < 2.0 / root && (x[0] + x[1] - 1.0).abs() < 1e-12);
    let expected = -3.0 * density(t) / scale;
    for (g, e) in gradient.iter().zip([expected, -expected]) {
        // g'x is 2 or -1, so its deviation from the mean is at most 3.
        assert!((g - e).abs() < 4.0 * 2.0 / (sigma * root), "{g} against {e}");
    }
}

/// Few samples are unbiased: over 20,000 rows of two samples, and of one, the mean is the derivative.
#[test]
fn few_samples_are_noisy_but_unbiased() {
    let (theta, sigma, rows) = (0.2, 1.0, 20_000);
    let slope = -density(theta / sigma) / sigma;
    for samples in [1, 2, 3] {
        let decider = perturbed(unit_box(1), samples, sigma, Noise::Additive);
        let call = Call { keys: &keys(rows), stream: Stream { seed: 8, step: 0 }, backward: true };
        let found = decider.forward(&Batch::from_vec(rows, 1, vec![theta; rows]).unwrap(), &call).unwrap();
        let pulled = found.back.unwrap().pull(&Batch::from_vec(rows, 1, vec![1.0; rows]).unwrap()).unwrap();
        let draws = pulled.as_slice();
        let mean = draws.iter().sum::<f64>() / rows as f64;
        let se = (draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / rows as f64 / rows as f64).sqrt();
        assert!(se < 0.01 && (mean - slope).abs() < 4.0 * se, "{samples} samples: {mean} +- {se:.1e} against {slope}");
    }
}

/// With the noise held the objective is piecewise linear, and its slope is the decision.
#[test]
fn the_objective_has_the_decision_for_a_gradient() {
    let decider = perturbed(simplex(4), 50, 0.3, Noise::Additive);
    let theta = [0.2, 0.3, 0.1, 0.25];
    let (x, _, _) = one(&decider, &theta, &[0.0; 4]);
    let error = gradient_error(&theta, &x, 1e-7, |at| one(&decider, at, &[0.0; 4]).1);
    assert!(error < 1e-7, "{error:.1e}");
    assert!(x.iter().all(|&x| x > 0.0), "every item should be chosen now and then: {x:?}");
}

/// The better of two with theta_j exp(sigma xi_j - sigma^2/2): ratios of log-normals, so x1 = Phi(log(theta2 / theta1) / (sigma sqrt 2)) and
/// dx1/dtheta1 = -phi / (theta1 sigma sqrt 2).
#[test]
fn multiplicative_noise_follows_the_log_normal_distribution() {
    let (theta, sigma, samples) = ([3.0, 2.0], 0.6, 40_000);
    let (x, _, gradient) = one(&perturbed(simplex(2), samples, sigma, Noise::Multiplicative), &theta, &[1.0, 0.0]);
    let (scale, root) = (sigma * 2.0_f64.sqrt(), (samples as f64).sqrt());
    let t = (theta[1] / theta[0]).ln() / scale;
    assert!((x[0] - distribution(t)).abs() < 2.0 / root, "{x:?}");
    for (g, e) in gradient.iter().zip([-density(t) / (theta[0] * scale), density(t) / (theta[1] * scale)]) {
        assert!((g - e).abs() < 4.0 / (2.0 * sigma * root), "{g} against {e}");
    }
    // Costs keep their sign: nothing negative is ever bought.
    let (x, _, _) = one(&perturbed(unit_box(2), 100, 3.0, Noise::Multiplicative), &[1e-3, -1e-3], &[0.0; 2]);
    assert_eq!(x[0], 0.0);
    assert!((x[1] - 1.0).abs() < 1e-12);
    // A zero cost stays zero, and has no derivative.
    let decider = perturbed(simplex(2), 10, 1.0, Noise::Multiplicative);
    let call = Call { keys: &keys(1), stream: Stream::default(), backward: true };
    let found = decider.forward(&Batch::from_rows(&[[0.0, 1.0]]).unwrap(), &call).unwrap();
    assert!(found.info[0].degenerate);
    assert_eq!(found.back.unwrap().pull(&Batch::from_rows(&[[1.0, 0.0]]).unwrap()).unwrap().row(0)[0], 0.0);
}

/// One sample without an answer leaves the row without one; the others are not touched.
#[test]
fn an_unbounded_sample_masks_its_row() {
    let (program, params) = unit_box(2);
    let open = Program { up: vec![f64::INFINITY; 2], ..program };
    let decider = perturbed((open, params), 20, 0.1, Noise::Additive);
    let thetas = Batch::from_rows(&[[3.0, 2.0], [4.0, 1.0]]).unwrap();
    let status = dfl_core::testkit::check_masking(&decider, &thetas, &[2.0, -3.0]);
    assert_eq!(status, dfl_core::Status::Unbounded);
}

#[test]
fn bad_options_are_refused() {
    let with =
        |samples, sigma| Perturbed::new(exact(unit_box(1)), PerturbedOptions { samples, sigma, ..Default::default() }).err().unwrap();
    assert!(matches!(with(0, 1.0), Error::Domain { what: "samples", .. }));
    for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(with(1, sigma), Error::Domain { what: "sigma", .. }));
    }
    let (program, _) = unit_box(2);
    let fewer = exact((program, ParamMap::new(1).link(dfl_core::Entry::C(0), 0, 1.0)));
    assert!(matches!(Perturbed::new(fewer, Default::default()), Err(Error::Dimension { expected: 2, got: 1, .. })));
    // Slots that would overflow are refused, not wrapped around to those of another probe.
    let decider = perturbed(unit_box(1), 10, 1.0, Noise::Additive);
    let call = Call { keys: &[Key { id: 0, slot: u32::MAX / 2 }], stream: Stream::default(), backward: false };
    assert!(matches!(decider.forward(&Batch::zeros(1, 1), &call), Err(Error::Domain { what: "slot", .. })));
}
