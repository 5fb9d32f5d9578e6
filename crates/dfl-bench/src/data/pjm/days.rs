//! Hours grouped into local days.

use super::{REMEDY, Reading, calendar::new_york};
use dfl_core::{Error, Result};
use jiff::{Timestamp, civil::Date};
use std::path::Path;

/// Hours of a day.
pub const HOURS: usize = 24;

/// Consecutive local days of one file, 24 values each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Days {
    /// The days, without a gap.
    pub dates: Vec<Date>,
    /// Load by local hour.
    pub load: Vec<[f64; HOURS]>,
    /// Temperature by local hour, in degrees Fahrenheit.
    pub temperature: Vec<[f64; HOURS]>,
    /// Hours of each day that had no reading and were filled.
    pub filled: Vec<usize>,
}

impl Days {
    /// Groups readings by day and hour in New York. A missing hour takes the value of the next hour of the same day that has one, else of the
    /// one before: the change to summer time skips an hour, and the last day of the second file has only hour 0. Where the change to winter
    /// time repeats an hour the first reading counts. `path` is for messages only.
    ///
    /// # Errors
    /// [`Error::Content`] if a time is outside the calendar or a whole day is missing.
    pub fn from_readings(path: &Path, readings: &[Reading]) -> Result<Self> {
        let zone = new_york()?;
        let refuse = |line, problem| Error::Content { path: path.to_path_buf(), line, problem, remedy: REMEDY };
        let mut days = Self::default();
        let mut open: Vec<(f64, f64)> = vec![(f64::NAN, f64::NAN); HOURS];
        for reading in readings {
            let time = Timestamp::from_second(reading.epoch).map_err(|_| refuse(reading.line, "the time is outside the calendar"))?;
            let local = zone.to_datetime(time);
            match days.dates.last() {
                Some(&last) if last == local.date() => {}
                Some(&last) if last.tomorrow().ok() != Some(local.date()) => {
                    return Err(refuse(reading.line, "a whole day is missing before this line"));
                }
                last => {
                    if last.is_some() {
                        days.close(&mut open);
                    }
                    days.dates.push(local.date());
                }
            }
            let slot = &mut open[local.hour() as usize];
            if slot.0.is_nan() {
                *slot = (reading.load, reading.temperature);
            }
        }
        if !days.dates.is_empty() {
            days.close(&mut open);
        }
        Ok(days)
    }

    /// Fills and stores the hours of the last day, and clears `open` for the next.
    fn close(&mut self, open: &mut [(f64, f64)]) {
        self.filled.push(open.iter().filter(|hour| hour.0.is_nan()).count());
        for hour in (0..HOURS - 1).rev() {
            if open[hour].0.is_nan() {
                open[hour] = open[hour + 1];
            }
        }
        for hour in 1..HOURS {
            if open[hour].0.is_nan() {
                open[hour] = open[hour - 1];
            }
        }
        self.load.push(std::array::from_fn(|hour| open[hour].0));
        self.temperature.push(std::array::from_fn(|hour| open[hour].1));
        open.fill((f64::NAN, f64::NAN));
    }
}
