//! The runner end to end on a small suite: what it stores, resumes and reports, and that a wrong gradient turns the check red.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dfl_bench::registry::{Method, Setup, make_loss};
use dfl_bench::results::{Baseline, Store, compare};
use dfl_bench::suite::{Definition, Options, Profile, Published, Runner};
use dfl_core::{Decider, DecisionLoss, Found, Loss, Needs, Result, Rng, Row};
use dfl_losses::SpoPlus;

const SUITE: &str = r#"
title = "small"
minutes = { quick = 0.1, full = 0.1 }
[[experiment]]
task = "shortest_path"
size = "4x4"
data = { features = 5, degree = 4, noise = 0.5, train = 60, valid = 20, test = 50 }
seeds = { quick = 2, full = 2 }
training = { epochs = { quick = 12, full = 12 }, batch = 16, learning_rates = [0.05, 0.1] }
run = [ { method = "constant" }, { method = "two_stage", predictor = "linear" }, { method = "spo_plus", predictor = "linear", solver = "exact" } ]
"#;

fn definition(dir: &Path, text: &str) -> Definition {
    std::fs::write(dir.join("small.toml"), text).unwrap();
    Definition::load(dir, "small").unwrap()
}

fn run(text: &str, dir: &Path, resume: bool, methods: fn(&str, &Setup<'_>) -> Result<Method>, stop: bool) -> (Result<usize>, Store) {
    let mut store = Store::open(&dir.join("out"), resume).unwrap();
    let interrupted = AtomicBool::new(stop);
    let options = Options { profile: Profile::Quick, seeds: None, threads: 2, device: "cpu".into(), commit: None, peers: None };
    let mut runner =
        Runner { options, methods, published: Published::default(), store: &mut store, interrupted: &interrupted, progress: &() };
    let outcome = runner.run(&definition(dir, text));
    (outcome, store)
}

fn value(store: &Store, method: &str, seed: u64, metric: &str) -> f64 {
    let rows = store.measurements();
    let row = rows.iter().find(|m| m.key.method == method && m.key.seed == Some(seed) && m.metric == metric);
    row.and_then(|m| m.value).unwrap_or_else(|| panic!("no {metric} of {method}, seed {seed}"))
}

#[test]
fn a_suite_is_measured_in_full_and_twice_the_same() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (outcome, first) = run(SUITE, a.path(), false, make_loss, false);
    assert_eq!(outcome.unwrap(), 0);
    let (_, second) = run(SUITE, b.path(), false, make_loss, false);
    for seed in 0..2 {
        for method in ["constant", "two_stage", "spo_plus"] {
            let regret = value(&first, method, seed, "normalized_regret");
            assert_eq!(regret.to_bits(), value(&second, method, seed, "normalized_regret").to_bits());
            assert!(regret > 0.0);
        }
        assert_eq!(value(&first, "spo_plus", seed, "oracle_calls"), 12.0 * 60.0);
        assert!(value(&first, "spo_plus", seed, "normalized_regret") < value(&first, "constant", seed, "normalized_regret"));
    }
    assert_eq!(first.curves().len(), 4);
    // What the test rows cost is what the figures were made of: above the optimum by the regret.
    for row in first.rows() {
        assert_eq!((row.ids.len(), row.values.len()), (50, 50));
        let other = second.rows().into_iter().find(|other| other.key == row.key).unwrap();
        assert_eq!(row, other);
    }
    let mean = |method: &str| first.rows().iter().filter(|r| r.key.method == method).flat_map(|r| r.values.clone()).sum::<f64>() / 100.0;
    assert!(mean("spo_plus") < mean("constant") && first.rows().len() == 6);
}

/// SPO+ whose gradient has the wrong sign in every other entry: plausible values, wrong direction.
struct Planted;
impl Loss for Planted {
    fn name(&self) -> &'static str {
        "spo_plus"
    }
    fn needs(&self) -> Needs {
        SpoPlus.needs()
    }
    fn probe(&self, row: &Row<'_>, rng: &mut Rng, at: &mut [f64]) {
        SpoPlus.probe(row, rng, at);
    }
    fn finish(&self, row: &Row<'_>, rng: &mut Rng, found: Found<'_>, grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        let value = SpoPlus.finish(row, rng, found, grad, cotangent);
        grad.iter_mut().step_by(2).for_each(|g| *g = -*g);
        value
    }
}

