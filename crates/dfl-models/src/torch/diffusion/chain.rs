use std::ops::Range;

use dfl_core::{Key, Stream};
use tch::Tensor;

use super::super::bridge::{Place, Torch, indices, upload};
use super::denoiser::Denoiser;
use super::{DiffusionSampler, NoiseTable};

/// One step of a reverse chain, $y' = a y_t + b \hat\epsilon(y_t, t, \phi) + s \xi + c (\hat y_0 - \hat y_0^-)$, where $\hat y_0 = (y_t - n \hat\epsilon) / r$
/// is the outcome that this step predicts and $\hat y_0^-$ that of the step before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Transition {
    time: usize,
    /// $a$, $b$ and $s$.
    keep: f64,
    predicted: f64,
    fresh: f64,
    /// $c$, $r = \sqrt{\bar\alpha_t}$ and $n = \sqrt{1 - \bar\alpha_t}$ of a multistep chain.
    slope: Option<[f64; 3]>,
}

/// The steps of a sampler, in the order they are taken.
pub(super) fn transitions(sampler: DiffusionSampler, table: &NoiseTable) -> Vec<Transition> {
    match sampler {
        DiffusionSampler::Ancestral => (1..=table.steps()).rev().map(|t| ancestral(table, t)).collect(),
        DiffusionSampler::Ddim { steps } => times(steps, table).windows(2).map(|pair| implicit(table, pair[0], pair[1])).collect(),
        DiffusionSampler::Multistep { steps } => {
            let times = times(steps, table);
            let before = |i: usize| (i > 0).then(|| times[i - 1]);
            (0..steps).map(|i| multistep(table, before(i), times[i], times[i + 1])).collect()
        }
    }
}

/// $\tau_S = T$ down to $\tau_0 = 0$.
fn times(steps: usize, table: &NoiseTable) -> Vec<usize> {
    let share = |i: usize| (i as f64 / steps as f64).powi(2);
    (0..=steps).rev().map(|i| i.max((table.steps() as f64 * share(i)).round() as usize)).collect()
}

/// $y_{t-1} = (y_t - \beta_t/\sqrt{1-\bar\alpha_t}\, \hat\epsilon)/\sqrt{\alpha_t} + \sqrt{\beta_t}\, \xi$
fn ancestral(table: &NoiseTable, t: usize) -> Transition {
    let (root, beta) = (table.alpha(t).sqrt(), table.beta(t));
    Transition { time: t, keep: 1.0 / root, predicted: -beta / (table.noise(t) * root), fresh: beta.sqrt(), slope: None }
}

/// $\hat y_0 = (y_t - \sqrt{1-\bar\alpha_t}\, \hat\epsilon)/\sqrt{\bar\alpha_t}$, then $y_s = \sqrt{\bar\alpha_s}\, \hat y_0 + \sqrt{1-\bar\alpha_s}\,
/// \hat\epsilon$.
fn implicit(table: &NoiseTable, t: usize, s: usize) -> Transition {
    let keep = (table.alpha_bar(s) / table.alpha_bar(t)).sqrt();
    Transition { time: t, keep, predicted: table.noise(s) - keep * table.noise(t), ..Transition::default() }
}

