//! `L D L'` of the Gram matrix of the tight constraints, kept as the inverse of `L`, grown and shrunk by one row at a time.
//!
//! With $M = L^{-1}$ every step is a product, whose terms do not wait for each other as those of a substitution do.

use super::kernels::{add_rows, axpy, dot, padded};

/// Factor of a positive definite matrix of up to `capacity` rows.
#[derive(Clone, Debug)]
pub(crate) struct Ldl {
    stride: usize,
    /// Rows of the unit lower triangular `M`, of length `stride`; up to three entries after the diagonal are zero, the rest anything.
    rows: Vec<f64>,
    pivot: Vec<f64>,
    inverse: Vec<f64>,
    size: usize,
    scratch: Vec<f64>,
    sum: Vec<f64>,
}

impl Ldl {
    pub(crate) fn new(capacity: usize) -> Self {
        let stride = padded(capacity) + 4;
        let one = vec![0.0; stride];
        Self {
            stride,
            rows: vec![0.0; stride * (capacity + 1)],
            pivot: one.clone(),
            inverse: one.clone(),
            size: 0,
            scratch: one.clone(),
            sum: one,
        }
    }

    /// Makes room for a row more, and for as many again.
    pub(crate) fn grow(&mut self) {
        if self.size + 1 < self.pivot.len() - 4 {
            return;
        }
        let mut larger = Self::new(2 * self.size + 4);
        for i in 0..self.size {
            larger.rows[i * larger.stride..][..i + 4].copy_from_slice(&self.rows[i * self.stride..][..i + 4]);
        }
        larger.pivot[..self.size].copy_from_slice(&self.pivot[..self.size]);
        larger.inverse[..self.size].copy_from_slice(&self.inverse[..self.size]);
        *self = Self { size: self.size, ..larger };
    }

    /// A copy that only [`Ldl::solve`] can be called on, no larger than it must be.
    pub(super) fn snapshot(&self) -> Self {
        let (size, stride) = (self.size, padded(self.size + 3));
        let mut rows = Vec::with_capacity(size * stride);
        for i in 0..size {
            rows.extend_from_slice(&self.rows[i * self.stride..][..i + 4]);
            rows.resize((i + 1) * stride, 0.0);
        }
        Self { stride, rows, pivot: Vec::new(), inverse: self.inverse[..size].to_vec(), size, scratch: Vec::new(), sum: Vec::new() }
    }

    /// `out = M' D^-1 M rhs`; `y` is scratch, `out` padded.
    #[inline(always)]
    pub(crate) fn solve(&self, rhs: &[f64], y: &mut [f64], out: &mut [f64]) {
        for i in 0..self.size {
            y[i] = dot(self.row(i), rhs) * self.inverse[i];
        }
        add_rows(&y[..self.size], &self.rows, self.stride, out);
    }

    /// Least pivot relative to `diagonal` of its row: small if some row nearly depends on those before it.
    pub(super) fn least_pivot(&self, diagonal: impl Fn(usize) -> f64) -> f64 {
        (0..self.size).map(|k| self.pivot[k] / diagonal(k)).fold(1.0, f64::min)
    }

    pub(super) fn clear(&mut self) {
        self.size = 0;
    }

