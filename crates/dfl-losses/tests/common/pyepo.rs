//! The recorded losses of `PyEPO`, if they are there.

use std::io::Write;
use std::path::{Path, PathBuf};

use dfl_core::Batch;
use serde_json::Value;

/// A file of recorded losses, unless it is not there, which is said past the capture of the test harness.
pub fn fixture(name: &str) -> Option<Value> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let path = std::env::var_os("DFL_FIXTURES").map_or_else(usual, PathBuf::from).join("losses").join(name);
    if !path.exists() {
        let thread = std::thread::current();
        let _ = writeln!(std::io::stderr(), "skipped: {}: {} not found", thread.name().unwrap_or("pyepo"), path.display());
        return None;
    }
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// A list of equally long lists, as rows.
pub fn table(value: &Value) -> Batch {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Batch::from_rows(&rows).unwrap()
}
