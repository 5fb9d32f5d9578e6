use dfl_core::{Found, Loss, Needs, Rng, Row, Through};

/// Regret of the decision at the predicted cost of a linear-cost problem. Minimises.
///
/// $$\ell(\hat y) = y^\top (w(\hat y) - w^\star), \qquad \nabla\ell = J(\hat y)^\top y$$
///
/// It needs a differentiable decider: through an exact oracle its gradient is zero almost everywhere, so that pair is refused.
/// Even a smoothed one has plateaus (Mandi et al. 2025, Fig. 2), which is what surrogate losses are for.
///
/// # Shapes
/// `pred`, `truth`, `solution`: `[p]`; the prediction is the linear cost of the decision.
/// # References
/// Elmachtoub & Grigas (2022), Management Science 68(1): their SPO loss; Wilder, Dilkina & Tambe (2019), AAAI: through a smoothed program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Regret;

impl Loss for Regret {
    fn name(&self) -> &'static str {
        "regret"
    }
    fn needs(&self) -> Needs {
        Needs { truth: true, solution: true, linear: true, through: Through::Always, ..Needs::default() }
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, found: Found<'_>, _grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for j in 0..row.truth.len() {
            value += row.truth[j] * (found.x[j] - row.solution[j]);
            cotangent[j] += row.truth[j];
        }
        value
    }
}
