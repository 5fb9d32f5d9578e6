//! The problems of Maros and Meszaros that are at hand. Absent files are named, not failed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use dfl_core::Program;
use dfl_solvers::read_problem;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/suites/maros_meszaros")
}

/// The program in the file of this name.
pub(crate) fn read(name: &str) -> Program {
    read_problem(&folder().join(format!("{name}.json"))).unwrap().program
}

/// Name, size and optimal value of every instance of the reference table whose file is there.
pub(crate) fn instances() -> Vec<(String, usize, f64)> {
    let Ok(table) = std::fs::read_to_string(folder().join("../maros_meszaros_reference.csv")) else {
        // Written past the capture of the test harness, so that it is seen and counted.
        let test = std::thread::current().name().unwrap_or("maros_meszaros").to_owned();
        let _ = writeln!(std::io::stderr(), "skipped: {test}: {} not found", folder().display());
        return Vec::new();
    };
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[0].to_owned(), fields[1].parse().unwrap(), fields[5].parse().unwrap())
    };
    table.lines().skip(1).map(row).filter(|(name, ..)| folder().join(format!("{name}.json")).exists()).collect()
}

/// Distance from the published optimum; HS51, HS268 and TAME have the optimum 0.
pub(crate) fn error(objective: f64, best: f64) -> f64 {
    (objective - best).abs() / if best.abs() < 1e-9 { 1.0 } else { best.abs() }
}
