//! The instances that come with HiGHS, by HiGHS and by whoever else takes them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dfl_core::Status;
use dfl_solvers::{Backend, read_problem};
use serde_json::Value;

use super::solve;

const TOLERANCE: f64 = 1e-6;
/// Rows and variables together up to which the active set is tried: its memory grows with the square.
const SMALL: usize = 1200;
/// Linear programs that only HiGHS gets right: the others end without an answer, the second of them is unbounded.
const ALONE: [&str; 2] = ["perold.mps", "gas11.mps"];

/// The instances in the sources of the package `highs-sys`.
pub(super) fn folder() -> PathBuf {
    let output =
        Command::new(env!("CARGO")).args(["metadata", "--format-version", "1", "--offline", "--features", "highs"]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo knows the packages it has built");
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let package = packages.find(|package| package["name"] == "highs-sys").unwrap();
    PathBuf::from(package["manifest_path"].as_str().unwrap()).with_file_name("HiGHS/check/instances")
}

/// The fields of each line of the table, or nothing if it is not there.
pub(super) fn table() -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/suites/highs_instances_reference.csv");
    let Ok(text) = fs::read_to_string(&path) else {
        // Written past the capture of the test harness, so that it is seen and counted.
        let test = std::thread::current().name().unwrap_or("highs_instances").to_owned();
        let _ = writeln!(std::io::stderr(), "skipped: {test}: {} not found", path.display());
        return Vec::new();
    };
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The status that the table gives, and the optimum.
fn expected(row: &[String]) -> (Status, f64) {
    match row[6].as_str() {
        "Optimal" => (Status::Optimal, row[7].parse().unwrap()),
        "Infeasible" => (Status::Infeasible, f64::NAN),
        "Unbounded" => (Status::Unbounded, f64::NAN),
        other => panic!("{other}"),
    }
}

#[test]
fn every_instance_has_its_status_and_optimum() {
    let (folder, mut wrong, mut alone) = (folder(), Vec::new(), Vec::new());
    for row in table().iter().filter(|row| row[1] != "malformed") {
        let (file, kind, (status, best)) = (&row[0], row[1].as_str(), expected(row));
        let problem = read_problem(&folder.join(file)).unwrap();
        let program = &problem.program;
        assert_eq!([program.n().to_string(), program.m().to_string()], row[2..4], "{file}");
        assert_eq!(problem.maximise, row[4] == "kMaximize", "{file}");
        assert_eq!(problem.in_own_sense(program.r), row[5].parse::<f64>().unwrap(), "{file}");
        let (mut right, mut line) = (Vec::new(), format!("{file:<20} n = {:<5} m = {:<4}", program.n(), program.m()));
        for backend in [Backend::Highs, Backend::ActiveSet, Backend::Osqp, Backend::Clarabel] {
            if backend == Backend::ActiveSet && program.n() + program.m() > SMALL {
                continue;
            }
            let Some(answer) = solve(backend, program) else { continue };
            let error = (problem.in_own_sense(answer.solution.objective) - best).abs() / best.abs();
            let good = answer.info.status == status && (status != Status::Optimal || error <= TOLERANCE);
            line += &format!(" | {backend}: {}{}", answer.info.status, if good { "" } else { " (wrong)" });
            let contradicts = answer.info.status != status && !matches!(answer.info.status, Status::Failed | Status::Limit);
            if good {
                right.push(backend);
            } else if contradicts || answer.info.status == Status::Optimal {
                wrong.push(format!("{file} by {backend}"));
            }
        }
        println!("{line}");
        let first = if kind == "qp" { Backend::ActiveSet } else { Backend::Highs };
        if !right.contains(&first) {
            wrong.push(format!("{file} by {first}"));
        }
        if !program.has_integers() && right.len() < 2 && !ALONE.contains(&file.as_str()) {
            alone.push(file.clone());
        }
    }
    assert!(wrong.is_empty(), "wrong: {wrong:?}; by one backend alone: {alone:?}");
    assert!(alone.is_empty(), "by one backend alone: {alone:?}");
}

/// Optima as the comments in these files give them.
#[test]
fn lp_files_that_name_their_optimum_have_it() {
    for (file, best) in [("qjh.lp", -5.25), ("qjh_uncon.lp", -5.5)] {
        let problem = read_problem(&folder().join(file)).unwrap();
        let answer = solve(Backend::ActiveSet, &problem.program).unwrap();
        assert_eq!(answer.info.status, Status::Optimal, "{file}");
        assert!((answer.solution.objective - best).abs() <= TOLERANCE, "{file}: {}", answer.solution.objective);
    }
}

#[test]
fn malformed_instances_are_refused() {
    let folder = folder();
    for row in table().iter().filter(|row| row[1] == "malformed") {
        let error = read_problem(&folder.join(&row[0])).expect_err(&row[0]).to_string();
        println!("{error}");
        assert!(error.contains(&row[0]), "{error}");
    }
}
