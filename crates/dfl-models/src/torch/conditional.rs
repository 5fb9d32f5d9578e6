use std::fmt;
use std::path::Path;

use dfl_core::{Batch, Error, Generative, Parameters, Predictor, Result, Sampler, Stream, check_len, check_samples};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::Tensor;
use tch::nn::{self, VarStore};

use super::bridge::{Place, Torch, backend, from_tensor, inject, to_tensor};
use super::layer::Mode;
use super::noise::normals;
use super::weights::Weights;
use super::{Device, Precision, files};

/// What a configuration of every family says.
pub trait Config: fmt::Debug + Serialize + DeserializeOwned {
    /// Number of features.
    fn inputs(&self) -> usize;
    /// Length of an outcome.
    fn outputs(&self) -> usize;
    /// Width of the numbers.
    fn precision(&self) -> Precision;
    /// Whether training passes normalise over the batch, which takes two rows.
    fn batch_norm(&self) -> bool {
        false
    }
    /// Refuses what makes no model.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) naming the field.
    fn check(&self) -> Result<()>;
}

/// What tells one kind of conditional density from another, on tensors.
///
/// # Shapes
/// Features `[b, inputs]`; outcomes and samples `[b, m, outputs]`; noise `[b, m, outputs + EXTRA]`; log densities `[b, m]`.
pub trait Family: fmt::Debug + Sized {
    /// Id of benchmark rows, and the word in a saved model's configuration.
    const NAME: &'static str;
    /// Normals that a sample takes beyond one for each output.
    const EXTRA: usize = 0;
    /// Sizes and options.
    type Config: Config;
    /// Puts the weights, drawn from `seed`, into `root`.
    ///
    /// # Errors
    /// Libtorch's.
    fn build(config: &Self::Config, seed: u64, root: &nn::Path<'_>, place: Place) -> Torch<Self>;
    /// The mean of each row `[b, outputs]`, in evaluation mode.
    ///
    /// # Errors
    /// Libtorch's.
    fn mean(&self, features: &Tensor) -> Torch<Tensor>;
    /// $\log p(y_{im} \mid \phi_i)$.
    ///
    /// # Errors
    /// Libtorch's.
    fn log_density(&self, features: &Tensor, outcomes: &Tensor, mode: Mode) -> Torch<Tensor>;
    /// Samples made of standard normals; in training mode they carry the derivative in the weights.
    ///
    /// # Errors
    /// Libtorch's.
    fn transform(&self, features: &Tensor, noise: &Tensor, mode: Mode) -> Torch<Tensor>;
    /// Means, then deviations `[b, 2 * outputs]` of independent Gaussian outcomes; `None` where they are something else.
    ///
    /// # Errors
    /// Libtorch's.
    fn moments(&self, _features: &Tensor, _mode: Mode) -> Torch<Option<Tensor>> {
        Ok(None)
    }
}

/// A distribution of outcomes given features with an exact density, on libtorch, trained with Adam: what
/// [`Gaussian`](super::Gaussian), [`Mixture`](super::Mixture) and [`Flow`](super::Flow) have in common.
///
/// First weights, noise and dropout masks come from named streams, so on the CPU a run is the same bit for bit for the same seed and
/// number of threads. The noise of a row is a function of the stream and the row's position, and a row's first samples are the same
/// for any number of them. All rows and samples of a call are one pass through the network.
///
/// Initial weights suit outcomes of mean 0 and deviation 1 (`dfl_core::Standardised` makes them so).
///
/// # Errors
/// Of all methods: [`Error::Dimension`](dfl_core::Error::Dimension) for another width, [`Error::NotFinite`](dfl_core::Error::NotFinite)
/// naming the argument, or what the model gave (then training has diverged); [`Error::Domain`](dfl_core::Error::Domain) for 0 samples, or
/// for numbers beyond `f32` in a model of that precision; [`Error::Backend`](dfl_core::Error::Backend).
pub struct Conditional<F: Family> {
    config: F::Config,
    place: Place,
    family: F,
    weights: Weights,
    /// The last draw, `[b, samples * outputs]`, with its graph.
    last: Option<Tensor>,
    /// The last moments, `[b, 2 * outputs]`, with their graph.
    last_moments: Option<Tensor>,
}

impl<F: Family> fmt::Debug for Conditional<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(F::NAME).field("config", &self.config).field("place", &self.place).finish_non_exhaustive()
    }
}

