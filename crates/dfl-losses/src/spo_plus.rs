use dfl_core::{Found, Loss, Needs, Rng, Row, Through};

/// SPO+, a convex upper bound of the regret of a linear-cost problem. Minimises.
///
/// $$\ell(\hat y) = (2\hat y - y)^\top w^\star - (2\hat y - y)^\top w(2\hat y - y)$$
///
/// with $w^\star$ the stored optimum under the true cost $y$ and $w(\cdot)$ the decider. Direct gradient
/// $2\,(w^\star - w(2\hat y - y))$; through a differentiable decider also $2 J^\top (y - 2\hat y)$ with $J$ its Jacobian at the
/// probe. With an exact decider $\ell \ge$ regret $\ge 0$; with a smoothed one the value can be negative and bounds nothing.
///
/// # Shapes
/// `pred`, `truth`, `solution`: `[p]`; the prediction is the linear cost of the decision.
/// # References
/// Elmachtoub & Grigas (2022), Management Science 68(1), Definition 3 and Proposition 3.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpoPlus;

impl Loss for SpoPlus {
    fn name(&self) -> &'static str {
        "spo_plus"
    }
    fn needs(&self) -> Needs {
        Needs { truth: true, solution: true, linear: true, through: Through::IfAny, ..Needs::default() }
    }
    fn probe(&self, row: &Row<'_>, _rng: &mut Rng, at: &mut [f64]) {
        for ((a, p), y) in at.iter_mut().zip(row.pred).zip(row.truth) {
            *a = 2.0 * p - y;
        }
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, found: Found<'_>, grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for j in 0..row.pred.len() {
            let at = 2.0 * row.pred[j] - row.truth[j];
            let gap = row.solution[j] - found.x[j];
            value += at * gap;
            grad[j] += 2.0 * gap;
            // The probe moves twice as fast as the prediction, hence the factor.
            cotangent[j] -= 2.0 * at;
        }
        value
    }
}
