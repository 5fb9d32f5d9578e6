//! Curves of a group: the mean over seeds as a line, each seed as a thin one, baselines as dashed lines, published figures as diamonds.

use plotters::prelude::*;

use super::dot_plot::diamond;
use super::summary::{Group, same_group};
use super::{Axes, Curve, Key, ids};
use crate::page::axis::Axis;
use crate::page::palette::{SERIES, series};
use crate::page::plot::{Area, Failed, Plot, SIZE, drawn, framed, legend};

/// Rows that are drawn, the best ones: of more, none could be followed.
const MOST: usize = 12;

/// Curves of one row of the group.
struct Series {
    name: String,
    color: RGBColor,
    seeds: Vec<Vec<(f64, f64)>>,
    mean: Vec<(f64, f64)>,
    /// Lies upon an earlier one, and is dashed so that both are seen.
    hidden: bool,
}

/// A baseline's value, which no epoch changes.
struct Level {
    name: String,
    color: RGBColor,
    /// Length of a dash and of the gap after it; longer once the colours repeat.
    dash: (u32, u32),
    value: f64,
}

/// What all curves of one plot share.
struct Frame<'a> {
    what: &'a str,
    axes: Option<&'a Axes>,
    /// Where the group is a sweep and the curves are not over it.
    mu: Option<String>,
}

impl<'a> Frame<'a> {
    fn of(curve: &'a Curve, sweep: bool) -> Self {
        let mu = curve.key.size_and_mu().1.filter(|_| sweep);
        Self { what: &curve.what, axes: curve.axes.as_ref(), mu }
    }

    fn name(&self) -> (&str, Option<&str>) {
        (self.what, self.mu.as_deref())
    }

    fn over(&self) -> &str {
        self.axes.map_or("epoch", |axes| &axes.over)
    }

    fn title(&self) -> String {
        let over = self.axes.map_or("epochs", |axes| &axes.over);
        let mu = self.mu.as_ref().map_or(String::new(), |mu| format!(", mu {mu}"));
        format!("{} over {over}{mu}", self.what.replace('_', " "))
    }
}

/// One plot for each quantity that curves of the group follow; in a sweep, for each strength of smoothing.
pub(super) fn plots(group: &Group, curves: &[Curve]) -> dfl_core::Result<Vec<Plot>> {
    let sweep = group.mus().len() > 1;
    let own: Vec<&Curve> = curves.iter().filter(|curve| same_group(&curve.key, group.key()) && !curve.points.is_empty()).collect();
    let mut frames: Vec<Frame<'_>> = own.iter().map(|curve| Frame::of(curve, sweep)).collect();
    frames.sort_by(|a, b| a.name().cmp(&b.name()));
    frames.dedup_by(|a, b| a.name() == b.name());
    let of = |frame: &Frame<'_>| own.iter().filter(|curve| Frame::of(curve, sweep).name() == frame.name()).copied().collect::<Vec<_>>();
    frames.iter().map(|frame| plot(group, frame, &of(frame))).collect()
}

fn plot(group: &Group, frame: &Frame<'_>, curves: &[&Curve]) -> dfl_core::Result<Plot> {
    let keys = keys(group, curves);
    let shown = keys.len().min(MOST);
    let lines = all_series(group, &keys[..shown], curves);
    let (levels, figures, mut title) = (levels(group, curves), published(group, frame), frame.title());
    if shown < keys.len() {
        title = format!("{title}, best {shown} of {}", keys.len());
    }
    let svg = drawn(SIZE, &title, |area| draw(area, frame, &lines, &levels, &figures))?;
    let entry = |line: &Series| legend(line.color, if line.hidden { "6 4" } else { "" }, &line.name);
    let level_entry = |level: &Level| legend(level.color, &format!("{} {}", level.dash.0, level.dash.1), &level.name);
    let figure_entry = (!figures.is_empty()).then(|| "◇ published".to_owned());
    let legend = lines.iter().map(entry).chain(levels.iter().map(level_entry)).chain(figure_entry).collect();
    Ok(Plot { title, svg, legend, ..Plot::default() })
}

/// Published figures of a metric that is followed over the strength of the smoothing.
fn published(group: &Group, frame: &Frame<'_>) -> Vec<(f64, f64)> {
    let figure = |row: &super::summary::Row| {
        let figure = row.cells.get(frame.what)?.published?;
        Some((row.key.size_and_mu().1?.parse().ok()?, figure))
    };
    if frame.over() == "mu" { group.rows.iter().filter_map(figure).collect() } else { Vec::new() }
}

