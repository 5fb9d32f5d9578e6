//! Comma-separated values.

use std::fs::File;

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};
use dfl_core::{Error, Result};

use super::{CLEAN, Found, Source};

/// From so many columns on, a first line `0,1,2,...` is more likely made of names than of data.
const COUNTED: usize = 3;

/// What stands for a number that is missing.
const MISSING: [&str; 8] = ["", "-", "?", "NA", "N/A", "NaN", "null", "None"];

/// Reads a file with or without names in its first line.
pub(super) fn read(source: &Source<'_>, file: File) -> Result<Found> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(file);
    let mut record = StringRecord::new();
    if !next(source, &mut reader, &mut record)? {
        return Err(source.fault("", "the file is empty", "write one row for each instance"));
    }
    let columns = Columns::of_first_line(source, &record)?;
    let mut body = Body { source, ids: columns.id.map(|_| Vec::new()), columns, values: Vec::new() };
    if body.columns.names.is_none() {
        body.add(&record)?;
    }
    while next(source, &mut reader, &mut record)? {
        body.add(&record)?;
    }
    let Body { columns: Columns { names, width, id }, ids, values, .. } = body;
    Ok(Found { columns: names, ids, width: width - usize::from(id.is_some()), values })
}

fn next(source: &Source<'_>, reader: &mut Reader<File>, record: &mut StringRecord) -> Result<bool> {
    reader.read_record(record).map_err(|error| {
        let line = format!("line {}", error.position().map_or(1, csv::Position::line));
        match error.into_kind() {
            ErrorKind::Utf8 { .. } => source.fault(line, "this is not UTF-8 text", "save it as CSV in UTF-8"),
            ErrorKind::Io(cause) => {
                let remedy = "check that it is a file and not on a disk that fails";
                Error::File { path: source.path.into(), action: "reading the table", remedy, source: cause }
            }
            other => source.fault(line, format!("{other:?}"), "write it again"),
        }
    })
}

/// The columns as the first line has them.
struct Columns {
    /// Names of all but the ids, if there are names.
    names: Option<Vec<String>>,
    /// Number of columns, that of ids included.
    width: usize,
    /// Which column has the ids.
    id: Option<usize>,
}

impl Columns {
    fn of_first_line(source: &Source<'_>, record: &StringRecord) -> Result<Self> {
        let fault = |problem: &str, remedy: &str| Err(source.fault("line 1", problem, remedy));
        let (width, number) = (record.len(), |cell: &str| cell.parse::<f64>().is_ok());
        if width == 1 && record[0].contains([';', '\t', '|']) {
            return fault("the columns are not separated by commas", "save it with commas between columns and points in numbers");
        }
        if record.iter().all(|cell| number(cell) || missing(cell)) && !record[0].is_empty() {
            if width >= COUNTED && record.iter().enumerate().all(|(k, cell)| cell == k.to_string()) {
                return fault("0, 1, 2, ... may be names or data", "give the columns names");
            }
            return Ok(Self { names: None, width, id: None });
        }
        if record.iter().any(|cell| number(cell) && cell.parse::<i64>().is_err()) {
            return fault("numbers stand beside what is no number", "write names of all columns there, or numbers only");
        }
        // The mark of a comment, with which numpy.savetxt begins its header.
        let mut names: Vec<String> = record.iter().map(str::to_owned).collect();
        names[0] = names[0].trim_start_matches('#').trim_start().to_owned();
        let id = names.iter().position(|name| name.eq_ignore_ascii_case("id")).or_else(|| names[0].is_empty().then_some(0));
        if let Some(k) = (0..width).find(|&k| names[k].is_empty() && id != Some(k)) {
            return fault(&format!("column {} has no name", k + 1), "name it, or take it away");
        }
        id.map(|id| names.remove(id));
        Ok(Self { names: Some(names), width, id })
    }

    /// What messages call the column at this place of a line.
    fn called(&self, place: usize) -> String {
        let shift = usize::from(self.id.is_some_and(|id| id < place));
        self.names.as_ref().map_or_else(|| format!("column {}", place + 1), |names| format!("column `{}`", names[place - shift]))
    }
}

struct Body<'a> {
    source: &'a Source<'a>,
    columns: Columns,
    ids: Option<Vec<String>>,
    values: Vec<f64>,
}

impl Body<'_> {
    fn add(&mut self, record: &StringRecord) -> Result<()> {
        let line = record.position().map_or(1, csv::Position::line);
        let (width, got) = (self.columns.width, record.len());
        if got != width {
            let problem = format!("{got} cells, but line 1 has {width}");
            return Err(self.source.fault(format!("line {line}"), problem, "give each row a cell for each column; quote commas in a cell"));
        }
        for (place, cell) in record.iter().enumerate() {
            match &mut self.ids {
                Some(ids) if self.columns.id == Some(place) => ids.push(cell.to_owned()),
                _ => self.values.push(self.number(cell, place, line)?),
            }
        }
        Ok(())
    }

    fn number(&self, cell: &str, place: usize, line: u64) -> Result<f64> {
        let fault = |problem: String, remedy: &str| {
            let column = self.columns.called(place);
            Err(self.source.fault(format!("line {line}, {column}"), problem, remedy))
        };
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ if cell.is_empty() => fault("the cell is empty".into(), CLEAN),
            Ok(_) => fault(format!("`{cell}` is not a finite number"), CLEAN),
            Err(_) if missing(cell) => fault(format!("`{cell}` is not a number"), CLEAN),
            Err(_) => fault(format!("`{cell}` is not a number"), "write digits with a point, as in -1.5e3; encode words as numbers"),
        }
    }
}

fn missing(cell: &str) -> bool {
    MISSING.iter().any(|word| word.eq_ignore_ascii_case(cell))
}
