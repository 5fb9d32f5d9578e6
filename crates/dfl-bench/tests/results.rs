//! Result rows on disk and as tables.

use std::error::Error as _;
use std::fs;

use dfl_bench::results::{Curve, Key, Measurement, RowCosts, Store, table};

fn key(method: &str, solver: &str, seed: u64) -> Key {
    Key {
        suite: "default".into(),
        task: "shortest_path".into(),
        size: "5x5".into(),
        method: method.into(),
        predictor: "linear".into(),
        solver: solver.into(),
        columns: "published".into(),
        seed: Some(seed),
        profile: "quick".into(),
    }
}

fn job(method: &str, solver: &str, seed: u64, regret: f64, seconds: f64) -> Vec<Measurement> {
    let key = key(method, solver, seed);
    vec![Measurement::new(&key, "normalized_regret", regret).over(1000, Some(0.002)), Measurement::new(&key, "epoch_seconds", seconds)]
}

/// Every field of the format, by the names that readers of the file rely on.
#[test]
fn a_line_has_the_documented_fields() {
    let row = Measurement::new(&key("spo_plus", "exact", 3), "normalized_regret", 0.125)
        .over(1000, Some(0.5))
        .published(0.25)
        .run_by(Some("abc"), 2);
    let expected = concat!(
        r#"{"suite":"default","task":"shortest_path","size":"5x5","method":"spo_plus","predictor":"linear","solver":"exact","#,
        r#""columns":"published","seed":3,"profile":"quick","metric":"normalized_regret","value":0.125,"unit":"1","n":1000,"se":0.5,"#,
        r#""published":0.25,"commit":"abc","threads":2}"#
    );
    assert_eq!(serde_json::to_string(&row).unwrap(), expected);
    assert_eq!(serde_json::from_str::<Measurement>(expected).unwrap(), row);
}

/// JSON has no NaN; a value that is none is an error with a reason, never a string or null.
#[test]
fn what_is_not_finite_becomes_an_error_without_a_value() {
    for value in [f64::NAN, f64::INFINITY] {
        let row = Measurement::new(&key("spo_plus", "exact", 3), "rmse", value).over(10, Some(f64::NAN));
        let line = serde_json::to_string(&row).unwrap();
        assert!(
            line.contains(&format!("\"error\":\"not a finite number: {value}\""))
                && !line.contains("\"value\"")
                && !line.contains("\"se\""),
            "{line}"
        );
    }
}

#[test]
fn numbers_survive_the_file_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let values = [0.1 + 0.2, 1e-300, -0.0, f64::MAX, 1.0 / 3.0];
    let mut store = Store::open(dir.path(), false).unwrap();
    for (seed, &value) in values.iter().enumerate() {
        store.append(&job("spo_plus", "exact", seed as u64, value, 1.0)).unwrap();
    }
    drop(store);
    let read = Store::open(dir.path(), true).unwrap().measurements();
    let bits: Vec<_> = read.iter().filter(|row| row.metric == "normalized_regret").map(|row| row.value.unwrap().to_bits()).collect();
    assert_eq!(bits, values.map(f64::to_bits));
}

/// A typo in an id would make a row that nobody finds.
#[test]
fn unknown_words_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), false).unwrap();
    let good = key("spo_plus", "exact", 0);
    let bad = [
        (Key { method: "spo_pluss".into(), ..good.clone() }, "rmse", "`spo_pluss` is not a known method"),
        (Key { task: "shortest-path".into(), ..good.clone() }, "rmse", "`shortest-path` is not a known task"),
        (Key { predictor: "Linear".into(), ..good.clone() }, "rmse", "`Linear` is not a known predictor"),
        (Key { solver: "HiGHS".into(), ..good.clone() }, "rmse", "`HiGHS` is not a known solver"),
        (Key { columns: String::new(), ..good.clone() }, "rmse", "`` is not a known columns"),
        (good.clone(), "regrets", "`regrets` is not a known metric"),
    ];
    for (key, metric, message) in bad {
        let error = store.append(&[Measurement::new(&key, metric, 1.0)]).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), message);
    }
    store.append(&[Measurement::new(&Key { method: "peer_pyepo".into(), ..good }, "rmse", 1.0)]).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("results.jsonl")).unwrap().lines().count(), 1, "refused rows leave no trace");
}

