//! The estimated gradient against central differences of the objective itself, whose integrals are taken by quadrature.

use std::sync::Arc;

use dfl_core::{Batch, Cost, Energy, Generative, LinearGaussian, Parameters, Sampler, Stream, Support, Targets};
use dfl_losses::{Proposal, ProposalKind, SoEbm, SoEbmOptions};

use crate::{DEMAND, Demand, Expected, Rows, everywhere, mean_and_error, normal, options, so_ebm};

/// Points of equal weight that fill a support, whose boundary counts half: the trapezium rule.
struct Grid {
    points: Vec<f64>,
    log_weights: Vec<f64>,
}

impl Grid {
    /// A product of `steps` intervals in each direction.
    fn product(sides: &[(f64, f64)], steps: usize) -> Self {
        let axis = |&(l, u): &(f64, f64)| -> Vec<(f64, f64)> {
            let h = (u - l) / steps as f64;
            (0..=steps).map(|k| (l + h * k as f64, if k == 0 || k == steps { 0.5 * h } else { h })).collect()
        };
        let mut all: Vec<(Vec<f64>, f64)> = vec![(Vec::new(), 1.0)];
        for side in sides {
            let axis = axis(side);
            all = all.iter().flat_map(|(a, w)| axis.iter().map(move |(x, h)| ([a.as_slice(), &[*x]].concat(), w * h))).collect();
        }
        Self { points: all.iter().flat_map(|(a, _)| a.clone()).collect(), log_weights: all.iter().map(|(_, w)| w.ln()).collect() }
    }

    /// `a_1 + a_2 = total` with both up to `cap`, in the coordinate `a_1`.
    fn segment(total: f64, cap: f64, steps: usize) -> Self {
        let of_first = Self::product(&[(total - cap, cap)], steps);
        Self { points: of_first.points.iter().flat_map(|a| [*a, total - a]).collect(), log_weights: of_first.log_weights }
    }

    /// The logarithm of the integral of `exp` of some values.
    fn log_integral(&self, logs: impl Iterator<Item = f64>) -> f64 {
        let logs: Vec<f64> = logs.zip(&self.log_weights).map(|(v, w)| v + w).collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        top + logs.iter().map(|v| (v - top).exp()).sum::<f64>().ln()
    }

    /// The objective itself.
    fn loss(&self, model: &LinearGaussian, mle: f64, kl: f64, label: &[f64], truth: &[f64]) -> f64 {
        let (n, count) = (label.len(), self.log_weights.len());
        let (energy, phi) = (Expected(DEMAND, n), model.moments(&Batch::zeros(1, 0)).unwrap());
        let (mut energies, mut of_label) = (vec![0.0; count], [0.0]);
        energy.values(phi.row(0), &self.points, &mut energies).unwrap();
        energy.values(phi.row(0), label, &mut of_label).unwrap();
        let costs: Vec<f64> = self.points.chunks_exact(n).map(|a| DEMAND.value(truth, a)).collect();
        let (log_z, log_oracle) = (self.log_integral(energies.iter().map(|e| -e)), self.log_integral(costs.iter().map(|f| -f)));
        let masses = costs.iter().zip(&self.log_weights).map(|(f, w)| (w - f - log_oracle).exp());
        let divergence: f64 = masses.zip(energies.iter().zip(&costs)).map(|(p, (e, f))| p * (e - f)).sum::<f64>() + log_z - log_oracle;
        mle * (of_label[0] + log_z) + kl * divergence
    }

    /// Its gradient in the weights of the model; h = 1e-4 leaves 1e-8.
    fn gradient(&self, model: &LinearGaussian, mle: f64, kl: f64, label: &[f64], truth: &[f64]) -> Vec<f64> {
        let (start, h) = (model.values(), 1e-4);
        let at = |k: usize, by: f64| {
            let (mut moved, mut values) = (model.clone(), start.clone());
            values[k] += by;
            moved.set_values(&values).unwrap();
            self.loss(&moved, mle, kl, label, truth)
        };
        (0..start.len()).map(|k| (at(k, h) - at(k, -h)) / (2.0 * h)).collect()
    }
}

const REPEATS: u64 = 64;

