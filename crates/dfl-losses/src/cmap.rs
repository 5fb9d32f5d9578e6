use dfl_core::{Batch, Found, Loss, Needs, Result, Rng, Row};

use crate::Candidates;
use crate::kernels::{add_difference, dot_difference};

/// Contrastive maximum a posteriori estimation: how much better than the optimal decision the best of a pool looks. Minimises.
///
/// $$\ell(\hat y) = \max_{w \in \Gamma} \hat c^\top (w^\star - w), \qquad \nabla\ell = w^\star - \arg\min_{w \in \Gamma} \hat c^\top w$$
///
/// with $w^\star$ the stored optimum, at least 0 if it is in the pool; of equals the earliest gives the subgradient.
/// [`new`](Self::new) (`cmap`): $\hat c = \hat y$, which is [`Nce`](crate::Nce) on the pool; a prediction of 0 minimises it.
/// [`self_contrastive`](Self::self_contrastive) (`cmap_self`): $\hat c = \hat y - y$, the SCE of a cache, which is convex, unlike
/// [`Sce`](crate::Sce): that one takes the decision which is best at $\hat y$, this one that which is best at $\hat y - y$.
///
/// # Shapes
/// `pred`, `truth` (self-contrastive only), `solution`: `[p]`; the prediction is the linear cost of the decision. $O(p\,|\Gamma|)$ a row.
/// # References
/// Mulamba et al. (2021), Contrastive losses and solution caching for predict-and-optimize, IJCAI, section 4 (the loss called MAP).
#[derive(Clone, Debug)]
pub struct Cmap {
    candidates: Candidates,
    own: bool,
}

impl Cmap {
    /// At the predicted cost.
    pub fn new(candidates: impl Into<Candidates>) -> Self {
        Self { candidates: candidates.into(), own: false }
    }

    /// At the error of the predicted cost.
    pub fn self_contrastive(candidates: impl Into<Candidates>) -> Self {
        Self { own: true, ..Self::new(candidates) }
    }

    fn excess(&self, row: &Row<'_>, w: &[f64]) -> f64 {
        let own = if self.own { dot_difference(row.truth, row.solution, w) } else { 0.0 };
        dot_difference(row.pred, row.solution, w) - own
    }
}

impl Loss for Cmap {
    fn name(&self) -> &'static str {
        if self.own { "cmap_self" } else { "cmap" }
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
        let (mut best, mut value) = (0, f64::NEG_INFINITY);
        for (k, w) in pool.iter().enumerate() {
            let excess = self.excess(row, w);
            if excess > value {
                (best, value) = (k, excess);
            }
        }
        add_difference(grad, 1.0, row.solution, pool.row(best));
        value
    }
}
