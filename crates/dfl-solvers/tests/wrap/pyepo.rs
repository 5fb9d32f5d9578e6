//! Blackbox differentiation and negative identity of `PyEPO` 2.2.7: eight instances each of a path on a 5x5 grid and of a knapsack.
//!
//! `PyEPO` divides by $\lambda + 10^{-8}$, which is 1e-8 of a gradient of size 1. It maximises the knapsack; costs are the negative values, and gradients
//! in them change sign.

use std::io::Write;
use std::path::{Path, PathBuf};

use dfl_core::{Batch, Decider};
use dfl_solvers::{Interpolated, NegativeIdentity};
use serde_json::Value;

use super::{both, cheapest, paths, value};

const ROUNDING: f64 = 2e-8;

/// The file, unless it is not there, which is said past the capture of the test harness.
fn fixture(name: &str) -> Option<Value> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let path = std::env::var_os("DFL_FIXTURES").map_or_else(usual, PathBuf::from).join("losses").join(name);
    if !path.exists() {
        let thread = std::thread::current();
        let _ = writeln!(std::io::stderr(), "skipped: {}: {} not found", thread.name().unwrap_or("pyepo"), path.display());
        return None;
    }
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

fn table(value: &Value, sign: f64) -> Batch {
    let rows: Vec<Vec<f64>> =
        value.as_array().unwrap().iter().map(|r| r.as_array().unwrap().iter().map(|v| sign * v.as_f64().unwrap()).collect()).collect();
    assert_eq!(rows.len(), 8, "the file has eight instances");
    Batch::from_rows(&rows).unwrap()
}

/// `sign` is -1 if the file maximises.
fn agrees(file: &Value, sign: f64, name: &str, decider: &dyn Decider) {
    let part = &file["losses"][name];
    let (x, gradient) = both(decider, &table(&file["pred_cost"], sign), &table(&part["upstream"], 1.0));
    assert_eq!(x, table(&part["value"], 1.0), "{name}: decisions");
    let expected = table(&part["grad"], sign);
    let worst = gradient.as_slice().iter().zip(expected.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < ROUNDING, "{name}: {worst:.1e}");
    assert!(expected.as_slice().iter().any(|&g| g != 0.0));
}

fn all_agree(file: &Value, sign: f64, oracle: &dyn Decider) {
    for (name, lambda) in [("DBB_lambda10", 10.0), ("DBB_lambda1", 1.0)] {
        agrees(file, sign, name, &Interpolated::new(oracle, lambda).unwrap());
    }
    agrees(file, sign, "NID", &NegativeIdentity::new(oracle).unwrap());
}

#[test]
fn shortest_paths_agree() {
    let Some(file) = fixture("loss_SP5.json") else { return };
    all_agree(&file, 1.0, &paths(5, 5));
}

#[test]
fn knapsacks_agree() {
    let Some(file) = fixture("loss_KP10.json") else { return };
    let numbers = |v: &Value| v.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<f64>>();
    let weights: Vec<Vec<f64>> = file["weights"].as_array().unwrap().iter().map(numbers).collect();
    let capacity = numbers(&file["capacity"]);
    let all = (0..1024_u32).map(|set| (0..10).map(|j| f64::from(set >> j & 1)).collect::<Vec<_>>());
    // One subset fills the knapsack to the last digit, and more than that in floating point.
    let feasible: Vec<_> = all.filter(|x| weights.iter().zip(&capacity).all(|(w, c)| value(x, w) <= c + 1e-9)).collect();
    all_agree(&file, -1.0, &cheapest(&feasible));
}
