//! The rows of `A` that have a finite side, dense or sparse.

use dfl_core::Csc;

use super::kernels::{add_scaled, dot, multiply, padded};
use super::units::Units;

/// Above this share of entries a matrix is kept dense.
const DENSE: f64 = 0.25;

/// The kept rows of `A`, row by row.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    n: usize,
    /// Kept rows, as numbered in the program.
    pub(super) kept: Vec<usize>,
    /// Place of each row of the program among the kept ones.
    place: Vec<usize>,
    store: Store,
}

#[derive(Clone, Debug)]
enum Store {
    /// Row by row, and column by column, each padded.
    Dense {
        rows: Vec<f64>,
        columns: Vec<f64>,
    },
    Sparse {
        start: Vec<usize>,
        column: Vec<usize>,
        value: Vec<f64>,
        cursor: Vec<usize>,
    },
}

impl Rows {
    /// Room for the rows `kept` of `a`, and their values.
    pub(super) fn new(a: &Csc, kept: Vec<usize>, units: &Units) -> Self {
        let (n, m) = (a.cols(), kept.len());
        let mut place = vec![usize::MAX; a.rows()];
        kept.iter().enumerate().for_each(|(k, &i)| place[i] = k);
        let mut start = vec![0; m + 1];
        a.row_idx().iter().filter(|&&i| place[i] != usize::MAX).for_each(|&i| start[place[i] + 1] += 1);
        (0..m).for_each(|k| start[k + 1] += start[k]);
        let entries = start[m];
        let store = if entries as f64 > DENSE * (n * m) as f64 {
            Store::Dense { rows: vec![0.0; padded(n) * m], columns: vec![0.0; n * padded(m)] }
        } else {
            Store::Sparse { start, column: vec![0; entries], value: vec![0.0; entries], cursor: vec![0; m] }
        };
        let mut out = Self { n, kept, place, store };
        out.fill(a, units);
        out
    }

    /// Takes over the values of `a`, whose pattern is that of `new`, in other units.
    pub(super) fn fill(&mut self, a: &Csc, units: &Units) {
        let kept_rows = self.kept.len();
        let Self { n, place, store, .. } = self;
        let kept = a.triplets().filter(|t| place[t.0] != usize::MAX).map(|(i, j, v)| (place[i], j, v * units.row[i] * units.column[j]));
        match store {
            Store::Dense { rows, columns } => {
                let (by_row, by_column) = (padded(*n), padded(kept_rows));
                kept.for_each(|(k, j, v)| (rows[k * by_row + j], columns[j * by_column + k]) = (v, v));
            }
            Store::Sparse { start, column, value, cursor } => {
                cursor.copy_from_slice(&start[..start.len() - 1]);
                for (k, j, v) in kept {
                    (column[cursor[k]], value[cursor[k]]) = (j, v);
                    cursor[k] += 1;
                }
            }
        }
    }

    /// Number of kept rows.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Euclidean norm of `a_k`.
    pub(super) fn norm(&self, k: usize) -> f64 {
        let values = match &self.store {
            Store::Dense { rows, .. } => &rows[k * padded(self.n)..][..padded(self.n)],
            Store::Sparse { start, value, .. } => &value[start[k]..start[k + 1]],
        };
        values.iter().map(|v| v * v).sum::<f64>().sqrt()
    }

    /// `a_k'x`; `x` is padded.
    #[inline(always)]
    pub(super) fn dot(&self, k: usize, x: &[f64]) -> f64 {
        match &self.store {
            Store::Dense { rows, .. } => dot(&rows[k * padded(self.n)..][..padded(self.n)], x),
            Store::Sparse { start, column, value, .. } => {
                let range = start[k]..start[k + 1];
                column[range.clone()].iter().zip(&value[range]).map(|(&j, v)| v * x[j]).sum()
            }
        }
    }

    /// `out += s a_k`; `out` is padded.
    #[inline(always)]
    pub(super) fn add(&self, k: usize, s: f64, out: &mut [f64]) {
        match &self.store {
            Store::Dense { rows, .. } => add_scaled(s, &rows[k * padded(self.n)..][..padded(self.n)], out),
            Store::Sparse { start, column, value, .. } => {
                let range = start[k]..start[k + 1];
                column[range.clone()].iter().zip(&value[range]).for_each(|(&j, v)| out[j] += s * v);
            }
        }
    }

    /// `out = A x` for an `x` of `n` entries; `out` is padded.
    #[inline(always)]
    pub(super) fn mul(&self, x: &[f64], out: &mut [f64]) {
        if let Store::Dense { columns, .. } = &self.store {
            return multiply(x, columns, padded(self.len()), out);
        }
        for (k, to) in out.iter_mut().enumerate().take(self.len()) {
            *to = self.dot(k, x);
        }
    }
}