/// Root mean square errors of the gradient over repeats, by number of candidates, relative to its norm: they fall like $1/\sqrt M$, and at the
/// end the mean over the repeats of gradient and loss is the exact one within 5 standard errors.
///
/// The standard error of each root mean square is below 9 %, that of the exponent below 0.03; 0.1 is allowed.
fn check(name: &str, proposal: &Proposal, grid: &Grid, label: &[f64], truth: &[f64]) {
    let n = label.len();
    let model = normal(&[0.3, -0.2][..n], &[0.5, 0.8][..n]);
    let (mle, kl) = (1.0, 0.5);
    let exact = grid.gradient(&model, mle, kl, label, truth);
    let exact_loss = grid.loss(&model, mle, kl, label, truth);
    let norm = exact.iter().map(|g| g * g).sum::<f64>().sqrt();
    let counts = [64, 512, 4096, 16384];
    let mut errors = Vec::new();
    for &count in &counts {
        let objective = so_ebm(SoEbmOptions { mle, kl, ..options(count, proposal.clone()) }, n);
        let found: Vec<(f64, Vec<f64>)> = (0..REPEATS)
            .map(|id| Rows::new([id], label, truth).evaluate(&mut model.clone(), &objective, Stream { seed: 11, step: 4 }))
            .collect();
        let square = |g: &[f64]| g.iter().zip(&exact).map(|(g, e)| (g - e).powi(2)).sum::<f64>();
        errors.push((found.iter().map(|(_, g)| square(g)).sum::<f64>() / REPEATS as f64).sqrt() / norm);
        let sizes = objective.meter().take().unwrap();
        println!("{name}: M = {count}: error {:.4}, effective {:.1} and {:.1}", errors[errors.len() - 1], sizes.model, sizes.oracle);
        if count == counts[counts.len() - 1] {
            for k in 0..exact.len() {
                let (mean, error) = mean_and_error(&found.iter().map(|(_, g)| g[k]).collect::<Vec<_>>());
                assert!((mean - exact[k]).abs() < 5.0 * error, "{name}: entry {k}: {mean} +- {error}, exact {}", exact[k]);
            }
            let (mean, error) = mean_and_error(&found.iter().map(|(l, _)| *l).collect::<Vec<_>>());
            assert!((mean - exact_loss).abs() < 5.0 * error, "{name}: loss {mean} +- {error}, exact {exact_loss}");
        }
    }
    let exponent = (errors[0] / errors[3]).ln() / ((counts[3] / counts[0]) as f64).ln();
    println!("{name}: error falls like M^-{exponent:.3}");
    assert!((exponent - 0.5).abs() < 0.1, "{name}: {errors:?}");
    assert!(errors[3] < 0.05, "{name}: {errors:?}");
}

fn boxed(n: usize) -> Proposal {
    Proposal { support: Support::Box { lower: vec![-1.0; n], upper: vec![2.0; n] }, ..everywhere(&[5.0, 0.3]) }
}

/// Truths on grid points, where the cost has its kink, so that the trapezium rule is of second order.
#[test]
fn one_dimension() {
    let whole = Grid::product(&[(-8.0, 10.0)], 7200);
    check("d = 1, joint", &everywhere(&[1.5, 0.5, 0.2]), &whole, &[0.8], &[0.6]);
    let apart = Proposal { kind: ProposalKind::Coordinatewise, ..everywhere(&[1.5, 0.5, 0.2]) };
    check("d = 1, coordinate-wise", &apart, &whole, &[0.8], &[0.6]);
    check("d = 1, box", &boxed(1), &Grid::product(&[(-1.0, 2.0)], 3000), &[0.8], &[0.6]);
    check("d = 1, box with the label at a side", &boxed(1), &Grid::product(&[(-1.0, 2.0)], 3000), &[2.0], &[0.6]);
}

#[test]
fn two_dimensions() {
    let whole = Grid::product(&[(-4.0, 6.0), (-4.0, 6.0)], 400);
    check("d = 2, joint", &everywhere(&[1.5, 0.5]), &whole, &[0.8, 0.1], &[0.6, 0.2]);
    let apart = Proposal { kind: ProposalKind::Coordinatewise, ..everywhere(&[1.5, 0.5]) };
    check("d = 2, coordinate-wise", &apart, &whole, &[0.8, 0.1], &[0.6, 0.2]);
    check("d = 2, box", &boxed(2), &Grid::product(&[(-1.0, 2.0), (-1.0, 2.0)], 300), &[0.8, -0.9], &[0.6, 0.2]);
}

/// Two entries that add up to 1.5: the simplex, with the label at a corner, and with caps of 1, of which candidates are rejected.
#[test]
fn on_a_simplex() {
    let simplex = |cap| Proposal { support: Support::CappedSimplex { total: 1.5, cap }, ..everywhere(&[2.0, 0.2]) };
    check("simplex", &simplex(1.5), &Grid::segment(1.5, 1.5, 3000), &[1.0, 0.5], &[0.6, 0.2]);
    check("simplex, label at a corner", &simplex(1.5), &Grid::segment(1.5, 1.5, 3000), &[1.5, 0.0], &[0.6, 0.2]);
    check("capped simplex, label at the cap", &simplex(1.0), &Grid::segment(1.5, 1.0, 1000), &[1.0, 0.5], &[0.6, 0.2]);
}

