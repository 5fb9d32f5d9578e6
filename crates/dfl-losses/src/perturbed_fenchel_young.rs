use dfl_core::{Found, Loss, Needs, Result, Rng, Row};

use crate::kernels::{add_scaled, count, dot, positive};

/// Fenchel-Young loss of noisy costs that the loss draws itself, one probe each, on any decider. Minimises.
///
/// $$\ell(\hat y) = \hat y^\top w^\star - \tfrac1K \sum_k F(\theta_k), \qquad
/// \nabla\ell = w^\star - \tfrac1K \sum_k e_k \odot w(\theta_k), \qquad e_k = \partial\theta_k / \partial\hat y$$
///
/// with $F$ the decider's objective and $w = \nabla F$ its decision. Additive noise: $\theta_k = \hat y + \sigma\xi_k$, $e_k = 1$, which is
/// [`FenchelYoung`](crate::FenchelYoung) on a perturbed decider. Multiplicative: $\theta_k = \hat y \odot e_k$ with $e_k = \exp(\sigma\xi_k - \sigma^2/2)$ of
/// mean 1, which keeps every sign; there the mean decision is not the gradient of the mean value, and the factor belongs in it.
/// A constant of the row, $\Omega(w^\star)$, is left out.
///
/// [`variance_reduced`](Self::variance_reduced) draws the noise in pairs $\pm\xi$. Their mean is exactly zero, so the linear part of what the noise
/// does to value and gradient cancels, which is what a control variate linear in $\xi$ with the best coefficient would leave; both
/// estimates stay unbiased. (To price the label under the same noise is a control variate too: under additive noise it cancels in pairs, under
/// multiplicative noise it was measured to *raise* the variance.)
///
/// # Shapes
/// `pred`, `solution`: `[p]`; the prediction is the linear cost of the decision. Units of `sigma`: those of the cost, or of its logarithm.
/// # References
/// Berthet et al. (2020), Learning with differentiable perturbed optimizers, NeurIPS, section 4; Dalle et al. (2022), Learning with combinatorial
/// optimization layers: a probabilistic approach, section 3.3 (multiplicative) and section 5 (Fenchel-Young losses).
#[derive(Clone, Copy, Debug)]
pub struct PerturbedFenchelYoung {
    samples: usize,
    sigma: f64,
    multiplicative: bool,
    reduced: bool,
}

impl PerturbedFenchelYoung {
    /// Noise $\sigma\xi$ added to the cost, `samples` solves per row.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for no samples or a `sigma` that is not positive and finite.
    pub fn additive(samples: usize, sigma: f64) -> Result<Self> {
        let samples = count("samples of a perturbed Fenchel-Young loss", samples)?;
        Ok(Self { samples, sigma: positive("sigma of a perturbed Fenchel-Young loss", sigma)?, multiplicative: false, reduced: false })
    }

    /// The cost multiplied by $\exp(\sigma\xi - \sigma^2/2)$, `samples` solves per row.
    ///
    /// # Errors
    /// As [`additive`](Self::additive).
    pub fn multiplicative(samples: usize, sigma: f64) -> Result<Self> {
        Ok(Self { multiplicative: true, ..Self::additive(samples, sigma)? })
    }

    /// With antithetic pairs; of an odd number of samples the last stays alone.
    pub fn variance_reduced(self) -> Self {
        Self { reduced: true, ..self }
    }

    /// Calls `work(sample, entry, noise)` for every entry of every sample, in an order that depends on the loss alone.
    fn noise(&self, n: usize, rng: &mut Rng, mut work: impl FnMut(usize, usize, f64)) {
        let together = if self.reduced { 2 } else { 1 };
        for first in (0..self.samples).step_by(together) {
            for j in 0..n {
                let xi = rng.normal();
                work(first, j, xi);
                if together == 2 && first + 1 < self.samples {
                    work(first + 1, j, -xi);
                }
            }
        }
    }

    /// A noisy cost and its derivative in the prediction.
    fn perturb(&self, cost: f64, xi: f64) -> (f64, f64) {
        if self.multiplicative {
            let factor = (self.sigma * xi - 0.5 * self.sigma * self.sigma).exp();
            (cost * factor, factor)
        } else {
            (cost + self.sigma * xi, 1.0)
        }
    }
}

impl Loss for PerturbedFenchelYoung {
    fn name(&self) -> &'static str {
        match (self.multiplicative, self.reduced) {
            (false, false) => "pfy",
            (false, true) => "pfy_reduced",
            (true, false) => "pfy_mul",
            (true, true) => "pfy_mul_reduced",
        }
    }
    fn needs(&self) -> Needs {
        Needs { solution: true, linear: true, ..Needs::default() }
    }
    fn probes(&self) -> usize {
        self.samples
    }
    fn probe(&self, row: &Row<'_>, rng: &mut Rng, at: &mut [f64]) {
        let n = row.pred.len();
        self.noise(n, rng, |k, j, xi| at[k * n + j] = self.perturb(row.pred[j], xi).0);
    }
    fn finish(&self, row: &Row<'_>, rng: &mut Rng, found: Found<'_>, grad: &mut [f64], _cotangent: &mut [f64]) -> f64 {
        let (n, share) = (row.pred.len(), 1.0 / self.samples as f64);
        self.noise(n, rng, |k, j, xi| {
            let factor = self.perturb(row.pred[j], xi).1;
            grad[j] -= share * factor * found.x[k * n + j];
        });
        add_scaled(grad, 1.0, row.solution);
        dot(row.pred, row.solution) - share * found.objective.iter().sum::<f64>()
    }
}
