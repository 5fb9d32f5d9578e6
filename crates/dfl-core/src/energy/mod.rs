//! Energies of decisions: what an energy model ranks decisions by, and what a non-linear program minimises.

mod sample;
mod support;

pub use sample::SampleEnergy;
pub use support::Support;

use std::sync::Arc;

use crate::Result;

/// An energy $E(\phi, a)$ of a decision $a$ under what a model says, $\phi$: the parameters of a predicted distribution, or its samples.
///
/// With $E = \mathbb E_{p(y \mid \phi)} f(y, a)$ it is the expected cost, and $q(a \mid \phi) \propto e^{-E(\phi, a)}$ a distribution over decisions (SO-EBM,
/// NeurIPS 2022).
///
/// # Shapes
/// `phi`: `[prediction]`; `a`: `[decision]`; candidates `[M * decision]`, each together; values and weights `[M]`.
/// # Errors
/// Of all methods: [`crate::Error`] for a `phi` outside the domain, such as a deviation that is not positive.
pub trait Energy: Send + Sync {
    /// Length of $\phi$.
    fn prediction(&self) -> usize;
    /// Length of $a$.
    fn decision(&self) -> usize;
    /// Writes $E(\phi, a_m)$ of each candidate.
    ///
    /// # Errors
    /// As described for the trait.
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()>;
    /// `out +=` $\sum_m w_m \nabla_\phi E(\phi, a_m)$.
    ///
    /// # Errors
    /// As described for the trait.
    fn add_grad_prediction(&self, phi: &[f64], candidates: &[f64], weights: &[f64], out: &mut [f64]) -> Result<()>;
    /// Writes $\nabla_a E(\phi, a)$; at a kink one element of the subdifferential.
    ///
    /// # Errors
    /// As described for the trait.
    fn grad_decision(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()>;
}

/// An energy that a non-linear program can minimise and differentiate; it need not be convex.
pub trait EnergyCurvature: Energy {
    /// `out +=` $\nabla^2_{aa} E$, row-major `[decision, decision]`.
    ///
    /// # Errors
    /// As for [`Energy`].
    fn add_hess(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()>;
    /// `out +=` $(\partial^2 E / \partial a\, \partial \phi)^\top v$, `[prediction]`.
    ///
    /// # Errors
    /// As for [`Energy`].
    fn add_cross(&self, phi: &[f64], a: &[f64], v: &[f64], out: &mut [f64]) -> Result<()>;
}

impl<E: Energy + ?Sized> Energy for Arc<E> {
    fn prediction(&self) -> usize {
        (**self).prediction()
    }
    fn decision(&self) -> usize {
        (**self).decision()
    }
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        (**self).values(phi, candidates, out)
    }
    fn add_grad_prediction(&self, phi: &[f64], candidates: &[f64], weights: &[f64], out: &mut [f64]) -> Result<()> {
        (**self).add_grad_prediction(phi, candidates, weights, out)
    }
    fn grad_decision(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        (**self).grad_decision(phi, a, out)
    }
}

impl<E: EnergyCurvature + ?Sized> EnergyCurvature for Arc<E> {
    fn add_hess(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        (**self).add_hess(phi, a, out)
    }
    fn add_cross(&self, phi: &[f64], a: &[f64], v: &[f64], out: &mut [f64]) -> Result<()> {
        (**self).add_cross(phi, a, v, out)
    }
}
