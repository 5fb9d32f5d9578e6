//! A path on its grid.

use dfl_core::{Result, check_len};
use dfl_solvers::Grid;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette::{BEST, INK, MODEL, shade};
use super::plot::{Area, Failed, Plot, drawn, labels, legend, swatch};
use crate::results::numbers::three_digits;

/// Longest side of the drawing.
const SIDE: usize = 400;

/// Around the grid, where its ends are named.
const MARGIN: usize = 34;

/// Shares below this are no part of a path.
const NOTHING: f64 = 1e-3;

/// Two paths on one grid: the shares of its arcs, `[arcs]` each.
pub(crate) struct Paths<'a> {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) decided: &'a [f64],
    pub(crate) best: &'a [f64],
    /// What each arc costs in truth, `[arcs]`.
    pub(crate) costs: &'a [f64],
}

/// Arcs shaded by their true cost, the decided path above them and the best one beside it.
///
/// # Errors
/// [`dfl_core::Error::Dimension`] if the arcs are not those of the grid, [`dfl_core::Error::Backend`] if it cannot be drawn.
pub(crate) fn plot(title: &str, paths: &Paths<'_>) -> Result<Plot> {
    let grid = Grid::new(paths.height, paths.width)?;
    for (what, arcs) in [("decided arcs", paths.decided), ("best arcs", paths.best), ("costs of arcs", paths.costs)] {
        check_len(what, grid.arcs(), arcs.len())?;
    }
    let step = ((SIDE - 2 * MARGIN) / (paths.height.max(paths.width) - 1).max(1)).clamp(6, 80);
    let side = |nodes: usize| (2 * MARGIN + step * (nodes - 1)) as u32;
    let (low, high) = paths.costs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    let words = words(paths);
    let svg =
        drawn((side(paths.width), side(paths.height)), &format!("{title}. {words}"), |area| draw(area, paths, grid, step, (low, high)))?;
    let legend = vec![
        legend(MODEL, "", "decided"),
        legend(BEST, "5 4", "best"),
        swatch(shade(0.0), &format!("arc of true cost {}", three_digits(low))),
        swatch(shade(1.0), &format!("of {}", three_digits(high))),
    ];
    Ok(Plot { title: title.to_owned(), svg, legend, words })
}

fn words(paths: &Paths<'_>) -> String {
    let cost = |arcs: &[f64]| three_digits(arcs.iter().zip(paths.costs).map(|(x, c)| x * c).sum());
    let used = |arcs: &[f64]| arcs.iter().filter(|x| **x > NOTHING).count();
    let shared = paths.decided.iter().zip(paths.best).filter(|(a, b)| **a > NOTHING && **b > NOTHING).count();
    format!(
        "The decided path costs {} in truth, the best one {}; {shared} of the decided one's {} arcs are the best one's too.",
        cost(paths.decided),
        cost(paths.best),
        used(paths.decided)
    )
}

fn draw(area: &Area<'_>, paths: &Paths<'_>, grid: Grid, step: usize, (low, high): (f64, f64)) -> std::result::Result<(), Failed> {
    let place = |node: usize| ((MARGIN + step * (node % paths.width)) as i32, (MARGIN + step * (node / paths.width)) as i32);
    let ends: Vec<_> = grid.ends().into_iter().map(|(from, to)| [place(from), place(to)]).collect();
    let share = |cost: f64| if high > low { (cost - low) / (high - low) } else { 0.0 };
    for (arc, cost) in ends.iter().zip(paths.costs) {
        area.draw(&PathElement::new(arc.to_vec(), shade(share(*cost)).stroke_width((step as u32 / 4).clamp(2, 9))))?;
    }
    // Beside each other where both take the same arc.
    let aside = (step as i32 / 16).clamp(1, 3);
    let moved = |arc: &[(i32, i32); 2], by: i32| arc.map(|(x, y)| (x + by, y - by)).to_vec();
    for (arc, weight) in ends.iter().zip(paths.decided).filter(|(_, weight)| **weight > NOTHING) {
        area.draw(&PathElement::new(moved(arc, aside), MODEL.mix(weight.clamp(0.15, 1.0)).stroke_width(4)))?;
    }
    for (arc, weight) in ends.iter().zip(paths.best).filter(|(_, weight)| **weight > NOTHING) {
        let style = BEST.mix(weight.clamp(0.15, 1.0)).stroke_width(4);
        area.draw(&DashedPathElement::new(moved(arc, -aside), 5, 4, style))?;
    }
    let (first, last) = (place(0), place(grid.nodes() - 1));
    for node in 0..grid.nodes() {
        let size = if node == 0 || node + 1 == grid.nodes() { 6 } else { (step as i32 / 16).clamp(1, 3) };
        area.draw(&Circle::new(place(node), size, INK.filled()))?;
    }
    let name = |text, at: (i32, i32), up: bool| {
        let (h, v, by) = if up { (HPos::Left, VPos::Bottom, -9_i32) } else { (HPos::Right, VPos::Top, 9) };
        Text::new(text, (at.0 + by.signum() * 6, at.1 + by), labels(&INK).pos(Pos::new(h, v)))
    };
    area.draw(&name("start", first, true))?;
    area.draw(&name("end", last, false))?;
    Ok(())
}
