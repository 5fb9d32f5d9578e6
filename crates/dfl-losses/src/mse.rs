use dfl_core::{Found, Loss, Needs, Rng, Row};

/// Squared error of the prediction, the two-stage baseline: solves nothing.
///
/// $$\ell(\hat y) = \tfrac1p \|\hat y - y\|^2, \qquad \nabla\ell = \tfrac2p (\hat y - y)$$
///
/// # Shapes
/// `pred`, `truth`: `[p]`.
/// # References
/// Least squares; the two-stage (predict, then optimise) baseline of Elmachtoub & Grigas (2022), Management Science 68(1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Mse;

impl Loss for Mse {
    fn name(&self) -> &'static str {
        "two_stage"
    }
    fn needs(&self) -> Needs {
        Needs { truth: true, paired: true, ..Needs::default() }
    }
    fn probes(&self) -> usize {
        0
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, _found: Found<'_>, grad: &mut [f64], _cotangent: &mut [f64]) -> f64 {
        let scale = 1.0 / row.pred.len() as f64;
        let mut value = 0.0;
        for ((g, p), y) in grad.iter_mut().zip(row.pred).zip(row.truth) {
            *g += 2.0 * scale * (p - y);
            value += scale * (p - y) * (p - y);
        }
        value
    }
}
