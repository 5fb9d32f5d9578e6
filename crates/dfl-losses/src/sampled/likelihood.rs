use dfl_core::{Batch, Error, Generative, Minibatch, Objective, Result, StepReport, Stream};

use super::{fork, truth};

const NAME: &str = "two_stage";

/// The mean of $-\log p_\theta(y \mid \phi)$ of the truths, or of its upper bound (the negative ELBO): what two-stage learning minimises,
/// and what decision-focused learning starts from.
///
/// # Shapes
/// Truths `[b, outputs]`.
/// # Errors
/// [`Error::Missing`] without truths, [`Error::Diverged`] for a likelihood that is not finite, and what the model reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct MaximumLikelihood;

impl MaximumLikelihood {
    /// Adds the gradient of the mean; returns the mean.
    pub(super) fn add<M: Generative + ?Sized>(model: &mut M, rows: &Minibatch<'_>, stream: Stream) -> Result<f64> {
        let truth = truth(NAME, rows)?;
        let b = truth.rows();
        let weights = Batch::from_vec(b, 1, vec![-1.0 / b as f64; b])?;
        let noise = fork(stream, "likelihood of the truth");
        let value = model.add_log_likelihood(rows.features, truth, &weights, noise).map_err(|e| e.diverged(rows.ids))?;
        if value.is_finite() {
            return Ok(value);
        }
        Err(Error::NotFinite { what: "mean log-likelihood of the batch", row: 0, column: 0, value }.diverged(rows.ids))
    }
}

impl<M: Generative + ?Sized> Objective<M> for MaximumLikelihood {
    fn accumulate(&self, model: &mut M, rows: Minibatch<'_>, stream: Stream) -> Result<StepReport> {
        let mean = Self::add(model, &rows, stream)?;
        Ok(StepReport { loss: mean * rows.ids.len() as f64, ..StepReport::default() })
    }
}
