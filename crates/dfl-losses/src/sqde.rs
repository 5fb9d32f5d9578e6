use dfl_core::{Found, Loss, Needs, Rng, Row, Through};

/// Squared error of the decision at the prediction, from the optimal one. Minimises.
///
/// $$\ell(\hat y) = \|w^\star - w(\hat y)\|^2, \qquad \nabla\ell = 2 J(\hat y)^\top (w(\hat y) - w^\star)$$
///
/// with $w^\star$ the stored optimum. It needs observed decisions only, no costs, and a decider with a derivative: a smoothed one, or a
/// black box that a wrapper has given a backward (perturbation, interpolation, negative identity).
///
/// # Shapes
/// `pred`: `[theta]`; `solution`: `[x]`.
/// # References
/// Mandi, Kotary, Berden, Mulamba, Bucarey, Guns & Fioretto (2024), J. Artif. Intell. Res. 80, section 3.3 (imitation of the optimal decision); McKenzie, Heaton &
/// Wu Fung (2024), Differentiating through integer linear programs, TMLR (the loss it trains with).
/// # Differences
/// A factor 2 of the gradient, which the surrogate-loss literature drops at times, is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sqde;

impl Loss for Sqde {
    fn name(&self) -> &'static str {
        "sqde"
    }
    fn needs(&self) -> Needs {
        Needs { solution: true, through: Through::Always, ..Needs::default() }
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, found: Found<'_>, _grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for ((c, x), w) in cotangent.iter_mut().zip(found.x).zip(row.solution) {
            value += (x - w) * (x - w);
            *c += 2.0 * (x - w);
        }
        value
    }
}