/// The rows that have curves, in the order of the table, so that colours and legend agree with it.
fn keys(group: &Group, curves: &[&Curve]) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for curve in curves {
        let key = curve.key.without_seed();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.sort_by_key(|key| color_number(group, key));
    keys
}

fn all_series(group: &Group, keys: &[Key], curves: &[&Curve]) -> Vec<Series> {
    let mut lines: Vec<Series> = Vec::new();
    for key in keys {
        let seeds: Vec<Vec<_>> = curves.iter().filter(|curve| curve.key.without_seed() == *key).map(|curve| points(curve)).collect();
        let mean = mean_line(&seeds);
        let hidden = lines.iter().any(|line| coincide(&line.mean, &mean));
        lines.push(Series { name: group.label(&key.without_mu()), color: series(color_number(group, key)), seeds, mean, hidden });
    }
    lines
}

fn points(curve: &Curve) -> Vec<(f64, f64)> {
    curve.points.iter().map(|&[epoch, value]| (epoch, value)).collect()
}

/// The row's place in the table, in a sweep among the names there; a job that failed after some epochs comes last.
fn color_number(group: &Group, key: &Key) -> usize {
    let mut names: Vec<Key> = Vec::new();
    for name in group.rows.iter().map(|row| row.key.without_mu()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.iter().position(|name| *name == key.without_mu()).unwrap_or(names.len())
}

/// The mean where every seed has a point; elsewhere it would jump when a seed stops early.
fn mean_line(seeds: &[Vec<(f64, f64)>]) -> Vec<(f64, f64)> {
    let at = |seed: &Vec<(f64, f64)>, epoch: f64| seed.iter().find(|point| point.0 == epoch).map(|point| point.1);
    let mean = |epoch: f64| Some(seeds.iter().map(|seed| at(seed, epoch)).sum::<Option<f64>>()? / seeds.len() as f64);
    seeds[0].iter().filter_map(|&(epoch, _)| Some((epoch, mean(epoch)?))).collect()
}

fn coincide(a: &[(f64, f64)], b: &[(f64, f64)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(p, q)| p.0 == q.0 && (p.1 - q.1).abs() <= 1e-6 * p.1.abs())
}

/// Baselines of the curve's own metric; the oracle's regret of zero would only stretch the axis.
fn levels(group: &Group, curves: &[&Curve]) -> Vec<Level> {
    let Some(metric) = curves[0].metric().and_then(ids::metric) else { return Vec::new() };
    let level = |(number, row): (usize, &super::summary::Row)| {
        let value = row.mean(metric).filter(|_| row.is_baseline() && row.key.method != "oracle")?;
        let dash = if number < SERIES.len() { (4, 4) } else { (10, 3) };
        Some(Level { name: group.label(&row.key), color: series(number), dash, value })
    };
    group.rows.iter().enumerate().filter_map(level).collect()
}

fn draw(area: &Area<'_>, frame: &Frame<'_>, lines: &[Series], levels: &[Level], figures: &[(f64, f64)]) -> Result<(), Failed> {
    let all = || lines.iter().flat_map(|line| line.seeds.iter().flatten().chain(&line.mean));
    let x = Axis::exactly(all().map(|point| point.0), frame.axes.is_some_and(|axes| axes.log[0]));
    let heights = all().map(|point| point.1).chain(levels.iter().map(|level| level.value)).chain(figures.iter().map(|figure| figure.1));
    let y = frame.axes.map_or_else(|| Axis::around(heights.clone()), |axes| Axis::scaled(heights.clone(), axes.log[1]));
    let mut chart = framed(area, [x, y], [frame.over(), &frame.what.replace('_', " ")])?;
    for level in levels {
        let ends = [(x.low(), level.value), (x.high(), level.value)];
        chart.draw_series(DashedLineSeries::new(ends, level.dash.0, level.dash.1, level.color.stroke_width(2)))?;
    }
    for line in lines.iter().filter(|line| line.seeds.len() > 1) {
        for seed in &line.seeds {
            chart.draw_series(LineSeries::new(seed.iter().copied(), line.color.mix(0.35).stroke_width(1)))?;
        }
    }
    for line in lines {
        let (points, style) = (line.mean.iter().copied(), line.color.stroke_width(3));
        if line.mean.iter().all(|point| *point == line.mean[0]) {
            // What stays where it is has no length.
            chart.draw_series(line.mean.first().map(|&point| Circle::new(point, 5, line.color.filled())))?;
        } else if line.hidden {
            chart.draw_series(DashedLineSeries::new(points, 8, 8, style))?;
        } else {
            chart.draw_series(LineSeries::new(points, style))?;
        }
    }
    chart.draw_series(figures.iter().map(|&figure| EmptyElement::at(figure) + diamond()))?;
    Ok(())
}
