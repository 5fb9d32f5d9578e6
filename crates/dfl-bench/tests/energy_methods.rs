//! Methods that differentiate decisions of least energy, in the runner: on a cost that is convex, on the security game, and on moments of power.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed helper fails its test, and figures are printed")]

mod common;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use dfl_bench::data::pjm::{FILES, Split};
use dfl_bench::registry::make_loss;
use dfl_bench::results::{Measurement, Store};
use dfl_bench::suite::{Definition, Options, Profile, Published, Runner};

const SUITE: &str = r#"
title = "small"
minutes = { quick = 0.1, full = 0.1 }
[[experiment]]
EXPERIMENT
seeds = { quick = 1, full = 1 }
run = [RUNS]
"#;

const METHODS: [&str; 5] = ["dfl_sqp", "dfl_kkt", "dfl_saa", "dfl_block", "dfl_surrogate"];

const AFFINE: &str = "solver = 'stochastic', predictor = 'gaussian', model = { hidden = [], centre = 'least_squares' }";

fn run(dir: &Path, experiment: &str, runs: &[String]) -> Vec<Measurement> {
    std::fs::write(dir.join("small.toml"), SUITE.replace("EXPERIMENT", experiment).replace("RUNS", &runs.join(",\n"))).unwrap();
    let mut store = Store::open(&dir.join("out"), false).unwrap();
    let interrupted = AtomicBool::new(false);
    let options = Options { profile: Profile::Quick, seeds: None, threads: 2, device: "cpu".into(), commit: None, peers: None };
    let published = Published::default();
    let mut runner = Runner { options, methods: make_loss, published, store: &mut store, interrupted: &interrupted, progress: &() };
    let failures = runner.run(&Definition::load(dir, "small").unwrap()).unwrap();
    assert_eq!(failures, 0, "{:#?}", store.measurements());
    store.measurements()
}

fn value(rows: &[Measurement], method: &str, metric: &str) -> f64 {
    let row = rows.iter().find(|m| m.key.method == method && m.metric == metric);
    row.and_then(|m| m.value).unwrap_or_else(|| panic!("no {metric} of {method} in {rows:#?}"))
}

/// What learns lies between what nobody beats and what knows nothing; the same figures come from a second run, bit for bit.
fn check(experiment: &str, baselines: [&str; 2], options: &str) {
    let cost = |rows: &[Measurement], method| value(rows, method, "task_loss");
    let options = |method: &str| match method {
        "dfl_block" => format!("{options}, block = 0.5"),
        "dfl_surrogate" => format!("{options}, width = 3"),
        _ => options.to_owned(),
    };
    let mut runs: Vec<String> = baselines.iter().map(|b| format!("{{ method = '{b}' }}")).collect();
    runs.extend(METHODS.iter().map(|m| format!("{{ method = '{m}', {AFFINE}, options = {{ {} }} }}", options(m))));
    let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (rows, again) = (run(first.path(), experiment, &runs), run(second.path(), experiment, &runs));
    let [best, plain] = baselines.map(|b| cost(&rows, b));
    for method in METHODS {
        let found = cost(&rows, method);
        println!("{method}: {found:.4}, between {best:.4} and {plain:.4}");
        assert!(found >= best && found < plain, "{method}: {found} outside {best} to {plain}");
        assert_eq!(found.to_bits(), cost(&again, method).to_bits(), "{method}");
    }
}

/// A second implementation: on a cost that is convex, and from the same samples, `dfl_rp` decides and differentiates by its stochastic program.
#[test]
fn allocation_is_learned_as_by_stochastic_programs() {
    let experiment = "task = 'allocation'\nsize = 'd2'\ndata = { features = 3, train = 200, valid = 50, test = 100 }\n\
        training = { epochs = { quick = 4, full = 1 }, batch = 40, learning_rates = [0.005], select = 'best_valid' }";
    let runs = ["dfl_rp", "dfl_sqp", "dfl_kkt", "dfl_saa"]
        .map(|method| format!("{{ method = '{method}', {AFFINE}, options = {{ samples = 20, test_samples = 100 }} }}"));
    let dir = tempfile::tempdir().unwrap();
    let rows = run(dir.path(), experiment, &runs);
    let [reference, others @ ..] = ["dfl_rp", "dfl_sqp", "dfl_kkt", "dfl_saa"].map(|method| value(&rows, method, "task_loss"));
    println!("dfl_rp {reference:.8}, by SQP {others:.8?}");
    assert!(others.iter().all(|cost| (cost - reference).abs() < 1e-6 * reference));
}

/// Better than covering all edges alike, with inner problems that are not convex.
#[test]
fn the_security_game_is_learned_through_decisions() {
    let experiment = "task = 'security'\nsize = 'n20'\ndata = { features = 2, noise = 0.1, train = 14, valid = 4, test = 8 }\n\
        training = { epochs = { quick = 2, full = 1 }, batch = 7, learning_rates = [0.01], select = 'best_valid' }";
    check(experiment, ["oracle", "uniform"], "samples = 2, test_samples = 4");
}

/// By the closed form over moments: the last step and the KKT conditions say the same, so that whole trainings do, and both beat the likelihood that
/// they begin with.
#[test]
fn power_is_learned_through_its_moments() {
    if FILES.iter().any(|file| common::dataset(file.0).is_none()) || common::dataset(Split::FILE).is_none() {
        return;
    }
    let training = |epochs| {
        format!(
            "training = {{ epochs = {{ quick = {epochs}, full = 1 }}, batch = 256, learning_rates = [0.003], select = 'best_valid', \
             warm_up = {{ epochs = {{ quick = 10, full = 1 }}, learning_rate = 0.01, batch = 64 }} }}"
        )
    };
    let runs = ["two_stage", "dfl_sqp", "dfl_kkt"].map(|method| {
        let judge = if method == "two_stage" { ", options = { judge = 'closed_form' }" } else { "" };
        format!("{{ method = '{method}', columns = 'honest', {AFFINE}{judge} }}")
    });
    let dir = tempfile::tempdir().unwrap();
    let rows = run(dir.path(), &format!("task = 'power'\nsize = 'n24'\n{}", training(10)), &runs);
    let [likelihood, last, exact] = ["two_stage", "dfl_sqp", "dfl_kkt"].map(|method| value(&rows, method, "task_loss"));
    println!("two-stage {likelihood:.4}, last step {last:.4}, KKT {exact:.4}");
    assert!((last - exact).abs() < 1e-6 * exact && exact < likelihood, "{likelihood} {last} {exact}");
}