fn planted(id: &str, setup: &Setup<'_>) -> Result<Method> {
    if id == "spo_plus" {
        let decider: Box<dyn Decider> = setup.task.oracle()?;
        return DecisionLoss::new(Box::new(Planted), decider);
    }
    make_loss(id, setup)
}

#[test]
fn a_planted_wrong_gradient_turns_the_check_red() {
    let dir = tempfile::tempdir().unwrap();
    let baseline = dir.path().join("small-quick.json");
    let right = run(SUITE, dir.path(), false, make_loss, false).1;
    let mut accepted = Baseline::load(&baseline).unwrap();
    accepted.accept(&right.measurements(), "first figures", None).unwrap();
    let again = run(SUITE, dir.path(), false, make_loss, false).1;
    assert_eq!(compare(&again.measurements(), &accepted).exit_code(), 0);
    let wrong = run(SUITE, dir.path(), false, planted, false).1;
    let comparison = compare(&wrong.measurements(), &accepted);
    assert_eq!(comparison.exit_code(), 1, "{comparison}");
    assert!(comparison.to_string().contains("spo_plus"), "{comparison}");
}

#[test]
fn an_interrupted_run_is_resumed_to_the_same_figures() {
    let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let all = run(SUITE, whole.path(), false, make_loss, false).1;
    let shorter = SUITE.replace("quick = 2, full = 2", "quick = 1, full = 1");
    run(&shorter, cut.path(), false, make_loss, false).0.unwrap();
    let (outcome, kept) = run(SUITE, cut.path(), true, make_loss, true);
    assert!(matches!(outcome, Err(dfl_core::Error::Interrupted)));
    assert!(!kept.measurements().is_empty(), "results written so far are kept");
    drop(kept);
    let (outcome, resumed) = run(SUITE, cut.path(), true, make_loss, false);
    assert_eq!(outcome.unwrap(), 0);
    for seed in 0..2 {
        assert_eq!(value(&all, "spo_plus", seed, "normalized_regret"), value(&resumed, "spo_plus", seed, "normalized_regret"));
    }
}

#[test]
fn a_job_that_fails_is_recorded_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    // A word of the list, but no baseline of this task.
    let text = SUITE.replace("{ method = \"constant\" }", "{ method = \"persistence\" }");
    let (outcome, store) = run(&text, dir.path(), false, make_loss, false);
    assert_eq!(outcome.unwrap(), 2, "one failure per seed");
    let rows = store.measurements();
    let failed = rows.iter().find(|m| m.error.is_some()).unwrap();
    assert!(failed.error.as_ref().unwrap().contains("persistence"), "{failed:?}");
    value(&store, "spo_plus", 1, "normalized_regret");
}

#[test]
fn a_definition_with_a_wrong_word_or_a_run_twice_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |from: &str, to: &str| {
        std::fs::write(dir.path().join("small.toml"), SUITE.replace(from, to)).unwrap();
        Definition::load(dir.path(), "small").unwrap_err().to_string()
    };
    let spo = "{ method = \"spo_plus\", predictor = \"linear\", solver = \"exact\" }";
    assert!(refused("solver = \"exact\"", "solver = \"exat\"").contains("unknown solver of this method `exat`; known are exact"));
    assert!(refused("\"constant\"", "\"constnt\"").contains("unknown baseline `constnt`"));
    assert!(refused("\"shortest_path\"", "\"longest_path\"").contains("unknown task `longest_path`"));
    assert!(refused(spo, &format!("{spo}, {spo}")).contains("second run of the same name"));
    assert!(refused("test = 50", "test = 0").contains("test rows"));
    assert!(refused("epochs = { quick = 12", "epochs = { quick = 0").contains("epochs"));
}

