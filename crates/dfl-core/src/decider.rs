use std::sync::Arc;

use crate::{Batch, Dims, Error, Key, Result, SolveInfo, Stream};

/// What goes with a batch.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Name of each row, for noise and warm starts.
    pub keys: &'a [Key],
    /// Source of noise.
    pub stream: Stream,
    /// Whether to keep tapes for a backward pass.
    pub backward: bool,
}

/// Decisions of a batch of `b` rows.
pub struct Decisions<'d> {
    /// `[b, x]`; rows whose status is not usable are zero.
    pub x: Batch,
    /// Optimal value of the decider's own (regularised, perturbed) problem, `[b]`.
    pub objective: Vec<f64>,
    /// How each row ended, `[b]`.
    pub info: Vec<SolveInfo>,
    /// The backward half; `None` for a black box.
    pub back: Option<Box<dyn Pullback + 'd>>,
}

/// The backward half of one forward call; holds the tapes.
pub trait Pullback: Send + Sync {
    /// `J' cotangent`: `[b, x]` to `[b, theta]`; zero for rows without a usable decision.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a wrong shape.
    fn pull(&self, cotangent: &Batch) -> Result<Batch>;
    /// Score-function weights `[b, scenarios]`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the decider solves stochastic programs.
    fn score_weights(&self, _cotangent: &Batch) -> Result<Batch> {
        Err(Error::Unsupported { who: "this decider", what: "score weights" })
    }
}

/// Decides a batch: `[b, theta]` to `[b, x]`. Object-safe, so that caching, counting and perturbing are wrappers.
pub trait Decider: Send + Sync {
    /// Id of the innermost solver, or of a wrapper that changes the answer.
    fn name(&self) -> &'static str;
    /// Sizes of `theta` and `x`.
    fn dims(&self) -> Dims;
    /// Whether `forward` with `backward` gives a pullback.
    fn differentiable(&self) -> bool;
    /// Solves every row; a row that has no answer is a status, malformed input an error.
    ///
    /// # Errors
    /// [`Error::Dimension`] or [`Error::NotFinite`] for malformed input; otherwise the error of the lowest row.
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>>;
}

macro_rules! forward_to_inner {
    ($($pointer:ty),*) => {$(
        impl<D: Decider + ?Sized> Decider for $pointer {
            fn name(&self) -> &'static str {
                (**self).name()
            }
            fn dims(&self) -> Dims {
                (**self).dims()
            }
            fn differentiable(&self) -> bool {
                (**self).differentiable()
            }
            fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
                (**self).forward(thetas, call)
            }
        }
    )*};
}
forward_to_inner!(&D, Box<D>, Arc<D>);
