use dfl_core::{Parameters, Result};

use crate::kernels::share;

/// How the gradients of the cost and of the likelihood are brought to one size; the ratio of their norms is a constant of the step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// Not at all: a weighted sum of two losses.
    None,
    /// The likelihood's takes the norm of the cost's: the published form for the power task.
    #[default]
    Likelihood,
    /// The cost's takes the norm of the likelihood's: the published form for product allocation and the portfolio.
    Decision,
}

/// Keeps a distribution that learns from decisions near the data: its likelihood as a regulariser. With $g$ the gradient of the mean cost
/// and $\ell$ that of the mean negative log-likelihood (or ELBO) of the truths, a step goes along
///
/// $$(1 - s)\, r\, g + s\, q\, \ell, \qquad (r, q) = (1, 1),\ (1, \|g\|/\|\ell\|)\ \text{or}\ (\|\ell\|/\|g\|, 1) \text{ by } \text{Balance}$$
///
/// # References
/// The code published with Diffusion-DFL (ICLR 2026): a share of 0.1 after pretraining and 0.2 without for the power task, where the cost
/// has the weight 0.9 in both; 0.8 and 0.9 for product allocation; 0.5 for the portfolio. The paper names a small regulariser only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anchor {
    /// $s \in [0, 1]$, the share of the likelihood.
    pub share: f64,
    /// What the two are scaled by.
    pub balance: Balance,
}

impl Anchor {
    pub(super) fn check(&self) -> Result<()> {
        share("share of the anchor", self.share).map(|_| ())
    }

    /// Weights of both gradients; a gradient of zero has no direction to be scaled along, and adds nothing.
    fn weights(&self, decision: f64, likelihood: f64) -> (f64, f64) {
        let ratio = |to: f64, of: f64| if of > 0.0 { to / of } else { 0.0 };
        let (r, q) = match self.balance {
            Balance::None => (1.0, 1.0),
            Balance::Likelihood => (1.0, ratio(decision, likelihood)),
            Balance::Decision => (ratio(likelihood, decision), 1.0),
        };
        ((1.0 - self.share) * r, self.share * q)
    }

    /// Adds the combination of what `decision` and `likelihood` each add to a gradient of zero; returns what `decision` returns.
    pub(super) fn combine<M: Parameters + ?Sized, T>(
        &self,
        model: &mut M,
        decision: impl FnOnce(&mut M) -> Result<T>,
        likelihood: impl FnOnce(&mut M) -> Result<f64>,
    ) -> Result<T> {
        let before = model.gradient();
        model.zero_grad();
        likelihood(model)?;
        let (anchor, anchor_norm) = (model.gradient(), model.gradient_norm());
        model.zero_grad();
        let out = decision(model)?;
        let (own, own_norm) = (model.gradient(), model.gradient_norm());
        model.zero_grad();
        let (r, q) = self.weights(own_norm, anchor_norm);
        for (scale, gradient) in [(1.0, &before), (r, &own), (q, &anchor)] {
            model.add_gradient(scale, gradient)?;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Norms 3 and 12, share 1/4: 3/4 and 1/4; the likelihood scaled by 1/4, or the cost by 4.
    #[test]
    fn weights_by_hand() {
        let weights = |balance, g, l| Anchor { share: 0.25, balance }.weights(g, l);
        assert_eq!(weights(Balance::None, 3.0, 12.0), (0.75, 0.25));
        assert_eq!(weights(Balance::Likelihood, 3.0, 12.0), (0.75, 0.0625));
        assert_eq!(weights(Balance::Decision, 3.0, 12.0), (3.0, 0.25));
        assert_eq!(weights(Balance::Likelihood, 3.0, 0.0), (0.75, 0.0));
        assert_eq!(weights(Balance::Decision, 0.0, 12.0), (0.0, 0.25));
    }

    #[test]
    fn a_share_outside_the_unit_interval_is_refused() {
        for share in [-0.1, 1.1, f64::NAN] {
            assert!(Anchor { share, balance: Balance::None }.check().is_err(), "{share}");
        }
    }
}
