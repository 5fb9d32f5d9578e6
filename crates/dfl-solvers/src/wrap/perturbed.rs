use dfl_core::{Batch, Call, Decider, Decisions, Dims, Error, Key, Pullback, Result, SolveInfo, Status, Stream, check_len};
use rayon::prelude::*;

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
/// with $\theta_k = \theta + \sigma\xi_k$. The decision is the average, a point of the convex hull; the objective is $\overline F$, of which the decision is
/// the gradient, sample by sample: what a Fenchel-Young loss needs. $J^\top g$ is an unbiased *estimate* of the derivative of $\mathbb E\, \bar x$,
/// by Stein's identity $J = \mathbb E[x^\star(\theta + \sigma\xi)\, \xi^\top] / \sigma$, not the derivative of the $\bar x$ that is returned, which is piecewise constant.
/// Its standard error is of order $\|g^\top x\| \sqrt{1/K} / \sigma$: small `sigma` needs many samples.
///
/// With multiplicative noise entry $j$ of the estimate is divided by $\theta_j$; where $\theta_j = 0$ the noise does nothing, the entry is 0 and the
/// row is flagged degenerate. The objective's gradient is then the mean of $\exp(\sigma\xi_k - \sigma^2/2) \odot x^\star(\theta_k)$, not the decision.
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
/// Berthet et al. sum $\xi_k\, g^\top x^\star(\theta_k)$; the mean of the other samples, $g^\top (K \bar x - x_k) / (K-1)$, is subtracted here, as in PyEPO. It
/// is independent of $\xi_k$, so the estimate stays unbiased, and a constant part of the decision adds no variance. One sample
/// alone has no others: `K = 1` is the sum as published.
#[derive(Clone, Debug)]
pub struct Perturbed<D> {
    inner: D,
    options: PerturbedOptions,
}

impl<D: Decider> Perturbed<D> {
    /// Wraps a decider whose `theta` is the linear cost of its decision.
    ///
    /// # Errors
    /// [`Error::Domain`] for no samples or a `sigma` that is not positive, [`Error::Dimension`] unless `theta` and `x` have one length.
    pub fn new(inner: D, options: PerturbedOptions) -> Result<Self> {
        let dims = inner.dims();
        check_len("theta of a perturbed decider, whose cost it must be", dims.x, dims.theta)?;
        if options.samples == 0 || u32::try_from(options.samples).is_err() {
            return Err(Error::Domain { what: "samples", value: options.samples as f64, need: "between 1 and 2^32 - 1" });
        }
        if !(options.sigma > 0.0 && options.sigma.is_finite()) {
            return Err(Error::Domain { what: "sigma", value: options.sigma, need: "positive and finite" });
        }
        Ok(Self { inner, options })
    }

    /// The perturbed costs of a row, `[K, n]`.
    fn perturb(&self, theta: &[f64], noise: &[f64], out: &mut [f64]) {
        let PerturbedOptions { sigma, noise: kind, .. } = self.options;
        for (k, (out, xi)) in out.iter_mut().zip(noise).enumerate() {
            let cost = theta[k % theta.len()];
            *out = match kind {
                Noise::Additive => cost + sigma * xi,
                Noise::Multiplicative => cost * (sigma * xi - 0.5 * sigma * sigma).exp(),
            };
        }
    }

