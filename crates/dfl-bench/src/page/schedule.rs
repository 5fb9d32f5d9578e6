//! Amounts over time beside the demand.

use dfl_core::{Result, check_len};
use plotters::prelude::*;

use super::axis::Axis;
use super::palette::{BEST, INK, MODEL};
use super::plot::{Area, Failed, Plot, SIZE, drawn, framed, legend, swatch};
use crate::results::numbers::three_digits;

/// Two schedules of one day, all `[n]`.
pub(crate) struct Schedules<'a> {
    pub(crate) decided: &'a [f64],
    pub(crate) best: &'a [f64],
    pub(crate) demand: &'a [f64],
    /// What the model expected, low and high.
    pub(crate) band: Option<&'a [Vec<f64>; 2]>,
}

/// Both as steps, the demand as dots, the band behind them.
///
/// # Errors
/// [`dfl_core::Error::Dimension`] if lengths differ, [`dfl_core::Error::Backend`] if it cannot be drawn.
pub(crate) fn plot(title: &str, schedules: &Schedules<'_>) -> Result<Plot> {
    let n = schedules.demand.len();
    check_len("decided amounts", n, schedules.decided.len())?;
    check_len("best amounts", n, schedules.best.len())?;
    schedules.band.into_iter().flatten().try_for_each(|side| check_len("band of a schedule", n, side.len()))?;
    let words = words(schedules);
    let svg = drawn(SIZE, &format!("{title}. {words}"), |area| draw(area, schedules))?;
    let band = schedules.band.map(|_| swatch(MODEL, "band that was expected"));
    let lines = [legend(MODEL, "", "decided"), legend(BEST, "7 5", "best"), "● demand that came".to_owned()];
    Ok(Plot { title: title.to_owned(), svg, legend: lines.into_iter().chain(band).collect(), words })
}

fn words(schedules: &Schedules<'_>) -> String {
    let gaps: Vec<f64> = schedules.decided.iter().zip(schedules.demand).map(|(z, y)| z - y).collect();
    let least = gaps.iter().copied().fold(0.0, f64::min);
    let short = gaps.iter().filter(|gap| **gap < -1e-6).count();
    let at_most = if short == 0 { String::new() } else { format!(", by {} at most", three_digits(-least)) };
    let held = schedules.band.map_or(String::new(), |[low, high]| {
        let within = schedules.demand.iter().enumerate().filter(|(i, y)| (low[*i]..=high[*i]).contains(y)).count();
        format!(" The demand came within the band in {within}.")
    });
    format!("Short of the demand in {short} of {} {}{at_most}.{held}", gaps.len(), if gaps.len() == 24 { "hours" } else { "periods" })
}

fn draw(area: &Area<'_>, schedules: &Schedules<'_>) -> std::result::Result<(), Failed> {
    let n = schedules.demand.len();
    let band = schedules.band.into_iter().flatten().flatten();
    let heights = schedules.decided.iter().chain(schedules.best).chain(schedules.demand).chain(band).copied();
    let axes = [Axis::between(0.0, n as f64), Axis::scaled(heights, false)];
    let mut chart = framed(area, axes, [if n == 24 { "hour" } else { "period" }, "amount"])?;
    if let Some([low, high]) = schedules.band {
        let bar = |i: usize| Rectangle::new([(i as f64, low[i]), (i as f64 + 1.0, high[i])], MODEL.mix(0.2).filled());
        chart.draw_series((0..n).map(bar))?;
    }
    let steps = |amounts: &[f64]| -> Vec<(f64, f64)> {
        amounts.iter().enumerate().flat_map(|(i, v)| [(i as f64, *v), (i as f64 + 1.0, *v)]).collect()
    };
    chart.draw_series([PathElement::new(steps(schedules.decided), MODEL.stroke_width(3))])?;
    chart.draw_series(DashedLineSeries::new(steps(schedules.best), 7, 5, BEST.stroke_width(2)))?;
    chart.draw_series(schedules.demand.iter().enumerate().map(|(i, y)| Circle::new((i as f64 + 0.5, *y), 4, INK.filled())))?;
    Ok(())
}
