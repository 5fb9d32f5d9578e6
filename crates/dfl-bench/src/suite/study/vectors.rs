//! Gradients as vectors.

use dfl_core::Stream;
pub(super) use dfl_core::dense::dot;
use dfl_core::metrics::{mean, standard_error};

use crate::tasks::Figure;

pub(super) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// NaN if one is zero.
pub(super) fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (norm(a) * norm(b))
}

pub(super) fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Their mean; none of no vector.
pub(super) fn mean_of(vectors: &[Vec<f64>]) -> Vec<f64> {
    let Some(first) = vectors.first() else { return Vec::new() };
    let mut sum = vec![0.0; first.len()];
    for vector in vectors {
        sum.iter_mut().zip(vector).for_each(|(sum, v)| *sum += v / vectors.len() as f64);
    }
    sum
}

pub(super) fn figure(metric: &'static str, values: &[f64]) -> Figure {
    Figure { metric, value: mean(values), se: standard_error(values) }
}

pub(super) fn normals(n: usize, stream: Stream, purpose: &str) -> Vec<f64> {
    let mut rng = stream.rng(purpose, dfl_core::Key::default());
    (0..n).map(|_| rng.normal()).collect()
}
