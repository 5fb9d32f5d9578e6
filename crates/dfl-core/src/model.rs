use crate::{Batch, Result, Stream};

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

    /// Euclidean norm of the accumulated gradient.
    fn gradient_norm(&self) -> f64 {
        self.gradient().iter().map(|g| g * g).sum::<f64>().sqrt()
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
    /// Sets the accumulated gradient to zero.
    fn zero_grad(&mut self);
    /// One step of the model's optimiser along the accumulated gradient.
    ///
    /// # Errors
    /// A backend's failure.
    fn step(&mut self, learning_rate: f64) -> Result<()>;
}
