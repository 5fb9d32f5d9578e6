//! Distributions with an exact density, against formulas by hand, quadrature, central differences and their own samples.

mod agreement;
mod contract;
mod decisions;
mod files;
mod flow;
mod gaussian;
mod gru;
mod mixture;
mod mixture_draw;
mod moments;

use dfl_core::{Batch, Generative, Stream};

use crate::common::{assert_close, normals};

const STREAM: Stream = Stream { seed: 3, step: 1 };

fn row(values: &[f64]) -> Batch {
    Batch::from_vec(1, values.len(), values.to_vec()).unwrap()
}

fn filled(rows: usize, cols: usize, value: f64) -> Batch {
    Batch::from_vec(rows, cols, vec![value; rows * cols]).unwrap()
}

/// Gives every weight a normal value of this deviation, so that no parameter of the distribution is a constant.
fn shaken<G: Generative>(mut model: G, deviation: f64, seed: u64) -> G {
    let n = model.values().len();
    let values: Vec<f64> = normals(1, n, seed).as_slice().iter().map(|v| deviation * v).collect();
    model.set_values(&values).unwrap();
    model
}

/// Central differences of `value` in each weight; h = 1e-5 leaves 1e-10 from truncation and rounding.
fn differences<G: Generative>(model: &mut G, mut value: impl FnMut(&mut G) -> f64) -> Vec<f64> {
    let (start, h) = (model.values(), 1e-5);
    let mut at = |k: usize, by: f64, model: &mut G| {
        let mut moved = start.clone();
        moved[k] += by;
        model.set_values(&moved).unwrap();
        value(model)
    };
    let all = (0..start.len()).map(|k| (at(k, h, model) - at(k, -h, model)) / (2.0 * h)).collect();
    model.set_values(&start).unwrap();
    all
}

/// The gradient of the weighted log-likelihood equals central differences of its value in every weight.
fn check_likelihood_gradient<G: Generative>(model: &mut G) {
    let (p, d) = (model.inputs(), model.outputs());
    let (x, y, w) = (normals(4, p, 21), normals(4, 3 * d, 22), normals(4, 3, 23));
    model.zero_grad();
    model.add_log_likelihood(&x, &y, &w, STREAM).unwrap();
    let gradient = model.gradient();
    let expected = differences(model, |m| m.add_log_likelihood(&x, &y, &w, STREAM).unwrap());
    assert!(gradient.iter().filter(|g| g.abs() > 1e-3).count() > gradient.len() / 3, "the check must not compare zeros");
    assert_close(&gradient, &expected, 1e-6, 1e-7);
}

/// What `pull_samples` adds equals central differences of the samples, whose noise stays.
fn check_pulled_samples<G: Generative>(model: &mut G) {
    let (p, d) = (model.inputs(), model.outputs());
    let (x, cotangent) = (normals(4, p, 24), normals(4, 3 * d, 25));
    let along = |y: Batch| y.as_slice().iter().zip(cotangent.as_slice()).map(|(y, c)| y * c).sum::<f64>();
    model.zero_grad();
    model.draw(&x, 3, STREAM).unwrap();
    model.pull_samples(&cotangent).unwrap();
    let gradient = model.gradient();
    let expected = differences(model, |m| along(m.draw(&x, 3, STREAM).unwrap()));
    assert!(gradient.iter().filter(|g| g.abs() > 1e-3).count() > gradient.len() / 3, "the check must not compare zeros");
    assert_close(&gradient, &expected, 1e-6, 1e-7);
}

/// Points of a square grid of `n` by `n` on `[-side, side]^2` as outcomes of one row, and the area of a cell.
fn grid(side: f64, n: usize) -> (Batch, f64) {
    let h = 2.0 * side / (n - 1) as f64;
    let at = |i: usize| h * i as f64 - side;
    let points = (0..n * n).flat_map(|i| [at(i / n), at(i % n)]).collect();
    (Batch::from_vec(1, 2 * n * n, points).unwrap(), h * h)
}

/// Integral of the density times `h(y)` over the points, by the trapezoidal rule; the density must vanish at the border.
fn integral<G: Generative>(model: &G, x: &Batch, points: &Batch, cell: f64, h: impl Fn(&[f64]) -> f64) -> f64 {
    let logs = model.log_density(x, points).unwrap();
    cell * logs.as_slice().iter().zip(points.as_slice().chunks_exact(model.outputs())).map(|(log, y)| log.exp() * h(y)).sum::<f64>()
}

/// Mean and standard error of independent draws.
fn mean_and_error(draws: &[f64]) -> (f64, f64) {
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    (mean, (draws.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n * (n - 1.0))).sqrt())
}

/// A mean within `sigmas` standard errors of what is expected.
fn assert_near(what: &str, (mean, error): (f64, f64), expected: f64, sigmas: f64) {
    assert!((mean - expected).abs() <= sigmas * error, "{what}: {mean} +- {error}, expected {expected}");
}

/// Mean over the rows of the data of the log-density under the model.
fn mean_log_density<G: Generative>(model: &G, x: &Batch, y: &Batch) -> f64 {
    model.log_density(x, y).unwrap().as_slice().iter().sum::<f64>() / x.rows() as f64
}

/// Maximum likelihood on all rows at once, with a rate that falls linearly to zero.
fn fit<G: Generative>(model: &mut G, x: &Batch, y: &Batch, steps: u64, rate: f64) {
    let weights = filled(x.rows(), 1, -1.0 / x.rows() as f64);
    for step in 0..steps {
        model.zero_grad();
        model.add_log_likelihood(x, y, &weights, Stream { seed: 0, step }).unwrap();
        model.step(rate * (1.0 - step as f64 / steps as f64)).unwrap();
    }
}
