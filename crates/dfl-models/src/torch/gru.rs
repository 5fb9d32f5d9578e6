use dfl_core::{Error, Key, Result, Stream};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use super::bridge::{Place, Torch, place, upload};
use super::conditional::{Conditional, Config, Family};
use super::gaussian::{Deviation, Heads};
use super::layer::{Affine, Mode};
use super::{Precision, architecture};

/// Sizes of a [`Gru`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GruConfig {
    /// Number of features of a row, all steps together; a multiple of the steps.
    pub inputs: usize,
    /// Number of steps in time; the features of a step are next to each other, the oldest step first.
    pub steps: usize,
    /// Length of an outcome.
    pub outputs: usize,
    /// Widths of the recurrent layers, at least one.
    pub hidden: Vec<usize>,
    /// Width of its numbers.
    pub precision: Precision,
}

impl GruConfig {
    /// Two layers, as SO-EBM (NeurIPS 2022) has for its epidemic; the width of 32 is our choice, since none is published.
    pub fn new(inputs: usize, steps: usize, outputs: usize) -> Self {
        Self { inputs, steps, outputs, hidden: vec![32, 32], precision: Precision::Single }
    }
}

impl Config for GruConfig {
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
        architecture::check_widths(self.inputs, &self.hidden, self.outputs)?;
        architecture::check_width("recurrent layers", self.hidden.len())?;
        architecture::check_width("steps in time", self.steps)?;
        match self.inputs.is_multiple_of(self.steps) {
            true => Ok(()),
            false => {
                Err(Error::Domain { what: "features of all steps", value: self.inputs as f64, need: "a multiple of the steps in time" })
            }
        }
    }
}

/// Independent Gaussian outcomes whose means and log-deviations are affine in the last state of a recurrent network (gated recurrent units)
/// that reads the features step by step. With $\odot$ entry by entry, each layer has
///
/// $$r = \sigma(W_r x_t + V_r h_{t-1} + b_r), \quad z = \sigma(W_z x_t + V_z h_{t-1} + b_z), \quad
/// n = \tanh(W_n x_t + b_n + r \odot (V_n h_{t-1} + c_n)), \quad h_t = (1 - z) \odot n + z \odot h_{t-1}$$
///
/// from $h_0 = 0$, and reads the states of the one below. It starts as a standard Gaussian, as [`Gaussian`](super::Gaussian) does.
///
/// # Shapes
/// Features `[b, steps * features of a step]`; outcomes `[b, outputs]`.
pub type Gru = Conditional<GruFamily>;

/// The recurrent Gaussian family of [`Conditional`].
#[derive(Debug)]
pub struct GruFamily {
    /// Each layer's weights on its input and its state `[3 h, .]`, then its two biases `[3 h]`: of $r$, $z$ and $n$ in this order.
    layers: Vec<[Tensor; 4]>,
    last: Affine,
    steps: i64,
    outputs: i64,
}

impl GruFamily {
    fn heads(&self, features: &Tensor, mode: Mode) -> Torch<Heads> {
        let (rows, columns) = features.size2()?;
        let mut x = features.f_view([rows, self.steps, columns / self.steps])?;
        for weights in &self.layers {
            let start = x.f_new_zeros([1, rows, weights[1].size()[1]], place(&x))?;
            x = x.f_gru(&start, weights, true, 1, 0.0, mode != Mode::Predict, false, true)?.0;
        }
        Heads::independent(&self.last.forward(&x.f_select(1, self.steps - 1)?)?, self.outputs, Deviation::Exp)
    }
}

/// All uniform on $[-1/\sqrt h, 1/\sqrt h)$ for $h$ units, torch's default for such layers.
fn layer(path: &Path<'_>, (inputs, units): (usize, usize), seed: u64, slot: u32, place: Place) -> Torch<[Tensor; 4]> {
    let mut rng = Stream { seed, step: 0 }.rng("init", Key { id: u64::from(slot), slot });
    let bound = 1.0 / (units as f64).sqrt();
    let mut tensor = |name: &str, shape: &[usize]| -> Torch<Tensor> {
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| bound * (2.0 * rng.uniform() - 1.0)).collect();
        let sizes: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
        Ok(path.add(name, upload(&values, &sizes, place)?, true))
    };
    let gates = 3 * units;
    Ok([
        tensor("weight_input", &[gates, inputs])?,
        tensor("weight_state", &[gates, units])?,
        tensor("bias_input", &[gates])?,
        tensor("bias_state", &[gates])?,
    ])
}

impl Family for GruFamily {
    const NAME: &'static str = "gru";
    type Config = GruConfig;

    fn build(config: &GruConfig, seed: u64, root: &Path<'_>, place: Place) -> Torch<Self> {
        let before = |i: usize| if i == 0 { config.inputs / config.steps } else { config.hidden[i - 1] };
        let depth = config.hidden.len();
        let named = |i: usize| root / format!("layer{i}");
        let made = |i: usize| layer(&named(i), (before(i), config.hidden[i]), seed, i as u32, place);
        let layers = (0..depth).map(made).collect::<Torch<_>>()?;
        let mut rng = Stream { seed, step: 0 }.rng("init", Key { id: depth as u64, slot: depth as u32 });
        let last = Affine::new(&named(depth), (before(depth), 2 * config.outputs), place, &mut rng)?;
        last.set_constant(config.outputs, &vec![0.0; config.outputs])?;
        Ok(Self { layers, last, steps: config.steps as i64, outputs: config.outputs as i64 })
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
        self.heads(features, mode)?.moments().map(Some)
    }
}
