//! What deciders refuse: wrong shapes and numbers that are not finite, before any row is solved or pulled back.

use dfl_core::{Batch, Call, Decider, Dims, Error, Result, check_len};

/// Refuses a batch that a decider of these sizes cannot take.
pub(crate) fn check_batch(dims: Dims, thetas: &Batch, call: &Call<'_>) -> Result<()> {
    check_len("theta", dims.theta, thetas.cols())?;
    check_len("keys", thetas.rows(), call.keys.len())?;
    thetas.check_finite("theta")
}

/// Refuses a cotangent that is not `[rows, cols]`.
pub(crate) fn check_cotangent(cotangent: &Batch, (rows, cols): (usize, usize)) -> Result<()> {
    check_len("cotangent rows", rows, cotangent.rows())?;
    check_len("cotangent", cols, cotangent.cols())?;
    cotangent.check_finite("cotangent")
}

/// Refuses a decider whose `theta` cannot be the linear cost of its decision.
pub(crate) fn check_linear(inner: &dyn Decider) -> Result<()> {
    let dims = inner.dims();
    check_len("theta of a wrapped decider, whose cost it must be", dims.x, dims.theta)
}

/// Refuses what is not positive and finite.
pub(crate) fn check_positive(what: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() { Ok(()) } else { Err(Error::Domain { what, value, need: "positive and finite" }) }
}
