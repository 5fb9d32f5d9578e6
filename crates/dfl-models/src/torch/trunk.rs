use dfl_core::{Key, Stream};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use super::bridge::{Place, Torch};
use super::layer::{Affine, Mode, Norm, dropout};

/// What follows each hidden affine layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// $\max(x, 0)$.
    #[default]
    Relu,
    /// $x / (1 + e^{-x})$: smooth, so that what is learned is smooth in the features.
    Silu,
}

impl Activation {
    pub(crate) fn apply(self, x: &Tensor) -> Torch<Tensor> {
        match self {
            Self::Relu => x.f_relu(),
            Self::Silu => x.f_silu(),
        }
    }
}

/// Sizes and options of a [`Trunk`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrunkShape<'a> {
    pub(crate) inputs: usize,
    /// None makes the trunk affine.
    pub(crate) hidden: &'a [usize],
    pub(crate) outputs: usize,
    /// Whether hidden layers are normalised over the batch.
    pub(crate) batch_norm: bool,
    pub(crate) activation: Activation,
    /// Probability that a hidden unit is dropped in training.
    pub(crate) dropout: f64,
    /// Whether the last layer also reads the inputs, so that the trunk is an affine map plus a network.
    pub(crate) skip: bool,
}

/// The feed-forward network under a distribution: hidden layers (affine, batch normalisation if asked for, activation, dropout), then an affine layer that gives the
/// distribution's parameters. It acts on the last dimension of its input, however many come before; with
/// batch normalisation on that of a matrix.
#[derive(Debug)]
pub(crate) struct Trunk {
    hidden: Vec<(Affine, Option<Norm>)>,
    last: Affine,
    activation: Activation,
    dropout: f64,
    skip: bool,
}

impl Trunk {
    /// Weights as those of [`Affine`]; `slot` tells the trunks of one model apart.
    pub(crate) fn new(path: &Path<'_>, shape: TrunkShape<'_>, seed: u64, slot: u32, place: Place) -> Torch<Self> {
        let layer = |i: usize, sizes| {
            let mut rng = Stream { seed, step: 0 }.rng("init", Key { id: i as u64, slot });
            Affine::new(&(path / format!("layer{i}")), sizes, place, &mut rng)
        };
        let before = |i: usize| if i == 0 { shape.inputs } else { shape.hidden[i - 1] };
        let depth = shape.hidden.len();
        let skip = shape.skip && depth > 0;
        let norm = |i: usize| Norm::new(&(path / format!("norm{i}")), shape.hidden[i], place);
        let normed = |i: usize| Ok((layer(i, (before(i), shape.hidden[i]))?, shape.batch_norm.then(|| norm(i)).transpose()?));
        let hidden = (0..depth).map(normed).collect::<Torch<_>>()?;
        let last = layer(depth, (before(depth) + if skip { shape.inputs } else { 0 }, shape.outputs))?;
        Ok(Self { hidden, last, activation: shape.activation, dropout: shape.dropout, skip })
    }

    /// Makes the outputs from `first` on constants, until training moves them.
    pub(crate) fn start_at(&self, first: usize, values: &[f64]) -> Torch<()> {
        self.last.set_constant(first, values)
    }

    pub(crate) fn forward(&self, input: &Tensor, mode: Mode) -> Torch<Tensor> {
        let mut x = input.shallow_clone();
        for (i, (affine, norm)) in self.hidden.iter().enumerate() {
            x = affine.forward(&x)?;
            if let Some(norm) = norm {
                x = norm.forward(&x, mode)?;
            }
            x = dropout(self.activation.apply(&x)?, self.dropout, i, mode)?;
        }
        if self.skip {
            x = Tensor::f_cat(&[&x, input], -1)?;
        }
        self.last.forward(&x)
    }
}
