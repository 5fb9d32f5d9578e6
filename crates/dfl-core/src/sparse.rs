use crate::{Error, Result, check_len};

/// A sparse matrix by compressed columns, rows sorted and unique within each column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Csc {
    rows: usize,
    cols: usize,
    col_ptr: Vec<usize>,
    row_idx: Vec<usize>,
    values: Vec<f64>,
}

impl Csc {
    /// A matrix without entries.
    pub fn empty(rows: usize, cols: usize) -> Self {
        Self { rows, cols, col_ptr: vec![0; cols + 1], row_idx: Vec::new(), values: Vec::new() }
    }

    /// Builds from `(row, column, value)`; entries of one position are added up. Explicit zeros stay, since a parameter may move them.
    ///
    /// # Errors
    /// [`Error::Dimension`] for an index outside the matrix.
    pub fn from_triplets(rows: usize, cols: usize, triplets: &[(usize, usize, f64)]) -> Result<Self> {
        let mut sorted = triplets.to_vec();
        sorted.sort_by_key(|&(i, j, _)| (j, i));
        let mut out = Self { rows, cols, col_ptr: vec![0; cols + 1], row_idx: Vec::new(), values: Vec::new() };
        let mut last = None;
        for (i, j, v) in sorted {
            if i >= rows || j >= cols {
                let (what, expected, got) = if i >= rows { ("row index bound", rows, i) } else { ("column index bound", cols, j) };
                return Err(Error::Dimension { what, expected, got });
            }
            if last == Some((i, j)) {
                *out.values.last_mut().expect("an entry was pushed for `last`") += v;
            } else {
                out.row_idx.push(i);
                out.values.push(v);
                out.col_ptr[j + 1] += 1;
                last = Some((i, j));
            }
        }
        for j in 0..cols {
            out.col_ptr[j + 1] += out.col_ptr[j];
        }
        Ok(out)
    }

    /// A diagonal matrix.
    pub fn diagonal(d: &[f64]) -> Self {
        Self { rows: d.len(), cols: d.len(), col_ptr: (0..=d.len()).collect(), row_idx: (0..d.len()).collect(), values: d.to_vec() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of stored entries.
    pub fn nnz(&self) -> usize {
        self.values.len()
    }

    /// Start of each column in `row_idx`, and the end of the last one: `[cols + 1]`.
    pub fn col_ptr(&self) -> &[usize] {
        &self.col_ptr
    }

    /// Row of each stored entry.
    pub fn row_idx(&self) -> &[usize] {
        &self.row_idx
    }

    /// Stored values, column by column.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Stored values, to write; the pattern stays.
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// Entries of column `j` as `(row, value)`.
    pub fn col(&self, j: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        (self.col_ptr[j]..self.col_ptr[j + 1]).map(|k| (self.row_idx[k], self.values[k]))
    }

    /// All stored entries as `(row, column, value)`, column by column.
    pub fn triplets(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        (0..self.cols).flat_map(move |j| self.col(j).map(move |(i, v)| (i, j, v)))
    }

    /// Position of entry `(i, j)` among the stored ones.
    pub fn position(&self, i: usize, j: usize) -> Option<usize> {
        let (from, to) = (*self.col_ptr.get(j)?, *self.col_ptr.get(j + 1)?);
        self.row_idx[from..to].binary_search(&i).ok().map(|k| from + k)
    }

    /// Row and column of each stored entry, in storage order.
    pub fn positions(&self) -> Vec<(usize, usize)> {
        self.triplets().map(|(i, j, _)| (i, j)).collect()
    }

    /// `out += s A x`.
    pub fn mul_add(&self, s: f64, x: &[f64], out: &mut [f64]) {
        for (i, j, v) in self.triplets() {
            out[i] += s * v * x[j];
        }
    }

    /// `out += s A' x`.
    pub fn mul_t_add(&self, s: f64, x: &[f64], out: &mut [f64]) {
        for (i, j, v) in self.triplets() {
            out[j] += s * v * x[i];
        }
    }

    /// `out += s P x` where only the upper triangle of the symmetric `P` is stored.
    pub fn symmetric_mul_add(&self, s: f64, x: &[f64], out: &mut [f64]) {
        for (i, j, v) in self.triplets() {
            out[i] += s * v * x[j];
            if i != j {
                out[j] += s * v * x[i];
            }
        }
    }

    /// Refuses another size.
    ///
    /// # Errors
    /// [`Error::Dimension`] naming `what`.
    pub fn check_size(&self, what: &'static str, rows: usize, cols: usize) -> Result<()> {
        check_len(what, rows, self.rows)?;
        check_len(what, cols, self.cols)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triplets_are_sorted_and_added_up() {
        let a = Csc::from_triplets(2, 3, &[(1, 2, 1.0), (0, 0, 2.0), (1, 2, 3.0)]).unwrap();
        assert_eq!(a.triplets().collect::<Vec<_>>(), [(0, 0, 2.0), (1, 2, 4.0)]);
        assert_eq!(a.position(1, 2), Some(1));
        assert_eq!(a.position(0, 2), None);
    }

    /// `A = [1 2; 0 3]`: `A (1,1) = (3,3)`, `A'(1,1) = (1,5)`; as the upper triangle of a symmetric matrix `(3,5)`.
    #[test]
    fn products_by_hand() {
        let a = Csc::from_triplets(2, 2, &[(0, 0, 1.0), (0, 1, 2.0), (1, 1, 3.0)]).unwrap();
        let product = |f: &dyn Fn(&mut [f64])| {
            let mut out = [0.0; 2];
            f(&mut out);
            out
        };
        assert_eq!(product(&|o| a.mul_add(1.0, &[1.0, 1.0], o)), [3.0, 3.0]);
        assert_eq!(product(&|o| a.mul_t_add(1.0, &[1.0, 1.0], o)), [1.0, 5.0]);
        assert_eq!(product(&|o| a.symmetric_mul_add(1.0, &[1.0, 1.0], o)), [3.0, 5.0]);
    }

    #[test]
    fn an_index_outside_is_refused() {
        assert!(matches!(Csc::from_triplets(1, 1, &[(0, 1, 1.0)]), Err(Error::Dimension { what: "column index bound", .. })));
    }
}
