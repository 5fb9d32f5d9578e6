//! Orthonormal bases of what vectors span, and which of them depend on the others.

use faer::{Mat, Side as Triangle};

use dfl_core::dense::dot;
use dfl_core::{Csc, Error, Result};

use crate::active_set::kernels::axpy;

/// A vector of which this share or less is outside the span of others depends on them.
const DEPENDENT: f64 = 1e-9;

/// Vectors one after the other, by Gram and Schmidt, each taken out twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    basis: Vec<Vec<f64>>,
    /// Each vector of the basis as a combination of the vectors given.
    made: Vec<Vec<f64>>,
    given: usize,
}

impl Span {
    pub(super) fn rank(&self) -> usize {
        self.basis.len()
    }

    /// What of `v` is outside the span, and the combination of the vectors given that the rest is.
    fn split(&self, v: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (mut rest, mut combination) = (v.to_vec(), vec![0.0; self.given]);
        for _ in 0..2 {
            for (q, made) in self.basis.iter().zip(&self.made) {
                let share = dot(q, &rest);
                axpy(-share, q, &mut rest);
                axpy(share, made, &mut combination);
            }
        }
        (rest, combination)
    }

    /// The combination of the vectors given that `v` is, if it is one.
    pub(super) fn combination(&self, v: &[f64]) -> Option<Vec<f64>> {
        let (rest, combination) = self.split(v);
        (norm(&rest) <= DEPENDENT * norm(v)).then_some(combination)
    }

    /// Gives one more vector; returns the combination of the earlier ones that it is, if it is one.
    pub(super) fn push(&mut self, v: &[f64]) -> Option<Vec<f64>> {
        let (rest, combination) = self.split(v);
        let length = norm(&rest);
        self.given += 1;
        self.made.iter_mut().for_each(|made| made.push(0.0));
        if length <= DEPENDENT * norm(v) {
            return Some(combination);
        }
        self.basis.push(rest.iter().map(|r| r / length).collect());
        self.made.push(combination.iter().map(|c| -c / length).chain([1.0 / length]).collect());
        None
    }

    /// An orthonormal basis of what is orthogonal to the span among the unit vectors of `axes`, `n` entries each.
    pub(super) fn complement(&self, n: usize, axes: &[usize]) -> Vec<Vec<f64>> {
        let mut all = self.basis.clone();
        let mut left: Vec<f64> = axes.iter().map(|&j| 1.0 - all.iter().map(|q| q[j] * q[j]).sum::<f64>()).collect();
        let size = axes.len().saturating_sub(self.rank());
        for _ in 0..size {
            // The axis with the largest part outside.
            let k = (0..axes.len()).fold(0, |best, k| if left[k] > left[best] { k } else { best });
            let mut z = vec![0.0; n];
            z[axes[k]] = 1.0;
            for _ in 0..2 {
                for q in &all {
                    let share = dot(q, &z);
                    axpy(-share, q, &mut z);
                }
            }
            let length = norm(&z);
            z.iter_mut().for_each(|v| *v /= length);
            left.iter_mut().zip(axes).for_each(|(left, &j)| *left -= z[j] * z[j]);
            all.push(z);
        }
        all.split_off(self.rank())
    }
}

/// `Z'PZ`, row by row, for the vectors of `z`.
pub(super) fn reduced(p: &Csc, z: &[Vec<f64>]) -> Vec<f64> {
    let image = |v: &Vec<f64>| {
        let mut out = vec![0.0; v.len()];
        p.symmetric_mul_add(1.0, v, &mut out);
        out
    };
    let images: Vec<Vec<f64>> = z.iter().map(image).collect();
    z.iter().flat_map(|a| images.iter().map(move |b| dot(a, b))).collect()
}

/// Eigenvalues of a symmetric matrix, least first, each with its eigenvector.
pub(super) fn eigen(matrix: &[f64], size: usize) -> Result<Vec<(f64, Vec<f64>)>> {
    if size == 0 {
        return Ok(Vec::new());
    }
    let matrix = Mat::from_fn(size, size, |i, j| matrix[i * size + j]);
    let failed = |_| Error::Domain { what: "reduced Hessian", value: f64::NAN, need: "finite: rescale the model" };
    let found = matrix.self_adjoint_eigen(Triangle::Lower).map_err(failed)?;
    let values = found.S().column_vector().iter().copied();
    Ok(values.enumerate().map(|(k, value)| (value, (0..size).map(|i| found.U()[(i, k)]).collect())).collect())
}

fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (1, 1, 0), (0, 1, 1) and their difference; what is orthogonal to them is (1, -1, 1).
    #[test]
    fn dependence_and_complement_by_hand() {
        let mut span = Span::default();
        assert_eq!(span.push(&[1.0, 1.0, 0.0]), None);
        assert_eq!(span.push(&[0.0, 1.0, 1.0]), None);
        let combination = span.push(&[1.0, 0.0, -1.0]).unwrap();
        assert!((combination[0] - 1.0).abs() < 1e-15 && (combination[1] + 1.0).abs() < 1e-15, "{combination:?}");
        assert_eq!((span.rank(), span.combination(&[0.0, 0.0, 1.0])), (2, None));
        let z = span.complement(3, &[0, 1, 2]);
        assert_eq!(z.len(), 1);
        let length = 3.0_f64.sqrt();
        let sign = z[0][0].signum();
        z[0].iter().zip([1.0, -1.0, 1.0]).for_each(|(z, by_hand)| assert!((sign * z - by_hand / length).abs() < 1e-15));
        assert_eq!(span.complement(3, &[]).len(), 0);
    }
}
