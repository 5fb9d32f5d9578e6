use dfl_core::{Batch, Found, Loss, Needs, Result, Rng, Row};

use crate::Candidates;
use crate::kernels::{add_difference, dot_difference};

/// Noise-contrastive estimation: how much better than the optimal decision those of a pool look, on average. Minimises.
///
/// $$\ell(\hat y) = \frac{1}{|\Gamma|} \sum_{w \in \Gamma} \hat c^\top (w^\star - w), \qquad \nabla\ell = w^\star - \frac{1}{|\Gamma|} \sum_{w \in \Gamma} w$$
///
/// with $w^\star$ the stored optimum and $\hat c = \hat y$ ([`new`](Self::new), `nce`) or $\hat c = \hat y - y$ ([`self_contrastive`](Self::self_contrastive),
/// `nce_self`). Linear in the prediction, so its gradient is the same everywhere and only the number of steps bounds the model; the
/// self-contrastive value differs by a constant of the row, its gradient not at all. [`Nce`](crate::Nce) takes the maximum instead of the mean.
///
/// # Shapes
/// `pred`, `truth` (self-contrastive only), `solution`: `[p]`; the prediction is the linear cost of the decision. $O(p\,|\Gamma|)$ a row.
/// # References
/// Mulamba et al. (2021), Contrastive losses and solution caching for predict-and-optimize, IJCAI, section 4 (the loss called NCE).
#[derive(Clone, Debug)]
pub struct PoolNce {
    candidates: Candidates,
    own: bool,
}

impl PoolNce {
    /// At the predicted cost.
    pub fn new(candidates: impl Into<Candidates>) -> Self {
        Self { candidates: candidates.into(), own: false }
    }

    /// At the error of the predicted cost.
    pub fn self_contrastive(candidates: impl Into<Candidates>) -> Self {
        Self { own: true, ..Self::new(candidates) }
    }
}

impl Loss for PoolNce {
    fn name(&self) -> &'static str {
        if self.own { "nce_self" } else { "nce" }
    }
    fn needs(&self) -> Needs {
        Needs { truth: self.own, solution: true, linear: true, ..Needs::default() }
    }
    fn probes(&self) -> usize {
        self.candidates.probes()
    }
    fn check(&self, preds: &Batch, _ids: &[u64]) -> Result<()> {
        self.candidates.check(preds)
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, _found: Found<'_>, grad: &mut [f64], _cotangent: &mut [f64]) -> f64 {
        let pool = self.candidates.now();
        let (mut value, share) = (0.0, 1.0 / pool.rows() as f64);
        for w in pool.iter() {
            let own = if self.own { dot_difference(row.truth, row.solution, w) } else { 0.0 };
            value += share * (dot_difference(row.pred, row.solution, w) - own);
            add_difference(grad, share, row.solution, w);
        }
        value
    }
}
