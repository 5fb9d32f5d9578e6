//! What both notebook examples do: train as the notebook does, and stand beside its numbers.
#![allow(dead_code, reason = "each example uses its part")]

use dfl_bench::power::Affine;
use dfl_core::{Batch, Call, Decider, Error, Key, Result, Stream, decide, metrics};

/// One number of ours, beside the notebook's if it prints one, with its decimals.
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) ours: f64,
    pub(crate) notebook: Option<f64>,
    pub(crate) digits: usize,
}

/// A number that the notebook prints.
pub(crate) fn printed(what: impl Into<String>, ours: f64, notebook: f64, digits: usize) -> Line {
    Line { what: what.into(), ours, notebook: Some(notebook), digits }
}

/// A number that it does not.
pub(crate) fn missing(what: impl Into<String>, ours: f64) -> Line {
    Line { what: what.into(), ours, notebook: None, digits: 4 }
}

#[allow(clippy::print_stdout, reason = "a program that shows something")]
pub(crate) fn show(title: &str, lines: &[Line]) {
    println!("{title:<44}{:>12}{:>12}", "ours", "notebook");
    for Line { what, ours, notebook, digits } in lines {
        let notebook = notebook.map_or_else(String::new, |n| format!("{n:.digits$}"));
        println!("{}", format!("{what:<44}{ours:>12.digits$}{notebook:>12}").trim_end());
    }
    println!();
}

/// Features, costs or returns, and the order of each epoch.
pub(crate) struct Course<'a> {
    pub(crate) features: &'a Batch,
    pub(crate) truth: &'a Batch,
    pub(crate) orders: &'a [Vec<usize>],
    pub(crate) rate: f64,
}

/// Cost of a decision under the truth, and its gradient in the decision.
pub(crate) type CostOf = fn(truth: &[f64], x: &[f64]) -> (f64, [f64; 3]);

/// The losses of the epochs.
pub(crate) fn epochs(losses: &[f64], notebook: [f64; 10]) -> impl Iterator<Item = Line> {
    let line = |(k, (loss, printed)): (usize, (&f64, f64))| self::printed(format!("DFL: loss of epoch {}", k + 1), *loss, printed, 4);
    losses.iter().zip(notebook).enumerate().map(line)
}

/// Plain gradient steps through the layer, ten rows each; returns the mean cost of each epoch.
pub(crate) fn descend(model: &mut Affine, layer: &dyn Decider, course: &Course<'_>, cost: CostOf) -> Result<Vec<f64>> {
    let mut epochs = Vec::new();
    for order in course.orders {
        let mut costs = Vec::new();
        for rows in order.chunks(10) {
            let (phi, truth) = (course.features.select(rows), course.truth.select(rows));
            let keys: Vec<Key> = rows.iter().map(|&row| Key { id: row as u64, slot: 0 }).collect();
            let found = layer.forward(&model.predict(&phi)?, &Call { keys: &keys, stream: Stream::default(), backward: true })?;
            let each: Vec<_> = truth.iter().zip(found.x.iter()).map(|(truth, x)| cost(truth, x)).collect();
            costs.extend(each.iter().map(|(value, _)| *value));
            let slopes = Batch::from_rows(&each.iter().map(|(_, slope)| *slope).collect::<Vec<_>>())?;
            let back = found.back.ok_or(Error::Missing { loss: "descent", what: "a layer with a derivative" })?;
            let pulled = back.pull(&slopes)?; // (dx/dprediction)' times the slope, row by row
            for (phi, pulled) in phi.iter().zip(pulled.iter()) {
                for (k, phi) in phi.iter().enumerate() {
                    let step = course.rate / rows.len() as f64 * phi;
                    model.weights.row_mut(k).iter_mut().zip(pulled).for_each(|(w, g)| *w -= step * g);
                }
            }
        }
        epochs.push(metrics::mean(&costs));
    }
    Ok(epochs)
}

/// The layer's decisions for some predictions.
pub(crate) fn decisions(layer: &dyn Decider, predictions: &Batch) -> Result<Batch> {
    Ok(decide(layer, predictions, &(0..predictions.rows() as u64).collect::<Vec<_>>())?.0)
}

/// Cost of each decision under its truth.
pub(crate) fn costs(truth: &Batch, decisions: &Batch, cost: CostOf) -> Vec<f64> {
    truth.iter().zip(decisions.iter()).map(|(truth, x)| cost(truth, x).0).collect()
}

pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

pub(crate) fn smallest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

pub(crate) fn less(values: &[f64], best: &[f64]) -> Vec<f64> {
    values.iter().zip(best).map(|(value, best)| value - best).collect()
}

/// Mean squared error over all entries.
pub(crate) fn squared_error(model: &Affine, features: &Batch, truth: &Batch) -> Result<f64> {
    Ok(metrics::rmse(model.predict(features)?.as_slice(), truth.as_slice()).powi(2))
}

/// Share of decisions in which something is 0.
pub(crate) fn at_a_bound(decisions: &Batch) -> f64 {
    decisions.iter().filter(|x| smallest(x) < 1e-9).count() as f64 / decisions.rows() as f64
}
