use crate::Result;

/// A model of the world between what is predicted and what a decision costs, such as an epidemic that turns transmission rates into
/// patients: latent $\ell$ to outcome $y = s(\phi, \ell)$, where the features $\phi$ hold the state from which it starts.
pub trait Simulator: Send + Sync {
    /// Length of the latent quantity.
    fn latent(&self) -> usize;
    /// Length of the outcome.
    fn outcome(&self) -> usize;
    /// Writes $s(\phi, \ell)$, `[outcome]`.
    ///
    /// # Errors
    /// [`crate::Error::Domain`] or [`crate::Error::NotFinite`] for features or a latent quantity that cannot be simulated.
    fn simulate(&self, features: &[f64], latent: &[f64], out: &mut [f64]) -> Result<()>;
    /// `out +=` $(\partial s / \partial \ell)^\top$ `cotangent`, `[latent]`.
    ///
    /// # Errors
    /// As [`Simulator::simulate`].
    fn pull(&self, features: &[f64], latent: &[f64], cotangent: &[f64], out: &mut [f64]) -> Result<()>;
}
