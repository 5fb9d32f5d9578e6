//! The problems of Maros and Meszaros that are at hand. Absent files are named, not failed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use dfl_core::{Csc, Program};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/suites/maros_meszaros")
}

fn numbers(value: &Value, infinite: f64) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(infinite)).collect()
}

fn triplets(value: &Value) -> Vec<(usize, usize, f64)> {
    let index = |name: &str| numbers(&value[name], 0.0).into_iter().map(|v| v as usize);
    index("i").zip(index("j")).zip(numbers(&value["v"], 0.0)).map(|((i, j), v)| (i, j, v)).collect()
}

/// The program in a file, whose last `n` rows are the variables' bounds.
pub(crate) fn read(name: &str) -> Program {
    let file: Value = serde_json::from_str(&std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap()).unwrap();
    let (q, lo, up) = (numbers(&file["q"], 0.0), numbers(&file["l"], f64::NEG_INFINITY), numbers(&file["u"], f64::INFINITY));
    let (n, m) = (q.len(), lo.len() - q.len());
    let rows: Vec<_> = triplets(&file["A"]).into_iter().filter(|t| t.0 < m).collect();
    let program = Program::linear(q)
        .with_quadratic(Csc::from_triplets(n, n, &triplets(&file["P_upper"])).unwrap())
        .with_rows(Csc::from_triplets(m, n, &rows).unwrap(), lo[..m].to_vec(), up[..m].to_vec())
        .with_bounds(lo[m..].to_vec(), up[m..].to_vec());
    Program { r: file["r"].as_f64().unwrap(), ..program }
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
