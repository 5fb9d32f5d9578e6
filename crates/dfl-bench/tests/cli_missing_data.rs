//! `dfl bench` where the PJM data cannot be found. They are also looked for around the checkout: where they are there, this is skipped.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use dfl_bench::data::find;
use dfl_bench::data::pjm::FILES;
use serde_json::Value;

const SUITE: &str = r#"
title = "power and paths"
minutes = { quick = 1.0, full = 1.0 }
[[experiment]]
task = "power"
size = "pjm"
seeds = { quick = 1, full = 1 }
training = { epochs = { quick = 1, full = 1 }, batch = 32, learning_rates = [0.05] }
run = [ { method = "persistence" }, { method = "dfl_point", predictor = "linear", solver = "active_set" } ]
[[experiment]]
task = "shortest_path"
size = "5x5"
data = { features = 5, degree = 6, noise = 0.5, train = 50, valid = 10, test = 50 }
seeds = { quick = 1, full = 1 }
training = { epochs = { quick = 1, full = 1 }, batch = 32, learning_rates = [0.05] }
run = [ { method = "spo_plus", predictor = "linear", solver = "exact" } ]
"#;

/// Runs the suite in an empty folder whose ancestors are those of temporary files.
fn bench(dir: &Path) -> Output {
    std::fs::write(dir.join("both.toml"), SUITE).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dfl"));
    command.current_dir(dir).env_remove("DFL_DATA_DIR").stdin(Stdio::null());
    command.args(["bench", "--threads", "1", "--definitions", ".", "--suite", "both", "--out", "out"]).output().unwrap()
}

#[test]
fn without_the_power_data_the_rest_is_measured_and_the_remedy_named() {
    if let Ok(found) = find("pjm", FILES[0].0) {
        return common::skip(&format!("the data are there: {}", found.display()));
    }
    let dir = tempfile::tempdir().unwrap();
    let output = bench(dir.path());
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cargo xtask data pjm"), "{said}");
    let stored = std::fs::read_to_string(dir.path().join("out/results.jsonl")).unwrap();
    let rows: Vec<Value> = stored.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |task: &str| rows.iter().filter(|r| r["task"] == task).collect::<Vec<_>>();
    assert_eq!(of("power").len(), 2, "one row for each run that failed: {stored}");
    assert!(of("power").iter().all(|r| r["error"].as_str().unwrap().contains("cargo xtask data pjm")), "{stored}");
    let regret = of("shortest_path").into_iter().find(|r| r["metric"] == "normalized_regret").unwrap();
    assert!(regret["value"].as_f64().unwrap() > 0.0, "{stored}");
}
