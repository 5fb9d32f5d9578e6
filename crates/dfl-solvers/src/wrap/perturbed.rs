use dfl_core::{Batch, Call, Decider, Decisions, Dims, Error, Key, Pullback, Result, Stream};
use rayon::prelude::*;

use super::samples::{Slots, mean_of_samples};
use crate::checks::{check_batch, check_cotangent, check_linear, check_positive};

/// How costs are perturbed; $\xi \sim N(0, I)$.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Noise {
    /// $\theta + \sigma \xi$.
    #[default]
    Additive,
    /// $\theta \odot \exp(\sigma\xi - \sigma^2/2)$, whose mean is $\theta$ and which keeps every sign.
    Multiplicative,
}

/// How many perturbations, and how large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerturbedOptions {
    /// Solves per row, $K$.
    pub samples: usize,
    /// $\sigma$: in units of the cost, or of its logarithm.
    pub sigma: f64,
    /// How it enters.
    pub noise: Noise,
}

impl Default for PerturbedOptions {
    fn default() -> Self {
        Self { samples: 10, sigma: 1.0, noise: Noise::Additive }
    }
}

/// Smooths any decider of a linear objective by noise on its cost, and so gives a black box a backward; minimises.
///
/// $$\bar x(\theta) = \tfrac1K \sum_k x^\star(\theta_k), \qquad \overline{F}(\theta) = \tfrac1K \sum_k \min_x \theta_k^\top x,
/// \qquad J^\top g \approx \tfrac{1}{(K-1)\sigma} \sum_k \xi_k \big(g^\top x^\star(\theta_k) - g^\top \bar x\big)$$
///
/// with $\theta_k = \theta + \sigma\xi_k$. The decision is the average, a point of the convex hull; the objective is $\overline F$, of
/// which the decision is the gradient, sample by sample: what a Fenchel-Young loss needs. $J^\top g$ is an unbiased *estimate* of the
/// derivative of $\mathbb E\, \bar x$, by Stein's identity $J = \mathbb E[x^\star(\theta + \sigma\xi)\, \xi^\top] / \sigma$, not the
/// derivative of the $\bar x$ that is returned, which is piecewise constant. Its standard error is of order $\|g^\top x\| \sqrt{1/K} /
/// \sigma$: small `sigma` needs many samples.
///
/// With multiplicative noise entry $j$ of the estimate is divided by $\theta_j$; where $\theta_j = 0$ the noise does nothing, the entry
/// is 0 and the row is flagged degenerate. The objective's gradient is then the mean of $\exp(\sigma\xi_k - \sigma^2/2) \odot
/// x^\star(\theta_k)$, not the decision. A Fenchel-Young loss on multiplicative noise therefore needs
/// [`objective_gradient`](Perturbed::objective_gradient).
///
/// [`antithetic`](Perturbed::antithetic) draws noise in pairs $\pm\xi$, for a smaller variance of decision, objective and estimate alike.
///
/// The noise is a function of the call's stream and the row's key alone. A row has an answer if all its samples have one, and else
/// ends as its first sample without one.
///
/// # Shapes
/// `theta`, `x`: `[n]`; the inner decider gets `[b K, n]`, sample `k` of slot `s` under the slot `s K + k`.
///
/// # References
/// Berthet et al. (2020), Learning with differentiable perturbed optimizers, NeurIPS, Eq. 3 and Prop. 3.1; Dalle et al. (2022), Learning
/// with combinatorial optimization layers: a probabilistic approach, section 3.3 (multiplicative).
///
/// # Differences
/// Berthet et al. sum $\xi_k\, g^\top x^\star(\theta_k)$; the mean of the other samples, $g^\top (K \bar x - x_k) / (K-1)$, is
/// subtracted here, as in PyEPO. It is independent of $\xi_k$, so the estimate stays unbiased, and a constant part of the decision adds
/// no variance. One sample alone has no others: `K = 1` is the sum as published.
#[derive(Clone, Debug)]
pub struct Perturbed<D> {
    inner: D,
    slots: Slots,
    sampling: Sampling,
    envelope: bool,
}

/// The options, and whether noise comes in pairs.
#[derive(Clone, Copy, Debug)]
struct Sampling {
    options: PerturbedOptions,
    antithetic: bool,
}

impl<D: Decider> Perturbed<D> {
    /// Wraps a decider whose `theta` is the linear cost of its decision.
    ///
    /// # Errors
    /// [`Error::Domain`] for no samples or a `sigma` that is not positive, [`Error::Dimension`] unless `theta` and `x` have one length.
    pub fn new(inner: D, options: PerturbedOptions) -> Result<Self> {
        check_linear(&inner)?;
        check_positive("sigma", options.sigma)?;
        let slots = Slots::new(options.samples, 1)?;
        Ok(Self { inner, slots, sampling: Sampling { options, antithetic: false }, envelope: false })
    }

