//! Distributions in the runner, end to end on a small inventory: what is measured, printed, refused, and kept when training diverges.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use dfl_bench::registry::make_loss;
use dfl_bench::results::{Measurement, Store};
use dfl_bench::suite::{Definition, Options, Profile, Published, Runner};
use dfl_core::Result;

const SUITE: &str = r#"
title = "small"
minutes = { quick = 0.1, full = 0.1 }
[[experiment]]
task = "inventory"
size = "d2"
data = { features = 3, train = 200, valid = 60, test = 200 }
seeds = { quick = 1, full = 1 }
training = { epochs = { quick = 12, full = 1 }, batch = 32, learning_rates = [0.01], select = "best_valid" }
run = [RUNS]
"#;

/// Training of a decision loss after the likelihood.
const WARM: &str = "training = { epochs = { quick = 8, full = 1 }, batch = 32, learning_rates = [0.005], select = 'best_valid', warm_up = { epochs = { quick = 12, full = 1 }, learning_rate = 0.02, batch = 50 } }";

/// Where nothing is standardised.
const FAST: &str = "training = { epochs = { quick = 20, full = 1 }, batch = 32, learning_rates = [0.05], select = 'best_valid' }";

const AFFINE: &str = "solver = 'stochastic', predictor = 'gaussian', model = { hidden = [], centre = 'least_squares' }";

fn definition(dir: &Path, runs: &[String]) -> Result<Definition> {
    std::fs::write(dir.join("small.toml"), SUITE.replace("RUNS", &runs.join(",\n"))).unwrap();
    Definition::load(dir, "small")
}

fn run(dir: &Path, runs: &[String], resume: bool) -> (usize, Vec<Measurement>) {
    let mut store = Store::open(&dir.join("out"), resume).unwrap();
    let interrupted = AtomicBool::new(false);
    let options = Options { profile: Profile::Quick, seeds: None, threads: 2, device: "cpu".into(), commit: None, peers: None };
    let published = Published::default();
    let mut runner = Runner { options, methods: make_loss, published, store: &mut store, interrupted: &interrupted, progress: &() };
    let failures = runner.run(&definition(dir, runs).unwrap()).unwrap();
    (failures, store.measurements())
}

fn value(rows: &[Measurement], method: &str, solver: &str, metric: &str) -> f64 {
    let row = rows.iter().find(|m| m.key.method == method && m.key.solver == solver && m.metric == metric);
    row.and_then(|m| m.value).unwrap_or_else(|| panic!("no {metric} of {method} ({solver}) in {rows:#?}"))
}

fn every_kind() -> Vec<String> {
    let options = "options = { samples = 8, test_samples = 40, anchor = 0.1 }";
    vec![
        "{ method = 'true_distribution' }".into(),
        "{ method = 'saa' }".into(),
        format!("{{ method = 'two_stage', {AFFINE}, options = {{ test_samples = 40 }} }}"),
        format!("{{ method = 'dfl_rp', {AFFINE}, {options}, {WARM} }}"),
        format!("{{ method = 'dfl_sf', {AFFINE}, {options}, {WARM} }}"),
        format!(
            "{{ method = 'dfl_sf', {AFFINE}, options = {{ samples = 8, test_samples = 40, correction = 'resolved', tail = 0.5 }}, {WARM} }}"
        ),
        format!("{{ method = 'dfl_point', solver = 'stochastic', predictor = 'linear', {} }}", WARM.replace("0.02", "0.3")),
        format!("{{ method = 'policy_network', predictor = 'linear', {FAST} }}"),
    ]
}

/// What learns lies between the best constant decision and the true distribution; the same figures come from a second run, bit for bit.
#[test]
fn every_kind_of_method_learns_and_says_how() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (failures, rows) = run(first.path(), &every_kind(), false);
    assert_eq!(failures, 0, "{rows:#?}");
    let cost = |rows: &[Measurement], method, solver| value(rows, method, solver, "population_cost");
    let (best, constant) = (cost(&rows, "true_distribution", "none"), cost(&rows, "saa", "none"));
    let (_, again) = run(second.path(), &every_kind(), false);
    let learned = [
        ("two_stage", "stochastic"),
        ("dfl_rp", "stochastic-sample_average"),
        ("dfl_sf", "stochastic-density"),
        ("dfl_sf", "stochastic-resolved"),
        ("dfl_point", "stochastic-sample_average"),
        ("policy_network", "none"),
    ];
    for (method, solver) in learned {
        let found = cost(&rows, method, solver);
        println!("{method} ({solver}): {found:.3}; {best:.3} is the best, {constant:.3} the best constant");
        assert!(best <= found && found < constant, "{method} ({solver}): {found} is not between {best} and {constant}");
        assert_eq!(found.to_bits(), cost(&again, method, solver).to_bits(), "{method} ({solver})");
    }
}

