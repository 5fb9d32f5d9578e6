//! Batch normalisation and dropout by their moments.

use dfl_core::{Batch, Parameters, Predictor, Stream, Trainable};
use dfl_models::torch::{Architecture, Network};

use crate::common::{assert_close, double, normals};

/// One hidden layer whose affine part is the identity, read out by the identity: what comes out is what the hidden layer did.
fn identity(n: usize, batch_norm: bool, dropout: f64) -> Network {
    let mut model = double(Architecture { batch_norm, dropout, ..Architecture::mlp(n, &[n], n) }, 0);
    let affine = [vec![0.0; n], (0..n * n).map(|k| if k % (n + 1) == 0 { 1.0 } else { 0.0 }).collect()].concat();
    let norm = if batch_norm { [vec![0.0; n], vec![1.0; n]].concat() } else { Vec::new() };
    let running = if batch_norm { [vec![0.0; n], vec![1.0; n]].concat() } else { Vec::new() };
    model.set_values(&[affine.clone(), affine, norm, running].concat()).unwrap();
    model
}

fn column_moments(batch: &Batch, j: usize) -> (f64, f64) {
    let n = batch.rows() as f64;
    let mean = batch.iter().map(|r| r[j]).sum::<f64>() / n;
    (mean, batch.iter().map(|r| (r[j] - mean).powi(2)).sum::<f64>() / n)
}

/// Training: max(0, (x - mean) / sqrt(variance + 1e-5)) with the batch's own moments.
#[test]
fn training_normalises_by_the_batch() {
    let (mut model, x) = (identity(3, true, 0.0), normals(40, 3, 6));
    let out = model.forward(&x, Stream::default()).unwrap();
    for j in 0..3 {
        let (mean, variance) = column_moments(&x, j);
        let expected: Vec<f64> = x.iter().map(|r| ((r[j] - mean) / (variance + 1e-5).sqrt()).max(0.0)).collect();
        assert_close(&out.iter().map(|r| r[j]).collect::<Vec<_>>(), &expected, 1e-12, 1e-12);
    }
}

/// After k passes over the same batch the running mean is (1 - 0.9^k) mean, the variance (unbiased) 0.9^k + (1 - 0.9^k) s^2;
/// predictions use these.
#[test]
fn prediction_normalises_by_running_statistics() {
    let (mut model, x, k) = (identity(2, true, 0.0), normals(30, 2, 7), 4);
    (0..k).for_each(|_| drop(model.forward(&x, Stream::default()).unwrap()));
    let old = 0.9_f64.powi(k);
    let moments: Vec<(f64, f64)> = (0..2).map(|j| column_moments(&x, j)).collect();
    let means: Vec<f64> = moments.iter().map(|m| (1.0 - old) * m.0).collect();
    let variances: Vec<f64> = moments.iter().map(|m| old + (1.0 - old) * m.1 * 30.0 / 29.0).collect();
    let values = model.values();
    assert_close(&values[values.len() - 4..], &[means.clone(), variances.clone()].concat(), 1e-12, 1e-14);
    let expected: Vec<f64> =
        x.iter().flat_map(|r| (0..2).map(|j| ((r[j] - means[j]) / (variances[j] + 1e-5).sqrt()).max(0.0)).collect::<Vec<_>>()).collect();
    assert_close(model.predict(&x).unwrap().as_slice(), &expected, 1e-12, 1e-12);
}

/// With p = 0.2 a unit of value 1 becomes 0 or about 1.25; share and mean within 5 standard errors (n = 40000: 0.002, 0.0025).
#[test]
fn dropout_keeps_the_mean_and_drops_its_share() {
    let (rows, n) = (400, 100);
    let mut model = identity(n, false, 0.2);
    let ones = Batch::from_vec(rows, n, vec![1.0; rows * n]).unwrap();
    let out = model.forward(&ones, Stream { seed: 1, step: 1 }).unwrap();
    let dropped = out.as_slice().iter().filter(|v| **v == 0.0).count() as f64 / (rows * n) as f64;
    let mean = out.as_slice().iter().sum::<f64>() / (rows * n) as f64;
    assert!((dropped - 0.2).abs() < 0.01 && (mean - 1.0).abs() < 0.0125, "dropped {dropped}, mean {mean}");
    assert!(out.as_slice().iter().all(|v| *v == 0.0 || (v - 1.25).abs() < 1e-4));
    assert_eq!(model.predict(&ones).unwrap(), ones, "no dropout in prediction");
}

#[test]
fn dropout_is_a_function_of_seed_and_step() {
    let (mut model, x) = (identity(50, false, 0.5), normals(4, 50, 3));
    let mut at = |seed, step| model.forward(&x, Stream { seed, step }).unwrap();
    assert_eq!(at(1, 1), at(1, 1));
    assert_ne!(at(1, 1), at(1, 2));
    assert_ne!(at(1, 1), at(2, 1));
}
