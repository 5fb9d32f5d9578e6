//! Least-squares fits of a local loss to sampled regrets.

use dfl_core::dense::solve_spd;
use dfl_core::{Batch, Rng};

use super::{LocalShape, LodlOptions, least};
use crate::cone::ActiveSet;
use crate::kernels::{add_scaled, dot};

/// Most steps of Levenberg and Marquardt.
const STEPS: usize = 100;
/// A step that gains less than this share of the misfit is the last.
const GAIN: f64 = 1e-10;
/// Size of what breaks the symmetry of the first factor, as a share of it.
const SPREAD: f64 = 0.1;

/// Parameters in the layout of [`Lodl::parameters`](super::Lodl::parameters).
pub(super) fn fit(options: &LodlOptions, errors: &Batch, regrets: &[f64], rng: &mut Rng) -> Vec<f64> {
    let rest: Vec<f64> = errors.iter().zip(regrets).map(|(d, r)| r - least(options, d)).collect();
    let above = |d: f64| d.max(0.0).powi(2);
    let floored = |weights: Vec<f64>| weights.into_iter().map(|w| w + options.floor).collect();
    match options.shape {
        LocalShape::Weighted => floored(weights(errors, &rest, &[|d| d * d])),
        LocalShape::Directed => floored(weights(errors, &rest, &[above, |d| (-d).max(0.0).powi(2)])),
        LocalShape::Quadratic { rank } => {
            let mut factor = first_factor(&weights(errors, &rest, &[|d| d * d]), rank, rng);
            refine(errors, &rest, &mut factor);
            factor
        }
    }
}

/// Non-negative weights of every feature of every entry of the error, feature by feature.
fn weights(errors: &Batch, rest: &[f64], features: &[fn(f64) -> f64]) -> Vec<f64> {
    let columns = features.iter().flat_map(|f| (0..errors.cols()).map(move |j| (f, j)));
    let generators: Vec<f64> = columns.flat_map(|(f, j)| errors.iter().map(move |d| f(d[j]))).collect();
    ActiveSet::default().project(&generators, rest, &mut vec![0.0; rest.len()]).to_vec()
}

/// Columns along the entries of the largest weights, a little turned: the steps could not turn a column that is exactly along one.
fn first_factor(weights: &[f64], rank: usize, rng: &mut Rng) -> Vec<f64> {
    let p = weights.len();
    let mut order: Vec<usize> = (0..p).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    let scale = weights.iter().copied().fold(0.0, f64::max).sqrt();
    let mut factor: Vec<f64> = (0..rank * p).map(|_| SPREAD * scale * rng.normal()).collect();
    for (column, &j) in factor.chunks_mut(p.max(1)).zip(&order) {
        column[j] += weights[j].sqrt();
    }
    factor
}

/// Levenberg-Marquardt on $\sum_k (\|L^\top d_k\|^2 - \rho_k)^2$; every accepted step lowers it.
fn refine(errors: &Batch, rest: &[f64], factor: &mut Vec<f64>) {
    let size = factor.len();
    let (mut damping, mut current) = (1e-3, misfit(errors, rest, factor));
    let (mut normal, mut slope, mut row) = (vec![0.0; size * size], vec![0.0; size], vec![0.0; size]);
    for _ in 0..STEPS {
        assemble(errors, rest, factor, (&mut normal, &mut slope, &mut row));
        let size_of_normal = (0..size).map(|i| normal[i * size + i]).fold(0.0, f64::max);
        if size_of_normal == 0.0 {
            return;
        }
        (0..size).for_each(|i| normal[i * size + i] += damping * size_of_normal);
        if !solve_spd(&mut normal, &mut slope) {
            damping *= 10.0;
            continue;
        }
        let trial: Vec<f64> = factor.iter().zip(&slope).map(|(l, s)| l - s).collect();
        let next = misfit(errors, rest, &trial);
        if next >= current {
            damping *= 10.0;
            continue;
        }
        let small = current - next <= GAIN * current;
        (*factor, current, damping) = (trial, next, damping * 0.2);
        if small {
            return;
        }
    }
}

