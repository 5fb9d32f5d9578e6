//! `dfl solve`: every way it can end, by its exit code, its table and its JSON, and what it says about bad input.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with one problem in it.
struct Problem {
    folder: TempDir,
    file: PathBuf,
}

impl Problem {
    fn new(name: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        Self { folder, file }
    }

    fn solve(&self, more: &[&str]) -> Output {
        solve(&self.file, more)
    }

    /// Its exit code and JSON.
    #[track_caller]
    fn json(&self, more: &[&str]) -> (Option<i32>, Value) {
        let output = self.solve(&[&["--json"], more].concat());
        let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)));
        (output.status.code(), value)
    }
}

fn solve(file: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dfl")).arg("solve").arg(file).args(more).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// min `d` (x^2 + y^2) / 2 - x - y + 1/2 for x + y in `sides` and x, y in [0, `most`].
fn triplets(d: f64, sides: [Option<f64>; 2], most: Option<f64>) -> Problem {
    let document = json!({
        "name": "small", "n": 2, "m": 3, "r": 0.5, "P_upper": {"i": [0, 1], "j": [0, 1], "v": [d, d]}, "q": [-1, -1],
        "A": {"i": [0, 0, 1, 2], "j": [0, 1, 0, 1], "v": [1, 1, 1, 1]}, "l": [sides[0], 0, 0], "u": [sides[1], most, most]
    });
    Problem::new("small.json", &document.to_string())
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// x = y = 1/4 with the multiplier 3/4 on the row: 1/16 - 1/2 + 1/2.
#[test]
fn an_optimum_with_its_proof() {
    let problem = triplets(1.0, [None, Some(0.5)], None);
    let (code, value) = problem.json(&[]);
    assert_eq!((code, &value["status"], &value["backend"]), (Some(0), &json!("optimal"), &json!("separable")));
    let mut expected =
        ["status", "objective", "primal_residual", "dual_residual", "gap", "iterations", "seconds", "x", "backend", "conflict"];
    expected.sort_unstable();
    let mut got = keys(&value);
    got.sort_unstable();
    assert_eq!(got, expected);
    let number = |key: &str| value[key].as_f64().unwrap_or_else(|| panic!("{key} is no number"));
    assert!((number("objective") - 0.0625).abs() < 1e-12);
    assert!(["primal_residual", "dual_residual", "gap"].iter().all(|key| (0.0..1e-10).contains(&number(key))), "{value}");
    assert!(number("iterations") >= 0.0 && number("seconds") > 0.0);
    assert!(value["x"].as_array().unwrap().iter().all(|x| (x.as_f64().unwrap() - 0.25).abs() < 1e-12));
    let table = said(&problem.solve(&[]));
    for words in ["small: minimise a quadratic objective, 2 variables, 1 row", "status           optimal", "objective        0.06"] {
        assert!(table.contains(words), "{words} not in {table}");
    }
}

#[test]
fn no_optimum_has_an_exit_code_and_nulls() {
    for (problem, code, status) in [
        (triplets(1.0, [Some(2.0), None], Some(0.5)), 2, "infeasible"),
        (triplets(0.0, [None, None], None), 3, "unbounded"),
        (triplets(-1.0, [None, None], Some(1.0)), 5, "not_convex"),
    ] {
        let (got, value) = problem.json(&[]);
        assert_eq!((got, &value["status"]), (Some(code), &json!(status)));
        for key in ["objective", "primal_residual", "dual_residual", "gap", "x"] {
            assert!(value[key].is_null(), "{key}: {value}");
        }
        let output = problem.solve(&[]);
        assert_eq!(output.status.code(), Some(code));
        assert!(said(&output).contains(&status.replace('_', " ")), "{}", said(&output));
    }
    let refused = said(&triplets(-1.0, [None, None], Some(1.0)).solve(&[]));
    assert!(refused.contains("not positive semidefinite"), "{refused}");
}

#[test]
fn limits_end_a_solve_with_their_code() {
    let problem = triplets(1.0, [None, Some(0.5)], Some(0.1));
    for limit in [["--iterations", "0"], ["--time-limit", "0"]] {
        let (code, value) = problem.json(&["--backend", "active-set", limit[0], limit[1]]);
        assert_eq!((code, &value["status"], &value["x"]), (Some(4), &json!("limit"), &Value::Null), "{limit:?}");
    }
    assert_eq!(problem.json(&["--iterations", "10", "--time-limit", "10"]).0, Some(0));
}

#[test]
fn backends_by_name() {
    let problem = triplets(1.0, [None, Some(0.5)], None);
    for name in ["active-set", "active_set"] {
        assert_eq!(problem.json(&["--backend", name]).1["backend"], "active_set");
    }
    let output = problem.solve(&["--backend", "cplex"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("unknown backend `cplex`") && text.contains("active_set") && text.contains("highs"), "{text}");
}

/// A maximum in a file that maximises: x = 4, y = 0 and 2 x + 3 y + 1.
const MAXIMUM: &str = "\
NAME mix
OBJSENSE MAX
ROWS
 N profit
 L time
COLUMNS
 x profit 2 time 1
 y profit 3 time 2
RHS
 RHS profit -1 time 4
ENDATA
";

#[test]
fn the_objective_is_in_the_sense_of_the_file() {
    let problem = Problem::new("mix.mps", MAXIMUM);
    let (code, value) = problem.json(&["--backend", "active-set"]);
    assert_eq!(code, Some(0));
    assert!((value["objective"].as_f64().unwrap() - 9.0).abs() < 1e-9, "{value}");
    assert!(said(&problem.solve(&[])).contains("mix: maximise a linear objective, 2 variables, 1 row"));
}

#[test]
fn the_solution_goes_to_a_file_by_name() {
    let problem = Problem::new("mix.mps", MAXIMUM);
    let out = problem.folder.path().join("mix.txt");
    let output = problem.solve(&["--backend", "active-set", "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let lines = fs::read_to_string(&out).unwrap();
    let values: Vec<(&str, f64)> = lines.lines().map(|l| l.split_once(' ').unwrap()).map(|(n, v)| (n, v.parse().unwrap())).collect();
    assert_eq!(values.iter().map(|v| v.0).collect::<Vec<_>>(), ["x", "y"]);
    assert!((values[0].1 - 4.0).abs() < 1e-9 && values[1].1.abs() < 1e-9, "{values:?}");
    let missing = problem.solve(&["--out", "none/there.txt"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing).contains("create its directory"), "{}", said(&missing));
}

#[test]
fn bad_input_is_named_and_ends_with_1() {
    let truncated = triplets(1.0, [None, Some(0.5)], None);
    let text = fs::read_to_string(&truncated.file).unwrap();
    fs::write(&truncated.file, &text[..text.len() / 2]).unwrap();
    let cases: [(Problem, &[&str], &[&str]); 8] = [
        (truncated, &[], &["small.json", "caused by", "line 1"]),
        (Problem::new("nan.mps", &MAXIMUM.replace("profit 3", "profit nan")), &[], &["nan.mps, line 8", "not a number"]),
        (Problem::new("x.lp", "min\n x y\nend\n"), &[], &["x.lp, line 2", "two terms without a sign"]),
        (Problem::new("empty.json", ""), &[], &["empty.json", "the file is empty"]),
        (Problem::new("x.txt", MAXIMUM), &[], &[".json, .mps, .qps or .lp"]),
        (triplets(1.0, [Some(2.0), Some(1.0)], None), &[], &["small.json", "lower bound 2 exceeds upper bound 1"]),
        (Problem::new("mix.mps", MAXIMUM), &["--time-limit", "-1"], &["at least 0"]),
        (Problem::new("mix.mps", MAXIMUM), &["--iterations", "many"], &["--iterations", "many"]),
    ];
    for (problem, more, words) in cases {
        let output = problem.solve(more);
        let text = said(&output);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{words:?} not all in: {text}");
    }
    assert!(said(&solve(Path::new("none.mps"), &[])).contains("check the name"));
}

#[test]
fn help_teaches() {
    let output = solve(Path::new("--help"), &[]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0));
    for words in ["dfl solve portfolio.qps", "Exit code: 0 optimal, 2 infeasible, 3 unbounded", "\"P_upper\"", "active-set"] {
        assert!(text.contains(words), "{words} not in {text}");
    }
}

/// The problem that the help shows is one.
#[test]
fn the_example_of_the_help_can_be_solved() {
    let help = said(&solve(Path::new("--help"), &[]));
    let example = &help[help.find("{\"n\"").unwrap()..help.find(": indices from 0").unwrap()];
    let (code, value) = Problem::new("help.json", example).json(&[]);
    assert_eq!(code, Some(0));
    assert!((value["objective"].as_f64().unwrap() + 2.0).abs() < 1e-9, "{value}");
}

/// max 6 x - x^2 + x for x + y >= 1, x + 1 <= y + 3 and y <= 1: at the corner x = 3, y = 1 the gradient in x is 1.
#[test]
fn lp_files() {
    let text = "max\n obj: 6 x + [ - 2 x ^ 2 ] / 2 + x\nst\n r: x + y >= 1\n s: x + 1 <= y + 3\nbounds\n y <= 1\nend\n";
    let (code, value) = Problem::new("corner.lp", text).json(&[]);
    assert_eq!((code, &value["status"]), (Some(0), &json!("optimal")));
    assert!((value["objective"].as_f64().unwrap() - 12.0).abs() < 1e-9, "{value}");
}

#[cfg(feature = "highs")]
mod highs {
    use super::*;

    /// max x + y for x + 2 y <= 2 and whole x, y in [0, 1].
    #[test]
    fn integers() {
        let problem = Problem::new("pick.lp", "max\n obj: x + y\nst\n r: x + 2 y <= 2\nbinary\n x y\nend\n");
        let (code, value) = problem.json(&[]);
        assert_eq!((code, &value["status"], &value["backend"]), (Some(0), &json!("optimal"), &json!("highs")));
        assert_eq!((value["objective"].as_f64(), &value["dual_residual"]), (Some(1.0), &Value::Null));
        assert!(value["gap"].as_f64().unwrap() <= 1e-6, "{value}");
        assert!(said(&problem.solve(&[])).contains("2 variables (2 integer), 1 row"));
    }
}

#[cfg(not(feature = "highs"))]
#[test]
fn without_highs_integers_are_refused_with_the_way_to_get_it() {
    let integers = MAXIMUM.replace("ENDATA", "BOUNDS\n LI BND x 0\nENDATA");
    for problem in [Problem::new("x.lp", "min\n obj: x\nint\n x\nend\n"), Problem::new("whole.mps", &integers)] {
        let output = problem.solve(&[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("cargo xtask setup"), "{}", said(&output));
    }
}

/// x + y >= 5 against x, y <= 2; the row named `room` says nothing against it.
#[test]
fn an_infeasible_problem_names_what_contradicts_what() {
    let text = "min\n x + y\nst\n need: x + y >= 5\n room: x - y <= 1\nbounds\n x <= 2\n y <= 2\nend\n";
    let problem = Problem::new("plan.lp", text);
    let (code, value) = problem.json(&[]);
    let part = |kind: &str, name: &str, states: &str| json!({ "kind": kind, "name": name, "states": states });
    let parts = [part("row", "need", "x + y >= 5"), part("bound", "x", "x <= 2"), part("bound", "y", "y <= 2")];
    assert_eq!((code, &value["conflict"]), (Some(2), &json!({ "parts": parts, "integrality": false, "irreducible": true })));
    let table = said(&problem.solve(&[]));
    for line in [
        "  conflict         row `need`: x + y >= 5\n",
        "                   bound y <= 2\n",
        "(no point satisfies these together; each is needed)",
    ] {
        assert!(table.contains(line), "{line:?} is not in {table}");
    }
    assert!(!table.contains("room"), "{table}");
    assert_eq!(triplets(1.0, [None, Some(0.5)], None).json(&[]).1["conflict"], Value::Null);
}

/// min 2 a + 3 b for a + b >= d, a <= 4: 8 + 3 (d - 4) by hand.
#[test]
fn a_model_by_hand_with_its_parameters() {
    let text = "parameters = [\"d\"]\nobjective = \"2 a + 3 b\"\n[variables]\na = { lower = 0, upper = 4 }\nb = { lower = 0, upper = 10 }\n\
        [constraints]\nneed = \"a + b >= d\"\n";
    let model = Problem::new("plant.toml", text);
    let objective = |d: &str| model.json(&["--parameters", d]).1["objective"].as_f64().unwrap();
    assert!((objective("d=6") - 14.0).abs() < 1e-9 && (objective("d=-6") - 0.0).abs() < 1e-9);
    let (code, value) = model.json(&["--parameters", "d=15"]);
    assert_eq!((code, &value["conflict"]["parts"][0]["states"]), (Some(2), &json!("a + b >= 15")));
    for (args, words) in [
        (vec![], "`d` has no value; write --parameters d=..."),
        (vec!["--parameters", "e=1"], "none is called `e`"),
        (vec!["--parameters", "d"], "as in demand=40"),
    ] {
        let output = model.solve(&args);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(words), "{words} is not in {}", said(&output));
    }
    let values = Problem::new("plant.toml", &format!("{text}[values]\nd = 6\n"));
    let out = values.folder.path().join("x.txt");
    assert_eq!(values.solve(&["--out", out.to_str().unwrap()]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(out).unwrap(), "a 4\nb 2\n");
}
