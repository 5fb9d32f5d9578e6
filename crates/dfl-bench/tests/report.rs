//! The report page, on made-up but plausible measurements.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "common/story.rs"]
mod story;

use std::fs;

use dfl_bench::results::claims::{Compared, Evidence, Found, Outcome, Verdict};
use dfl_bench::results::report::{Heading, render, write};
use dfl_bench::results::significance::{self, Comparison, Family, Tested};
use dfl_bench::results::{Curve, Key, Measurement, table};

fn key(task: &str, size: &str, method: &str, predictor: &str, solver: &str, seed: u64) -> Key {
    Key {
        suite: "default".into(),
        task: task.into(),
        size: size.into(),
        method: method.into(),
        predictor: predictor.into(),
        solver: solver.into(),
        columns: "published".into(),
        seed: Some(seed),
        profile: "quick".into(),
    }
}

/// A number in [-1, 1] that looks random and is always the same.
fn noise(a: u64, b: u64) -> f64 {
    ((a * 7919 + b * 104_729 + 13) as f64).sin()
}

fn shortest_path() -> (Vec<Measurement>, Vec<Curve>) {
    let (mut rows, mut curves) = (Vec::new(), Vec::new());
    let runs = [
        ("two_stage", "exact", 0.213, 0.0011),
        ("two_stage", "highs", 0.213, 0.0011),
        ("spo_plus", "exact", 0.104, 0.0042),
        ("spo_plus", "highs", 0.104, 0.31),
    ];
    for (method, solver, regret, seconds) in runs {
        for seed in 0..3 {
            let key = key("shortest_path", "5x5", method, "linear", solver, seed);
            let value = regret * (1.0 + 0.05 * noise(seed, method.len() as u64));
            rows.push(
                Measurement::new(&key, "normalized_regret", value)
                    .over(1000, Some(0.004))
                    .published((method == "two_stage").then_some(0.162)),
            );
            rows.push(Measurement::new(&key, "mean_ratio_regret", value * 1.1).published((method == "spo_plus").then_some(0.302)));
            rows.push(Measurement::new(&key, "rmse", 1.7 + value));
            rows.push(Measurement::new(&key, "epoch_seconds", seconds));
            rows.push(Measurement::new(&key, "oracle_calls", if method == "spo_plus" { 30_000.0 } else { 0.0 }));
            let point = |epoch: u64| [epoch as f64, value * (1.0 + 2.5 * (-(epoch as f64) / 6.0).exp() + 0.04 * noise(seed, epoch))];
            curves.push(Curve::new(&key, "valid_regret", (0..=30).map(point)));
        }
    }
    let oracle = key("shortest_path", "5x5", "oracle", "none", "exact", 0);
    rows.push(Measurement::new(&oracle, "normalized_regret", 0.0));
    let constant = key("shortest_path", "5x5", "constant", "none", "exact", 0);
    rows.push(Measurement::new(&constant, "normalized_regret", 0.31));
    (rows, curves)
}

