//! What training did: figures over epochs, those of one quantity in one plot.

use dfl_core::Result;
use plotters::prelude::*;

use super::Curve;
use super::axis::Axis;
use super::palette::series;
use super::plot::{Area, Failed, Plot, SIZE, drawn, framed, legend};
use crate::results::numbers::three_digits;

/// Points of a curve that are drawn; of more, evenly spaced ones.
const MOST: usize = 400;

/// Dashes of the curves in turn, so that they are told apart without colours.
const DASHES: [(u32, u32); 3] = [(0, 0), (8, 5), (3, 4)];

/// One plot for each quantity: `normalized_regret on the validation rows` and `normalized_regret on the training rows` share one.
///
/// # Errors
/// [`dfl_core::Error::Backend`] if one cannot be drawn.
pub(crate) fn plots(curves: &[Curve]) -> Result<Vec<Plot>> {
    let mut quantities: Vec<&str> = Vec::new();
    for curve in curves {
        let name = quantity(curve);
        if !quantities.contains(&name) && curve.points.iter().any(finite) {
            quantities.push(name);
        }
    }
    quantities.into_iter().map(|name| plot(name, &curves.iter().filter(|curve| quantity(curve) == name).collect::<Vec<_>>())).collect()
}

fn quantity(curve: &Curve) -> &str {
    curve.name.split_once(" on ").map_or(&curve.name, |(quantity, _)| quantity)
}

fn finite(point: &[f64; 2]) -> bool {
    point.iter().all(|v| v.is_finite())
}

fn plot(name: &str, curves: &[&Curve]) -> Result<Plot> {
    let what = name.replace('_', " ");
    let title = format!("{what} over epochs");
    let lines: Vec<Vec<(f64, f64)>> = curves.iter().map(|curve| thinned(&curve.points)).collect();
    let words = curves.iter().filter_map(|curve| lowest(curve)).collect::<Vec<_>>().join(" ");
    let svg = drawn(SIZE, &format!("{title}. {words}"), |area| draw(area, &what, &lines))?;
    let entry = |(at, curve): (usize, &&Curve)| {
        let (dash, gap) = DASHES[at % DASHES.len()];
        legend(series(at), &if dash == 0 { String::new() } else { format!("{dash} {gap}") }, &curve.name.replace('_', " "))
    };
    Ok(Plot { title, svg, legend: curves.iter().enumerate().map(entry).chain(["○ lowest".to_owned()]).collect(), words })
}

/// The finite points, or evenly spaced ones of them with the first and the last.
fn thinned(points: &[[f64; 2]]) -> Vec<(f64, f64)> {
    let all: Vec<(f64, f64)> = points.iter().filter(|point| finite(point)).map(|&[x, y]| (x, y)).collect();
    if all.len() <= MOST {
        return all;
    }
    (0..MOST).map(|k| all[k * (all.len() - 1) / (MOST - 1)]).collect()
}

/// Where a curve is lowest, in words.
fn lowest(curve: &Curve) -> Option<String> {
    let least = curve.points.iter().filter(|point| finite(point)).min_by(|a, b| a[1].total_cmp(&b[1]))?;
    Some(format!("{}: lowest {} at epoch {}.", curve.name.replace('_', " "), three_digits(least[1]), least[0]))
}

fn draw(area: &Area<'_>, what: &str, lines: &[Vec<(f64, f64)>]) -> std::result::Result<(), Failed> {
    let all = || lines.iter().flatten();
    let axes = [Axis::exactly(all().map(|point| point.0), false), Axis::around(all().map(|point| point.1))];
    let mut chart = framed(area, axes, ["epoch", what])?;
    for (at, line) in lines.iter().enumerate() {
        let (style, (dash, gap)) = (series(at).stroke_width(3), DASHES[at % DASHES.len()]);
        if dash == 0 {
            chart.draw_series(LineSeries::new(line.iter().copied(), style))?;
        } else {
            chart.draw_series(DashedLineSeries::new(line.iter().copied(), dash, gap, style))?;
        }
        let least = line.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        chart.draw_series(least.map(|point| Circle::new(point, 6, series(at).stroke_width(2))))?;
    }
    Ok(())
}
