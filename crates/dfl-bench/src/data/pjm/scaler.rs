//! Standardisation of columns.

use dfl_core::{Batch, Result, check_len};

/// Subtracts a mean and divides by a standard deviation, column by column.
///
/// A column that is constant on the rows it was fitted on is left as it is (mean 0, deviation 1): a constant 1 stays an intercept, and a flag
/// that was never set stays a flag.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaler {
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Scaler {
    /// Mean and population standard deviation (divisor `n`) of each column over the rows `over`.
    pub fn fit(table: &Batch, over: &[usize]) -> Self {
        let (cols, n) = (table.cols(), over.len().max(1) as f64);
        let (mut mean, mut std) = (vec![0.0; cols], vec![0.0; cols]);
        for &row in over {
            mean.iter_mut().zip(table.row(row)).for_each(|(m, v)| *m += v / n);
        }
        for &row in over {
            for ((s, m), v) in std.iter_mut().zip(&mean).zip(table.row(row)) {
                *s += (v - m) * (v - m) / n;
            }
        }
        for (col, (s, m)) in std.iter_mut().zip(&mut mean).enumerate() {
            // The mean of equal values is off by rounding, so ask the values themselves.
            let constant = over.iter().all(|&row| table.row(row)[col] == table.row(over[0])[col]);
            *s = if constant { 1.0 } else { s.sqrt() };
            if constant {
                *m = 0.0;
            }
        }
        Self { mean, std }
    }

    /// Leaves values as they are.
    pub fn identity(cols: usize) -> Self {
        Self { mean: vec![0.0; cols], std: vec![1.0; cols] }
    }

    /// The means, `[cols]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The deviations, `[cols]`.
    pub fn std(&self) -> &[f64] {
        &self.std
    }

    /// Scales the rows `rows` and keeps the columns `columns`: `[rows.len(), columns.len()]`.
    ///
    /// # Errors
    /// [`dfl_core::Error::Dimension`] if `table` has another number of columns than the scaler.
    pub fn apply(&self, table: &Batch, rows: &[usize], columns: &[usize]) -> Result<Batch> {
        check_len("columns to scale", self.mean.len(), table.cols())?;
        let mut data = Vec::with_capacity(rows.len() * columns.len());
        for &row in rows {
            let row = table.row(row);
            data.extend(columns.iter().map(|&c| (row[c] - self.mean[c]) / self.std[c]));
        }
        Batch::from_vec(rows.len(), columns.len(), data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows 0 and 1 of (1, 5), (3, 5), (100, 6): mean 2, population deviation 1; the second column is constant there.
    #[test]
    fn only_the_given_rows_count() {
        let table = Batch::from_rows(&[[1.0, 5.0], [3.0, 5.0], [100.0, 6.0]]).unwrap();
        let scaler = Scaler::fit(&table, &[0, 1]);
        assert_eq!((scaler.mean(), scaler.std()), ([2.0, 0.0].as_slice(), [1.0, 1.0].as_slice()));
        assert_eq!(scaler.apply(&table, &[2, 0], &[1, 0]).unwrap().as_slice(), [6.0, 98.0, 5.0, -1.0]);
    }
}
