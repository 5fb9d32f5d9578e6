//! The problems of Maros and Meszaros that are at hand: the published optimum. Absent files are named, not failed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use dfl_core::{Csc, Error, ParamMap, Program, Solution, Solver, Status};
use dfl_solvers::{ActiveSet, ActiveSetOptions};
use serde_json::Value;

use crate::solve;

/// Up to this size the method is meant to be used.
const LARGEST: usize = 300;

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

/// The last `n` rows of the file are the variables' bounds.
fn read(path: &Path) -> Program {
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
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
fn instances() -> Vec<(String, usize, f64)> {
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

#[test]
fn published_optima_to_1e_6() {
    let mut missed = Vec::new();
    for (name, n, best) in instances().into_iter().filter(|i| i.1 <= LARGEST && i.0 != "VALUES") {
        let program = read(&folder().join(format!("{name}.json")));
        let (out, info) = solve(&program);
        // HS51, HS268 and TAME have the optimum 0.
        let error = (out.objective - best).abs() / if best.abs() < 1e-9 { 1.0 } else { best.abs() };
        println!("{name}: n = {n}, {} after {} iterations, error {error:.1e}", info.status, info.iterations);
        if info.status != Status::Optimal || error > 1e-6 {
            missed.push(name);
        }
    }
    assert!(missed.is_empty(), "missed: {missed:?}");
}

/// From its own answer, each is found again without walking far.
#[test]
fn a_start_from_the_answer_leads_back_to_it() {
    for (name, ..) in instances().into_iter().filter(|i| i.1 <= LARGEST && i.0 != "VALUES") {
        let program = read(&folder().join(format!("{name}.json")));
        let s = ActiveSet::new(program, ParamMap::new(0), ActiveSetOptions::default()).unwrap();
        let (mut ws, mut cold, mut warm) = (s.workspace().unwrap(), Solution::default(), Solution::default());
        let first = s.solve(&[], None, &mut ws, &mut cold).unwrap();
        let second = s.solve(&[], Some(&cold), &mut ws, &mut warm).unwrap();
        assert_eq!(second.status, Status::Optimal, "{name}");
        assert!(second.iterations <= first.iterations.max(4), "{name}: {} iterations, then {}", first.iterations, second.iterations);
        assert!((warm.objective - cold.objective).abs() <= 1e-8 * (1.0 + cold.objective.abs()), "{name}");
    }
}

#[test]
fn the_one_that_is_not_convex_is_refused() {
    if instances().iter().any(|i| i.0 == "VALUES") {
        let program = read(&folder().join("VALUES.json"));
        assert!(matches!(ActiveSet::new(program, ParamMap::new(0), ActiveSetOptions::default()), Err(Error::NotConvex { .. })));
    }
}
