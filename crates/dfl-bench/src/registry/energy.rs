//! SO-EBM and its ablations, and decisions by an expected cost in closed form.

use std::sync::Arc;

use dfl_core::{Cost, Decider, Energy, EnergyCurvature, Error, Result, Support};
use dfl_losses::{Input, LangevinOptions, Negatives, Proposal, ProposalKind, SoEbm, SoEbmOptions, Tempered};

use super::Proposed;
use super::sampled::{SampledMethod, SampledSetup};
use super::sqp::{Minimised, energy_of_samples};
use crate::tasks::Uncertain;

/// The options that all of them read.
pub(super) const READS: &[&str] =
    &["candidates", "kl", "temperature", "proposal", "proposal_scale", "energy_samples", "test_samples", "tail", "judge"];

/// Those of the ablation whose negatives are Langevin chains.
pub(super) const READS_LANGEVIN: &[&str] = &[
    "candidates",
    "kl",
    "temperature",
    "proposal",
    "proposal_scale",
    "energy_samples",
    "test_samples",
    "tail",
    "judge",
    "langevin_steps",
    "langevin_step",
    "langevin_noise",
];

/// Candidates, deviations of the mixture that they are drawn from, and weight of the divergence: those published for the power task.
const CANDIDATES: usize = 128;
const SIGMAS: [f64; 3] = [0.1, 0.05, 0.02];
const KL: f64 = 0.01;

/// Samples of an energy without closed form: those published for the epidemic task.
const ENERGY_SAMPLES: usize = 100;

/// A row of the published ablation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    Whole,
    WithoutLikelihood,
    WithoutDivergence,
    Langevin,
}

/// Whether a method learns from the optimal decision of each training row.
pub(crate) fn learns_from_decisions(method: &str) -> bool {
    method.starts_with("so_ebm")
}

/// Joins energy, cost and candidates.
pub(super) fn so_ebm(setup: &SampledSetup<'_>, variant: Variant) -> Result<SampledMethod> {
    let (energy, input) = energy(setup)?;
    let (o, cost) = (setup.options, uncertain(setup)?.cost as Arc<dyn Cost>);
    let options = SoEbmOptions {
        input,
        mle: if variant == Variant::WithoutLikelihood { 0.0 } else { 1.0 },
        kl: if variant == Variant::WithoutDivergence { 0.0 } else { o.kl.unwrap_or(KL) },
        candidates: o.candidates.unwrap_or(CANDIDATES),
        proposal: proposal(setup),
        negatives: if variant == Variant::Langevin { Negatives::Langevin(langevin(setup)) } else { Negatives::Importance },
    };
    let temperature = o.temperature.unwrap_or(1.0);
    let objective = SoEbm::new(Arc::new(Tempered::new(energy, temperature)?), Arc::new(Tempered::new(cost, temperature)?), options)?;
    // Of several methods of one training the first is asked.
    let _ = setup.meter.set(objective.meter());
    Ok(Box::new(objective))
}

/// The expected cost in closed form unless samples are asked for, or there is none for the task and the model.
fn energy(setup: &SampledSetup<'_>) -> Result<(Arc<dyn Energy>, Input)> {
    let samples = setup.options.energy_samples;
    if samples.unwrap_or(0) == 0 {
        if let Some(energy) = closed_form(setup)? {
            return Ok((energy, Input::Moments));
        }
        if samples == Some(0) {
            return Err(no_closed_form(setup));
        }
    }
    let (count, uncertain) = (samples.unwrap_or(ENERGY_SAMPLES), uncertain(setup)?);
    let energy = energy_of_samples(setup.task, uncertain.cost, count, setup.outcome, uncertain.feasible.n())?;
    Ok((energy, Input::Samples { count }))
}

/// The expected cost under independent Gaussian outcomes, if the task has one and the model predicts such.
pub(super) fn closed_form(setup: &SampledSetup<'_>) -> Result<Option<Arc<dyn EnergyCurvature>>> {
    let Some(energy) = setup.task.expected_cost() else { return Ok(None) };
    match (setup.proxy)()?.moments(&setup.train.features.select(&[0])) {
        Ok(_) => Ok(Some(energy)),
        Err(Error::Unsupported { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Decides for the moments of a model; nothing where task and model have no closed form.
pub(crate) fn decider_of_moments(setup: &SampledSetup<'_>) -> Result<Option<Box<dyn Decider>>> {
    let minimised = closed_form(setup)?.and_then(|_| Minimised::in_closed_form(setup.task));
    minimised.map(Minimised::decider).transpose()
}

/// Why there is no closed form.
pub(super) fn no_closed_form(setup: &SampledSetup<'_>) -> Error {
    Error::Unsupported { who: setup.task.name(), what: "an expected cost in closed form with this predictor" }
}

fn uncertain(setup: &SampledSetup<'_>) -> Result<Uncertain> {
    let missing = Error::Unsupported { who: setup.task.name(), what: "the cost of an uncertain outcome, which an energy is the mean of" };
    setup.task.uncertain().ok_or(missing)
}

fn proposal(setup: &SampledSetup<'_>) -> Proposal {
    let kind = match setup.options.proposal {
        None | Some(Proposed::Joint) => ProposalKind::Joint,
        Some(Proposed::Coordinatewise) => ProposalKind::Coordinatewise,
    };
    let scale = setup.options.proposal_scale.unwrap_or(1.0);
    Proposal { kind, sigmas: SIGMAS.map(|sigma| scale * sigma).to_vec(), support: setup.task.support() }
}

/// Chains stay where decisions live, unless they live everywhere.
fn langevin(setup: &SampledSetup<'_>) -> LangevinOptions {
    let (o, default) = (setup.options, LangevinOptions::default());
    LangevinOptions {
        steps: o.langevin_steps.unwrap_or(default.steps),
        step: o.langevin_step.unwrap_or(default.step),
        noise: o.langevin_noise.unwrap_or(default.noise),
        project: setup.task.support() != Support::Everywhere,
    }
}
