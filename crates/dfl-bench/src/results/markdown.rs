//! `report.md`: every table of a run as Markdown, what the pages of `docs/results/` are made from.

use std::path::Path;

use dfl_core::Result;

use super::claims::Verdict;
use super::numbers::{fixed, shared_decimals};
use super::sheet::{Cell, Column, Sheet};
use super::significance::{self, Family};
use super::summary::{Group, groups};
use super::{Measurement, overview};
use crate::files::AtomicFile;

/// The tables: the leading metric of all problems side by side, each problem, comparisons row by row, claims.
///
/// Side by side a cell is the mean over seeds, after ± its standard error, in brackets what is published.
pub fn render(measurements: &[Measurement], families: &[Family], verdicts: &[Verdict]) -> String {
    let groups = groups(measurements);
    let together = overview::pivot(&groups, cells).into_iter();
    let problems = groups.iter().map(Sheet::new).chain(families.iter().map(significance::sheet));
    together.chain(problems).map(|sheet| section(&sheet)).collect::<String>() + &claims(verdicts)
}

/// Writes them; a reader sees the old file or the new one, never half of it.
///
/// # Errors
/// [`dfl_core::Error::File`] if it cannot be written.
pub fn write(path: &Path, measurements: &[Measurement], families: &[Family], verdicts: &[Verdict]) -> Result<()> {
    let text = render(measurements, families, verdicts);
    AtomicFile::create(path)?.write(|file| std::io::Write::write_all(file, text.as_bytes()))
}

/// The leading metric of a problem's rows with a decimal count of its own.
fn cells(group: &Group) -> Vec<Cell> {
    let found: Vec<_> = group.rows.iter().map(|row| row.cells.get(group.leading.id)).collect();
    let means: Vec<f64> = found.iter().flatten().map(|cell| cell.mean).collect();
    let published: Vec<f64> = found.iter().flatten().filter_map(|cell| cell.published).collect();
    let decimals = shared_decimals(&means, &published);
    let cell = |found: &Option<&super::summary::Summary>| match found {
        None => Cell::default(),
        Some(found) => {
            let se = found.se.map_or(String::new(), |se| format!(" ± {}", fixed(se, decimals)));
            let figure = found.published.map_or(String::new(), |figure| format!(" ({figure})"));
            Cell { value: format!("{}{se}{figure}", fixed(found.mean, decimals)), spread: String::new() }
        }
    };
    found.iter().map(cell).collect()
}

fn section(sheet: &Sheet) -> String {
    let context = if sheet.context.is_empty() { String::new() } else { format!("{}\n\n", sheet.context) };
    let notes = sheet.notes.iter().chain(&sheet.failures).map(|note| format!("* {}\n", escape(note))).collect::<String>();
    let notes = if notes.is_empty() { notes } else { format!("\n{notes}") };
    format!("## {}\n\n{context}{}{notes}\n", escape(&sheet.title), table(&sheet.columns))
}

fn table(columns: &[Column]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let head = line(columns.iter().map(|column| escape(&column.title)).collect());
    let rule = line(columns.iter().map(|column| if column.numeric { "---:" } else { "---" }.to_owned()).collect());
    let row = |i: usize| line(columns.iter().map(|column| text(&column.cells[i])).collect());
    let rows = columns.first().map_or(0, |column| column.cells.len());
    head + &rule + &(0..rows).map(row).collect::<String>()
}

fn text(cell: &Cell) -> String {
    escape(format!("{} {}", cell.value.trim(), cell.spread).trim())
}

fn claims(verdicts: &[Verdict]) -> String {
    if verdicts.is_empty() {
        return String::new();
    }
    let row = |v: &Verdict| format!("| {} | {} | {} | {} |\n", escape(&v.text), v.outcome.words(), escape(&v.metric), escape(&v.summary()));
    format!(
        "## Claims\n\n| claim | verdict | metric | evidence |\n| --- | --- | --- | --- |\n{}",
        verdicts.iter().map(row).collect::<String>()
    )
}

/// A bar would end the cell.
fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::super::Key;
    use super::*;

    fn measured(size: &str, method: &str, seed: u64, regret: f64) -> Measurement {
        let word = str::to_owned;
        let (suite, task, size, method, predictor) = (word("s"), word("tsp"), word(size), word(method), word("linear"));
        Measurement::new(&Key { suite, task, size, method, predictor, seed: Some(seed), ..Key::default() }, "normalized_regret", regret)
    }

    /// Two seeds at .25 and .75: mean .5, standard error .25.
    #[test]
    fn a_cell_has_mean_error_and_published_figure() {
        let mut rows: Vec<Measurement> = ["5", "8"]
            .iter()
            .flat_map(|size| [measured(size, "sce", 0, 0.25), measured(size, "sce", 1, 0.75), measured(size, "pfy", 0, 0.125)])
            .collect();
        rows[0].published = Some(0.31);
        let text = render(&rows, &[], &[]);
        let together = text.split("\n## ").next().unwrap_or_default();
        assert!(together.contains("| method | tsp 5 | tsp 8 |\n| --- | ---: | ---: |\n"), "{together}");
        assert!(together.contains("| sce | 0.500 ± 0.250 (0.31) | 0.5000 ± 0.2500 |\n"), "{together}");
        assert!(together.contains("| pfy | 0.125 | 0.1250 |\n"), "{together}");
        assert!(text.contains("\n## tsp 5\n\nsuite s, profile , predictor linear"), "{text}");
    }

    #[test]
    fn a_bar_does_not_end_a_cell() {
        assert_eq!(escape("|x|"), "\\|x\\|");
    }
}
