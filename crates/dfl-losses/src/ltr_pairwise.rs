use dfl_core::{Batch, Found, Loss, Needs, Result, Rng, Row};

use crate::Candidates;
use crate::kernels::{add_difference, dot, dot_difference, not_negative};

/// Learning to rank in pairs: the best decision of a pool under the true cost should also look best, against each other one. Minimises.
///
/// $$\text{hinge: } \ell(\hat y) = \frac{1}{|\Gamma|-1} \sum_{w \ne w_b} \max\big(0,\; \nu + \hat y^\top (w_b - w)\big), \qquad
/// \text{difference: } \ell(\hat y) = \frac{1}{|\Gamma|-1} \sum_{w \ne w_b} \big((\hat y - y)^\top (w - w_b)\big)^2$$
///
/// with $w_b$ the best of the pool under $y$, the earliest of equals, and a margin $\nu \ge 0$ in units of the cost.
/// The [`hinge`](Self::hinge) (`ltr_pair`) has the gradient $(w_b - w)$ of each pair that is out of order or within the margin, and none at the kink;
/// without a margin a prediction of 0 minimises it. The [`difference`](Self::difference) (`ltr_pair_difference`) is a regression on the gaps of the
/// true costs. A pool of one decision has no pairs: value and gradient are 0.
///
/// # Shapes
/// `pred`, `truth`: `[p]`; the prediction is the linear cost of the decision. $O(p\,|\Gamma|)$ a row.
/// # References
/// Mandi, Bucarey, Mulamba & Guns (2022), Decision-focused learning: through the lens of learning to rank, ICML, section 4 (pairwise).
#[derive(Clone, Debug)]
pub struct LtrPairwise {
    candidates: Candidates,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Hinge { margin: f64 },
    Difference,
}

impl LtrPairwise {
    /// The hinge with a margin; 0 is PyEPO's.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for a margin that is negative or not finite.
    pub fn hinge(candidates: impl Into<Candidates>, margin: f64) -> Result<Self> {
        let form = Form::Hinge { margin: not_negative("margin of pairwise ranking", margin)? };
        Ok(Self { candidates: candidates.into(), form })
    }

    /// The squared error of the differences.
    pub fn difference(candidates: impl Into<Candidates>) -> Self {
        Self { candidates: candidates.into(), form: Form::Difference }
    }
}

impl Loss for LtrPairwise {
    fn name(&self) -> &'static str {
        match self.form {
            Form::Hinge { .. } => "ltr_pair",
            Form::Difference => "ltr_pair_difference",
        }
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
        let best = cheapest(&pool, row.truth);
        let (mut value, share, top) = (0.0, 1.0 / (pool.rows() - 1).max(1) as f64, pool.row(best));
        for (_, w) in pool.iter().enumerate().filter(|&(k, _)| k != best) {
            let gap = dot_difference(row.pred, top, w);
            match self.form {
                Form::Hinge { margin } if margin + gap > 0.0 => {
                    value += share * (margin + gap);
                    add_difference(grad, share, top, w);
                }
                Form::Hinge { .. } => {}
                Form::Difference => {
                    let error = gap - dot_difference(row.truth, top, w);
                    value += share * error * error;
                    add_difference(grad, 2.0 * share * error, top, w);
                }
            }
        }
        value
    }
}

/// The first of the cheapest decisions.
fn cheapest(pool: &Batch, cost: &[f64]) -> usize {
    let costs = pool.iter().map(|w| dot(cost, w)).enumerate();
    costs.fold((0, f64::INFINITY), |best, next| if next.1 < best.1 { next } else { best }).0
}
