//! Amounts by name, the decided one above the best one: shares of a portfolio, or any other decision.

use dfl_core::{Result, check_len};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::palette::{AXIS, BEST, GRID, INK, MODEL};
use super::plot::{Area, Failed, Plot, WIDTH, drawn, labels, swatch};
use crate::results::numbers::three_digits;

/// Names that are drawn; the rest is summed in words.
const MOST: usize = 10;

/// Letters of a name that fit above its bars.
const LONGEST: usize = 40;

/// Height of one name and its two bars.
const ROW: u32 = 50;

/// Amounts by name, all `[n]`.
pub(crate) struct Amounts<'a> {
    pub(crate) names: &'a [String],
    pub(crate) decided: &'a [f64],
    pub(crate) best: &'a [f64],
    /// What an amount is, for the axis.
    pub(crate) what: &'a str,
    pub(crate) first: First,
}

/// Which amounts are drawn if there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// The largest; of equal ones those that differ most from the best.
    Largest,
    /// Those that differ most from the best; of those that do not, the largest.
    Different,
}

/// The first amounts as bars.
///
/// # Errors
/// [`dfl_core::Error::Dimension`] if lengths differ, [`dfl_core::Error::Backend`] if it cannot be drawn.
pub(crate) fn plot(title: &str, amounts: &Amounts<'_>) -> Result<Plot> {
    check_len("decided amounts", amounts.names.len(), amounts.decided.len())?;
    check_len("best amounts", amounts.names.len(), amounts.best.len())?;
    let size = |at: &usize| amounts.decided[*at].abs().max(amounts.best[*at].abs());
    let difference = |at: &usize| (amounts.decided[*at] - amounts.best[*at]).abs();
    let mut order: Vec<usize> = (0..amounts.names.len()).collect();
    order.sort_by(|a, b| {
        let (by_size, by_difference) = (size(b).total_cmp(&size(a)), difference(b).total_cmp(&difference(a)));
        if amounts.first == First::Largest { by_size.then(by_difference) } else { by_difference.then(by_size) }
    });
    let shown: Vec<usize> = order.iter().copied().take(MOST).filter(|at| size(at) > 0.0).collect();
    let words = rest(amounts, &order[shown.len()..]);
    let svg = drawn((WIDTH, 64 + ROW * shown.len().max(1) as u32), &format!("{title}. {words}"), |area| draw(area, amounts, &shown))?;
    Ok(Plot { title: title.to_owned(), svg, legend: vec![swatch(MODEL, "decided"), swatch(BEST, "best")], words })
}

/// What is not drawn.
fn rest(amounts: &Amounts<'_>, left: &[usize]) -> String {
    let sum = |of: &[f64]| left.iter().map(|&at| of[at]).sum::<f64>();
    let zero = left.iter().all(|&at| amounts.decided[at] == 0.0 && amounts.best[at] == 0.0);
    match left.len() {
        0 => String::new(),
        n if zero => format!("{n} more, all of them zero in both."),
        n => format!("{n} more, in sum {} decided and {} at best.", three_digits(sum(amounts.decided)), three_digits(sum(amounts.best))),
    }
}

fn draw(area: &Area<'_>, amounts: &Amounts<'_>, shown: &[usize]) -> std::result::Result<(), Failed> {
    let ends = shown.iter().flat_map(|&at| [amounts.decided[at], amounts.best[at]]).chain([0.0]);
    let (x, y) = (Axis::scaled(ends, false), Axis::between(0.0, shown.len().max(1) as f64));
    let mut chart = ChartBuilder::on(area).margin(8).margin_left(14).margin_right(14).x_label_area_size(48).build_cartesian_2d(x, y)?;
    let label = |v: &f64| x.label(*v);
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().x_desc(amounts.what).x_label_formatter(&label);
    mesh.axis_style(AXIS).bold_line_style(GRID).light_line_style(TRANSPARENT).label_style(labels(&INK)).axis_desc_style(labels(&INK));
    mesh.draw()?;
    chart.draw_series([PathElement::new([(0.0, 0.0), (0.0, y.high())], AXIS.stroke_width(2))])?;
    let name = labels(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    for (place, &at) in shown.iter().enumerate() {
        let top = (shown.len() - place) as f64;
        chart.draw_series([Text::new(short(&amounts.names[at]), (x.low(), top - 0.25), name.clone())])?;
        let bar = |value: f64, up: f64, color: RGBColor| Rectangle::new([(0.0, top - up), (value, top - up - 0.2)], color.filled());
        chart.draw_series([bar(amounts.decided[at], 0.5, MODEL), bar(amounts.best[at], 0.72, BEST)])?;
    }
    Ok(())
}

/// A name that fits into the drawing.
fn short(name: &str) -> String {
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_drawn_and_the_rest_is_summed() {
        let names: Vec<String> = (0..12).map(|i| format!("name{i}")).collect();
        let mut decided = vec![0.0; 12];
        let best: Vec<f64> = (0..12).map(f64::from).collect();
        decided[1] = 0.5;
        let page = plot("t", &Amounts { names: &names, decided: &decided, best: &best, what: "share", first: First::Largest }).unwrap();
        assert_eq!(page.words, "2 more, in sum 0.500 decided and 1.00 at best.");
        assert!(page.svg.contains("name11") && page.svg.contains("name2") && !page.svg.contains("name0"), "{}", page.svg);
        let (ones, mut other) = ([1.0; 12], [1.0; 12]);
        other[11] = 0.0;
        let same_size = plot("t", &Amounts { names: &names, decided: &ones, best: &other, what: "value", first: First::Largest }).unwrap();
        assert!(same_size.svg.contains("name11") && !same_size.svg.contains("name10"), "what differs comes first: {}", same_size.svg);
        let mut far = best.clone();
        far[1] = 3.0;
        let different = plot("t", &Amounts { names: &names, decided: &far, best: &best, what: "value", first: First::Different }).unwrap();
        assert!(different.svg.contains(">\nname1\n<"), "{}", different.svg);
        assert_eq!(different.words, "2 more, in sum 2.00 decided and 2.00 at best.");
        let zeros = [0.0; 12];
        let none = plot("t", &Amounts { names: &names, decided: &zeros, best: &zeros, what: "share", first: First::Largest }).unwrap();
        assert_eq!(none.words, "12 more, all of them zero in both.");
    }
}
