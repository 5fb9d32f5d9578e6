//! What all plots share: an SVG that screen readers can name, its axes, its legend.

use dfl_core::{Error, Result};
use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;

use super::axis::Axis;
use super::html::escape;
use super::palette::{AXIS, GRID, INK, hex};

/// Where a plot is drawn, and how that fails.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(crate) type Failed = DrawingAreaErrorKind<std::io::Error>;

/// A plot with axes.
pub(crate) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// Width of a plot in its own units; on a phone it is drawn smaller, with letters that are still read.
pub(crate) const WIDTH: u32 = 480;

/// Width and height of a plot of lines.
pub(crate) const SIZE: (u32, u32) = (WIDTH, 330);

/// A drawing ready for a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) svg: String,
    /// Entries in HTML.
    pub(crate) legend: Vec<String>,
    /// What it shows, in words; may be empty.
    pub(crate) words: String,
}

/// Text of a plot.
pub(crate) fn labels(color: &RGBColor) -> TextStyle<'_> {
    ("sans-serif", 18).into_text_style(&SIZE).color(color)
}

/// Runs `draw` on a fresh drawing and returns it as SVG that screen readers can name.
pub(crate) fn drawn(size: (u32, u32), label: &str, draw: impl FnOnce(&Area<'_>) -> std::result::Result<(), Failed>) -> Result<String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    draw(&area).and_then(|()| area.present()).map_err(|source| Error::Backend { backend: "plotters", source: Box::new(source) })?;
    drop(area);
    Ok(svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{}\" ", escape(label)), 1))
}

/// Axes with their titles, ticks and grid.
pub(crate) fn framed<'a, 'b>(area: &'a Area<'b>, [x, y]: [Axis; 2], [over, what]: [&str; 2]) -> std::result::Result<Chart<'a, 'b>, Failed> {
    let mut chart =
        ChartBuilder::on(area).margin(8).margin_right(18).x_label_area_size(48).y_label_area_size(66).build_cartesian_2d(x, y)?;
    let (x_label, y_label) = (|v: &f64| x.label(*v), |v: &f64| y.label(*v));
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(over).y_desc(what).x_label_formatter(&x_label).y_label_formatter(&y_label);
    mesh.axis_style(AXIS).bold_line_style(GRID).light_line_style(TRANSPARENT).label_style(labels(&INK)).axis_desc_style(labels(&INK));
    mesh.draw()?;
    Ok(chart)
}

/// An entry of a legend: a piece of the line and its name.
pub(crate) fn legend(color: RGBColor, dashes: &str, name: &str) -> String {
    let dashes = if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dashes}\"") };
    let line = format!("<line x1=\"0\" y1=\"6\" x2=\"26\" y2=\"6\" stroke=\"{}\" stroke-width=\"3\"{dashes}/>", hex(color));
    format!("<svg class=\"key\" width=\"26\" height=\"12\" aria-hidden=\"true\">{line}</svg>{}", escape(name))
}

/// An entry of a legend: a square of a colour and its name.
pub(crate) fn swatch(color: RGBColor, name: &str) -> String {
    let square = format!("<rect width=\"12\" height=\"12\" fill=\"{}\"/>", hex(color));
    format!("<svg class=\"key\" width=\"12\" height=\"12\" aria-hidden=\"true\">{square}</svg>{}", escape(name))
}