/// The oracle posterior is proportional to exp(-f): weighed by the raw cost, as in the published code, the gradient of the divergence points
/// elsewhere.
#[test]
fn the_oracle_posterior_prefers_what_costs_less() {
    let (model, label, truth) = (normal(&[0.3], &[0.5]), [0.8], [0.6]);
    let grid = Grid::product(&[(-1.0, 2.0)], 3000);
    let objective = so_ebm(SoEbmOptions { mle: 0.0, kl: 1.0, ..options(4096, boxed(1)) }, 1);
    let (_, mean) = Rows::new(0..64, &label, &truth).evaluate(&mut model.clone(), &objective, Stream::default());
    let exact = grid.gradient(&model, 0.0, 1.0, &label, &truth);
    let energy = Expected(DEMAND, 1);
    let slopes: Vec<f64> = grid.points.iter().map(|a| energy.entry(0.3, 0.5, *a)[2]).collect();
    let mean_slope = |weights: Vec<f64>| weights.iter().zip(&slopes).map(|(w, s)| w * s).sum::<f64>() / weights.iter().sum::<f64>();
    let raw = mean_slope(grid.points.iter().map(|a| DEMAND.value(&truth, &[*a])).collect());
    let of_model = mean_slope(grid.points.iter().map(|a| (-energy.entry(0.3, 0.5, *a)[0]).exp()).collect());
    println!("slope of the divergence in the mean: found {:.4}, exact {:.4}, by raw costs {:.4}", mean[0], exact[0], raw - of_model);
    assert!((mean[0] - exact[0]).abs() < 0.02, "{} and {}", mean[0], exact[0]);
    assert!((raw - of_model - exact[0]).abs() > 0.5, "the test must tell the two apart");
}

/// With the same candidates the terms add up, in value and gradient.
#[test]
fn the_ablations_add_up() {
    let (rows, stream) = (Rows::new(0..5, &[0.8, 0.1], &[0.6, 0.2]), Stream { seed: 2, step: 7 });
    let of = |mle, kl| {
        let objective = so_ebm(SoEbmOptions { mle, kl, ..options(100, everywhere(&[0.5, 0.2])) }, 2);
        rows.evaluate(&mut normal(&[0.3, -0.2], &[0.5, 0.8]), &objective, stream)
    };
    let ((both, all), (mle, first), (kl, second)) = (of(2.0, 0.3), of(1.0, 0.0), of(0.0, 1.0));
    assert!((both - 2.0 * mle - 0.3 * kl).abs() < 1e-12 * both.abs().max(1.0));
    for k in 0..all.len() {
        assert!((all[k] - 2.0 * first[k] - 0.3 * second[k]).abs() < 1e-12, "{all:?}, {first:?}, {second:?}");
        assert!(first[k].abs() > 1e-3 && second[k].abs() > 1e-3, "the check must not compare zeros");
    }
}

/// Weights of candidates drawn from the model itself are equal: E = |a - mean|^2/2 up to a constant and the proposal N(a*, 1) at a* = mean.
#[test]
fn a_perfect_proposal_uses_every_candidate() {
    let objective = SoEbm::new(
        Arc::new(Expected(Demand { under: 0.0, over: 0.0 }, 2)),
        Arc::new(DEMAND),
        SoEbmOptions { kl: 0.0, ..options(200, everywhere(&[1.0])) },
    )
    .unwrap();
    Rows::new(0..3, &[0.3, -0.2], &[0.0; 2]).evaluate(&mut normal(&[0.3, -0.2], &[0.5, 0.8]), &objective, Stream::default());
    let sizes = objective.meter().take().unwrap();
    assert_eq!(sizes.rows, 3);
    assert!((sizes.model - 200.0).abs() < 1e-6 && (sizes.least - 200.0).abs() < 1e-6 && sizes.oracle.is_nan(), "{sizes:?}");
}

/// The power cost with the published candidates: in one dimension a part of them counts, of 24 hours one has nearly all the weight, since $q$
/// spreads over about 1 in each hour and the widest component over 0.1.
#[test]
fn published_candidates_and_their_effective_size() {
    let power = Demand { under: 50.0, over: 0.5 };
    let sizes = [1, 6, 24].map(|n| {
        let (model, rows) = (normal(&vec![1.6; n], &vec![0.08; n]), 100);
        let labels = model.sample(&Batch::zeros(rows, 0), 1, Stream::default()).unwrap();
        let options = SoEbmOptions { kl: 0.01, ..options(128, Proposal::published()) };
        let objective = SoEbm::new(Arc::new(Expected(power, n)), Arc::new(power), options).unwrap();
        let targets = Targets { truth: Some(labels.clone()), solution: Some(labels), normals: None };
        Rows { ids: (0..rows as u64).collect(), targets }.evaluate(&mut model.clone(), &objective, Stream::default());
        let found = objective.meter().take().unwrap();
        println!("d = {n}: {found:?}");
        found.model
    });
    assert!(sizes[0] > 8.0 && sizes[0] < 16.0, "{sizes:?}");
    assert!(sizes[1] < 4.0 && sizes[2] < 2.0, "{sizes:?}");
}
