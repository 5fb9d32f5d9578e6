use std::fmt;
use std::path::Path;
use std::sync::Arc;

use dfl_core::{Batch, Error, Generative, Key, Parameters, PointLikelihood, Predictor, Result, Sampler, Stream, check_len};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::VarStore;

use super::bridge::{Place, Torch, backend, from_tensor, inject, to_tensor, upload};
use super::layer::Affine;
use super::weights::Weights;
use super::{Device, Precision, architecture, files};

const NAME: &str = "gcn";

/// Sizes of a [`Gcn`] and its graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GcnConfig {
    /// Number of nodes.
    pub nodes: usize,
    /// Both ends of each edge.
    pub edges: Vec<[usize; 2]>,
    /// Number of features of a node.
    pub features: usize,
    /// Widths of the graph convolutions.
    pub convolutions: Vec<usize>,
    /// Widths of the layers behind them that see a node alone.
    pub hidden: Vec<usize>,
    /// Width of its numbers.
    pub precision: Precision,
}

impl GcnConfig {
    /// The published network: convolutions of 15 and 10, a layer of 5; `f32`.
    pub fn new(nodes: usize, edges: Vec<[usize; 2]>, features: usize) -> Self {
        Self { nodes, edges, features, convolutions: vec![15, 10], hidden: vec![5], precision: Precision::Single }
    }

    fn check(&self) -> Result<()> {
        let widths: Vec<usize> = self.convolutions.iter().chain(&self.hidden).copied().collect();
        architecture::check_widths(self.features, &widths, self.nodes)?;
        match self.edges.iter().flatten().find(|&&v| v >= self.nodes) {
            Some(&v) => Err(Error::Domain { what: "end of an edge", value: v as f64, need: "the number of a node" }),
            None => Ok(()),
        }
    }

    /// Entry $(v, w)$ is 1 over the number of neighbours of $v$ if $w$ is one of them, `[nodes, nodes]`.
    fn mean_of_neighbours(&self) -> Vec<f64> {
        let n = self.nodes;
        let mut mean = vec![0.0; n * n];
        for &[u, v] in &self.edges {
            (mean[u * n + v], mean[v * n + u]) = (1.0, 1.0);
        }
        for row in mean.chunks_exact_mut(n) {
            let degree: f64 = row.iter().sum();
            row.iter_mut().filter(|w| **w > 0.0).for_each(|w| *w /= degree);
        }
        mean
    }
}

/// A graph network that predicts one number for each node, on libtorch, trained with Adam; as a distribution it is a point.
///
/// Convolutions $x_v \leftarrow s(W_1 x_v + W_2 \operatorname{mean}_{w \sim v} x_w + b)$ with $s$ the softplus, then layers on each node with the same
/// $s$ and one number at the end. The output is centred: what it is for is not moved by a constant.
///
/// Every sample is the prediction; [`Generative::pull_samples`] adds their cotangents. It has no density of outcomes: its likelihood is that of what was
/// observed of them ([`PointLikelihood`]).
///
/// # Shapes
/// Features `[b, nodes * features]`, those of a node together; predictions `[b, nodes]`.
/// # Errors
/// Of all methods: [`Error::Dimension`] for another width, [`Error::NotFinite`] naming the argument, or what the model gave (then training has
/// diverged); [`Error::Domain`] for 0 samples; [`Error::Backend`]; those of the likelihood.
/// # References
/// Wang et al. (2020), NeurIPS, the code of the network security game: widths and activations.
/// # Differences
/// There the output is less its minimum; centred it can be compared with the truth.
pub struct Gcn {
    config: GcnConfig,
    likelihood: Arc<dyn PointLikelihood>,
    place: Place,
    mean: Tensor,
    convolutions: Vec<Affine>,
    dense: Vec<Affine>,
    weights: Weights,
    /// The last draw's prediction, `[b, nodes]`, with its graph.
    last: Option<Tensor>,
}

impl fmt::Debug for Gcn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME).field("config", &self.config).field("likelihood", &self.likelihood).finish_non_exhaustive()
    }
}

impl Gcn {
    /// A model with weights drawn from `seed`, uniform as torch's.
    ///
    /// # Errors
    /// [`Error::Domain`] naming a field of the configuration, [`Device::resolve`]'s errors, [`Error::Backend`].
    pub fn new(config: GcnConfig, likelihood: Arc<dyn PointLikelihood>, seed: u64, device: Device) -> Result<Self> {
        config.check()?;
        let place = (config.precision.kind(), device.resolve()?);
        let store = VarStore::new(place.1);
        let n = config.nodes as i64;
        let mean = upload(&config.mean_of_neighbours(), &[n, n], place).map_err(backend)?;
        let (mut before, mut id) = (config.features, 0);
        let mut layer = |inputs_per_width: usize, outputs: usize| {
            let mut rng = Stream { seed, step: 0 }.rng("init", Key { id, slot: 0 });
            let made = Affine::new(&(store.root() / format!("layer{id}")), (inputs_per_width * before, outputs), place, &mut rng);
            (before, id) = (outputs, id + 1);
            made.map_err(backend)
        };
        // A convolution sees a node beside the mean of its neighbours.
        let convolutions = config.convolutions.iter().map(|&width| layer(2, width)).collect::<Result<_>>()?;
        let dense = config.hidden.iter().chain(&[1]).map(|&width| layer(1, width)).collect::<Result<_>>()?;
        let weights = Weights::new(&store);
        Ok(Self { config, likelihood, place, mean, convolutions, dense, weights, last: None })
    }