fn power() -> (Vec<Measurement>, Vec<Curve>) {
    let (mut rows, mut curves) = (Vec::new(), Vec::new());
    let baselines = [
        ("persistence", 36.066, Some(36.1)),
        ("least_squares", 5.5745, Some(5.57)),
        ("least_squares_sigma", 4.071, None),
        ("constant", 68.11, None),
    ];
    for (method, value, published) in baselines {
        let key = Key { seed: None, ..key("power", "n24", method, "none", "none", 0) };
        rows.push(Measurement::new(&key, "task_loss", value).over(511, Some(0.2)).published(published));
        rows.push(Measurement::new(&key, "rmse", 0.1 + value / 100.0));
    }
    let honest = Key { columns: "honest".into(), seed: None, ..key("power", "n24", "least_squares", "none", "none", 0) };
    rows.push(Measurement::new(&honest, "task_loss", 3.8209));
    let policy = Key { seed: None, ..key("power", "n24", "policy_linear", "linear", "exact", 0) };
    rows.push(Measurement::new(&policy, "task_loss", 3.242));
    let learned = [
        ("two_stage", "mlp", "none", 4.62, Some(4.52)),
        ("dfl_point", "mlp", "active_set", 4.21, Some(4.324)),
        ("dfl_point", "linear", "active_set", 3.31, None),
        ("so_ebm", "mlp", "active_set", 3.9, Some(3.77)),
    ];
    for (method, predictor, solver, value, published) in learned {
        for seed in 0..3 {
            let key = key("power", "n24", method, predictor, solver, seed);
            let value = value * (1.0 + 0.03 * noise(seed, 3));
            rows.push(Measurement::new(&key, "task_loss", value).over(511, Some(0.2)).published(published));
            rows.push(Measurement::new(&key, "rmse", 0.12));
            rows.push(Measurement::new(&key, "epoch_seconds", 0.81));
            let point = |epoch: u64| [epoch as f64, value * (1.0 + 8.0 * (-(epoch as f64) / 5.0).exp() + 0.03 * noise(seed, epoch))];
            curves.push(Curve::new(&key, "valid_task_loss", (1..=40).map(point)));
        }
    }
    rows.push(Measurement::failed(
        &key("power", "n24", "dfl_sqp", "mlp", "osqp", 1),
        "task_loss",
        "instance 17: osqp stopped with <MaxIterations> & gave up",
    ));
    (rows, curves)
}

fn heading() -> Heading {
    Heading {
        title: "Decision-focused learning: benchmark".into(),
        when: "2026-11-22 02:50 UTC".into(),
        commit: Some("0123456789ab".into()),
        threads: Some(2),
        profile: "quick".into(),
        command: "cargo xtask bench".into(),
        ..Heading::default()
    }
}

fn page() -> String {
    let ((mut rows, mut curves), (more_rows, more_curves)) = (shortest_path(), power());
    rows.extend(more_rows);
    curves.extend(more_curves);
    render(&heading(), &rows, &curves).unwrap()
}

