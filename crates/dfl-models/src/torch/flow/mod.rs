//! Conditional RealNVP.

mod coupling;

use dfl_core::{Batch, Result, Stream};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use self::coupling::Coupling;
use super::bridge::{Place, Torch, backend, from_tensor, place};
use super::conditional::{Conditional, Config, Family};
use super::layer::Mode;
use super::noise::{log_standard_normal, normals};
use super::{Precision, architecture};

/// Sizes of a [`Flow`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowConfig {
    /// Number of features.
    pub inputs: usize,
    /// Length of an outcome.
    pub outputs: usize,
    /// Number of coupling layers.
    pub couplings: usize,
    /// Widths of the hidden layers (ReLU) of each of a coupling's two networks.
    pub hidden: Vec<usize>,
    /// Width of its numbers.
    pub precision: Precision,
}

impl FlowConfig {
    /// Four couplings with hidden layers of 128 and 128, as Gen-DFL has them (Wang et al. 2025); `f32`.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, couplings: 4, hidden: vec![128, 128], precision: Precision::Single }
    }
}

impl Config for FlowConfig {
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.outputs
    }
    fn precision(&self) -> Precision {
        self.precision
    }
    fn check(&self) -> Result<()> {
        architecture::check_width("couplings", self.couplings)?;
        architecture::check_widths(self.inputs, &self.hidden, self.outputs)
    }
}

/// A normalising flow given features, of affine couplings (RealNVP): an invertible map of normal noise whose density is exact.
///
/// $$y = g_K \circ \dots \circ g_1(u),\ u \sim N(0, I), \qquad
/// \log p(y \mid \phi) = \log N(u; 0, I) - \textstyle\sum_k \sum_j s_{kj}$$
///
/// Coupling $k$ leaves one half of its entries, $a$, and moves the other: $b \mapsto b\,e^{s} + t$, $s = \tanh N_s(\phi, a)$,
/// $t = N_t(\phi, a)$; the halves take turns. It starts as the identity, so that $y$ is standard normal.
///
/// A coupling scales what it moves by a factor within $e^{\pm 1}$, and each entry is moved by every other coupling: the scales of four
/// reach $e^{\pm 2}$, so outcomes should be standardised.
///
/// With one output there is no other half: $s$ and $t$ see the features only, and the flow is a Gaussian of bounded deviation.
///
/// [`predict`](dfl_core::Predictor::predict) gives the mean of [`Flow::MEAN_SAMPLES`] samples whose noise is the same for every
/// row and call and comes in pairs $\pm u$, so that it is exact where the flow is linear in its noise.
///
/// # Differences
/// Gen-DFL's code gives its networks all entries with the moved ones set to zero, and drops what they say of the others; here they
/// have no such inputs and outputs, which is the same map. Its last layers start at random values, ours at zero.
///
/// # References
/// Dinh, Sohl-Dickstein & Bengio (2017), ICLR, coupling layers; Wang et al. (2025), arXiv:2502.05468, the conditional flow.
pub type Flow = Conditional<FlowFamily>;

impl Flow {
    /// Samples of which a prediction is the mean.
    pub const MEAN_SAMPLES: usize = 256;

    /// Outcomes `[b, m * outputs]` at points of the base of that shape, and the log-determinants `[b, m]` of the map, in evaluation mode.
    ///
    /// # Errors
    /// As [`Generative::log_density`](dfl_core::Generative::log_density).
    pub fn outcomes_at(&self, features: &Batch, base: &Batch) -> Result<(Batch, Batch)> {
        self.carry(features, base, FlowFamily::forward)
    }

    /// Points of the base `[b, m * outputs]` that become these outcomes, and the log-determinants `[b, m]` of the map *to the outcomes*.
    ///
    /// # Errors
    /// As [`Generative::log_density`](dfl_core::Generative::log_density).
    pub fn base_of(&self, features: &Batch, outcomes: &Batch) -> Result<(Batch, Batch)> {
        self.carry(features, outcomes, FlowFamily::inverse)
    }

