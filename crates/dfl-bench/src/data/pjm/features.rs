//! The design matrix.

use super::{Calendar, Days, HOURS, Pjm};
use dfl_core::{Batch, Result};
use std::ops::Range;

/// Columns of the design matrix, the constant included.
pub const COLUMNS: usize = 150;

/// Load of the day before.
pub(super) const LOAD: Range<usize> = 0..HOURS;
/// Temperatures and their powers.
pub(super) const TEMPERATURE: Range<usize> = HOURS..6 * HOURS;
/// Weekend, holiday, summer time, cosine, sine.
pub(super) const CALENDAR: Range<usize> = 6 * HOURS..COLUMNS - 1;

/// Stacks the consecutive pairs of days of each table; no pair joins two tables.
///
/// Columns for day `d`, 24 hours each: load of `d-1`; temperature of `d-1`; its square; temperature of `d`; its square; its cube; then weekend,
/// holiday and summer time of `d`, `cos` and `sin` of `2 pi (day of year)/365`, and 1. Labels: the load of `d`.
///
/// # Errors
/// [`dfl_core::Error::Backend`] if a day is outside the time zone's range.
pub fn rows(tables: &[Days]) -> Result<Pjm> {
    let calendar = Calendar::new()?;
    let count: usize = tables.iter().map(|t| t.dates.len().saturating_sub(1)).sum();
    let (mut features, mut labels) = (Vec::with_capacity(count * COLUMNS), Vec::with_capacity(count * HOURS));
    let (mut days, mut filled_hours) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for table in tables {
        for day in 1..table.dates.len() {
            let (before, today) = (&table.temperature[day - 1], &table.temperature[day]);
            features.extend_from_slice(&table.load[day - 1]);
            features.extend_from_slice(before);
            features.extend(before.iter().map(|t| t * t));
            features.extend_from_slice(today);
            features.extend(today.iter().map(|t| t * t));
            features.extend(today.iter().map(|t| t * t * t));
            features.extend(calendar.features(table.dates[day])?);
            features.push(1.0);
            labels.extend_from_slice(&table.load[day]);
            days.push(table.dates[day]);
            filled_hours.push(table.filled[day]);
        }
    }
    let (features, labels) = (Batch::from_vec(count, COLUMNS, features)?, Batch::from_vec(count, HOURS, labels)?);
    Ok(Pjm { days, features, labels, filled_hours })
}
