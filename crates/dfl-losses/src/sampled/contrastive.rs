use std::sync::Arc;

use dfl_core::{
    Batch, Call, Decider, Error, Generative, Key, Minibatch, Objective, Pool, Result, Risk, Sampler, SolveInfo, Status, StepReport, Stream,
    check_len,
};

use super::{fork, truth};
use crate::kernels::{add_scaled, count, dot, not_negative};

const NAME: &str = "gen_dfl";

/// What the predicted distribution should find best.
pub enum Target {
    /// The stored optimum under the observed cost, as the other pool losses have it.
    Observed,
    /// What the decider finds for samples of another distribution $q(c \mid \phi)$, fitted beforehand and held: the published choice. It
    /// must have seen the training rows alone.
    Proxy(Box<dyn Sampler>),
}

/// Settings of a [`Contrastive`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContrastiveOptions {
    /// $M$, samples per row.
    pub samples: usize,
    /// $\alpha \in (0, 1]$, the share of worst samples that costs are compared by; 1 is the mean.
    pub tail: f64,
    /// $\beta$, weight of the decisions.
    pub beta: f64,
    /// $\gamma$, weight of the negative log-likelihood.
    pub gamma: f64,
}

impl Default for ContrastiveOptions {
    /// Those of the published code: 200 samples, the mean, $\beta = 10$, $\gamma = 1$.
    fn default() -> Self {
        Self { samples: 200, tail: 1.0, beta: 10.0, gamma: 1.0 }
    }
}

/// How much better than a target decision the best of a pool looks to the worst samples of a predicted distribution (Gen-DFL). Minimises.
///
/// $$\ell(\theta) = \beta \max_{w \in \Gamma} \left[ \operatorname{CVaR}_\alpha(c^\top w^\star) - \operatorname{CVaR}_\alpha(c^\top w) \right]
///   - \gamma \log p_\theta(c_{\text{obs}} \mid \phi), \qquad c_1, \dots, c_M \sim p_\theta(\cdot \mid \phi)$$
///
/// with the target $w^\star$ and a pool $\Gamma$ that grows by every decision found: by the targets, and by what the decider finds for the
/// predicted samples. Pool and target are constants; with $p^\star$ and $p$ the weights of the worst samples under $w^\star$ and the best
/// $w$, the cotangent of sample $m$ is $p^\star_m w^\star - p_m w$, pulled through the sample. The target counts as one of the pool, so
/// that the first term is at least 0; without the second one a cost of 0 minimises it, as that of [`Cmap`](crate::Cmap), which it is for
/// $M = 1$.
///
/// # Shapes
/// Outcomes are linear costs of the decision, `[b, n]`; `theta` of the decider: `[M * n]`, its decision `[n]`.
/// # Errors
/// [`Error::Diverged`] for a sample that is not finite, [`Error::Missing`] without truths or labels, [`Error::Unsupported`] for a model
/// without reparameterised samples. Rows without a usable decision are reported and add nothing but their likelihood.
/// # References
/// Wang et al. (2025), Gen-DFL: decision-focused generative learning for robust decision making, arXiv:2502.05468; the surrogate is that of
/// its published code. Mulamba et al. (2021), IJCAI, for the loss called MAP.
/// # Differences
/// The published $q$ is fitted to all rows, those for testing among them. A tail that is no whole number of samples weighs one in part,
/// where the code rounds down.
pub struct Contrastive<D> {
    decider: D,
    pool: Arc<Pool>,
    target: Target,
    options: ContrastiveOptions,
}

impl<D: Decider> Contrastive<D> {
    /// Joins a decider for `samples` samples of a linear cost, and the pool that it adds to.
    ///
    /// # Errors
    /// [`Error::Domain`] for no samples, a tail outside $(0, 1]$, or a negative weight; [`Error::Dimension`] if the samples do not fill
    /// `theta`, a sample is not as long as a decision, or the pool's decisions are not.
    pub fn new(decider: D, pool: Arc<Pool>, target: Target, options: ContrastiveOptions) -> Result<Self> {
        let dims = decider.dims();
        count("length of a decision", dims.x)?;
        check_len("theta of a decider of samples", count("samples of a decision", options.samples)? * dims.x, dims.theta)?;
        check_len("decisions of the pool", dims.x, pool.snapshot().cols())?;
        if let Target::Proxy(q) = &target {
            check_len("samples of the proxy", dims.x, q.outputs())?;
        }
        Risk::Cvar { tail: options.tail }.check()?;
        not_negative("weight of the decisions", options.beta)?;
        not_negative("weight of the likelihood", options.gamma)?;
        Ok(Self { decider, pool, target, options })
    }

    /// Decides for samples of each row.
    fn decide(&self, samples: &Batch, ids: &[u64], slot: u32, stream: Stream) -> Result<(Batch, Vec<SolveInfo>)> {
        let keys: Vec<Key> = ids.iter().map(|&id| Key { id, slot }).collect();
        let found = self.decider.forward(samples, &Call { keys: &keys, stream, backward: false })?;
        let usable: Vec<usize> = (0..ids.len()).filter(|&i| found.info[i].status.usable()).collect();
        self.pool.extend(&found.x.select(&usable))?;
        Ok((found.x, found.info))
    }

