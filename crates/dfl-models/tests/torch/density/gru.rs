//! The recurrent Gaussian against a second implementation: the cell on slices.

use std::f64::consts::TAU;

use dfl_core::{Error, Generative, Parameters, Predictor};
use dfl_models::torch::{Device, Gru, GruConfig, Precision};

use super::{check_likelihood_gradient, check_pulled_samples, mean_log_density, shaken};
use crate::common::normals;

const STEPS: usize = 4;
const EACH: usize = 3;

fn gru(hidden: &[usize], outputs: usize) -> Gru {
    let config = GruConfig { hidden: hidden.to_vec(), precision: Precision::Double, ..GruConfig::new(STEPS * EACH, STEPS, outputs) };
    shaken(Gru::new(config, 0, Device::Cpu).unwrap(), 0.6, 41)
}

/// Takes so many numbers off the front.
fn take<'v>(values: &mut &'v [f64], n: usize) -> &'v [f64] {
    let (front, rest) = values.split_at(n);
    *values = rest;
    front
}

/// `W x` for a row-major `[rows, x]`.
fn product(w: &[f64], x: &[f64]) -> Vec<f64> {
    w.chunks_exact(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
}

/// States of one layer, oldest first, from the weights on its inputs `[3 h, n]` and on its state `[3 h, h]` with their biases.
fn layer(inputs: &[Vec<f64>], h: usize, weights: [&[f64]; 4]) -> Vec<Vec<f64>> {
    let [on_input, on_state, b, c] = weights;
    let logistic = |v: f64| 1.0 / (1.0 + (-v).exp());
    let mut state = vec![0.0; h];
    let step = |x: &Vec<f64>| {
        let (i, s) = (product(on_input, x), product(on_state, &state));
        for k in 0..h {
            let r = logistic(i[k] + b[k] + s[k] + c[k]);
            let z = logistic(i[h + k] + b[h + k] + s[h + k] + c[h + k]);
            let n = (i[2 * h + k] + b[2 * h + k] + r * (s[2 * h + k] + c[2 * h + k])).tanh();
            state[k] = (1.0 - z) * n + z * state[k];
        }
        state.clone()
    };
    inputs.iter().map(step).collect()
}

/// Means and log-deviations of one row. Values are in the order of the tensors' names: each layer's biases before its weights, the affine
/// layer last.
fn by_hand(model: &Gru, x: &[f64]) -> Vec<f64> {
    let (values, hidden) = (model.values(), &model.config().hidden);
    let mut rest = &values[..];
    let mut states: Vec<Vec<f64>> = x.chunks(EACH).map(<[f64]>::to_vec).collect();
    for &h in hidden {
        let n = states[0].len();
        let (b, c) = (take(&mut rest, 3 * h), take(&mut rest, 3 * h));
        let (on_input, on_state) = (take(&mut rest, 3 * h * n), take(&mut rest, 3 * h * h));
        states = layer(&states, h, [on_input, on_state, b, c]);
    }
    let outputs = 2 * model.outputs();
    let (bias, weight) = (take(&mut rest, outputs), take(&mut rest, outputs * hidden[hidden.len() - 1]));
    assert!(rest.is_empty());
    product(weight, &states[states.len() - 1]).iter().zip(bias).map(|(w, b)| w + b).collect()
}

#[test]
fn the_cell_on_slices_gives_the_same() {
    for hidden in [&[5][..], &[5, 2], &[3, 4, 2]] {
        let model = gru(hidden, 2);
        let (x, y) = (normals(6, STEPS * EACH, 1), normals(6, 2, 2));
        let (means, logs) = (model.predict(&x).unwrap(), model.log_density(&x, &y).unwrap());
        for i in 0..6 {
            let heads = by_hand(&model, x.row(i));
            let mut log = -TAU.ln();
            for j in 0..2 {
                assert!((means.row(i)[j] - heads[j]).abs() < 1e-13, "{hidden:?}: {} {}", means.row(i)[j], heads[j]);
                log -= heads[2 + j] + 0.5 * ((y.row(i)[j] - heads[j]) / heads[2 + j].exp()).powi(2);
            }
            assert!((logs.row(i)[0] - log).abs() < 1e-11 * (1.0 + log.abs()), "{} {log}", logs.row(i)[0]);
        }
    }
}

#[test]
fn gradients_match_central_differences() {
    check_likelihood_gradient(&mut gru(&[4, 3], 2));
    check_pulled_samples(&mut gru(&[4, 3], 2));
}

/// Only a memory can tell: the outcome is the first step's feature. It starts as a standard Gaussian, at -1/2 ln(2 pi) - 1/2 in the mean.
#[test]
fn what_was_first_is_remembered() {
    let x = normals(256, 6, 3);
    let first: Vec<f64> = x.iter().map(|row| row[0]).collect();
    let y = dfl_core::Batch::from_vec(256, 1, first).unwrap();
    let config = GruConfig { hidden: vec![8, 8], ..GruConfig::new(6, 6, 1) };
    let mut model = Gru::new(config, 5, Device::Cpu).unwrap();
    let before = mean_log_density(&model, &x, &y);
    super::fit(&mut model, &x, &y, 300, 0.02);
    let after = mean_log_density(&model, &x, &y);
    println!("log-density {before:.2} before, {after:.2} after");
    assert!(before < -1.2 && after > 0.0, "{before} {after}");
}

#[test]
fn steps_that_do_not_divide_the_features_are_named() {
    let field = |config| match Gru::new(config, 0, Device::Cpu).unwrap_err() {
        Error::Domain { what, .. } => what,
        other => panic!("{other}"),
    };
    assert_eq!(field(GruConfig::new(7, 2, 1)), "features of all steps");
    assert_eq!(field(GruConfig::new(6, 0, 1)), "steps in time");
    assert_eq!(field(GruConfig { hidden: Vec::new(), ..GruConfig::new(6, 2, 1) }), "recurrent layers");
    assert_eq!(field(GruConfig { hidden: vec![3, 0], ..GruConfig::new(6, 2, 1) }), "hidden width");
}
