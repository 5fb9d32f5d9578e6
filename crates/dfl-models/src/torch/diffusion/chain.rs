use std::ops::Range;

use dfl_core::{Key, Stream};
use tch::Tensor;

use super::super::bridge::{Place, Torch, indices, upload};
use super::denoiser::Denoiser;
use super::{DiffusionSampler, NoiseTable};

/// One step of a reverse chain, $y' = a y_t + b \hat\epsilon(y_t, t, \phi) + s \xi$.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Transition {
    time: usize,
    keep: f64,
    predicted: f64,
    fresh: f64,
}

/// The steps of a sampler, in the order they are taken.
pub(super) fn transitions(sampler: DiffusionSampler, table: &NoiseTable) -> Vec<Transition> {
    match sampler {
        DiffusionSampler::Ancestral => (1..=table.steps()).rev().map(|t| ancestral(table, t)).collect(),
        DiffusionSampler::Ddim { steps } => {
            let share = |i: usize| (i as f64 / steps as f64).powi(2);
            let times: Vec<usize> = (0..=steps).map(|i| i.max((table.steps() as f64 * share(i)).round() as usize)).collect();
            times.windows(2).rev().map(|pair| implicit(table, pair[1], pair[0])).collect()
        }
    }
}

/// $y_{t-1} = (y_t - \beta_t/\sqrt{1-\bar\alpha_t}\, \hat\epsilon)/\sqrt{\alpha_t} + \sqrt{\beta_t}\, \xi$
fn ancestral(table: &NoiseTable, t: usize) -> Transition {
    let (root, beta) = (table.alpha(t).sqrt(), table.beta(t));
    Transition { time: t, keep: 1.0 / root, predicted: -beta / (table.noise(t) * root), fresh: beta.sqrt() }
}

/// $\hat y_0 = (y_t - \sqrt{1-\bar\alpha_t}\, \hat\epsilon)/\sqrt{\bar\alpha_t}$, then $y_s = \sqrt{\bar\alpha_s}\, \hat y_0 + \sqrt{1-\bar\alpha_s}\,
/// \hat\epsilon$.
fn implicit(table: &NoiseTable, t: usize, s: usize) -> Transition {
    let keep = (table.alpha_bar(s) / table.alpha_bar(t)).sqrt();
    Transition { time: t, keep, predicted: table.noise(s) - keep * table.noise(t), fresh: 0.0 }
}

/// Samples on their way from noise to outcomes: `[n, outputs]`, one row for each of some of the samples of some rows.
pub(super) struct Chain<'a> {
    pub(super) denoiser: &'a Denoiser,
    pub(super) transitions: &'a [Transition],
    pub(super) outputs: usize,
    pub(super) place: Place,
    /// `[n, inputs]`.
    pub(super) features: Tensor,
    pub(super) noise: Noise,
}

/// Where the noise of each sample comes from: a stream of its own for each (row, sample, step).
#[derive(Clone, Debug)]
pub(super) struct Noise {
    pub(super) stream: Stream,
    /// Samples of a row.
    pub(super) samples: usize,
    /// Which samples, counted through all rows.
    pub(super) range: Range<usize>,
    /// Whether all rows see the noise of row 0.
    pub(super) common: bool,
}

impl Noise {
    fn normals(&self, step: usize, outputs: usize) -> Vec<f64> {
        let purpose = format!("diffusion {step}");
        let mut out = Vec::with_capacity(self.range.len() * outputs);
        for item in self.range.clone() {
            let row = if self.common { 0 } else { item / self.samples };
            let mut rng = self.stream.rng(&purpose, Key { id: row as u64, slot: (item % self.samples) as u32 });
            out.extend((0..outputs).map(|_| rng.normal()));
        }
        out
    }
}

impl Chain<'_> {
    fn normals(&self, step: usize) -> Torch<Tensor> {
        upload(&self.noise.normals(step, self.outputs), &[-1, self.outputs as i64], self.place)
    }

    /// $y_T$, standard normal.
    pub(super) fn start(&self) -> Torch<Tensor> {
        self.normals(0)
    }

    /// Takes the steps `range` of the chain, with torch's graph unless that is switched off.
    pub(super) fn run(&self, mut y: Tensor, range: Range<usize>) -> Torch<Tensor> {
        for (i, transition) in self.transitions.iter().enumerate().take(range.end).skip(range.start) {
            let time = indices(&[transition.time - 1], self.place.1)?;
            let predicted = self.denoiser.forward(&y, &time, &self.features)?;
            y = y.f_mul_scalar(transition.keep)?.f_add(&predicted.f_mul_scalar(transition.predicted)?)?;
            if transition.fresh > 0.0 {
                y = y.f_add(&self.normals(i + 1)?.f_mul_scalar(transition.fresh)?)?;
            }
        }
        Ok(y)
    }
}

#[cfg(test)]
mod tests {
    use super::super::NoiseSchedule;
    use super::*;

    fn table() -> NoiseTable {
        NoiseSchedule::PUBLISHED.table(1000).unwrap()
    }

    #[test]
    fn any_number_of_deterministic_steps_ends_at_the_data() {
        for steps in [1, 2, 7, 20, 31, 32, 33, 100, 999, 1000] {
            let chain = transitions(DiffusionSampler::Ddim { steps }, &table());
            assert_eq!(chain.len(), steps);
            assert_eq!(chain[0].time, 1000);
            assert!(chain.windows(2).all(|pair| pair[0].time > pair[1].time), "{steps}");
        }
        let all: Vec<usize> = transitions(DiffusionSampler::Ddim { steps: 1000 }, &table()).iter().map(|t| t.time).collect();
        assert_eq!(all, (1..=1000).rev().collect::<Vec<_>>());
    }

    /// A step of one: with the noise that is in y_t, the deterministic step gives y_s for the same noise, and the ancestral one the mean of the
    /// posterior q(y_s | y_t, y_0) = sqrt(abar_s) beta_t / (1 - abar_t) y_0 + sqrt(alpha_t) (1 - abar_s) / (1 - abar_t) y_t.
    #[test]
    fn steps_with_the_true_noise_are_those_of_the_forward_chain() {
        let (table, y0, noise) = (table(), 1.7, -0.6);
        for t in [1, 2, 500, 1000] {
            let at = |s: usize| table.alpha_bar(s).sqrt() * y0 + table.noise(s) * noise;
            let go = |step: Transition| step.keep * at(t) + step.predicted * noise;
            let s = t / 2;
            assert!((go(implicit(&table, t, s)) - at(s)).abs() < 1e-12, "{t}");
            let (to_data, to_noise) =
                (table.alpha_bar(t - 1).sqrt() * table.beta(t), table.alpha(t).sqrt() * (1.0 - table.alpha_bar(t - 1)));
            let mean = (to_data * y0 + to_noise * at(t)) / (1.0 - table.alpha_bar(t));
            assert!((go(ancestral(&table, t)) - mean).abs() < 1e-11, "{t}");
        }
    }
}
