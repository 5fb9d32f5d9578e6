//! Uncertain *constraints*: sampled demands are right-hand sides of a program, and a distribution learns from what its decision costs.
//!
//! `cargo run --release -p dfl-losses --example uncertain_constraints` prints what capacities cost on fresh days, in the mean, and the
//! difference to two-stage learning, row by row, with standard errors.
#![allow(clippy::print_stdout, reason = "a program that prints a table")]

mod plant;

use std::sync::Arc;

use dfl_core::{
    Batch, Cost as _, Instances, LinearGaussian, Predictor, Result, Sampler, Schedule, Spread, Stream, TrainOptions, decide, metrics, train,
};
use dfl_losses::{Estimator, MaximumLikelihood, SampledDecision, SampledOptions};
use plant::{CUSTOMERS, FEATURES, PlantCost, capacity_decider, days};

/// Samples of a decision.
const SAMPLES: usize = 12;

fn main() -> Result<()> {
    let (learn, fresh, cost) = (days(400, 1)?, days(1000, 2)?, PlantCost::new()?);
    let two_stage = two_stage(&learn)?;
    let decided = decision_focused(&two_stage, &learn)?;
    let base = costs(&cost, &fresh, &sampled(&two_stage, &fresh)?);
    println!("{:<44} {:>16} {:>22}", "capacity by", "mean cost", "minus two-stage");
    let rows = [
        ("a Gaussian by its likelihood (two-stage)", sampled(&two_stage, &fresh)?),
        ("the same Gaussian, trained on decisions", sampled(&decided, &fresh)?),
        ("the mean of the two-stage Gaussian alone", decide(&capacity_decider(1)?, &two_stage.predict(&fresh.features)?, &fresh.ids)?.0),
        ("the true demand (clairvoyant)", decide(&capacity_decider(1)?, &fresh.truth, &fresh.ids)?.0),
    ];
    for (name, capacities) in rows {
        let own = costs(&cost, &fresh, &capacities);
        let difference: Vec<f64> = own.iter().zip(&base).map(|(a, b)| a - b).collect();
        println!("{name:<44} {:>16} {:>22}", with_error(&own), with_error(&difference));
    }
    Ok(())
}

/// A Gaussian whose mean and log-deviation are affine in the features, by its likelihood.
fn two_stage(learn: &Instances) -> Result<LinearGaussian> {
    let mut model = LinearGaussian::new(FEATURES, CUSTOMERS, Spread::Affine);
    let options = TrainOptions { epochs: 60, batch: 20, learning_rate: 0.05, schedule: Schedule::Cosine, ..TrainOptions::default() };
    train(&mut model, &MaximumLikelihood, learn, &options, &mut ())?;
    Ok(model)
}

/// Goes on from there with the gradient of the cost, through capacities and samples.
fn decision_focused(start: &LinearGaussian, learn: &Instances) -> Result<LinearGaussian> {
    let mut model = start.clone();
    let options = SampledOptions { samples: SAMPLES, estimator: Estimator::Pathwise, anchor: None };
    let objective = SampledDecision::new(capacity_decider(SAMPLES)?, None, Arc::new(PlantCost::new()?), options)?;
    let options = TrainOptions { epochs: 12, batch: 20, learning_rate: 0.02, schedule: Schedule::Cosine, ..TrainOptions::default() };
    train(&mut model, &objective, learn, &options, &mut ())?;
    Ok(model)
}

/// Capacities for samples of a distribution.
fn sampled(model: &LinearGaussian, part: &Instances) -> Result<Batch> {
    let samples = model.sample(&part.features, SAMPLES, Stream { seed: 3, step: 0 })?;
    Ok(decide(&capacity_decider(SAMPLES)?, &samples, &part.ids)?.0)
}

fn costs(cost: &PlantCost, part: &Instances, capacities: &Batch) -> Vec<f64> {
    part.truth.iter().zip(capacities.iter()).map(|(y, x)| cost.value(y, x)).collect()
}

fn with_error(values: &[f64]) -> String {
    format!("{:.3} ± {:.3}", metrics::mean(values), metrics::standard_error(values).unwrap_or_default())
}
