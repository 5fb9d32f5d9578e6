//! Gen-DFL: a distribution whose worst samples should find a target decision better than a pool of others.

use std::sync::Arc;

use dfl_core::{Decider, Error, Generative, Instances, Pool, Result, Sampler, TrainOptions, train};
use dfl_losses::{Contrastive, ContrastiveOptions, MaximumLikelihood, Target};
use dfl_solvers::{Counted, Timed};

use super::Targeted;
use super::sampled::{SampledMethod, SampledSetup};

/// Most decisions of the pool: the labels of the training rows, and the newest that are found beside them.
const POOL: usize = 1000;

/// Passes over the training rows by which the proxy is fitted, rows per step and step size: those published.
const PROXY: TrainOptions =
    TrainOptions { epochs: 30, batch: 32, learning_rate: 1e-3, schedule: dfl_core::Schedule::Constant, seed: 0, tolerated_failures: 0 };

/// Joins loss, decider, pool and target.
pub(super) fn gen_dfl(setup: &SampledSetup<'_>) -> Result<SampledMethod> {
    let (o, default) = (setup.options, ContrastiveOptions::default());
    let samples = o.samples.unwrap_or(default.samples);
    let tail = o.tail.unwrap_or(1.0);
    let missing = Error::Unsupported { who: setup.task.name(), what: "decisions for samples of a linear cost, which gen_dfl compares" };
    let decider = setup.task.decider_of_samples(samples, tail).unwrap_or(Err(missing))?;
    let options = ContrastiveOptions {
        samples,
        tail: o.loss_tail.unwrap_or(tail),
        beta: o.beta.unwrap_or(default.beta),
        gamma: o.gamma.unwrap_or(default.gamma),
    };
    let target = match o.target {
        Some(Targeted::Observed) => Target::Observed,
        None | Some(Targeted::Proxy) => Target::Proxy(proxy(setup)?),
    };
    let timed: Box<dyn Decider> = Box::new(Timed::new(Counted::new(decider, Arc::clone(setup.counters)), Arc::clone(setup.watch)));
    Ok(Box::new(Contrastive::new(timed, pool(setup.train)?, target, options)?))
}

fn pool(train: &Instances) -> Result<Arc<Pool>> {
    let labels = train.labels.as_ref().ok_or(Error::Missing { loss: "gen_dfl", what: "labelled training rows to begin its pool with" })?;
    Ok(Arc::new(Pool::bounded(&labels.solution, POOL.max(labels.solution.rows()))?))
}

/// A model of the same class, fitted to the training rows by its likelihood.
fn proxy(setup: &SampledSetup<'_>) -> Result<Box<dyn Sampler>> {
    let mut model: Box<dyn Generative> = (setup.proxy)()?;
    let options = TrainOptions { epochs: setup.options.proxy_epochs.unwrap_or(PROXY.epochs), seed: setup.seed, ..PROXY };
    train(&mut *model, &MaximumLikelihood, setup.train, &options, &mut ())?;
    Ok(model)
}
