//! SO-EBM through the runner: labels, shares, warm-ups that are shared, and decisions judged by the closed form.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use dfl_bench::registry::make_loss;
use dfl_bench::results::Store;
use dfl_bench::suite::{Definition, Options, Outcome, Profile, Progress, Published, Runner};

mod common;

/// No job may fail.
struct Silent;
impl Progress for Silent {
    fn suite(&self, _jobs: usize) {}
    fn begin(&self, _label: &str) {}
    fn end(&self, label: &str, outcome: &Outcome) {
        assert!(!matches!(outcome, Outcome::Failed(_)), "{label}: {outcome:?}");
    }
}

fn is_there() -> bool {
    common::dataset("pjm_load_data_2012-16.txt").is_some() && common::dataset("so_ebm_train_val_split.csv").is_some()
}

const HEAD: &str = "title = 'small'\nminutes = { quick = 0.1, full = 0.1 }\n";

/// Affine means and deviations in pure Rust, a fifth of the days, 32 candidates.
const SO_EBM: &str = "{ method = 'so_ebm', predictor = 'gaussian', solver = 'stochastic', columns = 'honest', model = { hidden = [] }, \
                      options = { candidates = 32 } }";
const TWO_STAGE: &str = "{ method = 'two_stage', predictor = 'gaussian', solver = 'stochastic', columns = 'honest', model = { hidden = [] }, \
                         options = { judge = 'closed_form' } }";

fn suite(runs: &str) -> String {
    format!(
        "{HEAD}[[experiment]]\ntask = 'power'\nsize = '24h'\nshares = [0.2]\nseeds = {{ quick = 1, full = 1 }}\ntraining = {{ epochs = {{ quick = 6, \
         full = 6 }}, batch = 128, learning_rates = [0.001], select = 'best_valid', warm_up = {{ epochs = {{ quick = 30, full = 30 }}, \
         learning_rate = 0.02, batch = 64, shared = true }} }}\nrun = [ {runs} ]\n"
    )
}

fn run(dir: &Path, runs: &str) -> Store {
    std::fs::write(dir.join("small.toml"), suite(runs)).unwrap();
    let definition = Definition::load(dir, "small").unwrap();
    let mut store = Store::open(&dir.join("out"), false).unwrap();
    let options = Options { profile: Profile::Quick, seeds: None, threads: 2, device: "cpu".into(), commit: None, peers: None };
    let never = AtomicBool::new(false);
    let mut runner =
        Runner { options, methods: make_loss, published: Published::default(), store: &mut store, interrupted: &never, progress: &Silent };
    assert_eq!(runner.run(&definition).unwrap(), 0);
    store
}

fn value(store: &Store, method: &str, metric: &str) -> f64 {
    let rows = store.measurements();
    rows.iter().find(|m| m.key.method == method && m.metric == metric).and_then(|m| m.value).unwrap()
}

/// Hold-out cost falls from the likelihood fit on, which a wrong sign or a wrong weight would turn: one and the same start for both runs, whether
/// or not another run went before.
#[test]
fn energies_lower_the_hold_out_cost_of_a_likelihood_fit() {
    if !is_there() {
        return;
    }
    let (alone, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = run(alone.path(), SO_EBM);
    let curve = store.curves().remove(0);
    assert_eq!((curve.key.size.as_str(), curve.what.as_str(), curve.points.len()), ("24h-share0_2", "valid_task_loss", 6));
    let both = run(after.path(), &format!("{TWO_STAGE}, {SO_EBM}"));
    let fit = both.curves().into_iter().find(|c| c.key.method == "two_stage").unwrap();
    let best = |points: &[[f64; 2]]| points.iter().map(|p| p[1]).fold(f64::INFINITY, f64::min);
    println!("likelihood {:?}\nenergies   {:?}", fit.points, curve.points);
    assert!(best(&curve.points) < 0.97 * fit.points[0][1], "{:?} after {:?}", curve.points, fit.points);
    let [first, second] = [&store, &both].map(|store| value(store, "so_ebm", "task_loss").to_bits());
    assert_eq!(first, second, "a warm-up that is shared is the same one");
    let labels: Vec<_> = std::fs::read_dir(alone.path().join("out/labels")).unwrap().collect();
    assert_eq!(labels.len(), 1);
}

/// Candidates carry weights of the model, chains do not, and no figure fails for want of them.
#[test]
fn chains_have_no_effective_size() {
    if !is_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let chains = SO_EBM.replace("so_ebm", "so_ebm_langevin").replace("candidates = 32", "candidates = 32, langevin_steps = 2");
    let store = run(dir.path(), &format!("{SO_EBM}, {chains}"));
    let sizes: Vec<_> = store.measurements().iter().filter(|m| m.metric == "effective_samples").collect();
    assert!(sizes.len() == 1 && sizes[0].key.method == "so_ebm" && sizes[0].value.is_some_and(|size| (1.0..=32.0).contains(&size)));
    assert!(value(&store, "so_ebm_langevin", "task_loss").is_finite());
}

#[test]
fn a_closed_form_that_there_is_not_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("small.toml"), suite(&TWO_STAGE.replace("closed_form", "entrails"))).unwrap();
    let error = Definition::load(dir.path(), "small").unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("entrails"), "{cause}");
    for (from, to, named) in [
        ("candidates = 32", "candidates = 0", "option candidates"),
        ("candidates = 32", "kl = -1.0", "option kl"),
        ("candidates = 32", "langevin_steps = 3", "langevin_steps"),
        ("candidates = 32", "proposal_scale = 0.0", "option proposal_scale"),
    ] {
        std::fs::write(dir.path().join("small.toml"), suite(&SO_EBM.replace(from, to))).unwrap();
        let error = Definition::load(dir.path(), "small").unwrap_err();
        let text = format!("{error}: {}", std::error::Error::source(&error).map_or_else(String::new, ToString::to_string));
        assert!(text.contains(named), "{to}: {text}");
    }
    std::fs::write(dir.path().join("small.toml"), suite(SO_EBM).replace("shares = [0.2]", "shares = [1.2]")).unwrap();
    assert!(Definition::load(dir.path(), "small").unwrap_err().to_string().contains("share of the training rows: 1.2"));
}
