use dfl_core::{Batch, Result};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use super::bridge::{Place, Torch, backend, from_tensor, place};
use super::conditional::{Conditional, Config, Family};
use super::layer::Mode;
use super::noise::log_standard_normal;
use super::trunk::{Trunk, TrunkShape};
use super::{Activation, Precision, architecture};

/// Which entries of a Gaussian's covariance are free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// Independent outcomes.
    #[default]
    Diagonal,
    /// All: $d(d-1)/2$ more outputs of the network, and $O(d^2)$ work for each sample.
    Full,
}

/// How the network gives a deviation, or the diagonal of a factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deviation {
    /// $\sigma = e^o$.
    #[default]
    Exp,
    /// $\sigma = \log(1 + e^o) + 10^{-6}$: grows like $o$, so that large steps of the network do not make it explode.
    Softplus,
}

impl Deviation {
    const LEAST: f64 = 1e-6;

    fn log(self, output: &Tensor) -> Torch<Tensor> {
        match self {
            Self::Exp => Ok(output.shallow_clone()),
            Self::Softplus => output.f_softplus()?.f_add_scalar(Self::LEAST)?.f_log(),
        }
    }

    /// The output that gives a deviation of 1.
    fn one(self) -> f64 {
        match self {
            Self::Exp => 0.0,
            Self::Softplus => (1.0 - Self::LEAST).exp_m1().ln(),
        }
    }
}

/// Sizes and options of a [`Gaussian`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianConfig {
    /// Number of features.
    pub inputs: usize,
    /// Length of an outcome.
    pub outputs: usize,
    /// Widths of the hidden layers; none makes mean and log-deviation affine.
    pub hidden: Vec<usize>,
    /// What follows each hidden layer.
    pub activation: Activation,
    /// Whether hidden layers are normalised over the batch, before the activation (momentum 0.1, epsilon 1e-5).
    #[serde(default)]
    pub batch_norm: bool,
    /// Whether an affine map of the features is added to the network.
    pub skip: bool,
    /// Which entries of the covariance are free.
    pub covariance: Covariance,
    /// How the network gives deviations.
    #[serde(default)]
    pub deviation: Deviation,
    /// Probability in `[0, 1)` that a hidden unit is dropped in training.
    pub dropout: f64,
    /// Width of its numbers.
    pub precision: Precision,
}

impl GaussianConfig {
    /// An affine map plus two hidden layers of 64 with ReLU, independent outcomes, `f32` (our choice).
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            hidden: vec![64, 64],
            activation: Activation::Relu,
            batch_norm: false,
            skip: true,
            covariance: Covariance::Diagonal,
            deviation: Deviation::Exp,
            dropout: 0.0,
            precision: Precision::Single,
        }
    }

    /// Two hidden layers of 200 with batch normalisation, ReLU and dropout 0.2, and deviations by softplus: the network of SO-EBM for
    /// power scheduling (Kong et al. 2022, NeurIPS). It starts with deviations 1, ours.
    pub fn so_ebm(inputs: usize, outputs: usize) -> Self {
        let (hidden, deviation) = (vec![200, 200], Deviation::Softplus);
        Self { hidden, batch_norm: true, skip: false, deviation, dropout: 0.2, ..Self::new(inputs, outputs) }
    }
}

impl Config for GaussianConfig {
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.outputs
    }
    fn precision(&self) -> Precision {
        self.precision
    }
    fn batch_norm(&self) -> bool {
        self.batch_norm && !self.hidden.is_empty()
    }
    fn check(&self) -> Result<()> {
        architecture::check_widths(self.inputs, &self.hidden, self.outputs)?;
        architecture::check_dropout(self.dropout)
    }
}

/// A Gaussian whose mean and covariance are functions of the features:
///
/// $$y = \mu(\phi) + L(\phi)\,\varepsilon,\quad \varepsilon \sim N(0, I), \qquad
/// \log p(y \mid \phi) = -\tfrac12\|L^{-1}(y - \mu)\|^2 - \textstyle\sum_j \log L_{jj} - \tfrac d2 \log 2\pi$$
///
/// One network gives $\mu$, $L_{jj}$ by [`Deviation`] and, with [`Covariance::Full`], the entries of the triangular factor $L$ below its diagonal;
/// else $L$ is diagonal, and $L_{jj} = \sigma_j$ the deviations. It starts with $L = I$. [`Deviation::Exp`] bounds no deviation from below, so a
/// likelihood that can be made infinite (an outcome without noise) ends in [`Error::NotFinite`](dfl_core::Error::NotFinite).
///
/// [`predict`](dfl_core::Predictor::predict) gives $\mu$.
pub type Gaussian = Conditional<GaussianFamily>;

impl Gaussian {
    /// Mean and deviation (the root of the covariance's diagonal) of each outcome, both `[b, outputs]`, in evaluation mode.
    ///
    /// # Errors
    /// As [`Predictor::predict`](dfl_core::Predictor::predict).
    pub fn parameters(&self, features: &Batch) -> Result<(Batch, Batch)> {
        let _no_graph = tch::no_grad_guard();
        let heads = self.family().heads(&self.features(features)?, Mode::Predict).map_err(backend)?;
        Ok((from_tensor("mean", &heads.mean)?, from_tensor("deviation", &heads.deviation().map_err(backend)?)?))
    }
}

/// The Gaussian family of [`Conditional`].
#[derive(Debug)]
pub struct GaussianFamily {
    trunk: Trunk,
    outputs: i64,
    deviation: Deviation,
    /// Where the entries below the diagonal stand in a flattened factor; only a full covariance has them.
    below: Option<Tensor>,
}