/// At a rate of 1e308 the weights overflow; the other rate is used, and alone the divergence is named. In batches of 16 the next step tells; in one
/// of all 60 rows it is the validation after the epoch.
#[test]
fn a_rate_that_diverges_loses_to_one_that_does_not() {
    for suite in [SUITE.to_owned(), SUITE.replace("batch = 16", "batch = 60")] {
        let dir = tempfile::tempdir().unwrap();
        let (outcome, store) = run(&suite.replace("[0.05, 0.1]", "[1e308, 0.05]"), dir.path(), false, make_loss, false);
        assert_eq!(outcome.unwrap(), 0);
        let constant = value(&store, "constant", 0, "normalized_regret");
        assert!(value(&store, "spo_plus", 0, "normalized_regret") < constant);
        let (outcome, store) = run(&suite.replace("[0.05, 0.1]", "[1e308]"), dir.path(), false, make_loss, false);
        assert_eq!(outcome.unwrap(), 4);
        let rows = store.measurements();
        let named = |error: &str| error.contains("training diverged") && error.contains("lower the learning rate");
        let errors: Vec<_> = rows.iter().filter_map(|m| m.error.as_deref()).collect();
        assert!(errors.len() == 4 && errors.iter().all(|error| named(error)), "{errors:?}");
    }
}

/// SPO+ whose gradient is no number from its 100th row on, in the middle of the second epoch.
#[derive(Default)]
struct Poisoned(AtomicUsize);
impl Loss for Poisoned {
    fn name(&self) -> &'static str {
        "spo_plus"
    }
    fn needs(&self) -> Needs {
        SpoPlus.needs()
    }
    fn probe(&self, row: &Row<'_>, rng: &mut Rng, at: &mut [f64]) {
        SpoPlus.probe(row, rng, at);
    }
    fn finish(&self, row: &Row<'_>, rng: &mut Rng, found: Found<'_>, grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        let value = SpoPlus.finish(row, rng, found, grad, cotangent);
        if self.0.fetch_add(1, Ordering::Relaxed) >= 99 {
            grad[0] = f64::NAN;
        }
        value
    }
}

fn poisoned(id: &str, setup: &Setup<'_>) -> Result<Method> {
    if id == "spo_plus" {
        return DecisionLoss::new(Box::new(Poisoned::default()), setup.task.oracle()?);
    }
    make_loss(id, setup)
}

/// The jobs that predict what is no number are named, all others are measured, and a resumed run repeats the failed ones alone.
#[test]
fn a_prediction_that_is_no_number_in_the_middle_of_training_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (outcome, store) = run(SUITE, dir.path(), false, poisoned, false);
    assert_eq!(outcome.unwrap(), 2, "one failure per seed");
    let rows = store.measurements();
    let failed: Vec<_> = rows.iter().filter(|m| m.error.is_some()).collect();
    assert!(failed.iter().all(|m| m.key.method == "spo_plus" && m.error.as_ref().unwrap().contains("training diverged")), "{failed:?}");
    let kept = [0, 1].map(|seed| value(&store, "two_stage", seed, "epoch_seconds"));
    drop(store);
    let (outcome, store) = run(SUITE, dir.path(), true, make_loss, false);
    assert_eq!(outcome.unwrap(), 0);
    // A time, which no second run would repeat.
    assert_eq!([0, 1].map(|seed| value(&store, "two_stage", seed, "epoch_seconds")), kept);
    assert!(value(&store, "spo_plus", 1, "normalized_regret") < value(&store, "constant", 1, "normalized_regret"));
}

