//! The contract that every task must pass, one line each; then that program, relaxation and oracle of a task are the same problem.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use dfl_bench::data::allocation::Returns;
use dfl_bench::data::inventory::InventoryData;
use dfl_bench::data::knapsack::KnapsackData;
use dfl_bench::data::portfolio::PortfolioData;
use dfl_bench::data::shortest_path::ShortestPathData;
use dfl_bench::data::top_k::TopKData;
use dfl_bench::data::tsp::TspData;
use dfl_bench::suite::DataOptions;
use dfl_bench::tasks::{
    AllocationTask, Benchmark, DiscoptTask, InventoryTask, KnapsackTask, PyepoPortfolioTask, ShortestPathTask, TaskOptions, TopKTask,
    TspTask, discopt, make_task,
};
use dfl_core::testkit::check_task;
use dfl_core::{Error, Formulation, Instances, Request, Task, label};
use dfl_solvers::{Backend, Deciding};

mod common;

fn request() -> Request {
    Request { train: 30, valid: 10, test: 20, seed: 7 }
}

fn shortest_path() -> ShortestPathTask {
    ShortestPathTask::new(ShortestPathData::default()).unwrap()
}

fn knapsack() -> KnapsackTask {
    KnapsackTask::new(KnapsackData { seed: 7, ..KnapsackData::default() }, 0.5).unwrap()
}

fn tsp(nodes: usize) -> TspTask {
    TspTask::new(TspData { nodes, ..TspData::default() }).unwrap()
}

fn top_k(k: usize) -> TopKTask {
    TopKTask::new(TopKData::default(), k).unwrap()
}

fn portfolio() -> PyepoPortfolioTask {
    PyepoPortfolioTask::new(PortfolioData { seed: 7, ..PortfolioData::default() }).unwrap()
}

#[test]
fn shortest_path_keeps_the_contract() {
    check_task(&shortest_path(), &request(), 1e-9);
}

#[test]
fn knapsack_keeps_the_contract() {
    check_task(&knapsack(), &request(), 1e-9);
}

#[test]
fn tsp_keeps_the_contract() {
    check_task(&tsp(6), &request(), 1e-9);
}

#[test]
fn top_k_keeps_the_contract() {
    check_task(&top_k(3), &request(), 1e-9);
}

#[test]
fn pyepo_portfolio_keeps_the_contract() {
    check_task(&portfolio(), &request(), 1e-9);
}

#[test]
fn allocation_keeps_the_contract() {
    check_task(&AllocationTask::new(3, Returns::CODE).unwrap(), &request(), 0.0);
}

#[test]
fn inventory_keeps_the_contract() {
    check_task(&InventoryTask::new(InventoryData { products: 2, seed: 7, ..InventoryData::default() }).unwrap(), &request(), 1e-12);
}

#[test]
fn problems_of_the_notebook_keep_the_contract() {
    for problem in [discopt::Problem::Allocation, discopt::Problem::Portfolio] {
        check_task(&DiscoptTask::notebook(problem), &request(), 1e-9);
        check_task(&DiscoptTask::redrawn(problem), &request(), 1e-9);
    }
}

#[test]
fn power_keeps_the_contract() {
    use dfl_bench::{data::pjm::Columns, tasks::PowerScheduling};
    if common::dataset("pjm_load_data_2012-16.txt").is_none() {
        return;
    }
    check_task(&PowerScheduling::new(Columns::Honest), &request(), 1e-6);
}

fn labelled(task: &dyn Task) -> Instances {
    let mut data = task.source().load(&request()).unwrap();
    label(task, &mut data).unwrap();
    data.test
}

/// Optimal values of a program at the true costs.
fn optima(formulation: Option<Formulation>, backend: Backend, rows: &Instances) -> Vec<f64> {
    let Formulation { program, params, visible } = formulation.unwrap();
    let decider = backend.decider(program, params, &Deciding { visible: Some(visible), ..Deciding::default() }).unwrap();
    dfl_core::decide(&*decider, &rows.truth, &rows.ids).unwrap().1
}

fn assert_close(a: &[f64], b: &[f64]) {
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6 * (1.0 + a.abs())), "{a:?}\n{b:?}");
}

/// The program's optimum at the true costs is the exact oracle's: the formulation is the task.
#[test]
fn formulations_have_the_oracles_value() {
    let tasks: [(&dyn Task, Backend); 4] = [
        (&shortest_path(), Backend::ActiveSet),
        (&top_k(1), Backend::ActiveSet),
        (&top_k(5), Backend::ActiveSet),
        (&portfolio(), Backend::Clarabel),
    ];
    for (task, backend) in tasks {
        let rows = labelled(task);
        assert_close(&optima(task.formulation(), backend, &rows), &rows.labels.as_ref().unwrap().cost);
        assert_close(&optima(task.relaxation(), backend, &rows), &rows.labels.unwrap().cost);
    }
}