/// What the network says of each row.
pub(super) struct Heads {
    /// `[b, d]`.
    pub(super) mean: Tensor,
    /// $\log L_{jj}$, `[b, d]`.
    log_diagonal: Tensor,
    /// $L$ of a full covariance, `[b, d, d]`.
    factor: Option<Tensor>,
}

impl Heads {
    /// Of independent outcomes, from the first `2 d` outputs of a network `[b, ..]`.
    pub(super) fn independent(out: &Tensor, d: i64, deviation: Deviation) -> Torch<Self> {
        Ok(Self { mean: out.f_narrow(1, 0, d)?, log_diagonal: deviation.log(&out.f_narrow(1, d, d)?)?, factor: None })
    }

    /// Means, then deviations `[b, 2 d]`.
    pub(super) fn moments(&self) -> Torch<Tensor> {
        Tensor::f_cat(&[&self.mean, &self.deviation()?], 1)
    }

    /// Of outcomes `[b, m, d]`.
    pub(super) fn log_density(&self, outcomes: &Tensor) -> Torch<Tensor> {
        let u = self.whiten(&outcomes.f_sub(&self.mean.f_unsqueeze(1)?)?)?;
        log_standard_normal(&u)?.f_sub(&self.log_diagonal.f_sum_dim_intlist(-1, true, None)?)
    }

    /// From standard normals `[b, m, d]`.
    pub(super) fn samples(&self, noise: &Tensor) -> Torch<Tensor> {
        self.colour(noise)?.f_add(&self.mean.f_unsqueeze(1)?)
    }

    /// $L^{-1} y$ for `[b, m, d]`.
    fn whiten(&self, y: &Tensor) -> Torch<Tensor> {
        match &self.factor {
            None => y.f_mul(&self.log_diagonal.f_neg()?.f_exp()?.f_unsqueeze(1)?),
            Some(factor) => factor.f_linalg_solve_triangular(&y.f_transpose(1, 2)?, false, true, false)?.f_transpose(1, 2),
        }
    }

    /// $L u$ for `[b, m, d]`.
    fn colour(&self, u: &Tensor) -> Torch<Tensor> {
        match &self.factor {
            None => u.f_mul(&self.log_diagonal.f_exp()?.f_unsqueeze(1)?),
            Some(factor) => u.f_matmul(&factor.f_transpose(1, 2)?),
        }
    }

    fn deviation(&self) -> Torch<Tensor> {
        match &self.factor {
            None => self.log_diagonal.f_exp(),
            Some(factor) => factor.f_square()?.f_sum_dim_intlist(-1, false, None)?.f_sqrt(),
        }
    }
}

impl GaussianFamily {
    fn heads(&self, features: &Tensor, mode: Mode) -> Torch<Heads> {
        let (out, d) = (self.trunk.forward(features, mode)?, self.outputs);
        let independent = Heads::independent(&out, d, self.deviation)?;
        let factor = |below: &Tensor| {
            let entries = out.f_narrow(1, 2 * d, d * (d - 1) / 2)?;
            let rows = out.size()[0];
            let flat = entries.f_new_zeros([rows, d * d], place(&out))?;
            let lower = flat.f_index_copy(1, below, &entries)?.f_view([rows, d, d])?;
            lower.f_add(&independent.log_diagonal.f_exp()?.f_diag_embed(0, -2, -1)?)
        };
        let factor = self.below.as_ref().map(factor).transpose()?;
        Ok(Heads { factor, ..independent })
    }
}

impl Family for GaussianFamily {
    const NAME: &'static str = "gaussian";
    type Config = GaussianConfig;

    fn build(config: &GaussianConfig, seed: u64, root: &Path<'_>, place: Place) -> Torch<Self> {
        let d = config.outputs;
        let below: Vec<i64> = match config.covariance {
            Covariance::Diagonal => Vec::new(),
            Covariance::Full => (0..d).flat_map(|i| (0..i).map(move |j| (i * d + j) as i64)).collect(),
        };
        let shape = TrunkShape {
            inputs: config.inputs,
            hidden: &config.hidden,
            outputs: 2 * d + below.len(),
            batch_norm: config.batch_norm,
            activation: config.activation,
            dropout: config.dropout,
            skip: config.skip,
        };
        let trunk = Trunk::new(root, shape, seed, 0, place)?;
        trunk.start_at(d, &[vec![config.deviation.one(); d], vec![0.0; below.len()]].concat())?;
        let below = (config.covariance == Covariance::Full).then(|| Tensor::f_from_slice(&below)?.f_to_device(place.1)).transpose()?;
        Ok(Self { trunk, outputs: d as i64, deviation: config.deviation, below })
    }

    fn mean(&self, features: &Tensor) -> Torch<Tensor> {
        Ok(self.heads(features, Mode::Predict)?.mean)
    }

    fn log_density(&self, features: &Tensor, outcomes: &Tensor, mode: Mode) -> Torch<Tensor> {
        self.heads(features, mode)?.log_density(outcomes)
    }

    fn transform(&self, features: &Tensor, noise: &Tensor, mode: Mode) -> Torch<Tensor> {
        self.heads(features, mode)?.samples(noise)
    }

    fn moments(&self, features: &Tensor, mode: Mode) -> Torch<Option<Tensor>> {
        if self.below.is_some() {
            return Ok(None);
        }
        self.heads(features, mode)?.moments().map(Some)
    }
}
