use std::path::Path;

use crate::{Batch, Error, Result, Stream};

/// Maps features to the parameters of a decision problem: `[b, inputs]` to `[b, outputs]`.
pub trait Predictor {
    /// Id of benchmark rows, e.g. `"linear"`.
    fn name(&self) -> &'static str;
    /// Number of features.
    fn inputs(&self) -> usize;
    /// Length of one prediction.
    fn outputs(&self) -> usize;
    /// Predicts in evaluation mode (no dropout, running statistics).
    ///
    /// # Errors
    /// [`Error::Dimension`](crate::Error::Dimension) or [`Error::NotFinite`](crate::Error::NotFinite) for bad features.
    fn predict(&self, features: &Batch) -> Result<Batch>;
}

/// Draws from a predicted distribution.
pub trait Sampler: Predictor {
    /// `samples` draws per row, `[b, samples * outputs]`, each row's draws together; noise is a function of the stream and the
    /// row's position.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    fn sample(&self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch>;
}

/// The numbers that training moves, flat, in a fixed order.
pub trait Parameters {
    /// A copy of the weights (and of running statistics): what a best model is kept by.
    fn values(&self) -> Vec<f64>;
    /// Restores such a copy.
    ///
    /// # Errors
    /// [`Error::Dimension`](crate::Error::Dimension) for another length.
    fn set_values(&mut self, values: &[f64]) -> Result<()>;
    /// The accumulated gradient of the trainable weights.
    fn gradient(&self) -> Vec<f64>;
    /// `gradient += scale * other`; how gradients of several losses are combined.
    ///
    /// # Errors
    /// [`Error::Dimension`](crate::Error::Dimension) for another length.
    fn add_gradient(&mut self, scale: f64, other: &[f64]) -> Result<()>;

    /// Sets the accumulated gradient to zero.
    fn zero_grad(&mut self);
    /// One step of the model's optimiser along the accumulated gradient.
    ///
    /// # Errors
    /// A backend's failure.
    fn step(&mut self, learning_rate: f64) -> Result<()>;

    /// What the optimiser keeps between steps, flat: with [`Parameters::values`] all that training goes on from.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model that cannot tell.
    fn optimiser_state(&self) -> Result<Vec<f64>> {
        Err(Error::Unsupported { who: "this model", what: "the state of its optimiser, which going on with a training needs" })
    }
    /// Restores such a state.
    ///
    /// # Errors
    /// [`Error::Dimension`] for another length, [`Error::Unsupported`] as above.
    fn set_optimiser_state(&mut self, _state: &[f64]) -> Result<()> {
        Err(Error::Unsupported { who: "this model", what: "the state of its optimiser, which going on with a training needs" })
    }

    /// Euclidean norm of the accumulated gradient.
    fn gradient_norm(&self) -> f64 {
        self.gradient().iter().map(|g| g * g).sum::<f64>().sqrt()
    }
    /// Writes weights and configuration beside `path`, to be read by the model's own `load`.
    ///
    /// # Errors
    /// [`Error::File`] naming the file, [`Error::Unsupported`] for a model without a file format.
    fn save(&self, _path: &Path) -> Result<()> {
        Err(Error::Unsupported { who: "this model", what: "saving; keep its `values`" })
    }
}

/// A predictor that learns from cotangents on its predictions.
pub trait Trainable: Predictor + Parameters {
    /// Predicts in training mode and remembers what [`Trainable::backward`] needs.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    fn forward(&mut self, features: &Batch, stream: Stream) -> Result<Batch>;
    /// Adds the transpose of the last forward pass applied to `cotangent` `[b, outputs]` to the gradient.
    ///
    /// # Errors
    /// [`Error::Dimension`](crate::Error::Dimension) for another shape.
    fn backward(&mut self, cotangent: &Batch) -> Result<()>;
}

/// A predicted distribution $p_\theta(y \mid \phi)$ that learns, from its likelihood or through its samples.
///
/// # Shapes
/// Features `[b, inputs]`; outcomes, samples and their cotangents `[b, samples * outputs]`, each row's together; weights `[b, samples]`.
pub trait Generative: Sampler + Parameters {
    /// Whether [`Generative::add_log_likelihood`] is that of the density itself, not of a bound on it.
    fn has_density(&self) -> bool;
    /// Adds to the gradient that of $\sum_{im} w_{im} \log p_\theta(y_{im} \mid \phi_i)$, or of its lower bound (ELBO), in the weights of
    /// the model; returns the sum's value. Outcomes and $w$ are constants. The stream draws what a bound is estimated with, and dropout.
    ///
    /// # Errors
    /// [`Error::Dimension`] or [`Error::NotFinite`] naming the argument.
    fn add_log_likelihood(&mut self, features: &Batch, outcomes: &Batch, weights: &Batch, stream: Stream) -> Result<f64>;
    /// $\log p_\theta(y_{im} \mid \phi_i)$, `[b, samples]`, in evaluation mode.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where there is only a bound, and as for a prediction.
    fn log_density(&self, _features: &Batch, _outcomes: &Batch) -> Result<Batch> {
        Err(Error::Unsupported { who: self.name(), what: "an exact density" })
    }
    /// Samples in training mode as differentiable functions of the weights, $y_{im} = g_\theta(\phi_i, \text{noise}_{im})$, and remembers
    /// what [`Generative::pull_samples`] needs. The noise is that of [`Sampler::sample`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a distribution without such a form, and as for a prediction.
    fn draw(&mut self, _features: &Batch, _samples: usize, _stream: Stream) -> Result<Batch> {
        Err(Error::Unsupported { who: self.name(), what: "reparameterised samples; use the score function" })
    }
    /// Adds the transpose of the last [`Generative::draw`], in the weights, applied to `cotangent` to the gradient.
    ///
    /// # Errors
    /// [`Error::Dimension`] for another shape, [`Error::Unsupported`] as [`Generative::draw`].
    fn pull_samples(&mut self, _cotangent: &Batch) -> Result<()> {
        Err(Error::Unsupported { who: self.name(), what: "reparameterised samples; use the score function" })
    }
    /// Mean and standard deviation of independent Gaussian outcomes, `[b, 2 * outputs]`, the means first, in evaluation mode: what a cost
    /// expected in closed form reads.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another distribution, and as for a prediction.
    fn moments(&self, _features: &Batch) -> Result<Batch> {
        Err(Error::Unsupported { who: self.name(), what: "mean and deviation of independent Gaussians" })
    }
    /// [`Generative::moments`] in training mode, remembering what [`Generative::pull_moments`] needs; the stream draws dropout.
    ///
    /// # Errors
    /// As [`Generative::moments`].
    fn forward_moments(&mut self, _features: &Batch, _stream: Stream) -> Result<Batch> {
        Err(Error::Unsupported { who: self.name(), what: "mean and deviation of independent Gaussians" })
    }
    /// Adds the transpose of the last [`Generative::forward_moments`], in the weights, applied to `cotangent` `[b, 2 * outputs]` to the gradient.
    ///
    /// # Errors
    /// [`Error::Dimension`] for another shape, [`Error::Unsupported`] as [`Generative::moments`].
    fn pull_moments(&mut self, _cotangent: &Batch) -> Result<()> {
        Err(Error::Unsupported { who: self.name(), what: "mean and deviation of independent Gaussians" })
    }
}
