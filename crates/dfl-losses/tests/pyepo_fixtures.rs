//! SPO+ and regrets of `PyEPO` 2.2.7 on a 5x5 grid: eight instances with their costs, predictions, values and gradients.
//!
//! Its costs are stored as `f32`, and so are the optimal values that it subtracts: those are up to 8.2, of which `f32` keeps half a unit in
//! 2^21, 2.4e-7. The rest is `f64`. So a value may be off by 2.4e-7 and a regret, the difference of two `f32` sums of eight arcs, by a few
//! such roundings: 1e-6 covers both, and a wrong path or sign is off by 1e-2 or more. Gradients are sums of small integers, hence equal.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::io::Write;
use std::path::{Path, PathBuf};

use dfl_core::{Batch, DecisionLoss, NoGradient, Stream, Targets, decide, metrics};
use dfl_losses::SpoPlus;
use dfl_solvers::{Batched, Grid, ShortestPath};
use serde_json::Value;

const ROUNDING: f64 = 1e-6;

/// The file, unless it is not there, which is said past the capture of the test harness.
fn fixture() -> Option<Value> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let path = std::env::var_os("DFL_FIXTURES").map_or_else(usual, PathBuf::from).join("losses/loss_SP5.json");
    if !path.exists() {
        let thread = std::thread::current();
        let _ = writeln!(std::io::stderr(), "skipped: {}: {} not found", thread.name().unwrap_or("pyepo_fixtures"), path.display());
        return None;
    }
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn table(value: &Value) -> Batch {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    assert_eq!(rows.len(), 8, "the file has eight instances");
    Batch::from_rows(&rows).unwrap()
}

fn oracle() -> Batched<NoGradient<ShortestPath>> {
    Batched::new(NoGradient(ShortestPath::new(Grid::new(5, 5).unwrap())))
}

fn ids() -> Vec<u64> {
    (0..8).collect()
}

#[track_caller]
fn close(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= ROUNDING, "instance {i}: {a} against {b}");
    }
}

#[test]
fn arcs_are_numbered_alike() {
    let Some(file) = fixture() else { return };
    let arcs: Vec<_> = file["arcs"].as_array().unwrap().iter().map(numbers).map(|a| (a[0] as usize, a[1] as usize)).collect();
    assert_eq!(Grid::new(5, 5).unwrap().ends(), arcs);
}

#[test]
fn spo_plus_has_its_values_and_gradients() {
    let Some(file) = fixture() else { return };
    let targets = Targets { truth: Some(table(&file["true_cost"])), solution: Some(table(&file["true_sol"])), normals: None };
    let loss = DecisionLoss::new(SpoPlus, oracle()).unwrap();
    let out = loss.evaluate(&table(&file["pred_cost"]), &targets, &ids(), Stream::default()).unwrap();
    let expected = &file["losses"]["SPOPlus"];
    close(&out.values, &numbers(&expected["value"]));
    assert_eq!(out.grads, table(&expected["grad"]));
}

#[test]
fn the_oracle_takes_the_same_paths() {
    let Some(file) = fixture() else { return };
    for (costs, paths) in [("true_cost", "true_sol"), ("pred_cost", "pred_sol")] {
        assert_eq!(decide(&oracle(), &table(&file[costs]), &ids()).unwrap().0, table(&file[paths]), "{paths}");
    }
}

/// The regrets of the predictions, each and normalised.
#[test]
fn regrets_agree() {
    let Some(file) = fixture() else { return };
    let (truth, pred) = (table(&file["true_cost"]), table(&file["pred_cost"]));
    let best = decide(&oracle(), &truth, &ids()).unwrap().1;
    let paths = decide(&oracle(), &pred, &ids()).unwrap().0;
    let cost = |i: usize| -> f64 { truth.row(i).iter().zip(paths.row(i)).map(|(y, x)| y * x).sum() };
    let regret: Vec<f64> = (0..8).map(|i| cost(i) - best[i]).collect();
    close(&regret, &numbers(&file["regret_per_instance"]));
    close(&[metrics::normalized_regret(&regret, &best)], &[file["regret_normalized"].as_f64().unwrap()]);
}
