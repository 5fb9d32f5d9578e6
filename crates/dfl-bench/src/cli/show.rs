//! Figures as tables for the terminal, and rows as CSV.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use dfl_core::{Error, Result};

use crate::files::AtomicFile;
use crate::results::table;
use crate::user::{DECIDERS, FIGURES, Figures, short};

/// Who decides against what it is worth, the leading figure first.
pub(super) fn figures(figures: &BTreeMap<String, Figures>) -> String {
    let known = DECIDERS.iter().filter_map(|who| Some((*who, figures.get(*who)?)));
    let rows: Vec<_> = known.collect();
    let shown: Vec<_> = FIGURES.iter().filter(|(id, _)| rows.iter().any(|(_, f)| f.contains_key(*id))).collect();
    let titles: Vec<&str> = ["decides"].into_iter().chain(shown.iter().map(|(_, title)| *title)).collect();
    let cells = |(who, figures): &(&str, &Figures)| {
        let values = shown.iter().map(|(id, _)| figures.get(*id).map_or_else(String::new, |v| short(*v)));
        [(*who).to_owned()].into_iter().chain(values).collect()
    };
    table::plain(&titles, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// A number as the shortest text that reads back to it, without a minus before zero.
pub(super) fn number(value: f64) -> String {
    (value + 0.0).to_string()
}

/// A table of CSV, to a file that appears complete or to standard output.
pub(super) fn csv(out: Option<&Path>, header: &[String], rows: impl Iterator<Item = Vec<String>>) -> Result<()> {
    match out {
        Some(path) => AtomicFile::create(path)?.write(|file| write_csv(file, header, rows)),
        None => match write_csv(io::stdout().lock(), header, rows) {
            // As behind `head`.
            Err(closed) if closed.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|source| Error::File {
                path: "standard output".into(),
                action: "writing the table",
                remedy: "write to a file with --out",
                source,
            }),
        },
    }
}

fn write_csv(to: impl Write, header: &[String], rows: impl Iterator<Item = Vec<String>>) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(to);
    writer.write_record(header).map_err(as_io)?;
    for row in rows {
        writer.write_record(&row).map_err(as_io)?;
    }
    writer.flush()
}

/// With the kind of the error below, which the conversion of `csv` leaves out.
fn as_io(error: csv::Error) -> io::Error {
    let kind = match error.kind() {
        csv::ErrorKind::Io(source) => source.kind(),
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