#[test]
fn resuming_knows_what_is_done_and_what_failed() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), false).unwrap();
    store.append(&job("spo_plus", "exact", 0, 0.1, 1.0)).unwrap();
    store.append(&[Measurement::failed(&key("spo_plus", "exact", 1), "normalized_regret", "no memory")]).unwrap();
    drop(store);
    let mut store = Store::open(dir.path(), true).unwrap();
    let done = |store: &Store| [0, 1, 2].map(|seed| store.done(&key("spo_plus", "exact", seed)));
    assert_eq!(done(&store), [true, false, false]);
    store.append(&job("spo_plus", "exact", 1, 0.2, 1.0)).unwrap();
    assert_eq!(done(&store), [true, true, false]);
    assert!(store.measurements().iter().all(|row| row.error.is_none()), "the later measurement takes the place of the failure");
    drop(store);
    assert_eq!(done(&Store::open(dir.path(), true).unwrap()), [true, true, false]);
}

#[test]
fn a_torn_last_line_is_dropped_with_a_warning_and_its_job_runs_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results.jsonl");
    let mut store = Store::open(dir.path(), false).unwrap();
    store.append(&job("spo_plus", "exact", 0, 0.1, 1.0)).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    store.append(&job("two_stage", "exact", 0, 0.3, 1.0)).unwrap();
    drop(store);
    let all = fs::read_to_string(&path).unwrap();
    fs::write(&path, &all[..all.len() - 20]).unwrap();
    let mut store = Store::open(dir.path(), true).unwrap();
    assert_eq!(store.warnings().len(), 1);
    assert!(store.done(&key("spo_plus", "exact", 0)) && !store.done(&key("two_stage", "exact", 0)));
    assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    store.append(&job("two_stage", "exact", 0, 0.3, 1.0)).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), all);
}

/// A damaged line in the middle is not what a kill leaves; dropping it silently would lose a measurement.
#[test]
fn a_damaged_line_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), false).unwrap();
    store.append(&job("spo_plus", "exact", 0, 0.1, 1.0)).unwrap();
    drop(store);
    let path = dir.path().join("results.jsonl");
    let text = fs::read_to_string(&path).unwrap().replacen("0.1", "\"0.1\"", 1);
    fs::write(&path, &text).unwrap();
    let error = Store::open(dir.path(), true).unwrap_err().to_string();
    assert!(error.contains("results.jsonl, line 1") && error.contains("without --resume"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn without_resume_earlier_results_are_kept_aside() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path(), false).unwrap().append(&job("spo_plus", "exact", 0, 0.1, 1.0)).unwrap();
    let store = Store::open(dir.path(), false).unwrap();
    assert!(store.measurements().is_empty() && !store.done(&key("spo_plus", "exact", 0)));
    assert_eq!(fs::read_to_string(dir.path().join("results.jsonl.old")).unwrap().lines().count(), 2);
    assert_eq!(fs::read_to_string(dir.path().join("results.jsonl")).unwrap(), "");
}

#[test]
fn directories_that_cannot_be_used_are_named_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    fs::create_dir_all(dir.path().join("taken/results.jsonl")).unwrap();
    let cases = [file.clone(), file.join("below"), dir.path().join("taken")];
    for path in cases {
        for resume in [false, true] {
            let error = Store::open(&path, resume).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()) && error.contains("another with --out"), "{error}");
        }
    }
}

/// Not even the superuser may write there.
#[cfg(target_os = "linux")]
#[test]
fn an_unwritable_directory_is_named_with_a_remedy() {
    let error = Store::open("/proc/dfl-results".as_ref(), false).unwrap_err().to_string();
    assert_eq!(error, "/proc/dfl-results: creating the output directory failed; choose a directory that you may write to with --out");
}

#[test]
fn curves_are_kept_and_the_later_one_counts() {
    let dir = tempfile::tempdir().unwrap();
    let curve = |value| Curve::new(&key("spo_plus", "exact", 0), "valid_regret", [[1.0, value], [2.0, f64::NAN], [3.0, value]]);
    let mut store = Store::open(dir.path(), false).unwrap();
    store.append_curves(&[curve(0.5)]).unwrap();
    store.append_curves(&[curve(0.25)]).unwrap();
    drop(store);
    let curves = Store::open(dir.path(), true).unwrap().curves();
    assert_eq!(curves.len(), 1);
    assert_eq!(curves[0].points, [[1.0, 0.25], [3.0, 0.25]], "a curve has no point where the value was not finite");
    assert_eq!(curves[0].metric(), Some("normalized_regret"));
}

