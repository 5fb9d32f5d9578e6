use dfl_core::{Batch, Found, Loss, Needs, Result, Rng, Row};

use crate::Candidates;
use crate::kernels::{add_scaled, dot_difference};

/// Learning to rank, point by point: the squared error of the cost of each decision of a pool. Minimises.
///
/// $$\ell(\hat y) = \frac{1}{|\Gamma|} \sum_{w \in \Gamma} \big((\hat y - y)^\top w\big)^2, \qquad
/// \nabla\ell = \frac{2}{|\Gamma|} \sum_{w \in \Gamma} (\hat y - y)^\top w \; w$$
///
/// # Shapes
/// `pred`, `truth`: `[p]`; the prediction is the linear cost of the decision. $O(p\,|\Gamma|)$ a row.
/// # References
/// Mandi, Bucarey, Mulamba & Guns (2022), Decision-focused learning: through the lens of learning to rank, ICML, section 4 (pointwise).
#[derive(Clone, Debug)]
pub struct LtrPointwise {
    candidates: Candidates,
}

impl LtrPointwise {
    /// Over a pool.
    pub fn new(candidates: impl Into<Candidates>) -> Self {
        Self { candidates: candidates.into() }
    }
}

impl Loss for LtrPointwise {
    fn name(&self) -> &'static str {
        "ltr_point"
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
        let (mut value, share) = (0.0, 1.0 / pool.rows() as f64);
        for w in pool.iter() {
            let error = dot_difference(w, row.pred, row.truth);
            value += share * error * error;
            add_scaled(grad, 2.0 * share * error, w);
        }
        value
    }
}
