//! A timing suite end to end: what it stores of ours and of peers, and what becomes of peers that fail.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dfl_bench::registry::make_loss;
use dfl_bench::results::{Baseline, Measurement, Store, compare, table};
use dfl_bench::suite::{Definition, Options, Outcome, PeerHome, Profile, Progress, Published, Runner};

const SUITE: &str = "
title = 'times'
minutes = { quick = 0.1, full = 0.1 }
[[timing]]
task = 'qp_power24'
sizes = ['batch2']
solver = 'active_set'
threads = 1
turns = { quick = 2, full = 2 }
peers = ['slow', 'dead']
[[timing]]
task = 'qp_dense'
sizes = ['n5_m10']
solver = 'active_set'
turns = { quick = 2, full = 2 }
";

/// `slow` takes a second for each half and gives gradients of zero; anyone else dies when asked to load.
const DRIVER: &str = r#"
[ "$1 $2" = "slow 1" ] || { read load; exit 3; }
zeros=0$(printf ', 0%.0s' $(seq 23))
while read request; do case "$request" in
    *load*qp_power24-batch2.json*) echo '{"ready": true}' ;;
    *'"times":1'*) echo '{"forward": [1], "backward": [1]}' ;;
    *run*) echo '{"forward": [1, 1, 1], "backward": [1, 1, 1]}' ;;
    *) echo "{\"x\": [[$zeros], [$zeros]], \"gradient\": [[$zeros], [$zeros]]}" ;;
esac; done
"#;

#[derive(Default)]
struct Gaps(RefCell<Vec<String>>);

impl Progress for Gaps {
    fn suite(&self, _jobs: usize) {}
    fn begin(&self, _label: &str) {}
    fn end(&self, label: &str, outcome: &Outcome) {
        let what = match outcome {
            Outcome::Gaps(gaps) => gaps.join("; "),
            Outcome::Measured => "measured".into(),
            Outcome::Resumed => "resumed".into(),
            Outcome::Failed(error) => error.to_string(),
        };
        self.0.borrow_mut().push(format!("{label}: {what}"));
    }
}

/// Rows that are stored, what was told on the way, and the number of failures.
fn run(dir: &Path, peers: bool, resume: bool) -> (Vec<Measurement>, Vec<String>, usize) {
    run_suite(SUITE, DRIVER, dir, peers, resume)
}

fn run_suite(suite: &str, driver: &str, dir: &Path, peers: bool, resume: bool) -> (Vec<Measurement>, Vec<String>, usize) {
    std::fs::write(dir.join("times.toml"), suite).unwrap();
    std::fs::write(dir.join("driver.sh"), driver).unwrap();
    let mut store = Store::open(&dir.join("out"), resume).unwrap();
    let home = PeerHome { python: "sh".into(), driver: dir.join("driver.sh"), patience: Duration::from_secs(60) };
    let options =
        Options { profile: Profile::Quick, seeds: None, threads: 2, device: "cpu".into(), commit: None, peers: peers.then_some(home) };
    let (interrupted, told) = (AtomicBool::new(false), Gaps::default());
    let mut runner = Runner {
        options,
        methods: make_loss,
        published: Published::default(),
        store: &mut store,
        interrupted: &interrupted,
        progress: &told,
    };
    let failures = runner.run(&Definition::load(dir, "times").unwrap()).unwrap();
    (store.measurements(), told.0.into_inner(), failures)
}

fn value(rows: &[Measurement], [task, method, solver, metric]: [&str; 4]) -> f64 {
    let row = rows.iter().find(|m| [&m.key.task, &m.key.method, &m.key.solver, &m.metric] == [task, method, solver, metric]);
    row.and_then(|m| m.value).unwrap_or_else(|| panic!("no {metric} of {method} ({solver}) on {task}"))
}

#[test]
fn ours_is_timed_without_peers() {
    let dir = tempfile::tempdir().unwrap();
    let (rows, told, failures) = run(dir.path(), false, false);
    assert_eq!((failures, told.as_slice()), (0, &["qp_power24 batch2: measured".to_owned(), "qp_dense n5_m10: measured".to_owned()][..]));
    for metric in ["forward_seconds", "backward_seconds", "iterations"] {
        assert!(value(&rows, ["qp_power24", "oracle", "active_set", metric]) > 0.0);
    }
    assert!(value(&rows, ["qp_power24", "oracle", "active_set", "vjp_max_error"]) < 1e-9);
    for solver in ["active_set", "active_set_moved", "active_set_warm", "kkt_lu"] {
        assert!(value(&rows, ["qp_dense", "oracle", solver, "solve_seconds"]) > 0.0);
    }
    assert!(value(&rows, ["qp_dense", "oracle", "kkt_lu", "speedup"]) > 0.0);
    assert!(!rows.iter().any(|row| row.key.method.starts_with("peer_")));
}

