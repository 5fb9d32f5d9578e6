//! Baselines and regrets of the tasks with a linear cost against published values, PyEPO's own figures and closed forms.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use dfl_bench::registry::{ModelOptions, PredictorOptions, Start, make_predictor};
use dfl_bench::suite::DataOptions;
use dfl_bench::tasks::{Benchmark, TaskOptions, make_task, unambiguous_regret};
use dfl_core::{Batch, Decider, DecisionLoss, NoGradient, Request, Splits, TrainOptions, label, metrics, train};
use dfl_losses::SpoPlus;
use dfl_solvers::{Batched, Grid, Knapsack, KnapsackOptions, KnapsackProblem, ShortestPath};

use common::{floats, read_json};

fn load(id: &str, size: &str, rows: [usize; 3], seed: u64) -> (Box<dyn Benchmark>, Splits) {
    load_with(id, size, &DataOptions::default(), rows, seed)
}

fn load_with(id: &str, size: &str, data: &DataOptions, rows: [usize; 3], seed: u64) -> (Box<dyn Benchmark>, Splits) {
    let task = make_task(id, &TaskOptions { size, data, columns: dfl_bench::data::pjm::Columns::Published, seed }).unwrap();
    let mut splits = task.source().load(&Request { train: rows[0], valid: rows[1], test: rows[2], seed }).unwrap();
    label(&*task, &mut splits).unwrap();
    (task, splits)
}

fn regret(task: &dyn Benchmark, data: &Splits, costs: &Batch) -> f64 {
    let decisions = dfl_core::decide(&*task.oracle().unwrap(), costs, &data.test.ids).unwrap().0;
    task.figures(&data.test, &decisions).unwrap()[0].value
}

fn baseline(task: &dyn Benchmark, data: &Splits, method: &str) -> f64 {
    task.figures(&data.test, &task.baseline(method, data).unwrap()).unwrap()[0].value
}

/// Mean and standard error over seeds.
fn over_seeds(seeds: std::ops::Range<u64>, run: impl Fn(u64) -> f64) -> (f64, f64) {
    let values: Vec<f64> = seeds.map(run).collect();
    (metrics::mean(&values), metrics::standard_error(&values).unwrap())
}

/// Nothing beats the oracle, whose regret is zero; features help.
#[test]
fn baselines_are_in_order() {
    for (id, size) in [("knapsack", "10"), ("tsp", "5"), ("pyepo_portfolio", "50"), ("shortest_path", "5x5")] {
        let (task, data) = load(id, size, [500, 0, 200], 1);
        let [oracle, least_squares, constant] = ["oracle", "least_squares", "constant"].map(|m| baseline(&*task, &data, m));
        assert!(oracle.abs() < 1e-12 && least_squares > 1e-4 && least_squares < constant, "{id}: {oracle} {least_squares} {constant}");
        assert!(task.baseline("persistence", &data).is_err());
    }
}

/// Least squares on PyEPO's own data, mean and standard deviation over the seeds 0 to 4 with 100 training rows: to the printed digits.
#[test]
fn least_squares_is_what_it_is_on_pyepos_data() {
    let published = [
        ("shortest_path", "5x5", 0.162, 0.031),
        ("shortest_path", "8x8", 0.162, 0.029),
        ("knapsack", "10", 0.059, 0.010),
        ("knapsack", "20", 0.052, 0.016),
        ("knapsack", "40", 0.042, 0.005),
        ("tsp", "5", 0.106, 0.036),
        ("tsp", "6", 0.141, 0.032),
        ("tsp", "8", 0.173, 0.043),
    ];
    for (id, size, mean, deviation) in published {
        let (ours, error) = over_seeds(0..5, |seed| {
            let (task, data) = load(id, size, [100, 100, 1000], seed);
            baseline(&*task, &data, "least_squares")
        });
        let spread = error * 5_f64.sqrt();
        println!("{id} {size}: {ours:.4} +- {spread:.4}, PyEPO {mean} +- {deviation}");
        assert!((ours - mean).abs() < 5.1e-4 && (spread - deviation).abs() < 5.1e-4, "{id} {size}: {ours} +- {spread}");
    }
}

