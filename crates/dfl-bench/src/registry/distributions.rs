//! Predictors of distributions: one line each.

use dfl_core::{Batch, Centre, Generative, Instances, LinearGaussian, Result, Spread, Standardised, check_len};
use dfl_models::Simulated;

#[cfg(feature = "torch")]
use super::networks;
use super::{Centring, Covariance, Deviation, ModelOptions, PredictorOptions, Width};
use crate::tasks::{Benchmark, unknown};

/// Shrinkage of the regression that a distribution is centred on: enough for collinear features, 0.1 % of what a free one would have.
const RIDGE: f64 = 1e-3;

type Make = fn(&PredictorOptions<'_>) -> Result<Box<dyn Generative>>;

/// A predictor of distributions by id.
pub struct DistributionEntry {
    /// Fixed word of a result row.
    pub id: &'static str,
    /// The model options that it reads.
    pub reads: &'static [&'static str],
    /// Whether it learns in coordinates in which the truth has mean 0 and deviation 1; else in those of the truth.
    standardised: bool,
    make: Make,
}

/// Every predictor of distributions.
pub const DISTRIBUTIONS: &[DistributionEntry] = &[
    DistributionEntry {
        id: "gaussian",
        reads: &["hidden", "activation", "batch_norm", "skip", "dropout", "covariance", "deviation", "centre", "precision"],
        standardised: true,
        make: gaussian,
    },
    DistributionEntry {
        id: "mixture",
        reads: &["hidden", "activation", "skip", "dropout", "components", "centre", "precision"],
        standardised: true,
        make: networks::mixture,
    },
    DistributionEntry { id: "gru", reads: &["hidden", "days", "centre", "precision"], standardised: true, make: networks::gru },
    DistributionEntry { id: "flow", reads: &["hidden", "couplings", "centre", "precision"], standardised: true, make: networks::flow },
    DistributionEntry {
        id: "diffusion",
        reads: &["hidden", "steps", "sampler", "sampler_steps", "checkpoint", "elbo", "timesteps", "draws", "centre", "precision"],
        standardised: true,
        make: networks::diffusion,
    },
    DistributionEntry { id: "gcn", reads: &["precision"], standardised: false, make: networks::gcn },
];

/// Makes a predictor of the outcomes of a task by id: of the truth, or of what stands behind the outcome in it and is simulated.
///
/// # Errors
/// As [`make_distribution`]; [`dfl_core::Error::Dimension`] if the truth is not what the task's simulator says.
pub(crate) fn make_outcomes(
    task: &dyn Benchmark,
    id: &str,
    options: &PredictorOptions<'_>,
    train: &Instances,
) -> Result<Box<dyn Generative>> {
    let Some(simulator) = task.simulator() else { return make_distribution(id, options, train) };
    let (front, latent) = (simulator.outcome(), simulator.latent());
    check_len("truth of a simulated outcome", front + latent, train.truth.cols())?;
    let behind = train.truth.iter().flat_map(|row| &row[front..]).copied().collect();
    let latents = Instances { truth: Batch::from_vec(train.len(), latent, behind)?, labels: None, ..train.clone() };
    let model = make_distribution(id, &PredictorOptions { outputs: latent, ..*options }, &latents)?;
    Ok(Box::new(Simulated::new(model, simulator)?))
}

/// Makes a predictor of distributions by id, in coordinates in which the training rows' truth has mean 0 and deviation 1, if it learns in such.
///
/// # Errors
/// [`dfl_core::Error::Unknown`], [`dfl_core::Error::Unsupported`] if libtorch is not built in, a bad device, or a column of the truth that
/// never varies.
pub fn make_distribution(id: &str, options: &PredictorOptions<'_>, train: &Instances) -> Result<Box<dyn Generative>> {
    let entry = DISTRIBUTIONS.iter().find(|p| p.id == id);
    let entry = entry.ok_or_else(|| unknown("predictor of distributions", id, DISTRIBUTIONS.iter().map(|p| p.id)))?;
    if !entry.standardised {
        return (entry.make)(options);
    }
    let centre = match options.model.centre {
        None | Some(Centring::Mean) => Centre::Mean,
        Some(Centring::LeastSquares) => Centre::LeastSquares { ridge: RIDGE },
    };
    Ok(Box::new(Standardised::fit((entry.make)(options)?, train, centre)?))
}

fn gaussian(options: &PredictorOptions<'_>) -> Result<Box<dyn Generative>> {
    let ModelOptions { hidden, covariance, deviation, precision, .. } = options.model;
    let affine = hidden.as_ref().is_some_and(Vec::is_empty) && *deviation != Some(Deviation::Softplus);
    match affine && *covariance != Some(Covariance::Full) && *precision != Some(Width::Single) {
        true => Ok(Box::new(LinearGaussian::new(options.inputs, options.outputs, Spread::Affine))),
        false => networks::gaussian(options),
    }
}

#[cfg(not(feature = "torch"))]
mod networks {
    use super::{Generative, PredictorOptions, Result};

    pub(super) fn none(_options: &PredictorOptions<'_>) -> Result<Box<dyn Generative>> {
        Err(super::super::without_libtorch())
    }

    pub(super) use self::{none as diffusion, none as flow, none as gaussian, none as gcn, none as gru, none as mixture};
}