    /// Reads what [`Parameters::save`] wrote, onto any device; the likelihood is not in the file.
    ///
    /// # Errors
    /// [`Error::File`] naming the file that is missing or of another model, [`Error::Domain`], [`Device::resolve`]'s errors.
    pub fn load(path: &Path, likelihood: Arc<dyn PointLikelihood>, device: Device) -> Result<Self> {
        let config = files::read_config(&path.with_extension("toml"), NAME)?;
        let mut model = Self::new(config, likelihood, 0, device)?;
        model.weights.load(&path.with_extension("safetensors"))?;
        Ok(model)
    }

    /// Sizes and graph.
    pub fn config(&self) -> &GcnConfig {
        &self.config
    }

    fn forward(&self, features: &Batch) -> Result<Tensor> {
        check_len("features", self.inputs(), features.cols())?;
        let x = to_tensor("features", features, self.place)?;
        self.network(&x).map_err(backend)
    }

    fn network(&self, x: &Tensor) -> Torch<Tensor> {
        let rows = x.size()[0];
        let mut x = x.f_view([rows, self.config.nodes as i64, self.config.features as i64])?;
        for convolution in &self.convolutions {
            let around = self.mean.f_matmul(&x)?;
            x = convolution.forward(&Tensor::f_cat(&[&x, &around], -1)?)?.f_softplus()?;
        }
        for (i, dense) in self.dense.iter().enumerate() {
            x = dense.forward(&x)?;
            if i + 1 < self.dense.len() {
                x = x.f_softplus()?;
            }
        }
        let out = x.f_squeeze_dim(-1)?;
        out.f_sub(&out.f_mean_dim(Some([-1].as_slice()), true, None)?)
    }
}

/// Every row so many times in a row.
fn repeated(rows: &Batch, samples: usize) -> Result<Batch> {
    if samples == 0 {
        return Err(Error::Domain { what: "samples", value: 0.0, need: "at least 1" });
    }
    Batch::from_vec(rows.rows(), samples * rows.cols(), rows.iter().flat_map(|row| row.repeat(samples)).collect())
}

impl Predictor for Gcn {
    fn name(&self) -> &'static str {
        NAME
    }
    fn inputs(&self) -> usize {
        self.config.nodes * self.config.features
    }
    fn outputs(&self) -> usize {
        self.config.nodes
    }
    fn predict(&self, features: &Batch) -> Result<Batch> {
        let _no_graph = tch::no_grad_guard();
        from_tensor("prediction", &self.forward(features)?)
    }
}

impl Sampler for Gcn {
    fn sample(&self, features: &Batch, samples: usize, _stream: Stream) -> Result<Batch> {
        repeated(&self.predict(features)?, samples)
    }
}

impl Parameters for Gcn {
    fn values(&self) -> Vec<f64> {
        self.weights.values()
    }
    fn set_values(&mut self, values: &[f64]) -> Result<()> {
        self.last = None;
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
        self.last = None;
        self.weights.step(learning_rate)
    }
    /// Writes `path` with extension `safetensors` (the weights) and, beside it, with extension `toml` (the configuration, with a key `model`).
    fn save(&self, path: &Path) -> Result<()> {
        self.weights.save(&path.with_extension("safetensors"))?;
        files::write_config(&path.with_extension("toml"), NAME, &self.config)
    }
}

impl Generative for Gcn {
    fn has_density(&self) -> bool {
        false
    }
    fn add_log_likelihood(&mut self, features: &Batch, outcomes: &Batch, weights: &Batch, _stream: Stream) -> Result<f64> {
        let nodes = self.config.nodes;
        check_len("rows of weights", features.rows(), weights.rows())?;
        check_len("rows of outcomes", features.rows(), outcomes.rows())?;
        check_len("outcomes", weights.cols() * nodes, outcomes.cols())?;
        weights.check_finite("weights")?;
        let out = self.forward(features)?;
        let predicted = from_tensor("prediction", &out)?;
        let (mut cotangent, mut value) = (Batch::zeros(predicted.rows(), nodes), 0.0);
        for i in 0..predicted.rows() {
            for (outcome, &weight) in outcomes.row(i).chunks_exact(nodes).zip(weights.row(i)) {
                value += self.likelihood.add_grad(outcome, predicted.row(i), weight, cotangent.row_mut(i))?;
            }
        }
        self.weights.add_gradient_of(&inject(&out, &cotangent, value)?)?;
        Ok(value)
    }
    fn draw(&mut self, features: &Batch, samples: usize, _stream: Stream) -> Result<Batch> {
        self.last = None;
        let out = self.forward(features)?;
        let drawn = repeated(&from_tensor("sample", &out)?, samples)?;
        self.last = Some(out);
        Ok(drawn)
    }
    fn pull_samples(&mut self, cotangent: &Batch) -> Result<()> {
        let Some(out) = &self.last else {
            return check_len("cotangent rows (nothing was drawn since the weights changed)", 0, cotangent.rows());
        };
        let nodes = self.config.nodes;
        check_len("cotangent, whole samples", 0, cotangent.cols() % nodes)?;
        let mut sum = Batch::zeros(cotangent.rows(), nodes);
        for (i, row) in cotangent.iter().enumerate() {
            for sample in row.chunks_exact(nodes) {
                sum.row_mut(i).iter_mut().zip(sample).for_each(|(sum, c)| *sum += c);
            }
        }
        self.weights.add_gradient_of(&inject(out, &sum, 0.0)?)
    }
}
