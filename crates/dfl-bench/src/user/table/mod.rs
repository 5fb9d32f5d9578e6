//! Tables of numbers from a user's files.

mod csv;
mod numpy;
#[cfg(feature = "parquet")]
mod parquet;

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use dfl_core::{Batch, Error, Result};

use super::near::near;

/// A table of numbers from a user's file.
#[derive(Clone, Debug)]
pub struct Table {
    /// What it holds, for messages: `features`, `costs` or `solutions`.
    pub what: &'static str,
    /// Where it was read, for messages.
    pub path: PathBuf,
    /// Names of the columns, `[p]`; `0`, `1`, ... where the file has none.
    pub columns: Vec<String>,
    /// Whether the file has names of columns.
    pub named: bool,
    /// Names of the rows, `[b]`: a column `id` of the file if there is one, else the number of the row from 0.
    pub ids: Vec<String>,
    /// Whether the file has names of rows.
    pub identified: bool,
    /// The numbers, `[b, p]`; all finite.
    pub values: Batch,
}

/// Reads a table; the name's ending says what the file is. `what` is what it holds, for messages.
///
/// | ending | holds |
/// | --- | --- |
/// | `.csv` | numbers with commas between them. The first line has the names of the columns if anything in it is no number. A column `id`, or a first one without a name (as pandas and R write it), has the names of the rows |
/// | `.npy` | an array of numpy of one or two dimensions, of any type of numbers |
/// | `.npz` | the only array in it, or that called `NAME` of `FILE.npz:NAME` |
/// | `.parquet` | columns of numbers, uncompressed or with snappy or gzip; one called `id`, or the index that pandas stores, has the names of the rows. Feature `parquet` |
///
/// Nothing is filled in or skipped: an empty cell, a word, NaN, an infinite number, a row of another length, two columns or rows of one
/// name and a file without rows are refused.
///
/// # Errors
/// [`Error::File`] if it cannot be read, [`Error::Input`] with line (or row), column and remedy, [`Error::Unsupported`] for another ending.
pub fn read_table(path: &Path, what: &'static str) -> Result<Table> {
    let (file, array) = numpy::split(path);
    let source = Source { what, path, file: &file };
    let ending = file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let found = match ending.as_str() {
        "csv" => csv::read(&source, source.open()?)?,
        "npy" => numpy::read_array(&source, source.open()?)?,
        "npz" => numpy::read_archive(&source, source.open()?, array.as_deref())?,
        #[cfg(feature = "parquet")]
        "parquet" => parquet::read(&source, source.open()?)?,
        #[cfg(not(feature = "parquet"))]
        "parquet" => {
            let what = "parquet; build it with the feature `parquet`, or write the table as .csv or .npz";
            return Err(Error::Unsupported { who: "this build", what });
        }
        _ => {
            let what = "files that end in other than .csv, .npy, .npz or .parquet";
            return Err(Error::Unsupported { who: "the reader of tables", what });
        }
    };
    found.finish(&source)
}

/// The file that a table is in: `FILE.npz` of `FILE.npz:NAME`.
pub(super) fn file_of(path: &Path) -> PathBuf {
    numpy::split(path).0
}

/// Refuses tables whose rows do not belong together: another number of rows, or other ids where both files have some.
///
/// # Errors
/// [`Error::Input`] naming both files and the first row that differs.
pub fn align(a: &Table, b: &Table) -> Result<()> {
    let (rows, other) = (b.values.rows(), a.values.rows());
    if rows != other {
        let problem = format!("{rows} rows, but {} {} has {other}", a.what, a.path.display());
        return Err(b.fault("", problem, "give one row for each instance in both"));
    }
    let differs = (a.identified && b.identified).then(|| a.ids.iter().zip(&b.ids).position(|(a, b)| a != b)).flatten();
    match differs {
        None => Ok(()),
        Some(i) => {
            let problem = format!("this row is `{}`, but that of {} {} is `{}`", b.ids[i], a.what, a.path.display(), a.ids[i]);
            Err(b.fault(&format!("row {}", i + 1), problem, "sort both by id, and keep the ids that both have"))
        }
    }
}

