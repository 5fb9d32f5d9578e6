//! One trained run as a page: what is drawn, as plain data, and the page that it makes.
//!
//! The page needs nothing else: no network, and no script but the one that sorts its tables. [`crate::results::report`] is made of the same
//! pieces.

pub(crate) mod axis;
mod bars;
pub(crate) mod examples;
pub(crate) mod frame;
pub(crate) mod histogram;
pub(crate) mod html;
mod lines;
pub(crate) mod palette;
mod path;
pub(crate) mod plot;
pub(crate) mod scatter;
mod schedule;
mod story;
pub(crate) mod table;
mod tour;

use std::io::Write as _;
use std::path::Path;

use dfl_core::Result;

pub use story::{Curve, Drawing, Example, RowOutcome, Sheet, SheetCell, Story};

use crate::files::AtomicFile;
use html::{escape, figures};
use plot::Plot;

/// Writes the page; a reader sees the old one or the new one, never half of it.
///
/// # Errors
/// [`dfl_core::Error::File`] if it cannot be written, and as [`render`].
pub fn write(path: &Path, story: &Story) -> Result<()> {
    let page = render(story)?;
    AtomicFile::create(path)?.write(|file| file.write_all(page.as_bytes()))
}

/// The page, in HTML.
///
/// # Errors
/// [`dfl_core::Error::Dimension`] or [`dfl_core::Error::Domain`] if the parts of an example do not fit together,
/// [`dfl_core::Error::Unsupported`] if its two decisions are of different kinds, [`dfl_core::Error::Backend`] if a plot cannot be drawn.
pub fn render(story: &Story) -> Result<String> {
    let tables: String = story.sheets.iter().map(sheet).collect();
    let examples: Vec<Plot> = story.examples.iter().map(examples::plot).collect::<Result<_>>()?;
    let sections = [
        ("tables", "Figures", String::new(), tables),
        ("rows", "Row by row", rows_note(story), figures(&rows(story)?)),
        ("training", "Training", String::new(), figures(&lines::plots(&story.curves)?)),
        ("examples", "Decisions", String::new(), figures(&examples)),
    ];
    let sections: Vec<_> = sections.into_iter().filter(|section| !section.3.is_empty()).collect();
    let links: Vec<_> = sections.iter().map(|(id, title, ..)| ((*id).to_owned(), (*title).to_owned())).collect();
    let body: String = sections.iter().map(|(id, title, note, content)| section(id, title, note, content)).collect();
    let verdict = if story.verdict.is_empty() { String::new() } else { format!("<p class=\"verdict\">{}</p>\n", escape(&story.verdict)) };
    let (head, contents) = (frame::header(&story.title, &[]), frame::contents(&links));
    Ok(frame::document(&story.title, &format!("{head}{verdict}{}{contents}{body}{}", facts(story), frame::footer(&story.command))))
}

fn facts(story: &Story) -> String {
    let fact = |(name, value): &(String, String)| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value));
    let facts: String = story.facts.iter().map(fact).collect();
    if facts.is_empty() { facts } else { format!("<dl class=\"facts\">\n{facts}</dl>\n") }
}

fn section(id: &str, title: &str, note: &str, content: &str) -> String {
    let note = if note.is_empty() { String::new() } else { format!("<p class=\"context\">{}</p>\n", escape(note)) };
    format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{note}{content}</section>\n")
}

fn sheet(sheet: &Sheet) -> String {
    let note = if sheet.note.is_empty() { String::new() } else { format!("<p class=\"note\">{}</p>\n", escape(&sheet.note)) };
    format!("<h3>{}</h3>\n{}{note}", escape(&sheet.title), table::of_story(sheet))
}

fn rows_note(story: &Story) -> String {
    format!("Regret: what a row's decision costs in truth beyond the best one. {} rows.", story.rows.len())
}

/// Regrets of the model and of the baseline; nothing without rows.
fn rows(story: &Story) -> Result<Vec<Plot>> {
    if story.rows.is_empty() {
        return Ok(Vec::new());
    }
    let unit = if story.unit.is_empty() { String::new() } else { format!(", {}", story.unit) };
    let model: Vec<f64> = story.rows.iter().map(|row| row.cost - row.best).collect();
    let baseline: Vec<f64> = story.rows.iter().map(|row| row.baseline - row.best).collect();
    let name = if story.baseline.is_empty() { "baseline" } else { &story.baseline };
    let histogram = histogram::plot(
        "Regret of the rows",
        &format!("regret{unit}"),
        &histogram::Values { name: "model", values: &model },
        &histogram::Values { name, values: &baseline },
    )?;
    let values: Vec<[f64; 2]> = baseline.iter().zip(&model).map(|(x, y)| [*x, *y]).collect();
    let counts = scatter::Counts::of(story.rows.iter().map(|row| [row.baseline, row.cost]));
    let short = ["model", name];
    let pairs = scatter::Pairs { model: "model", baseline: name, short, what: "regret", unit: &unit, values: &values, counts };
    Ok(vec![histogram, scatter::plot(&pairs)?])
}