/// The same model, whose likelihood no risk enters, decides by four risks: each aversion raises the mean cost in the population above that
/// of the mean. Their limits are the mean: a weight of 0, a temperature far above all costs.
#[test]
fn a_risk_decides_otherwise_than_the_mean() {
    let dir = tempfile::tempdir().unwrap();
    let risks = [
        ("mean", ""),
        ("tail", "tail = 0.1"),
        ("variance", "risk = 'mean_variance', risk_weight = 0.02"),
        ("entropic", "risk = 'entropic', risk_temperature = 20.0"),
        ("no-variance", "risk = 'mean_variance', risk_weight = 0"),
        ("hot", "risk = 'entropic', risk_temperature = 1e4"),
    ];
    let run_of = |(label, risk): &(&str, &str)| {
        format!("{{ method = 'two_stage', {AFFINE}, label = '{label}', options = {{ test_samples = 100, {risk} }} }}")
    };
    let with_decisions = format!(
        "{{ method = 'dfl_rp', {AFFINE}, options = {{ samples = 8, test_samples = 40, risk = 'entropic', risk_temperature = 20.0 }}, {WARM} }}"
    );
    let runs: Vec<String> = risks.iter().map(run_of).chain([with_decisions]).collect();
    let (failures, rows) = run(dir.path(), &runs, false);
    assert_eq!(failures, 0, "{rows:#?}");
    let cost = |label: &str| value(&rows, "two_stage", &format!("stochastic-{label}"), "population_cost");
    for (label, _) in &risks {
        println!("{label}: {:.4}, worst tenth {:.4}", cost(label), value(&rows, "two_stage", &format!("stochastic-{label}"), "tail_cost"));
    }
    for label in ["tail", "variance", "entropic"] {
        assert!(cost(label) > cost("mean") + 0.05, "{label}: {} against {}", cost(label), cost("mean"));
    }
    assert!((cost("no-variance") - cost("mean")).abs() < 1e-6, "{} against {}", cost("no-variance"), cost("mean"));
    // Half the variance of the cost over the temperature is added, some tenths of a unit at the best decision.
    assert!((cost("hot") - cost("mean")).abs() < 0.05, "{} against {}", cost("hot"), cost("mean"));
    assert!(value(&rows, "dfl_rp", "stochastic-sample_average", "population_cost").is_finite());
}

/// 200 rows in 7 batches, 8 epochs: one solve per row and step, and with weights solved again 8 more.
#[test]
fn the_costs_of_training_are_those_of_its_solves() {
    let dir = tempfile::tempdir().unwrap();
    let (_, rows) = run(dir.path(), &every_kind(), false);
    for (solver, solves) in [("stochastic-density", 1.0), ("stochastic-resolved", 9.0)] {
        assert_eq!(value(&rows, "dfl_sf", solver, "oracle_calls"), 8.0 * 200.0 * solves);
        let (step, epoch) = (value(&rows, "dfl_sf", solver, "step_seconds"), value(&rows, "dfl_sf", solver, "epoch_seconds"));
        assert!((step * 7.0 - epoch).abs() < 1e-9 * epoch, "{step} {epoch}");
        let share = value(&rows, "dfl_sf", solver, "solve_share");
        assert!(share > 0.0 && share < 1.0, "{share}");
    }
    let has = |method: &str, metric: &str| rows.iter().any(|m| m.key.method == method && m.metric == metric);
    assert!(has("two_stage", "rmse") && !has("policy_network", "rmse"), "a policy predicts nothing");
    assert!(!has("two_stage", "solve_share"), "the likelihood solves nothing");
}

