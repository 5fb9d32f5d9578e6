//! Accepted values and the check against them.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};

use dfl_bench::results::{Baseline, Comparison, Key, Measurement, compare};

fn key(method: &str, predictor: &str) -> Key {
    Key {
        suite: "default".into(),
        task: "shortest_path".into(),
        size: "5x5".into(),
        method: method.into(),
        predictor: predictor.into(),
        solver: "exact".into(),
        columns: "honest".into(),
        seed: Some(1),
        profile: "quick".into(),
    }
}

fn run() -> Vec<Measurement> {
    let (linear, mlp) = (key("spo_plus", "linear"), key("spo_plus", "mlp"));
    vec![
        Measurement::new(&linear, "normalized_regret", 0.125),
        Measurement::new(&linear, "oracle_calls", 3000.0),
        Measurement::new(&linear, "epoch_seconds", 0.002),
        Measurement::new(&mlp, "normalized_regret", 0.5),
        Measurement::new(&mlp, "oracle_calls", 3000.0),
    ]
}

/// The run with the value at `at` exchanged.
fn with(at: usize, value: f64) -> Vec<Measurement> {
    let mut rows = run();
    rows[at] = Measurement::new(&rows[at].key, &rows[at].metric, value);
    rows
}

fn path(dir: &Path) -> PathBuf {
    dir.join("default-quick.json")
}

fn accepted(dir: &Path) -> Baseline {
    let mut baseline = Baseline::load(&path(dir)).unwrap();
    baseline.accept(&run(), "first figures", Some("abc")).unwrap();
    Baseline::load(&path(dir)).unwrap()
}

fn check(rows: &[Measurement]) -> Comparison {
    let dir = tempfile::tempdir().unwrap();
    compare(rows, &accepted(dir.path()))
}

#[test]
fn the_same_run_agrees() {
    let comparison = check(&run());
    assert_eq!((comparison.agreed, comparison.exit_code()), (4, 0), "{comparison}");
    assert_eq!(comparison.to_string(), "check: 4 as accepted, 0 regressed, 0 better, 0 not measured, 0 new");
}

/// One part in ten thousand worse on the pure-Rust path.
#[test]
fn a_planted_regression_is_named_and_fails() {
    let comparison = check(&with(0, 0.1250125));
    assert_eq!(comparison.exit_code(), 1);
    let expected = "\
regressed (1):
  shortest_path 5x5 spo_plus linear exact honest, seed 1
    normalized_regret: accepted 0.125, measured 0.1250125 (+1.0e-4 relative, allowed 1e-6)
check: 3 as accepted, 1 regressed, 0 better, 0 not measured, 0 new";
    assert_eq!(comparison.to_string(), expected);
}

/// A network may move by 2 % from one processor to another, a linear model by 1e-6.
#[test]
fn each_predictor_has_its_tolerance() {
    for (at, value, exit_code) in [(0, 0.125 * (1.0 + 5e-7), 0), (0, 0.125 * (1.0 + 2e-6), 1), (3, 0.509, 0), (3, 0.511, 1)] {
        assert_eq!(check(&with(at, value)).exit_code(), exit_code, "{value}");
    }
}

/// Fewer calls may mean that work was left out, so a count has no better side.
#[test]
fn a_count_off_by_one_either_way_regresses_whatever_the_predictor() {
    for at in [1, 4] {
        for calls in [2999.0, 3001.0] {
            let comparison = check(&with(at, calls));
            assert_eq!((comparison.regressed.len(), comparison.changed.len(), comparison.exit_code()), (1, 0, 1));
            assert!(comparison.to_string().contains("(must be equal)"), "{comparison}");
        }
    }
}

#[test]
fn times_are_never_compared() {
    assert_eq!(check(&with(2, 0.004)), check(&run()));
    let dir = tempfile::tempdir().unwrap();
    accepted(dir.path());
    assert!(!fs::read_to_string(path(dir.path())).unwrap().contains("epoch_seconds"));
}

/// The job ended and its result is of no use: worse than any number.
#[test]
fn a_nan_regresses() {
    let comparison = check(&with(0, f64::NAN));
    assert_eq!((comparison.regressed.len(), comparison.exit_code()), (1, 1));
    assert!(comparison.to_string().contains("normalized_regret: accepted 0.125, not a finite number: NaN"), "{comparison}");
}

#[test]
fn an_improvement_wants_to_be_accepted() {
    let comparison = check(&with(0, 0.1));
    assert_eq!((comparison.changed.len(), comparison.regressed.len(), comparison.exit_code()), (1, 0, 0));
    assert!(comparison.to_string().starts_with("changed (better); accept it with --accept"), "{comparison}");
}

/// For a return, more is better.
#[test]
fn the_better_side_is_the_metrics_own() {
    let dir = tempfile::tempdir().unwrap();
    let row = |value| [Measurement::new(&key("spo_plus", "linear"), "mean_daily_return_percent", value)];
    let mut baseline = Baseline::load(&path(dir.path())).unwrap();
    baseline.accept(&row(1.0), "first", None).unwrap();
    assert_eq!(compare(&row(1.5), &baseline).changed.len(), 1);
    assert_eq!(compare(&row(0.5), &baseline).regressed.len(), 1);
}

