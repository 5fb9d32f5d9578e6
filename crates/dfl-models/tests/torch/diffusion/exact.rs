//! Affine predictions, whose bound and density have closed forms.

use dfl_core::Rng;
use dfl_core::testkit::gradient_error;
use dfl_models::torch::{LinearDiffusion, NoiseSchedule, NoiseTable};

use super::FEW;

fn norm(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    norm(a.iter().zip(b).map(|(a, b)| a - b))
}

/// Any affine prediction, two outcomes and three features.
fn arbitrary(table: NoiseTable) -> LinearDiffusion {
    let (mut rng, length) = (Rng::seeded(4), 2 * (2 + 3 + 1));
    let parameters = (0..table.steps() * length).map(|_| 0.3 * rng.normal()).collect();
    LinearDiffusion::new(table, (3, 2), parameters).unwrap()
}

/// Standard normal data, reverse variances beta_t and the best prediction: the reverse chain is the forward one turned round, so bound
/// and density are equal and so are their gradients, in every parameter, for any noise and number of steps: to 1e-9, which is what rounding
/// leaves of sums over 1000 steps of numbers of size 10.
#[test]
fn the_gradient_of_the_bound_is_the_score_where_the_model_is_exact() {
    for steps in [5, 50, 1000] {
        for noise in [NoiseSchedule::PUBLISHED, NoiseSchedule::Linear { first: 0.1, last: 0.5 }, FEW] {
            let model = LinearDiffusion::optimal(noise.table(steps).unwrap(), (0, 1), &[], 1.0).unwrap();
            for y in [-2.0, -0.3, 0.0, 1.7] {
                let (density, bound) = (model.log_density(&[], &[y]).unwrap(), model.elbo(&[], &[y]).unwrap());
                let by_hand = -0.5 * (y * y + (2.0 * std::f64::consts::PI).ln());
                assert!((density - by_hand).abs() < 1e-9 && (bound - by_hand).abs() < 1e-9, "{steps}: {density}, {bound}, {by_hand}");
                let (score, gradient) = (model.score(&[], &[y]).unwrap(), model.elbo_gradient(&[], &[y]).unwrap());
                let largest = score.iter().fold(0.0_f64, |m, s| m.max(s.abs()));
                assert!(largest > 1e-3, "the check must not compare zeros");
                for (s, g) in score.iter().zip(&gradient) {
                    assert!((s - g).abs() < 1e-9, "{steps} steps, y = {y}: score {s}, gradient of the bound {g}");
                }
            }
        }
    }
}

/// Elsewhere they differ; printed as E |score - gradient| / E |score| over outcomes, beside the bound with B the largest joint score of
/// 200 paths of the forward chain. KL, the density less the bound, is positive, up to the rounding of two sums of size 10 (1e-9).
#[test]
fn elsewhere_the_difference_stands_beside_its_bound() {
    let cases = [(0.0, 1.0), (0.0, 0.25), (0.7, 1.0)];
    let schedules = [NoiseSchedule::Linear { first: 0.1, last: 0.5 }, NoiseSchedule::PUBLISHED, FEW];
    for (noise, (mean, variance)) in schedules.into_iter().flat_map(|noise| cases.map(|case| (noise, case))) {
        let table = noise.table(5).unwrap();
        let model = LinearDiffusion::optimal(table.clone(), (1, 1), &[mean], variance).unwrap();
        let (mut rng, mut sums) = (Rng::seeded(11), [0.0; 4]);
        for _ in 0..50 {
            let y = [mean + f64::sqrt(variance) * rng.normal()];
            let (score, gradient) = (model.score(&[1.0], &y).unwrap(), model.elbo_gradient(&[1.0], &y).unwrap());
            let gap = model.log_density(&[1.0], &y).unwrap() - model.elbo(&[1.0], &y).unwrap();
            assert!(gap > -1e-9, "the bound lies {gap} above the density");
            let largest = (0..200).map(|_| norm(model.joint_score(&[1.0], &forward(&table, &y, &mut rng)).unwrap())).fold(0.0, f64::max);
            let bound = std::f64::consts::SQRT_2 * largest * gap.max(0.0).sqrt();
            assert!(distance(&score, &gradient) <= bound + 1e-9, "{} above {bound}", distance(&score, &gradient));
            for (sum, value) in sums.iter_mut().zip([distance(&score, &gradient), norm(score.iter().copied()), bound, gap]) {
                *sum += value / 50.0;
            }
        }
        println!(
            "N({mean}, {variance}), T = 5, {noise:?}: difference {:.4} of a score of {:.4} ({:.1} %), bound {:.4}, KL {:.5}",
            sums[0],
            sums[1],
            100.0 * sums[0] / sums[1],
            sums[2],
            sums[3]
        );
    }
}