    fn carry(
        &self,
        features: &Batch,
        points: &Batch,
        map: fn(&FlowFamily, &Tensor, &Tensor) -> Torch<(Tensor, Tensor)>,
    ) -> Result<(Batch, Batch)> {
        let _no_graph = tch::no_grad_guard();
        let there = self.outcomes("points", points, features.rows(), points.cols() / self.config().outputs)?;
        let (here, log_det) = map(self.family(), &self.features(features)?, &there).map_err(backend)?;
        let flat = here.f_view([points.rows() as i64, points.cols() as i64]).map_err(backend)?;
        Ok((from_tensor("point", &flat)?, from_tensor("log-determinant", &log_det)?))
    }
}

/// The family of flows of [`Conditional`].
#[derive(Debug)]
pub struct FlowFamily {
    couplings: Vec<Coupling>,
    outputs: usize,
}

impl FlowFamily {
    /// From base to data with the log-determinant of the way.
    fn forward(&self, features: &Tensor, u: &Tensor) -> Torch<(Tensor, Tensor)> {
        chain(self.couplings.iter(), features, u, Coupling::forward)
    }

    /// From data to base with the log-determinant of the way to the data.
    fn inverse(&self, features: &Tensor, y: &Tensor) -> Torch<(Tensor, Tensor)> {
        chain(self.couplings.iter().rev(), features, y, Coupling::inverse)
    }
}

/// Applies couplings one after the other to points `[b, m, d]` and adds up their log-determinants.
fn chain<'a>(
    couplings: impl Iterator<Item = &'a Coupling>,
    features: &Tensor,
    points: &Tensor,
    apply: fn(&Coupling, &Tensor, &Tensor) -> Torch<(Tensor, Tensor)>,
) -> Torch<(Tensor, Tensor)> {
    let (rows, samples) = (points.size()[0], points.size()[1]);
    let features = features.f_unsqueeze(1)?.f_expand([rows, samples, -1], false)?;
    let mut at = points.shallow_clone();
    let mut log_det = points.f_new_zeros([rows, samples], place(points))?;
    for coupling in couplings {
        let (next, more) = apply(coupling, &features, &at)?;
        at = next;
        log_det = log_det.f_add(&more)?;
    }
    Ok((at, log_det))
}

impl Family for FlowFamily {
    const NAME: &'static str = "flow";
    type Config = FlowConfig;

    fn build(config: &FlowConfig, seed: u64, root: &Path<'_>, place: Place) -> Torch<Self> {
        let sizes = (config.inputs, config.outputs);
        let coupling = |index| Coupling::new(root, index, sizes, &config.hidden, seed, place);
        Ok(Self { couplings: (0..config.couplings).map(coupling).collect::<Torch<_>>()?, outputs: config.outputs })
    }

    fn mean(&self, features: &Tensor) -> Torch<Tensor> {
        let half = normals(Stream::default(), 1, Flow::MEAN_SAMPLES / 2 * self.outputs, place(features))?;
        let half = half.f_view([1, -1, self.outputs as i64])?;
        let noise = Tensor::f_cat(&[&half, &half.f_neg()?], 1)?;
        // In blocks of rows, which bounds the memory of large sets.
        let means = features.f_split(256, 0)?.into_iter().map(|block| {
            let noise = noise.f_expand([block.size()[0], -1, -1], false)?;
            self.forward(&block, &noise)?.0.f_mean_dim(1, false, None)
        });
        Tensor::f_cat(&means.collect::<Torch<Vec<_>>>()?, 0)
    }

    fn log_density(&self, features: &Tensor, outcomes: &Tensor, _mode: Mode) -> Torch<Tensor> {
        let (u, log_det) = self.inverse(features, outcomes)?;
        log_standard_normal(&u)?.f_sub(&log_det)
    }

    fn transform(&self, features: &Tensor, noise: &Tensor, _mode: Mode) -> Torch<Tensor> {
        Ok(self.forward(features, noise)?.0)
    }
}