impl Table {
    /// The columns of these names, in this order.
    ///
    /// # Errors
    /// [`Error::Input`] naming a column that is missing, and those there are.
    pub fn select(&self, columns: &[String]) -> Result<Self> {
        let place = |name: &String| self.columns.iter().position(|column| column == name).ok_or_else(|| self.missing(name));
        let places: Vec<usize> = columns.iter().map(place).collect::<Result<_>>()?;
        let data = self.values.iter().flat_map(|row| places.iter().map(|&j| row[j])).collect();
        let values = Batch::from_vec(self.values.rows(), places.len(), data)?;
        Ok(Self { columns: columns.to_vec(), values, ..self.clone() })
    }

    fn missing(&self, name: &str) -> Error {
        let problem = format!("there is no column `{name}`");
        let remedy = match self.named {
            true => format!("the file has {}", near(name, &self.columns)),
            false => "give the file a first line with the names of its columns".into(),
        };
        self.fault("", problem, remedy)
    }

    /// An error about this table.
    pub(crate) fn fault(&self, place: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        Source { what: self.what, path: &self.path, file: &self.path }.fault(place, problem, remedy)
    }
}

/// A file that is read, for messages.
#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    what: &'static str,
    /// As it was named.
    path: &'a Path,
    /// The same without the name of an array in it.
    file: &'a Path,
}

impl Source<'_> {
    fn fault(&self, place: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        Error::Input { what: self.what, path: self.path.into(), place: place.into(), problem: problem.into(), remedy: remedy.into() }
    }

    fn open(&self) -> Result<File> {
        let refused = |source| Error::File { path: self.path.into(), action: "reading the table", remedy: "check the name", source };
        let file = File::open(self.file).map_err(refused)?;
        if self.file.is_dir() { Err(refused(std::io::ErrorKind::IsADirectory.into())) } else { Ok(file) }
    }
}

/// What a reader has found; not yet checked as a whole.
#[derive(Debug, Default)]
struct Found {
    /// Names of the columns without that of the ids.
    columns: Option<Vec<String>>,
    ids: Option<Vec<String>>,
    width: usize,
    values: Vec<f64>,
}

impl Found {
    fn finish(self, source: &Source<'_>) -> Result<Table> {
        let Self { columns, ids, width, values } = self;
        if width == 0 {
            return Err(source.fault("", "there is no column of numbers", "write one column for each quantity"));
        }
        let rows = values.len() / width;
        if rows == 0 {
            return Err(source.fault("", "there are no rows", "write one row for each instance"));
        }
        once(source, "column", columns.as_deref())?;
        once(source, "id", ids.as_deref())?;
        let (named, identified) = (columns.is_some(), ids.is_some());
        let columns = columns.unwrap_or_else(|| numbers(width));
        if let Some(k) = values.iter().position(|v| !v.is_finite()) {
            let place = format!("row {}, column `{}`", k / width + 1, columns[k % width]);
            return Err(source.fault(place, format!("{} is not a finite number", values[k]), CLEAN));
        }
        let ids = ids.unwrap_or_else(|| numbers(rows));
        let values = Batch::from_vec(rows, width, values)?;
        Ok(Table { what: source.what, path: source.path.into(), columns, named, ids, identified, values })
    }
}

const CLEAN: &str = "fill it in or drop this row (in all tables)";

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|k| k.to_string()).collect()
}

/// Refuses two of one name.
fn once(source: &Source<'_>, what: &str, names: Option<&[String]>) -> Result<()> {
    let mut seen = HashSet::new();
    match names.unwrap_or_default().iter().find(|name| !seen.insert(name.as_str())) {
        None => Ok(()),
        Some(name) => Err(source.fault("", format!("two {what}s are called `{name}`"), "rename or drop one of them")),
    }
}
