//! The raw text: one line per hour.

use super::REMEDY;
use dfl_core::{Error, Result};
use std::path::Path;

/// One line of a raw file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Line of the file, from 1.
    pub line: usize,
    /// Seconds since 1970-01-01 UTC, at the start of the hour.
    pub epoch: i64,
    /// Load, in the unit of the source.
    pub load: f64,
    /// Temperature in degrees Fahrenheit.
    pub temperature: f64,
}

/// Reads a raw file; see [`parse_readings`].
///
/// # Errors
/// [`Error::File`] if it cannot be read, else as [`parse_readings`].
pub fn read_readings(path: &Path) -> Result<Vec<Reading>> {
    let remedy = "check that the file is readable text";
    let text =
        std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_path_buf(), action: "reading", remedy, source })?;
    parse_readings(path, &text)
}

/// Parses `epoch_seconds load temperature` lines, separated by blanks, in order of time; `path` is for messages only.
///
/// Of lines with one and the same time only the first is kept (the source repeats an hour at each change to summer time until 2011).
///
/// # Errors
/// [`Error::Content`] with the line for a wrong number of fields, a field that is not a finite number, a time that is not whole seconds
/// or lies before that of the line above, an empty file, or a last line that does not end, which is how a truncated download looks.
pub fn parse_readings(path: &Path, text: &str) -> Result<Vec<Reading>> {
    let refuse = |line: usize, problem| Err(Error::Content { path: path.to_path_buf(), line, problem, remedy: REMEDY });
    let mut readings: Vec<Reading> = Vec::with_capacity(text.len() / 46);
    for (index, line) in text.lines().enumerate() {
        let reading = match parse_line(index + 1, line) {
            Ok(reading) => reading,
            Err(problem) => return refuse(index + 1, problem),
        };
        match readings.last().map(|last| reading.epoch.cmp(&last.epoch)) {
            Some(std::cmp::Ordering::Less) => return refuse(index + 1, "the time goes backwards"),
            Some(std::cmp::Ordering::Equal) => {}
            _ => readings.push(reading),
        }
    }
    if readings.is_empty() {
        return refuse(1, "the file is empty");
    }
    if !text.ends_with('\n') {
        return refuse(text.lines().count(), "the last line does not end: the file is truncated");
    }
    Ok(readings)
}

fn parse_line(number_of_line: usize, line: &str) -> std::result::Result<Reading, &'static str> {
    let mut fields = line.split_ascii_whitespace();
    let [Some(epoch), Some(load), Some(temperature), None] = std::array::from_fn(|_| fields.next()) else {
        return Err("expected 3 fields: epoch seconds, load, temperature");
    };
    let (epoch, load, temperature) = (number(epoch)?, number(load)?, number(temperature)?);
    // Beyond 2^53 whole seconds are no longer exact; no calendar reaches that far.
    if epoch.fract() != 0.0 || epoch.abs() > 9.0e15 {
        return Err("the time is not in whole seconds");
    }
    Ok(Reading { line: number_of_line, epoch: epoch as i64, load, temperature })
}

fn number(field: &str) -> std::result::Result<f64, &'static str> {
    let value: f64 = field.parse().map_err(|_| "a field is not a number")?;
    if value.is_finite() { Ok(value) } else { Err("a field is NaN or infinite") }
}
