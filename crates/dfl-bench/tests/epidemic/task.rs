use std::path::Path;
use std::sync::atomic::AtomicBool;

use dfl_bench::data::epidemic::{EpidemicData, Process, WINDOWS};
use dfl_bench::data::pjm::Columns;
use dfl_bench::registry::make_loss;
use dfl_bench::results::{Measurement, Store};
use dfl_bench::suite::{DataOptions, Definition, Options, Outcome, Profile, Progress, Published, Runner};
use dfl_bench::tasks::{Benchmark, CovidTask, TaskOptions, Uncertain, make_task};
use dfl_core::{Batch, Error, Request, Rng, Source, Task};
use dfl_solvers::{Batched, Scenarios, StochasticOptions, StochasticProgram};

fn task(data: EpidemicData) -> CovidTask {
    CovidTask::new(data, 10.0).unwrap()
}

fn request(rows: usize) -> Request {
    Request { train: rows, valid: 11, test: rows, seed: 7 }
}

fn data() -> EpidemicData {
    EpidemicData { seed: 7, ..EpidemicData::default() }
}

/// No epidemic is in two parts, not even where a part ends within one.
#[test]
fn parts_share_no_epidemic() {
    let splits = task(data()).load(&request(50)).unwrap();
    let epidemics = |ids: &[u64]| ids.iter().map(|id| id / WINDOWS as u64).collect::<std::collections::BTreeSet<_>>();
    let parts = [&splits.train, &splits.valid, &splits.test].map(|part| (part.len(), epidemics(&part.ids)));
    assert_eq!(parts.each_ref().map(|p| (p.0, p.1.len())), [(50, 7), (11, 2), (50, 7)]);
    assert!(parts[0].1.is_disjoint(&parts[1].1) && parts[0].1.is_disjoint(&parts[2].1) && parts[1].1.is_disjoint(&parts[2].1));
    let (x, y) = EpidemicData { samples: 200, ..data() }.generate().unwrap();
    for (i, &id) in splits.test.ids.iter().enumerate() {
        assert_eq!((splits.test.features.row(i), splits.test.truth.row(i)), (x.row(id as usize), y.row(id as usize)));
    }
}

/// Of both processes: the patients cost nothing, and what knows more costs less, by a tenth or more.
#[test]
fn baselines_are_in_order() {
    for process in [Process::Ode, Process::Binomial] {
        let task = task(EpidemicData { process, ..data() });
        let splits = task.load(&request(2000)).unwrap();
        let cost = |method| {
            let decisions = task.baseline(method, &splits).unwrap();
            assert!(decisions.as_slice().iter().all(|beds| *beds >= 0.0 && beds.is_finite()));
            let figures = task.figures(&splits.test, &decisions).unwrap();
            (figures[0].metric, figures[0].value)
        };
        let found = task.baselines().iter().map(|method| cost(method)).collect::<Vec<_>>();
        println!("{process:?}: {:?} {found:?}", task.baselines());
        let [oracle, persistence, historical, nowcast, factor] = found[..] else { panic!("{found:?}") };
        assert_eq!(oracle, ("task_loss", 0.0));
        assert!(historical.1 < 0.9 * persistence.1 && nowcast.1 < 0.1 * historical.1 && factor.1 < 0.9 * nowcast.1);
        assert!(nowcast.1 > 300.0, "nothing is left to learn");
        assert!(task.baseline("saa", &splits).is_err());
    }
}

/// The oracle's beds are the patients; beds are from none to the population.
#[test]
fn the_oracle_knows_the_patients() {
    let task = task(data());
    let part = task.load(&request(20)).unwrap().train;
    let (beds, cost) = dfl_core::decide(&*task.oracle().unwrap(), &part.truth, &part.ids).unwrap();
    for i in 0..part.len() {
        assert_eq!((beds.row(i), cost[i]), (&part.truth.row(i)[..7], 0.0));
    }
    let feasible = task.uncertain().unwrap().feasible;
    assert_eq!((feasible.n(), feasible.lo[0], feasible.up[0]), (7, 0.0, 2e6));
}

/// By the formula and by the stochastic program; a tail has no formula.
#[test]
fn decisions_for_samples_are_those_of_the_program() {
    let (task, mut rng) = (task(data()), Rng::seeded(1));
    let paths: Vec<f64> = (0..50).flat_map(|_| (0..14).map(|_| 900.0 * (0.1 * rng.normal()).exp()).collect::<Vec<_>>()).collect();
    let paths = Batch::from_vec(1, 700, paths).unwrap();
    let (found, cost) = dfl_core::decide(&*task.decider_of_samples(50, 1.0).unwrap().unwrap(), &paths, &[0]).unwrap();
    let Uncertain { cost: of_one, feasible } = task.uncertain().unwrap();
    let scenarios = Scenarios { count: 50, outcome: 14 };
    let program = Batched::new(StochasticProgram::new(of_one, feasible, scenarios, StochasticOptions::default()).unwrap());
    let (expected, objective) = dfl_core::decide(&program, &paths, &[0]).unwrap();
    for (found, expected) in found.as_slice().iter().zip(expected.as_slice()) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
    assert!((cost[0] - objective[0]).abs() < 1e-8 * cost[0], "{cost:?} {objective:?}");
    assert!(task.decider_of_samples(50, 0.5).is_none());
}