    #[inline(always)]
    fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.stride..i * self.stride + i + 1]
    }

    /// Prepares a row with the entries `column` of the Gram matrix and `diagonal`; returns its pivot, which is the squared
    /// distance of the new constraint's normal from the span of the others. [`Ldl::accept`] then adds it.
    #[inline(always)]
    pub(crate) fn prepare(&mut self, column: &[f64], diagonal: f64) -> f64 {
        let k = self.size;
        let mut pivot = diagonal;
        for i in 0..k {
            let value = dot(self.row(i), column);
            self.scratch[i] = -value * self.inverse[i];
            pivot += value * self.scratch[i];
        }
        let (rows, new) = self.rows.split_at_mut(k * self.stride);
        add_rows(&self.scratch[..k], rows, self.stride, new);
        pivot
    }

    /// Adds the prepared row.
    #[inline(always)]
    pub(crate) fn accept(&mut self, pivot: f64) {
        let k = self.size;
        self.rows[k * self.stride + k..][..4].copy_from_slice(&[1.0, 0.0, 0.0, 0.0]);
        (self.pivot[k], self.inverse[k]) = (pivot, 1.0 / pivot);
        self.size += 1;
    }

    /// The combination of the present constraints nearest to the prepared one.
    #[inline(always)]
    pub(super) fn combination(&self, p: &mut [f64]) {
        let row = &self.rows[self.size * self.stride..][..self.size];
        p.iter_mut().zip(row).for_each(|(p, r)| *p = -r);
    }

    /// Adds `t` times the change of the others' multipliers that keeps them tight as that of the last row grows.
    #[inline(always)]
    pub(super) fn follow(&self, t: f64, out: &mut [f64]) {
        let last = self.size - 1;
        axpy(t, &self.rows[last * self.stride..][..last + 1], out);
    }

    /// `y = M rhs` from entry `from` on.
    #[inline(always)]
    pub(super) fn resume(&self, rhs: &[f64], y: &mut [f64], from: usize) {
        for i in from..self.size {
            y[i] = dot(self.row(i), rhs);
        }
    }

    /// `out = M' D^-1 y`, the rest of a solve after [`Ldl::resume`].
    #[inline(always)]
    pub(super) fn finish(&mut self, y: &[f64], out: &mut [f64]) {
        let k = self.size;
        for i in 0..k {
            self.scratch[i] = y[i] * self.inverse[i];
        }
        add_rows(&self.scratch[..k], &self.rows, self.stride, &mut self.sum);
        out.copy_from_slice(&self.sum[..k]);
    }

    /// Takes row and column `r` out, and makes `y = M rhs` that of the rest.
    ///
    /// Without row $r$ the rest is $L (D + d_r p p^\top) L^\top$ with $p_i = -M_{ir}$. With $\hat L \hat D \hat L^\top$ the factor of the
    /// middle, $\hat L_{ij} = p_i \beta_j$, row $i$ of $\hat L^{-1} M$ needs only the sum of $\beta_j$ times the rows before it.
    #[inline(always)]
    pub(crate) fn remove(&mut self, r: usize, y: &mut [f64]) {
        let (stride, size) = (self.stride, self.size);
        let (mut weight, taken, mut sum) = (self.pivot[r], y[r], 0.0);
        self.scratch[..r].copy_from_slice(&self.rows[r * stride..r * stride + r]);
        self.sum[..size].fill(0.0);
        for i in r + 1..size {
            let (before, from) = self.rows.split_at_mut(i * stride);
            let (from, to) = (&from[..=i], &mut before[(i - 1) * stride..(i - 1) * stride + i + 3]);
            let p = -from[r];
            let pivot = self.pivot[i] + weight * p * p;
            let beta = weight * p / pivot;
            weight *= self.pivot[i] / pivot;
            (self.pivot[i - 1], self.inverse[i - 1]) = (pivot, 1.0 / pivot);
            let (head, tail) = self.sum[..i].split_at_mut(r);
            for j in 0..r {
                let value = from[j] + p * (self.scratch[j] - head[j]);
                head[j] += beta * value;
                to[j] = value;
            }
            for (j, s) in tail.iter_mut().enumerate() {
                let value = from[r + 1 + j] - p * *s;
                *s += beta * value;
                to[r + j] = value;
            }
            to[i..].fill(0.0);
            y[i - 1] = y[i] + p * (taken - sum);
            sum += beta * y[i - 1];
        }
        self.size -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Rng;

    /// `G = B B'` of the members, and what the factor says of `G z = e` for them.
    fn check(ldl: &mut Ldl, members: &[usize], b: &[Vec<f64>], e: &[f64], y: &[f64]) {
        let mut z = vec![0.0; members.len()];
        ldl.finish(y, &mut z);
        for &i in members {
            let got: f64 = members.iter().zip(&z).map(|(&j, z)| dot(&b[i], &b[j]) * z).sum();
            assert!((got - e[i]).abs() < 1e-9, "{got} against {}", e[i]);
        }
    }

    #[test]
    fn rows_come_and_go() {
        let (mut rng, n) = (Rng::seeded(1), 13);
        let b: Vec<Vec<f64>> = (0..n).map(|_| (0..2 * n).map(|_| rng.normal()).collect()).collect();
        let e: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let (mut ldl, mut members, mut y) = (Ldl::new(n), Vec::<usize>::new(), vec![0.0; n]);
        for _ in 0..200 {
            let i = rng.below(n);
            if let Some(r) = members.iter().position(|&m| m == i) {
                ldl.remove(r, &mut y);
                members.remove(r);
            } else {
                let column: Vec<f64> = members.iter().map(|&m| dot(&b[m], &b[i])).collect();
                let pivot = ldl.prepare(&column, dot(&b[i], &b[i]));
                ldl.accept(pivot);
                members.push(i);
                let rhs: Vec<f64> = members.iter().map(|&m| e[m]).collect();
                ldl.resume(&rhs, &mut y, members.len() - 1);
            }
            check(&mut ldl, &members, &b, &e, &y);
        }
    }

    /// The second row is twice the first: no pivot is left, and the combination says so.
    #[test]
    fn a_dependent_row_is_a_combination() {
        let mut ldl = Ldl::new(2);
        let pivot = ldl.prepare(&[], 4.0);
        ldl.accept(pivot);
        let (pivot, mut p) = (ldl.prepare(&[8.0], 16.0), [0.0]);
        ldl.combination(&mut p);
        assert_eq!((pivot, p), (0.0, [2.0]));
    }
}
