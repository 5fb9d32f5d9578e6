use dfl_core::{Key, Rng, Stream};
use tch::Tensor;
use tch::nn::Path;

use super::bridge::{Place, Torch, place, upload};

/// How a network is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Running statistics, no dropout; rows do not touch each other.
    Predict,
    /// Statistics of the batch, dropout drawn from this stream.
    Train(Stream),
}

/// An affine layer $xW^\top + b$; `weight` is `[outputs, inputs]`.
#[derive(Debug)]
pub(crate) struct Affine {
    weight: Tensor,
    bias: Tensor,
}

impl Affine {
    /// Both uniform on $[-1/\sqrt n, 1/\sqrt n)$ for $n$ inputs, torch's default for linear layers.
    ///
    /// Drawn from our own stream: libtorch's generator belongs to the whole process, so that two threads would mix their draws.
    pub(crate) fn new(path: &Path<'_>, (inputs, outputs): (usize, usize), place: Place, rng: &mut Rng) -> Torch<Self> {
        let bound = 1.0 / (inputs as f64).sqrt();
        let mut draw = |n: usize| -> Vec<f64> { (0..n).map(|_| bound * (2.0 * rng.uniform() - 1.0)).collect() };
        let weight = upload(&draw(outputs * inputs), &[outputs as i64, inputs as i64], place)?;
        let bias = upload(&draw(outputs), &[outputs as i64], place)?;
        Ok(Self { weight: path.add("weight", weight, true), bias: path.add("bias", bias, true) })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Torch<Tensor> {
        x.f_linear(&self.weight, Some(&self.bias))
    }

    /// Makes the outputs from `first` on constants, until training moves them.
    pub(crate) fn set_constant(&self, first: usize, values: &[f64]) -> Torch<()> {
        let _no_graph = tch::no_grad_guard();
        let (first, n) = (first as i64, values.len() as i64);
        let _ = self.weight.f_narrow(0, first, n)?.f_zero_()?;
        let constants = upload(values, &[n], place(&self.bias))?;
        self.bias.f_narrow(0, first, n)?.f_copy_(&constants)
    }
}

/// Batch normalisation of `n` units.
#[derive(Debug)]
pub(crate) struct Norm {
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
}

impl Norm {
    const MOMENTUM: f64 = 0.1;
    const EPSILON: f64 = 1e-5;

    pub(crate) fn new(path: &Path<'_>, n: usize, place: Place) -> Torch<Self> {
        let add =
            |name, value: f64, trained| -> Torch<Tensor> { Ok(path.add(name, upload(&vec![value; n], &[n as i64], place)?, trained)) };
        Ok(Self {
            weight: add("weight", 1.0, true)?,
            bias: add("bias", 0.0, true)?,
            mean: add("running_mean", 0.0, false)?,
            variance: add("running_var", 1.0, false)?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Torch<Tensor> {
        let (affine, running) = ((Some(&self.weight), Some(&self.bias)), (Some(&self.mean), Some(&self.variance)));
        let train = mode != Mode::Predict;
        x.f_batch_norm(affine.0, affine.1, running.0, running.1, train, Self::MOMENTUM, Self::EPSILON, true)
    }
}

/// Drops each unit of hidden layer `layer` with probability `p` in training and scales the others to keep the mean.
///
/// The mask is drawn on the host, 16 bits a unit, so that a step is a function of seed and step on every device; `p` is rounded
/// to a multiple of 1/65536 and the scale uses the rounded value, so that the mean is exact.
pub(crate) fn dropout(x: Tensor, p: f64, layer: usize, mode: Mode) -> Torch<Tensor> {
    let Mode::Train(stream) = mode else { return Ok(x) };
    let threshold = (p * 65536.0).round().min(65535.0) as u16;
    if threshold == 0 {
        return Ok(x);
    }
    let mut rng = stream.rng("dropout", Key { id: layer as u64, slot: 0 });
    let mut mask = vec![0_u8; x.numel()];
    for four in mask.chunks_mut(4) {
        let bits = rng.bits().to_le_bytes();
        for (keep, b) in four.iter_mut().zip(bits.chunks_exact(2)) {
            *keep = u8::from(u16::from_le_bytes([b[0], b[1]]) >= threshold);
        }
    }
    let keep = 1.0 - f64::from(threshold) / 65536.0;
    let mask = Tensor::f_from_slice(&mask)?.f_view_as(&x)?.f_to_device(x.device())?.f_to_kind(x.f_kind()?)?;
    x.f_mul(&mask.f_mul_scalar(1.0 / keep)?)
}