impl<F: Family> Conditional<F> {
    /// A model with weights drawn from `seed`.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) naming a field of the configuration, [`Device::resolve`]'s errors,
    /// [`Error::Backend`](dfl_core::Error::Backend).
    pub fn new(config: F::Config, seed: u64, device: Device) -> Result<Self> {
        config.check()?;
        let place = (config.precision().kind(), device.resolve()?);
        let store = VarStore::new(place.1);
        let family = F::build(&config, seed, &store.root(), place).map_err(backend)?;
        Ok(Self { config, place, family, weights: Weights::new(&store), last: None, last_moments: None })
    }

    /// Sizes and options.
    pub fn config(&self) -> &F::Config {
        &self.config
    }

    /// Reads what [`Parameters::save`] wrote, onto any device.
    ///
    /// # Errors
    /// [`Error::File`](dfl_core::Error::File) naming the file that is missing, truncated, of another model, has an unknown key or a tensor
    /// of another shape; [`Error::Domain`](dfl_core::Error::Domain); [`Device::resolve`]'s errors.
    pub fn load(path: &Path, device: Device) -> Result<Self> {
        let config = files::read_config(&path.with_extension("toml"), F::NAME)?;
        let mut model = Self::new(config, 0, device)?;
        model.weights.load(&path.with_extension("safetensors"))?;
        Ok(model)
    }

    pub(crate) fn family(&self) -> &F {
        &self.family
    }

    pub(crate) fn features(&self, features: &Batch) -> Result<Tensor> {
        check_len("features", self.config.inputs(), features.cols())?;
        to_tensor("features", features, self.place)
    }

    /// The features of a pass, of which training with batch normalisation needs two rows (the variance of one is not defined).
    fn input(&self, features: &Batch, mode: Mode) -> Result<Tensor> {
        if mode != Mode::Predict && self.config.batch_norm() && features.rows() == 1 {
            let need = "at least 2 with batch normalisation; choose a batch size that leaves no single row over";
            return Err(Error::Domain { what: "rows of a training batch", value: 1.0, need });
        }
        self.features(features)
    }

    /// `[b, m * outputs]` as a tensor `[b, m, outputs]`.
    pub(crate) fn outcomes(&self, what: &'static str, outcomes: &Batch, rows: usize, samples: usize) -> Result<Tensor> {
        check_samples(samples)?;
        check_len("rows of outcomes", rows, outcomes.rows())?;
        check_len(what, samples * self.config.outputs(), outcomes.cols())?;
        let shape = [rows as i64, samples as i64, self.config.outputs() as i64];
        to_tensor(what, outcomes, self.place)?.f_view(shape).map_err(backend)
    }

    /// What was computed with weights that are about to change.
    fn forget(&mut self) {
        (self.last, self.last_moments) = (None, None);
    }

    fn moments_of(&self, features: &Batch, mode: Mode) -> Result<Tensor> {
        let found = self.family.moments(&self.input(features, mode)?, mode).map_err(backend)?;
        found.ok_or(Error::Unsupported { who: F::NAME, what: "mean and deviation of independent Gaussians" })
    }

    /// Adds the gradient through a tensor of an earlier pass.
    fn pull(&mut self, from: impl Fn(&Self) -> Option<&Tensor>, cotangent: &Batch) -> Result<()> {
        let Some(output) = from(self) else {
            return check_len("cotangent rows (nothing was drawn since the weights changed)", 0, cotangent.rows());
        };
        let scalar = inject(output, cotangent, 0.0)?;
        self.weights.add_gradient_of(&scalar)
    }

    /// `[b, samples * outputs]`, with the graph of what the mode asks for.
    fn draws(&self, features: &Batch, samples: usize, stream: Stream, mode: Mode) -> Result<Tensor> {
        check_samples(samples)?;
        let (rows, outputs) = (features.rows(), self.config.outputs());
        let each = outputs + F::EXTRA;
        let x = self.input(features, mode)?;
        let make = || {
            let noise = normals(stream, rows, samples * each, self.place)?.f_view([rows as i64, samples as i64, each as i64])?;
            self.family.transform(&x, &noise, mode)?.f_reshape([rows as i64, (samples * outputs) as i64])
        };
        make().map_err(backend)
    }
}

