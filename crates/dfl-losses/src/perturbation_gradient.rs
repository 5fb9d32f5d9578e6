use dfl_core::{Found, Loss, Needs, Result, Rng, Row, Through};

use crate::kernels::{add_difference, add_scaled, dot, positive};

/// Perturbation gradient: a difference quotient of the optimal value $V(\theta) = \theta^\top w(\theta)$ along the true cost. Minimises.
///
/// $$\text{backward: } \ell(\hat y) = \frac{V(\hat y) - V(\hat y - \sigma y)}{\sigma}, \qquad
/// \text{central: } \ell(\hat y) = \frac{V(\hat y + \sigma y) - V(\hat y - \sigma y)}{2\sigma}$$
///
/// By Danskin's theorem the derivative of $V$ along $y$ is $y^\top w(\hat y)$, the cost of the decision under the truth (not its regret), and the
/// gradient of each term is its decision: $(w(\hat y) - w(\hat y - \sigma y))/\sigma$. Backward is an upper bound of that cost, since $V$ is concave.
/// Through a differentiable decider, whose $\theta^\top w(\theta)$ has the gradient $w + J^\top \theta$, the second part is added. It needs
/// the true costs only, no optimal decisions.
///
/// # Shapes
/// `pred`, `truth`: `[p]`; the prediction is the linear cost of the decision. `sigma` is a pure number: a step in units of the truth.
/// # References
/// Gupta & Huang (2024), Decision-focused learning with directional gradients, NeurIPS, section 3 (PGB and PGC).
/// # Differences
/// PyEPO adds $10^{-8}$ to the divisor.
#[derive(Clone, Copy, Debug)]
pub struct PerturbationGradient {
    sigma: f64,
    central: bool,
}

impl PerturbationGradient {
    /// The one-sided quotient, solved at the prediction and behind it; PyEPO's `sigma` is 0.1.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) unless `sigma` is positive and finite.
    pub fn backward(sigma: f64) -> Result<Self> {
        Ok(Self { sigma: positive("sigma of the perturbation gradient", sigma)?, central: false })
    }

    /// The two-sided quotient, solved before and behind the prediction.
    ///
    /// # Errors
    /// As [`backward`](Self::backward).
    pub fn central(sigma: f64) -> Result<Self> {
        Ok(Self { central: true, ..Self::backward(sigma)? })
    }

    /// Step of the first probe along the truth, and one over the distance between the two.
    fn quotient(&self) -> (f64, f64) {
        if self.central { (self.sigma, 0.5 / self.sigma) } else { (0.0, 1.0 / self.sigma) }
    }
}

impl Loss for PerturbationGradient {
    fn name(&self) -> &'static str {
        if self.central { "pg_central" } else { "pg" }
    }
    fn needs(&self) -> Needs {
        Needs { truth: true, linear: true, through: Through::IfAny, ..Needs::default() }
    }
    fn probes(&self) -> usize {
        2
    }
    fn probe(&self, row: &Row<'_>, _rng: &mut Rng, at: &mut [f64]) {
        let (ahead, behind) = at.split_at_mut(row.pred.len());
        for (at, step) in [(ahead, self.quotient().0), (behind, -self.sigma)] {
            at.copy_from_slice(row.pred);
            add_scaled(at, step, row.truth);
        }
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, found: Found<'_>, grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        let n = row.pred.len();
        let ((step, scale), (ahead, behind)) = (self.quotient(), found.x.split_at(n));
        add_difference(grad, scale, ahead, behind);
        let (on_ahead, on_behind) = cotangent.split_at_mut(n);
        for (cotangent, step, sign) in [(on_ahead, step, scale), (on_behind, -self.sigma, -scale)] {
            add_scaled(cotangent, sign, row.pred);
            add_scaled(cotangent, sign * step, row.truth);
        }
        let value = |step: f64, x: &[f64]| dot(row.pred, x) + step * dot(row.truth, x);
        scale * (value(step, ahead) - value(-self.sigma, behind))
    }
}
