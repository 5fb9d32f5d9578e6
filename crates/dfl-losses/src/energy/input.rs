use dfl_core::{Batch, Generative, Result, Stream};

use crate::kernels::count;

/// What an [`Energy`](dfl_core::Energy) reads of a predicted distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// Mean and deviation of independent Gaussian outcomes, `[b, 2 * outputs]`, the means first: for an expected cost in closed form.
    #[default]
    Moments,
    /// Samples, `[b, count * outputs]`, each together, differentiated by reparameterisation: for a
    /// [`SampleEnergy`](dfl_core::SampleEnergy) of any distribution.
    Samples {
        /// $S$.
        count: usize,
    },
}

impl Input {
    /// Length of $\phi$ for a model with this many outputs.
    ///
    /// # Errors
    /// [`dfl_core::Error::Domain`] for no samples.
    pub fn len(self, outputs: usize) -> Result<usize> {
        match self {
            Self::Moments => Ok(2 * outputs),
            Self::Samples { count: samples } => Ok(count("samples of an energy", samples)? * outputs),
        }
    }

    /// $\phi$ of each row in training mode; the model remembers what [`Input::pull`] needs.
    ///
    /// # Errors
    /// What the model reports; [`dfl_core::Error::Unsupported`] for a distribution without such moments or without pathwise samples.
    pub fn forward<M: Generative + ?Sized>(self, model: &mut M, features: &Batch, stream: Stream) -> Result<Batch> {
        match self {
            Self::Moments => model.forward_moments(features, stream),
            Self::Samples { count } => model.draw(features, count, stream),
        }
    }

    /// Adds the transpose of the last [`Input::forward`], in the weights, applied to a cotangent of its shape to the gradient.
    ///
    /// # Errors
    /// As [`Input::forward`]; [`dfl_core::Error::Dimension`] for another shape.
    pub fn pull<M: Generative + ?Sized>(self, model: &mut M, cotangent: &Batch) -> Result<()> {
        match self {
            Self::Moments => model.pull_moments(cotangent),
            Self::Samples { .. } => model.pull_samples(cotangent),
        }
    }

    /// $\phi$ of each row in evaluation mode.
    ///
    /// # Errors
    /// As [`Input::forward`].
    pub fn predict<M: Generative + ?Sized>(self, model: &M, features: &Batch, stream: Stream) -> Result<Batch> {
        match self {
            Self::Moments => model.moments(features),
            Self::Samples { count } => model.sample(features, count, stream),
        }
    }
}