    fn keys(&self, keys: &[Key]) -> Result<Vec<Key>> {
        let samples = self.options.samples as u32;
        let slot = |key: &Key, k: u32| key.slot.checked_mul(samples).and_then(|slot| slot.checked_add(k));
        let named = |key: &Key, k: u32| {
            let need = "small enough that slot times samples stays below 2^32";
            slot(key, k).map(|slot| Key { id: key.id, slot }).ok_or(Error::Domain { what: "slot", value: f64::from(key.slot), need })
        };
        keys.iter().flat_map(|key| (0..samples).map(move |k| named(key, k))).collect()
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
        true
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        let (b, n, samples) = (thetas.rows(), self.dims().x, self.options.samples);
        check_len("theta", n, thetas.cols())?;
        check_len("keys", b, call.keys.len())?;
        thetas.check_finite("theta")?;
        let mut costs = Batch::zeros(b, samples * n);
        costs.as_mut_slice().par_chunks_mut((samples * n).max(1)).enumerate().for_each(|(i, out)| {
            self.perturb(thetas.row(i), &noise(call.stream, call.keys[i], samples * n), out);
        });
        let costs = Batch::from_vec(b * samples, n, costs.into_vec())?;
        let solved = self.inner.forward(&costs, &Call { keys: &self.keys(call.keys)?, backward: false, ..*call })?;
        let zeros = matches!(self.options.noise, Noise::Multiplicative);
        let info: Vec<SolveInfo> =
            solved.info.chunks(samples).zip(thetas.iter()).map(|(k, t)| together(k, zeros && t.contains(&0.0))).collect();
        let (mut x, mut objective) = (Batch::zeros(b, n), vec![0.0; b]);
        for i in (0..b).filter(|&i| info[i].status.usable()) {
            for k in i * samples..(i + 1) * samples {
                x.row_mut(i).iter_mut().zip(solved.x.row(k)).for_each(|(mean, x)| *mean += x / samples as f64);
                objective[i] += solved.objective[k] / samples as f64;
            }
        }
        let tape = || Tape { thetas: thetas.clone(), keys: call.keys.to_vec(), stream: call.stream, x: solved.x, info: info.clone() };
        let back = call.backward.then(|| Box::new(PerturbedPullback { options: self.options, tape: tape() }) as Box<dyn Pullback>);
        Ok(Decisions { x, objective, info, back })
    }
}

/// The noise of a row, `[K, n]`.
fn noise(stream: Stream, key: Key, len: usize) -> Vec<f64> {
    let mut rng = stream.rng("perturbed", key);
    (0..len).map(|_| rng.normal()).collect()
}

/// How a row ended, from its samples: without an answer if one has none, optimal if all are.
fn together(samples: &[SolveInfo], flat: bool) -> SolveInfo {
    let first = |bad: fn(Status) -> bool| samples.iter().map(|i| i.status).find(|&s| bad(s));
    let status = first(|s| !s.usable()).or_else(|| first(|s| s != Status::Optimal)).unwrap_or(Status::Optimal);
    let degenerate = flat || samples.iter().any(|i| i.degenerate);
    SolveInfo { status, iterations: samples.iter().map(|i| i.iterations).sum(), degenerate }
}

/// What was solved; the noise is drawn again.
struct Tape {
    thetas: Batch,
    keys: Vec<Key>,
    stream: Stream,
    /// Decisions of the samples, `[b K, n]`.
    x: Batch,
    info: Vec<SolveInfo>,
}

struct PerturbedPullback {
    options: PerturbedOptions,
    tape: Tape,
}

impl PerturbedPullback {
    fn pull_row(&self, i: usize, cotangent: &[f64], out: &mut [f64]) {
        let (Tape { thetas, keys, stream, x, info }, PerturbedOptions { samples, sigma, noise: kind }) = (&self.tape, self.options);
        if !info[i].status.usable() {
            return;
        }
        let scores: Vec<f64> =
            (i * samples..(i + 1) * samples).map(|k| x.row(k).iter().zip(cotangent).map(|(x, g)| x * g).sum::<f64>()).collect();
        let (mean, count) = if samples > 1 { (scores.iter().sum::<f64>() / samples as f64, samples - 1) } else { (0.0, 1) };
        for (score, xi) in scores.iter().zip(noise(*stream, keys[i], samples * out.len()).chunks(out.len())) {
            let weight = (score - mean) / (count as f64 * sigma);
            out.iter_mut().zip(xi).for_each(|(g, xi)| *g += weight * xi);
        }
        if kind == Noise::Multiplicative {
            out.iter_mut().zip(thetas.row(i)).for_each(|(g, t)| *g = if *t == 0.0 { 0.0 } else { *g / t });
        }
    }
}

impl Pullback for PerturbedPullback {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        let (b, n) = (self.tape.thetas.rows(), self.tape.thetas.cols());
        check_len("cotangent rows", b, cotangent.rows())?;
        check_len("cotangent", n, cotangent.cols())?;
        cotangent.check_finite("cotangent")?;
        let mut out = Batch::zeros(b, n);
        out.as_mut_slice().par_chunks_mut(n.max(1)).enumerate().for_each(|(i, to)| self.pull_row(i, cotangent.row(i), to));
        Ok(out)
    }
}
