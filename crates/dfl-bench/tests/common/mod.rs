//! Where tests find files that are not part of the repository. What is absent is reported and the test skipped, never failed.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::env;
use std::io::{self, Write};
use std::panic::Location;
use std::path::{Path, PathBuf};

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
