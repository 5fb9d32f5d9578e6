//! A plot's axis: linear or logarithmic, with round numbers as ticks.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// Values further apart than this are drawn on a logarithmic axis.
const LOG_FROM: f64 = 8.0;

/// Values this much smaller than the largest are zero but for rounding.
const NEGLIGIBLE: f64 = 1e-9;

/// Room left beyond the first and the last value.
const MARGIN: f64 = 0.06;

/// From `low` to `high`; the number of ticks follows from the range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    /// An axis with room for all values; logarithmic where they span orders of magnitude, with what is zero but for rounding, such as
    /// the cost of full knowledge, at its left end.
    pub(crate) fn around(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
        let largest = values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        let (low, high) = ends(values.iter().copied());
        if low > high {
            return Self { low: 0.0, high: 1.0, log: false };
        }
        let (least, _) = ends(values.iter().copied().filter(|v| v.abs() > NEGLIGIBLE * largest));
        if low > -NEGLIGIBLE * largest && high / least > LOG_FROM {
            return Self::logarithmic(least, high);
        }
        Self::linear(low, high)
    }

    /// An axis with room for all values, logarithmic where half of the positive ones would crowd into a thirtieth of a linear one: a few large
    /// values do not hide the rest. What is zero or too small then lies at its left end.
    pub(crate) fn skewed(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (Some(&low), Some(&high)) = (values.first(), values.last()) else { return Self { low: 0.0, high: 1.0, log: false } };
        let positive: Vec<f64> = values.into_iter().filter(|v| *v > NEGLIGIBLE * high.abs()).collect();
        let crowded = positive.get(positive.len() / 2).is_some_and(|middle| 30.0 * middle < high);
        if low < -NEGLIGIBLE * high.abs() || !crowded {
            return Self::linear(low, high);
        }
        // The smallest fiftieth may be small by chance only.
        Self::logarithmic(positive[positive.len() / 50], high)
    }

    /// An axis with room for all values on the scale that is asked for; of a logarithmic one values that are not positive are no part.
    pub(crate) fn scaled(values: impl Iterator<Item = f64>, log: bool) -> Self {
        let (low, high) = ends(values.filter(|v| v.is_finite() && (!log || *v > 0.0)));
        match (low > high, log) {
            (true, _) => Self { low: 0.0, high: 1.0, log: false },
            (false, true) if low < high => Self::logarithmic(low, high),
            (false, _) => Self::linear(low, high),
        }
    }

    fn logarithmic(low: f64, high: f64) -> Self {
        let room = (high / low).powf(MARGIN);
        Self { low: low / room, high: high * room, log: true }
    }

    fn linear(low: f64, high: f64) -> Self {
        let room = if high > low { (high - low) * MARGIN } else { (high.abs() * MARGIN).max(1e-9) };
        // A quantity that is never negative needs no ticks below zero.
        let start = if low >= 0.0 { (low - room).max(0.0) } else { low - room };
        Self { low: start, high: high + room, log: false }
    }

    /// An axis from the first to the last value, such as that of epochs; a logarithmic one from the first that is positive.
    pub(crate) fn exactly(values: impl Iterator<Item = f64>, log: bool) -> Self {
        let (low, high) = ends(values.filter(|v| !log || *v > 0.0));
        if low < high { Self { low, high, log } } else { Self { low: 0.0, high: 1.0, log: false } }
    }

    /// A linear axis between two numbers.
    pub(crate) fn between(low: f64, high: f64) -> Self {
        Self { low, high, log: false }
    }

    /// The smallest value on the axis.
    pub(crate) fn low(&self) -> f64 {
        self.low
    }

    /// The largest value on the axis.
    pub(crate) fn high(&self) -> f64 {
        self.high
    }

    /// A few round numbers.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        if self.log { self.log_ticks() } else { self.linear_ticks() }
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let step = self.step();
        let first = (self.low / step).ceil() as i64;
        // Multiples of the step, not sums of it: 0.1 + 0.2 would be labelled 0.30000000000000004.
        (first..).map(|k| k as f64 * step).take_while(|&v| v <= self.high * (1.0 + 1e-12)).take(12).collect()
    }

    /// The distance of linear ticks: at most eight of them, fewer where their texts would touch.
    fn step(&self) -> f64 {
        let fine = round_step((self.high - self.low) / 8.0);
        let long = [self.low, self.high].into_iter().any(|end| text(end, fine).len() > 4);
        if long { round_step((self.high - self.low) / 5.0) } else { fine }
    }

    fn log_ticks(&self) -> Vec<f64> {
        let decades = || self.low.log10().floor() as i32..=self.high.log10().floor() as i32;
        let of = |factors: &[f64]| -> Vec<f64> {
            let all = decades().flat_map(|decade| factors.iter().map(move |factor| factor * 10f64.powi(decade)));
            all.filter(|v| (self.low..=self.high).contains(v)).collect()
        };
        let choices = [of(&[1.0, 2.0, 5.0]), of(&[1.0, 3.0]), of(&[1.0])];
        choices.into_iter().find(|ticks| ticks.len() <= 7).unwrap_or_else(|| of(&[1.0]).into_iter().step_by(3).collect())
    }

    /// A tick's text.
    pub(crate) fn label(&self, tick: f64) -> String {
        let step = if self.log { tick } else { self.step() };
        if tick == 0.0 {
            return "0".to_owned();
        }
        // Ticks of a logarithmic axis stand as close for large numbers as for small ones.
        let most = if self.log { 1e4 } else { 1e6 };
        if !(1e-4..most).contains(&tick.abs()) {
            return format!("{tick:.0e}");
        }
        text(tick, step)
    }

    /// Whether it is logarithmic.
    pub(crate) fn is_log(&self) -> bool {
        self.log
    }

    /// The value at this share of the way along the axis.
    pub(crate) fn at(&self, share: f64) -> f64 {
        if self.log { self.low * (self.high / self.low).powf(share) } else { self.low + share * (self.high - self.low) }
    }

    /// The share of the way along the axis at which a value lies; of what is too small for a logarithmic one 0.
    pub(crate) fn position(&self, v: f64) -> f64 {
        let scale = |v: f64| if self.log { v.max(f64::MIN_POSITIVE).log10() } else { v };
        let position = (scale(v) - scale(self.low)) / (scale(self.high) - scale(self.low));
        if self.log { position.max(0.0) } else { position }
    }
}