    /// Draws the noise in pairs of opposite sign: sample $2k + 1$ has $-\xi$ of sample $2k$.
    ///
    /// What is odd in the noise then cancels, which for a smooth function of it is most of its variance. The estimate of the derivative
    /// becomes $\tfrac{1}{K\sigma} \sum_k \xi_k\, g^\top x^\star(\theta_k)$, in which each pair has the difference of its two scores,
    /// and no mean is to be subtracted.
    ///
    /// # Errors
    /// [`Error::Domain`] for an odd number of samples.
    pub fn antithetic(self) -> Result<Self> {
        let samples = self.sampling.options.samples;
        if !samples.is_multiple_of(2) {
            return Err(Error::Domain { what: "samples", value: samples as f64, need: "even for noise in pairs" });
        }
        Ok(Self { sampling: Sampling { antithetic: true, ..self.sampling }, ..self })
    }

    /// Returns as the decision the gradient of the objective in `theta`, sample by sample: what a Fenchel-Young loss subtracts from its
    /// label.
    ///
    /// For additive noise that is the mean decision as before. For multiplicative noise it is the mean of $\exp(\sigma\xi_k -
    /// \sigma^2/2) \odot x^\star(\theta_k)$, in general no point of the hull of decisions. The decider is then a black box: the
    /// gradient of such an objective has a derivative of another kind, which no loss asks for.
    pub fn objective_gradient(self) -> Self {
        Self { envelope: true, ..self }
    }
}

impl<D: Decider> Decider for Perturbed<D> {
    fn name(&self) -> &'static str {
        "perturbed"
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn differentiable(&self) -> bool {
        !self.envelope
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        check_batch(self.dims(), thetas, call)?;
        let (b, n, sampling) = (thetas.rows(), self.dims().x, self.sampling);
        let PerturbedOptions { samples, noise: kind, .. } = sampling.options;
        let mut costs = vec![0.0; b * samples * n];
        costs.par_chunks_mut((samples * n).max(1)).enumerate().for_each(|(i, out)| {
            sampling.perturb(thetas.row(i), &sampling.noise(call.stream, call.keys[i], n), out);
        });
        let costs = Batch::from_vec(b * samples, n, costs)?;
        let keys = self.slots.keys(call.keys.iter().copied(), 0..samples)?;
        let mut solved = self.inner.forward(&costs, &Call { keys: &keys, backward: false, ..*call })?;
        if self.envelope && kind == Noise::Multiplicative {
            for (i, x) in solved.x.as_mut_slice().chunks_mut((samples * n).max(1)).enumerate() {
                let noise = sampling.noise(call.stream, call.keys[i], n);
                x.iter_mut().zip(noise).for_each(|(x, xi)| *x *= sampling.factor(xi));
            }
        }
        let mut out = mean_of_samples(&solved, samples);
        if kind == Noise::Multiplicative {
            out.info.iter_mut().zip(thetas.iter()).for_each(|(info, theta)| info.degenerate |= theta.contains(&0.0));
        }
        let tape = || Tape { thetas: thetas.clone(), keys: call.keys.to_vec(), stream: call.stream, x: solved.x };
        let usable = || out.info.iter().map(|i| i.status.usable()).collect();
        let wanted = call.backward && !self.envelope;
        let back = wanted.then(|| Box::new(PerturbedPullback { sampling, tape: tape(), usable: usable() }) as Box<dyn Pullback>);
        Ok(Decisions { back, ..out })
    }
}

impl Sampling {
    /// The noise of a row, `[K, n]`.
    fn noise(self, stream: Stream, key: Key, n: usize) -> Vec<f64> {
        let (mut rng, samples) = (stream.rng("perturbed", key), self.options.samples);
        let mut noise = Vec::with_capacity(samples * n);
        for k in 0..samples {
            match self.antithetic && k % 2 == 1 {
                true => noise.extend_from_within((k - 1) * n..),
                false => noise.extend((0..n).map(|_| rng.normal())),
            }
            if self.antithetic && k % 2 == 1 {
                noise[k * n..].iter_mut().for_each(|xi| *xi = -*xi);
            }
        }
        noise
    }

    /// By what noise multiplies a cost.
    fn factor(self, xi: f64) -> f64 {
        (self.options.sigma * xi - 0.5 * self.options.sigma * self.options.sigma).exp()
    }

    /// The perturbed costs of a row, `[K, n]`.
    fn perturb(self, theta: &[f64], noise: &[f64], out: &mut [f64]) {
        for ((out, xi), cost) in out.iter_mut().zip(noise).zip(theta.iter().cycle()) {
            *out = match self.options.noise {
                Noise::Additive => cost + self.options.sigma * xi,
                Noise::Multiplicative => cost * self.factor(*xi),
            };
        }
    }

