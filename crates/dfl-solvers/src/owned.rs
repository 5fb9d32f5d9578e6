use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use dfl_core::{Batch, Call, Counters, Decider, Decisions, DifferentiableSolver, Dims, Error, Key, Result, Solution};
use rayon::ThreadPool;

use crate::adapter::{Record, RowAnswer, RowCall, View, WarmStarts, Worker, check_visible, solve_row};

/// Turns a solver whose workspace must stay on its thread (a HiGHS model) into a decider: a pool of threads that own one
/// workspace each, made once and dropped with the decider, never in a batch.
///
/// Rows are handed out one by one to whichever thread is free; the answers do not depend on the number of threads. Warm starts are
/// keyed by row, and off unless asked for, since a degenerate problem has several answers. A solver without a derivative goes
/// into [`NoGradient`](dfl_core::NoGradient) first. One batch is solved at a time; a second caller waits.
pub struct Owned<S: DifferentiableSolver> {
    solver: Arc<S>,
    visible: usize,
    warm: WarmStarts,
    counters: Arc<Counters>,
    /// Taken for the length of a batch; closing them ends the threads.
    queues: Mutex<Vec<Queue<S::Tape>>>,
    threads: Vec<JoinHandle<()>>,
    /// The backward pass needs tapes only, so it may run anywhere; as wide as the forward pass.
    pool: ThreadPool,
}

/// Where one thread takes its batches from.
type Queue<T> = Sender<Arc<Job<T>>>;

/// One batch, shared by the threads.
struct Job<T> {
    thetas: Batch,
    keys: Vec<Key>,
    starts: Vec<Option<Arc<Solution>>>,
    visible: usize,
    record: Record,
    next: AtomicUsize,
    answers: Sender<Answer<T>>,
}

/// A row and its answer, or what the solver panicked with.
type Answer<T> = (usize, std::result::Result<Result<RowAnswer<T>>, Box<dyn Any + Send>>);

impl<S: DifferentiableSolver + 'static> Owned<S> {
    /// Starts `threads` threads, each with a workspace of its own.
    ///
    /// # Errors
    /// [`Error::Domain`] for no threads, [`Error::Backend`] if a thread cannot be started, or the error of a workspace.
    pub fn new(solver: S, threads: usize) -> Result<Self> {
        if threads == 0 {
            return Err(Error::Domain { what: "threads", value: 0.0, need: "at least 1" });
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|source| Error::Backend { backend: "rayon", source: Box::new(source) })?;
        let (visible, warm, counters, solver) = (solver.dims().x, WarmStarts::default(), Arc::default(), Arc::new(solver));
        let mut out = Self { solver, visible, warm, counters, queues: Mutex::default(), threads: Vec::new(), pool };
        let (ready, made) = channel();
        let queues = (0..threads).map(|_| out.start(ready.clone())).collect::<Result<Vec<_>>>()?;
        drop(ready);
        // A thread that could not make its workspace says why; dropping `out` ends the others.
        if made.iter().collect::<Result<Vec<()>>>()?.len() < threads {
            let source = Box::new(std::io::Error::other("a thread panicked while it made its workspace"));
            return Err(Error::Backend { backend: "threads", source });
        }
        out.queues = Mutex::new(queues);
        Ok(out)
    }

    fn start(&mut self, ready: Sender<Result<()>>) -> Result<Queue<S::Tape>> {
        let (queue, jobs) = channel();
        let solver = Arc::clone(&self.solver);
        let work = move || match Worker::new::<S>(&solver) {
            Ok(worker) => {
                // The other end waits for every thread's word; that it is gone means that another thread failed.
                let _ = ready.send(Ok(()));
                drop(ready);
                serve::<S>(&solver, worker, &jobs);
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        };
        let thread = Builder::new().name(format!("dfl-{}", self.solver.name())).spawn(work);
        self.threads.push(thread.map_err(|source| Error::Backend { backend: "threads", source: Box::new(source) })?);
        Ok(queue)
    }

    /// Starts each row from the last answer of the same key.
    pub fn warm_start(mut self, on: bool) -> Self {
        self.warm = WarmStarts::new(on);
        self
    }

    /// Counts its solves, answers and pullbacks in `counters`, which others may share.
    pub fn counted(mut self, counters: Arc<Counters>) -> Self {
        self.counters = counters;
        self
    }

    /// Shows only the first `visible` variables as the decision; the rest are auxiliary (slacks).
    ///
    /// # Errors
    /// [`Error::Dimension`] if there are fewer.
    pub fn visible(mut self, visible: usize) -> Result<Self> {
        self.visible = check_visible(visible, self.solver.dims())?;
        Ok(self)
    }
}

impl<S: DifferentiableSolver> Owned<S> {
    fn view(&self) -> View<'_, S> {
        View { solver: &*self.solver, visible: self.visible, pool: Some(&self.pool), counters: &self.counters }
    }

    /// Hands the rows out and collects them in order.
    fn solve_all(&self, thetas: &Batch, call: &Call<'_>, record: Record) -> Vec<Result<RowAnswer<S::Tape>>> {
        let (answers, solved) = channel();
        let starts = self.warm.starts(call.keys);
        let (thetas, keys, next) = (thetas.clone(), call.keys.to_vec(), AtomicUsize::new(0));
        let (b, job) = (thetas.rows(), Arc::new(Job { thetas, keys, starts, visible: self.visible, record, next, answers }));
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        for queue in queues.iter() {
            queue.send(Arc::clone(&job)).expect("a thread ends only when its channel closes");
        }
        drop(job);
        let mut rows: Vec<Option<Result<RowAnswer<S::Tape>>>> = (0..b).map(|_| None).collect();
        for (i, answer) in solved {
            match answer {
                Ok(row) => rows[i] = Some(row),
                Err(panic) => resume_unwind(panic),
            }
        }
        rows.into_iter().map(|row| row.expect("every row was handed out and answered")).collect()
    }
}

/// The life of one thread: batches until the channel closes, rows of a batch until none is left.
fn serve<S: DifferentiableSolver>(solver: &S, mut worker: Worker<S::Workspace>, jobs: &Receiver<Arc<Job<S::Tape>>>) {
    for job in jobs {
        loop {
            let i = job.next.fetch_add(1, Ordering::Relaxed);
            if i >= job.thetas.rows() {
                break;
            }
            // A panic is a bug and goes on in the caller's thread; this one stays, so that the pool can still be dropped.
            let row = RowCall { key: job.keys[i], theta: job.thetas.row(i), from: job.starts[i].as_deref() };
            let answer = catch_unwind(AssertUnwindSafe(|| solve_row(solver, job.visible, &row, &mut worker, job.record)));
            if job.answers.send((i, answer)).is_err() {
                break;
            }
        }
    }
}

impl<S: DifferentiableSolver> Decider for Owned<S> {
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
        self.view().check(thetas, call)?;
        let record = self.warm.record(call, self.differentiable());
        let mut rows = self.solve_all(thetas, call, record);
        self.warm.store(call.keys, &mut rows);
        self.view().assemble(rows, call.keys, record)
    }
}

impl<S: DifferentiableSolver> Drop for Owned<S> {
    fn drop(&mut self) {
        self.queues.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        for thread in self.threads.drain(..) {
            // A thread that panicked outside a row has nothing left to clean up.
            let _ = thread.join();
        }
    }
}
