//! Predictors of distributions: one line each.

use dfl_core::{Centre, Generative, Instances, LinearGaussian, Result, Spread, Standardised};
#[cfg(feature = "torch")]
use dfl_models::torch;

use super::{Centring, Covariance, ModelOptions, PredictorOptions, Width};
use crate::tasks::unknown;

/// Shrinkage of the regression that a distribution is centred on: enough for collinear features, 0.1 % of what a free one would have.
const RIDGE: f64 = 1e-3;

type Make = fn(&PredictorOptions<'_>) -> Result<Box<dyn Generative>>;

/// A predictor of distributions by id.
pub struct DistributionEntry {
    /// Fixed word of a result row.
    pub id: &'static str,
    /// The model options that it reads.
    pub reads: &'static [&'static str],
    make: Make,
}

/// Every predictor of distributions.
pub const DISTRIBUTIONS: &[DistributionEntry] = &[
    DistributionEntry {
        id: "gaussian",
        reads: &["hidden", "activation", "skip", "dropout", "covariance", "centre", "precision"],
        make: gaussian,
    },
    DistributionEntry {
        id: "mixture",
        reads: &["hidden", "activation", "skip", "dropout", "components", "centre", "precision"],
        make: networks::mixture,
    },
    DistributionEntry { id: "flow", reads: &["hidden", "couplings", "centre", "precision"], make: networks::flow },
    DistributionEntry {
        id: "diffusion",
        reads: &["hidden", "steps", "sampler", "ddim", "checkpoint", "elbo", "timesteps", "draws", "centre", "precision"],
        make: networks::diffusion,
    },
];

/// Makes a predictor of distributions by id, in coordinates in which the training rows' truth has mean 0 and deviation 1.
///
/// # Errors
/// [`dfl_core::Error::Unknown`], [`dfl_core::Error::Unsupported`] if libtorch is not built in, a bad device, or a column of the truth that never varies.
pub fn make_distribution(id: &str, options: &PredictorOptions<'_>, train: &Instances) -> Result<Box<dyn Generative>> {
    let entry = DISTRIBUTIONS.iter().find(|p| p.id == id);
    let entry = entry.ok_or_else(|| unknown("predictor of distributions", id, DISTRIBUTIONS.iter().map(|p| p.id)))?;
    let centre = match options.model.centre {
        None | Some(Centring::Mean) => Centre::Mean,
        Some(Centring::LeastSquares) => Centre::LeastSquares { ridge: RIDGE },
    };
    Ok(Box::new(Standardised::fit((entry.make)(options)?, train, centre)?))
}

fn gaussian(options: &PredictorOptions<'_>) -> Result<Box<dyn Generative>> {
    let ModelOptions { hidden, covariance, precision, .. } = options.model;
    let affine = hidden.as_ref().is_some_and(Vec::is_empty);
    match affine && *covariance != Some(Covariance::Full) && *precision != Some(Width::Single) {
        true => Ok(Box::new(LinearGaussian::new(options.inputs, options.outputs, Spread::Affine))),
        false => networks::gaussian(options),
    }
}

/// The width of a network's numbers.
#[cfg(feature = "torch")]
pub(super) fn precision(options: &ModelOptions) -> torch::Precision {
    match options.precision {
        None | Some(Width::Single) => torch::Precision::Single,
        Some(Width::Double) => torch::Precision::Double,
    }
}

#[cfg(feature = "torch")]
mod networks {
    use dfl_models::torch::{
        Activation, Covariance, Diffusion, DiffusionConfig, DiffusionSampler, Elbo, Flow, FlowConfig, Gaussian, GaussianConfig, Mixture,
        MixtureConfig, Timesteps,
    };

    use super::super::{self as registry};
    use super::{Generative, ModelOptions, PredictorOptions, Result, precision};

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

    pub(super) fn diffusion(o: &PredictorOptions<'_>) -> Made {
        let (default, m) = (DiffusionConfig::new(o.inputs, o.outputs), o.model);
        let steps = m.steps.unwrap_or(default.steps);
        let sampler = match (m.sampler, m.ddim) {
            (Some(registry::Sampler::Ancestral), _) => DiffusionSampler::Ancestral,
            (_, Some(taken)) => DiffusionSampler::Ddim { steps: taken },
            (Some(registry::Sampler::Ddim), None) => DiffusionSampler::Ddim { steps },
            (None, None) => default.sampler,
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
            sampler,
            ..default
        };
        Ok(Box::new(Diffusion::new(config, o.seed, o.device.parse()?)?))
    }

    fn activation(m: &ModelOptions) -> Activation {
        match m.activation {
            None | Some(registry::Activation::Relu) => Activation::Relu,
            Some(registry::Activation::Silu) => Activation::Silu,
        }
    }
}

#[cfg(not(feature = "torch"))]
mod networks {
    use super::{Generative, PredictorOptions, Result};

    pub(super) fn none(_options: &PredictorOptions<'_>) -> Result<Box<dyn Generative>> {
        Err(super::super::without_libtorch())
    }

    pub(super) use self::{none as diffusion, none as flow, none as gaussian, none as mixture};
}
