//! The denoiser written out in plain torch for one row, with the noise that the library documents.

use dfl_core::{Key, Parameters, Stream};
use dfl_models::torch::Diffusion;
use dfl_models::torch::tch::{Kind, Tensor};

/// All weights as leaves, in the order of the gradient: by name.
pub(super) struct ByHand {
    pub(super) leaves: Vec<Tensor>,
    embedding: usize,
}

const NAMES: [&str; 12] = [
    "head.bias",
    "head.weight",
    "hidden0.bias",
    "hidden0.weight",
    "hidden0_norm.bias",
    "hidden0_norm.weight",
    "input_norm.bias",
    "input_norm.weight",
    "time0.bias",
    "time0.weight",
    "time1.bias",
    "time1.weight",
];

impl ByHand {
    /// For one hidden layer.
    pub(super) fn of(model: &Diffusion) -> Self {
        let c = model.config();
        let (d, p, e, h) = (c.outputs as i64, c.inputs as i64, c.embedding as i64, c.hidden[0] as i64);
        let n = d + e + p;
        let shapes: [&[i64]; 12] = [&[d], &[d, h], &[h], &[h, n], &[h], &[h], &[n], &[n], &[16 * e], &[16 * e, e], &[e], &[e, 16 * e]];
        let values = model.values();
        let mut from = 0;
        let mut leaf = |shape: &&[i64]| {
            let length = shape.iter().product::<i64>() as usize;
            from += length;
            Tensor::from_slice(&values[from - length..from]).reshape(*shape).set_requires_grad(true)
        };
        let leaves: Vec<Tensor> = shapes.iter().map(&mut leaf).collect();
        assert_eq!(from, values.len());
        Self { leaves, embedding: c.embedding }
    }

    fn at(&self, name: &str) -> &Tensor {
        &self.leaves[NAMES.iter().position(|n| *n == name).unwrap()]
    }

    fn affine(&self, name: &str, x: &Tensor) -> Tensor {
        self.at(&format!("{name}.weight")).matmul(x) + self.at(&format!("{name}.bias"))
    }

    fn norm(&self, name: &str, x: &Tensor) -> Tensor {
        let centred = x - x.mean(Kind::Double);
        let scaled = &centred / ((&centred * &centred).mean(Kind::Double) + 1e-5).sqrt();
        scaled * self.at(&format!("{name}.weight")) + self.at(&format!("{name}.bias"))
    }

    /// The predicted noise in `y` `[outputs]` at step `t`.
    pub(super) fn noise(&self, y: &Tensor, t: usize, features: &Tensor) -> Tensor {
        let silu = |x: Tensor| &x * x.sigmoid();
        let half = self.embedding / 2;
        let angle = |k: usize| t as f64 * (-(10_000_f64.ln()) * k as f64 / half as f64).exp();
        let waves: Vec<f64> = (0..2 * half).map(|k| if k < half { angle(k).cos() } else { angle(k - half).sin() }).collect();
        let time = self.affine("time1", &silu(self.affine("time0", &Tensor::from_slice(&waves))));
        let input = self.norm("input_norm", &Tensor::cat(&[y, &time, features], 0));
        self.affine("head", &self.norm("hidden0_norm", &silu(self.affine("hidden0", &input))))
    }
}

/// The noise of step `step` of the chain (0 is the start) for a sample of a row.
pub(super) fn chain_noise(stream: Stream, row: u64, sample: u32, step: usize, outputs: usize) -> Tensor {
    let mut rng = stream.rng(&format!("diffusion {step}"), Key { id: row, slot: sample });
    Tensor::from_slice(&(0..outputs).map(|_| rng.normal()).collect::<Vec<_>>())
}