impl<F: Family> Predictor for Conditional<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }
    fn inputs(&self) -> usize {
        self.config.inputs()
    }
    fn outputs(&self) -> usize {
        self.config.outputs()
    }
    /// The mean.
    fn predict(&self, features: &Batch) -> Result<Batch> {
        let _no_graph = tch::no_grad_guard();
        from_tensor("prediction", &self.family.mean(&self.features(features)?).map_err(backend)?)
    }
}

impl<F: Family> Sampler for Conditional<F> {
    fn sample(&self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        let _no_graph = tch::no_grad_guard();
        from_tensor("sample", &self.draws(features, samples, stream, Mode::Predict)?)
    }
}

impl<F: Family> Parameters for Conditional<F> {
    fn values(&self) -> Vec<f64> {
        self.weights.values()
    }
    fn set_values(&mut self, values: &[f64]) -> Result<()> {
        self.forget();
        self.weights.set_values(values)
    }
    fn gradient(&self) -> Vec<f64> {
        self.weights.gradient()
    }
    fn add_gradient(&mut self, scale: f64, other: &[f64]) -> Result<()> {
        self.weights.add_gradient(scale, other)
    }
    fn zero_grad(&mut self) {
        self.weights.zero_grad();
    }
    fn step(&mut self, learning_rate: f64) -> Result<()> {
        self.forget();
        self.weights.step(learning_rate)
    }
    /// Writes `path` with extension `safetensors` (the weights) and, beside it, with extension `toml` (the configuration, with a key
    /// `model`). Each file is replaced in one go. The optimiser's state is not saved.
    fn save(&self, path: &Path) -> Result<()> {
        self.weights.save(&path.with_extension("safetensors"))?;
        files::write_config(&path.with_extension("toml"), F::NAME, &self.config)
    }
}

impl<F: Family> Generative for Conditional<F> {
    fn has_density(&self) -> bool {
        true
    }
    fn add_log_likelihood(&mut self, features: &Batch, outcomes: &Batch, weights: &Batch, stream: Stream) -> Result<f64> {
        check_len("rows of weights", features.rows(), weights.rows())?;
        weights.check_finite("weights")?;
        let y = self.outcomes("outcomes", outcomes, features.rows(), weights.cols())?;
        let mode = Mode::Train(stream);
        let logs = self.family.log_density(&self.input(features, mode)?, &y, mode).map_err(backend)?;
        let found = from_tensor("log-density", &logs)?;
        let value = found.as_slice().iter().zip(weights.as_slice()).map(|(log, weight)| weight * log).sum();
        self.weights.add_gradient_of(&inject(&logs, weights, value)?)?;
        Ok(value)
    }
    fn log_density(&self, features: &Batch, outcomes: &Batch) -> Result<Batch> {
        let _no_graph = tch::no_grad_guard();
        let samples = outcomes.cols() / self.config.outputs();
        let y = self.outcomes("outcomes", outcomes, features.rows(), samples)?;
        from_tensor("log-density", &self.family.log_density(&self.features(features)?, &y, Mode::Predict).map_err(backend)?)
    }
    fn draw(&mut self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        // What the last draw held is freed before the next graph grows.
        self.last = None;
        let drawn = self.draws(features, samples, stream, Mode::Train(stream))?;
        let values = from_tensor("sample", &drawn)?;
        self.last = Some(drawn);
        Ok(values)
    }
    fn pull_samples(&mut self, cotangent: &Batch) -> Result<()> {
        self.pull(|model| model.last.as_ref(), cotangent)
    }
    fn moments(&self, features: &Batch) -> Result<Batch> {
        let _no_graph = tch::no_grad_guard();
        from_tensor("moments", &self.moments_of(features, Mode::Predict)?)
    }
    fn forward_moments(&mut self, features: &Batch, stream: Stream) -> Result<Batch> {
        self.last_moments = None;
        let moments = self.moments_of(features, Mode::Train(stream))?;
        let values = from_tensor("moments", &moments)?;
        self.last_moments = Some(moments);
        Ok(values)
    }
    fn pull_moments(&mut self, cotangent: &Batch) -> Result<()> {
        self.pull(|model| model.last_moments.as_ref(), cotangent)
    }
}
