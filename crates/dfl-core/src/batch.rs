use crate::{Error, Result};

/// A dense row-major matrix of `f64`, one instance per row: `[rows, cols]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    rows: usize,
    cols: usize,
    data: Vec<f64>,
}

impl Batch {
    /// A batch of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, data: vec![0.0; rows * cols] }
    }

    /// Wraps row-major data.
    ///
    /// # Errors
    /// [`Error::Dimension`] if `data` is not of length `rows * cols`.
    pub fn from_vec(rows: usize, cols: usize, data: Vec<f64>) -> Result<Self> {
        check_len("batch data", rows * cols, data.len())?;
        Ok(Self { rows, cols, data })
    }

    /// Copies equally long rows.
    ///
    /// # Errors
    /// [`Error::Dimension`] if the rows differ in length.
    pub fn from_rows<R: AsRef<[f64]>>(rows: &[R]) -> Result<Self> {
        let cols = rows.first().map_or(0, |r| r.as_ref().len());
        let mut data = Vec::with_capacity(rows.len() * cols);
        for row in rows {
            check_len("batch row", cols, row.as_ref().len())?;
            data.extend_from_slice(row.as_ref());
        }
        Ok(Self { rows: rows.len(), cols, data })
    }

    /// Number of instances.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Length of one instance.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// One instance.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// One instance, to write.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// All instances in order; yields `rows` empty slices when `cols` is 0.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        (0..self.rows).map(|i| self.row(i))
    }

    /// All values, row by row.
    pub fn as_slice(&self) -> &[f64] {
        &self.data
    }

    /// All values, row by row, to write.
    pub fn as_mut_slice(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// The values, row by row.
    pub fn into_vec(self) -> Vec<f64> {
        self.data
    }

    /// Adds an instance at the end.
    ///
    /// # Errors
    /// [`Error::Dimension`] if it is not `cols` long.
    pub fn push(&mut self, row: &[f64]) -> Result<()> {
        check_len("batch row", self.cols, row.len())?;
        self.data.extend_from_slice(row);
        self.rows += 1;
        Ok(())
    }

    /// The rows named by `index`, in that order.
    pub fn select(&self, index: &[usize]) -> Self {
        let mut data = Vec::with_capacity(index.len() * self.cols);
        for &i in index {
            data.extend_from_slice(self.row(i));
        }
        Self { rows: index.len(), cols: self.cols, data }
    }

    /// The same numbers, in the same order, in rows of another length.
    ///
    /// # Errors
    /// [`Error::Dimension`] if they do not fill whole rows.
    pub fn reshape(&self, cols: usize) -> Result<Self> {
        let rows = self.data.len().checked_div(cols).unwrap_or(self.rows);
        Self::from_vec(rows, cols, self.data.clone())
    }

    /// Refuses a NaN or infinite entry, naming `what`, its row and its column.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for the first such entry.
    pub fn check_finite(&self, what: &'static str) -> Result<()> {
        match self.data.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(k) => Err(Error::NotFinite { what, row: k / self.cols, column: k % self.cols, value: self.data[k] }),
        }
    }
}

/// Refuses to draw or decide for no sample.
///
/// # Errors
/// [`Error::Domain`].
pub fn check_samples(samples: usize) -> Result<()> {
    if samples == 0 { Err(Error::Domain { what: "samples", value: 0.0, need: "at least 1" }) } else { Ok(()) }
}

/// Refuses a wrong length.
///
/// # Errors
/// [`Error::Dimension`] naming `what`.
pub fn check_len(what: &'static str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::Dimension { what, expected, got }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_is_named_by_row_and_column() {
        let batch = Batch::from_rows(&[[1.0, 2.0], [3.0, f64::NAN]]).unwrap();
        let text = batch.check_finite("features").unwrap_err().to_string();
        assert!(text.starts_with("features, row 1, column 1: NaN"), "{text}");
    }

    #[test]
    fn ragged_rows_are_refused() {
        let rows: [&[f64]; 2] = [&[1.0, 2.0], &[3.0]];
        assert!(matches!(Batch::from_rows(&rows), Err(Error::Dimension { expected: 2, got: 1, .. })));
    }

    #[test]
    fn numbers_are_kept_in_rows_of_another_length() {
        let batch = Batch::from_rows(&[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]).unwrap();
        let pairs = batch.reshape(2).unwrap();
        assert_eq!((pairs.rows(), pairs.row(2)), (4, [5.0, 6.0].as_slice()));
        assert_eq!(pairs.reshape(4).unwrap(), batch);
        assert!(matches!(batch.reshape(3), Err(Error::Dimension { expected: 6, got: 8, .. })));
        assert!(batch.reshape(0).is_err());
    }

    #[test]
    fn rows_without_columns_are_still_counted() {
        let batch = Batch::zeros(3, 0);
        assert_eq!(batch.iter().count(), 3);
        assert!(batch.check_finite("nothing").is_ok());
    }
}