/// A policy's output is a number of beds, from none to a 50th of the population.
#[test]
fn a_policy_stays_within_its_beds() {
    let policy = task(data()).policy().unwrap().unwrap();
    let outputs = Batch::from_rows(&[[-800.0; 7], [0.0; 7], [800.0; 7]]).unwrap();
    let (beds, _) = dfl_core::decide(&*policy, &outputs, &[0, 1, 2]).unwrap();
    assert_eq!((beds.row(0), beds.row(1), beds.row(2)), (&[0.0; 7][..], &[20_000.0; 7][..], &[40_000.0; 7][..]));
}

#[test]
fn sizes_and_settings_are_read_and_refused() {
    let make = |size: &str, data: &DataOptions| {
        make_task("covid", &TaskOptions { size, data, columns: Columns::Honest, seed: 7 })
            .map(|task| task.source().load(&request(3)).unwrap())
    };
    let usual = DataOptions::default();
    for (size, days) in [("d7", 7), ("d3", 3), ("d7-volatile", 7)] {
        let splits = make(size, &usual).unwrap();
        assert_eq!((splits.train.features.cols(), splits.train.truth.cols()), (210, 2 * days));
    }
    let volatile = make("d7", &DataOptions { volatility: 0.6, ..usual.clone() }).unwrap();
    assert_ne!(volatile.train.truth, make("d7", &usual).unwrap().train.truth);
    assert!(matches!(make("7", &usual), Err(Error::Unknown { .. })));
    let refused = [
        ("d0", usual.clone()),
        ("d7", DataOptions { population: -2e6, ..usual.clone() }),
        ("d7", DataOptions { volatility: f64::NAN, ..usual.clone() }),
        ("d7", DataOptions { shortage: 0.5, ..usual.clone() }),
    ];
    for (size, data) in refused {
        assert!(matches!(make(size, &data), Err(Error::Domain { .. })), "{size} {data:?}");
    }
    assert!(matches!(task(data()).load(&Request { seed: 8, ..request(3) }), Err(Error::Domain { what: "seed", .. })));
}

struct Silent;
impl Progress for Silent {
    fn suite(&self, _jobs: usize) {}
    fn begin(&self, _label: &str) {}
    fn end(&self, _label: &str, _outcome: &Outcome) {}
}

const SUITE: &str = r#"
title = "small"
minutes = { quick = 0.1, full = 0.1 }
[[experiment]]
task = "covid"
size = "d7"
data = { train = 160, valid = 40, test = 160 }
seeds = { quick = 1, full = 1 }
training = { epochs = { quick = 20, full = 1 }, batch = 32, learning_rates = [0.01], select = "best_valid" WHITEN }
run = [
    { method = "historical" },
    { method = "two_stage", predictor = "gaussian", solver = "stochastic", model = { hidden = [] }, options = { test_samples = 50 } },
    { method = "dfl_rp", predictor = "gaussian", solver = "stochastic", model = { hidden = [] }, options = { samples = 10, test_samples = 50 }, training = { epochs = { quick = 5, full = 1 }, batch = 32, learning_rates = [0.002], select = "best_valid", warm_up = { epochs = { quick = 20, full = 1 }, learning_rate = 0.01 } } },
]
"#;

fn definition(dir: &Path, whiten: &str) -> dfl_core::Result<Definition> {
    std::fs::write(dir.join("small.toml"), SUITE.replace("WHITEN", whiten)).unwrap();
    Definition::load(dir, "small")
}

fn run(threads: usize) -> Vec<Measurement> {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("out"), false).unwrap();
    let interrupted = AtomicBool::new(false);
    let options = Options { profile: Profile::Quick, seeds: None, threads, device: "cpu".into(), commit: None, peers: None };
    let published = Published::default();
    let mut runner = Runner { options, methods: make_loss, published, store: &mut store, interrupted: &interrupted, progress: &Silent };
    assert_eq!(runner.run(&definition(dir.path(), "").unwrap()).unwrap(), 0);
    store.measurements()
}

/// An affine Gaussian of the latent transmission, through the simulator in the runner: likelihood and decisions learn, the same bit for bit
/// with any number of threads.
#[test]
fn distributions_learn_through_the_simulator() {
    let (one, two) = (run(1), run(2));
    let loss = |rows: &[Measurement], method: &str| {
        rows.iter().find(|m| m.key.method == method && m.metric == "task_loss").unwrap().value.unwrap()
    };
    for method in ["two_stage", "dfl_rp"] {
        println!("{method}: {:.0}, factors of today's patients {:.0}", loss(&one, method), loss(&one, "historical"));
        assert_eq!(loss(&one, method).to_bits(), loss(&two, method).to_bits());
        assert!(loss(&one, method) < 0.5 * loss(&one, "historical"));
    }
}

#[test]
fn features_that_a_simulator_reads_are_not_whitened() {
    let dir = tempfile::tempdir().unwrap();
    let error = definition(dir.path(), ", whiten = true").unwrap_err().to_string();
    assert!(error.contains("covid") && error.contains("whitened features"), "{error}");
}
