//! Problems from files with known optima, through the reader and every backend that is built in. What is absent is reported and skipped.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that panics has failed, and the tables are what it shows")]

#[cfg(feature = "highs")]
mod highs_instances;
mod maros_meszaros;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use dfl_core::Status;
use dfl_solvers::{Answer, Backend, Limits, Problem};

/// Seconds for one backend on one problem; a safety stop, since none comes near it.
const SECONDS: f64 = 120.0;

fn suites() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/suites")
}

/// The fields of each line after the first, or nothing if the file is not there.
fn table(name: &str) -> Vec<Vec<String>> {
    let path = suites().join(name);
    let Ok(text) = fs::read_to_string(&path) else {
        // Written past the capture of the test harness, so that it is seen and counted.
        let test = std::thread::current().name().unwrap_or("suites").to_owned();
        let _ = writeln!(std::io::stderr(), "skipped: {test}: {} not found", path.display());
        return Vec::new();
    };
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The answer of one backend; none if it does not take such a problem.
fn solve(backend: Backend, problem: &Problem) -> Option<Answer> {
    let limits = Limits { seconds: Some(SECONDS), ..Limits::default() };
    match backend.solve(&problem.program, &limits) {
        Ok(answer) => Some(answer),
        Err(dfl_core::Error::Unsupported { .. }) => None,
        Err(error) => panic!("{}: {backend}: {error}", problem.name),
    }
}

/// Distance of an answer from the known optimum, relative, or absolute where that is 0; infinite if there is none.
fn distance(problem: &Problem, answer: &Answer, best: f64) -> f64 {
    if answer.info.status != Status::Optimal {
        return f64::INFINITY;
    }
    let scale = if best.abs() < 1e-9 { 1.0 } else { best.abs() };
    (problem.in_own_sense(answer.solution.objective) - best).abs() / scale
}
