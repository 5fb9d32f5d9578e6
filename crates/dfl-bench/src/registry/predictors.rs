use dfl_core::{Key, Linear, NodeGraph, Result, Shared, Stream, Trainable};
use serde::Deserialize;

use super::ModelOptions;
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
    /// Settings of the predictor.
    pub model: &'a ModelOptions,
    /// `auto`, `cpu` or `cuda:N`; only torch predictors read it.
    pub device: &'a str,
    /// The nodes that a prediction has one number for; only graph networks read it.
    pub graph: Option<&'a NodeGraph>,
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

/// A predictor by id.
pub struct PredictorEntry {
    /// Fixed word of a result row.
    pub id: &'static str,
    /// The model options that it reads.
    pub reads: &'static [&'static str],
    make: Make,
}

/// Every predictor of parameters; those of distributions are [`DISTRIBUTIONS`](super::DISTRIBUTIONS).
pub const PREDICTORS: &[PredictorEntry] = &[
    PredictorEntry { id: "linear", reads: &[], make: |o| Ok(Box::new(linear(o))) },
    PredictorEntry { id: "mlp", reads: &["hidden", "dropout", "precision"], make: mlp },
];

/// Makes a predictor by id.
///
/// # Errors
/// [`dfl_core::Error::Unknown`], [`dfl_core::Error::Unsupported`] if libtorch is not built in, or a bad device.
pub fn make_predictor(id: &str, options: &PredictorOptions<'_>) -> Result<Box<dyn Trainable>> {
    let entry = PREDICTORS.iter().find(|p| p.id == id).ok_or_else(|| unknown("predictor", id, PREDICTORS.iter().map(|p| p.id)))?;
    match options.shared {
        None => (entry.make)(options),
        Some(items) => {
            let part = |size: usize| size / items.max(1);
            let of_item = PredictorOptions { inputs: part(options.inputs), outputs: part(options.outputs), shared: None, ..*options };
            Ok(Box::new(Shared::new(items, (entry.make)(&of_item)?)?))
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

/// Plain hidden layers, or the network of the SO-EBM power experiment: 200-200, batch normalisation, ReLU, dropout 0.2.
#[cfg(feature = "torch")]
fn mlp(options: &PredictorOptions<'_>) -> Result<Box<dyn Trainable>> {
    use dfl_models::torch::{Architecture, Device, Network};
    let PredictorOptions { inputs, outputs, model, .. } = *options;
    let (device, power): (Device, _) = (options.device.parse()?, Architecture::power(inputs, outputs));
    let plain = |widths: &Vec<usize>| Architecture::mlp(inputs, widths, outputs);
    let layers = model.hidden.as_ref().map_or(power, plain);
    let architecture = Architecture { dropout: model.dropout.unwrap_or(layers.dropout), ..layers };
    let precision = super::networks::precision(model);
    Ok(Box::new(Network::new(architecture.with_precision(precision), options.seed, device)?))
}

#[cfg(not(feature = "torch"))]
fn mlp(_options: &PredictorOptions<'_>) -> Result<Box<dyn Trainable>> {
    Err(super::without_libtorch())
}
