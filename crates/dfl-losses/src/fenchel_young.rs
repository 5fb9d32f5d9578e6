use dfl_core::{Found, Loss, Needs, Result, Rng, Row};

use crate::kernels::{add_difference, dot, positive};

/// Fenchel-Young loss of a decider whose decision is the gradient of its own optimal value. Minimises.
///
/// $$\ell(\hat y) = \hat y^\top w^\star + \Omega(w^\star) - F(\hat y), \qquad \nabla\ell = w^\star - w(\hat y)$$
///
/// with $F(\hat y) = \min_w \hat y^\top w + \Omega(w)$ the objective that the decider reports and $w(\hat y) = \nabla F$ its decision: no derivative of the
/// decider enters, so a black box will do. Convex, and minimal where the decision is $w^\star$. It needs observed decisions only.
///
/// * [`quadratic`](Self::quadratic) (`rfy`): $\Omega = \tfrac\lambda2 \|w\|^2$, for a decider that adds that term; at least 0.
/// * [`perturbed`](Self::perturbed) (`pfy`): for additive noise, $F = \mathbb E \min_w (\hat y + \sigma\xi)^\top w$. Its $\Omega$ has no formula and is left out: a
///   constant of the row, by which the value lies below the loss.
///
/// On an unperturbed exact decider the latter is [`Nce`](crate::Nce). Under multiplicative noise the decision is not the gradient of the
/// objective: [`PerturbedFenchelYoung`](crate::PerturbedFenchelYoung) is the loss for that.
///
/// # Shapes
/// `pred`, `solution`: `[p]`; the prediction is the linear cost of the decision.
/// # References
/// Blondel, Martins & Niculae (2020), JMLR 21, Definition 2 and Proposition 2; Berthet et al. (2020), NeurIPS, section 4 (perturbed).
#[derive(Clone, Copy, Debug)]
pub struct FenchelYoung {
    strength: f64,
}

impl FenchelYoung {
    /// For a decider perturbed by additive noise.
    pub fn perturbed() -> Self {
        Self { strength: 0.0 }
    }

    /// For a decider regularised by $\tfrac\lambda2 \|w\|^2$ over the decision.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) unless `lambda` is positive and finite.
    pub fn quadratic(lambda: f64) -> Result<Self> {
        Ok(Self { strength: positive("lambda of a Fenchel-Young loss", lambda)? })
    }
}

impl Loss for FenchelYoung {
    fn name(&self) -> &'static str {
        if self.strength > 0.0 { "rfy" } else { "pfy" }
    }
    fn needs(&self) -> Needs {
        Needs { solution: true, linear: true, ..Needs::default() }
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, found: Found<'_>, grad: &mut [f64], _cotangent: &mut [f64]) -> f64 {
        add_difference(grad, 1.0, row.solution, found.x);
        let omega = 0.5 * self.strength * dot(row.solution, row.solution);
        dot(row.pred, row.solution) + omega - found.objective[0]
    }
}
