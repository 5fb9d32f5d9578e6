//! Sheets and claims as tables of a page.

use super::claims::Verdict;
use super::sheet::{Column, Sheet};
use crate::page::html::escape;
use crate::page::table::{self, Cell, Head};

/// The sheet as a table with its notes and failures.
pub(super) fn table(sheet: &Sheet) -> String {
    let heads: Vec<Head<'_>> =
        sheet.columns.iter().map(|column| Head { title: &column.title, numeric: column.numeric, spread: has_spread(column) }).collect();
    let cell = |column: &Column, row: usize| {
        let cell = &column.cells[row];
        Cell { html: escape(&cell.value), spread: cell.spread.clone(), number: None }
    };
    let rows = sheet.columns.first().map_or(0, |column| column.cells.len());
    let table = table::table(&sheet.title, "", &heads, (0..rows).map(|row| sheet.columns.iter().map(|column| cell(column, row)).collect()));
    let notes = if sheet.notes.is_empty() { String::new() } else { format!("<p class=\"note\">{}</p>\n", escape(&sheet.notes.join("; "))) };
    format!("{table}{notes}{}", failures(sheet))
}

fn failures(sheet: &Sheet) -> String {
    let items: String = sheet.failures.iter().map(|failure| format!("<li>{}</li>\n", escape(failure))).collect();
    if items.is_empty() { items } else { format!("<p class=\"failed\">Failed:</p>\n<ul class=\"failed\">\n{items}</ul>\n") }
}

/// Values and spreads are columns of their own, so that each lines up.
fn has_spread(column: &Column) -> bool {
    column.cells.iter().any(|cell| !cell.spread.is_empty())
}

/// The claims as a table; the evidence of each unfolds.
pub(super) fn claims(verdicts: &[Verdict]) -> String {
    let heads = ["verdict", "claim", "metric", "evidence"].map(|title| Head { title, numeric: false, spread: false });
    let cell = |html| Cell { html, ..Cell::default() };
    let row = |verdict: &Verdict| {
        let lines: String = verdict.evidence.iter().map(|evidence| format!("<li>{}</li>\n", escape(&evidence.to_string()))).collect();
        let evidence = format!("<details><summary>{}</summary>\n<ul>\n{lines}</ul></details>", escape(&verdict.summary()));
        vec![cell(verdict.outcome.words().into()), cell(escape(&verdict.text)), cell(escape(&verdict.metric)), cell(evidence)]
    };
    table::table("Claims", "claims", &heads, verdicts.iter().map(row))
}
