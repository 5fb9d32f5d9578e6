//! The leading metric of each row of a group as a dot with its error bar, and the published figure as a diamond.

use dfl_core::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::ids::{self, Metric};
use super::summary::{Group, Row};
use crate::page::axis::Axis;
use crate::page::palette::{AXIS, GRID, INK, series};
use crate::page::plot::{Area, Failed, Plot, WIDTH, drawn, labels};

/// Height of one row: its name, and below it its dot.
const ROW: u32 = 42;

/// The plot of the leading metric, if anything was measured, and of the seconds of an epoch where several rows learn with a solver or a
/// sampler; a sweep has its curves instead, and of gradients neither more nor less is better.
pub(super) fn plots(group: &Group) -> Result<Vec<Plot>> {
    let ranked = group.mus().len() < 2 && group.leading.id != "mean_abs_gradient";
    let seconds = ids::metric("epoch_seconds").filter(|seconds| seconds.id != group.leading.id && group.times_epochs());
    let metrics = std::iter::once(group.leading).filter(|_| ranked).chain(seconds);
    metrics.filter_map(|metric| plot(group, metric).transpose()).collect()
}

fn plot(group: &Group, metric: &'static Metric) -> Result<Option<Plot>> {
    let rows: Vec<(usize, &Row)> = group.rows.iter().enumerate().filter(|(_, row)| row.mean(metric).is_some()).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let title = format!("{} ({} is better)", metric.heading, if metric.higher_is_better { "more" } else { "less" });
    let svg = drawn((WIDTH, 64 + ROW * rows.len() as u32), &title, |area| draw(area, group, metric, &rows))?;
    Ok(Some(Plot { title, svg, legend: marks(&rows, metric), ..Plot::default() }))
}

fn marks(rows: &[(usize, &Row)], metric: &Metric) -> Vec<String> {
    let cells = || rows.iter().filter_map(|(_, row)| row.cells.get(metric.id));
    let mut marks = vec!["● measured".to_owned()];
    marks.extend(rows.iter().any(|(_, row)| row.is_baseline()).then(|| "○ measured, learns nothing by descent".to_owned()));
    marks.extend(cells().any(|cell| cell.se.is_some()).then(|| "━ standard error over seeds".to_owned()));
    marks.extend(cells().any(|cell| cell.published.is_some()).then(|| "◇ published".to_owned()));
    marks
}

fn draw(area: &Area<'_>, group: &Group, metric: &Metric, rows: &[(usize, &Row)]) -> std::result::Result<(), Failed> {
    let cells = || rows.iter().filter_map(|(_, row)| row.cells.get(metric.id));
    let x = Axis::around(
        cells().flat_map(|cell| [cell.mean - cell.se.unwrap_or(0.0), cell.mean + cell.se.unwrap_or(0.0)].into_iter().chain(cell.published)),
    );
    let y = Axis::between(0.0, rows.len() as f64);
    let mut chart = ChartBuilder::on(area).margin(8).margin_left(14).margin_right(14).x_label_area_size(48).build_cartesian_2d(x, y)?;
    let label = |v: &f64| x.label(*v);
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().x_desc(metric.heading).x_label_formatter(&label);
    mesh.axis_style(AXIS).bold_line_style(GRID).light_line_style(TRANSPARENT).label_style(labels(&INK)).axis_desc_style(labels(&INK));
    mesh.draw()?;
    let name_style = labels(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    for (place, (number, row)) in rows.iter().enumerate() {
        let top = (rows.len() - place) as f64;
        let Some(cell) = row.cells.get(metric.id) else { continue };
        let (at, color) = ((cell.mean, top - 0.68), series(*number));
        chart.draw_series([Text::new(group.label(&row.key), (x.low(), top - 0.28), name_style.clone())])?;
        if let Some(se) = cell.se {
            let ends = [(cell.mean - se, at.1), (cell.mean + se, at.1)];
            chart.draw_series([PathElement::new(ends, color.stroke_width(3))])?;
        }
        if let Some(figure) = cell.published {
            chart.draw_series([EmptyElement::at((figure, at.1)) + diamond()])?;
        }
        let style = if row.is_baseline() { color.stroke_width(2) } else { color.filled() };
        chart.draw_series([Circle::new(at, 5, style)])?;
    }
    Ok(())
}

/// The mark of a published figure, around the place where it is put.
pub(super) fn diamond() -> PathElement<(i32, i32)> {
    PathElement::new(vec![(0, -7), (7, 0), (0, 7), (-7, 0), (0, -7)], INK.stroke_width(2))
}