/// Set `DFL_REPORT_OUT` to a path to look at the page.
#[test]
fn the_page_shows_every_group_with_its_plots() {
    let page = page();
    if let Some(path) = std::env::var_os("DFL_REPORT_OUT") {
        fs::write(path, &page).unwrap();
    }
    assert_eq!(page.matches("<section").count(), 2);
    assert_eq!(
        page.matches("<figure>").count(),
        5,
        "a dot plot and a plot of curves for each group, and seconds where several rows have them"
    );
    for text in [
        "<h2>shortest_path 5x5</h2>",
        "spo_plus · highs",
        "36.066",
        "4.324",
        "published ratio regret",
        "0.302",
        "commit 0123456789ab",
        "2 threads",
        "epoch",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn the_page_is_whole_and_needs_no_network_and_no_script_but_its_own() {
    let page = page();
    assert_eq!(story::unbalanced(&page), None);
    assert_eq!(story::external(&page), Vec::<String>::new());
    for word in ["<img", "<link", "javascript:", "onload", "onclick"] {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(page.matches("<script>").count(), 1);
    let namespace = "xmlns=\"http://www.w3.org/2000/svg\"";
    assert_eq!(page.matches("http").count(), page.matches(namespace).count() + page.matches("http-equiv").count());
}

/// A claim with one comparison that speaks against it and one gap.
fn verdict(text: &str) -> Verdict {
    let compared = Compared {
        left: (format!("sce {text}"), 0.25),
        right: ("regret".into(), 0.2),
        difference: 0.05,
        se: Some(0.01),
        seeds: 3,
        holds: false,
    };
    let evidence = [Found::Compared(compared), Found::Missing { missing: format!("regret {text} was not measured") }];
    let evidence = evidence.map(|found| Evidence { place: format!("tsp {text}"), found }).to_vec();
    let (suite, profile, metric) = ("table1".into(), "quick".into(), "normalized_regret".into());
    Verdict { suite, profile, text: text.into(), metric, outcome: Outcome::Fails, evidence }
}

#[test]
fn a_claim_is_shown_with_what_speaks_against_it() {
    let page = render(&Heading { claims: vec![verdict("of a paper")], ..heading() }, &[], &[]).unwrap();
    let against = "tsp of a paper: sce of a paper 0.250 against regret 0.200, difference 0.0500 ± 0.0100 (3 seeds)";
    let summary = "true in 0 of 2, not in 1, of which 1 by more than two standard errors, 1 not measured";
    for part in [against, summary, "tsp of a paper: regret of a paper was not measured", ">fails<"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let text = table::claims(&[verdict("of a paper")]);
    let unwrapped = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unwrapped.starts_with("fails of a paper [normalized_regret, true in 0 of 2") && unwrapped.contains(against), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= table::WIDTH), "{text}");
}

/// One comparison and one that could not be made.
fn family(text: &str) -> Family {
    let tested = Tested { n: 584, seeds: [10, 1], difference: -0.125, interval: [-0.25, 0.5], p: 0.0213, p_holm: 0.0426, win_rate: 0.625 };
    let found = [significance::Found::Tested(tested), significance::Found::Missing { missing: format!("dfl_sf {text} was not measured") }];
    let comparison =
        |found| Comparison { place: format!("power {text}"), row: format!("dfl_rp {text}"), against: "policy_linear".into(), found };
    let (suite, profile, metric) = ("table1".into(), "quick".into(), "task_loss".into());
    let comparisons = found.map(comparison).to_vec();
    Family { suite, profile, text: text.into(), metric, block: 7, draws: 10_000, wins: Some(0.75), comparisons }
}

#[test]
fn comparisons_of_test_rows_are_shown_with_interval_and_adjusted_p() {
    let page = render(&Heading { significance: vec![family("is it better?")], ..heading() }, &[], &[]).unwrap();
    let text = table::significance(&[family("is it better?")]);
    for part in [
        "in blocks of 7, 10000 draws",
        "-0.125",
        "-0.250",
        "to 0.500",
        "0.0213",
        "0.0426",
        "62.5",
        "adjusted for 2 comparisons",
        "fails by 12.5",
    ] {
        assert!(page.contains(part), "{part}: {page}");
        assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(part), "{part}: {text}");
    }
    assert!(text.contains("failed: power is it better?: dfl_sf is it better? was not measured"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= table::WIDTH), "{text}");
}

#[test]
fn text_is_escaped_everywhere() {
    let evil = "<b>&\"' onload=\"x";
    let row = Measurement::failed(&key("power", evil, "dfl_sqp", "mlp", evil, 1), "task_loss", evil);
    let heading = Heading {
        title: evil.into(),
        when: evil.into(),
        commit: Some(evil.into()),
        threads: None,
        profile: evil.into(),
        command: evil.into(),
        claims: vec![verdict(evil)],
        significance: vec![family(evil)],
        ..Heading::default()
    };
    let curve = Curve::new(&row.key, evil, [[0.0, 1.0], [1.0, 2.0]]);
    let good = Measurement::new(&key("power", evil, "so_ebm", evil, evil, 1), "task_loss", 1.0);
    let page = render(&heading, &[row, good], &[curve]).unwrap();
    assert!(!page.contains("<b>") && page.contains("&lt;b&gt;&amp;&quot;"), "{page}");
    assert!(!page.contains("onload=\""), "an attribute that a name has brought: {page}");
}

#[test]
fn an_empty_run_and_single_values_still_make_a_page() {
    assert!(render(&heading(), &[], &[]).unwrap().contains("Nothing was measured"));
    let key = key("power", "n24", "so_ebm", "mlp", "none", 1);
    let curve = Curve::new(&key, "valid_task_loss", [[1.0, 2.0]]);
    assert!(render(&heading(), &[Measurement::new(&key, "task_loss", 0.0)], &[curve]).unwrap().contains("<svg"));
    assert!(render(&heading(), &[Measurement::new(&key, "task_loss", f64::NAN)], &[]).unwrap().contains("not a finite number"));
}

#[test]
fn a_page_that_cannot_be_written_is_an_error_and_leaves_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.html");
    write(&path, &heading(), &[], &[]).unwrap();
    let before = fs::read_to_string(&path).unwrap();
    assert!(before.starts_with("<!DOCTYPE html>"));
    let error = write(&dir.path().join("gone/report.html"), &heading(), &[], &[]).unwrap_err().to_string();
    assert!(error.contains("gone/report.html"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
}
