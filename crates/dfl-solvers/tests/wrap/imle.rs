//! Implicit maximum likelihood: its noise against closed forms, what its gradient is an unbiased estimate of, and its adaptive step.

use dfl_core::testkit::gradient_error;
use dfl_core::{Batch, Call, Decider, Error, Rng, Stream};
use dfl_solvers::{AdaptiveImle, AdaptiveImleOptions, Imle, ImleOptions, SumOfGamma};

use super::{both, call, items, keys, normal, paths};

/// Mean `t / k (sum 1/i - log s)` and variance `t^2 / k sum 1/i^2`, each within five standard errors of 100,000 draws.
#[test]
fn the_noise_has_its_moments() {
    let (mut rng, n) = (Rng::seeded(11), 100_000);
    for noise in
        [SumOfGamma::default(), SumOfGamma { kappa: 1.0, terms: 40, temperature: 2.0 }, SumOfGamma { terms: 1, ..Default::default() }]
    {
        let SumOfGamma { kappa, terms, temperature } = noise;
        let sum = |power: i32| (1..=terms).map(|i| (i as f64).powi(-power)).sum::<f64>();
        let expected = (temperature / kappa * (sum(1) - (terms as f64).ln()), temperature.powi(2) / kappa * sum(2));
        let draws: Vec<f64> = (0..n).map(|_| noise.draw(&mut rng)).collect();
        let moment = |power: i32| draws.iter().map(|d| (d - expected.0).powi(power)).sum::<f64>() / n as f64;
        let se = |variance: f64| 5.0 * (variance / n as f64).sqrt();
        assert!(moment(1).abs() < se(expected.1), "{noise:?}: mean off by {}", moment(1));
        assert!((moment(2) - expected.1).abs() < se(moment(4) - moment(2).powi(2)), "{noise:?}: variance {} for {}", moment(2), expected.1);
    }
}

/// Noise that is a Gumbel variable but for terms beyond the 200th: the choice of an item is a draw from `softmax(-theta / temperature)`.
fn gumbel(temperature: f64) -> SumOfGamma {
    SumOfGamma { kappa: 1.0, terms: 200, temperature }
}

fn softmax(theta: &[f64], temperature: f64) -> Vec<f64> {
    let weights: Vec<f64> = theta.iter().map(|t| (-t / temperature).exp()).collect();
    weights.iter().map(|w| w / weights.iter().sum::<f64>()).collect()
}

/// The sign of the noise matters: added to the cost it would give probabilities that are off by 0.05 here, ten standard errors.
#[test]
fn a_choice_is_a_draw_from_the_exponential_family() {
    let theta = [1.0, 0.3, 2.0, 0.0];
    let options = ImleOptions { samples: 10_000, noise: gumbel(0.7), ..Default::default() };
    let (x, _) = both(&Imle::new(items(4), options).unwrap(), &Batch::from_rows(&[theta]).unwrap(), &Batch::zeros(1, 4));
    for (x, p) in x.row(0).iter().zip(softmax(&theta, 0.7)) {
        assert!((x - p).abs() < 4.0 * (p * (1.0 - p) / 10_000.0).sqrt() + 1e-3, "{x} for {p}");
    }
}

/// Mean and its standard error over the rows, entry by entry.
fn mean(rows: &Batch) -> Vec<(f64, f64)> {
    let count = rows.rows() as f64;
    let each = |j: usize| {
        let mean = rows.iter().map(|r| r[j]).sum::<f64>() / count;
        (mean, (rows.iter().map(|r| (r[j] - mean).powi(2)).sum::<f64>()).sqrt() / count)
    };
    (0..rows.cols()).map(each).collect()
}

/// Over 4000 rows the gradient is the difference of probabilities that it claims to estimate, one-sided and two-sided, whatever
/// the number of samples.
#[test]
fn the_gradient_is_unbiased_for_the_difference() {
    let (theta, g, lambda, t, rows) = ([0.5, 0.2, 0.8], [1.0, -0.5, 0.3], 0.9, 0.8, 4000);
    let moved = |sign: f64| softmax(&theta.iter().zip(&g).map(|(t, g)| t + sign * lambda * g).collect::<Vec<_>>(), t);
    let repeat = |row: &[f64]| Batch::from_rows(&vec![row; rows]).unwrap();
    for (samples, two_sided) in [(1, false), (3, false), (1, true)] {
        let options = ImleOptions { samples, lambda, noise: gumbel(t), two_sided };
        let pulled = both(&Imle::new(items(3), options).unwrap(), &repeat(&theta), &repeat(&g)).1;
        let (from, steps) = if two_sided { (moved(-1.0), 2.0) } else { (softmax(&theta, t), 1.0) };
        for ((mean, se), (to, from)) in mean(&pulled).into_iter().zip(moved(1.0).iter().zip(&from)) {
            let expected = (to - from) / (steps * lambda);
            assert!(se < 0.01 && (mean - expected).abs() < 4.0 * se + 1e-3, "{samples} samples: {mean} +- {se:.1e} for {expected}");
        }
    }
}

