//! Accepted values: what a later run is compared with, in `benchmarks/baselines/SUITE-PROFILE.json`.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dfl_core::{Error, Result};
use jiff::Zoned;
use serde::{Deserialize, Serialize};

use super::ids::{self, Kind};
use super::{Key, Measurement, latest};
use crate::files::AtomicFile;
use crate::suite::benchmarks;

/// Relative tolerance of a quality on the pure-Rust path, which computes the same bits on one machine and nearly the same on another.
pub(super) const TIGHT: f64 = 1e-6;

/// Relative tolerance where libtorch trains: its kernels differ between processors, and training amplifies that.
pub(super) const LOOSE: f64 = 2e-2;

/// Accepted values of one suite under one profile, and why they were accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The suite.
    pub suite: String,
    /// The profile.
    pub profile: String,
    /// Accepted values, sorted by key and metric.
    pub rows: Vec<Accepted>,
    /// Every acceptance, the last one last.
    pub history: Vec<Acceptance>,
    #[serde(skip)]
    path: PathBuf,
}

/// One accepted value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// The job.
    #[serde(flatten)]
    pub key: Key,
    /// A quality or a count.
    pub metric: String,
    /// The value.
    pub value: f64,
    /// Allowed relative difference; 0 for counts. One widened by hand survives the next acceptance.
    pub tolerance: f64,
}

/// When and why values were accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Day of the acceptance.
    pub date: String,
    /// The commit that was measured.
    pub commit: Option<String>,
    /// The reason, in the words of whoever accepted.
    pub why: String,
    /// Rows with a value that was not there before.
    pub added: usize,
    /// Rows whose value is another one now.
    pub changed: usize,
    /// Rows that are no longer there.
    pub dropped: usize,
}

impl Baseline {
    /// Where this checkout keeps the accepted values of a suite under a profile.
    pub fn path(suite: &str, profile: &str) -> PathBuf {
        benchmarks().join("baselines").join(format!("{suite}-{profile}.json"))
    }