#[test]
fn a_finished_run_is_resumed_without_training() {
    let dir = tempfile::tempdir().unwrap();
    let runs = vec![format!("{{ method = 'dfl_rp', {AFFINE}, {WARM} }}")];
    let time = |rows: &[Measurement]| value(rows, "dfl_rp", "stochastic-sample_average", "epoch_seconds");
    let first = time(&run(dir.path(), &runs, false).1);
    // A time, which no second run would repeat.
    assert_eq!(time(&run(dir.path(), &runs, true).1), first);
}

/// Neither an option nor a combination is passed over in silence.
#[test]
fn what_makes_no_sense_is_refused_when_the_definition_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |run: &str| {
        let error = definition(dir.path(), &[format!("{{ {run} }}")]).unwrap_err();
        std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
    };
    for (run, message) in [
        ("method = 'dfl_sf', predictor = 'gaussian'", "unknown solver of a method for a distribution `none`; known are stochastic"),
        ("method = 'spo_plus', predictor = 'gaussian', solver = 'stochastic'", "unknown method for a distribution `spo_plus`"),
        ("method = 'dfl_rp', predictor = 'linear', solver = 'stochastic'", "unknown method `dfl_rp`"),
        ("method = 'two_stage', predictor = 'gauss', solver = 'stochastic'", "unknown predictor `gauss`; known are linear, mlp, gaussian"),
        ("method = 'two_stage', predictor = 'gaussian', solver = 'stochastic', model = { couplings = 3 }", "`couplings`; known are hidden"),
        ("method = 'two_stage', predictor = 'linear', model = { hidden = [3] }", "unknown model option of this predictor `hidden`"),
        ("method = 'two_stage', predictor = 'gaussian', solver = 'stochastic', model = { quick = { hidden = [3] } }", "full"),
        ("method = 'saa', model = { hidden = [3] }", "unknown model option of this predictor `hidden`"),
        ("method = 'dfl_rp', predictor = 'gaussian', solver = 'stochastic', options = { correction = 'resolved' }", "`correction`"),
        ("method = 'two_stage', predictor = 'gaussian', solver = 'stochastic', options = { samples = 5 }", "`samples`"),
        ("method = 'dfl_sf', predictor = 'gaussian', solver = 'stochastic', options = { samples = 0 }", "option samples: 0"),
        ("method = 'dfl_sf', predictor = 'gaussian', solver = 'stochastic', options = { tail = 1.5 }", "option tail: 1.5"),
        (
            "method = 'dfl_sf', predictor = 'gaussian', solver = 'stochastic', options = { tail = 0.5, risk = 'entropic', risk_temperature = 1 }",
            "a run with option risk, which takes the place of the tail, does not offer option tail",
        ),
        (
            "method = 'two_stage', predictor = 'gaussian', solver = 'stochastic', options = { risk = 'entropic' }",
            "a run without option risk_temperature does not offer risk = \"entropic\"",
        ),
        (
            "method = 'two_stage', predictor = 'gaussian', solver = 'stochastic', options = { risk = 'mean_variance', risk_temperature = 1 }",
            "a run without risk = \"entropic\" does not offer option risk_temperature",
        ),
        ("method = 'dfl_rp', predictor = 'gaussian', solver = 'stochastic', options = { risk_weight = 1 }", "option risk_weight"),
        (
            "method = 'dfl_rp', predictor = 'gaussian', solver = 'stochastic', options = { risk = 'entropic', risk_temperature = 0 }",
            "option risk_temperature: 0",
        ),
        (
            "method = 'gen_dfl', predictor = 'gaussian', solver = 'stochastic', options = { risk = 'entropic', risk_temperature = 1 }",
            "`risk`",
        ),
        (
            "method = 'dfl_sf', predictor = 'gaussian', solver = 'stochastic', options = { curvature = 'ignored', bandwidth = 0.1 }",
            "a curvature without a kernel does not offer option bandwidth",
        ),
        (
            "method = 'dfl_sf', predictor = 'gaussian', solver = 'stochastic', options = { correction = 'leave_one_out' }",
            "whose weights leave samples out already",
        ),
        (&format!("method = 'policy_network', predictor = 'linear', {WARM}"), "policy_network does not offer a warm-up"),
    ] {
        let text = refused(run);
        assert!(text.contains(message), "{run}: {text}");
    }
    let of_task = |run: &str| {
        let text = SUITE.replace("RUNS", &format!("{{ {run} }}")).replace("\"inventory\"", "\"shortest_path\"").replace("d2", "4x4");
        std::fs::write(dir.path().join("small.toml"), text).unwrap();
        Definition::load(dir.path(), "small").unwrap_err().to_string()
    };
    assert!(of_task("method = 'dfl_sf', predictor = 'gaussian', solver = 'stochastic'").contains("cost of an uncertain outcome"));
    let averse =
        "method = 'two_stage', predictor = 'gaussian', solver = 'stochastic', options = { risk = 'mean_variance', risk_weight = 1 }";
    assert!(of_task(averse).contains("a risk over samples other than their tail"));
    assert!(of_task("method = 'policy_network', predictor = 'linear'").contains("decisions of a policy's output"));
}