    /// The target of each row, and how the solves ended that it took.
    fn targets(&self, rows: &Minibatch<'_>, stream: Stream) -> Result<(Batch, Vec<SolveInfo>)> {
        match &self.target {
            Target::Observed => {
                let stored =
                    rows.targets.solution.as_ref().ok_or(Error::Missing { loss: NAME, what: "the optimal decisions as targets" })?;
                check_len("rows of optimal decisions", rows.ids.len(), stored.rows())?;
                check_len("optimal decisions", self.decider.dims().x, stored.cols())?;
                stored.check_finite("optimal decisions")?;
                Ok((stored.clone(), Vec::new()))
            }
            Target::Proxy(q) => {
                let samples = q.sample(rows.features, self.options.samples, fork(stream, "samples of the proxy"))?;
                self.decide(&samples, rows.ids, 1, stream)
            }
        }
    }

    /// What a row's samples say of its target against the pool. Of a mean cost the mean of the samples says it all.
    fn contrast(&self, samples: &[f64], target: &[f64], pool: &Batch, worst: &mut Worst) -> Contrast {
        let mean = (self.options.tail == 1.0).then(|| mean(samples, target.len()));
        let samples = mean.as_deref().unwrap_or(samples);
        let own = worst.risk(samples, target);
        let mut best = Contrast { value: 0.0, decision: None };
        for (k, w) in pool.iter().enumerate() {
            let value = own - worst.risk(samples, w);
            if value > best.value {
                best = Contrast { value, decision: Some(k) };
            }
        }
        best
    }
}

/// The best of the pool: none if it is the target itself, and then nothing is to be learned.
struct Contrast {
    value: f64,
    decision: Option<usize>,
}

/// Costs of one decision under the samples, and the weights of the worst.
struct Worst {
    tail: f64,
    costs: Vec<f64>,
    weights: Vec<f64>,
}

impl Worst {
    fn new(tail: f64, samples: usize) -> Self {
        Self { tail, costs: vec![0.0; samples], weights: vec![0.0; samples] }
    }

    /// Of as many samples as there are.
    fn risk(&mut self, samples: &[f64], decision: &[f64]) -> f64 {
        let count = samples.len() / decision.len();
        let (costs, weights) = (&mut self.costs[..count], &mut self.weights[..count]);
        costs.iter_mut().zip(samples.chunks_exact(decision.len())).for_each(|(f, c)| *f = dot(c, decision));
        Risk::Cvar { tail: self.tail }.gradient(costs, weights)
    }

    /// `cotangent += scale` times the gradient of the risk in each sample.
    fn add_gradient(&mut self, scale: f64, samples: &[f64], decision: &[f64], cotangent: &mut [f64]) {
        self.risk(samples, decision);
        let parts = cotangent.chunks_exact_mut(decision.len());
        self.weights.iter().zip(parts).filter(|(p, _)| **p != 0.0).for_each(|(p, part)| add_scaled(part, scale * p, decision));
    }
}

impl<M: Generative + ?Sized, D: Decider> Objective<M> for Contrastive<D> {
    fn solver(&self) -> &'static str {
        self.decider.name()
    }

    fn accumulate(&self, model: &mut M, rows: Minibatch<'_>, stream: Stream) -> Result<StepReport> {
        let (observed, b) = (truth(NAME, &rows)?, rows.ids.len());
        let ContrastiveOptions { samples: count, tail, beta, gamma } = self.options;
        let (targets, mut info) = self.targets(&rows, stream)?;
        let samples = model.draw(rows.features, count, fork(stream, "samples")).map_err(|e| e.diverged(rows.ids))?;
        samples.check_finite("sample").map_err(|e| e.diverged(rows.ids))?;
        info.extend(self.decide(&samples, rows.ids, 0, stream)?.1);
        let failed = failures(&info, b);
        let (pool, mut worst, mut sum) = (self.pool.snapshot(), Worst::new(tail, count), 0.0);
        let mut cotangent = Batch::zeros(b, samples.cols());
        for i in (0..b).filter(|i| failed.iter().all(|(row, _)| row != i)) {
            let found = self.contrast(samples.row(i), targets.row(i), &pool, &mut worst);
            sum += found.value;
            if let Some(k) = found.decision {
                let scale = beta / b as f64;
                worst.add_gradient(scale, samples.row(i), targets.row(i), cotangent.row_mut(i));
                worst.add_gradient(-scale, samples.row(i), pool.row(k), cotangent.row_mut(i));
            }
        }
        cotangent.check_finite("cotangent of a sample").map_err(|e| e.diverged(rows.ids))?;
        model.pull_samples(&cotangent)?;
        let weights = Batch::from_vec(b, 1, vec![-gamma / b as f64; b])?;
        let noise = fork(stream, "likelihood of the truth");
        let unlikely = model.add_log_likelihood(rows.features, observed, &weights, noise).map_err(|e| e.diverged(rows.ids))?;
        Ok(StepReport { loss: beta * sum + b as f64 * unlikely, info, failed })
    }
}

/// `[M * n]` to `[n]`.
fn mean(samples: &[f64], n: usize) -> Vec<f64> {
    let (mut mean, share) = (vec![0.0; n], n as f64 / samples.len() as f64);
    samples.chunks_exact(n).for_each(|c| add_scaled(&mut mean, share, c));
    mean
}

/// The rows of which some solve has no usable decision; solves come in whole passes over the rows.
fn failures(info: &[SolveInfo], b: usize) -> Vec<(usize, Status)> {
    let bad = |i: usize| info.iter().skip(i).step_by(b).map(|s| s.status).find(|s| !s.usable());
    (0..b).filter_map(|i| Some((i, bad(i)?))).collect()
}