fn model(factor: &[f64], d: &[f64]) -> f64 {
    factor.chunks(d.len().max(1)).map(|l| dot(l, d).powi(2)).sum()
}

fn misfit(errors: &Batch, rest: &[f64], factor: &[f64]) -> f64 {
    errors.iter().zip(rest).map(|(d, r)| (model(factor, d) - r).powi(2)).sum()
}

/// Normal matrix (lower triangle) and gradient of the linearised least squares.
fn assemble(errors: &Batch, rest: &[f64], factor: &[f64], (normal, slope, row): (&mut [f64], &mut [f64], &mut [f64])) {
    let (p, size) = (errors.cols(), factor.len());
    normal.fill(0.0);
    slope.fill(0.0);
    for (d, r) in errors.iter().zip(rest) {
        row.fill(0.0);
        for (l, to) in factor.chunks(p.max(1)).zip(row.chunks_mut(p.max(1))) {
            add_scaled(to, 2.0 * dot(l, d), d);
        }
        add_scaled(slope, model(factor, d) - r, row);
        for i in 0..size {
            add_scaled(&mut normal[i * size..=i * size + i], row[i], &row[..=i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(rows: usize, p: usize, rng: &mut Rng) -> Batch {
        Batch::from_vec(rows, p, (0..rows * p).map(|_| rng.normal()).collect()).unwrap()
    }

    fn options(shape: LocalShape) -> LodlOptions {
        LodlOptions { floor: 0.125, shape, ..LodlOptions::default() }
    }

    /// Values that a weighted loss makes give its weights back; a weight below the floor comes out as the floor.
    #[test]
    fn weights_are_recovered() {
        let mut rng = Rng::seeded(1);
        let errors = errors(60, 3, &mut rng);
        let truth = [2.0, 0.125, 0.5];
        let values: Vec<f64> = errors.iter().map(|d| d.iter().zip(&truth).map(|(d, w)| w * d * d).sum()).collect();
        let found = fit(&options(LocalShape::Weighted), &errors, &values, &mut rng);
        assert!(found.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-10), "{found:?}");
        let directed: Vec<f64> = errors
            .iter()
            .map(|d| if d[0] > 0.0 { 3.0 } else { 1.0 } * d[0] * d[0] + least(&options(LocalShape::Directed), &d[1..]))
            .collect();
        let found = fit(&options(LocalShape::Directed), &errors, &directed, &mut rng);
        assert!(found.iter().zip([3.0, 0.125, 0.125, 1.0, 0.125, 0.125]).all(|(a, b)| (a - b).abs() < 1e-10), "{found:?}");
    }

    /// Values of a quadratic of rank 2 plus the floor give it back, as the matrix $LL^\top$; the factor itself may be turned.
    #[test]
    fn a_low_rank_quadratic_is_recovered() {
        for seed in 0..10 {
            let mut rng = Rng::seeded(seed);
            let (p, shape) = (5, options(LocalShape::Quadratic { rank: 2 }));
            let errors = errors(120, p, &mut rng);
            let truth: Vec<f64> = (0..2 * p).map(|_| rng.normal()).collect();
            let values: Vec<f64> = errors.iter().map(|d| model(&truth, d) + least(&shape, d)).collect();
            let found = fit(&shape, &errors, &values, &mut rng);
            let entry = |l: &[f64], i: usize, j: usize| l[i] * l[j] + l[p + i] * l[p + j];
            let worst = (0..p * p).map(|k| (entry(&found, k / p, k % p) - entry(&truth, k / p, k % p)).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-6, "seed {seed}: {worst}");
        }
    }

    /// Regrets of zero leave only the floor.
    #[test]
    fn no_regret_no_weight() {
        let mut rng = Rng::seeded(2);
        let errors = errors(30, 4, &mut rng);
        assert_eq!(fit(&options(LocalShape::Directed), &errors, &[0.0; 30], &mut rng), vec![0.125; 8]);
        assert_eq!(fit(&options(LocalShape::Quadratic { rank: 2 }), &errors, &[0.0; 30], &mut rng), vec![0.0; 8]);
    }
}
