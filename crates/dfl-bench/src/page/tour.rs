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

/// The decided tour and the best one over the same points. An order that ends early, as one of a decision that is no tour may, is drawn as
/// far as it leads.
///
/// # Errors
/// [`Error::Domain`] if a stop is none of the points, [`Error::Backend`] if it cannot be drawn.
pub(crate) fn plot(title: &str, points: &[[f64; 2]], decided: &[usize], best: &[usize]) -> Result<Plot> {
    if let Some(&stop) = decided.iter().chain(best).find(|stop| **stop >= points.len()) {
        return Err(Error::Domain { what: "stop of a tour", value: stop as f64, need: "below the number of points" });
    }
    let [legs, best_legs] = [decided, best].map(|order| legs(order, points.len()));
    let shared = legs.iter().filter(|(a, b)| best_legs.contains(&(*a, *b)) || best_legs.contains(&(*b, *a))).count();
    let whole =
        if points.iter().enumerate().all(|(stop, _)| decided.contains(&stop)) { "" } else { " It does not lead through all stops." };
    let words = format!("{shared} of {} legs are those of the best tour; numbers are the order of the decided one.{whole}", legs.len());
    let (size, places) = places(points);
    let svg = drawn(size, &format!("{title}. {words}"), |area| draw(area, &places, decided, [&legs, &best_legs]))?;
    let legend = vec![legend(MODEL, "", "decided"), legend(BEST, "7 5", "best"), "● stop".to_owned()];
    Ok(Plot { title: title.to_owned(), svg, legend, words })
}

/// From stop to stop; the last leads home if all were visited.
fn legs(order: &[usize], stops: usize) -> Vec<(usize, usize)> {
    let home = order.last().copied().zip(order.first().copied()).filter(|_| order.len() == stops);
    order.windows(2).map(|pair| (pair[0], pair[1])).chain(home).filter(|(from, to)| from != to).collect()
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

fn draw(
    area: &Area<'_>,
    places: &[(i32, i32)],
    decided: &[usize],
    [legs, best]: [&[(usize, usize)]; 2],
) -> std::result::Result<(), Failed> {
    for (from, to) in legs {
        area.draw(&PathElement::new([places[*from], places[*to]], MODEL.mix(0.6).stroke_width(7)))?;
    }
    for (from, to) in best {
        area.draw(&DashedPathElement::new([places[*from], places[*to]], 7, 5, BEST.stroke_width(3)))?;
    }
    for place in places {
        area.draw(&Circle::new(*place, 5, INK.filled()))?;
    }
    for (k, &stop) in decided.iter().enumerate() {
        if places.len() <= NUMBERED {
            let style = labels(&INK).pos(Pos::new(HPos::Left, VPos::Bottom));
            area.draw(&Text::new((k + 1).to_string(), (places[stop].0 + 6, places[stop].1 - 5), style))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tour_leads_home_and_what_ends_early_does_not() {
        assert_eq!(legs(&[0, 2, 1], 3), [(0, 2), (2, 1), (1, 0)]);
        assert_eq!(legs(&[0, 2], 3), [(0, 2)]);
        assert_eq!(legs(&[0, 1, 0], 3), [(0, 1), (1, 0)]);
        assert!(legs(&[], 3).is_empty());
    }
}