/// What is no problem is refused when the definition is read, with the value and what it must be; so is a cache that could hold nothing.
#[test]
fn a_problem_that_is_none_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |task: &str, size: &str, setting: &str| {
        let of_task = SUITE.replace("shortest_path", task).replace("\"4x4\"", &format!("\"{size}\""));
        std::fs::write(dir.path().join("small.toml"), of_task.replace("noise = 0.5", &format!("noise = 0.5{setting}"))).unwrap();
        Definition::load(dir.path(), "small").unwrap_err().to_string()
    };
    for (task, size, setting, message) in [
        ("top_k", "5", ", k = 6", "k of the top k: 6 is not accepted; it must be at least 1 and at most the number of items"),
        ("knapsack", "10", ", capacity = -0.5", "capacity: -0.5 is not accepted; it must be a share of the sum of the weights"),
        ("knapsack", "ten", "", "unknown size of a knapsack `ten`; known are ITEMS, e.g. 10"),
        ("tsp", "1", "", "number of nodes of a tour: 1 is not accepted; it must be at least 3"),
        ("shortest_path", "1x1", "", "number of grid nodes: 1 is not accepted; it must be at least 2"),
    ] {
        let text = refused(task, size, setting);
        assert!(text.starts_with(message), "{text}");
    }
    let cache = SUITE.replace("solver = \"exact\"", "solver = \"exact\", options = { ratio = 0.5, pool_size = 0 }");
    std::fs::write(dir.path().join("small.toml"), cache).unwrap();
    let error = Definition::load(dir.path(), "small").unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("option pool_size: 0 is not accepted; it must be at least 1"), "{cause}");
}

/// One item, and room for half of it: nothing can be taken, so that there is nothing for a regret to be relative to.
#[test]
fn a_knapsack_that_nothing_fits_into_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let text = SUITE.replace("shortest_path", "knapsack").replace("\"4x4\"", "\"1\"");
    let (outcome, store) = run(&text, dir.path(), false, make_loss, false);
    assert_eq!(outcome.unwrap(), 6);
    let rows = store.measurements();
    let named = |error: &str| error.contains("optimal value of every instance: 0 is not accepted") && error.contains("no item fits");
    assert!(rows.len() == 6 && rows.iter().all(|m| m.error.as_deref().is_some_and(named)), "{rows:?}");
}

const SPO: &str = "{ method = \"spo_plus\", predictor = \"linear\", solver = \"exact\" }";

/// mu = 1e6 decides like a constant, whatever is predicted, and must lose to mu = 1 on the validation rows; what won is in every row.
#[test]
fn options_are_chosen_on_the_validation_rows_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let run_of = |options: &str| format!("{{ method = \"regret\", predictor = \"linear\", solver = \"quadratic\", {options} }}");
    let (both, one, bad) = (
        run_of("options = { mu = [1e6, 1.0] }"),
        run_of("options = { mu = 1.0 }, label = 'mu1'"),
        run_of("options = { mu = 1e6 }, label = 'mu1e6'"),
    );
    let text = SUITE.replace(SPO, &[both, one, bad].join(", "));
    let (outcome, store) = run(&text, dir.path(), false, make_loss, false);
    assert_eq!(outcome.unwrap(), 0);
    let rows = store.measurements();
    let of = |solver: &str, seed| {
        rows.iter().find(|m| m.key.solver == solver && m.key.seed == Some(seed) && m.metric == "normalized_regret").unwrap()
    };
    for seed in 0..2 {
        let (chosen, alone, bad) = (of("quadratic", seed), of("quadratic-mu1", seed), of("quadratic-mu1e6", seed));
        assert_eq!(chosen.settings["mu"], 1.0);
        assert_eq!(chosen.value, alone.value);
        assert!(bad.value > alone.value, "{bad:?} {alone:?}");
        assert!(!alone.settings.contains_key("mu") && [0.05, 0.1].contains(&alone.settings["learning_rate"]));
    }
}

