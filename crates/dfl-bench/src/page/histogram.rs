//! How often the rows came to what, for the model and its baseline on one scale.

use dfl_core::Result;
use dfl_core::metrics::mean;
use plotters::prelude::*;

use super::axis::{Axis, round_step};
use super::palette::{BASELINE, MODEL};
use super::plot::{Area, Failed, Plot, SIZE, drawn, framed, legend, swatch};
use crate::results::numbers::three_digits;

/// Bars across the plot, about.
const BARS: f64 = 24.0;

/// Share of the values that the plot reaches to if the rest lies far off.
const MOST: f64 = 0.98;

/// Values of one of the two.
pub(crate) struct Values<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: &'a [f64],
}

/// Bars along an axis, each as wide as the others there; what lies beyond the last is counted in words.
struct Bins {
    axis: Axis,
    count: usize,
}

/// Both on one scale; `what` the values are, with their unit.
///
/// # Errors
/// [`dfl_core::Error::Backend`] if it cannot be drawn.
pub(crate) fn plot(title: &str, what: &str, model: &Values<'_>, baseline: &Values<'_>) -> Result<Plot> {
    let bins = Bins::of(model.values.iter().chain(baseline.values).copied());
    let counts = [model, baseline].map(|each| bins.counts(each.values));
    let words = [model, baseline].map(|each| sentence(each, &bins)).join(" ");
    let svg = drawn(SIZE, &format!("{title}. {words}"), |area| draw(area, what, &bins, &counts, [model, baseline]))?;
    let legend = vec![swatch(MODEL, model.name), legend(BASELINE, "", baseline.name), "┆ mean".to_owned()];
    Ok(Plot { title: title.to_owned(), svg, legend, words })
}

impl Bins {
    /// Bars of equal factors where a few large values would push the rest into one bar, else of equal and round widths.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
        let axis = Axis::skewed(values.iter().copied());
        if axis.is_log() {
            return Self { axis, count: BARS as usize };
        }
        values.sort_by(f64::total_cmp);
        let (Some(&low), Some(&high)) = (values.first(), values.last()) else { return Self::linear(0.0, 1.0, 1) };
        let usual = values[((values.len() - 1) as f64 * MOST) as usize];
        let end = if high - low > 2.0 * (usual - low) && usual > low { usual } else { high };
        let width = round_step(if end > low { (end - low) / BARS } else { low.abs().max(1e-9) / 10.0 });
        // What is zero but for rounding does not begin a bar of its own.
        let start = ((low + 1e-6 * width) / width).floor() * width;
        Self::linear(start, width, ((end - start) / width).floor() as usize + 1)
    }

    fn linear(start: f64, width: f64, count: usize) -> Self {
        Self { axis: Axis::between(start, start + count as f64 * width), count }
    }

    fn edge(&self, at: usize) -> f64 {
        self.axis.at(at as f64 / self.count as f64)
    }

    fn counts(&self, values: &[f64]) -> Vec<usize> {
        let mut counts = vec![0; self.count];
        for v in values.iter().filter(|v| **v < self.axis.high()) {
            // An edge belongs to the bar on its right, whatever rounding says.
            counts[((self.axis.position(*v) * self.count as f64 + 1e-9).max(0.0) as usize).min(self.count - 1)] += 1;
        }
        counts
    }
}

fn sentence(each: &Values<'_>, bins: &Bins) -> String {
    let rows = each.values.len();
    let beyond: Vec<f64> = each.values.iter().copied().filter(|v| *v >= bins.axis.high()).collect();
    let largest = beyond.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let rest = if beyond.is_empty() {
        String::new()
    } else {
        format!(", {} beyond the right edge, up to {}", beyond.len(), three_digits(largest))
    };
    let zeros = zeros(each.values);
    let none = if zeros == 0 { String::new() } else { format!(", {zeros} of {rows} rows at zero") };
    let small = each.values.iter().filter(|v| **v < bins.axis.low()).count();
    let first = if small > zeros { format!(", {small} below {} in the first bar", three_digits(bins.axis.low())) } else { String::new() };
    format!("{}: mean {}{none}{first}{rest}.", each.name, three_digits(mean(each.values)))
}

/// How many are zero but for rounding.
pub(crate) fn zeros(values: &[f64]) -> usize {
    let scale = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    values.iter().filter(|v| v.abs() <= 1e-9 * scale).count()
}

fn draw(area: &Area<'_>, what: &str, bins: &Bins, counts: &[Vec<usize>; 2], both: [&Values<'_>; 2]) -> std::result::Result<(), Failed> {
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
    let axes = [bins.axis, Axis::between(0.0, 1.08 * most)];
    let mut chart = framed(area, axes, [what, "rows"])?;
    let bar = |(at, count): (usize, &usize)| {
        let corners = [(bins.edge(at), 0.0), (bins.edge(at + 1), *count as f64)];
        Rectangle::new(corners, MODEL.mix(0.45).filled())
    };
    chart.draw_series(counts[0].iter().enumerate().filter(|(_, count)| **count > 0).map(bar))?;
    let outline = |counts: &[usize]| -> Vec<(f64, f64)> {
        let tops = counts.iter().enumerate().flat_map(|(at, count)| [at, at + 1].map(|edge| (bins.edge(edge), *count as f64)));
        std::iter::once((bins.axis.low(), 0.0)).chain(tops).chain([(bins.axis.high(), 0.0)]).collect()
    };
    for ((counts, each), color) in counts.iter().zip(both).zip([MODEL, BASELINE]) {
        chart.draw_series([PathElement::new(outline(counts), color.stroke_width(2))])?;
        let at = mean(each.values);
        if (bins.axis.low()..=bins.axis.high()).contains(&at) {
            chart.draw_series(DashedLineSeries::new([(at, 0.0), (at, 1.08 * most)], 3, 4, color.stroke_width(2)))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0, 1, ..., 99 in bars of 5, and 1000, which they do not stretch for.
    #[test]
    fn every_value_is_in_one_bar_or_beyond_the_edge() {
        let values: Vec<f64> = (0..100).map(f64::from).chain([1000.0]).collect();
        let bins = Bins::of(values.iter().copied());
        assert_eq!((bins.axis.low(), bins.edge(1), bins.axis.high()), (0.0, 5.0, 100.0));
        assert_eq!(bins.counts(&values), vec![5; 20]);
        let text = sentence(&Values { name: "m", values: &values }, &bins);
        assert_eq!(text, "m: mean 58.9, 1 of 101 rows at zero, 1 beyond the right edge, up to 1000.");
    }

    /// Powers of two up to 2^20: half of them are below a thousandth of the largest, and no bar is taller than the others by much.
    #[test]
    fn skewed_values_are_in_bars_of_equal_factors() {
        let values: Vec<f64> = (0..=20).map(|k| f64::from(k).exp2()).chain([0.0; 3]).collect();
        let bins = Bins::of(values.iter().copied());
        let counts = bins.counts(&values);
        assert_eq!((bins.axis.is_log(), counts.iter().sum::<usize>(), counts[0]), (true, 24, 3));
        assert!(counts[1..].iter().all(|count| *count <= 1), "{counts:?}");
    }

    #[test]
    fn equal_values_and_none_still_have_a_bar() {
        assert_eq!(Bins::of([0.0; 4].into_iter()).counts(&[0.0; 4]), [4]);
        assert_eq!(Bins::of([-2.5; 3].into_iter()).counts(&[-2.5; 3]), [3]);
        assert_eq!(Bins::of(std::iter::empty()).count, 1);
    }
}
