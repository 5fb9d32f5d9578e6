//! The output directory: `results.jsonl`, `curves.jsonl`, `rows.jsonl`, `maps.jsonl` and `examples.jsonl`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dfl_core::{Error, Result};

use super::log::{Earlier, Log, Record, failure};
use super::{Curve, Examples, HeatMap, Key, Measurement, RowCosts, ids, latest};

impl Record for Measurement {
    fn key(&self) -> &Key {
        &self.key
    }
}

impl Record for Curve {
    fn key(&self) -> &Key {
        &self.key
    }
}

/// Measurements, learning curves, costs of test rows, heat maps and drawn decisions of one output directory, on disk as soon as they are added.
///
/// The files only grow. If a quantity was measured twice, as after a resumed failure, the later line counts.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    results: Log,
    curve_log: Log,
    row_log: Log,
    map_log: Log,
    example_log: Log,
    measurements: Vec<Measurement>,
    curves: Vec<Curve>,
    rows: Vec<RowCosts>,
    maps: Vec<HeatMap>,
    examples: Vec<Examples>,
    warnings: Vec<String>,
}

impl Store {
    /// Opens `dir`, making it if need be. With `resume` earlier lines are read and kept; without, earlier files are renamed to
    /// `results.jsonl.old` and so on.
    ///
    /// # Errors
    /// [`Error::File`] if the directory or its files cannot be written, [`Error::Content`] if an earlier line, other than a torn last
    /// one, is not a result.
    pub fn open(dir: &Path, resume: bool) -> Result<Self> {
        make_dir(dir)?;
        let (results, measured) = open::<Measurement>(dir, "results.jsonl", resume)?;
        let (curve_log, curves) = open::<Curve>(dir, "curves.jsonl", resume)?;
        let (row_log, rows) = open::<RowCosts>(dir, "rows.jsonl", resume)?;
        let (map_log, maps) = open::<HeatMap>(dir, "maps.jsonl", resume)?;
        let (example_log, examples) = open::<Examples>(dir, "examples.jsonl", resume)?;
        let warnings = [measured.warning, curves.warning, rows.warning, maps.warning, examples.warning].into_iter().flatten().collect();
        let (measurements, curves, rows, maps, examples) = (measured.records, curves.records, rows.records, maps.records, examples.records);
        let dir = dir.to_owned();
        Ok(Self { dir, results, curve_log, row_log, map_log, example_log, measurements, curves, rows, maps, examples, warnings })
    }

    /// Adds all measurements of one job, in one write; a kill or a full disk loses the job as a whole.
    ///
    /// # Errors
    /// [`Error::File`] if they cannot be written, or if a word is not one of [`ids`]; the file is then as before.
    pub fn append(&mut self, job: &[Measurement]) -> Result<()> {
        if let Some(fault) = job.iter().find_map(ids::fault) {
            return Err(self.refused(fault));
        }
        self.results.append(job)?;
        self.measurements.extend_from_slice(job);
        Ok(())
    }

