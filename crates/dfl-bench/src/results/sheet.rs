//! A group as cells of text, for the terminal and for the report alike.

use super::ids::{Kind, Metric};
use super::numbers::{count, fixed, shared_decimals, three_digits};
use super::summary::{Field, Group, Row, Summary};

/// What follows the name of a method that learns nothing by descent.
const NO_LEARNING: &str = " *";

/// One cell; `spread` is the part after the value, lined up on its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cell {
    pub(super) value: String,
    pub(super) spread: String,
}

/// One column; numbers are lined up on the right.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) title: String,
    pub(super) numeric: bool,
    /// Where room is short the highest go first; 0 stays.
    pub(super) spare: u8,
    pub(super) cells: Vec<Cell>,
}

/// A group as text.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    /// Task and size.
    pub(super) title: String,
    /// Suite, profile and what all rows share.
    pub(super) context: String,
    pub(super) columns: Vec<Column>,
    /// How to read the cells.
    pub(super) notes: Vec<String>,
    /// Which job failed, and why.
    pub(super) failures: Vec<String>,
}

impl Sheet {
    pub(super) fn new(group: &Group) -> Self {
        let key = group.key();
        let shared = group.constant().iter().map(|(name, word)| format!(", {name} {word}")).collect::<String>();
        Self {
            title: format!("{} {}", key.task, group.size()),
            context: format!("suite {}, profile {}{shared}", key.suite, key.profile),
            columns: columns(group),
            notes: notes(group),
            failures: failures(group),
        }
    }
}

fn columns(group: &Group) -> Vec<Column> {
    let words = group.varying().into_iter().map(|field| words(group, field));
    let metrics = group.metrics().into_iter().flat_map(|metric| [numbers(group, metric)].into_iter().chain(published(group, metric)));
    words.chain(metrics).chain([seeds(group)]).collect()
}

fn words(group: &Group, (title, read): Field) -> Column {
    let text = |row: &Row| {
        let mark = if title == "method" && row.is_baseline() && group.learns() { NO_LEARNING } else { "" };
        format!("{}{mark}", read(&row.key))
    };
    let cells = group.rows.iter().map(|row| Cell { value: text(row), ..Cell::default() }).collect();
    Column { title: title.to_owned(), numeric: false, spare: 0, cells }
}

fn numbers(group: &Group, metric: &'static Metric) -> Column {
    let found: Vec<_> = group.rows.iter().map(|row| row.cells.get(metric.id)).collect();
    let means: Vec<f64> = found.iter().flatten().map(|cell| cell.mean).collect();
    let figures: Vec<f64> = found.iter().flatten().filter_map(|cell| cell.published).collect();
    let decimals = shared_decimals(&means, &figures);
    let cell = |(row, found): (&Row, &Option<&Summary>)| match found {
        Some(found) => number(metric, found, decimals),
        None => gap(row, metric),
    };
    let title = if metric.higher_is_better { format!("{} (up)", metric.heading) } else { metric.heading.to_owned() };
    let spare = u8::from(metric.id != group.leading.id && metric.id != "epoch_seconds");
    Column { title, numeric: true, spare, cells: group.rows.iter().zip(&found).map(cell).collect() }
}

fn number(metric: &Metric, found: &Summary, decimals: usize) -> Cell {
    match metric.kind {
        Kind::Quality => {
            let spread = found.se.map_or(String::new(), |se| format!("± {}", fixed(se, decimals)));
            Cell { value: fixed(found.mean, decimals), spread }
        }
        Kind::Count => Cell { value: count(found.mean), ..Cell::default() },
        Kind::Machine => Cell { value: three_digits(found.mean), ..Cell::default() },
    }
}

fn gap(row: &Row, metric: &Metric) -> Cell {
    let failed = row.failures.iter().any(|failure| failure.metric == metric.id);
    Cell { value: if failed { "failed" } else { "" }.to_owned(), ..Cell::default() }
}

/// The figures of papers for a metric, with the digits that they have there.
fn published(group: &Group, metric: &Metric) -> Option<Column> {
    let figures: Vec<_> = group.rows.iter().map(|row| row.cells.get(metric.id)?.published).collect();
    let decimals = shared_decimals(&[], &figures.iter().flatten().copied().collect::<Vec<_>>());
    let cell = |figure: &Option<f64>| Cell { value: figure.map_or(String::new(), |figure| printed(figure, decimals)), ..Cell::default() };
    let leads = metric.id == group.leading.id;
    let title = if leads { "published".to_owned() } else { format!("published {}", metric.heading) };
    let cells = figures.iter().map(cell).collect();
    figures.iter().any(Option::is_some).then_some(Column { title, numeric: true, spare: if leads { 0 } else { 2 }, cells })
}

/// The figure's own digits, filled with blanks so that the points of a column stand in line.
fn printed(figure: f64, decimals: usize) -> String {
    let text = figure.to_string();
    let own = text.split_once('.').map_or(0, |(_, digits)| digits.len() + 1);
    let blanks = if decimals == 0 { 0 } else { decimals + 1 - own };
    format!("{text}{}", " ".repeat(blanks))
}

fn seeds(group: &Group) -> Column {
    let text = |row: &Row| {
        let measured = row.cells.get(group.leading.id).map_or(0, |cell| cell.seeds);
        if measured == row.tried { measured.to_string() } else { format!("{measured}/{}", row.tried) }
    };
    let cells = group.rows.iter().map(|row| Cell { value: text(row), ..Cell::default() }).collect();
    Column { title: "seeds".to_owned(), numeric: true, spare: 0, cells }
}

fn notes(group: &Group) -> Vec<String> {
    let spread = group.rows.iter().flat_map(|row| row.cells.values()).any(|cell| cell.se.is_some());
    let mut notes = Vec::new();
    notes.extend(spread.then(|| "± is the standard error over seeds".to_owned()));
    notes.extend((group.learns() && group.rows.iter().any(Row::is_baseline)).then(|| "* learns nothing by descent".to_owned()));
    let compared = group.rows.iter().any(|row| row.cells.contains_key("speedup"));
    notes.extend(compared.then(|| "speedup: time of the row over ours, in turns in one run".to_owned()));
    notes
}

fn failures(group: &Group) -> Vec<String> {
    let line = |row: &Row, failure: &super::summary::Failure| {
        let seed = failure.seed.map_or(String::new(), |seed| format!(", seed {seed}"));
        format!("{}{seed}, {}: {}", group.label(&row.key), failure.metric, brief(&failure.error))
    };
    group.rows.iter().flat_map(|row| row.failures.iter().map(move |failure| line(row, failure))).collect()
}

/// An error in one line of bounded length; a backend's may be pages.
fn brief(error: &str) -> String {
    const MOST: usize = 300;
    let line = error.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}… (the whole is in results.jsonl)", &line[..end]),
        None => line,
    }
}
