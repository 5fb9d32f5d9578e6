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

use dfl_core::{Batch, CostGrad, Decisions, Error, Key, Minibatch, Result, SolveInfo, Status, Stream, check_len};

/// The truth of the rows, which every objective here reads.
pub(crate) fn truth<'a>(loss: &'static str, rows: &Minibatch<'a>) -> Result<&'a Batch> {
    let truth = rows.targets.truth.as_ref().ok_or(Error::Missing { loss, what: "the true parameters as a target" })?;
    check_len("targets", rows.features.rows(), truth.rows())?;
    check_len("ids", rows.features.rows(), rows.ids.len())?;
    truth.check_finite("truth")?;
    Ok(truth)
}

/// Noise of its own for one purpose, whatever names a model gives to the noise that it draws from a stream.
pub(crate) fn fork(stream: Stream, purpose: &str) -> Stream {
    Stream { seed: stream.rng(purpose, Key::default()).bits(), ..stream }
}

/// What each usable decision costs under its truth, 0 without one, and the gradient of the mean cost in each decision.
pub(crate) fn cost_of(cost: &dyn CostGrad, truth: &Batch, found: &Decisions<'_>, ids: &[u64]) -> Result<(Vec<f64>, Batch)> {
    let b = found.x.rows();
    let (mut costs, mut cotangent) = (vec![0.0; b], Batch::zeros(b, found.x.cols()));
    for i in (0..b).filter(|&i| found.info[i].status.usable()) {
        costs[i] = cost.value(truth.row(i), found.x.row(i));
        if !costs[i].is_finite() {
            return Err(Error::NotFinite { what: "cost of the decision", row: i, column: 0, value: costs[i] }.diverged(ids));
        }
        cost.grad_z(truth.row(i), found.x.row(i), cotangent.row_mut(i));
    }
    cotangent.as_mut_slice().iter_mut().for_each(|c| *c /= b as f64);
    Ok((costs, cotangent))
}

/// The status of each solve that has no usable decision.
pub(crate) fn failures(info: &[SolveInfo]) -> Vec<Option<Status>> {
    info.iter().map(|i| (!i.status.usable()).then_some(i.status)).collect()
}
