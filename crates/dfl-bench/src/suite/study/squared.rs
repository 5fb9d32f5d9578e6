//! The simplest decision under uncertainty: the mean of what is predicted.

use std::sync::Arc;

use dfl_core::{Batch, Cost, CostCurvature, CostGrad, Generative, Minibatch, Objective, Program, Result, Stream, Targets};
use dfl_losses::{SampledDecision, SampledOptions};
use dfl_solvers::{Batched, Scenarios, StochasticOptions, StochasticProgram};

/// $f(y, z) = \tfrac12 \|z - y\|^2$, decided without constraints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Squared;

impl Cost for Squared {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        z.iter().zip(y).map(|(z, y)| 0.5 * (z - y) * (z - y)).sum()
    }
}

impl CostGrad for Squared {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(z.iter().zip(y)).for_each(|(out, (z, y))| *out = z - y);
    }
}

impl CostCurvature for Squared {
    fn add_hess(&self, _y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        h.iter_mut().step_by(z.len() + 1).for_each(|h| *h += w);
    }
    fn add_cross(&self, _y: &[f64], _z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(v).for_each(|(out, v)| *out -= w * v);
    }
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        out.iter_mut().zip(z.iter().zip(y)).for_each(|(out, (z, y))| *out += w * (y - z));
    }
}

/// Training for the decision between samples of `outputs` numbers.
pub(super) fn decision(outputs: usize, options: SampledOptions) -> Result<SampledDecision<Batched<StochasticProgram<Squared>>>> {
    let free = Program::linear(vec![0.0; outputs]).with_bounds(vec![f64::NEG_INFINITY; outputs], vec![f64::INFINITY; outputs]);
    let scenarios = Scenarios { count: options.samples, outcome: outputs };
    let decider = Batched::new(StochasticProgram::new(Squared, free, scenarios, StochasticOptions::default())?);
    SampledDecision::new(decider, None, Arc::new(Squared), options)
}

/// The gradient that one pass of an objective adds to a model's.
pub(super) fn gradient<M: Generative + ?Sized>(
    model: &mut M,
    objective: &impl Objective<M>,
    (features, truth): (&Batch, &Batch),
    stream: Stream,
) -> Result<Vec<f64>> {
    let ids: Vec<u64> = (0..features.rows() as u64).collect();
    let targets = Targets { truth: Some(truth.clone()), ..Targets::default() };
    model.zero_grad();
    objective.accumulate(model, Minibatch { ids: &ids, features, targets: &targets }, stream)?;
    Ok(model.gradient())
}
