use std::f64::consts::TAU;

use dfl_core::{Batch, Key, Result, Stream};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use super::bridge::{Place, Torch, backend, from_tensor};
use super::conditional::{Conditional, Config, Family};
use super::layer::Mode;
use super::trunk::{Trunk, TrunkShape};
use super::{Activation, Precision, architecture};

/// Sizes and options of a [`Mixture`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureConfig {
    /// Number of features.
    pub inputs: usize,
    /// Length of an outcome.
    pub outputs: usize,
    /// Number of Gaussians.
    pub components: usize,
    /// Widths of the hidden layers; none makes the parameters affine.
    pub hidden: Vec<usize>,
    /// What follows each hidden layer.
    pub activation: Activation,
    /// Whether an affine map of the features is added to the network.
    pub skip: bool,
    /// Probability in `[0, 1)` that a hidden unit is dropped in training.
    pub dropout: f64,
    /// Width of its numbers.
    pub precision: Precision,
}

impl MixtureConfig {
    /// Five components; an affine map plus two hidden layers of 64 with ReLU, `f32` (our choice).
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            components: 5,
            hidden: vec![64, 64],
            activation: Activation::Relu,
            skip: true,
            dropout: 0.0,
            precision: Precision::Single,
        }
    }
}

impl Config for MixtureConfig {
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
        architecture::check_width("components", self.components)?;
        architecture::check_widths(self.inputs, &self.hidden, self.outputs)?;
        architecture::check_dropout(self.dropout)
    }
}

/// A mixture density network: a mixture of Gaussians with independent entries, all of whose parameters are functions of the features:
///
/// $$p(y \mid \phi) = \textstyle\sum_k \pi_k(\phi) \prod_j N\bigl(y_j; \mu_{kj}(\phi), \sigma_{kj}(\phi)^2\bigr)$$
///
/// One network gives $\log \pi$ (up to a constant), $\mu$ and $\log \sigma$. It starts with equal weights, deviations 1 and means drawn
/// from $N(0, I)$, for every $\phi$; equal means would never part.
///
/// [`predict`](dfl_core::Predictor::predict) gives $\sum_k \pi_k \mu_k$. A sample takes one normal to choose its component, and one for
/// each output.
///
/// # Derivative of samples
/// The choice of a component has none, so [`draw`](dfl_core::Generative::draw) differentiates samples implicitly: each entry solves
/// $F_j(y_j; y_{<j}, \theta) = \text{const}$ for its distribution function given the entries before it, hence
/// $dy_j = -(\partial_\theta F_j\,d\theta + \sum_{i<j} \partial_{y_i} F_j\,dy_i) / p_j$. Gradients of expectations are exact in the mean.
/// The samples are *not* a continuous function of the weights: finite differences with fixed noise see jumps between components, and their
/// mean is another.
///
/// # References
/// Bishop (1994), the mixture density network; Graves (2016), arXiv:1607.05690, derivatives of mixture samples; Figurnov, Mohamed &
/// Mnih (2018), NeurIPS, implicit reparameterisation.
pub type Mixture = Conditional<MixtureFamily>;

impl Mixture {
    /// Weights `[b, components]`, then means and deviations of the components `[b, components * outputs]`, each component's together,
    /// in evaluation mode.
    ///
    /// # Errors
    /// As [`Predictor::predict`](dfl_core::Predictor::predict).
    pub fn parameters(&self, features: &Batch) -> Result<(Batch, Batch, Batch)> {
        let _no_graph = tch::no_grad_guard();
        let heads = self.family().heads(&self.features(features)?, Mode::Predict).map_err(backend)?;
        let read = |what, tensor: Torch<Tensor>| from_tensor(what, &tensor.and_then(|t| t.f_flatten(1, -1)).map_err(backend)?);
        let mean = read("mean", Ok(heads.mean))?;
        Ok((read("weight", heads.log_weight.f_exp())?, mean, read("deviation", heads.log_deviation.f_exp())?))
    }
}

/// The family of mixtures of [`Conditional`].
#[derive(Debug)]
pub struct MixtureFamily {
    trunk: Trunk,
    components: i64,
    outputs: i64,
}

/// What the network says of each row.
struct Heads {
    /// $\log \pi$, `[b, k]`.
    log_weight: Tensor,
    /// `[b, k, d]`.
    mean: Tensor,
    /// `[b, k, d]`.
    log_deviation: Tensor,
}

impl Heads {
    /// $(y - \mu_k) / \sigma_k$, `[b, m, k, d]`.
    fn standard(&self, y: &Tensor) -> Torch<Tensor> {
        let centred = y.f_unsqueeze(2)?.f_sub(&self.mean.f_unsqueeze(1)?)?;
        centred.f_mul(&self.log_deviation.f_neg()?.f_exp()?.f_unsqueeze(1)?)
    }

    /// $\log N(y_j; \mu_{kj}, \sigma_{kj}^2)$ for what [`Heads::standard`] gave, `[b, m, k, d]`.
    fn log_normal(&self, u: &Tensor) -> Torch<Tensor> {
        u.f_square()?.f_mul_scalar(-0.5)?.f_sub(&self.log_deviation.f_unsqueeze(1)?)?.f_add_scalar(-0.5 * TAU.ln())
    }

