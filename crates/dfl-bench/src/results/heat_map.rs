//! A quantity over two directions, as coloured squares.

use dfl_core::Result;
use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use super::Key;
use super::log::Record;
use super::summary::{Group, same_group};
use crate::page::palette::{AXIS, INK};
use crate::page::plot::{Area, Failed, Plot, drawn, labels, swatch};

const SIDE: u32 = 400;

/// Colours from the smallest value to the largest, evenly spaced; lightness rises all the way, so that they are told apart in grey as well.
const COLOURS: [[f64; 3]; 5] = [[43.0, 24.0, 84.0], [45.0, 81.0, 139.0], [33.0, 145.0, 140.0], [122.0, 209.0, 81.0], [253.0, 231.0, 37.0]];

/// Values on a square grid around a point, one line of `maps.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeatMap {
    /// The job.
    #[serde(flatten)]
    pub key: Key,
    /// What the values are, e.g. `true` or `recovered`.
    pub what: String,
    /// Both directions run from `-reach` to `reach`.
    pub reach: f64,
    /// A row for each step along the second direction, from its smallest; all finite.
    pub values: Vec<Vec<f64>>,
}

impl Record for HeatMap {
    fn key(&self) -> &Key {
        &self.key
    }
}

impl HeatMap {
    /// Where the smallest value stands, along the first and the second direction; in the middle if there is none.
    pub fn lowest(&self) -> [f64; 2] {
        let all = self.values.iter().enumerate().flat_map(|(i, row)| row.iter().enumerate().map(move |(j, v)| (*v, j, i)));
        let least = all.min_by(|a, b| a.0.total_cmp(&b.0));
        least.map_or([0.0; 2], |(_, j, i)| [self.at(j), self.at(i)])
    }

    fn at(&self, step: usize) -> f64 {
        self.reach * (2.0 * step as f64 / (self.values.len().max(2) - 1) as f64 - 1.0)
    }

    fn ends(&self) -> (f64, f64) {
        self.values.iter().flatten().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
    }
}

/// The maps of a group, in the order of its rows; what is true stands first.
pub(super) fn plots(group: &Group, maps: &[HeatMap]) -> Result<Vec<Plot>> {
    let own = |row: &super::summary::Row| {
        let fits = |map: &&HeatMap| same_group(&map.key, group.key()) && map.key.without_seed() == row.key;
        maps.iter().filter(fits).collect::<Vec<_>>()
    };
    let mut all: Vec<&HeatMap> = group.rows.iter().flat_map(own).collect();
    all.sort_by_key(|map| map.what != "true");
    all.dedup_by(|later, earlier| later.what == "true" && later.values == earlier.values);
    all.into_iter().map(|map| plot(map, group)).collect()
}

fn plot(map: &HeatMap, group: &Group) -> Result<Plot> {
    let whose = if map.what == "true" { String::new() } else { format!(", {}", group.label(&map.key.without_seed())) };
    let title = format!("energy, {}{whose}", map.what);
    let svg = drawn((SIDE, SIDE), &title, |area| draw(area, map))?;
    let (low, high) = map.ends();
    let end = |share: f64, value: f64| swatch(colour(share), &format!("{value:.3}"));
    let legend = vec![end(0.0, low), end(1.0, high), "× optimal decision".into(), "○ smallest value".into()];
    Ok(Plot { title, svg, legend, ..Plot::default() })
}

fn draw(area: &Area<'_>, map: &HeatMap) -> std::result::Result<(), Failed> {
    let (reach, half) = (map.reach, map.reach / (map.values.len().max(2) - 1) as f64);
    let side = || -reach - half..reach + half;
    let mut chart =
        ChartBuilder::on(area).margin(8).margin_right(18).x_label_area_size(48).y_label_area_size(60).build_cartesian_2d(side(), side())?;
    let mut mesh = chart.configure_mesh();
    let label = |v: &f64| format!("{v:.1}");
    mesh.disable_mesh().x_desc("d1").y_desc("d2").x_labels(5).y_labels(5).x_label_formatter(&label).y_label_formatter(&label);
    mesh.axis_style(AXIS).label_style(labels(&INK)).axis_desc_style(labels(&INK));
    mesh.draw()?;
    let (low, high) = map.ends();
    let share = |v: f64| if high > low { (v - low) / (high - low) } else { 0.0 };
    for (i, row) in map.values.iter().enumerate() {
        let squares = row.iter().enumerate().map(|(j, v)| {
            let corners = [(map.at(j) - half, map.at(i) - half), (map.at(j) + half, map.at(i) + half)];
            Rectangle::new(corners, colour(share(*v)).filled())
        });
        chart.draw_series(squares)?;
    }
    let [x, y] = map.lowest();
    chart.draw_series([Circle::new((x, y), 6, WHITE.stroke_width(2))])?;
    chart.draw_series([Cross::new((0.0, 0.0), 6, WHITE.stroke_width(2))])?;
    Ok(())
}

/// The colour of a value this far from the smallest to the largest.
fn colour(share: f64) -> RGBColor {
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    let at = share * (COLOURS.len() - 1) as f64;
    let from = (at as usize).min(COLOURS.len() - 2);
    let mix = |k: usize| COLOURS[from][k] + (at - from as f64) * (COLOURS[from + 1][k] - COLOURS[from][k]);
    let [r, g, b] = [mix(0), mix(1), mix(2)].map(|v| v.round() as u8);
    RGBColor(r, g, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_value_and_its_place() {
        let map = HeatMap {
            key: Key::default(),
            what: "true".into(),
            reach: 1.5,
            values: vec![vec![3.0, 2.0, 4.0], vec![5.0, 6.0, -1.0], vec![0.0, 0.5, 9.0]],
        };
        assert_eq!((map.lowest(), map.ends()), ([1.5, 0.0], (-1.0, 9.0)));
    }

    #[test]
    fn colours_end_where_they_should() {
        assert_eq!([colour(0.0), colour(1.0), colour(0.25)], [RGBColor(43, 24, 84), RGBColor(253, 231, 37), RGBColor(45, 81, 139)]);
        assert_eq!(colour(f64::NAN), colour(0.0));
    }
}