/// The smallest and the largest value; of none, the first exceeds the second.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// With the decimals of the distance to the next tick.
fn text(tick: f64, step: f64) -> String {
    let decimals = usize::try_from(-(step.abs() * (1.0 + 1e-9)).log10().floor() as i32).unwrap_or(0);
    format!("{tick:.decimals$}")
}

/// The next of 1, 2, 5, 10, 20, ... at or above `width > 0`.
pub(crate) fn round_step(width: f64) -> f64 {
    let decade = 10f64.powf(width.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|factor| factor * decade).find(|&step| step >= width * (1.0 - 1e-9)).unwrap_or(10.0 * decade)
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + (f64::from(to - from) * self.position(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|tick| axis.label(tick)).collect()
    }

    #[test]
    fn close_values_get_a_linear_axis() {
        assert_eq!(labels(Axis::around([0.21, 0.34].into_iter())), ["0.22", "0.24", "0.26", "0.28", "0.30", "0.32", "0.34"][..].to_vec());
    }

    #[test]
    fn long_texts_are_fewer() {
        assert_eq!(labels(Axis::between(0.0, 0.039)), ["0", "0.01", "0.02", "0.03"]);
        assert_eq!(labels(Axis::between(0.0, 60_000.0)), ["0", "20000", "40000", "60000"]);
    }

    #[test]
    fn distant_values_get_a_logarithmic_axis() {
        assert_eq!(labels(Axis::around([3.2, 68.1].into_iter())), ["5", "10", "20", "50"]);
        assert_eq!(labels(Axis::around([0.001, 90.0].into_iter())).first().map(String::as_str), Some("0.001"));
    }

    #[test]
    fn a_zero_does_not_stretch_a_logarithmic_axis() {
        let axis = Axis::around([1e-14, 3.2, 68.1].into_iter());
        assert_eq!(labels(axis), ["5", "10", "20", "50"]);
        assert_eq!(axis.map(&1e-14, (0, 200)), 0);
    }

    /// What spans two decades is drawn on a linear axis if that is asked for, and the other way round.
    #[test]
    fn the_scale_may_be_chosen() {
        assert_eq!(labels(Axis::scaled([0.0, 0.04, 4.0].into_iter(), false)), ["0", "1", "2", "3", "4"]);
        assert_eq!(labels(Axis::scaled([0.0, 1.0, 4.0].into_iter(), true)), ["1", "2"]);
        assert_eq!(Axis::exactly([0.1, 10.0].into_iter(), true).map(&1.0, (0, 200)), 100);
    }

    /// Of 100 values up to 1 and one of 1000 all but one would lie within a hundredth of a linear axis.
    #[test]
    fn a_few_large_values_do_not_hide_the_rest() {
        let values = || (0..100).map(|i| 0.01 * f64::from(i)).chain([1000.0]);
        let axis = Axis::skewed(values());
        // From 0.03 on, with the margin at both ends: (ln(0.5 / 0.03) / ln(1000 / 0.03) + 0.06) / 1.12.
        assert!(axis.is_log() && axis.position(0.0) == 0.0 && (axis.position(0.5) - 0.2948).abs() < 1e-4, "{axis:?}");
        assert!(!Axis::skewed(values().take(100)).is_log());
        assert!((axis.at(axis.position(7.0)) - 7.0).abs() < 1e-12);
    }

    #[test]
    fn one_value_or_none_still_give_an_axis() {
        assert!(Axis::around(std::iter::empty()).ticks().len() >= 3);
        assert!(Axis::around([4.0].into_iter()).ticks().len() >= 3);
        assert!(Axis::around([0.0, f64::NAN].into_iter()).ticks().len() >= 2);
    }

    #[test]
    fn map_puts_the_ends_at_the_ends() {
        let axis = Axis { low: 1.0, high: 100.0, log: true };
        assert_eq!([1.0, 10.0, 100.0].map(|v| axis.map(&v, (0, 200))), [0, 100, 200]);
    }
}