    /// Adds the learning curves of one job. Add them before its measurements, which are what marks it as done.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_curves(&mut self, job: &[Curve]) -> Result<()> {
        if let Some(fault) = job.iter().find_map(|curve| ids::key_fault(&curve.key)) {
            return Err(self.refused(fault));
        }
        self.curve_log.append(job)?;
        self.curves.extend_from_slice(job);
        Ok(())
    }

    /// Adds what the test rows of one job cost. Add it before its measurements, which are what marks it as done.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_rows(&mut self, job: RowCosts) -> Result<()> {
        if let Some(fault) = ids::key_fault(&job.key) {
            return Err(self.refused(fault));
        }
        self.row_log.append(std::slice::from_ref(&job))?;
        self.rows.push(job);
        Ok(())
    }

    /// Adds the heat maps of one job. Add them before its measurements, which are what marks it as done.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_maps(&mut self, job: &[HeatMap]) -> Result<()> {
        if let Some(fault) = job.iter().find_map(|map| ids::key_fault(&map.key)) {
            return Err(self.refused(fault));
        }
        if !job.is_empty() {
            self.map_log.append(job)?;
            self.maps.extend_from_slice(job);
        }
        Ok(())
    }

    /// Adds decisions of one job that are drawn. Add them before its measurements, which are what marks it as done.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_examples(&mut self, job: Examples) -> Result<()> {
        if let Some(fault) = ids::key_fault(&job.key) {
            return Err(self.refused(fault));
        }
        if !job.examples.is_empty() {
            self.example_log.append(std::slice::from_ref(&job))?;
            self.examples.push(job);
        }
        Ok(())
    }

    /// Whether the job has measurements and none of them failed; a failed job is worth another try.
    pub fn done(&self, key: &Key) -> bool {
        let job: Vec<_> = self.measurements.iter().filter(|row| row.key == *key).cloned().collect();
        !job.is_empty() && latest(&job).iter().all(|row| row.value.is_some())
    }

    /// All measurements, earlier ones first; of those repeated, only the last.
    pub fn measurements(&self) -> Vec<Measurement> {
        latest(&self.measurements).into_iter().cloned().collect()
    }

    /// All learning curves; of those repeated, only the last.
    pub fn curves(&self) -> Vec<Curve> {
        let repeated = |at: usize| self.curves[at + 1..].iter().any(|later| same_curve(later, &self.curves[at]));
        (0..self.curves.len()).filter(|&at| !repeated(at)).map(|at| self.curves[at].clone()).collect()
    }

    /// Costs of the test rows of each job; of those repeated, only the last.
    pub fn rows(&self) -> Vec<RowCosts> {
        let repeated =
            |at: usize| self.rows[at + 1..].iter().any(|later| (&later.key, &later.metric) == (&self.rows[at].key, &self.rows[at].metric));
        (0..self.rows.len()).filter(|&at| !repeated(at)).map(|at| self.rows[at].clone()).collect()
    }

    /// All heat maps; of those repeated, only the last.
    pub fn maps(&self) -> Vec<HeatMap> {
        let repeated =
            |at: usize| self.maps[at + 1..].iter().any(|later| (&later.key, &later.what) == (&self.maps[at].key, &self.maps[at].what));
        (0..self.maps.len()).filter(|&at| !repeated(at)).map(|at| self.maps[at].clone()).collect()
    }

    /// The decisions that are drawn; of those of one job, only the last.
    pub fn examples(&self) -> Vec<Examples> {
        let repeated = |at: usize| self.examples[at + 1..].iter().any(|later| later.key == self.examples[at].key);
        (0..self.examples.len()).filter(|&at| !repeated(at)).map(|at| self.examples[at].clone()).collect()
    }

    /// What was found amiss when earlier lines were read and was set right.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The output directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn refused(&self, fault: String) -> Error {
        Error::File {
            path: self.dir.join("results.jsonl"),
            action: "adding a measurement",
            remedy: "use a word of dfl_bench::results::ids, or add it there",
            source: io::Error::new(io::ErrorKind::InvalidInput, fault),
        }
    }
}

/// A file of the directory, and what an earlier run left in it where that is kept.
fn open<T: Record>(dir: &Path, name: &str, resume: bool) -> Result<(Log, Earlier<T>)> {
    let path = dir.join(name);
    if resume { Log::resume(&path) } else { Ok((Log::create(&path)?, Earlier { records: Vec::new(), warning: None })) }
}

fn same_curve(a: &Curve, b: &Curve) -> bool {
    a.key == b.key && a.what == b.what
}

fn make_dir(dir: &Path) -> Result<()> {
    if dir.exists() && !dir.is_dir() {
        return Err(failure(dir, "opening the output directory", io::ErrorKind::NotADirectory.into()));
    }
    fs::create_dir_all(dir).map_err(|source| failure(dir, "creating the output directory", source))
}