    /// The accepted values in a file named `SUITE-PROFILE.json`; none if nothing has been accepted yet and there is no such file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read or has no such name, [`Error::Format`] if it is not a baseline, [`Error::Content`] if it is
    /// that of another suite or profile.
    pub fn load(path: &Path) -> Result<Self> {
        let misnamed = || failure(path, "reading accepted values", "name it SUITE-PROFILE.json", io::ErrorKind::InvalidFilename.into());
        let (suite, profile) = path.file_stem().and_then(|stem| stem.to_str()?.rsplit_once('-')).ok_or_else(misnamed)?;
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::empty(path, suite, profile)),
            read => read.map_err(|source| failure(path, "reading accepted values", "make it readable or restore it with git", source))?,
        };
        let read: Self = serde_json::from_str(&text).map_err(|error| damaged(path, error))?;
        if (read.suite.as_str(), read.profile.as_str()) != (suite, profile) {
            let (problem, remedy) = ("these are the accepted values of another suite or profile", "restore the file with git");
            return Err(Error::Content { path: path.to_owned(), line: 2, problem, remedy });
        }
        Ok(Self { path: path.to_owned(), ..read })
    }

    fn empty(path: &Path, suite: &str, profile: &str) -> Self {
        let (suite, profile) = (suite.to_owned(), profile.to_owned());
        Self { suite, profile, rows: Vec::new(), history: Vec::new(), path: path.to_owned() }
    }

    /// Whether a measurement belongs to this suite and profile and is of a kind that is compared.
    pub(super) fn covers(&self, row: &Measurement) -> bool {
        self.is_of(row) && is_compared(&row.metric)
    }

    fn is_of(&self, row: &Measurement) -> bool {
        row.key.suite == self.suite && row.key.profile == self.profile
    }

    /// Takes what was measured as what is accepted from now on, writes the file, and returns what changed.
    ///
    /// Rows that were not measured are dropped: a method that was removed must not be missed for ever.
    ///
    /// # Errors
    /// [`Error::File`] if `why` is empty, if a measurement of this suite failed or there is none, or if the file cannot be written; the
    /// file is then as before.
    pub fn accept(&mut self, measurements: &[Measurement], why: &str, commit: Option<&str>) -> Result<&Acceptance> {
        self.check_acceptable(measurements, why)?;
        let rows = self.accepted(measurements);
        let acceptance = self.acceptance(&rows, why.trim(), commit);
        let mut next = Self { rows, ..self.clone() };
        next.history.push(acceptance);
        next.save()?;
        *self = next;
        Ok(self.history.last().expect("one was pushed"))
    }

    fn check_acceptable(&self, measurements: &[Measurement], why: &str) -> Result<()> {
        let own: Vec<_> = latest(measurements).into_iter().filter(|row| self.is_of(row)).collect();
        let failed = own.iter().filter(|row| row.error.is_some()).count();
        let refuse = |remedy, problem: String| Err(failure(&self.path, "accepting measurements", remedy, io::Error::other(problem)));
        if why.trim().is_empty() {
            return refuse("say why: --accept \"the reason\"", "no reason was given".to_owned());
        }
        if failed > 0 {
            return refuse("mend what failed and run again with --resume", format!("{failed} measurements failed"));
        }
        if !own.iter().any(|row| self.covers(row)) {
            return refuse("run this suite with this profile first", "nothing was measured".to_owned());
        }
        Ok(())
    }

    fn accepted(&self, measurements: &[Measurement]) -> Vec<Accepted> {
        let before = self.by_name();
        let accept = |row: &Measurement| {
            let tolerance = before.get(&(&row.key, row.metric.as_str())).map_or_else(|| tolerance(row), |earlier| earlier.tolerance);
            Some(Accepted { key: row.key.clone(), metric: row.metric.clone(), value: row.value?, tolerance })
        };
        let mut rows: Vec<_> = latest(measurements).into_iter().filter(|row| self.covers(row)).filter_map(accept).collect();
        rows.sort_by(|a, b| (&a.key, &a.metric).cmp(&(&b.key, &b.metric)));
        rows
    }

    fn acceptance(&self, rows: &[Accepted], why: &str, commit: Option<&str>) -> Acceptance {
        let before = self.by_name();
        let earlier = |row: &Accepted| before.get(&(&row.key, row.metric.as_str())).map(|earlier| earlier.value);
        let kept = rows.iter().filter(|row| earlier(row).is_some()).count();
        let changed = rows.iter().filter(|row| earlier(row).is_some_and(|value| value != row.value)).count();
        let (added, dropped) = (rows.len() - kept, self.rows.len() - kept);
        let date = Zoned::now().date().to_string();
        Acceptance { date, commit: commit.map(str::to_owned), why: why.to_owned(), added, changed, dropped }
    }

    fn by_name(&self) -> HashMap<(&Key, &str), &Accepted> {
        self.rows.iter().map(|row| ((&row.key, row.metric.as_str()), row)).collect()
    }

    fn save(&self) -> Result<()> {
        let remedy = "make benchmarks/baselines writable, or free some space if the disk is full";
        let failed = |source| failure(&self.path, "writing accepted values", remedy, source);
        let text = self.to_text().map_err(|error| failed(error.into()))?;
        fs::create_dir_all(self.path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        AtomicFile::create(&self.path).and_then(|file| file.write(|file| file.write_all(text.as_bytes()))).map_err(|error| match error {
            // The remedies of a file named by --out do not fit this one.
            Error::File { source, .. } => failed(source),
            other => other,
        })
    }

    /// JSON with one row a line, so that a review sees what changed.
    fn to_text(&self) -> serde_json::Result<String> {
        let rows = self.rows.iter().map(serde_json::to_string).collect::<serde_json::Result<Vec<_>>>()?;
        let history = self.history.iter().map(serde_json::to_string).collect::<serde_json::Result<Vec<_>>>()?;
        let (suite, profile) = (serde_json::to_string(&self.suite)?, serde_json::to_string(&self.profile)?);
        let list = |lines: Vec<String>| if lines.is_empty() { "[]".to_owned() } else { format!("[\n  {}\n ]", lines.join(",\n  ")) };
        Ok(format!("{{\n \"suite\": {suite},\n \"profile\": {profile},\n \"rows\": {},\n \"history\": {}\n}}\n", list(rows), list(history)))
    }
}

/// Qualities and counts are compared; what depends on the machine never is.
fn is_compared(metric: &str) -> bool {
    ids::metric(metric).is_some_and(|metric| metric.kind != Kind::Machine)
}

/// The tolerance of a row that is accepted for the first time.
fn tolerance(row: &Measurement) -> f64 {
    let pure_rust = ["none", "linear"].contains(&row.key.predictor.as_str());
    match row.metric.as_str() {
        // How often a solver is called follows from the schedule alone, whatever the predictor.
        "oracle_calls" => 0.0,
        // How many steps it takes depends on what was predicted.
        "iterations" if pure_rust => 0.0,
        _ if pure_rust => TIGHT,
        _ => LOOSE,
    }
}

fn failure(path: &Path, action: &'static str, remedy: &'static str, source: io::Error) -> Error {
    Error::File { path: path.to_owned(), action, remedy, source }
}

fn damaged(path: &Path, error: serde_json::Error) -> Error {
    Error::Format { path: path.to_owned(), what: "baseline (restore it with git, or delete it and accept anew)", source: Box::new(error) }
}
