use dfl_core::{Found, Loss, Needs, Rng, Row, Through};

/// Self-contrastive estimation: how much better the decision at the prediction looks than the optimal one, at the error of the cost.
/// Minimises.
///
/// $$\ell(\hat y) = (\hat y - y)^\top (w^\star - w(\hat y))$$
///
/// with $w^\star$ the stored optimum under $y$. Direct gradient $w^\star - w(\hat y)$; through a differentiable decider also
/// $J(\hat y)^\top (y - \hat y)$. With an exact decider it is the sum of two regrets, $y^\top (w - w^\star) + \hat y^\top (w^\star - w)$, hence at least 0,
/// and 0 only if the regret is 0; it is not convex in $\hat y$. With a smoothed one it can be negative and bounds nothing.
///
/// # Shapes
/// `pred`, `truth`, `solution`: `[p]`; the prediction is the linear cost of the decision.
/// # References
/// Mulamba et al. (2021), Contrastive losses and solution caching for predict-and-optimize, IJCAI, Eq. 11 ("MAP" with $\hat c - c$), for the pool of
/// one decision that the decider finds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sce;

impl Loss for Sce {
    fn name(&self) -> &'static str {
        "sce"
    }
    fn needs(&self) -> Needs {
        Needs { truth: true, solution: true, linear: true, through: Through::IfAny, ..Needs::default() }
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, found: Found<'_>, grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for j in 0..row.pred.len() {
            let (error, gap) = (row.pred[j] - row.truth[j], row.solution[j] - found.x[j]);
            value += error * gap;
            grad[j] += gap;
            cotangent[j] -= error;
        }
        value
    }
}