/// Those with integers, by the MILP solver.
#[cfg(feature = "highs")]
#[test]
fn integer_formulations_have_the_oracles_value() {
    let tasks: [&dyn Task; 3] = [&knapsack(), &tsp(5), &tsp(7)];
    for task in tasks {
        let rows = labelled(task);
        assert_close(&optima(task.formulation(), Backend::Highs, &rows), &rows.labels.unwrap().cost);
    }
}

/// The best of all 1024 subsets within the capacities; the relaxation is no worse and uses what is left.
#[test]
fn knapsack_by_enumeration() {
    let (task, data) = (knapsack(), KnapsackData { seed: 7, ..KnapsackData::default() });
    let (rows, weights) = (labelled(&task), data.weights().unwrap());
    let cost = rows.labels.clone().unwrap().cost;
    let sum = |row: &[f64], set: u32| row.iter().enumerate().filter(|(j, _)| set >> j & 1 == 1).map(|(_, v)| v).sum::<f64>();
    let fits = |set: u32| weights.iter().all(|w| sum(w, set) <= 0.5 * w.iter().sum::<f64>() + 1e-9);
    let best: Vec<f64> =
        rows.truth.iter().map(|y| (0..1024).filter(|s| fits(*s)).map(|s| sum(y, s)).fold(f64::INFINITY, f64::min)).collect();
    assert_close(&best, &cost);
    let relaxed = optima(task.relaxation(), Backend::ActiveSet, &rows);
    assert!(relaxed.iter().zip(&cost).all(|(r, c)| r <= &(c + 1e-9)) && relaxed.iter().zip(&cost).any(|(r, c)| *r < c - 0.1));
}

/// The twelve tours through five nodes; the relaxations are no longer than the best, the tight one no shorter than the published one.
#[test]
fn tsp_by_enumeration() {
    let task = tsp(5);
    let rows = labelled(&task);
    let cost = rows.labels.clone().unwrap().cost;
    let edge = |a: usize, b: usize| [[9, 0, 1, 2, 3], [0, 9, 4, 5, 6], [1, 4, 9, 7, 8], [2, 5, 7, 9, 9], [3, 6, 8, 9, 9]][a][b];
    let mut orders = Vec::new();
    for code in 0..256_usize {
        let order = [0, 1 + code % 4, 1 + code / 4 % 4, 1 + code / 16 % 4, 1 + code / 64];
        if (1..5).all(|k| order.contains(&k)) {
            orders.push(order);
        }
    }
    assert_eq!(orders.len(), 24);
    let length = |y: &[f64], o: &[usize; 5]| (0..5).map(|k| y[edge(o[k], o[(k + 1) % 5])]).sum::<f64>();
    let best: Vec<f64> = rows.truth.iter().map(|y| orders.iter().map(|o| length(y, o)).fold(f64::INFINITY, f64::min)).collect();
    assert_close(&best, &cost);
    let (published, tight) =
        (optima(task.relaxation(), Backend::ActiveSet, &rows), optima(task.tight_relaxation(), Backend::ActiveSet, &rows));
    for ((p, t), c) in published.iter().zip(&tight).zip(&cost) {
        assert!(*p <= t + 1e-7 && *t <= c + 1e-7, "{p} {t} {c}");
    }
    assert!(published.iter().zip(&tight).any(|(p, t)| *p < t - 0.1), "the published relaxation is loose");
    assert!(tsp(13).tight_relaxation().is_some(), "there is one beyond those with all subtour rows");
}

/// What each constraint of the portfolio says of its decisions, and that the budget of risk binds.
#[test]
fn the_portfolio_keeps_its_budget() {
    let rows = labelled(&portfolio());
    let covariance = PortfolioData { seed: 7, ..PortfolioData::default() }.covariance().unwrap();
    let budget = 2.25 * covariance.as_slice().iter().sum::<f64>() / 2500.0;
    for x in rows.labels.unwrap().solution.iter() {
        let risk: f64 = covariance.iter().zip(x).map(|(row, xi)| xi * row.iter().zip(x).map(|(s, xj)| s * xj).sum::<f64>()).sum();
        assert!((risk / budget - 1.0).abs() < 1e-8, "{risk} of {budget}");
        assert!((x.iter().sum::<f64>() - 1.0).abs() < 1e-9 && x.iter().all(|x| *x > -1e-12));
    }
}

