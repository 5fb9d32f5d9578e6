use std::sync::Arc;

use dfl_core::{Batch, Pool, Result, check_len};

/// The decisions that a pool loss compares with, and whether training adds to them.
///
/// A fixed pool solves nothing. A growing one makes the loss probe once at the prediction, so that a decider that caches into the same
/// pool adds what it solves; the decision found is used only through the pool, which is read after the whole batch is solved.
#[derive(Clone, Debug)]
pub struct Candidates {
    pool: Arc<Pool>,
    grow: bool,
}

impl Candidates {
    /// A pool that stays as others make it.
    pub fn fixed(pool: Arc<Pool>) -> Self {
        Self { pool, grow: false }
    }

    /// A pool that the decider of the loss adds to.
    pub fn growing(pool: Arc<Pool>) -> Self {
        Self { pool, grow: true }
    }

    pub(crate) fn probes(&self) -> usize {
        usize::from(self.grow)
    }

    pub(crate) fn check(&self, preds: &Batch) -> Result<()> {
        check_len("prediction, the cost of the pool's decisions", self.pool.snapshot().cols(), preds.cols())
    }

    /// What is in the pool now, `[k, x]` with `k >= 1`.
    pub(crate) fn now(&self) -> Arc<Batch> {
        self.pool.snapshot()
    }
}

impl From<Arc<Pool>> for Candidates {
    fn from(pool: Arc<Pool>) -> Self {
        Self::fixed(pool)
    }
}
