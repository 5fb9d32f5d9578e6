//! Hourly load of the PJM area, 2008 to 2016: the data of the power scheduling task.
//!
//! Two text files `epoch_seconds load temperature`, from the public repository of Donti, Amos and Kolter (2017), "Task-based end-to-end model
//! learning in stochastic optimization", NeurIPS. Features, order of columns and split are theirs, as Kong et al. (2022), NeurIPS, used them.
//!
//! Three things to know before reading a figure measured on it:
//! * the temperature of the second file is not weather: a ramp from 2011-12-31 on and exactly 1.4 from 2014-01-31, so on every test row;
//! * the last label, 2016-09-28, has one observed hour and 23 copies of it ([`Pjm::filled_hours`] tells);
//! * the "temperature forecast" of day d is the temperature that was measured on day d. No load of day d or later is a feature of day d.

mod calendar;
mod days;
mod features;
mod inputs;
mod readings;
mod scaler;
mod split;

pub use calendar::{Calendar, federal_holidays};
pub use days::{Days, HOURS};
pub use features::{COLUMNS, rows};
pub use inputs::{Columns, Inputs, Scaling};
pub use readings::{Reading, parse_readings, read_readings};
pub use scaler::Scaler;
pub use split::{Part, Prepared, Split, TRAIN_ROWS};

use dfl_core::{Batch, Error, Result};
use jiff::civil::Date;
use std::path::Path;

/// Id of the data set, as `cargo xtask data` knows it.
pub const NAME: &str = "pjm";
/// The two files, in the order in which they are stacked, with the number of days each must have.
pub const FILES: [(&str, usize); 2] = [("pjm_load_data_2008-11.txt", 1460), ("pjm_load_data_2012-16.txt", 1734)];

/// The table of the power task, unscaled; row `i` predicts the day `days[i]` from the day before.
#[derive(Clone, Debug, PartialEq)]
pub struct Pjm {
    /// The day whose load is to be predicted.
    pub days: Vec<Date>,
    /// `[3192, 150]`: columns as in [`rows`], raw units.
    pub features: Batch,
    /// `[3192, 24]`: hourly load of the day, in the (unknown, scaled) unit of the source.
    pub labels: Batch,
    /// How many of the 24 labels were not observed but copied from a neighbouring hour.
    pub filled_hours: Vec<usize>,
}

impl Pjm {
    /// Finds and reads the two files.
    ///
    /// # Errors
    /// [`Error::MissingData`] if a file is nowhere to be found, [`Error::File`] or [`Error::Content`] if it cannot be used.
    pub fn load() -> Result<Self> {
        let paths = [crate::data::find(NAME, FILES[0].0)?, crate::data::find(NAME, FILES[1].0)?];
        Self::from_files([&paths[0], &paths[1]])
    }

    /// Reads the two files at these paths.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Content`], the latter also when a file has fewer or more days than [`FILES`] says.
    pub fn from_files(paths: [&Path; 2]) -> Result<Self> {
        let mut tables = Vec::with_capacity(2);
        for (path, (_, expected)) in paths.into_iter().zip(FILES) {
            let readings = read_readings(path)?;
            let days = Days::from_readings(path, &readings)?;
            check_days(path, readings.last().map_or(1, |last| last.line), days.dates.len(), expected)?;
            tables.push(days);
        }
        rows(&tables)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.days.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }
}

fn check_days(path: &Path, line: usize, got: usize, expected: usize) -> Result<()> {
    let problem = match got.cmp(&expected) {
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Less => "the file ends before its last day",
        std::cmp::Ordering::Greater => "the file goes on after its last day",
    };
    Err(Error::Content { path: path.to_path_buf(), line, problem, remedy: REMEDY })
}

/// What to do about a damaged file.
const REMEDY: &str = "fetch it again with `cargo xtask data pjm`";
