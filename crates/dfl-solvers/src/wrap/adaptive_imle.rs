use std::sync::{Mutex, MutexGuard, PoisonError};

use dfl_core::{Batch, Call, Decider, Decisions, Dims, Error, Pullback, Result};

use super::difference::{Difference, Plan};
use super::imle::{SumOfGamma, forward};
use crate::checks::{check_batch, check_positive};

/// Weight of the past in the running mean of the non-zeros.
const DECAY: f64 = 0.9;

/// How [`AdaptiveImle`] samples and adapts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptiveImleOptions {
    /// Noisy costs per row, $K$.
    pub samples: usize,
    /// What is taken off the cost.
    pub noise: SumOfGamma,
    /// Whether the cost is moved to both sides.
    pub two_sided: bool,
    /// $\alpha$ at the beginning: the size of a move relative to the cost.
    pub alpha: f64,
    /// By how much $\alpha$ changes after each batch; 0 holds it.
    pub step: f64,
    /// Entries of a row's gradient that should not be zero, on average.
    pub target: f64,
}

impl Default for AdaptiveImleOptions {
    fn default() -> Self {
        Self { samples: 10, noise: SumOfGamma::default(), two_sided: false, alpha: 1.0, step: 1e-3, target: 1.0 }
    }
}

/// Gives a black box the backward of [`Imle`](crate::Imle) with a step that adapts itself (AIMLE); minimises.
///
/// $$J^\top g := \tfrac1{\lambda} \big(\bar x(\theta + \lambda g) - \bar x(\theta)\big), \qquad \lambda = \alpha\, \|\theta\| / \|g\|$$
///
/// So a move is of size $\alpha$ relative to the cost, whatever the scale of the loss; the estimate is what [`Imle`](crate::Imle) says,
/// for this $\lambda$. After each batch the mean number of non-zero entries in a row's gradient enters a running mean, of weight 0.1;
/// $\alpha$ rises by `step` while that lies below `target`, and falls else, to 0 at the least (where the gradient is zero, and $\alpha$
/// rises again). A large $\alpha$ biases the estimate, a small one leaves it zero: this looks for the smallest that does not.
///
/// $\alpha$ is a state: a pullback depends on those before it in the run, as a solution cache does on earlier batches, but neither on
/// the rows beside it nor on the number of threads. It is read when a pullback begins and changed when it ends, so that pullbacks at
/// the same time would leave it to chance; training makes one after the other. It is not saved.
///
/// # Shapes
/// As [`Imle`](crate::Imle).
///
/// # References
/// Minervini, Franceschi & Niepert (2023), Adaptive perturbation-based gradient estimation for discrete latent variable models, AAAI.
///
/// # Differences
/// Norms are of each row, not of the whole batch, so that rows do not depend on each other. `PyEPO` compares the *share* of non-zero
/// entries, which is never above 1, with the target 1, so that its $\alpha$ only ever rises; here, as in the authors' code, it is their
/// number per row.
#[derive(Debug)]
pub struct AdaptiveImle<D> {
    inner: D,
    options: AdaptiveImleOptions,
    plan: Plan,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    alpha: f64,
    nonzeros: f64,
}

impl<D: Decider> AdaptiveImle<D> {
    /// Wraps a decider whose `theta` is the linear cost of its decision.
    ///
    /// # Errors
    /// [`Error::Domain`] for an option outside its domain, [`Error::Dimension`] unless `theta` and `x` have one length.
    pub fn new(inner: D, options: AdaptiveImleOptions) -> Result<Self> {
        options.noise.check()?;
        check_positive("target", options.target)?;
        for (what, value) in [("alpha", options.alpha), ("step of alpha", options.step)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::Domain { what, value, need: "at least 0 and finite" });
            }
        }
        let state = Mutex::new(State { alpha: options.alpha, nonzeros: options.target });
        Ok(Self { plan: Plan::new(&inner, options.samples, options.two_sided)?, inner, options, state })
    }

    /// $\alpha$ now.
    pub fn alpha(&self) -> f64 {
        self.state().alpha
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes account of the gradients of `rows` rows.
    fn adapt(&self, gradients: &Batch, rows: usize) {
        if rows == 0 {
            return;
        }
        let nonzeros = gradients.as_slice().iter().filter(|&&g| g != 0.0).count() as f64 / rows as f64;
        let mut state = self.state();
        state.nonzeros = DECAY * state.nonzeros + (1.0 - DECAY) * nonzeros;
        let sign = if state.nonzeros < self.options.target { 1.0 } else { -1.0 };
        state.alpha = (state.alpha + sign * self.options.step).max(0.0);
    }
}

impl<D: Decider> Decider for AdaptiveImle<D> {
    fn name(&self) -> &'static str {
        "adaptive_imle"
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn differentiable(&self) -> bool {
        true
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        check_batch(self.dims(), thetas, call)?;
        let (mut found, difference) = forward(&self.inner, self.plan, (self.options.samples, self.options.noise), thetas, call)?;
        let norms: Vec<f64> = thetas.iter().map(norm).collect();
        let usable = found.info.iter().map(|i| i.status.usable()).collect();
        found.back = call.backward.then(|| Box::new(AdaptivePullback { owner: self, difference, norms, usable }) as _);
        Ok(found)
    }
}

struct AdaptivePullback<'d, D> {
    owner: &'d AdaptiveImle<D>,
    difference: Difference<'d>,
    norms: Vec<f64>,
    usable: Vec<bool>,
}

impl<D: Decider> Pullback for AdaptivePullback<'_, D> {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        let alpha = self.owner.alpha();
        let sizes: Vec<f64> = cotangent.iter().map(norm).collect();
        let pulled = self.difference.pull(cotangent, |i| alpha * self.norms[i] / sizes[i])?;
        let asked = sizes.iter().zip(&self.usable).filter(|&(&size, &usable)| usable && size > 0.0).count();
        self.owner.adapt(&pulled, asked);
        Ok(pulled)
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}
