//! Calendar features of a local day in New York.

use dfl_core::{Error, Result};
use jiff::{
    ToSpan,
    civil::{Date, Weekday, date},
    tz::TimeZone,
};
use std::f64::consts::TAU;

/// The time zone of the data, from the database that is compiled in, so that no machine's clock files matter.
pub(super) fn new_york() -> Result<TimeZone> {
    TimeZone::get("America/New_York").map_err(|source| Error::Backend { backend: "jiff", source: Box::new(source) })
}

/// Calendar of the area: what is known of a day before it begins.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// The calendar of New York.
    ///
    /// # Errors
    /// [`Error::Backend`] if the compiled-in time zones lack it.
    pub fn new() -> Result<Self> {
        Ok(Self { zone: new_york()? })
    }

    /// `[weekend, federal holiday, summer time at local midnight, cos, sin]` of the angle `2 pi d / 365` with `d = 1..=366` the day of the year.
    ///
    /// # Errors
    /// [`Error::Backend`] if the day is outside the time zone's range.
    pub fn features(&self, day: Date) -> Result<[f64; 5]> {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let holiday = federal_holidays(day.year()).contains(&day);
        let angle = TAU * f64::from(day.day_of_year()) / 365.0;
        let flag = |set: bool| f64::from(u8::from(set));
        Ok([flag(weekend), flag(holiday), flag(self.summer_time(day)?), angle.cos(), angle.sin()])
    }

    /// Whether summer time is in force when `day` begins.
    fn summer_time(&self, day: Date) -> Result<bool> {
        let midnight = day.to_zoned(self.zone.clone()).map_err(|source| Error::Backend { backend: "jiff", source: Box::new(source) })?;
        Ok(self.zone.to_offset_info(midnight.timestamp()).dst().is_dst())
    }
}

/// The days of `year` on which a federal holiday of the United States is observed, in order; rules of 1986 to 2020.
///
/// A holiday with a fixed date is observed on the Friday before if it falls on a Saturday, and on the Monday after if on a Sunday; so New
/// Year's Day may be observed in the old year. 5 U.S.C. 6103. Empty for a year outside the calendar (-9999 to 9998).
pub fn federal_holidays(year: i16) -> Vec<Date> {
    if !(-9998..9998).contains(&year) {
        return Vec::new();
    }
    let fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25), date(year + 1, 1, 1)];
    let moving = [(1, 3, Weekday::Monday), (2, 3, Weekday::Monday), (5, -1, Weekday::Monday), (9, 1, Weekday::Monday)];
    let autumn = [(10, 2, Weekday::Monday), (11, 4, Weekday::Thursday)];
    let nth = moving.into_iter().chain(autumn).filter_map(|(month, n, day)| date(year, month, 1).nth_weekday_of_month(n, day).ok());
    let mut days: Vec<Date> = fixed.into_iter().map(observed).chain(nth).filter(|day| day.year() == year).collect();
    days.sort();
    days
}

fn observed(day: Date) -> Date {
    match day.weekday() {
        Weekday::Saturday => day.saturating_sub(1.day()),
        Weekday::Sunday => day.saturating_add(1.day()),
        _ => day,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2011-01-01 was a Saturday: observed on the last day of 2010, and not in 2011.
    #[test]
    fn new_year_may_be_observed_in_the_old_year() {
        assert_eq!(federal_holidays(2010).len(), 11);
        assert_eq!(federal_holidays(2010).last(), Some(&date(2010, 12, 31)));
        assert_eq!(federal_holidays(2011).len(), 9);
        assert_eq!(federal_holidays(2012)[0], date(2012, 1, 2));
    }

    /// From the second Sunday of March to the first of November; the change happens at 2 a.m., after the flag is read.
    #[test]
    fn summer_time_at_midnight_follows_the_rule() {
        let calendar = Calendar::new().unwrap();
        for year in 2008..=2016 {
            let start = date(year, 3, 1).nth_weekday_of_month(2, Weekday::Sunday).unwrap();
            let end = date(year, 11, 1).nth_weekday_of_month(1, Weekday::Sunday).unwrap();
            let mut day = date(year, 1, 1);
            while day.year() == year {
                let expected = f64::from(u8::from(day > start && day <= end));
                assert_eq!(calendar.features(day).unwrap()[2], expected, "{day}");
                day = day.tomorrow().unwrap();
            }
        }
    }
}
