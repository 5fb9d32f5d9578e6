//! The discopt notebook: its data bit for bit, every number that it prints, and those that it does not.
//!
//! Oracles are the notebook's own outputs (`discopt_nb_*.json`, and the figures in its text, which stand here as constants) and the closed
//! form of its decisions, the projection onto the simplex, written again in this file.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

#[path = "../common/mod.rs"]
mod common;

mod allocation;
mod data;
mod layer;
mod portfolio;
mod suite;

use dfl_bench::power::Affine;
use dfl_bench::tasks::DiscoptTask;
use dfl_bench::tasks::discopt::{Course, Descent, Inequalities, Objective, Problem};
use dfl_core::metrics::mean;
use dfl_core::{Batch, Instances, Splits, label};

/// A problem with its recorded rows, labelled.
struct Notebook {
    task: DiscoptTask,
    data: Splits,
    orders: Vec<Vec<usize>>,
}

impl Notebook {
    fn of(problem: Problem) -> Self {
        let task = DiscoptTask::notebook(problem);
        let (mut data, orders) = task.rows(0).unwrap();
        label(&task, &mut data).unwrap();
        Self { task, data, orders }
    }

    fn least_squares(&self) -> Affine {
        self.task.least_squares(&self.data.train).unwrap()
    }

    fn train(&self, objective: Objective, inequalities: Inequalities) -> Course {
        let descent = Descent { problem: self.task.problem(), objective, inequalities };
        descent.run(self.least_squares(), &self.data.train, &self.orders).unwrap()
    }

    /// Decisions by the closed form.
    fn decide(&self, predicted: &Batch) -> Batch {
        let cost = self.task.problem().cost();
        let unconstrained = |y: &[f64]| y.iter().map(|y| -cost.sign * y / (2.0 * cost.ridge)).collect::<Vec<_>>();
        Batch::from_rows(&predicted.iter().map(|y| project(&unconstrained(y))).collect::<Vec<_>>()).unwrap()
    }

    fn decide_by(&self, model: &Affine, part: &Instances) -> Batch {
        self.decide(&model.predict(&part.features).unwrap())
    }
}

/// Euclidean projection of three numbers onto the simplex: of all seven sets of shares that may be positive the nearest feasible point.
fn project(v: &[f64]) -> Vec<f64> {
    let of_set = |set: u32| {
        let inside = |j: usize| set >> j & 1 == 1;
        let (sum, count) = (0..3).filter(|&j| inside(j)).fold((0.0, 0.0), |(sum, count), j| (sum + v[j], count + 1.0));
        let x: Vec<f64> = (0..3).map(|j| if inside(j) { v[j] - (sum - 1.0) / count } else { 0.0 }).collect();
        x.iter().all(|x| *x >= 0.0).then_some(x)
    };
    let distance = |x: &Vec<f64>| x.iter().zip(v).map(|(x, v)| (x - v).powi(2)).sum::<f64>();
    (1..8).filter_map(of_set).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap()
}

/// $s y'x + w |x|^2$ of each row, in the test's own words.
fn values(sign: f64, ridge: f64, truth: &Batch, decisions: &Batch) -> Vec<f64> {
    let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
    let one = |(y, x): (&[f64], &[f64])| sign * y.iter().zip(x).map(|(y, x)| y * x).sum::<f64>() + ridge * square(x);
    truth.iter().zip(decisions.iter()).map(one).collect()
}

fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn smallest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn largest(values: &[f64]) -> f64 {
    -smallest(&values.iter().map(|v| -v).collect::<Vec<_>>())
}

/// Mean squared error over all entries.
fn squared_error(model: &Affine, part: &Instances) -> f64 {
    let predicted = model.predict(&part.features).unwrap();
    mean(&differences(predicted.as_slice(), part.truth.as_slice()).iter().map(|d| d * d).collect::<Vec<_>>())
}

/// Share of decisions with a share of 0.
fn at_a_bound(decisions: &Batch) -> f64 {
    decisions.iter().filter(|x| smallest(x) < 1e-9).count() as f64 / decisions.rows() as f64
}

/// Rows in which the smallest number stands at the same place.
fn same_smallest(a: &Batch, b: &Batch) -> usize {
    let place = |row: &[f64]| (0..row.len()).min_by(|&i, &j| row[i].total_cmp(&row[j]));
    a.iter().zip(b.iter()).filter(|(a, b)| place(a) == place(b)).count()
}

/// Each number to its printed digits.
#[track_caller]
fn assert_prints(what: &str, digits: i32, found: &[f64], printed: &[f64]) {
    assert_eq!(found.len(), printed.len(), "{what}");
    let half = 0.5 * 0.1_f64.powi(digits) * (1.0 + 1e-9);
    assert!(differences(found, printed).iter().all(|d| d.abs() <= half), "{what}: {found:?}, printed {printed:?}");
}

/// Coefficients as the notebook has them, a row of five for each output.
fn transposed(model: &Affine) -> Vec<f64> {
    assert!(model.intercept.iter().all(|b| *b == 0.0));
    (0..3).flat_map(|k| model.weights.iter().map(move |w| w[k])).collect()
}
