//! SO-EBM through the runner: labels, shares, warm-ups that are shared, and decisions judged by the closed form.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use dfl_bench::power::{GaussianPower, PowerCost};
use dfl_bench::registry::make_loss;
use dfl_bench::results::Store;
use dfl_bench::suite::{Definition, Options, Outcome, Profile, Progress, Published, Runner};
use dfl_core::Energy;

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
         full = 6 }}, batch = 128, learning_rates = [0.02], select = 'best_valid', warm_up = {{ epochs = {{ quick = 2, full = 2 }}, \
         learning_rate = 0.01, batch = 64, shared = true }} }}\nrun = [ {runs} ]\n"
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

/// The loss of SO-EBM for one hour with demand `N(0, 0.08^2)`, by quadrature: the likelihood term of hindsight's decisions, `a* = y`.
fn likelihood_of_hindsight(mean: f64, deviation: f64) -> f64 {
    let (energy, phi) = (GaussianPower::new(PowerCost::PUBLISHED, 1), [mean, deviation]);
    let of = |points: &[f64]| {
        let mut out = vec![0.0; points.len()];
        energy.values(&phi, points, &mut out).unwrap();
        out
    };
    let (step, grid): (f64, Vec<f64>) = (1e-3, (0..14_000).map(|k| -6.0 + 1e-3 * f64::from(k)).collect());
    let log_z = of(&grid).iter().map(|e| step * (-e).exp()).sum::<f64>().ln();
    let demand: Vec<f64> = (-400..=400).map(|k| 0.08 * 0.01 * f64::from(k)).collect();
    let weight: Vec<f64> = demand.iter().map(|y| (-0.5 * (y / 0.08).powi(2)).exp()).collect();
    let at_labels: f64 = of(&demand).iter().zip(&weight).map(|(e, w)| e * w).sum();
    at_labels / weight.iter().sum::<f64>() + log_z
}

/// The true forecast is not what the objective asks for: decisions are judged by `E`, which is steep below the demand and flat above it, so that
/// $e^{-E}$ resembles hindsight's decisions best if its steep side lies below nearly all of them. There a day costs 70 times as much.
#[test]
fn the_likelihood_of_hindsight_prefers_decisions_below_the_demand() {
    let (truth, low) = (likelihood_of_hindsight(0.0, 0.08), likelihood_of_hindsight(-0.176, 0.001));
    println!("loss {truth} of the true forecast, {low} of one that decides for the lowest demands");
    assert!(low + 2.0 < truth);
}

/// So training raises the hold-out cost where nothing stops it in time, towards that of decisions below the demand, where more of the likelihood
/// fit lowers it; a wrong sign would not. The start is the same for both runs, whether or not another run went before.
#[test]
fn energies_leave_the_likelihood_fit_for_decisions_below_the_demand() {
    if !is_there() {
        return;
    }
    let (alone, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = run(alone.path(), SO_EBM);
    let curve = store.curves().remove(0);
    assert_eq!((curve.key.size.as_str(), curve.what.as_str(), curve.points.len()), ("24h-share0_2", "valid_task_loss", 6));
    let both = run(after.path(), &format!("{TWO_STAGE}, {SO_EBM}"));
    let fit = both.curves().into_iter().find(|c| c.key.method == "two_stage").unwrap();
    println!("likelihood {:?}\nenergies   {:?}", fit.points, curve.points);
    let last = |points: &[[f64; 2]]| points.last().map_or(f64::NAN, |p| p[1]);
    assert!(last(&curve.points) > 5.0 * last(&fit.points) && last(&fit.points) < fit.points[0][1]);
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
    let rows = store.measurements();
    let sizes: Vec<_> = rows.iter().filter(|m| m.metric == "effective_samples").collect();
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
