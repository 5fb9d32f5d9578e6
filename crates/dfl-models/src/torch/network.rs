use std::path::Path;

use dfl_core::{Batch, Error, Key, Parameters, Predictor, Result, Stream, Trainable, check_len};
use tch::Tensor;
use tch::nn::VarStore;

use super::bridge::{Place, Torch, backend, from_tensor, inject, to_tensor};
use super::layer::{Affine, Mode, Norm, dropout};
use super::weights::Weights;
use super::{Architecture, Device, files};

/// A feed-forward network on libtorch, trained with Adam: a linear predictor or a multi-layer perceptron.
///
/// The first weights and every dropout mask come from named streams, so on the CPU a run is the same bit for bit for the same seed
/// and number of threads. Its numbers are of [`Precision`](super::Precision); features, predictions and gradients are `f64`.
///
/// # Shapes
/// Features `[b, inputs]`, predictions `[b, outputs]`. [`Parameters::values`] holds the weights by name, then the running
/// statistics; [`Parameters::gradient`] lines up with the weights.
#[derive(Debug)]
pub struct Network {
    architecture: Architecture,
    place: Place,
    layers: Vec<(Affine, Option<Norm>)>,
    weights: Weights,
    /// Output of the last training pass, with its graph.
    last: Option<Tensor>,
}

impl Network {
    /// A network with weights drawn from `seed`.
    ///
    /// # Errors
    /// [`Error::Domain`] for an impossible architecture, [`Device::resolve`]'s errors, [`Error::Backend`].
    pub fn new(architecture: Architecture, seed: u64, device: Device) -> Result<Self> {
        architecture.check()?;
        let place = (architecture.precision.kind(), device.resolve()?);
        let store = VarStore::new(place.1);
        let layers = build(&architecture, seed, &store, place).map_err(backend)?;
        Ok(Self { architecture, place, layers, weights: Weights::new(&store), last: None })
    }

    /// Its layers.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Kind and device of its tensors.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Handles on the trained tensors, in the order of [`Parameters::gradient`]; writing to them changes the network.
    pub fn tensors(&self) -> &[Tensor] {
        self.weights.trained()
    }

    /// The output `[b, outputs]` for a feature tensor `[b, inputs]` of the network's kind and device, with its graph: for what is
    /// computed further in torch. [`bridge::inject`](super::bridge::inject) or [`Network::add_gradient_of`] close the circle.
    ///
    /// # Errors
    /// [`Error::Dimension`] for another width, [`Error::Domain`] for a training batch of one row with batch normalisation (whose
    /// variance is not defined), [`Error::Backend`].
    pub fn output(&self, features: &Tensor, mode: Mode) -> Result<Tensor> {
        let (rows, cols) = features.size2().map_err(backend)?;
        check_len("features", self.architecture.inputs, cols as usize)?;
        if mode != Mode::Predict && self.architecture.batch_norm && !self.architecture.hidden.is_empty() && rows < 2 {
            let need = "at least 2 with batch normalisation; choose a batch size that leaves no single row over";
            return Err(Error::Domain { what: "rows of a training batch", value: rows as f64, need });
        }
        self.apply(features, mode).map_err(backend)
    }

    fn apply(&self, features: &Tensor, mode: Mode) -> Torch<Tensor> {
        let mut x = features.shallow_clone();
        for (i, (affine, norm)) in self.layers.iter().enumerate() {
            x = affine.forward(&x)?;
            if let Some(norm) = norm {
                x = norm.forward(&x, mode)?;
            }
            if i + 1 < self.layers.len() {
                x = dropout(x.f_relu()?, self.architecture.dropout, i, mode)?;
            }
        }
        Ok(x)
    }

    /// Adds the gradient of a scalar made from [`Network::output`], e.g. a loss written in torch.
    ///
    /// # Errors
    /// [`Error::Dimension`] if it is not one number; [`Error::Backend`], also if the weights changed since the output was made.
    pub fn add_gradient_of(&mut self, scalar: &Tensor) -> Result<()> {
        check_len("scalar", 1, scalar.numel())?;
        self.weights.add_gradient_of(scalar)
    }

    /// Reads what [`Parameters::save`] wrote, onto any device.
    ///
    /// # Errors
    /// [`Error::File`] naming the file that is missing, truncated, has an unknown key or a tensor of another shape;
    /// [`Error::Domain`]; [`Device::resolve`]'s errors.
    pub fn load(path: &Path, device: Device) -> Result<Self> {
        let architecture = files::read_toml(&path.with_extension("toml"))?;
        let mut network = Self::new(architecture, 0, device)?;
        network.weights.load(&path.with_extension("safetensors"))?;
        Ok(network)
    }
}

fn build(architecture: &Architecture, seed: u64, store: &VarStore, place: Place) -> Torch<Vec<(Affine, Option<Norm>)>> {
    let sizes = architecture.layers();
    let layer = |(i, &size): (usize, &(usize, usize))| {
        let path = store.root() / format!("layer{i}");
        let mut rng = Stream { seed, step: 0 }.rng("init", Key { id: i as u64, slot: 0 });
        let affine = Affine::new(&path, size, place, &mut rng)?;
        let normed = architecture.batch_norm && i + 1 < sizes.len();
        let norm = normed.then(|| Norm::new(&(store.root() / format!("norm{i}")), size.1, place)).transpose()?;
        Ok((affine, norm))
    };
    sizes.iter().enumerate().map(layer).collect()
}

impl Predictor for Network {
    fn name(&self) -> &'static str {
        if self.architecture.hidden.is_empty() { "linear" } else { "mlp" }
    }
    fn inputs(&self) -> usize {
        self.architecture.inputs
    }
    fn outputs(&self) -> usize {
        self.architecture.outputs
    }
    fn predict(&self, features: &Batch) -> Result<Batch> {
        check_len("features", self.architecture.inputs, features.cols())?;
        let _no_graph = tch::no_grad_guard();
        from_tensor("prediction", &self.output(&to_tensor("features", features, self.place)?, Mode::Predict)?)
    }
}

impl Parameters for Network {
    fn values(&self) -> Vec<f64> {
        self.weights.values()
    }
    fn set_values(&mut self, values: &[f64]) -> Result<()> {
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
        self.weights.step(learning_rate)
    }
    fn optimiser_state(&self) -> Result<Vec<f64>> {
        self.weights.optimiser_state()
    }
    fn set_optimiser_state(&mut self, state: &[f64]) -> Result<()> {
        self.weights.set_optimiser_state(state)
    }
    /// Writes `path` with extension `safetensors` (weights and running statistics) and, beside it, with extension `toml` (the
    /// architecture). Each file is replaced in one go. The optimiser's state is not saved.
    fn save(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(&self.architecture).map_err(|e| Error::Backend { backend: "toml", source: Box::new(e) })?;
        self.weights.save(&path.with_extension("safetensors"))?;
        files::write_text(&path.with_extension("toml"), &text)
    }
}

impl Trainable for Network {
    fn forward(&mut self, features: &Batch, stream: Stream) -> Result<Batch> {
        check_len("features", self.architecture.inputs, features.cols())?;
        let output = self.output(&to_tensor("features", features, self.place)?, Mode::Train(stream))?;
        let prediction = from_tensor("prediction", &output)?;
        self.last = Some(output);
        Ok(prediction)
    }
    fn backward(&mut self, cotangent: &Batch) -> Result<()> {
        let Some(output) = &self.last else {
            return check_len("cotangent rows (there was no forward pass)", 0, cotangent.rows());
        };
        self.weights.add_gradient_of(&inject(output, cotangent, 0.0)?)
    }
}
