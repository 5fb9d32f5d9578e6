//! What the user sees: sizes, tables, progress.

use std::io::{IsTerminal, Write};

/// A size in bytes for people: `527 MB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", (bytes + 500) / 1_000),
        1_000_000..10_000_000_000 => format!("{} MB", (bytes + 500_000) / 1_000_000),
        _ => format!("{} GB", (bytes + 500_000_000) / 1_000_000_000),
    }
}

/// Rows as text, columns aligned to the left and two blanks apart; the first row is the heading.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// One line that counts up, only where somebody watches: a log gets the final line alone.
pub(crate) struct Progress {
    what: String,
    live: bool,
    shown: u64,
}

impl Progress {
    /// Starts the line.
    pub(crate) fn new(what: &str) -> Self {
        Self { what: what.to_owned(), live: std::io::stderr().is_terminal(), shown: u64::MAX }
    }

    /// Shows `done` of `total` bytes, at most once per percent.
    pub(crate) fn at(&mut self, done: u64, total: u64) {
        let percent = (done * 100).checked_div(total).unwrap_or(100);
        if self.live && percent != self.shown {
            self.shown = percent;
            eprint!("\r{} {percent:3} % of {} ", self.what, size(total));
            // A lost progress line harms nobody.
            let _ = std::io::stderr().flush();
        }
    }

    /// Ends the line.
    pub(crate) fn done(self, outcome: &str) {
        let start = if self.live { "\r\x1b[K" } else { "" };
        eprintln!("{start}{} {outcome}", self.what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_to_the_unit() {
        assert_eq!([size(999), size(84_376), size(526_574_961)], ["999 B", "84 kB", "527 MB"]);
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".into(), "b".into()], vec!["long".into(), "c".into()]];
        assert_eq!(table(&rows), "a     b\nlong  c\n");
    }
}
