//! How methods are put together.

use std::sync::Arc;

use dfl_core::{CostGrad, Decider, DecisionLoss, Error, Loss, Pool, Result};
use dfl_losses::{
    Candidates, Cave, DiscreteEnergy, DiscreteEnergyOptions, FenchelYoung, Lodl, LodlOptions, Mse, PerturbationGradient,
    PerturbedFenchelYoung, Regret, Sfge, TaskCost,
};
use dfl_solvers::{
    AdaptiveImle, AdaptiveImleOptions, Cached, Counted, FrankWolfe, FrankWolfeOptions, Imle, ImleOptions, Interpolated, NegativeIdentity,
    Noise, Perturbed, PerturbedOptions, SumOfGamma,
};

use super::solvers::training_decider;
use super::{Method, MethodOptions, Setup};
use crate::tasks::Benchmark;

/// A loss on the solver's own decisions.
pub(super) fn plain(loss: impl Loss + 'static, setup: &Setup<'_>) -> Result<Method> {
    DecisionLoss::new(Box::new(loss), decider(setup)?)
}

/// The regret of decisions to which a wrapper of the solver gives a derivative: what PyEPO trains such wrappers on.
fn regret<D: Decider + 'static>(wrapped: Result<D>) -> Result<Method> {
    DecisionLoss::new(Box::new(Regret), Box::new(wrapped?))
}

/// The squared error alone, which training begins with where a decision loss needs a sensible prediction.
pub(crate) fn squared_error() -> Result<Method> {
    DecisionLoss::without_decider(Box::new(Mse))
}

pub(super) fn task_cost(setup: &Setup<'_>) -> Result<Method> {
    plain(TaskCost::new(decision_cost(setup.task, "dfl_point")?), setup)
}

/// The cost of what the task makes of a policy's output; nothing is predicted.
pub(super) fn policy(setup: &Setup<'_>) -> Result<Method> {
    let (loss, task) = ("policy_network", setup.task);
    let cost = decision_cost(task, loss)?;
    let policy = task.policy().unwrap_or(Err(Error::Missing { loss, what: "a task that makes decisions of a policy's output" }))?;
    DecisionLoss::new(Box::new(TaskCost::new(cost)), Box::new(Counted::new(policy, Arc::clone(setup.counters))))
}

/// The cost of a decision under the truth, with its gradient.
pub(super) fn decision_cost(task: &dyn Benchmark, loss: &'static str) -> Result<Arc<dyn CostGrad>> {
    let of_samples = || task.uncertain().map(|uncertain| uncertain.cost as Arc<dyn CostGrad>);
    task.gradient_cost().or_else(of_samples).ok_or(Error::Missing { loss, what: "a task whose cost has a gradient" })
}

/// Its second probe lies behind the first or, if central, each to one side.
pub(super) fn perturbation_gradient(setup: &Setup<'_>, central: bool) -> Result<Method> {
    let sigma = setup.options.sigma.unwrap_or(0.1);
    plain(if central { PerturbationGradient::central(sigma)? } else { PerturbationGradient::backward(sigma)? }, setup)
}

pub(super) fn sfge(setup: &Setup<'_>) -> Result<Method> {
    plain(Sfge::new(setup.options.samples.unwrap_or(10), sigma(setup))?, setup)
}

/// Fenchel-Young loss of the solver under additive noise.
pub(super) fn pfy(setup: &Setup<'_>) -> Result<Method> {
    DecisionLoss::new(Box::new(FenchelYoung::perturbed()), Box::new(perturbed(setup, 1)?))
}

/// Fenchel-Young losses that draw the noise themselves: multiplicative, or additive with the variance reduced.
pub(super) fn own_noise(setup: &Setup<'_>, multiplicative: bool) -> Result<Method> {
    let loss = match multiplicative {
        true => PerturbedFenchelYoung::multiplicative(setup.options.samples.unwrap_or(1), sigma(setup))?,
        false => PerturbedFenchelYoung::additive(setup.options.samples.unwrap_or(2), sigma(setup))?.variance_reduced(),
    };
    plain(loss, setup)
}

/// Fenchel-Young loss of the solver under a quadratic term.
pub(super) fn rfy(setup: &Setup<'_>) -> Result<Method> {
    let lambda = setup.options.lambda.unwrap_or(1.0);
    let regularised = FrankWolfe::new(decider(setup)?, FrankWolfeOptions { lambda, ..FrankWolfeOptions::default() })?;
    DecisionLoss::new(Box::new(FenchelYoung::quadratic(lambda)?), Box::new(regularised))
}

pub(super) fn dpo(setup: &Setup<'_>) -> Result<Method> {
    regret(perturbed(setup, 10))
}

