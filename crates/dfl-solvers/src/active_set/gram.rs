//! Columns of the Gram matrix `G = A H^-1 A'` of all constraints, each computed when it is first asked for.

use super::kernels::padded;
use super::model::Model;

/// The matrix, of which `known` columns are filled in.
#[derive(Clone, Debug)]
pub(super) struct Gram {
    /// Padded length of a column.
    stride: usize,
    columns: Vec<f64>,
    known: Vec<bool>,
    scratch: Vec<f64>,
    moved: Vec<f64>,
}

impl Gram {
    /// Room for all columns of `size` constraints on `n` variables. The memory is asked for, not touched.
    pub(super) fn new(n: usize, size: usize) -> Self {
        let stride = padded(size);
        let vector = vec![0.0; padded(n)];
        Self { stride, columns: vec![0.0; size * stride], known: vec![false; size], scratch: vector.clone(), moved: vector }
    }

    /// Forgets all columns.
    pub(super) fn clear(&mut self) {
        self.known.fill(false);
    }

    /// Makes column `i` known: the change of every constraint's value along `H^-1 a_i`.
    #[inline(always)]
    pub(super) fn need(&mut self, model: &Model, i: usize) {
        if !self.known[i] {
            self.scratch.fill(0.0);
            model.add_normal(i, 1.0, &mut self.scratch);
            model.metric.solve(&self.scratch, &mut self.moved);
            model.values(&self.moved, &mut self.columns[i * self.stride..(i + 1) * self.stride]);
            self.known[i] = true;
        }
    }

    /// Column `i`, which is known.
    #[inline(always)]
    pub(super) fn column(&self, i: usize) -> &[f64] {
        &self.columns[i * self.stride..(i + 1) * self.stride]
    }

    /// All columns, one after the other.
    #[inline(always)]
    pub(super) fn columns(&self) -> &[f64] {
        &self.columns
    }
}
