//! Paths and regrets of `PyEPO` 2.2.7 on a 5x5 grid: eight instances with their costs and predictions.
//!
//! Its costs are stored as `f32`, and so are the optimal values that it subtracts: those are up to 8.2, of which `f32` keeps half a unit in
//! 2^21, 2.4e-7. So a regret, the difference of two `f32` sums of eight arcs, may be off by a few such roundings, which 1e-6 covers, and a
//! wrong path is off by 1e-2 or more.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use common::pyepo::{fixture, numbers, table};
use dfl_core::{NoGradient, decide, metrics};
use dfl_solvers::{Batched, Grid, ShortestPath};

const ROUNDING: f64 = 1e-6;
const FILE: &str = "loss_SP5.json";

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
    let Some(file) = fixture(FILE) else { return };
    let arcs: Vec<_> = file["arcs"].as_array().unwrap().iter().map(numbers).map(|a| (a[0] as usize, a[1] as usize)).collect();
    assert_eq!(Grid::new(5, 5).unwrap().ends(), arcs);
}

#[test]
fn the_oracle_takes_the_same_paths() {
    let Some(file) = fixture(FILE) else { return };
    for (costs, paths) in [("true_cost", "true_sol"), ("pred_cost", "pred_sol")] {
        assert_eq!(decide(&oracle(), &table(&file[costs]), &ids()).unwrap().0, table(&file[paths]), "{paths}");
    }
}

/// The regrets of the predictions, each and normalised.
#[test]
fn regrets_agree() {
    let Some(file) = fixture(FILE) else { return };
    let (truth, pred) = (table(&file["true_cost"]), table(&file["pred_cost"]));
    let best = decide(&oracle(), &truth, &ids()).unwrap().1;
    let paths = decide(&oracle(), &pred, &ids()).unwrap().0;
    let cost = |i: usize| -> f64 { truth.row(i).iter().zip(paths.row(i)).map(|(y, x)| y * x).sum() };
    let regret: Vec<f64> = (0..8).map(|i| cost(i) - best[i]).collect();
    close(&regret, &numbers(&file["regret_per_instance"]));
    close(&[metrics::normalized_regret(&regret, &best)], &[file["regret_normalized"].as_f64().unwrap()]);
}
