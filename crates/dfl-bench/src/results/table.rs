//! Tables for a terminal of 100 columns.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::claims::{Outcome, Verdict};
use super::sheet::{Cell, Column, Sheet};
use super::significance::{self, Family};
use super::{Measurement, summary};

/// No line of a table is longer.
pub const WIDTH: usize = 100;

/// Blanks between two columns.
const GAP: usize = 2;

/// One table per task and size, rows sorted by the leading metric; ends with a line break unless nothing was measured.
///
/// Where room is short the least important columns are left out and named below the table; a report shows them all.
pub fn render(measurements: &[Measurement]) -> String {
    let tables: Vec<String> = summary::groups(measurements).iter().map(|group| one(Sheet::new(group))).collect();
    tables.join("\n")
}

/// Lines of evidence below a claim that does not hold.
const EVIDENCE: usize = 6;

/// What came of the claims, each with the evidence against it or what is missing; ends with a line break unless there are none.
pub fn claims(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        text += &wrap(&format!("{:<12} {} [{}, {}]", verdict.outcome.words(), verdict.text, verdict.metric, verdict.summary()));
        let deciding = if verdict.outcome == Outcome::Holds { Vec::new() } else { verdict.deciding() };
        deciding.iter().take(EVIDENCE).for_each(|evidence| text += &wrap(&format!("- {evidence}")));
        if deciding.len() > EVIDENCE {
            text += &format!("- and {} more, see the report\n", deciding.len() - EVIDENCE);
        }
    }
    text
}

/// The comparisons row by row, a table for each block; ends with a line break unless there are none.
pub fn significance(families: &[Family]) -> String {
    families.iter().map(|family| one(significance::sheet(family))).collect::<Vec<_>>().join("\n")
}

/// Rows of text below their titles; the first column is words, the others are numbers.
pub(crate) fn plain(titles: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |row: &Vec<String>, k: usize| Cell { value: row.get(k).cloned().unwrap_or_default(), spread: String::new() };
    let column = |(k, title): (usize, &&str)| Column {
        title: (*title).to_owned(),
        numeric: k > 0,
        spare: 0,
        cells: rows.iter().map(|row| cell(row, k)).collect(),
    };
    grid(&titles.iter().enumerate().map(column).collect::<Vec<_>>())
}

fn one(mut sheet: Sheet) -> String {
    let left_out = fit(&mut sheet.columns);
    if !left_out.is_empty() {
        sheet.notes.push(format!("not shown: {}", left_out.join(", ")));
    }
    let failures = sheet.failures.iter().map(|failure| format!("failed: {failure}"));
    let notes = (!sheet.notes.is_empty()).then(|| sheet.notes.join("; "));
    let head = wrap(&format!("{}  ({})", sheet.title, sheet.context));
    let below = notes.into_iter().chain(failures).map(|text| wrap(&text)).collect::<String>();
    format!("{head}{}{below}", grid(&sheet.columns))
}

/// Removes the most spare columns, from the right, until the rest fits; returns their titles.
fn fit(columns: &mut Vec<Column>) -> Vec<String> {
    let mut left_out = Vec::new();
    while columns.iter().map(|column| width(column) + GAP).sum::<usize>() > WIDTH {
        let most = columns.iter().map(|column| column.spare).max().unwrap_or(0);
        let Some(at) = columns.iter().rposition(|column| column.spare == most && most > 0) else { break };
        left_out.insert(0, columns.remove(at).title);
    }
    left_out
}

fn width(column: &Column) -> usize {
    let texts = texts(column);
    texts.iter().map(|text| text.chars().count()).chain([column.title.chars().count()]).max().unwrap_or(0)
}

/// The cells as text; a value without a spread is followed by blanks, so that values stand below values.
fn texts(column: &Column) -> Vec<String> {
    let room = column.cells.iter().map(|cell| cell.spread.chars().count()).max().unwrap_or(0);
    let text = |cell: &Cell| match room {
        0 => cell.value.clone(),
        _ => format!("{} {:>room$}", cell.value, cell.spread),
    };
    column.cells.iter().map(text).collect()
}

fn grid(columns: &[Column]) -> String {
    let rule = LineStyle::none().fill('─').junction('─');
    let style = TableStyle::new().top_border(rule).header_separator(rule).bottom_border(rule);
    let mut table = Table::new();
    table.load_style(style).force_no_tty().set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH as u16);
    table.set_header(columns.iter().map(|column| column.title.as_str()));
    let columns_of_text: Vec<_> = columns.iter().map(texts).collect();
    for row in 0..columns.first().map_or(0, |column| column.cells.len()) {
        table.add_row(columns_of_text.iter().map(|texts| texts[row].as_str()));
    }
    for (shown, column) in table.column_iter_mut().zip(columns) {
        shown.set_padding((0, GAP as u16 - 1));
        shown.set_cell_alignment(if column.numeric { CellAlignment::Right } else { CellAlignment::Left });
    }
    // Without a border the style still leaves one blank between columns.
    format!("{}\n", table.trim_fmt())
}

/// Breaks text between words, with later lines indented.
fn wrap(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split(' ') {
        if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = "   ".to_owned();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    format!("{lines}{}\n", line.trim_end())
}