pub(super) fn dbb(setup: &Setup<'_>) -> Result<Method> {
    regret(Interpolated::new(decider(setup)?, setup.options.lambda.unwrap_or(10.0)))
}

pub(super) fn nid(setup: &Setup<'_>) -> Result<Method> {
    regret(NegativeIdentity::new(decider(setup)?))
}

pub(super) fn imle(setup: &Setup<'_>) -> Result<Method> {
    let (default, o) = (ImleOptions::default(), setup.options);
    let (samples, lambda) = (o.samples.unwrap_or(default.samples), o.lambda.unwrap_or(default.lambda));
    regret(Imle::new(decider(setup)?, ImleOptions { samples, lambda, noise: gamma(o), ..default }))
}

pub(super) fn aimle(setup: &Setup<'_>) -> Result<Method> {
    let default = AdaptiveImleOptions::default();
    let samples = setup.options.samples.unwrap_or(default.samples);
    regret(AdaptiveImle::new(decider(setup)?, AdaptiveImleOptions { samples, noise: gamma(setup.options), ..default }))
}

/// Fitted to the training rows with the solver, which training itself does not call.
pub(super) fn lodl(setup: &Setup<'_>) -> Result<Method> {
    let (default, o, train) = (LodlOptions::default(), setup.options, setup.train);
    let options = LodlOptions { samples: o.samples.unwrap_or(default.samples), sigma: o.sigma.unwrap_or(default.sigma), ..default };
    DecisionLoss::without_decider(Box::new(Lodl::fit(&train.ids, &train.truth, &*decider(setup)?, options)?))
}

pub(super) fn cave(loss: Cave) -> Result<Method> {
    DecisionLoss::without_decider(Box::new(loss))
}

/// A loss that compares with a pool. If there is a solver, a share of the rows is solved at each step for the pool to grow.
pub(super) fn with_pool<L: Loss + 'static>(setup: &Setup<'_>, make: fn(Candidates, &MethodOptions) -> Result<L>) -> Result<Method> {
    let pool = pool(setup)?;
    if setup.solver == "none" {
        return DecisionLoss::without_decider(Box::new(make(Candidates::fixed(pool), setup.options)?));
    }
    let grown = cached(setup, Arc::clone(&pool), setup.options.ratio.unwrap_or(1.0))?;
    DecisionLoss::new(Box::new(make(Candidates::growing(pool), setup.options)?), Box::new(grown))
}

/// The energy model over a pool.
pub(super) fn discrete_energy(pool: Candidates, options: &MethodOptions, mle: f64, kl: f64) -> Result<DiscreteEnergy> {
    DiscreteEnergy::new(pool, DiscreteEnergyOptions { temperature: options.temperature.unwrap_or(1.0), mle, kl })
}

/// The solver inside the training loop, behind a cache if only a share of the rows is to be solved.
fn decider(setup: &Setup<'_>) -> Result<Box<dyn Decider>> {
    match setup.options.ratio {
        Some(ratio) if ratio < 1.0 => Ok(Box::new(cached(setup, pool(setup)?, ratio)?)),
        _ => solver(setup),
    }
}

/// The solver itself, which counts.
fn solver(setup: &Setup<'_>) -> Result<Box<dyn Decider>> {
    let solver = training_decider(setup)?;
    Ok(Box::new(Counted::new(solver, Arc::clone(setup.counters))))
}

fn cached(setup: &Setup<'_>, pool: Arc<Pool>, ratio: f64) -> Result<Cached<Box<dyn Decider>>> {
    Ok(Cached::new(solver(setup)?, pool, ratio)?.coin(setup.options.coin.unwrap_or_default().into()))
}

/// The distinct optimal decisions of the training rows.
fn pool(setup: &Setup<'_>) -> Result<Arc<Pool>> {
    let labels = setup.train.labels.as_ref().ok_or(Error::Missing { loss: "over a pool", what: "labelled training rows to begin with" })?;
    Ok(Arc::new(Pool::bounded(&labels.solution, setup.options.pool_size.unwrap_or(usize::MAX))?))
}

fn perturbed(setup: &Setup<'_>, samples: usize) -> Result<Perturbed<Box<dyn Decider>>> {
    let samples = setup.options.samples.unwrap_or(samples);
    Perturbed::new(decider(setup)?, PerturbedOptions { samples, sigma: sigma(setup), noise: Noise::Additive })
}

fn sigma(setup: &Setup<'_>) -> f64 {
    setup.options.sigma.unwrap_or(1.0)
}

fn gamma(options: &MethodOptions) -> SumOfGamma {
    let default = SumOfGamma::default();
    SumOfGamma { temperature: options.temperature.unwrap_or(default.temperature), ..default }
}
