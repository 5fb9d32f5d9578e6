//! `docs/adding-a-task.md`.

// The guide shows this.
use dfl_bench::tasks::{LinearProblem, LinearTask};
use dfl_core::{Batch, Csc, Decider, Formulation, ParamMap, Program, Result, Rng};
use dfl_solvers::{Backend, Deciding};

/// Workers to jobs, one each, at a predicted cost of every pair. Minimises.
///
/// $$\min_x\ c^\top x \quad\text{s.t. each worker has one job and each job one worker}, \ x \ge 0$$
///
/// The vertices are the assignments, so that the linear program is the problem itself.
pub(crate) struct Assignment {
    pub(crate) workers: usize,
}

impl LinearProblem for Assignment {
    fn name(&self) -> &'static str {
        "assignment"
    }

    /// Costs $e^{b^\top \phi / 2 + e / 4}$ with a map $b$ that all draws share and standard normal features and noise.
    fn draw(&self, samples: usize, seed: u32) -> Result<(Batch, Batch)> {
        let (pairs, mut shared, mut rng) = (self.workers.pow(2), Rng::seeded(0), Rng::seeded(u64::from(seed) + 1));
        let map: Vec<f64> = (0..3 * pairs).map(|_| shared.normal()).collect();
        let features = Batch::from_vec(samples, 3, (0..3 * samples).map(|_| rng.normal()).collect())?;
        let score = |phi: &[f64], k: usize| phi.iter().zip(&map[3 * k..]).map(|(phi, b)| phi * b).sum::<f64>();
        let costs =
            features.iter().flat_map(|phi| (0..pairs).map(|k| (0.5 * score(phi, k) + 0.25 * rng.normal()).exp()).collect::<Vec<_>>());
        let costs = Batch::from_vec(samples, pairs, costs.collect())?;
        Ok((features, costs))
    }

    fn oracle(&self) -> Result<Box<dyn Decider>> {
        let Formulation { program, params, .. } = self.formulation();
        Backend::Auto.decider(program, params, &Deciding::default())
    }

    fn formulation(&self) -> Formulation {
        let (n, pairs) = (self.workers, self.workers.pow(2));
        let entries: Vec<_> = (0..pairs).flat_map(|k| [(k / n, k, 1.0), (n + k % n, k, 1.0)]).collect();
        let once = Csc::from_triplets(2 * n, pairs, &entries).expect("a pair has a row of its worker and one of its job");
        let program = Program::linear(vec![0.0; pairs])
            .with_rows(once, vec![1.0; 2 * n], vec![1.0; 2 * n])
            .with_bounds(vec![0.0; pairs], vec![f64::INFINITY; pairs]);
        Formulation { program, params: ParamMap::costs(pairs), visible: pairs }
    }
}

/// Splits, labels, regrets and baselines come with it.
pub(crate) fn assignment(workers: usize) -> LinearTask<Assignment> {
    LinearTask::of(Assignment { workers })
}
// The guide ends here.

use super::{baseline, figure};
use dfl_bench::registry::{MethodOptions, Setup, make_loss};
use dfl_core::testkit::check_task;
use dfl_core::{Linear, Predictor, Request, Splits, Task, TrainOptions, label, train};
use std::sync::Arc;

fn labelled(task: &dyn Task) -> Splits {
    let mut data = task.source().load(&Request { train: 100, valid: 0, test: 300, seed: 7 }).unwrap();
    label(task, &mut data).unwrap();
    data
}

#[test]
fn keeps_the_contract() {
    check_task(&assignment(3), &Request { train: 20, valid: 5, test: 20, seed: 7 }, 1e-9);
}

/// The optimal cost of every row is the cheapest of all six assignments.
#[test]
fn the_oracle_is_enumeration() {
    let task = assignment(3);
    let test = labelled(&task).test;
    const ALL: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (c, cost) in test.truth.iter().zip(&test.labels.unwrap().cost) {
        let of = |jobs: &[usize; 3]| (0..3).map(|worker| c[3 * worker + jobs[worker]]).sum::<f64>();
        let best = ALL.iter().map(of).fold(f64::INFINITY, f64::min);
        assert!((cost - best).abs() < 1e-9, "{cost} {best}");
    }
}

/// A method of the registry trains on it as on any other, and is better than the baseline without features.
#[test]
fn a_method_of_the_registry_trains_on_it() {
    let task = assignment(3);
    let data = labelled(&task);
    let (options, counters) = (MethodOptions::default(), Arc::default());
    let setup =
        Setup { task: &task, solver: "exact", options: &options, device: "cpu", counters: &counters, train: &data.train, warm: false };
    let loss = make_loss("spo_plus", &setup).unwrap();
    let mut model = Linear::new(3, 9);
    train(&mut model, &loss, &data.train, &TrainOptions { epochs: 30, learning_rate: 0.05, ..Default::default() }, &mut ()).unwrap();
    let learned = figure(&task, &data, &model.predict(&data.test.features).unwrap());
    let [oracle, constant] = ["oracle", "constant"].map(|method| baseline(&task, &data, method));
    assert!(oracle.abs() < 1e-9 && learned < 0.6 * constant, "{learned}, without features {constant}");
}