#[test]
fn a_peer_has_its_ratio_and_a_dead_one_is_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (rows, told, failures) = run(dir.path(), true, false);
    assert_eq!(failures, 0, "a gap is no failure");
    assert!(told[0].contains("peer_dead") && told[0].contains("died"), "{told:?}");
    let ours: f64 =
        ["forward_seconds", "backward_seconds"].map(|metric| value(&rows, ["qp_power24", "oracle", "active_set", metric])).iter().sum();
    let speedup = value(&rows, ["qp_power24", "peer_slow", "none", "speedup"]);
    assert!((speedup * ours - 2.0).abs() < 1e-9, "two seconds over {ours} is not {speedup}");
    assert!(value(&rows, ["qp_power24", "peer_slow", "none", "vjp_max_error"]) > 1e-3, "zeros are no gradient");
    let dead = rows.iter().find(|row| row.key.method == "peer_dead").unwrap();
    assert!(dead.value.is_none() && dead.error.as_ref().unwrap().contains("died"), "{dead:?}");
    let text = table::render(&rows);
    assert!(text.contains("speedup") && text.contains("failed: peer_dead"), "{text}");
}

/// An epoch is timed by itself and beside a peer that says it took a second; what has another mean loss has learned something else.
#[test]
fn an_epoch_is_timed_and_a_peer_with_another_loss_is_a_gap() {
    let suite = "title = 'times'\nminutes = { quick = 0.1, full = 0.1 }\n[[timing]]\ntask = 'shortest_path'\nsizes = ['4x4']\n\
                 solver = 'exact'\nbeside = ['active_set']\nturns = { quick = 2, full = 2 }\npeers = ['other']\n";
    let driver = r#"while read request; do case "$request" in
        *load*shortest_path-4x4.json*) echo '{"ready": true}' ;;
        *'"times":1'*) echo '{"epoch": [1]}' ;;
        *run*) echo '{"epoch": [1, 1, 1]}' ;;
        *) echo '{"loss": -1.0}' ;;
    esac; done"#;
    let dir = tempfile::tempdir().unwrap();
    let (rows, told, failures) = run_suite(suite, driver, dir.path(), true, false);
    assert_eq!(failures, 0);
    assert!(
        told[0].contains("peer_other") && rows.iter().any(|row| row.error.as_ref().is_some_and(|e| e.contains("mean loss"))),
        "{told:?}"
    );
    let [exact, backend] = ["exact", "active_set"].map(|solver| value(&rows, ["shortest_path", "spo_plus", solver, "epoch_seconds"]));
    assert!(exact > 0.0 && (value(&rows, ["shortest_path", "spo_plus", "active_set", "speedup"]) - backend / exact).abs() < 1e-12);
    let problem: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("out/shortest_path-4x4.json")).unwrap()).unwrap();
    let length = |part: &str| problem[part].as_array().map_or(0, Vec::len);
    assert_eq!([length("x"), length("c"), length("order")], [100; 3]);
}

/// Times of one run alone may be compared: a job with a gap is measured anew as a whole.
#[test]
fn a_finished_timing_is_resumed_and_one_with_a_gap_repeated() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), true, false);
    let (_, told, _) = run(dir.path(), true, true);
    assert!(told[0].contains("peer_dead") && told[1].ends_with("resumed"), "{told:?}");
    let (_, told, _) = run(dir.path(), false, true);
    assert!(told.iter().all(|line| line.ends_with("resumed")), "{told:?}");
}

/// Counts of iterations are what a check can hold on to; times it leaves alone.
#[test]
fn a_check_compares_iterations_and_no_times() {
    let dir = tempfile::tempdir().unwrap();
    let mut accepted = Baseline::load(&dir.path().join("times-quick.json")).unwrap();
    accepted.accept(&run(dir.path(), false, false).0, "first", None).unwrap();
    assert!(accepted.rows.iter().all(|row| row.metric == "iterations") && accepted.rows.len() == 2, "{accepted:?}");
    let comparison = compare(&run(dir.path(), false, false).0, &accepted);
    assert_eq!((comparison.exit_code(), comparison.agreed), (0, 2));
}
