//! The implicit derivative of a mixture's samples against the function it is implicit in, solved by bisection.

use dfl_core::{Batch, Generative, Parameters, Sampler};
use dfl_models::torch::Mixture;

use super::mixture::mixture;
use super::{STREAM, differences};
use crate::common::{assert_close, normals};

/// Standard normal distribution function by its series (Marsaglia 2004, J. Stat. Software 11(4)), 0 or 1 to rounding beyond 9.
fn normal_below(x: f64) -> f64 {
    if x.abs() > 9.0 {
        return f64::from(x > 0.0);
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// One row's mixture: weights, then means and deviations, `[k * d]`.
struct Parts<'a>(&'a [f64], &'a [f64], &'a [f64]);

impl Parts<'_> {
    /// Distribution function of entry `j` at `at` given the entries before it.
    fn below(&self, y: &[f64], j: usize, at: f64) -> f64 {
        let d = self.1.len() / self.0.len();
        let (mut sum, mut total) = (0.0, 0.0);
        for (k, weight) in self.0.iter().enumerate() {
            let u = |j: usize, y: f64| (y - self.1[k * d + j]) / self.2[k * d + j];
            let weight = weight * (0..j).map(|i| (-0.5 * u(i, y[i]).powi(2)).exp() / self.2[k * d + i]).product::<f64>();
            sum += weight * normal_below(u(j, at));
            total += weight;
        }
        sum / total
    }

    /// The outcome whose distribution functions are `levels`.
    fn at(&self, levels: &[f64]) -> Vec<f64> {
        let mut y = Vec::new();
        for (j, level) in levels.iter().enumerate() {
            let (mut low, mut high) = (-20.0, 20.0);
            for _ in 0..80 {
                let middle = 0.5 * (low + high);
                if self.below(&y, j, middle) < *level { low = middle } else { high = middle }
            }
            y.push(0.5 * (low + high));
        }
        y
    }
}

/// `per_row(row, parts, draw)` for each row's mixture under the model's present weights and each of its draws.
fn over_draws(model: &Mixture, x: &Batch, draws: &Batch, mut per_draw: impl FnMut(&Parts<'_>, &[f64], usize)) {
    let (weights, means, deviations) = model.parameters(x).unwrap();
    let d = model.config().outputs;
    for i in 0..x.rows() {
        let parts = Parts(weights.row(i), means.row(i), deviations.row(i));
        for (m, y) in draws.row(i).chunks_exact(d).enumerate() {
            per_draw(&parts, y, i * draws.cols() / d + m);
        }
    }
}

/// Samples at moved weights keep the levels of their distribution functions; the derivative is theirs, in every weight.
#[test]
fn it_matches_central_differences_of_the_solved_function() {
    for (d, k) in [(1, 3), (2, 2), (3, 3)] {
        let mut model = mixture(2, d, k, &[3]);
        let (x, cotangent) = (normals(3, 2, 61), normals(3, 2 * d, 62));
        let drawn = model.draw(&x, 2, STREAM).unwrap();
        assert_eq!(drawn, model.sample(&x, 2, STREAM).unwrap());
        let mut levels = Vec::new();
        over_draws(&model, &x, &drawn, |parts, y, _| levels.push((0..d).map(|j| parts.below(y, j, y[j])).collect::<Vec<_>>()));
        model.zero_grad();
        model.pull_samples(&cotangent).unwrap();
        let gradient = model.gradient();
        let expected = differences(&mut model, |m| {
            let mut sum = 0.0;
            over_draws(m, &x, &drawn, |parts, _, n| {
                sum += parts.at(&levels[n]).iter().zip(&cotangent.as_slice()[n * d..]).map(|(y, c)| y * c).sum::<f64>();
            });
            sum
        });
        assert!(gradient.iter().filter(|g| g.abs() > 1e-3).count() > gradient.len() / 3, "the check must not compare zeros");
        assert_close(&gradient, &expected, 1e-5, 1e-6);
    }
}