    /// Samples from noise `[b, m, d + 1]`, the last of which chooses the component by the weights' distribution function.
    fn draw(&self, noise: &Tensor) -> Torch<Tensor> {
        let size = noise.size();
        let (rows, samples, d) = (size[0], size[1], size[2] - 1);
        let uniform = noise.f_narrow(-1, d, 1)?.f_special_ndtr()?;
        let (components, sums) = (self.log_weight.size()[1], self.log_weight.f_exp()?.f_cumsum(1, None)?);
        // The last sum is 1 up to rounding, and left out: what exceeds all others belongs to the last component.
        let passed = uniform.f_gt_tensor(&sums.f_narrow(1, 0, components - 1)?.f_unsqueeze(1)?)?;
        let chosen = passed.f_sum_dim_intlist(-1, true, tch::Kind::Int64)?.f_expand([rows, samples, d], false)?;
        let of = |each: &Tensor| each.f_gather(1, &chosen, false);
        noise.f_narrow(-1, 0, d)?.f_mul(&of(&self.log_deviation)?.f_exp()?)?.f_add(&of(&self.mean)?)
    }

    /// The values `y` `[b, m, d]` with the derivative of the implicit function: entry by entry, $y_j - (F_j - \bar F_j) / \bar p_j$, where
    /// the bar stands for the value alone and $F_j$ also depends on the entries before, derivatives included.
    fn implicit(&self, y: &Tensor) -> Torch<Tensor> {
        let mut posterior = self.log_weight.f_unsqueeze(1)?;
        let mut entries = Vec::new();
        for j in 0..y.size()[2] {
            let head = |t: &Tensor| t.f_narrow(2, j, 1);
            let one =
                Self { log_weight: self.log_weight.shallow_clone(), mean: head(&self.mean)?, log_deviation: head(&self.log_deviation)? };
            let value = y.f_narrow(2, j, 1)?;
            let u = one.standard(&value)?.f_squeeze_dim(-1)?;
            let log_weight = posterior.f_log_softmax(-1, None)?;
            let below = log_weight.f_exp()?.f_mul(&u.f_special_ndtr()?)?.f_sum_dim_intlist(-1, true, None)?;
            let log_normal = |u: &Tensor| one.log_normal(&u.f_unsqueeze(-1)?)?.f_squeeze_dim(-1);
            let density = log_weight.f_add(&log_normal(&u)?)?.f_logsumexp(-1, true)?.f_exp()?.f_detach()?;
            let entry = value.f_sub(&below.f_sub(&below.f_detach()?)?.f_div(&density)?)?;
            let moving = one.standard(&entry)?.f_squeeze_dim(-1)?;
            posterior = posterior.f_add(&log_normal(&moving)?)?;
            entries.push(entry);
        }
        Tensor::f_cat(&entries, 2)
    }
}

impl MixtureFamily {
    fn heads(&self, features: &Tensor, mode: Mode) -> Torch<Heads> {
        let (out, k, d) = (self.trunk.forward(features, mode)?, self.components, self.outputs);
        let rows = out.size()[0];
        let part = |start| out.f_narrow(1, start, k * d)?.f_reshape([rows, k, d]);
        Ok(Heads { log_weight: out.f_narrow(1, 0, k)?.f_log_softmax(1, None)?, mean: part(k)?, log_deviation: part(k + k * d)? })
    }
}

impl Family for MixtureFamily {
    const NAME: &'static str = "mixture";
    const EXTRA: usize = 1;
    type Config = MixtureConfig;

    fn build(config: &MixtureConfig, seed: u64, root: &Path<'_>, place: Place) -> Torch<Self> {
        let (k, d) = (config.components, config.outputs);
        let shape = TrunkShape {
            inputs: config.inputs,
            hidden: &config.hidden,
            outputs: k + 2 * k * d,
            batch_norm: false,
            activation: config.activation,
            dropout: config.dropout,
            skip: config.skip,
        };
        let trunk = Trunk::new(root, shape, seed, 0, place)?;
        let mut rng = Stream { seed, step: 0 }.rng("means", Key::default());
        let means = (0..k * d).map(|_| rng.normal());
        trunk.start_at(0, &vec![0.0; k].into_iter().chain(means).chain(vec![0.0; k * d]).collect::<Vec<_>>())?;
        Ok(Self { trunk, components: k as i64, outputs: d as i64 })
    }

    fn mean(&self, features: &Tensor) -> Torch<Tensor> {
        let heads = self.heads(features, Mode::Predict)?;
        heads.log_weight.f_exp()?.f_unsqueeze(-1)?.f_mul(&heads.mean)?.f_sum_dim_intlist(1, false, None)
    }

    fn log_density(&self, features: &Tensor, outcomes: &Tensor, mode: Mode) -> Torch<Tensor> {
        let heads = self.heads(features, mode)?;
        let each = heads.log_normal(&heads.standard(outcomes)?)?.f_sum_dim_intlist(-1, false, None)?;
        each.f_add(&heads.log_weight.f_unsqueeze(1)?)?.f_logsumexp(-1, false)
    }

    fn transform(&self, features: &Tensor, noise: &Tensor, mode: Mode) -> Torch<Tensor> {
        let heads = self.heads(features, mode)?;
        let values = tch::no_grad(|| heads.draw(noise))?;
        if mode == Mode::Predict { Ok(values) } else { heads.implicit(&values) }
    }
}