fn forward(table: &NoiseTable, y: &[f64], rng: &mut Rng) -> Vec<f64> {
    let mut path = y.to_vec();
    for t in 1..=table.steps() {
        for j in 0..y.len() {
            path.push(table.alpha(t).sqrt() * path[(t - 1) * y.len() + j] + table.beta(t).sqrt() * rng.normal());
        }
    }
    path
}

/// h = 1e-5 leaves about 1e-10 of curvature and 1e-10 of rounding.
#[test]
fn closed_forms_match_central_differences() {
    let (x, y) = ([0.4, -1.0, 0.8], [0.9, -0.2]);
    for noise in [FEW, NoiseSchedule::Linear { first: 0.1, last: 0.5 }] {
        let table = noise.table(6).unwrap();
        let model = arbitrary(table.clone());
        let moved = |at: &[f64]| LinearDiffusion::new(table.clone(), (3, 2), at.to_vec()).unwrap();
        let score = model.score(&x, &y).unwrap();
        let error = gradient_error(model.parameters(), &score, 1e-5, |at| moved(at).log_density(&x, &y).unwrap());
        assert!(error < 1e-8, "score: {error:e}");
        let gradient = model.elbo_gradient(&x, &y).unwrap();
        let error = gradient_error(model.parameters(), &gradient, 1e-5, |at| moved(at).elbo(&x, &y).unwrap());
        assert!(error < 1e-8, "bound: {error:e}");
        assert!(model.elbo(&x, &y).unwrap() < model.log_density(&x, &y).unwrap());
    }
}

/// The gradient of the bound is the mean of the joint score over forward paths: 20000 of them, within 5 standard errors in each of 72
/// parameters, which one of them exceeds by chance once in 20000 runs.
#[test]
fn the_joint_score_has_the_mean_of_the_bound() {
    let (x, y, n) = ([0.4, -1.0, 0.8], [0.9, -0.2], 20_000);
    let table = NoiseSchedule::Linear { first: 0.1, last: 0.5 }.table(6).unwrap();
    let (model, mut rng) = (arbitrary(table.clone()), Rng::seeded(2));
    let mut moments = super::bound::Moments::default();
    (0..n).for_each(|_| moments.add(&model.joint_score(&x, &forward(&table, &y, &mut rng)).unwrap()));
    let mut expected = super::bound::Moments::default();
    (0..2).for_each(|_| expected.add(&model.elbo_gradient(&x, &y).unwrap()));
    let z = moments.largest_z(&expected);
    assert!(z < 5.0, "largest z-score {z}");
}

/// Beta of the first, middle and last step by hand, and abar_1000 = 4.0358e-5, the known end of the published schedule, to its digits.
#[test]
fn noise_tables_have_the_published_constants() {
    let table = NoiseSchedule::PUBLISHED.table(1000).unwrap();
    assert_eq!((table.steps(), table.beta(1), table.beta(1000)), (1000, 1e-4, 0.02));
    assert!((table.beta(500) - (1e-4 + 0.0199 * 499.0 / 999.0)).abs() < 1e-15);
    assert!((table.alpha_bar(1000) - 4.0358e-5).abs() < 1e-9, "{}", table.alpha_bar(1000));
    assert!((table.alpha_bar(2) - 0.9999 * (1.0 - 1e-4 - 0.0199 / 999.0)).abs() < 1e-15);
    assert_eq!(table.alpha_bar(0), 1.0);
    let end = (-(0.1 + 0.5 * 19.9_f64)).exp();
    for steps in [2, 5, 1000] {
        assert!((FEW.table(steps).unwrap().alpha_bar(steps) - end).abs() < 1e-12);
    }
}
