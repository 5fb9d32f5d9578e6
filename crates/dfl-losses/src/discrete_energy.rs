use dfl_core::{Batch, Found, Loss, Needs, Result, Rng, Row, same_decision};

use crate::Candidates;
use crate::kernels::{add_scaled, dot, log_softmax, not_negative, positive, with_scratch};

/// What a [`DiscreteEnergy`] weighs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiscreteEnergyOptions {
    /// $\tau$, in the unit of the cost.
    pub temperature: f64,
    /// $\mu$, weight of the likelihood of the optimal decision.
    pub mle: f64,
    /// $\lambda$, weight of the divergence from what the true cost says of all decisions.
    pub kl: f64,
}

/// Both terms, weighed as published for continuous decisions, and a temperature of 1.
impl Default for DiscreteEnergyOptions {
    fn default() -> Self {
        Self { temperature: 1.0, mle: 1.0, kl: 0.01 }
    }
}

/// The energy model of a combinatorial problem, whose energy is the predicted cost and which normalises over a pool. Minimises.
///
/// $$\ell(\hat y) = -\mu \log q_{w^\star} + \lambda \operatorname{KL}(p \,\|\, q), \qquad q = \operatorname{softmax}(-\hat y^\top w / \tau), \quad
/// p = \operatorname{softmax}(-y^\top w / \tau) \text{ over } w \in \Gamma \cup \{w^\star\}$$
///
/// $$\nabla\ell = \frac1\tau \Big(\mu w^\star + \lambda \sum_w p_w w - (\mu + \lambda) \sum_w q_w w\Big)$$
///
/// with $w^\star$ the stored optimum, which is a candidate even where the pool does not hold it. Sums over the pool are exact: nothing is sampled.
/// Convex in the prediction, at least 0, and finite for any prediction.
///
/// The likelihood alone needs observed decisions only. $\tau\,(-\log q_{w^\star})$ lies between two known losses: it tends to
/// [`Cmap`](crate::Cmap) for $\tau \to 0$ and, less the constant $\tau \log|\Gamma|$, to [`PoolNce`](crate::PoolNce) for $\tau \to \infty$. The divergence
/// alone has the gradient of [`LtrListwise`](crate::LtrListwise), but for the least probability that the latter sets.
///
/// The temperature is one of costs. Without the divergence a model can undo it, since predictions twice as large at twice the temperature are
/// the same $q$; it then only says how far a step goes and where training begins. The divergence ties predictions to the scale of the truth, and
/// the temperature says how much better a decision must be to matter.
///
/// # Shapes
/// `pred`, `truth` (only if $\lambda > 0$), `solution`: `[p]`; the prediction is the linear cost of the decision. $O(p\,|\Gamma|)$ a row.
/// # References
/// SO-EBM (NeurIPS 2022), which has the two terms for continuous decisions and names discrete ones as an extension.
/// # Differences
/// What is summed over, the temperature and the weight $\mu$ are ours.
#[derive(Clone, Debug)]
pub struct DiscreteEnergy {
    candidates: Candidates,
    options: DiscreteEnergyOptions,
}

impl DiscreteEnergy {
    /// Over a pool.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) unless the temperature is positive, no weight is negative and one is positive.
    pub fn new(candidates: impl Into<Candidates>, options: DiscreteEnergyOptions) -> Result<Self> {
        let DiscreteEnergyOptions { temperature, mle, kl } = options;
        positive("temperature of a discrete energy", temperature)?;
        let weights = not_negative("weight of its likelihood", mle)? + not_negative("weight of its divergence", kl)?;
        positive("sum of the weights of a discrete energy", weights)?;
        Ok(Self { candidates: candidates.into(), options })
    }
}

impl Loss for DiscreteEnergy {
    fn name(&self) -> &'static str {
        "so_ebm"
    }
    fn needs(&self) -> Needs {
        Needs { truth: self.options.kl > 0.0, solution: true, linear: true, ..Needs::default() }
    }
    fn probes(&self) -> usize {
        self.candidates.probes()
    }
    fn check(&self, preds: &Batch, _ids: &[u64]) -> Result<()> {
        self.candidates.check(preds)
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, _found: Found<'_>, grad: &mut [f64], _cotangent: &mut [f64]) -> f64 {
        let DiscreteEnergyOptions { temperature, mle, kl } = self.options;
        let pool = self.candidates.now();
        let listed = pool.iter().position(|w| same_decision(w, row.solution));
        let best = listed.unwrap_or(pool.rows());
        let decisions = || pool.iter().chain(listed.is_none().then_some(row.solution));
        let log_probabilities = |cost: &[f64], out: &mut [f64]| {
            out.iter_mut().zip(decisions()).for_each(|(o, w)| *o = -dot(cost, w) / temperature);
            log_softmax(out);
        };
        let count = pool.rows() + usize::from(listed.is_none());
        with_scratch(2 * count, |memory| {
            let (log_p, log_q) = memory.split_at_mut(count);
            log_probabilities(row.pred, log_q);
            log_p.fill(f64::NEG_INFINITY);
            if kl > 0.0 {
                log_probabilities(row.truth, log_p);
            }
            let mut divergence = 0.0;
            for (k, w) in decisions().enumerate() {
                let (p, q) = (log_p[k].exp(), log_q[k].exp());
                // A decision that the true cost rules out counts nothing, whatever the prediction says of it.
                if p > 0.0 {
                    divergence += p * (log_p[k] - log_q[k]);
                }
                let target = mle * f64::from(u8::from(k == best)) + kl * p;
                add_scaled(grad, (target - (mle + kl) * q) / temperature, w);
            }
            kl * divergence - mle * log_q[best]
        })
    }
}
