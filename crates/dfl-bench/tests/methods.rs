//! Every method of the registry, with each kind of solver that it takes, learns on a small grid.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use dfl_bench::registry::{METHODS, Solves, make_loss};
use dfl_bench::results::Store;
use dfl_bench::suite::{Definition, Options, Outcome, Profile, Progress, Published, Runner};

/// From weights of zero CaVE, pairwise ranking and AIMLE do not move, so all begin with one epoch on the squared error.
const HEAD: &str = "title = 't'\nminutes = { quick = 1, full = 1 }\n[[experiment]]\ntask = 'shortest_path'\nsize = '4x4'
data = { features = 5, degree = 4, noise = 0.5, train = 60, valid = 20, test = 100 }\nseeds = { quick = 1, full = 1 }
training = { epochs = { quick = 12, full = 12 }, batch = 16, learning_rates = [0.05], warm_up = { epochs = { quick = 1, full = 1 }, learning_rate = 0.01 } }\n";

struct Flawless;
impl Progress for Flawless {
    fn suite(&self, _jobs: usize) {}
    fn begin(&self, _label: &str) {}
    fn end(&self, label: &str, outcome: &Outcome) {
        assert!(matches!(outcome, Outcome::Measured), "{label}: {outcome:?}");
    }
}

/// Normalised regret by method and solver.
fn regrets(runs: &[(&str, &str)]) -> BTreeMap<(String, String), f64> {
    let dir = tempfile::tempdir().unwrap();
    let run = |&(method, solver): &(&str, &str)| match solver {
        "baseline" => format!("{{ method = '{method}' }}"),
        _ => format!("{{ method = '{method}', predictor = 'linear', solver = '{solver}' }}"),
    };
    let text = format!("{HEAD}run = [{}]\n", runs.iter().map(run).collect::<Vec<_>>().join(", "));
    std::fs::write(dir.path().join("all.toml"), text).unwrap();
    let mut store = Store::open(&dir.path().join("out"), false).unwrap();
    let options = Options { profile: Profile::Quick, seeds: None, threads: 2, device: "cpu".into(), commit: None, peers: None };
    let (interrupted, published) = (AtomicBool::new(false), Published::default());
    let mut runner = Runner { options, methods: make_loss, published, store: &mut store, interrupted: &interrupted, progress: &Flawless };
    assert_eq!(runner.run(&Definition::load(dir.path(), "all").unwrap()).unwrap(), 0);
    let rows = store.measurements();
    let leading = rows.iter().filter(|m| m.metric == "normalized_regret");
    leading.map(|m| ((m.key.method.clone(), m.key.solver.clone()), m.value.unwrap())).collect()
}

/// Each ends well below the best constant decision, but for those that a dozen epochs and the defaults do not take there: pairwise differences and
/// pointwise ranking fit costs that the pool hardly tells apart, and must only be below no knowledge at all.
#[test]
fn every_method_learns() {
    let solver = |solves| match solves {
        Solves::Never => "none",
        Solves::ForPool | Solves::Always => "exact",
    };
    // The regret and its kin need a decision that moves; `dfl_point` needs a task whose cost has a gradient, a policy one
    // that makes decisions of its output.
    let smooth = ["regret", "sqde"];
    let plain = METHODS
        .iter()
        .filter(|m| !["dfl_point", "policy_network"].contains(&m.id) && !smooth.contains(&m.id))
        .map(|m| (m.id, solver(m.solves)));
    let fixed_pool = METHODS.iter().filter(|m| m.solves == Solves::ForPool).map(|m| (m.id, "none"));
    let layers =
        ["quadratic", "barrier", "dys", "dys_jfb", "dys_unrolled"].into_iter().chain(cfg!(feature = "torch").then_some("dys_torch"));
    let smoothed = layers.flat_map(|layer| ["regret", "sqde", "spo_plus", "sce"].map(|method| (method, layer)));
    let runs: Vec<_> = [("constant", "baseline")].into_iter().chain(plain).chain(fixed_pool).chain(smoothed).collect();
    let regrets = regrets(&runs);
    let constant = regrets[&("constant".to_owned(), "none".to_owned())];
    println!("constant {constant:.4}");
    regrets.iter().for_each(|((method, solver), regret)| println!("{method:<20} {solver:<14} {regret:.4}"));
    for ((method, solver), regret) in &regrets {
        assert!(method == "constant" || *regret < 0.75 * constant, "{method} ({solver}): {regret} against {constant}");
    }
    // Splitting converges to the optimum that the active set finds.
    for method in ["regret", "sqde", "spo_plus", "sce"] {
        let of = |solver: &str| regrets[&(method.to_owned(), solver.to_owned())];
        assert!((of("dys") - of("quadratic")).abs() < 1e-6, "{method}: {} {}", of("dys"), of("quadratic"));
        #[cfg(feature = "torch")]
        assert!((of("dys_torch") - of("quadratic")).abs() < 1e-6, "{method}: {} {}", of("dys_torch"), of("quadratic"));
    }
}
