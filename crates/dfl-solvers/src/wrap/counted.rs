use std::sync::Arc;

use dfl_core::{Batch, Call, Counters, Counts, Decider, Decisions, Dims, Pullback, Result};

/// Counts the rows that any decider answers and pulls back, in `counters`.
///
/// [`Batched`](crate::Batched) and [`Owned`](crate::Owned) count by themselves (`counted`), and know more: warm starts and steps of
/// refinement. This wrapper is for deciders that are neither, such as a perturbed or a foreign one, where each row counts as one
/// solve; the two around each other with the same counters would count twice.
#[derive(Clone, Debug)]
pub struct Counted<D> {
    inner: D,
    counters: Arc<Counters>,
}

impl<D: Decider> Counted<D> {
    /// Wraps a decider.
    pub fn new(inner: D, counters: Arc<Counters>) -> Self {
        Self { inner, counters }
    }
}

impl<D: Decider> Decider for Counted<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn differentiable(&self) -> bool {
        self.inner.differentiable()
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        let out = self.inner.forward(thetas, call)?;
        self.counters.add(Counts::of(&out.info));
        let usable = out.info.iter().filter(|i| i.status.usable()).count() as u64;
        let back = out.back.map(|inner| Box::new(Counting { inner, usable, counters: &self.counters }) as Box<dyn Pullback + 'd>);
        Ok(Decisions { back, ..out })
    }
}

struct Counting<'d> {
    inner: Box<dyn Pullback + 'd>,
    usable: u64,
    counters: &'d Counters,
}

impl Counting<'_> {
    fn count(&self, pulled: Result<Batch>) -> Result<Batch> {
        let pulled = pulled?;
        self.counters.add(Counts { pullbacks: self.usable, ..Counts::default() });
        Ok(pulled)
    }
}

impl Pullback for Counting<'_> {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        self.count(self.inner.pull(cotangent))
    }
    fn score_weights(&self, cotangent: &Batch) -> Result<Batch> {
        self.count(self.inner.score_weights(cotangent))
    }
}
