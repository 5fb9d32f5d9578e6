//! Where tests find files that are not part of the repository. What is absent is reported and the test skipped, never failed.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a fixture that is there but cannot be read fails the test")]

use std::io::{self, Write};
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

/// A file or directory of the fixtures made by other programs: `$DFL_FIXTURES/name`, else `../shared/fixtures/name` beside the checkout.
#[track_caller]
pub(crate) fn fixture(name: &str) -> Option<PathBuf> {
    let folder = env::var_os("DFL_FIXTURES").map_or_else(|| workspace().join("../shared/fixtures"), PathBuf::from);
    first_present(&[folder.join(name)])
}

/// A file of the data sets, looked for where the library does: `$DFL_DATA_DIR`, `datasets/cache/`, `../shared/datasets/`.
#[track_caller]
pub(crate) fn dataset(name: &str) -> Option<PathBuf> {
    let named = env::var_os("DFL_DATA_DIR").map(PathBuf::from);
    let usual = [workspace().join("datasets/cache"), workspace().join("../shared/datasets")];
    let candidates: Vec<PathBuf> = named.into_iter().chain(usual).map(|folder| folder.join(name)).collect();
    first_present(&candidates)
}

/// Names and contents of PyEPO's outputs for one generator; none where there are no fixtures, but then all of them are missing.
#[track_caller]
pub(crate) fn pyepo_fixtures(generator: &str) -> Vec<(String, Value)> {
    let Some(folder) = fixture("pyepo") else { return Vec::new() };
    let named = |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), path);
    let files = fs::read_dir(folder).unwrap().map(|entry| named(entry.unwrap().path()));
    let found: Vec<_> = files.filter(|(name, _)| name.starts_with(&format!("{generator}_"))).collect();
    assert!(!found.is_empty(), "the folder has no {generator}_*.json");
    found.into_iter().map(|(name, path)| (name, read_json(&path))).collect()
}

pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The numbers of a table of the fixtures, a line of names left out.
#[track_caller]
pub(crate) fn read_csv(name: &str) -> Option<Vec<Vec<f64>>> {
    let text = fs::read_to_string(fixture(name)?).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with(char::is_alphabetic));
    Some(lines.map(|line| line.split(',').map(|v| v.parse().unwrap()).collect()).collect())
}

/// Largest distance of two numbers at the same place, counted in floating-point numbers.
pub(crate) fn largest_ulp(a: &[f64], b: &[f64]) -> u64 {
    assert_eq!(a.len(), b.len());
    let ordered = |v: f64| if v.is_sign_negative() { -(v.abs().to_bits() as i64) } else { v.to_bits() as i64 };
    a.iter().zip(b).map(|(a, b)| ordered(*a).abs_diff(ordered(*b))).max().unwrap()
}

/// Root of the checkout.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
fn first_present(candidates: &[PathBuf]) -> Option<PathBuf> {
    let found = candidates.iter().find(|path| path.exists());
    if found.is_none() {
        skip(&format!("{} not found", candidates[0].display()));
    }
    found.cloned()
}

/// Reports that the calling test checks nothing, and why. Written past the capture of the test harness, which hides what passing tests print.
#[track_caller]
pub(crate) fn skip(why: &str) {
    let place = Location::caller().to_string();
    let thread = std::thread::current();
    // With one test thread the harness runs tests on the main thread; the place of the call is then the best name there is.
    let test = thread.name().filter(|name| *name != "main").unwrap_or(&place);
    let _ = writeln!(io::stderr(), "skipped: {test}: {why}");
}
