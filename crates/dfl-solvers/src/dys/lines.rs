//! Sparse matrices by rows, multiplied with several vectors at once.

/// `L` vectors side by side: entry `i` of all of them is contiguous, so that one instruction serves several of them. Each goes its own way:
/// no lane's result depends on `L` or on what is in the others.
pub(super) type Lane<const L: usize> = [f64; L];

/// A sparse matrix by rows. What iterates reads it in order, all of it, so indices are short.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    start: Vec<u32>,
    index: Vec<u32>,
    value: Vec<f64>,
}

impl Lines {
    /// From `(row, column, value)`; entries of a row stay in the order given.
    pub(super) fn new(rows: usize, entries: &[(usize, usize, f64)]) -> Self {
        let mut out = Self { start: vec![0; rows + 1], index: vec![0; entries.len()], value: vec![0.0; entries.len()] };
        entries.iter().for_each(|&(i, ..)| out.start[i + 1] += 1);
        (0..rows).for_each(|i| out.start[i + 1] += out.start[i]);
        let mut next = out.start.clone();
        for &(i, j, v) in entries {
            let k = next[i] as usize;
            (out.index[k], out.value[k]) = (j as u32, v);
            next[i] += 1;
        }
        out
    }

    pub(super) fn nnz(&self) -> usize {
        self.value.len()
    }

    pub(super) fn rows(&self) -> usize {
        self.start.len() - 1
    }

    /// Entries of row `i` as `(column, value)`.
    #[inline(always)]
    pub(super) fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.start[i] as usize..self.start[i + 1] as usize;
        self.index[range.clone()].iter().zip(&self.value[range]).map(|(&j, &v)| (j as usize, v))
    }

    /// Row `i` times each vector of `x`, in two sums of every other entry.
    #[inline(always)]
    pub(super) fn dot<const L: usize>(&self, i: usize, x: &[Lane<L>]) -> Lane<L> {
        let range = self.start[i] as usize..self.start[i + 1] as usize;
        let ((index, last_index), (value, last_value)) = (self.index[range.clone()].as_chunks::<2>(), self.value[range].as_chunks::<2>());
        let (mut even, mut odd) = ([0.0; L], [0.0; L]);
        for (&[j, k], &[v, w]) in index.iter().zip(value) {
            let (x, y) = (&x[j as usize], &x[k as usize]);
            for l in 0..L {
                even[l] += v * x[l];
            }
            for l in 0..L {
                odd[l] += w * y[l];
            }
        }
        for (&j, &v) in last_index.iter().zip(last_value) {
            let x = &x[j as usize];
            for l in 0..L {
                even[l] += v * x[l];
            }
        }
        for l in 0..L {
            even[l] += odd[l];
        }
        even
    }

    /// The transposed matrix, of `columns` rows; rows are in order in each.
    pub(super) fn transpose(&self, columns: usize) -> Self {
        let entries: Vec<_> = (0..self.rows()).flat_map(|i| self.row(i).map(move |(j, v)| (j, i, v))).collect();
        Self::new(columns, &entries)
    }
}
