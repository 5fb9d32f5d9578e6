use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dfl_core::{Batch, Call, Counters, Decider, Decisions, DifferentiableSolver, Dims, Result};
use rayon::prelude::*;

use crate::adapter::{Record, RowAnswer, RowCall, View, WarmStarts, Worker, check_visible, solve_row};

/// How long the calling thread works alone before it shares the rows that are left: about what waking other threads takes, so that a batch
/// of cheap rows never does; not at all if a row of the batch before took longer. Which thread solves a row has no influence on its answer.
const ALONE: Duration = Duration::from_micros(20);

/// Turns a solver whose workspace may move between threads into a decider: rows in parallel under the current rayon pool, each with
/// sequential kernels.
///
/// The answers do not depend on the number of threads. Warm starts are keyed by row, and off unless asked for, since a degenerate
/// problem has several answers. A solver without a derivative goes into [`NoGradient`](dfl_core::NoGradient) first.
pub struct Batched<S: DifferentiableSolver> {
    solver: S,
    visible: usize,
    warm: WarmStarts,
    counters: Arc<Counters>,
    idle: Mutex<Vec<Worker<S::Workspace>>>,
    /// Whether a row takes longer than [`ALONE`].
    slow: AtomicBool,
}

impl<S: DifferentiableSolver> Batched<S>
where
    S::Workspace: Send,
{
    /// A decider over `solver`, without warm starts.
    pub fn new(solver: S) -> Self {
        let visible = solver.dims().x;
        Self {
            visible,
            solver,
            warm: WarmStarts::default(),
            counters: Arc::default(),
            idle: Mutex::default(),
            slow: AtomicBool::new(false),
        }
    }

    /// Starts each row from the last answer of the same key.
    pub fn warm_start(self, on: bool) -> Self {
        Self { warm: WarmStarts::new(on), ..self }
    }

    /// Counts its solves, answers and pullbacks in `counters`, which others may share.
    pub fn counted(self, counters: Arc<Counters>) -> Self {
        Self { counters, ..self }
    }

    /// Shows only the first `visible` variables as the decision; the rest are auxiliary (slacks).
    ///
    /// # Errors
    /// [`Error::Dimension`](dfl_core::Error::Dimension) if there are fewer.
    pub fn visible(self, visible: usize) -> Result<Self> {
        Ok(Self { visible: check_visible(visible, self.solver.dims())?, ..self })
    }

    fn view(&self) -> View<'_, S> {
        View { solver: &self.solver, visible: self.visible, pool: None, counters: &self.counters }
    }

    fn solve_all(&self, thetas: &Batch, call: &Call<'_>, record: Record) -> Vec<Result<RowAnswer<S::Tape>>> {
        let starts = self.warm.starts(call.keys);
        let solve = |worker: &mut Borrowed<'_, S>, i: usize| {
            let row = RowCall { key: call.keys[i], theta: thetas.row(i), from: starts[i].as_deref() };
            solve_row(&self.solver, self.visible, &row, worker.get()?, record)
        };
        let (all, threads) = (thetas.rows(), rayon::current_num_threads());
        let (mut rows, mut worker) = (Vec::with_capacity(all), self.borrow());
        let (began, alone) = (Instant::now(), all == 1 || !self.slow.load(Ordering::Relaxed));
        while alone && rows.len() < all && began.elapsed() < ALONE {
            rows.push(solve(&mut worker, rows.len()));
        }
        drop(worker);
        if rows.len() < all {
            // Long enough runs that cheap oracles are not drowned in task switching, short enough to share the work evenly.
            let run = (all - rows.len()).div_ceil(8 * threads).max(1);
            let rest = (rows.len()..all).into_par_iter().with_min_len(run);
            rows.par_extend(rest.map_init(|| self.borrow(), solve));
        }
        let together = threads.min(all).max(1) as u32;
        self.slow.store(began.elapsed() * together > ALONE * all.max(1) as u32, Ordering::Relaxed);
        rows
    }

    fn borrow(&self) -> Borrowed<'_, S> {
        Borrowed { owner: self, worker: self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() }
    }
}

/// A worker that goes back to its owner when its thread is done with it.
struct Borrowed<'a, S: DifferentiableSolver> {
    owner: &'a Batched<S>,
    worker: Option<Worker<S::Workspace>>,
}

impl<S: DifferentiableSolver> Borrowed<'_, S> {
    fn get(&mut self) -> Result<&mut Worker<S::Workspace>> {
        match &mut self.worker {
            Some(worker) => Ok(worker),
            empty => Ok(empty.insert(Worker::new(&self.owner.solver)?)),
        }
    }
}

impl<S: DifferentiableSolver> Drop for Borrowed<'_, S> {
    fn drop(&mut self) {
        self.owner.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.worker.take());
    }
}

impl<S: DifferentiableSolver> Decider for Batched<S>
where
    S::Workspace: Send,
{
    fn name(&self) -> &'static str {
        self.solver.name()
    }
    fn dims(&self) -> Dims {
        self.view().dims()
    }
    fn differentiable(&self) -> bool {
        self.solver.differentiable()
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        let view = self.view();
        view.check(thetas, call)?;
        let record = self.warm.record(call, self.differentiable());
        let mut rows = self.solve_all(thetas, call, record);
        self.warm.store(call.keys, &mut rows);
        view.assemble(rows, call.keys, record)
    }
}
