//! Langevin chains, whose ends are read off the gradient: for a quadratic energy that in the mean is the end minus the label.

use std::sync::Arc;

use dfl_core::{Batch, Error, LinearGaussian, Minibatch, Objective, Parameters, Stream, Support};
use dfl_losses::{LangevinOptions, Negatives, Proposal, SoEbm, SoEbmOptions};

use crate::{DEMAND, Demand, Expected, Rows, everywhere, mean_and_error, normal, options, so_ebm};

/// `|a - mean|^2 / 2` and a constant.
const QUADRATIC: Demand = Demand { under: 0.0, over: 0.0 };

fn chain(langevin: LangevinOptions, proposal: Proposal, n: usize) -> SoEbm {
    let options = SoEbmOptions { kl: 0.0, negatives: Negatives::Langevin(langevin), ..options(10, proposal) };
    SoEbm::new(Arc::new(Expected(QUADRATIC, n)), Arc::new(DEMAND), options).unwrap()
}

/// The ends of chains for rows of their own, or of one batch.
fn ends(objective: &SoEbm, model: &LinearGaussian, label: &[f64], count: u64) -> Vec<Vec<f64>> {
    let end = |id| {
        let (_, gradient) = Rows::new([id], label, &[]).evaluate(&mut model.clone(), objective, Stream { seed: 3, step: 1 });
        gradient.iter().zip(label).map(|(g, a)| g + a).collect()
    };
    (0..count).map(end).collect()
}

/// Without noise $a_T = \mu + (1 - s)^T (a^\star - \mu)$, whatever else is in the batch.
#[test]
fn a_chain_without_noise_by_hand() {
    let (model, label) = (normal(&[0.3, -0.2], &[0.5, 0.8]), [1.0, 0.4]);
    let objective = chain(LangevinOptions { noise: 0.0, ..LangevinOptions::default() }, Proposal::published(), 2);
    let expected: Vec<f64> = label.iter().zip([0.3, -0.2]).map(|(a, m)| m + 0.9_f64.powi(32) * (a - m)).collect();
    let end = &ends(&objective, &model, &label, 1)[0];
    assert!(end.iter().zip(&expected).all(|(a, e)| (a - e).abs() < 1e-12), "{end:?} {expected:?}");
    let (loss, of_batch) = Rows::new(0..7, &label, &[]).evaluate(&mut model.clone(), &objective, Stream::default());
    assert!(
        of_batch.iter().zip(expected.iter().zip(label)).all(|(g, (e, a))| (g - (e - a)).abs() < 1e-12),
        "seven rows take the same steps"
    );
    let contrast: f64 = label.iter().zip([0.3, -0.2]).map(|(a, m)| 0.5 * (a - m).powi(2) * (1.0 - 0.9_f64.powi(64))).sum();
    assert!((loss - contrast).abs() < 1e-12, "{loss} and {contrast}");
}

/// Noise is added before each step, so the end has the variance $\eta^2 \sum_{t \le T} (1 - s)^{2t}$: published constants, and a long chain with
/// $\eta = \sqrt{2s}$, which has nearly that of $q$, 1. Within 5 standard errors of 3000 chains (2.6 % of a variance each).
#[test]
fn chains_with_noise_have_their_moments() {
    let (model, label) = (normal(&[0.3], &[0.5]), [1.0]);
    let long = LangevinOptions { steps: 400, step: 0.02, noise: 0.04_f64.sqrt(), project: false };
    for options in [LangevinOptions::default(), long] {
        let ends: Vec<f64> = ends(&chain(options, Proposal::published(), 1), &model, &label, 3000).concat();
        let (mean, error) = mean_and_error(&ends);
        let expected = 0.3 + (1.0 - options.step).powi(options.steps as i32) * 0.7;
        assert!((mean - expected).abs() < 5.0 * error, "{mean} +- {error}, expected {expected}");
        let variance = ends.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / 2999.0;
        let law: f64 = (1..=options.steps).map(|t| options.noise.powi(2) * (1.0 - options.step).powi(2 * t as i32)).sum();
        println!("{options:?}: variance {variance:.4e}, expected {law:.4e}");
        assert!((variance / law - 1.0).abs() < 0.13, "{variance} and {law}");
    }
}

/// Pulled to 0.3 and -0.2, but held above 0.5, or on a simplex, where the nearest point of (0.3, -0.2) with sum 1 is (0.75, 0.25).
#[test]
fn projected_chains_stay_inside() {
    let model = normal(&[0.3, -0.2], &[0.5, 0.8]);
    let options = LangevinOptions { noise: 0.0, project: true, steps: 200, ..LangevinOptions::default() };
    let boxed = Support::Box { lower: vec![0.5, -1.0], upper: vec![2.0, 1.0] };
    let end = &ends(&chain(options, Proposal { support: boxed, ..everywhere(&[1.0]) }, 2), &model, &[1.0, 0.4], 1)[0];
    assert!((end[0] - 0.5).abs() < 1e-12 && (end[1] + 0.2).abs() < 1e-6, "{end:?}");
    let simplex = Support::CappedSimplex { total: 1.0, cap: 1.0 };
    let end = &ends(&chain(options, Proposal { support: simplex, ..everywhere(&[1.0]) }, 2), &model, &[0.1, 0.9], 1)[0];
    assert!((end[0] - 0.75).abs() < 1e-6 && (end[1] - 0.25).abs() < 1e-6, "{end:?}");
}

/// The oracle's expectation stays one over candidates: with chains from the label that do not move, only the divergence is left, whose
/// gradient is that of the candidates' mean energy under the oracle minus that of the label.
#[test]
fn the_divergence_keeps_its_candidates() {
    let (rows, stream) = (Rows::new(0..200, &[0.8], &[0.6]), Stream { seed: 6, step: 0 });
    let still = Negatives::Langevin(LangevinOptions { steps: 1, step: 1e-12, noise: 0.0, project: false });
    let of = |negatives, mle, kl| {
        let options = SoEbmOptions { mle, kl, negatives, ..options(500, everywhere(&[1.0, 0.3])) };
        rows.evaluate(&mut normal(&[0.3], &[0.5]), &so_ebm(options, 1), stream).1
    };
    // By importance: E_p - E_q for the divergence and E(label) - E_q for the likelihood: their difference is E_p - E(label).
    let (divergence, likelihood) = (of(Negatives::Importance, 0.0, 1.0), of(Negatives::Importance, 1.0, 0.0));
    let by_chain = of(still, 0.0, 1.0);
    for k in 0..2 {
        assert!((by_chain[k] - (divergence[k] - likelihood[k])).abs() < 1e-9, "{by_chain:?}");
    }
    assert!(of(still, 1.0, 0.0).iter().all(|g| g.abs() < 1e-9), "a chain that stays contrasts with nothing");
}

#[test]
fn a_chain_that_runs_away_is_named() {
    let options = LangevinOptions { step: 1e200, noise: 0.0, ..LangevinOptions::default() };
    let (features, mut model) = (Batch::zeros(2, 0), normal(&[0.3], &[0.5]));
    let rows = Rows::new([7, 8], &[1.0], &[]);
    let batch = Minibatch { ids: &rows.ids, features: &features, targets: &rows.targets };
    let error = chain(options, Proposal::published(), 1).accumulate(&mut model, batch, Stream::default()).unwrap_err();
    assert!(matches!(error, Error::Diverged { what: "energy of a candidate", id: 7, column: 1, .. }), "{error}");
    assert!(model.gradient().iter().all(|g| *g == 0.0), "what was refused leaves no trace");
}
