use dfl_core::{Batch, CostCurvature, Result, Splits};
use dfl_solvers::{Batched, Scenarios, StochasticOptions, StochasticProgram};

use super::super::{Benchmark, unknown};
use super::Portfolio;

/// Days of returns that `historical` takes for samples: a year of trading.
pub(super) const YEAR: usize = 250;

/// Rows that are decided at a time, which bounds the memory for their samples.
const ROWS: usize = 64;

pub(super) const BASELINES: &[&str] = &["oracle", "clairvoyant", "equal_weight", "best_mean", "historical"];

/// Portfolios for the test days that no model learns.
pub(super) fn decide(task: &Portfolio, method: &str, data: &Splits) -> Result<Batch> {
    let (test, assets) = (&data.test, task.assets);
    match method {
        "oracle" => Ok(dfl_core::decide(&*dfl_core::Task::oracle(task)?, &test.truth, &test.ids)?.0),
        "clairvoyant" => Ok(all_in(test.truth.iter().map(largest), test.len(), assets)),
        "equal_weight" => Batch::from_vec(test.len(), assets, vec![1.0 / assets as f64; test.len() * assets]),
        "best_mean" => {
            let sums = (0..assets).map(|i| data.train.truth.iter().map(|y| y[i]).sum()).collect::<Vec<f64>>();
            Ok(all_in(std::iter::repeat(largest(&sums)), test.len(), assets))
        }
        "historical" => historical(task, data),
        _ => Err(unknown("baseline of a portfolio", method, task.baselines().iter().copied())),
    }
}

/// Everything in one asset on each day.
fn all_in(chosen: impl Iterator<Item = usize>, days: usize, assets: usize) -> Batch {
    let mut z = Batch::zeros(days, assets);
    chosen.take(days).enumerate().for_each(|(day, asset)| z.row_mut(day)[asset] = 1.0);
    z
}

fn largest(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// The portfolio that is best for the returns of the year before each day, of which all are known when it is chosen. The parts follow each
/// other in time.
fn historical(task: &Portfolio, data: &Splits) -> Result<Batch> {
    let days: Vec<&[f64]> = [&data.train, &data.valid, &data.test].into_iter().flat_map(|part| part.truth.iter()).collect();
    let first = days.len() - data.test.len();
    let count = YEAR.min(first);
    let scenarios = Scenarios { count, outcome: task.assets };
    let cost: std::sync::Arc<dyn CostCurvature> = std::sync::Arc::new(task.cost);
    let decider = Batched::new(StochasticProgram::new(cost, task.simplex()?, scenarios, StochasticOptions::default())?);
    let mut decisions = Vec::with_capacity(data.test.len() * task.assets);
    for rows in (0..data.test.len()).collect::<Vec<_>>().chunks(ROWS) {
        let samples: Vec<f64> = rows.iter().flat_map(|row| days[first + row - count..first + row].concat()).collect();
        let samples = Batch::from_vec(rows.len(), count * task.assets, samples)?;
        let ids: Vec<u64> = rows.iter().map(|row| data.test.ids[*row]).collect();
        decisions.extend(dfl_core::decide(&decider, &samples, &ids)?.0.into_vec());
    }
    Batch::from_vec(data.test.len(), task.assets, decisions)
}