/// A row that could not be measured proves nothing, but a regression beside it is still one.
#[test]
fn what_was_not_measured_is_told_apart_from_what_regressed() {
    let fewer = &run()[..3];
    assert_eq!((check(fewer).missing.len(), check(fewer).exit_code()), (2, 3));
    let mut failed = run();
    failed[3] = Measurement::failed(&failed[3].key, "normalized_regret", "data set pjm not found");
    let comparison = check(&failed);
    assert_eq!((comparison.missing.len(), comparison.exit_code()), (1, 3));
    assert!(comparison.to_string().contains("data set pjm not found"), "{comparison}");
    failed[0] = with(0, 9.0)[0].clone();
    assert_eq!(check(&failed).exit_code(), 1);
}

#[test]
fn a_new_row_is_reported_and_does_not_fail() {
    let mut rows = run();
    rows.push(Measurement::new(&key("two_stage", "linear"), "normalized_regret", 0.3));
    let comparison = check(&rows);
    assert_eq!((comparison.new.len(), comparison.exit_code()), (1, 0));
    assert!(comparison.to_string().contains("two_stage"), "{comparison}");
}

/// A check that compares nothing must not be green.
#[test]
fn without_accepted_values_nothing_could_be_compared() {
    let dir = tempfile::tempdir().unwrap();
    let comparison = compare(&run(), &Baseline::load(&path(dir.path())).unwrap());
    assert_eq!((comparison.new.len(), comparison.exit_code()), (4, 3));
}

#[test]
fn other_suites_and_profiles_are_passed_over() {
    let mut rows = run();
    rows.push(Measurement::new(&Key { suite: "power".into(), ..key("spo_plus", "linear") }, "normalized_regret", 9.0));
    rows.push(Measurement::new(&Key { profile: "full".into(), ..key("spo_plus", "linear") }, "normalized_regret", 9.0));
    assert_eq!(check(&rows), check(&run()));
}

#[test]
fn suites_add_up() {
    let mut sum = check(&run());
    sum.merge(check(&with(0, 9.0)));
    assert_eq!((sum.agreed, sum.regressed.len(), sum.exit_code()), (7, 1, 1));
}

#[test]
fn accepting_records_why_and_keeps_a_tolerance_set_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    accepted(dir.path());
    let text = fs::read_to_string(path(dir.path())).unwrap();
    assert_eq!(text.lines().filter(|line| line.contains("\"metric\"")).count(), 4, "one row a line:\n{text}");
    fs::write(path(dir.path()), text.replacen("\"tolerance\":1e-6", "\"tolerance\":0.25", 1)).unwrap();
    let mut baseline = Baseline::load(&path(dir.path())).unwrap();
    assert_eq!(compare(&with(0, 0.15), &baseline).exit_code(), 0);
    let last = baseline.accept(&with(0, 0.15)[..4], " better step size ", Some("def")).unwrap();
    assert_eq!((last.why.as_str(), last.commit.as_deref()), ("better step size", Some("def")));
    assert_eq!((last.added, last.changed, last.dropped), (0, 1, 1));
    let read = Baseline::load(&path(dir.path())).unwrap();
    assert_eq!(read, baseline);
    assert_eq!(read.history.iter().map(|entry| entry.why.as_str()).collect::<Vec<_>>(), ["first figures", "better step size"]);
    assert!(read.rows.iter().any(|row| row.tolerance == 0.25 && row.value == 0.15));
}

#[test]
fn nothing_is_accepted_without_a_reason_or_from_half_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut baseline = accepted(dir.path());
    let before = fs::read_to_string(path(dir.path())).unwrap();
    let nan = with(0, f64::NAN);
    let other = [Measurement::new(&Key { suite: "power".into(), ..key("spo_plus", "linear") }, "rmse", 1.0)];
    for (rows, why, cause) in
        [(run(), "  ", "no reason was given"), (nan, "why", "1 measurements failed"), (other.into(), "why", "nothing was measured")]
    {
        let error = baseline.accept(&rows, why, None).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), cause);
    }
    assert_eq!(fs::read_to_string(path(dir.path())).unwrap(), before);
}

#[test]
fn files_that_are_no_baseline_are_named() {
    let dir = tempfile::tempdir().unwrap();
    accepted(dir.path());
    let text = fs::read_to_string(path(dir.path())).unwrap();
    fs::write(path(dir.path()), &text[..text.len() / 2]).unwrap();
    fs::write(dir.path().join("power-quick.json"), &text).unwrap();
    fs::write(dir.path().join("null-quick.json"), text.replace("0.125", "null").replace("default", "null")).unwrap();
    for name in ["default-quick.json", "power-quick.json", "null-quick.json", "noprofile.json"] {
        let error = Baseline::load(&dir.path().join(name)).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}
