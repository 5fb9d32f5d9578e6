//! Objectives of predicted distributions: their likelihood, and the cost of what is decided for their samples.

mod anchor;
mod contrastive;
mod decision;
mod likelihood;
mod resolved;

pub use anchor::{Anchor, Balance};
pub use contrastive::{Contrastive, ContrastiveOptions, Target};
pub use decision::{Correction, Estimator, SampledDecision, SampledOptions};
pub use likelihood::MaximumLikelihood;

use dfl_core::{Batch, Error, Key, Minibatch, Result, Stream, check_len};

/// The truth of the rows, which every objective here reads.
fn truth<'a>(loss: &'static str, rows: &Minibatch<'a>) -> Result<&'a Batch> {
    let truth = rows.targets.truth.as_ref().ok_or(Error::Missing { loss, what: "the true parameters as a target" })?;
    check_len("targets", rows.features.rows(), truth.rows())?;
    check_len("ids", rows.features.rows(), rows.ids.len())?;
    truth.check_finite("truth")?;
    Ok(truth)
}

/// Noise of its own for one purpose, whatever names a model gives to the noise that it draws from a stream.
fn fork(stream: Stream, purpose: &str) -> Stream {
    Stream { seed: stream.rng(purpose, Key::default()).bits(), ..stream }
}
