use dfl_core::{Batch, Call, Decider, Decisions, Dims, Result};

use super::difference::{FixedStep, Plan};
use crate::checks::{check_batch, check_positive};

/// Gives a black box the backward of blackbox differentiation (DBB): one more solve, at the cost moved along the cotangent; minimises.
///
/// $$x = x^\star(\theta), \qquad J^\top g := \tfrac1\lambda \big(x^\star(\theta + \lambda g) - x^\star(\theta)\big)$$
///
/// This is the exact gradient of an interpolation of the loss: with $h(x) = g^\top x$ the loss linearised at the decision, the
/// piecewise affine function $h(x^\star_\lambda) + \tfrac1\lambda\big(\theta^\top x^\star_\lambda - \min_x \theta^\top x\big)$, where
/// $x^\star_\lambda = x^\star(\theta + \lambda g)$, which equals $h(x^\star)$ wherever the move does not change the decision. There the
/// gradient is zero, and elsewhere it leads to decisions of a smaller $h$. It is not linear in $g$: a large $\lambda$ reaches further
/// decisions, a small one finds none, and $\lambda$ is in units of the cost over those of $g$.
///
/// Each row with a cotangent that is not zero costs one solve in `pull`, under a slot of its own. A row of which the moved cost
/// has no optimum has a zero gradient; the counters of the inner decider show it.
///
/// # Shapes
/// `theta`, `x`: `[n]`; the inner decider gets slot `s` as `3 s` and, in `pull`, `3 s + 1`.
///
/// # References
/// Pogancic et al. (2020), Differentiation of blackbox combinatorial solvers, ICLR, Algorithm 1 and section 3.
///
/// # Differences
/// Agrees with `PyEPO`, whose division is by $\lambda + 10^{-8}$.
#[derive(Clone, Debug)]
pub struct Interpolated<D> {
    inner: D,
    lambda: f64,
    plan: Plan,
}

impl<D: Decider> Interpolated<D> {
    /// `PyEPO`'s $\lambda$, for costs of order 1.
    pub const LAMBDA: f64 = 10.0;

    /// Wraps a decider whose `theta` is the linear cost of its decision.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for a $\lambda$ that is not positive, [`Error::Dimension`](dfl_core::Error::Dimension)
    /// unless `theta` and `x` have one length.
    pub fn new(inner: D, lambda: f64) -> Result<Self> {
        check_positive("lambda", lambda)?;
        Ok(Self { plan: Plan::new(&inner, 1, false)?, inner, lambda })
    }
}

impl<D: Decider> Decider for Interpolated<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn differentiable(&self) -> bool {
        true
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        check_batch(self.dims(), thetas, call)?;
        let (mut found, difference) = self.plan.forward(&self.inner, thetas.clone(), call)?;
        found.back = call.backward.then(|| Box::new(FixedStep { difference, lambda: self.lambda }) as _);
        Ok(found)
    }
}
