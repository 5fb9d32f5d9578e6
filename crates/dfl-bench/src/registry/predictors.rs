use dfl_core::{Key, Linear, Result, Shared, Stream, Trainable};
use serde::Deserialize;

use crate::tasks::unknown;

/// What a predictor is made from.
#[derive(Clone, Copy, Debug)]
pub struct PredictorOptions<'a> {
    /// Number of features.
    pub inputs: usize,
    /// Length of a prediction.
    pub outputs: usize,
    /// Number of items that share one model, each with its part of features and prediction; `None` if the prediction is made as a whole.
    pub shared: Option<usize>,
    /// Seed of the initial weights, where they are random.
    pub seed: u64,
    /// How the linear predictor begins; networks have a way of their own.
    pub start: Start,
    /// `auto`, `cpu` or `cuda:N`; only torch predictors read it.
    pub device: &'a str,
}

/// Weights with which a linear predictor begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// All zero.
    #[default]
    Zero,
    /// As PyTorch's, see [`Linear::uniform`].
    Uniform,
}

type Make = fn(&PredictorOptions<'_>) -> Result<Box<dyn Trainable>>;

/// Every predictor by id.
pub const PREDICTORS: &[(&str, Make)] = &[("linear", |o| Ok(Box::new(linear(o)))), ("mlp", mlp)];

/// Makes a predictor by id.
///
/// # Errors
/// [`dfl_core::Error::Unknown`], [`dfl_core::Error::Unsupported`] if libtorch is not built in, or a bad device.
pub fn make_predictor(id: &str, options: &PredictorOptions<'_>) -> Result<Box<dyn Trainable>> {
    let (_, make) =
        PREDICTORS.iter().find(|(name, _)| *name == id).ok_or_else(|| unknown("predictor", id, PREDICTORS.iter().map(|p| p.0)))?;
    match options.shared {
        None => make(options),
        Some(items) => {
            let part = |size: usize| size / items.max(1);
            let of_item = PredictorOptions { inputs: part(options.inputs), outputs: part(options.outputs), shared: None, ..*options };
            Ok(Box::new(Shared::new(items, make(&of_item)?)?))
        }
    }
}

fn linear(options: &PredictorOptions<'_>) -> Linear {
    let zero = Linear::new(options.inputs, options.outputs);
    match options.start {
        Start::Zero => zero,
        Start::Uniform => zero.uniform(&mut Stream { seed: options.seed, step: 0 }.rng("init", Key::default())),
    }
}

/// The network of the SO-EBM power experiment: 200-200, batch normalisation, ReLU, dropout 0.2.
#[cfg(feature = "torch")]
fn mlp(options: &PredictorOptions<'_>) -> Result<Box<dyn Trainable>> {
    use dfl_models::torch::{Architecture, Device, Network};
    let device: Device = options.device.parse()?;
    Ok(Box::new(Network::new(Architecture::power(options.inputs, options.outputs), options.seed, device)?))
}

#[cfg(not(feature = "torch"))]
fn mlp(_options: &PredictorOptions<'_>) -> Result<Box<dyn Trainable>> {
    Err(super::without_libtorch())
}
