use dfl_core::{Batch, Found, Loss, Needs, Result, Rng, Row};

use crate::Candidates;
use crate::kernels::{add_scaled, dot, log_softmax, positive, with_scratch};

/// Smallest probability of a decision under the true cost.
const RAREST: f64 = 1e-8;

/// Learning to rank the whole pool: the cross-entropy between the decisions' probabilities under the true and the predicted cost. Minimises.
///
/// $$\ell(\hat y) = -\sum_{w \in \Gamma} p_w \log q_w, \qquad p = \operatorname{softmax}(-y^\top w / \tau), \quad q = \operatorname{softmax}(-\hat y^\top w / \tau), \qquad
/// \nabla\ell = \frac1\tau \sum_{w \in \Gamma} \Big(p_w - q_w \sum_v p_v\Big) w$$
///
/// with $p_w$ raised to at least 1e-8, hence the sum, which is 1 otherwise. Convex in the prediction. The temperature $\tau$ has the unit of the cost:
/// a small one looks only at the best decisions. $\log q$ is a difference of logarithms, so it stays finite for any prediction.
///
/// # Shapes
/// `pred`, `truth`: `[p]`; the prediction is the linear cost of the decision. $O(p\,|\Gamma|)$ a row.
/// # References
/// Mandi, Bucarey, Mulamba & Guns (2022), Decision-focused learning: through the lens of learning to rank, ICML (listwise).
#[derive(Clone, Debug)]
pub struct LtrListwise {
    candidates: Candidates,
    tau: f64,
}

impl LtrListwise {
    /// Over a pool, at temperature `tau`; 1 is PyEPO's.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) unless `tau` is positive and finite.
    pub fn new(candidates: impl Into<Candidates>, tau: f64) -> Result<Self> {
        Ok(Self { candidates: candidates.into(), tau: positive("temperature of listwise ranking", tau)? })
    }

    /// Turns `[k]` into the logarithms of the probabilities of the decisions.
    fn log_probabilities(&self, pool: &Batch, cost: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(pool.iter()).for_each(|(o, w)| *o = -dot(cost, w) / self.tau);
        log_softmax(out);
    }
}

impl Loss for LtrListwise {
    fn name(&self) -> &'static str {
        "ltr_list"
    }
    fn needs(&self) -> Needs {
        Needs { truth: true, linear: true, ..Needs::default() }
    }
    fn probes(&self) -> usize {
        self.candidates.probes()
    }
    fn check(&self, preds: &Batch, _ids: &[u64]) -> Result<()> {
        self.candidates.check(preds)
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, _found: Found<'_>, grad: &mut [f64], _cotangent: &mut [f64]) -> f64 {
        let pool = self.candidates.now();
        with_scratch(2 * pool.rows(), |memory| {
            let (p, log_q) = memory.split_at_mut(pool.rows());
            self.log_probabilities(&pool, row.truth, p);
            self.log_probabilities(&pool, row.pred, log_q);
            p.iter_mut().for_each(|p| *p = p.exp().max(RAREST));
            let mass: f64 = p.iter().sum();
            for ((w, p), log_q) in pool.iter().zip(&*p).zip(&*log_q) {
                add_scaled(grad, (p - log_q.exp() * mass) / self.tau, w);
            }
            -dot(p, log_q)
        })
    }
}