fn options<'a>(size: &'a str, data: &'a DataOptions) -> TaskOptions<'a> {
    TaskOptions { size, data, columns: dfl_bench::data::pjm::Columns::Published, seed: 3 }
}

/// A size says how many, and behind a dash what else is particular; all else comes from the options.
#[test]
fn tasks_are_made_by_id_and_size() {
    let data = DataOptions { dim: 3, capacity: 0.3, k: 2, features: 4, ..DataOptions::default() };
    for (id, size, features, costs) in [
        ("knapsack", "20", 4, 20),
        ("knapsack", "20-n100", 4, 20),
        ("tsp", "6", 4, 15),
        ("top_k", "50", 50, 50),
        ("pyepo_portfolio", "50", 4, 50),
        ("shortest_path", "5x5-n100", 4, 40),
        ("allocation", "d10", 20, 10),
        ("allocation", "d1-paper", 20, 1),
        ("inventory", "d2", 4, 2),
        ("security", "n20", 80, 20),
        ("security", "n20-nodes", 80, 20),
    ] {
        let task = make_task(id, &options(size, &data)).unwrap();
        let rows = task.source().load(&Request { train: 2, valid: 0, test: 1, seed: 3 }).unwrap().train;
        assert_eq!((task.name(), rows.len(), rows.features.cols(), rows.truth.cols()), (id, 2, features, costs));
        assert_eq!(task.shared_items(), (id == "top_k").then_some(50));
    }
    let knapsack = make_task("knapsack", &options("20", &data)).unwrap().formulation().unwrap().program;
    let weights = KnapsackData { items: 20, dim: 3, seed: 3, ..KnapsackData::default() }.weights().unwrap();
    let capacity: Vec<f64> = weights.iter().map(|w| 0.3 * w.iter().sum::<f64>()).collect();
    assert_eq!(knapsack.row_up, capacity);
}

#[test]
fn bad_sizes_and_settings_are_named() {
    let data = DataOptions::default();
    for (id, size) in [
        ("knapsack", "ten"),
        ("knapsack", "-3"),
        ("knapsack", "10-"),
        ("tsp", "5x5"),
        ("top_k", ""),
        ("pyepo_portfolio", "x"),
        ("allocation", "10"),
        ("allocation", "d-paper"),
        ("inventory", ""),
        ("security", "20"),
    ] {
        assert!(matches!(make_task(id, &options(size, &data)), Err(Error::Unknown { given, .. }) if given == size), "{id} {size}");
    }
    let settings = [
        ("knapsack", "0", data.clone()),
        ("knapsack", "10", DataOptions { dim: 0, ..data.clone() }),
        ("knapsack", "10", DataOptions { capacity: -0.5, ..data.clone() }),
        ("knapsack", "10", DataOptions { capacity: 1.5, ..data.clone() }),
        ("knapsack", "10", DataOptions { capacity: f64::NAN, ..data.clone() }),
        ("tsp", "1", data.clone()),
        ("tsp", "2", data.clone()),
        ("top_k", "5", DataOptions { k: 6, ..data.clone() }),
        ("top_k", "5", DataOptions { k: 0, ..data.clone() }),
        ("top_k", "0", data.clone()),
        ("pyepo_portfolio", "0", data.clone()),
        ("pyepo_portfolio", "10", DataOptions { noise_level: -1.0, ..data.clone() }),
        ("shortest_path", "1x1", data.clone()),
        ("allocation", "d0", data.clone()),
        ("inventory", "d0", data.clone()),
        ("inventory", "d1", DataOptions { features: 0, ..data.clone() }),
        ("security", "n10", data.clone()),
        ("security", "n20", DataOptions { features: 0, ..data.clone() }),
    ];
    for (id, size, data) in settings {
        assert!(matches!(make_task(id, &options(size, &data)), Err(Error::Domain { .. })), "{id} {size} {data:?}");
    }
}

/// Weights, covariances and the features behind a true distribution belong to a seed: rows of another one would be of another problem.
#[test]
fn rows_of_another_seed_are_refused_where_the_problem_depends_on_it() {
    let inventory = InventoryTask::new(InventoryData { seed: 7, ..InventoryData::default() }).unwrap();
    let tasks: [&dyn Task; 3] = [&knapsack(), &portfolio(), &inventory];
    for task in tasks {
        let other = task.source().load(&Request { seed: 8, ..request() });
        assert!(matches!(other, Err(Error::Domain { what: "seed", .. })), "{}", task.name());
    }
}