#[test]
fn the_objective_has_the_decision_for_a_gradient() {
    let decider = Imle::new(items(4), ImleOptions { samples: 60, ..Default::default() }).unwrap();
    let (theta, keys) = ([0.2, 0.3, 0.1, 0.25], keys(1));
    let at = |theta: &[f64]| decider.forward(&Batch::from_rows(&[theta]).unwrap(), &call(&keys)).unwrap();
    let error = gradient_error(&theta, at(&theta).x.row(0), 1e-7, |theta| at(theta).objective[0]);
    assert!(error < 1e-7, "{error:.1e}");
}

/// With alpha held, a pullback is that of the fixed step `alpha |theta| / |g|`, whatever the scale of the cotangent.
#[test]
fn the_adaptive_step_is_relative_to_the_cost() {
    let options = AdaptiveImleOptions { samples: 5, alpha: 0.4, step: 0.0, ..Default::default() };
    let (thetas, g) = (normal(1, 24, 1), normal(1, 24, 2));
    let norm = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>().sqrt();
    let lambda = 0.4 * norm(thetas.row(0)) / norm(g.row(0));
    let fixed = Imle::new(paths(4, 4), ImleOptions { samples: 5, lambda, ..Default::default() }).unwrap();
    let adaptive = AdaptiveImle::new(paths(4, 4), options).unwrap();
    let (expected, pulled) = (both(&fixed, &thetas, &g), both(&adaptive, &thetas, &g));
    assert_eq!(pulled, expected);
    assert!(pulled.1.row(0).iter().any(|&g| g != 0.0));
}

/// A row's gradient has 2 non-zeros where the choice moves between items, else 0; the running mean begins at the target, 1.15, and a
/// batch has a tenth of its weight. The row without a cotangent does not count.
#[test]
fn alpha_follows_the_running_mean() {
    let still = SumOfGamma { temperature: 1e-9, ..Default::default() };
    let run = |alpha: f64, batches: usize| {
        let options = AdaptiveImleOptions { samples: 2, noise: still, alpha, step: 0.25, target: 1.15, ..Default::default() };
        let decider = AdaptiveImle::new(items(3), options).unwrap();
        let thetas = Batch::from_rows(&[[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]).unwrap();
        let g = Batch::from_rows(&[[1.0, 0.0, 0.0], [0.0; 3]]).unwrap();
        let alphas: Vec<f64> = (0..batches)
            .map(|_| {
                both(&decider, &thetas, &g);
                decider.alpha()
            })
            .collect();
        alphas
    };
    // |theta| = 3.7: the choice moves for alpha over 1 / 3.7 = 0.27. Means 1.24, 1.31.
    assert_eq!(run(1.0, 2), [0.75, 0.5]);
    // Not moved at 0: 1.035; not moved at 0.25: 0.93; moved from 0.5 on: 1.04, 1.13, 1.22, so down, and up again when it has passed.
    assert_eq!(run(0.0, 5), [0.25, 0.5, 0.75, 1.0, 0.75]);
    assert_eq!(run(0.1, 1), [0.35]);
}

/// On paths of a grid alpha settles where a row has as many non-zeros as asked for, from above and from below.
#[test]
fn alpha_finds_its_target() {
    for alpha in [0.0, 1.0] {
        let options = AdaptiveImleOptions { samples: 1, alpha, step: 5e-3, target: 2.0, ..Default::default() };
        let decider = AdaptiveImle::new(paths(4, 4), options).unwrap();
        let (all, mut nonzeros) = (keys(8), 0);
        for step in 0..600 {
            let (thetas, g) = (normal(8, 24, 2 * step), normal(8, 24, 2 * step + 1));
            let at = Call { stream: Stream { seed: 1, step }, ..call(&all) };
            let pulled = decider.forward(&thetas, &at).unwrap().back.unwrap().pull(&g).unwrap();
            nonzeros += if step < 300 { 0 } else { pulled.as_slice().iter().filter(|&&g| g != 0.0).count() };
        }
        let share = nonzeros as f64 / (300.0 * 8.0);
        assert!((share - 2.0).abs() < 0.2, "{share} non-zeros per row at alpha {}", decider.alpha());
    }
}

#[test]
fn bad_options_are_refused() {
    let refused = |options: ImleOptions| match Imle::new(items(2), options) {
        Err(Error::Domain { what, .. }) => what,
        other => panic!("accepted: {:?}", other.map(|d| d.dims())),
    };
    let noise = SumOfGamma::default();
    assert_eq!(refused(ImleOptions { samples: 0, ..Default::default() }), "samples");
    assert_eq!(refused(ImleOptions { lambda: 0.0, ..Default::default() }), "lambda");
    assert_eq!(refused(ImleOptions { noise: SumOfGamma { kappa: -1.0, ..noise }, ..Default::default() }), "kappa");
    assert_eq!(refused(ImleOptions { noise: SumOfGamma { temperature: f64::NAN, ..noise }, ..Default::default() }), "temperature");
    assert_eq!(refused(ImleOptions { noise: SumOfGamma { terms: 0, ..noise }, ..Default::default() }), "terms of the noise");
    let adaptive = AdaptiveImleOptions::default();
    for (options, name) in [
        (AdaptiveImleOptions { alpha: -1.0, ..adaptive }, "alpha"),
        (AdaptiveImleOptions { step: f64::NAN, ..adaptive }, "step of alpha"),
        (AdaptiveImleOptions { target: 0.0, ..adaptive }, "target"),
    ] {
        assert!(matches!(AdaptiveImle::new(items(2), options), Err(Error::Domain { what, .. }) if what == name));
    }
}
