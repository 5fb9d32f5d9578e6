use dfl_core::{Batch, Call, Decider, Decisions, Dims, Error, Result, Rng};
use rayon::prelude::*;

use super::difference::{Difference, FixedStep, Plan};
use crate::checks::{check_batch, check_positive};

/// Noise of which $\kappa$ independent draws add up to a Gumbel variable, in the limit of many terms.
///
/// $$\rho = \frac\tau\kappa \Big(\sum_{i=1}^{s} \frac\kappa i\, \gamma_i - \log s\Big), \qquad \gamma_i \sim \text{Gamma}(1/\kappa, 1)$$
///
/// Its mean is $\tfrac\tau\kappa (\sum_i \tfrac1i - \log s)$ and its variance $\tfrac{\tau^2}\kappa \sum_i \tfrac1{i^2}$. If every
/// decision has $\kappa$ ones, the best one at $\theta - \rho$ is nearly a draw from $p(x) \propto \exp(-\theta^\top x / \tau)$; for
/// $\kappa = 1$ it is one in the limit.
///
/// # References
/// Niepert, Minervini & Franceschi (2021), Implicit MLE: backpropagating through discrete exponential family distributions, NeurIPS
/// (sum-of-Gamma noise).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SumOfGamma {
    /// $\kappa$, the number of ones in a decision.
    pub kappa: f64,
    /// $s$.
    pub terms: usize,
    /// $\tau$, in units of the cost.
    pub temperature: f64,
}

impl Default for SumOfGamma {
    fn default() -> Self {
        Self { kappa: 5.0, terms: 10, temperature: 1.0 }
    }
}

impl SumOfGamma {
    /// One value.
    pub fn draw(&self, rng: &mut Rng) -> f64 {
        let sum: f64 = (1..=self.terms).map(|i| rng.gamma(1.0 / self.kappa) / i as f64).sum();
        self.temperature * (sum - (self.terms as f64).ln() / self.kappa)
    }

    pub(super) fn check(&self) -> Result<()> {
        check_positive("kappa", self.kappa)?;
        check_positive("temperature", self.temperature)?;
        if self.terms == 0 {
            return Err(Error::Domain { what: "terms of the noise", value: 0.0, need: "at least 1" });
        }
        Ok(())
    }
}

/// How [`Imle`] samples and moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImleOptions {
    /// Noisy costs per row, $K$.
    pub samples: usize,
    /// $\lambda$, in units of the cost over those of the cotangent.
    pub lambda: f64,
    /// What is taken off the cost.
    pub noise: SumOfGamma,
    /// Whether the cost is moved to both sides: a smaller bias, for twice the solves of the backward pass.
    pub two_sided: bool,
}

impl Default for ImleOptions {
    fn default() -> Self {
        Self { samples: 10, lambda: 10.0, noise: SumOfGamma::default(), two_sided: false }
    }
}

/// Gives a black box the backward of implicit maximum likelihood estimation (I-MLE); minimises.
///
/// $$\bar x(\theta) = \tfrac1K \sum_k x^\star(\theta - \rho_k), \qquad J^\top g := \tfrac1\lambda \big(\bar x(\theta + \lambda g) - \bar x(\theta)\big)$$
///
/// with the same noise $\rho_k$ of [`SumOfGamma`] on both sides of the difference; two-sided, $(\bar x(\theta + \lambda g) - \bar
/// x(\theta - \lambda g)) / 2\lambda$. The decision is the mean, a point of the convex hull, and the objective the mean optimal value,
/// of which the decision is the gradient. The gradient is an unbiased estimate of that difference of the expected decision, for any
/// number of samples. The difference is the derivative of the expected decision, which is symmetric, up to an error of order $\lambda$
/// (two-sided: $\lambda^2$). It is not linear in $g$, and zero if no sample changes its decision.
///
/// Rows whose cotangent is zero are not solved again, and a row of which a moved cost has no optimum has a zero gradient. The noise is
/// a function of the call's stream and the row's key alone.
///
/// # Shapes
/// `theta`, `x`: `[n]`; slot `s` becomes `3 K s + k`, and in `pull` `3 K s + K + k` and `3 K s + 2 K + k`.
///
/// # References
/// Niepert, Minervini & Franceschi (2021), NeurIPS, Algorithm 1; Minervini, Franceschi & Niepert (2023), AAAI (two-sided).
///
/// # Differences
/// The noise is skewed, so its sign matters: it is added to the paper's $\theta$, the score of a decision that is maximised, hence
/// taken off a cost. `PyEPO` adds it to a cost as well, which is not a draw from $\exp(-\theta^\top x / \tau)$.
#[derive(Clone, Debug)]
pub struct Imle<D> {
    inner: D,
    options: ImleOptions,
    plan: Plan,
}

impl<D: Decider> Imle<D> {
    /// Wraps a decider whose `theta` is the linear cost of its decision.
    ///
    /// # Errors
    /// [`Error::Domain`] for an option outside its domain, [`Error::Dimension`] unless `theta` and `x` have one length.
    pub fn new(inner: D, options: ImleOptions) -> Result<Self> {
        check_positive("lambda", options.lambda)?;
        options.noise.check()?;
        Ok(Self { plan: Plan::new(&inner, options.samples, options.two_sided)?, inner, options })
    }
}

impl<D: Decider> Decider for Imle<D> {
    fn name(&self) -> &'static str {
        "imle"
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn differentiable(&self) -> bool {
        true
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        let ImleOptions { samples, lambda, noise, .. } = self.options;
        check_batch(self.dims(), thetas, call)?;
        let (mut found, difference) = forward(&self.inner, self.plan, (samples, noise), thetas, call)?;
        found.back = call.backward.then(|| Box::new(FixedStep { difference, lambda }) as _);
        Ok(found)
    }
}

/// Solves at noisy costs.
pub(super) fn forward<'d>(
    inner: &'d dyn Decider,
    plan: Plan,
    (samples, noise): (usize, SumOfGamma),
    thetas: &Batch,
    call: &Call<'_>,
) -> Result<(Decisions<'d>, Difference<'d>)> {
    let (b, n) = (thetas.rows(), thetas.cols());
    let mut costs = vec![0.0; b * samples * n];
    costs.par_chunks_mut((samples * n).max(1)).enumerate().for_each(|(i, costs)| {
        let mut rng = call.stream.rng("imle", call.keys[i]);
        costs.iter_mut().zip(thetas.row(i).iter().cycle()).for_each(|(cost, theta)| *cost = theta - noise.draw(&mut rng));
    });
    plan.forward(inner, Batch::from_vec(b * samples, n, costs)?, call)
}