/// Networks: the same ways, and a file with the last finite weights where a rate is too large.
#[cfg(feature = "torch")]
mod networks {
    use super::*;
    use dfl_core::{Parameters, Standardised};
    use dfl_models::torch::{Device, Gaussian};

    const WIDE: &str = "solver = 'stochastic', predictor = 'gaussian', model = { hidden = [8] }";

    fn network(predictor: &str, options: &str) -> String {
        format!("solver = 'stochastic', predictor = '{predictor}', model = {{ {options} }}")
    }

    #[test]
    fn every_distribution_learns_both_ways() {
        let dir = tempfile::tempdir().unwrap();
        let short = WARM.replace("quick = 8", "quick = 3").replace("quick = 12", "quick = 20");
        let models = [
            ("gaussian", "hidden = [16], covariance = 'full'"),
            ("mixture", "hidden = [16], components = 2, centre = 'least_squares'"),
            ("flow", "hidden = [16], couplings = 2"),
            ("diffusion", "hidden = [32], steps = 50, sampler_steps = 5"),
        ];
        let of = |(predictor, options): &(&str, &str)| {
            let with = network(predictor, options);
            let settings = "options = { samples = 6, test_samples = 20 }";
            ["dfl_rp", "dfl_sf"].map(|method| format!("{{ method = '{method}', {with}, {settings}, {short} }}"))
        };
        let (failures, rows) = run(dir.path(), &models.iter().flat_map(of).collect::<Vec<_>>(), false);
        assert_eq!(failures, 0, "{rows:#?}");
        for (predictor, _) in models {
            for method in ["dfl_rp", "dfl_sf"] {
                let row = rows.iter().find(|m| m.key.method == method && m.key.predictor == predictor && m.metric == "population_cost");
                let cost = row.unwrap().value.unwrap();
                println!("{method} {predictor}: {cost:.3}");
                // The best constant costs 146.2; so few steps leave a diffusion model far from the data.
                assert!(cost.is_finite() && (predictor == "diffusion" || cost < 146.0), "{method} {predictor}: {cost}");
            }
        }
    }

    /// Sigma runs away at a rate of 1e8. The error says when, with which loss before, and where the weights are; the files can be read, the
    /// coordinates of the training rows among them.
    #[test]
    fn training_that_diverges_leaves_the_weights_of_its_last_whole_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let wild = "training = { epochs = { quick = 5, full = 1 }, batch = 32, learning_rates = [1e8] }";
        let (failures, rows) = run(dir.path(), &[format!("{{ method = 'dfl_sf', {WIDE}, {wild} }}")], false);
        assert_eq!(failures, 1, "{rows:#?}");
        let error = rows[0].error.as_ref().unwrap();
        println!("{error}");
        assert!(error.contains("training diverged at step ") && error.contains("the last finite loss was "), "{error}");
        let (_, path) = error.split_once("; the weights that it began with are in ").unwrap();
        assert!(path.ends_with("small--inventory--d2--dfl_sf--gaussian--stochastic-density--published--quick--0.toml"), "{path}");
        let model = Standardised::load(Path::new(path), |path| Gaussian::load(path, Device::Cpu)).unwrap();
        assert!(model.values().iter().all(|w| w.is_finite()));
        // Demand has mean 12.5 and deviation 8: far from the coordinates 0 and 1 of a model without its frame.
        assert!(model.frame().scale().iter().all(|s| (3.0..20.0).contains(s)), "{:?}", model.frame());
    }
}