/// Means 0.2 and 0.3 with standard errors 0.1 and 0.05 (two seeds: half their distance), by hand.
#[test]
fn a_table_as_written_by_hand() {
    let mut rows = [job("two_stage", "none", 0, 0.25, 0.0015), job("two_stage", "none", 1, 0.35, 0.0025)].concat();
    rows.extend([job("spo_plus", "highs", 0, 0.1, 0.5), job("spo_plus", "highs", 1, 0.3, 0.7)].concat());
    let constant = Key { method: "constant".into(), predictor: "none".into(), solver: "none".into(), ..key("", "", 0) };
    rows.push(Measurement::new(&constant, "normalized_regret", 1.5).published(1.52));
    rows.push(Measurement::failed(&key("spo_plus", "exact", 0), "normalized_regret", "instance 3: exact stopped with\n NumericalError"));
    let expected = "\
shortest_path 5x5  (suite default, profile quick, predictor linear, columns published)
──────────────────────────────────────────────────────────────
method      solver    norm. regret  published  s/epoch  seeds
──────────────────────────────────────────────────────────────
spo_plus    highs    0.200 ± 0.100               0.600      2
two_stage   none     0.300 ± 0.050             0.00200      2
constant *  none     1.500               1.52               1
spo_plus    exact   failed                                0/1
──────────────────────────────────────────────────────────────
± is the standard error over seeds; * learns nothing by descent
failed: spo_plus · exact, seed 0, normalized_regret: instance 3: exact stopped with NumericalError
";
    assert_eq!(table::render(&rows), expected);
}

/// Long names, many metrics, many digits: every line still fits, and what is left out is named.
#[test]
fn no_line_is_wider_than_the_terminal() {
    let metrics = [
        "normalized_regret",
        "mean_ratio_regret",
        "rmse",
        "epoch_seconds",
        "solve_seconds",
        "forward_seconds",
        "oracle_calls",
        "peak_bytes",
    ];
    let mut rows = Vec::new();
    for (method, predictor, columns) in [("least_squares_sigma", "none", "published"), ("so_ebm_langevin", "diffusion", "honest")] {
        for seed in 0..3 {
            let key = Key { method: method.into(), predictor: predictor.into(), columns: columns.into(), ..key("", "active_set", seed) };
            rows.extend(metrics.map(|metric| Measurement::new(&key, metric, 123_456.789 + seed as f64).published(123_456.789)));
        }
        let key = Key { method: method.into(), predictor: predictor.into(), columns: columns.into(), ..key("", "active_set", 3) };
        rows.push(Measurement::failed(&key, "normalized_regret", "a long story ".repeat(30)));
    }
    let text = table::render(&rows);
    assert!(text.lines().all(|line| line.chars().count() <= table::WIDTH), "{text}");
    assert!(text.contains("not shown:") && text.contains("s/epoch") && text.contains("123457.789 ± 0.577"), "{text}");
}

#[test]
fn nothing_measured_is_an_empty_table() {
    assert_eq!(table::render(&[]), "");
}

/// Costs of test rows come back bit for bit, the later line of a job counting; what is no number is not stored.
#[test]
fn costs_of_test_rows_survive_a_resume() {
    let dir = tempfile::tempdir().unwrap();
    let costs = |seed, values: &[f64]| RowCosts::new(&key("spo_plus", "exact", seed), &[7, 9], values);
    let mut store = Store::open(dir.path(), false).unwrap();
    for (seed, values) in [(0, [0.1 + 0.2, 1e-300]), (1, [1.0, 2.0]), (0, [-1.0 / 3.0, 4.0])] {
        store.append_rows(costs(seed, &values).unwrap()).unwrap();
    }
    assert_eq!(costs(2, &[1.0, f64::NAN]), None);
    let bad = RowCosts { key: key("spo_pluss", "exact", 0), ..costs(0, &[1.0, 2.0]).unwrap() };
    assert!(store.append_rows(bad).unwrap_err().source().unwrap().to_string().contains("`spo_pluss` is not a known method"));
    drop(store);
    let file = dir.path().join("rows.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().nth(1).unwrap().ends_with(r#""profile":"quick","metric":"task_loss","ids":[7,9],"values":[1.0,2.0]}"#), "{text}");
    // The third job is torn: what it replaced is there again.
    fs::write(&file, &text[..text.len() - 5]).unwrap();
    let store = Store::open(dir.path(), true).unwrap();
    assert_eq!(store.warnings().len(), 1);
    assert_eq!(store.rows(), [costs(0, &[0.1 + 0.2, 1e-300]).unwrap(), costs(1, &[1.0, 2.0]).unwrap()]);
    drop(store);
    fs::write(&file, &text).unwrap();
    assert_eq!(Store::open(dir.path(), true).unwrap().rows(), [costs(1, &[1.0, 2.0]).unwrap(), costs(0, &[-1.0 / 3.0, 4.0]).unwrap()]);
}
