//! Networks of distributions from the options of a run.

use std::sync::Arc;

use dfl_core::{Error, Generative, Result};
use dfl_models::torch::{
    Activation, Covariance, Deviation, Diffusion, DiffusionConfig, DiffusionSampler, Elbo, Flow, FlowConfig, Gaussian, GaussianConfig, Gcn,
    GcnConfig, Gru, GruConfig, Mixture, MixtureConfig, NoiseSchedule, Precision, Timesteps,
};

use super::{self as registry, ModelOptions, PredictorOptions, Width};
use crate::data::epidemic::OBSERVED;

/// Of a diffusion model's chain, unless the run says otherwise.
const SAMPLER_STEPS: usize = 20;

type Made = Result<Box<dyn Generative>>;

pub(super) fn gaussian(o: &PredictorOptions<'_>) -> Made {
    let (default, m) = (GaussianConfig::new(o.inputs, o.outputs), o.model);
    let covariance = match m.covariance {
        None | Some(registry::Covariance::Diagonal) => Covariance::Diagonal,
        Some(registry::Covariance::Full) => Covariance::Full,
    };
    let config = GaussianConfig {
        hidden: m.hidden.clone().unwrap_or(default.hidden),
        activation: activation(m),
        batch_norm: m.batch_norm.unwrap_or(default.batch_norm),
        skip: m.skip.unwrap_or(default.skip),
        dropout: m.dropout.unwrap_or(default.dropout),
        precision: precision(m),
        covariance,
        deviation: match m.deviation {
            None => default.deviation,
            Some(registry::Deviation::Exp) => Deviation::Exp,
            Some(registry::Deviation::Softplus) => Deviation::Softplus,
        },
        ..default
    };
    Ok(Box::new(Gaussian::new(config, o.seed, o.device.parse()?)?))
}

pub(super) fn gru(o: &PredictorOptions<'_>) -> Made {
    let m = o.model;
    let default = GruConfig::new(o.inputs, m.days.unwrap_or(OBSERVED), o.outputs);
    let config = GruConfig { hidden: m.hidden.clone().unwrap_or(default.hidden), precision: precision(m), ..default };
    Ok(Box::new(Gru::new(config, o.seed, o.device.parse()?)?))
}

pub(super) fn mixture(o: &PredictorOptions<'_>) -> Made {
    let (default, m) = (MixtureConfig::new(o.inputs, o.outputs), o.model);
    let config = MixtureConfig {
        hidden: m.hidden.clone().unwrap_or(default.hidden),
        activation: activation(m),
        skip: m.skip.unwrap_or(default.skip),
        dropout: m.dropout.unwrap_or(default.dropout),
        components: m.components.unwrap_or(default.components),
        precision: precision(m),
        ..default
    };
    Ok(Box::new(Mixture::new(config, o.seed, o.device.parse()?)?))
}

pub(super) fn flow(o: &PredictorOptions<'_>) -> Made {
    let (default, m) = (FlowConfig::new(o.inputs, o.outputs), o.model);
    let config = FlowConfig {
        hidden: m.hidden.clone().unwrap_or(default.hidden),
        couplings: m.couplings.unwrap_or(default.couplings),
        precision: precision(m),
        ..default
    };
    Ok(Box::new(Flow::new(config, o.seed, o.device.parse()?)?))
}

pub(super) fn diffusion(o: &PredictorOptions<'_>) -> Made {
    let (default, m) = (DiffusionConfig::new(o.inputs, o.outputs), o.model);
    let steps = m.steps.unwrap_or(default.steps);
    let noise = if steps == default.steps { default.noise } else { NoiseSchedule::VariancePreserving { first: 0.1, last: 20.0 } };
    let taken = m.sampler_steps.unwrap_or(SAMPLER_STEPS.min(steps));
    let sampler = match m.sampler {
        Some(registry::Sampler::Ancestral) => DiffusionSampler::Ancestral,
        None | Some(registry::Sampler::Multistep) => DiffusionSampler::Multistep { steps: taken },
        Some(registry::Sampler::Ddim) => DiffusionSampler::Ddim { steps: taken },
    };
    let config = DiffusionConfig {
        hidden: m.hidden.clone().unwrap_or(default.hidden),
        checkpoint: m.checkpoint.unwrap_or(default.checkpoint),
        elbo: match m.elbo {
            None => default.elbo,
            Some(registry::Elbo::Simple) => Elbo::Simple,
            Some(registry::Elbo::Weighted) => Elbo::Weighted,
        },
        timesteps: match m.timesteps {
            None => default.timesteps,
            Some(registry::Timesteps::Uniform) => Timesteps::Uniform,
            Some(registry::Timesteps::All) => Timesteps::All,
            Some(registry::Timesteps::Loss) => Timesteps::LossSecondMoment,
            Some(registry::Timesteps::Gradient) => Timesteps::GradientNorm,
        },
        draws: m.draws.unwrap_or(default.draws),
        precision: precision(m),
        steps,
        noise,
        sampler,
        ..default
    };
    Ok(Box::new(Diffusion::new(config, o.seed, o.device.parse()?)?))
}

/// For tasks with a graph, each of whose nodes has its part of the features.
pub(super) fn gcn(o: &PredictorOptions<'_>) -> Made {
    let missing = Error::Unsupported { who: "a task without a graph", what: "predictor gcn" };
    let graph = o.graph.ok_or(missing)?;
    dfl_core::check_len("outputs of a graph network, one for each node", graph.nodes, o.outputs)?;
    let each = o.inputs / graph.nodes.max(1);
    let config = GcnConfig { precision: precision(o.model), ..GcnConfig::new(graph.nodes, graph.edges.clone(), each) };
    Ok(Box::new(Gcn::new(config, Arc::clone(&graph.likelihood), o.seed, o.device.parse()?)?))
}

fn activation(m: &ModelOptions) -> Activation {
    match m.activation {
        None | Some(registry::Activation::Relu) => Activation::Relu,
        Some(registry::Activation::Silu) => Activation::Silu,
    }
}

/// The width of a network's numbers.
pub(super) fn precision(options: &ModelOptions) -> Precision {
    match options.precision {
        None | Some(Width::Single) => Precision::Single,
        Some(Width::Double) => Precision::Double,
    }
}
