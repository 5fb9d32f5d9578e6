//! Each row's value under the model over that under the baseline.

use dfl_core::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::palette::{INK, MODEL, shade};
use super::plot::{Area, Failed, Plot, drawn, framed, labels, swatch};

/// With the margins of [`framed`] both axes are equally long.
const SIZE: (u32, u32) = (440, 412);

/// More rows than these are drawn as shaded squares, so that a page stays small and no row hides behind others.
const CIRCLES: usize = 400;

/// Squares along each axis.
const SQUARES: usize = 36;

/// Values closer than this, relative to the larger cost they come from, are equal but for rounding.
pub(crate) const SAME: f64 = 1e-9;

/// How many rows are better, worse and equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) better: usize,
    pub(crate) worse: usize,
    pub(crate) equal: usize,
}

impl Counts {
    /// Of pairs of costs, the baseline's first, less being better.
    pub(crate) fn of(pairs: impl Iterator<Item = [f64; 2]>) -> Self {
        let mut counts = Self::default();
        for [baseline, model] in pairs {
            let slack = SAME * baseline.abs().max(model.abs());
            let place = if (model - baseline).abs() <= slack {
                &mut counts.equal
            } else if model < baseline {
                &mut counts.better
            } else {
                &mut counts.worse
            };
            *place += 1;
        }
        counts
    }

    /// As a sentence.
    pub(crate) fn words(self, model: &str, baseline: &str) -> String {
        let Self { better, worse, equal } = self;
        format!("{model} is better than {baseline} in {better} of {} rows, worse in {worse}, equal in {equal}.", better + worse + equal)
    }
}

/// What is compared.
pub(crate) struct Pairs<'a> {
    pub(crate) model: &'a str,
    pub(crate) baseline: &'a str,
    /// What they are called in the plot, where room is short: the model first.
    pub(crate) short: [&'a str; 2],
    /// What the values are.
    pub(crate) what: &'a str,
    /// Their unit after a comma; may be empty.
    pub(crate) unit: &'a str,
    /// Each row, the baseline first.
    pub(crate) values: &'a [[f64; 2]],
    pub(crate) counts: Counts,
}

/// The plot; both axes are the same.
///
/// # Errors
/// [`dfl_core::Error::Backend`] if it cannot be drawn.
pub(crate) fn plot(pairs: &Pairs<'_>) -> Result<Plot> {
    let axis = Axis::skewed(pairs.values.iter().flatten().copied());
    let words = pairs.counts.words(pairs.model, pairs.baseline);
    let title = format!("Row by row: {} against {}", pairs.model, pairs.baseline);
    let dense = pairs.values.len() > CIRCLES;
    let (cells, most) = if dense { squares(pairs.values, axis) } else { (Vec::new(), 0) };
    let svg = drawn(SIZE, &format!("{title}. {words}"), |area| draw(area, pairs, axis, (&cells, most)))?;
    let edge = if axis.is_log() { " Logarithmic axes; what is zero or very small lies on their left and lower ends." } else { "" };
    let legend = if dense { vec![swatch(shade(0.0), "1 row"), swatch(shade(1.0), &format!("{most} rows"))] } else { Vec::new() };
    Ok(Plot { title, svg, legend, words: format!("{words} Rows on the dashed line are equal.{edge}") })
}

/// The squares that hold rows, with how many, and the most of them.
fn squares(values: &[[f64; 2]], axis: Axis) -> (Vec<([usize; 2], usize)>, usize) {
    let mut counts = vec![0; SQUARES * SQUARES];
    let place = |v: f64| ((axis.position(v) * SQUARES as f64) as usize).min(SQUARES - 1);
    values.iter().for_each(|[x, y]| counts[place(*y) * SQUARES + place(*x)] += 1);
    let most = counts.iter().copied().max().unwrap_or(0);
    let filled = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
    (filled.map(|(at, count)| ([at % SQUARES, at / SQUARES], count)).collect(), most)
}

fn draw(area: &Area<'_>, pairs: &Pairs<'_>, axis: Axis, (cells, most): (&[([usize; 2], usize)], usize)) -> std::result::Result<(), Failed> {
    let [model, baseline] = pairs.short;
    let titles = [baseline, model].map(|who| format!("{} of {who}{}", pairs.what, pairs.unit));
    let mut chart = framed(area, [axis, axis], [&titles[0], &titles[1]])?;
    let at = |k: usize| axis.at(k as f64 / SQUARES as f64);
    // One row and the most rows are the ends of the scale; each shade is the same factor.
    let strength = |count: usize| if most > 1 { (count as f64).ln() / (most as f64).ln() } else { 0.0 };
    chart.draw_series(
        cells.iter().map(|([i, j], count)| Rectangle::new([(at(*i), at(*j)), (at(i + 1), at(j + 1))], shade(strength(*count)).filled())),
    )?;
    let (low, high) = (axis.low(), axis.high());
    chart.draw_series(DashedLineSeries::new([(low, low), (high, high)], 6, 5, INK.stroke_width(1)))?;
    if cells.is_empty() {
        chart.draw_series(pairs.values.iter().map(|[x, y]| Circle::new((*x, *y), 4, MODEL.mix(0.5).filled())))?;
    }
    let style = |h, v| labels(&INK).pos(Pos::new(h, v));
    let corner = |x: f64, y: f64| (axis.at(x), axis.at(y));
    chart.draw_series([
        Text::new(format!("{model} better"), corner(0.98, 0.03), style(HPos::Right, VPos::Bottom)),
        Text::new(format!("{baseline} better"), corner(0.02, 0.97), style(HPos::Left, VPos::Top)),
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_better_worse_or_equal_but_for_rounding() {
        let counts = Counts::of([[1.0, 0.5], [1.0, 1.0 + 1e-12], [0.0, 0.0], [-2.0, -1.0], [3.0, 2.9]].into_iter());
        assert_eq!(counts, Counts { better: 2, worse: 1, equal: 2 });
        assert_eq!(counts.words("a", "b"), "a is better than b in 2 of 5 rows, worse in 1, equal in 2.");
    }

    /// Corners and the middle of [0, 36]: every row is counted once.
    #[test]
    fn squares_count_every_row() {
        let values = [[0.0, 0.0], [36.0, 36.0], [36.0, 0.0], [18.5, 18.5], [18.6, 18.4]];
        let (cells, most) = squares(&values, Axis::between(0.0, 36.0));
        assert_eq!((cells, most), (vec![([0, 0], 1), ([35, 0], 1), ([18, 18], 2), ([35, 35], 1)], 2));
    }
}
