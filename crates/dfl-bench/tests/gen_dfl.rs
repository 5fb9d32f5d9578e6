//! Gen-DFL in the runner, with a Gaussian in pure Rust in place of the flow: it learns, and the law of the costs judges it.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::sync::atomic::AtomicBool;

use dfl_bench::registry::make_loss;
use dfl_bench::results::Store;
use dfl_bench::suite::{Definition, Options, Outcome, Profile, Progress, Published, Runner};
use dfl_core::Result;

struct Flawless;
impl Progress for Flawless {
    fn suite(&self, _jobs: usize) {}
    fn begin(&self, _label: &str) {}
    fn end(&self, label: &str, outcome: &Outcome) {
        assert!(matches!(outcome, Outcome::Measured), "{label}: {outcome:?}");
    }
}

fn load(dir: &tempfile::TempDir, (task, size): (&str, &str), data: &str, runs: &str) -> Result<Definition> {
    let text = format!(
        "title = 't'\nminutes = {{ quick = 1, full = 1 }}\n[[experiment]]\ntask = '{task}'\nsize = '{size}'\ndata = {{ {data}, train = 60, valid = 20, test = 30 }}
seeds = {{ quick = 1, full = 1 }}
training = {{ epochs = {{ quick = 15, full = 15 }}, batch = 16, learning_rates = [0.02], select = 'best_valid' }}\nrun = [{runs}]\n"
    );
    std::fs::write(dir.path().join("small.toml"), text).unwrap();
    Definition::load(dir.path(), "small")
}

/// Figures by method, solver key and metric.
fn measure(task: (&str, &str), data: &str, runs: &str) -> impl Fn(&str, &str, &str) -> f64 + use<> {
    let dir = tempfile::tempdir().unwrap();
    let definition = load(&dir, task, data, runs).unwrap();
    let mut store = Store::open(&dir.path().join("out"), false).unwrap();
    let options = Options { profile: Profile::Quick, seeds: None, threads: 2, device: "cpu".into(), commit: None, peers: None };
    let (interrupted, published) = (AtomicBool::new(false), Published::default());
    let mut runner = Runner { options, methods: make_loss, published, store: &mut store, interrupted: &interrupted, progress: &Flawless };
    assert_eq!(runner.run(&definition).unwrap(), 0);
    let rows = store.measurements().to_vec();
    move |method, solver, metric| {
        let found = rows.iter().find(|m| m.key.method == method && m.key.solver == solver && m.metric == metric);
        found.and_then(|m| m.value).unwrap_or_else(|| panic!("{metric} of {method} ({solver})"))
    }
}

/// A run of an affine Gaussian.
fn gaussian(label: &str, options: &str) -> String {
    format!(
        "{{ method = 'gen_dfl', predictor = 'gaussian', solver = 'stochastic', label = '{label}', model = {{ hidden = [] }}, options = {{ {options} }} }}"
    )
}

/// Both targets end well below the best constant decision, which knows no features, and above who knows the law; a proxy that has seen
/// one epoch is another target than one that has seen thirty.
#[test]
fn it_learns_from_a_proxy_and_from_what_is_observed() {
    let common = "samples = 40, test_samples = 40";
    let runs = [
        "{ method = 'constant' }, { method = 'true_distribution' }".to_owned(),
        gaussian("proxy", common),
        gaussian("early", &format!("{common}, proxy_epochs = 1")),
        gaussian("observed", &format!("{common}, target = 'observed', beta = 1.0")),
    ];
    let figure = measure(("cvar_shortest_path", "4x4"), "degree = 4, noise = 0.5", &runs.join(", "));
    let (constant, best) = (figure("constant", "none", "cvar_regret"), figure("true_distribution", "none", "cvar_regret"));
    assert!(best.abs() < 1e-9 && constant > 0.05, "{best} {constant}");
    for label in ["stochastic-proxy", "stochastic-early", "stochastic-observed"] {
        let regret = figure("gen_dfl", label, "cvar_regret");
        assert!(regret > 0.0 && regret < 0.75 * constant, "{label}: {regret} against {constant}");
        assert!(figure("gen_dfl", label, "oracle_calls") > 0.0);
    }
    assert_ne!(figure("gen_dfl", "stochastic-proxy", "cvar_regret"), figure("gen_dfl", "stochastic-early", "cvar_regret"));
}

/// A decision by the worst fifth of the samples is another one than by their mean.
#[test]
fn the_tail_of_decisions_and_of_the_loss_are_told_apart() {
    let runs = [gaussian("by-mean", "samples = 20, test_samples = 20, loss_tail = 0.2"), gaussian("by-tail", "samples = 20, tail = 0.2")];
    let figure = measure(("cvar_portfolio", "10"), "degree = 2, noise_level = 20.0, tail = 0.2", &runs.join(", "));
    let regret = |solver: &str| figure("gen_dfl", solver, "cvar_regret");
    assert!(regret("stochastic-by-mean") > regret("stochastic-by-tail"), "the risk-neutral decision bears more risk");
}

#[test]
fn options_that_do_not_fit_are_refused_when_the_suite_is_read() {
    let dir = tempfile::tempdir().unwrap();
    for (options, named) in [
        ("loss_tail = 1.5", "option loss_tail"),
        ("beta = -1.0", "option beta"),
        ("target = 'mean'", "mean"),
        ("target = 'observed', proxy_epochs = 3", "option proxy_epochs"),
        ("anchor = 0.1", "anchor"),
    ] {
        let mut error: &dyn std::error::Error =
            &load(&dir, ("cvar_shortest_path", "4x4"), "degree = 2", &gaussian("a", options)).unwrap_err();
        let mut text = error.to_string();
        while let Some(cause) = error.source() {
            (error, text) = (cause, format!("{text}: {cause}"));
        }
        assert!(text.contains(named), "{options}: {text}");
    }
}
