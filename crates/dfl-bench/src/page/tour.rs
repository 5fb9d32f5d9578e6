//! A round trip over points of the plane.

use dfl_core::{Error, Result};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette::{BEST, INK, MODEL};
use super::plot::{Area, Failed, Plot, drawn, labels, legend};

/// Longest side of the drawing.
const SIDE: f64 = 400.0;

const MARGIN: f64 = 34.0;

/// Stops are numbered up to so many.
const NUMBERED: usize = 30;

/// The decided tour and the best one over the same points.
///
/// # Errors
/// [`Error::Domain`] if an order is no tour of the points, [`Error::Backend`] if it cannot be drawn.
pub(crate) fn plot(title: &str, points: &[[f64; 2]], decided: &[usize], best: &[usize]) -> Result<Plot> {
    check_tour(points, decided)?;
    check_tour(points, best)?;
    let (edges, best_edges) = (edges(decided), edges(best));
    let shared = edges.iter().filter(|edge| best_edges.contains(edge)).count();
    let whole = if decided.len() == points.len() { "" } else { " The decided one does not lead through all stops." };
    let words = format!("{shared} of {} legs are those of the best tour; numbers are the order of the decided one.{whole}", edges.len());
    let (size, places) = places(points);
    let svg = drawn(size, &format!("{title}. {words}"), |area| draw(area, &places, decided, best))?;
    let legend = vec![legend(MODEL, "", "decided"), legend(BEST, "7 5", "best"), "● stop".to_owned()];
    Ok(Plot { title: title.to_owned(), svg, legend, words })
}

fn check_tour(points: &[[f64; 2]], order: &[usize]) -> Result<()> {
    let mut seen = vec![false; points.len()];
    for &stop in order {
        match seen.get_mut(stop) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                return Err(Error::Domain { what: "stop of a tour", value: stop as f64, need: "one of the points, and each at most once" });
            }
        }
    }
    Ok(())
}

/// Pairs of stops, the smaller number first.
fn edges(order: &[usize]) -> Vec<(usize, usize)> {
    let next = |k: usize| order[(k + 1) % order.len()];
    (0..order.len()).map(|k| (order[k].min(next(k)), order[k].max(next(k)))).collect()
}

/// The size of the drawing and places on it; both directions have one scale.
fn places(points: &[[f64; 2]]) -> ((u32, u32), Vec<(i32, i32)>) {
    let ends = |k: usize| points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (low.min(p[k]), high.max(p[k])));
    let (x, y) = (ends(0), ends(1));
    let reach = (x.1 - x.0).max(y.1 - y.0).max(f64::MIN_POSITIVE);
    let scale = (SIDE - 2.0 * MARGIN) / reach;
    let height = 2.0 * MARGIN + scale * (y.1 - y.0).max(0.0);
    let place = |p: &[f64; 2]| {
        let across = SIDE / 2.0 + scale * (p[0] - 0.5 * (x.0 + x.1));
        let down = height / 2.0 - scale * (p[1] - 0.5 * (y.0 + y.1));
        (across.round() as i32, down.round() as i32)
    };
    ((SIDE as u32, height as u32), points.iter().map(place).collect())
}

fn draw(area: &Area<'_>, places: &[(i32, i32)], decided: &[usize], best: &[usize]) -> std::result::Result<(), Failed> {
    let closed = |order: &[usize]| order.iter().chain(order.first()).map(|&stop| places[stop]).collect::<Vec<_>>();
    area.draw(&PathElement::new(closed(decided), MODEL.mix(0.6).stroke_width(7)))?;
    area.draw(&DashedPathElement::new(closed(best), 7, 5, BEST.stroke_width(3)))?;
    for (k, &stop) in decided.iter().enumerate() {
        area.draw(&Circle::new(places[stop], 5, INK.filled()))?;
        if places.len() <= NUMBERED {
            let style = labels(&INK).pos(Pos::new(HPos::Left, VPos::Bottom));
            area.draw(&Text::new((k + 1).to_string(), (places[stop].0 + 6, places[stop].1 - 5), style))?;
        }
    }
    Ok(())
}
