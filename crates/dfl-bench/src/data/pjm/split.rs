//! Train, validation and test rows.

use super::{Inputs, Pjm, Scaler, Scaling};
use dfl_core::{Batch, Error, Result};
use std::path::Path;

/// Rows before the test period: the first 80 % (labels until 2014-12-29).
pub const TRAIN_ROWS: usize = 2553;
/// Of these, the rows the published models are fitted on; the rest chooses among epochs.
const FIT_ROWS: usize = 2042;
const REMEDY: &str = "expected a permutation of 0..2552, one number a line; fetch it again with `cargo xtask data so_ebm_split`";

/// The training rows in two parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Rows to fit on.
    pub fit: Vec<usize>,
    /// Rows held out from them.
    pub hold: Vec<usize>,
}

impl Split {
    /// Id of the data set that holds the published permutation.
    pub const NAME: &'static str = "so_ebm_split";
    /// Its file.
    pub const FILE: &'static str = "so_ebm_train_val_split.csv";

    /// The published split, 2042 and 511 rows, from the permutation of Kong et al. (2022).
    ///
    /// # Errors
    /// [`Error::MissingData`] if the file is nowhere to be found, else as [`Split::from_file`].
    pub fn load() -> Result<Self> {
        Self::from_file(&crate::data::find(Self::NAME, Self::FILE)?)
    }

    /// Reads a permutation of `0..2553`, one number a line.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Content`] with the line of what is not a number in range, is repeated, or is missing.
    pub fn from_file(path: &Path) -> Result<Self> {
        let file_error = |source| Error::File { path: path.to_path_buf(), action: "reading", remedy: REMEDY, source };
        let text = std::fs::read_to_string(path).map_err(file_error)?;
        let refuse = |line, problem| Err(Error::Content { path: path.to_path_buf(), line, problem, remedy: REMEDY });
        let (mut rows, mut seen) = (Vec::with_capacity(TRAIN_ROWS), [false; TRAIN_ROWS]);
        for (index, line) in text.lines().enumerate() {
            match line.trim().parse::<usize>() {
                Ok(row) if row >= TRAIN_ROWS => return refuse(index + 1, "a row number is out of range"),
                Ok(row) if std::mem::replace(&mut seen[row], true) => return refuse(index + 1, "a row number is repeated"),
                Ok(row) => rows.push(row),
                Err(_) => return refuse(index + 1, "expected a row number"),
            }
        }
        if rows.len() < TRAIN_ROWS {
            return refuse(rows.len(), "the file ends before all rows are named");
        }
        let hold = rows.split_off(FIT_ROWS);
        Ok(Self { fit: rows, hold })
    }

    /// Every row before the test period to fit on, none held out.
    pub fn all() -> Self {
        Self { fit: (0..TRAIN_ROWS).collect(), hold: Vec::new() }
    }
}

/// Scaled inputs and labels of some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The rows of [`Pjm`] they come from.
    pub rows: Vec<usize>,
    /// Inputs, `[rows, columns]`.
    pub x: Batch,
    /// Labels, `[rows, 24]`, never scaled.
    pub y: Batch,
}

/// The data as a model meets them.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// Rows to fit on.
    pub train: Part,
    /// Rows to choose on; empty for [`Split::all`].
    pub valid: Part,
    /// Rows to report on.
    pub test: Part,
    /// What scaled the 150 columns.
    pub scaler: Scaler,
}

impl Pjm {
    /// The rows of the test period: 639 days from 2014-12-30 on.
    pub fn test_rows(&self) -> Vec<usize> {
        (TRAIN_ROWS..self.len()).collect()
    }

    /// Chooses columns, scales them and cuts the rows. [`Scaling::TrainOnly`] takes its statistics from the rows of `split.fit` alone.
    ///
    /// # Errors
    /// [`Error::Dimension`] if `self` is not the whole table (150 columns, more rows than the training rows).
    pub fn prepare(&self, inputs: Inputs, scaling: Scaling, split: &Split) -> Result<Prepared> {
        if self.len() <= TRAIN_ROWS {
            return Err(Error::Dimension { what: "rows of the PJM table", expected: TRAIN_ROWS + 639, got: self.len() });
        }
        let scaler = match scaling {
            Scaling::TrainOnly => Scaler::fit(&self.features, &split.fit),
            Scaling::Legacy => Scaler::fit(&self.features, &(0..self.len()).collect::<Vec<_>>()),
            Scaling::None => Scaler::identity(self.features.cols()),
        };
        let columns = inputs.columns();
        let part = |rows: &[usize]| -> Result<Part> {
            let x = scaler.apply(&self.features, rows, &columns)?;
            Ok(Part { rows: rows.to_vec(), x, y: self.labels.select(rows) })
        };
        let (train, valid, test) = (part(&split.fit)?, part(&split.hold)?, part(&self.test_rows())?);
        Ok(Prepared { train, valid, test, scaler })
    }
}