    /// Adds $J^\top g$ of a row from its decisions and noise, both `[K, n]`.
    fn estimate(self, theta: &[f64], x: &[f64], noise: &[f64], cotangent: &[f64], out: &mut [f64]) {
        let (n, PerturbedOptions { samples, sigma, noise: kind }) = (out.len(), self.options);
        let scores: Vec<f64> = x.chunks(n).map(|x| x.iter().zip(cotangent).map(|(x, g)| x * g).sum()).collect();
        let (mean, count) = match self.antithetic || samples == 1 {
            true => (0.0, samples),
            false => (scores.iter().sum::<f64>() / samples as f64, samples - 1),
        };
        for (score, xi) in scores.iter().zip(noise.chunks(n)) {
            let weight = (score - mean) / (count as f64 * sigma);
            out.iter_mut().zip(xi).for_each(|(g, xi)| *g += weight * xi);
        }
        if kind == Noise::Multiplicative {
            out.iter_mut().zip(theta).for_each(|(g, t)| *g = if *t == 0.0 { 0.0 } else { *g / t });
        }
    }
}

/// What was solved; the noise is drawn again.
struct Tape {
    thetas: Batch,
    keys: Vec<Key>,
    stream: Stream,
    /// Decisions of the samples, `[b K, n]`.
    x: Batch,
}

struct PerturbedPullback {
    sampling: Sampling,
    tape: Tape,
    usable: Vec<bool>,
}

impl Pullback for PerturbedPullback {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        let (Tape { thetas, keys, stream, x }, sampling) = (&self.tape, self.sampling);
        let (b, n) = (thetas.rows(), thetas.cols());
        check_cotangent(cotangent, (b, n))?;
        let (mut out, width) = (Batch::zeros(b, n), sampling.options.samples * n);
        out.as_mut_slice().par_chunks_mut(n.max(1)).enumerate().filter(|(i, _)| self.usable[*i]).for_each(|(i, to)| {
            let noise = sampling.noise(*stream, keys[i], n);
            sampling.estimate(thetas.row(i), &x.as_slice()[i * width..(i + 1) * width], &noise, cotangent.row(i), to);
        });
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::{Path, PathBuf};

    use serde_json::Value;

    use super::*;

    fn numbers(value: &Value) -> Vec<f64> {
        value.as_array().unwrap().iter().flat_map(|v| v.as_f64().map_or_else(|| numbers(v), |v| vec![v])).collect()
    }

    /// All feasible subsets of a knapsack with ten items; one fills it to the last digit, and more than that in floating point.
    fn subsets(file: &Value) -> Vec<Vec<f64>> {
        let (weights, capacity) = (numbers(&file["weights"]), numbers(&file["capacity"]));
        let all = (0..1024_u32).map(|set| (0..10).map(|j| f64::from(set >> j & 1)).collect::<Vec<_>>());
        let load = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
        all.filter(|x| weights.chunks(10).zip(&capacity).all(|(w, c)| load(x, w) <= c + 1e-9)).collect()
    }

    /// The mean decision and the estimate are those of `PyEPO` 2.2.7 for its noise, which it notes with them, on a knapsack. It
    /// maximises: costs are the negative of the values, so noise changes sign, and so does the gradient. Its values are `f32`.
    #[test]
    fn the_estimate_is_that_of_pyepo_for_its_noise() {
        let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
        let path = std::env::var_os("DFL_FIXTURES").map_or_else(usual, PathBuf::from).join("losses/loss_KP10.json");
        if !path.exists() {
            let _ = writeln!(std::io::stderr(), "skipped: the_estimate_is_that_of_pyepo_for_its_noise: {} not found", path.display());
            return;
        }
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let (sets, pred) = (subsets(&file), numbers(&file["pred_cost"]));
        for (name, samples, sigma) in [("DPO_n3_sigma1.0", 3, 1.0), ("DPO_n10_sigma0.5", 10, 0.5)] {
            let part = |part: &str| numbers(&file["losses"][name][part]);
            let (noise, upstream, value, grad) = (part("noise"), part("upstream"), part("value"), part("grad"));
            let sampling = Sampling { options: PerturbedOptions { samples, sigma, noise: Noise::Additive }, antithetic: false };
            for i in 0..8 {
                let row = i * 10..(i + 1) * 10;
                let theta: Vec<f64> = pred[row.clone()].iter().map(|v| -v).collect();
                let xi: Vec<f64> = noise[i * samples * 10..(i + 1) * samples * 10].iter().map(|v| -v).collect();
                let (mut costs, mut out) = (vec![0.0; samples * 10], vec![0.0; 10]);
                sampling.perturb(&theta, &xi, &mut costs);
                let cost = |x: &[f64], c: &[f64]| x.iter().zip(c).map(|(x, c)| x * c).sum::<f64>();
                let best = |c: &[f64]| sets.iter().min_by(|a, b| cost(a, c).total_cmp(&cost(b, c))).unwrap().clone();
                let x: Vec<f64> = costs.chunks(10).flat_map(best).collect();
                sampling.estimate(&theta, &x, &xi, &upstream[row.clone()], &mut out);
                for j in 0..10 {
                    let mean = x.chunks(10).map(|x| x[j]).sum::<f64>() / samples as f64;
                    assert!((mean - value[row.start + j]).abs() < 1e-6, "{name}, {i}, {j}: {mean}");
                    assert!((-out[j] - grad[row.start + j]).abs() < 1e-6, "{name}, {i}, {j}: {} against {}", -out[j], grad[row.start + j]);
                }
            }
        }
    }
}
