//! Figures over what sizes of one family count: the share of the training rows that models learned from, or the nodes of a graph.

use dfl_core::Result;
use plotters::prelude::*;

use super::Key;
use super::ids::{self, Metric};
use super::summary::Group;
use crate::page::axis::Axis;
use crate::page::palette::series;
use crate::page::plot::{Area, Failed, Plot, SIZE, drawn, framed, legend};

/// Means of one row's metric over the sizes, each with its standard error.
struct Line {
    name: String,
    points: Vec<(f64, f64, f64)>,
}

/// What a size counts, the rest of it, and how many: `24h-share0_05` is (share of training rows, `24h`, 0.05), `n20-nodes` (nodes, `n`, 20).
fn counted(key: &Key) -> Option<(&'static str, &str, f64)> {
    if let Some((size, share)) = key.size.rsplit_once("-share") {
        return Some(("share of training rows", size, share.replace('_', ".").parse().ok()?));
    }
    let count = key.size.strip_suffix("-nodes")?.strip_prefix('n')?;
    Some(("nodes", &key.size[..1], count.parse().ok()?))
}

/// What groups share that differ in nothing but that number.
fn family(group: &Group) -> Option<[&str; 5]> {
    let key = group.key();
    let (over, size, _) = counted(key)?;
    Some([&key.suite, &key.profile, &key.task, size, over])
}

/// Each family of groups: its title, and plots of the leading metric and of the seconds of an epoch.
pub(super) fn plots(groups: &[Group]) -> Result<Vec<(String, Vec<Plot>)>> {
    let mut families: Vec<[&str; 5]> = groups.iter().filter_map(family).collect();
    families.sort_unstable();
    families.dedup();
    let of = |names: [&str; 5]| {
        let own: Vec<&Group> = groups.iter().filter(|group| family(group) == Some(names)).collect();
        let metrics = std::iter::once(own[0].leading).chain(ids::metric("epoch_seconds"));
        let plots = metrics.filter_map(|metric| plot(&own, metric, names[4]).transpose()).collect::<Result<_>>()?;
        Ok((format!("{} {} over the {}", names[2], names[3], names[4]), plots))
    };
    families.into_iter().map(of).collect()
}

fn plot(groups: &[&Group], metric: &'static Metric, over: &str) -> Result<Option<Plot>> {
    let lines = lines(groups, metric);
    if lines.iter().all(|line| line.points.len() < 2) {
        return Ok(None);
    }
    let title = format!("{} over the {over}", metric.heading);
    let svg = drawn(SIZE, &title, |area| draw(area, metric, over, &lines))?;
    let entry = |(number, line): (usize, &Line)| legend(series(number), "", &line.name);
    let legend = lines.iter().enumerate().map(entry).collect();
    Ok(Some(Plot { title, svg, legend, ..Plot::default() }))
}

fn lines(groups: &[&Group], metric: &Metric) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for group in groups {
        let Some((.., at)) = counted(group.key()) else { continue };
        for row in &group.rows {
            let Some(cell) = row.cells.get(metric.id) else { continue };
            let (name, point) = (group.label(&row.key), (at, cell.mean, cell.se.unwrap_or(0.0)));
            match lines.iter_mut().find(|line| line.name == name) {
                Some(line) => line.points.push(point),
                None => lines.push(Line { name, points: vec![point] }),
            }
        }
    }
    lines.iter_mut().for_each(|line| line.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    lines.sort_by(|a, b| a.name.cmp(&b.name));
    lines
}

fn draw(area: &Area<'_>, metric: &Metric, over: &str, lines: &[Line]) -> std::result::Result<(), Failed> {
    let all = || lines.iter().flat_map(|line| &line.points);
    let x = Axis::exactly(all().map(|point| point.0), true);
    let y = Axis::around(all().flat_map(|point| [point.1 - point.2, point.1 + point.2]).filter(|v| *v > 0.0));
    let mut chart = framed(area, [x, y], [over, metric.heading])?;
    for (number, line) in lines.iter().enumerate() {
        let color = series(number);
        chart.draw_series(LineSeries::new(line.points.iter().map(|point| (point.0, point.1)), color.stroke_width(2)))?;
        let bar =
            |point: &(f64, f64, f64)| PathElement::new([(point.0, point.1 - point.2), (point.0, point.1 + point.2)], color.stroke_width(2));
        chart.draw_series(line.points.iter().map(bar))?;
        chart.draw_series(line.points.iter().map(|point| Circle::new((point.0, point.1), 4, color.filled())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_read_off_the_size() {
        let of = |size: &str| Key { size: size.into(), ..Key::default() };
        assert_eq!(counted(&of("24h-share0_05")), Some(("share of training rows", "24h", 0.05)));
        assert_eq!(counted(&of("n20-nodes")), Some(("nodes", "n", 20.0)));
        assert!(["24h", "24h-share", "n20", "nx-nodes"].iter().all(|size| counted(&of(size)).is_none()));
    }
}
