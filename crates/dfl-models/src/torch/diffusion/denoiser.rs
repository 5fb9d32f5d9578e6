use dfl_core::{Key, Stream};
use tch::Tensor;
use tch::nn::{Path, VarStore};

use super::super::bridge::{Place, Torch, upload};
use super::super::layer::Affine;
use super::DiffusionConfig;

/// The largest period of the embedding of time.
const PERIODS: f64 = 10_000.0;

/// Predicts the noise in $y_t$: $[y_t, e(t), \phi]$, normalised, through hidden layers of affine map, SiLU and layer normalisation, to an
/// affine last layer. $e$ is the sinusoidal embedding of $t$ after an affine map, SiLU and another affine map.
#[derive(Debug)]
pub(super) struct Denoiser {
    /// Sinusoids of every step, `[T, embedding]`.
    sinusoids: Tensor,
    time: [Affine; 2],
    input: LayerNorm,
    hidden: Vec<(Affine, LayerNorm)>,
    head: Affine,
}

impl Denoiser {
    pub(super) fn new(config: &DiffusionConfig, seed: u64, store: &VarStore, place: Place) -> Torch<Self> {
        let mut layers = 0;
        let mut affine = |name: &str, inputs: usize, outputs: usize| {
            let mut rng = Stream { seed, step: 0 }.rng("init", Key { id: layers, slot: 0 });
            layers += 1;
            Affine::new(&(store.root() / name), (inputs, outputs), place, &mut rng)
        };
        let norm = |name: &str, n: usize| LayerNorm::new(&(store.root() / name), n, place);
        let wide = 16 * config.embedding;
        let time = [affine("time0", config.embedding, wide)?, affine("time1", wide, config.embedding)?];
        let mut width = config.outputs + config.embedding + config.inputs;
        let input = norm("input_norm", width)?;
        let mut hidden = Vec::with_capacity(config.hidden.len());
        for (i, &next) in config.hidden.iter().enumerate() {
            hidden.push((affine(&format!("hidden{i}"), width, next)?, norm(&format!("hidden{i}_norm"), next)?));
            width = next;
        }
        let head = affine("head", width, config.outputs)?;
        let table: Vec<f64> = (1..=config.steps).flat_map(|t| sinusoids(t, config.embedding)).collect();
        let sinusoids = upload(&table, &[config.steps as i64, config.embedding as i64], place)?;
        Ok(Self { sinusoids, time, input, hidden, head })
    }

    /// The noise predicted in `noisy` `[n, outputs]` given `features` `[n, inputs]`, where `times` holds $t - 1$, one for each row or one for all.
    pub(super) fn forward(&self, noisy: &Tensor, times: &Tensor, features: &Tensor) -> Torch<Tensor> {
        let time = self.time[0].forward(&self.sinusoids.f_index_select(0, times)?)?.f_silu()?;
        let time = self.time[1].forward(&time)?.f_expand([noisy.size()[0], -1], false)?;
        let mut x = self.input.forward(&Tensor::f_cat(&[noisy, &time, features], 1)?)?;
        for (affine, norm) in &self.hidden {
            x = norm.forward(&affine.forward(&x)?.f_silu()?)?;
        }
        self.head.forward(&x)
    }
}

/// $\cos t\omega_k$, then $\sin t\omega_k$, with $\omega_k = 10000^{-k/h}$, $k = 0 \dots h - 1$, for $h$ half the width.
fn sinusoids(t: usize, width: usize) -> Vec<f64> {
    let half = width / 2;
    let angles: Vec<f64> = (0..half).map(|k| t as f64 * PERIODS.powf(-(k as f64) / half as f64)).collect();
    angles.iter().map(|a| a.cos()).chain(angles.iter().map(|a| a.sin())).collect()
}

/// Layer normalisation of `n` units.
#[derive(Debug)]
struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    const EPSILON: f64 = 1e-5;

    fn new(path: &Path<'_>, n: usize, place: Place) -> Torch<Self> {
        let add = |name, value: f64| -> Torch<Tensor> { Ok(path.add(name, upload(&vec![value; n], &[n as i64], place)?, true)) };
        Ok(Self { weight: add("weight", 1.0)?, bias: add("bias", 0.0)? })
    }

    fn forward(&self, x: &Tensor) -> Torch<Tensor> {
        x.f_layer_norm(self.weight.size(), Some(&self.weight), Some(&self.bias), Self::EPSILON, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Width 4: frequencies 1 and 1/100, so at t = 50 the angles are 50 and 0.5; at the published width the last of 8 is 10000^(-7/8).
    #[test]
    fn sinusoids_by_hand() {
        let by_hand = [50.0_f64.cos(), 0.5_f64.cos(), 50.0_f64.sin(), 0.5_f64.sin()];
        for (found, expected) in sinusoids(50, 4).iter().zip(by_hand) {
            assert!((found - expected).abs() < 1e-13, "{found} and {expected}");
        }
        let published = sinusoids(1000, 16);
        let slowest = 1000.0 * (-(10_000_f64.ln()) * 7.0 / 8.0).exp();
        assert!((published[7] - slowest.cos()).abs() < 1e-12 && (published[15] - slowest.sin()).abs() < 1e-12);
    }
}