/// The regret that is published for every model of the top-k data with a rising line, by number of items, needs the noise of 0.25. Least
/// squares finds a falling line.
#[test]
fn rising_lines_have_the_published_regret_of_top_k() {
    let data_of = |added_noise| DataOptions { added_noise, ..DataOptions::default() };
    for (size, published, deviation) in [("50", 0.051, 0.006), ("80", 0.018, 0.001), ("100", 0.013, 0.001)] {
        let line = |slope: f64, noise: f64, seed: u64| {
            let (task, data) = load_with("top_k", size, &data_of(noise), [200, 200, 200], seed);
            let mut costs = data.test.features.clone();
            // Values that rise are costs that fall.
            costs.as_mut_slice().iter_mut().for_each(|c| *c *= -slope);
            (regret(&*task, &data, &costs), baseline(&*task, &data, "least_squares"))
        };
        let (rising, error) = over_seeds(0..40, |seed| line(1.0, 0.25, seed).0);
        println!("{size}: {rising:.4} +- {error:.4}, published {published} +- {deviation}");
        assert!((rising - published).abs() < 2.0 * (deviation * deviation + error * error).sqrt(), "{size}: {rising}");
        let (silent, _) = over_seeds(0..40, |seed| line(1.0, 0.0, seed).0);
        assert!(silent < 0.9 * rising, "{size}: {silent} without noise");
        let (falling, least_squares) = line(-1.0, 0.25, 0);
        assert!(falling > 1.5 && (falling - least_squares).abs() < 1e-12, "{size}: {falling} {least_squares}");
    }
}

/// A decision-focused loss on exact decisions, with few rows and epochs, has less regret on new rows than the constant prediction.
#[test]
fn spo_plus_learns_every_task() {
    for (id, size, rate) in [("knapsack", "10", 0.1), ("tsp", "5", 0.1), ("top_k", "20", 0.05), ("pyepo_portfolio", "20", 0.01)] {
        let (task, data) = load(id, size, [100, 0, 200], 2);
        let options = PredictorOptions {
            inputs: data.train.features.cols(),
            outputs: data.train.truth.cols(),
            shared: task.shared_items(),
            graph: None,
            seed: 0,
            start: Start::Zero,
            model: &ModelOptions::default(),
            device: "cpu",
        };
        let mut model = make_predictor("linear", &options).unwrap();
        let loss = DecisionLoss::new(Box::new(SpoPlus), task.oracle().unwrap()).unwrap();
        let settings = TrainOptions { epochs: 20, learning_rate: rate, ..TrainOptions::default() };
        train(&mut *model, &loss, &data.train, &settings, &mut ()).unwrap();
        let learned = regret(&*task, &data, &model.predict(&data.test.features).unwrap());
        let constant = baseline(&*task, &data, "constant");
        println!("{id} {size}: {learned:.4}, constant {constant:.4}");
        assert!(learned < 0.8 * constant, "{id}: {learned} against {constant}");
    }
}

/// Equal predictions on a grid of two ways, of which the right one costs 3 and the other 5: the better one is luck.
#[test]
fn ties_count_as_the_worst() {
    let oracle = Batched::new(NoGradient(ShortestPath::new(Grid::new(2, 2).unwrap())));
    let truth = Batch::from_rows(&[[1.0, 4.0, 2.0, 1.0], [4.0, 1.0, 1.0, 2.0]]).unwrap();
    let predictions = Batch::from_rows(&[[1.0; 4], [2.0, 1.0, 1.0 + 1e-9, 2.0]]).unwrap();
    assert_eq!(unambiguous_regret(&oracle, &predictions, &truth, &[3.0, 3.0]).unwrap(), [2.0, 2.0]);
    let clear = Batch::from_rows(&[[1.0, 1.1, 1.0, 1.0], [1.1, 1.0, 1.0, 1.0]]).unwrap();
    assert_eq!(unambiguous_regret(&oracle, &clear, &truth, &[3.0, 3.0]).unwrap(), [0.0, 0.0]);
    assert!(unambiguous_regret(&oracle, &clear, &truth, &[3.0]).is_err());
}

/// PyEPO's own figures. Its linear program keeps the rounded value up to a tolerance of 1e-6, which mixes in a little of other paths.
#[test]
fn unambiguous_regret_of_pyepo() {
    for (name, sign) in [("SP5", 1.0), ("KP10", -1.0)] {
        let Some(path) = common::fixture(&format!("losses/loss_{name}.json")) else { return };
        let fixture = read_json(&path);
        let table = |key: &str, sign: f64| {
            let rows: Vec<Vec<f64>> = fixture[key].as_array().unwrap().iter().map(floats).collect();
            Batch::from_rows(&rows.iter().map(|r| r.iter().map(|v| sign * v).collect::<Vec<_>>()).collect::<Vec<_>>()).unwrap()
        };
        let oracle: Box<dyn Decider> = if name == "SP5" {
            Box::new(Batched::new(NoGradient(ShortestPath::new(Grid::new(5, 5).unwrap()))))
        } else {
            let problem = KnapsackProblem::new(table("weights", 1.0), floats(&fixture["capacity"])).unwrap();
            Box::new(Batched::new(NoGradient(Knapsack::new(problem, KnapsackOptions::default()))))
        };
        let optimal = table("true_obj", sign).into_vec();
        let found = unambiguous_regret(&*oracle, &table("pred_cost", sign), &table("true_cost", sign), &optimal).unwrap();
        for (ours, theirs) in found.iter().zip(floats(&fixture["calUnambRegret"])) {
            assert!((ours - theirs).abs() < 2e-6, "{name}: {found:?}");
        }
    }
}