/// The deterministic step from $t$ to $s$, with $\hat y_0$ continued along the line through its values at $t$ and before, in the logarithm $\lambda$ of signal over
/// noise: $c = \sqrt{\bar\alpha_s} (1 - e^{-h}) h / (2 h^-)$, $h = \lambda_s - \lambda_t$. The first step has no line, the last no end.
fn multistep(table: &NoiseTable, before: Option<usize>, t: usize, s: usize) -> Transition {
    let lambda = |t: usize| (table.alpha_bar(t).sqrt() / table.noise(t)).ln();
    let change = match before {
        Some(before) if s > 0 => {
            let (h, last) = (lambda(s) - lambda(t), lambda(t) - lambda(before));
            -table.alpha_bar(s).sqrt() * (-h).exp_m1() * h / (2.0 * last)
        }
        _ => 0.0,
    };
    Transition { slope: Some([change, table.alpha_bar(t).sqrt(), table.noise(t)]), ..implicit(table, t, s) }
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

    /// Takes the steps `range` of the chain, with torch's graph unless that is switched off. Between steps a state is $y$ `[n, outputs]`, and beside it, in a
    /// multistep chain that has begun, the outcome that the last step predicted.
    pub(super) fn run(&self, state: Tensor, range: Range<usize>) -> Torch<Tensor> {
        let d = self.outputs as i64;
        let mut last = if state.size()[1] > d { Some(state.f_narrow(1, d, d)?) } else { None };
        let mut y = state.f_narrow(1, 0, d)?;
        for (i, transition) in self.transitions.iter().enumerate().take(range.end).skip(range.start) {
            let time = indices(&[transition.time - 1], self.place.1)?;
            let predicted = self.denoiser.forward(&y, &time, &self.features)?;
            let mut next = y.f_mul_scalar(transition.keep)?.f_add(&predicted.f_mul_scalar(transition.predicted)?)?;
            if transition.fresh > 0.0 {
                next = next.f_add(&self.normals(i + 1)?.f_mul_scalar(transition.fresh)?)?;
            }
            if let Some([change, root, noise]) = transition.slope {
                let outcome = y.f_sub(&predicted.f_mul_scalar(noise)?)?.f_div_scalar(root)?;
                if let Some(last) = last {
                    next = next.f_add(&outcome.f_sub(&last)?.f_mul_scalar(change)?)?;
                }
                last = Some(outcome);
            }
            y = next;
        }
        match last {
            Some(last) if range.end < self.transitions.len() => Tensor::f_cat(&[y, last], 1),
            _ => Ok(y),
        }
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
            for sampler in [DiffusionSampler::Ddim { steps }, DiffusionSampler::Multistep { steps }] {
                let chain = transitions(sampler, &table());
                assert_eq!(chain.len(), steps);
                assert_eq!(chain[0].time, 1000);
                assert!(chain.windows(2).all(|pair| pair[0].time > pair[1].time), "{steps}");
            }
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

    /// With the best prediction for data of N(mean, variance), which is affine, $y_0$ is Gaussian: its mean and standard deviation. Means and factors of the
    /// first noise pass the chain alike, fresh noise adds its variance.
    fn gaussian(chain: &[Transition], table: &NoiseTable, mean: f64, variance: f64) -> (f64, f64) {
        let ([mut m, mut factor], mut last, mut fresh) = ([0.0, 1.0], None, 0.0);
        for step in chain {
            let (bar, noise) = (table.alpha_bar(step.time), table.noise(step.time));
            let slope = noise / (bar * variance + 1.0 - bar);
            let predicted = [slope * (m - bar.sqrt() * mean), slope * factor];
            let mut next = [step.keep * m + step.predicted * predicted[0], step.keep * factor + step.predicted * predicted[1]];
            if let Some([change, root, noise]) = step.slope {
                let outcome = [(m - noise * predicted[0]) / root, (factor - noise * predicted[1]) / root];
                let before: [f64; 2] = last.unwrap_or(outcome);
                (0..2).for_each(|k| next[k] += change * (outcome[k] - before[k]));
                last = Some(outcome);
            }
            fresh = fresh * (step.keep + step.predicted * slope).powi(2) + step.fresh.powi(2);
            [m, factor] = next;
        }
        (m, (factor * factor + fresh).sqrt())
    }

    /// No sampling error here: what is left is that of the steps, and of a start from N(0, 1) in place of N(sqrt(abar_T) mean, .), 0.6 % of the mean. In 20 steps
    /// plain ones lose up to 13 % of the deviation (that they lose something in each is why), multistep ones are off by at most 2.5 %.
    #[test]
    fn samples_have_the_moments_of_a_gaussian() {
        let table = table();
        for (mean, deviation) in [(0.0, 1.0), (0.7, 0.5), (-0.3, 0.12)] {
            for (sampler, tolerance) in [
                (DiffusionSampler::Ancestral, 0.011),
                (DiffusionSampler::Ddim { steps: 1000 }, 0.014),
                (DiffusionSampler::Ddim { steps: 20 }, 0.13),
                (DiffusionSampler::Multistep { steps: 1000 }, 0.0022),
                (DiffusionSampler::Multistep { steps: 50 }, 0.0065),
                (DiffusionSampler::Multistep { steps: 20 }, 0.026),
            ] {
                let (m, sd) = gaussian(&transitions(sampler, &table), &table, mean, deviation * deviation);
                println!("N({mean}, {deviation}^2), {sampler:?}: mean {m:.4}, deviation {:.4} of that", sd / deviation);
                assert!((m - mean).abs() < 0.006 * mean.abs() + 1e-12, "{sampler:?}: mean {m}");
                assert!((sd / deviation - 1.0).abs() < tolerance, "{sampler:?}: deviation {sd}");
            }
        }
    }

    /// Standard normal data: every ancestral step keeps mean 0 and variance 1 to the last bits.
    #[test]
    fn the_ancestral_chain_is_exact_for_standard_normal_data() {
        let (m, sd) = gaussian(&transitions(DiffusionSampler::Ancestral, &table()), &table(), 0.0, 1.0);
        assert!(m == 0.0 && (sd - 1.0).abs() < 1e-12, "{m}, {sd}");
    }
}
