use dfl_core::{Found, Loss, Needs, Rng, Row, Through};

use crate::kernels::{add_difference, add_scaled, dot_difference};

/// Noise-contrastive estimation against the best decision at the prediction, the maximum over all feasible ones. Minimises.
///
/// $$\ell(\hat y) = \hat y^\top (w^\star - w(\hat y)) = \max_{w} \hat y^\top (w^\star - w)$$
///
/// with $w^\star$ the stored optimum. Direct gradient $w^\star - w(\hat y)$; through a differentiable decider also $-J(\hat y)^\top \hat y$. With an exact
/// decider it is convex, at least 0 and positively homogeneous: a prediction of 0 minimises it, whatever the truth. It needs observed
/// decisions only. [`PoolNce`](crate::PoolNce) is the mean over a pool instead.
///
/// # Shapes
/// `pred`, `solution`: `[p]`; the prediction is the linear cost of the decision.
/// # References
/// Mulamba et al. (2021), Contrastive losses and solution caching for predict-and-optimize, IJCAI, Eq. 9 ("MAP"), with all feasible decisions as
/// the pool; Blondel, Martins & Niculae (2020), JMLR 21, section 3.2 (the structured perceptron).
#[derive(Clone, Copy, Debug, Default)]
pub struct Nce;

impl Loss for Nce {
    fn name(&self) -> &'static str {
        "nce_max"
    }
    fn needs(&self) -> Needs {
        Needs { solution: true, linear: true, through: Through::IfAny, ..Needs::default() }
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, found: Found<'_>, grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        add_difference(grad, 1.0, row.solution, found.x);
        add_scaled(cotangent, -1.0, row.pred);
        dot_difference(row.pred, row.solution, found.x)
    }
}
