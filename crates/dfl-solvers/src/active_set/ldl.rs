//! `L D L'` of the Gram matrix of the tight constraints, grown and shrunk by one row at a time.

use super::kernels::{axpy, dot};

/// Factor of a positive definite matrix of up to `capacity` rows.
#[derive(Clone, Debug)]
pub(super) struct Ldl {
    /// Rows of the strictly lower triangle, one after the other.
    lower: Vec<f64>,
    pivot: Vec<f64>,
    inverse: Vec<f64>,
    size: usize,
    scratch: Vec<f64>,
    other: Vec<f64>,
}

#[inline(always)]
fn start(row: usize) -> usize {
    row * row.saturating_sub(1) / 2
}

impl Ldl {
    pub(super) fn new(capacity: usize) -> Self {
        let (lower, one) = (vec![0.0; start(capacity + 1)], vec![0.0; capacity + 1]);
        Self { lower, pivot: one.clone(), inverse: one.clone(), size: 0, scratch: one.clone(), other: one }
    }

    pub(super) fn clear(&mut self) {
        self.size = 0;
    }

    /// Prepares a row with the entries `column` of the Gram matrix and `diagonal`; returns its pivot, which is the squared
    /// distance of the new constraint's normal from the span of the others. [`Ldl::accept`] then adds it.
    #[inline(always)]
    pub(super) fn prepare(&mut self, column: &[f64], diagonal: f64) -> f64 {
        let k = self.size;
        self.forward(column, 0);
        let row = &mut self.lower[start(k)..start(k) + k];
        let mut pivot = diagonal;
        for i in 0..k {
            row[i] = self.scratch[i] * self.inverse[i];
        }
        pivot -= dot(row, &self.scratch[..k]);
        pivot
    }

    /// Adds the prepared row.
    #[inline(always)]
    pub(super) fn accept(&mut self, pivot: f64) {
        (self.pivot[self.size], self.inverse[self.size]) = (pivot, 1.0 / pivot);
        self.size += 1;
    }

    /// The combination `p` of the present constraints nearest to the prepared one: `L' p = row`.
    #[inline(always)]
    pub(super) fn combination(&self, p: &mut [f64]) {
        p[..self.size].copy_from_slice(&self.lower[start(self.size)..start(self.size) + self.size]);
        self.transposed(p);
    }

    /// Continues `y = L^-1 rhs` from entry `from`, in place.
    #[inline(always)]
    pub(super) fn resume(&self, rhs: &[f64], y: &mut [f64], from: usize) {
        for i in from..self.size {
            y[i] = rhs[i] - dot(&self.lower[start(i)..start(i) + i], &y[..i]);
        }
    }

    #[inline(always)]
    fn forward(&mut self, rhs: &[f64], from: usize) {
        for i in from..self.size {
            self.scratch[i] = rhs[i] - dot(&self.lower[start(i)..start(i) + i], &self.scratch[..i]);
        }
    }

    /// `out = L^-T D^-1 y`, the rest of a solve after [`Ldl::resume`].
    #[inline(always)]
    pub(super) fn finish(&self, y: &[f64], out: &mut [f64]) {
        for i in 0..self.size {
            out[i] = y[i] * self.inverse[i];
        }
        self.transposed(out);
    }

    #[inline(always)]
    fn transposed(&self, out: &mut [f64]) {
        for i in (1..self.size).rev() {
            let (before, rest) = out.split_at_mut(i);
            axpy(-rest[0], &self.lower[start(i)..start(i) + i], before);
        }
    }

    /// Takes row and column `r` out: the rows below get its part back by an update of rank one (positive, hence stable).
    #[inline(always)]
    pub(super) fn remove(&mut self, r: usize) {
        let mut weight = self.pivot[r];
        for i in r + 1..self.size {
            let (from, to) = (start(i), start(i - 1));
            let mut w = self.lower[from + r];
            self.lower.copy_within(from..from + r, to);
            for j in r + 1..i {
                let old = self.lower[from + j];
                w -= self.scratch[j] * old;
                self.lower[to + j - 1] = old + self.other[j] * w;
            }
            let pivot = self.pivot[i] + weight * w * w;
            self.scratch[i] = w;
            self.other[i] = weight * w / pivot;
            weight *= self.pivot[i] / pivot;
            (self.pivot[i - 1], self.inverse[i - 1]) = (pivot, 1.0 / pivot);
        }
        self.size -= 1;
    }
}
