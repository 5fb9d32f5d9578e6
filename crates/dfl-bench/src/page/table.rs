//! The one writer of tables.

use super::html::escape;
use super::{Sheet, SheetCell};

/// Title of a column.
pub(crate) struct Head<'a> {
    pub(crate) title: &'a str,
    /// Numbers are lined up on the right, and sorted as numbers.
    pub(crate) numeric: bool,
    /// Whether cells have a second part with a column of its own, so that each part lines up.
    pub(crate) spread: bool,
}

/// One cell.
#[derive(Default)]
pub(crate) struct Cell {
    /// HTML.
    pub(crate) html: String,
    /// The second part, as text.
    pub(crate) spread: String,
    /// What a number is sorted by; else by what is printed.
    pub(crate) number: Option<f64>,
}

/// A table in a box of its own that scrolls; the first cell of a row is its title. `class` is further classes of the table.
pub(crate) fn table(label: &str, class: &str, heads: &[Head<'_>], rows: impl Iterator<Item = Vec<Cell>>) -> String {
    let head: String = heads.iter().map(header).collect();
    let row = |cells: Vec<Cell>| {
        let cells: String = heads.iter().zip(&cells).enumerate().map(|(at, (head, cell))| written(head, cell, at == 0)).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let body: String = rows.map(row).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table class=\"{}\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\
         </tbody>\n</table></div>\n",
        escape(label),
        format!("sortable {class}").trim_end()
    )
}

fn header(head: &Head<'_>) -> String {
    let class = if head.numeric { " class=\"number\"" } else { "" };
    let span = if head.spread { " colspan=\"2\"" } else { "" };
    format!("<th scope=\"col\"{class}{span}>{}</th>", escape(head.title))
}

fn written(head: &Head<'_>, cell: &Cell, first: bool) -> String {
    let sorted = cell.number.filter(|_| head.numeric).map_or(String::new(), |v| format!(" data-v=\"{v}\""));
    let class = if head.numeric { " class=\"number\"" } else { "" };
    if first {
        return format!("<th scope=\"row\"{class}{sorted}>{}</th>", cell.html);
    }
    // Blanks that fill up decimals must be as wide as the digits they stand for.
    let html = if head.numeric { cell.html.replace(' ', "\u{2007}") } else { cell.html.clone() };
    let spread = if head.spread { format!("<td class=\"spread\">{}</td>", escape(&cell.spread)) } else { String::new() };
    format!("<td{class}{sorted}>{html}</td>{spread}")
}

/// A table of a story; a column is one of numbers if every cell that says anything is one.
pub(crate) fn of_story(sheet: &Sheet) -> String {
    let numeric = |at: usize| {
        let mut cells = sheet.rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.text.is_empty()).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.number.is_some())
    };
    let heads: Vec<Head<'_>> =
        sheet.columns.iter().enumerate().map(|(at, title)| Head { title, numeric: numeric(at), spread: false }).collect();
    let cell = |cell: &SheetCell| Cell { html: escape(&cell.text), number: cell.number, ..Cell::default() };
    table(&sheet.title, "", &heads, sheet.rows.iter().map(|row| row.iter().map(cell).collect()))
}