/// With a ratio of 0.5 about half of the 12 epochs' 60 rows are solved: 360 with a deviation of 13. A coin per batch solves whole batches, of
/// 16 rows and one of 12 in each epoch.
#[test]
fn a_share_of_the_rows_is_answered_from_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let labelled =
        |label: &str, coin: &str| SPO.replace(" }", &format!(", label = '{label}', options = {{ ratio = 0.5, coin = '{coin}' }} }}"));
    let runs = [SPO.to_owned(), labelled("half", "row"), labelled("batches", "batch")].join(", ");
    let (outcome, store) = run(&SUITE.replace(SPO, &runs), dir.path(), false, make_loss, false);
    assert_eq!(outcome.unwrap(), 0);
    let rows = store.measurements();
    let of = |solver: &str, metric: &str| rows.iter().find(|m| m.key.solver == solver && m.metric == metric).unwrap().value.unwrap();
    assert_eq!(of("exact", "oracle_calls"), 720.0);
    assert!((of("exact-half", "oracle_calls") - 360.0).abs() < 4.0 * 13.5);
    let batches = of("exact-batches", "oracle_calls");
    assert!(batches % 4.0 == 0.0 && (100.0..620.0).contains(&batches), "{batches}");
    assert!(["exact-half", "exact-batches"].iter().all(|solver| of(solver, "normalized_regret") < 0.5));
}

#[test]
fn an_option_without_a_reader_or_out_of_range_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |options: &str| {
        let run = SPO.replace(" }", &format!(", {options} }}"));
        std::fs::write(dir.path().join("small.toml"), SUITE.replace(SPO, &run)).unwrap();
        let error = Definition::load(dir.path(), "small").unwrap_err();
        std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
    };
    assert!(refused("options = { mu = 1.0 }").contains("unknown option of this method with this solver `mu`; known are ratio"));
    assert!(refused("options = { ratio = 1.5 }").contains("option ratio: 1.5"));
    assert!(refused("label = 'Half'").contains("unknown label `Half`"));
}

/// An experiment of the full profile alone leaves nothing under quick.
#[test]
fn an_experiment_belongs_to_the_profiles_that_it_names() {
    let dir = tempfile::tempdir().unwrap();
    let (outcome, store) =
        run(&SUITE.replace("size = \"4x4\"", "size = \"4x4\"\nprofiles = [\"full\"]"), dir.path(), false, make_loss, false);
    assert_eq!((outcome.unwrap(), store.measurements().len()), (0, 0));
}

/// Two sizes and a list of one run: what is written once is run for each size.
#[test]
fn sizes_and_lists_of_runs_are_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let runs = "\n[[runs.bounds]]\nmethod = \"oracle\"\n[[experiment]]";
    let text = SUITE.replace("\n[[experiment]]", runs).replace("size = \"4x4\"", "sizes = [\"3x3\", \"4x4-n60\"]\nruns = [\"bounds\"]");
    let read = definition(dir.path(), &text);
    let sizes: Vec<_> = read.experiment.iter().map(|e| (e.size.as_str(), e.run.len())).collect();
    assert_eq!(sizes, [("3x3", 4), ("4x4-n60", 4)]);
    let refused = |from: &str, to: &str| {
        std::fs::write(dir.path().join("small.toml"), text.replace(from, to)).unwrap();
        Definition::load(dir.path(), "small").unwrap_err().to_string()
    };
    assert!(refused("\"bounds\"]", "\"bonds\"]").contains("unknown list of runs `bonds`; known are bounds"));
    assert!(refused("sizes =", "size = \"4x4\"\nsizes =").contains("either `size` or `sizes`"));
}

/// With its own rows seed 1 may choose another rate than seed 0; where seed 0 chooses for all, its figures are those of that rate alone.
#[test]
fn the_first_seed_may_choose_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let rates = "learning_rates = [0.001, 0.05, 0.1, 0.5]";
    let with = |text: &str| run(&SUITE.replace("learning_rates = [0.05, 0.1]", text), dir.path(), false, make_loss, false).1;
    let first = with(&format!("{rates}, choose = \"first_seed\""));
    let rows = first.measurements();
    let settings = |seed| rows.iter().find(|m| m.key.method == "spo_plus" && m.key.seed == Some(seed)).unwrap().settings.clone();
    assert_eq!(settings(0).len(), 1);
    assert_eq!(settings(0), settings(1));
    let alone = with(&format!("learning_rates = [{}]", settings(0)["learning_rate"]));
    for seed in 0..2 {
        assert_eq!(value(&first, "spo_plus", seed, "normalized_regret"), value(&alone, "spo_plus", seed, "normalized_regret"));
    }
}
