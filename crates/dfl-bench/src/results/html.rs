//! Pieces of a page.

use super::claims::Verdict;
use super::dot_plot::Plot;
use super::sheet::{Cell, Column, Sheet};

/// Text with the characters that mean something in HTML and SVG made harmless.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// The sheet as a table with its notes and failures.
pub(super) fn table(sheet: &Sheet) -> String {
    let head: String = sheet.columns.iter().map(header).collect();
    let rows = sheet.columns.first().map_or(0, |column| column.cells.len());
    let body: String = (0..rows).map(|row| format!("<tr>{}</tr>\n", cells(&sheet.columns, row))).collect();
    let notes = if sheet.notes.is_empty() { String::new() } else { format!("<p class=\"note\">{}</p>\n", escape(&sheet.notes.join("; "))) };
    let table = format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>");
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">{table}</div>\n{notes}{}",
        escape(&sheet.title),
        failures(sheet)
    )
}

fn failures(sheet: &Sheet) -> String {
    let items: String = sheet.failures.iter().map(|failure| format!("<li>{}</li>\n", escape(failure))).collect();
    if items.is_empty() { items } else { format!("<p class=\"failed\">Failed:</p>\n<ul class=\"failed\">\n{items}</ul>\n") }
}

/// Values and spreads are columns of their own, so that each lines up.
fn has_spread(column: &Column) -> bool {
    column.cells.iter().any(|cell| !cell.spread.is_empty())
}

fn header(column: &Column) -> String {
    let class = if column.numeric { " class=\"number\"" } else { "" };
    let span = if has_spread(column) { " colspan=\"2\"" } else { "" };
    format!("<th scope=\"col\"{class}{span}>{}</th>", escape(&column.title))
}

fn cells(columns: &[Column], row: usize) -> String {
    columns.iter().enumerate().map(|(at, column)| cell(column, &column.cells[row], at == 0)).collect()
}

fn cell(column: &Column, cell: &Cell, first: bool) -> String {
    let value = escape(&cell.value);
    if first {
        return format!("<th scope=\"row\">{value}</th>");
    }
    // Blanks that fill up decimals must be as wide as the digits they stand for.
    let value = if column.numeric { value.replace(' ', "\u{2007}") } else { value };
    let class = if column.numeric { " class=\"number\"" } else { "" };
    let spread = if has_spread(column) { format!("<td class=\"spread\">{}</td>", escape(&cell.spread)) } else { String::new() };
    format!("<td{class}>{value}</td>{spread}")
}

/// A plot with its title and legend.
pub(super) fn figure(plot: &Plot) -> String {
    let legend: String = plot.legend.iter().map(|entry| format!("<li>{entry}</li>")).collect();
    let title = escape(&plot.title);
    format!("<figure>\n<figcaption>{title}</figcaption>\n{}\n<ul class=\"legend\">{legend}</ul>\n</figure>\n", plot.svg)
}

/// The claims as a table; the evidence of each unfolds.
pub(super) fn claims(verdicts: &[Verdict]) -> String {
    let row = |verdict: &Verdict| {
        let lines: String = verdict.evidence.iter().map(|evidence| format!("<li>{}</li>\n", escape(&evidence.to_string()))).collect();
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td><details><summary>{}</summary>\n<ul>\n{lines}</ul></details></td></tr>\n",
            verdict.outcome.words(),
            escape(&verdict.text),
            escape(&verdict.metric),
            escape(&verdict.summary()),
        )
    };
    let head = ["verdict", "claim", "metric", "evidence"].map(|title| format!("<th scope=\"col\">{title}</th>")).concat();
    let body: String = verdicts.iter().map(row).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Claims\"><table class=\"claims\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
    )
}
