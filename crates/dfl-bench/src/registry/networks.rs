//! Networks of distributions from the options of a run.

use dfl_core::{Generative, Result};
use dfl_models::torch::{Activation, Covariance, Flow, FlowConfig, Gaussian, GaussianConfig, Mixture, MixtureConfig, Precision};

use super::{self as registry, ModelOptions, PredictorOptions, Width};

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
        skip: m.skip.unwrap_or(default.skip),
        dropout: m.dropout.unwrap_or(default.dropout),
        precision: precision(m),
        covariance,
        ..default
    };
    Ok(Box::new(Gaussian::new(config, o.seed, o.device.parse()?)?))
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
