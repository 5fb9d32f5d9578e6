use dfl_core::{Found, Loss, Needs, Result, Rng, Row};

use crate::kernels::{count, dot_difference, positive};

/// Score-function gradient estimation: the expected regret of a normally distributed prediction. Minimises.
///
/// $$\ell(\hat y) = \mathbb E_\xi\, r(\hat y + \sigma\xi), \qquad \nabla\ell \approx \frac{1}{(K-1)\,\sigma} \sum_k \xi_k (r_k - \bar r), \qquad
/// r(\theta) = y^\top (w(\theta) - w^\star)$$
///
/// with $\xi_k \sim N(0, I)$ and $w^\star$ the stored optimum. The value is the mean regret $\bar r$ of the samples and not that at the prediction; the
/// gradient is an unbiased *estimate* for the expectation, and needs no derivative of the decider: any black box will do. Subtracting the
/// mean of the other samples' regrets, a baseline independent of $\xi_k$, leaves it unbiased and takes out the part that is common to all; one
/// sample alone has no baseline, and its regret is weighted as it is.
///
/// # Shapes
/// `pred`, `truth`, `solution`: `[p]`; the prediction is the linear cost of the decision; `sigma` in units of the cost.
/// # References
/// Silvestri, Berden, Mandi, Mahmutogullari, Mulamba, De Filippo, Guns & Lombardi (2023), Score function gradient estimation to widen the
/// applicability of decision-focused learning; Williams (1992), Machine Learning 8 (baselines).
/// # Differences
/// The standard deviation is given, not learnt.
#[derive(Clone, Copy, Debug)]
pub struct Sfge {
    samples: usize,
    sigma: f64,
}

impl Sfge {
    /// `samples` solves per row at noise `sigma`.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for no samples or a `sigma` that is not positive and finite.
    pub fn new(samples: usize, sigma: f64) -> Result<Self> {
        Ok(Self { samples: count("samples of the score function", samples)?, sigma: positive("sigma of the score function", sigma)? })
    }
}

impl Loss for Sfge {
    fn name(&self) -> &'static str {
        "sfge"
    }
    fn needs(&self) -> Needs {
        Needs { truth: true, solution: true, linear: true, ..Needs::default() }
    }
    fn probes(&self) -> usize {
        self.samples
    }
    fn probe(&self, row: &Row<'_>, rng: &mut Rng, at: &mut [f64]) {
        for at in at.chunks_mut(row.pred.len().max(1)) {
            at.iter_mut().zip(row.pred).for_each(|(a, p)| *a = p + self.sigma * rng.normal());
        }
    }
    fn finish(&self, row: &Row<'_>, rng: &mut Rng, found: Found<'_>, grad: &mut [f64], _cotangent: &mut [f64]) -> f64 {
        let regrets = || found.x.chunks(row.pred.len().max(1)).map(|x| dot_difference(row.truth, x, row.solution));
        let mean = regrets().sum::<f64>() / self.samples as f64;
        let (baseline, others) = if self.samples > 1 { (mean, self.samples - 1) } else { (0.0, 1) };
        for regret in regrets() {
            let weight = (regret - baseline) / (others as f64 * self.sigma);
            grad.iter_mut().for_each(|g| *g += weight * rng.normal());
        }
        mean
    }
}
