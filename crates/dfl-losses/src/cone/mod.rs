//! Projections onto the cone $\{\sum_k \lambda_k n_k : \lambda \ge 0\}$ that rows of a matrix span.

mod active_set;
mod interior;

pub(crate) use active_set::ActiveSet;
pub(crate) use interior::Interior;
