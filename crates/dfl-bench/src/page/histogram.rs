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

/// Edges of the bars, all as wide as each other; what lies beyond the last is counted in words.
struct Bins {
    start: f64,
    width: f64,
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
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (Some(&low), Some(&high)) = (values.first(), values.last()) else { return Self { start: 0.0, width: 1.0, count: 1 } };
        let usual = values[((values.len() - 1) as f64 * MOST) as usize];
        let end = if high - low > 2.0 * (usual - low) && usual > low { usual } else { high };
        if end <= low {
            let width = round_step(low.abs().max(1e-9) / 10.0);
            return Self { start: (low / width).floor() * width, width, count: 1 };
        }
        let width = round_step((end - low) / BARS);
        // What is zero but for rounding does not begin a bar of its own.
        let start = ((low + 1e-6 * width) / width).floor() * width;
        Self { start, width, count: ((end - start) / width).floor() as usize + 1 }
    }

    fn end(&self) -> f64 {
        self.edge(self.count)
    }

    fn edge(&self, at: usize) -> f64 {
        self.start + at as f64 * self.width
    }

    fn counts(&self, values: &[f64]) -> Vec<usize> {
        let mut counts = vec![0; self.count];
        for v in values.iter().filter(|v| **v < self.end()) {
            counts[((v - self.start) / self.width).max(0.0) as usize] += 1;
        }
        counts
    }
}

fn sentence(each: &Values<'_>, bins: &Bins) -> String {
    let rows = each.values.len();
    let beyond: Vec<f64> = each.values.iter().copied().filter(|v| *v >= bins.end()).collect();
    let largest = beyond.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let rest = if beyond.is_empty() { String::new() } else { format!(", {} beyond the right edge, up to {}", beyond.len(), three_digits(largest)) };
    let zeros = zeros(each.values);
    let none = if zeros == 0 { String::new() } else { format!(", {zeros} of {rows} rows at zero") };
    format!("{}: mean {}{none}{rest}.", each.name, three_digits(mean(each.values)))
}

/// How many are zero but for rounding.
pub(crate) fn zeros(values: &[f64]) -> usize {
    let scale = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    values.iter().filter(|v| v.abs() <= 1e-9 * scale).count()
}

fn draw(area: &Area<'_>, what: &str, bins: &Bins, counts: &[Vec<usize>; 2], both: [&Values<'_>; 2]) -> std::result::Result<(), Failed> {
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
    let axes = [Axis::between(bins.start, bins.end()), Axis::between(0.0, 1.08 * most)];
    let mut chart = framed(area, axes, [what, "rows"])?;
    let bar = |(at, count): (usize, &usize)| {
        let corners = [(bins.edge(at), 0.0), (bins.edge(at + 1), *count as f64)];
        Rectangle::new(corners, MODEL.mix(0.45).filled())
    };
    chart.draw_series(counts[0].iter().enumerate().filter(|(_, count)| **count > 0).map(bar))?;
    let outline = |counts: &[usize]| -> Vec<(f64, f64)> {
        let tops = counts.iter().enumerate().flat_map(|(at, count)| [at, at + 1].map(|edge| (bins.edge(edge), *count as f64)));
        std::iter::once((bins.start, 0.0)).chain(tops).chain([(bins.end(), 0.0)]).collect()
    };
    for ((counts, each), color) in counts.iter().zip(both).zip([MODEL, BASELINE]) {
        chart.draw_series([PathElement::new(outline(counts), color.stroke_width(2))])?;
        let at = mean(each.values);
        if (bins.start..=bins.end()).contains(&at) {
            chart.draw_series(DashedLineSeries::new([(at, 0.0), (at, 1.08 * most)], 3, 4, color.stroke_width(2)))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0, 1, ..., 99 in bars of 5, and 10000, which they do not stretch for.
    #[test]
    fn every_value_is_in_one_bar_or_beyond_the_edge() {
        let values: Vec<f64> = (0..100).map(f64::from).chain([10_000.0]).collect();
        let bins = Bins::of(values.iter().copied());
        assert_eq!((bins.start, bins.width, bins.end()), (0.0, 5.0, 100.0));
        assert_eq!(bins.counts(&values), vec![5; 20]);
        let text = sentence(&Values { name: "m", values: &values }, &bins);
        assert_eq!(text, "m: mean 148, 1 of 101 rows at zero, 1 beyond the right edge, up to 1.00e4.".replace("1.00e4", "10000"));
    }

    #[test]
    fn equal_values_and_none_still_have_a_bar() {
        assert_eq!(Bins::of([0.0; 4].into_iter()).counts(&[0.0; 4]), [4]);
        assert_eq!(Bins::of([-2.5; 3].into_iter()).counts(&[-2.5; 3]), [3]);
        assert_eq!(Bins::of(std::iter::empty()).count, 1);
    }
}
