//! Batches, eight rows at a time on each thread.

use std::sync::{Arc, Mutex, PoisonError};

use dfl_core::{Batch, Call, Counters, Decider, Decisions, DifferentiableSolver, Dims, Key, Program, Result, Solution, Solver};
use rayon::prelude::*;
use tracing::debug_span;

use super::derivative::Trace;
use super::lanes::step_eight;
use super::run::{Job, Memory, Run};
use super::{Dys, DysTape};
use crate::adapter::{Record, RowAnswer, View, WarmStarts, check_visible};

/// Rows that one instruction serves: two of AVX2's, so that one is computed while the other is on its way.
const LANES: usize = 8;

/// What [`Batched`](crate::Batched) makes of a [`Dys`], faster: rows of a batch side by side, so that each number of a matrix is read once
/// for eight rows and multiplied with all of them at once.
///
/// The bits are those of one row after the other: lanes never meet, and a row that is done makes room for the next. Threads, warm starts,
/// counts and hidden variables are as there.
pub struct DysLayer {
    solver: Dys,
    visible: usize,
    warm: WarmStarts,
    counters: Arc<Counters>,
    idle: Mutex<Vec<Desk>>,
}

/// What a thread works with.
struct Desk {
    program: Program,
    memory: Memory<LANES>,
    out: Solution,
}

/// A row between its solve and its tape.
type Solved = (RowAnswer<DysTape>, Option<Trace>);

impl DysLayer {
    /// A decider over `solver`, without warm starts.
    pub fn new(solver: Dys) -> Self {
        Self { visible: solver.dims().x, solver, warm: WarmStarts::default(), counters: Arc::default(), idle: Mutex::default() }
    }

    /// Starts each row from the last answer of the same key.
    pub fn warm_start(self, on: bool) -> Self {
        Self { warm: WarmStarts::new(on), ..self }
    }

    /// Counts its solves, answers and pullbacks in `counters`, which others may share.
    pub fn counted(self, counters: Arc<Counters>) -> Self {
        Self { counters, ..self }
    }

    /// Shows only the first `visible` variables as the decision: the program's own, without slacks.
    ///
    /// # Errors
    /// [`Error::Dimension`](dfl_core::Error::Dimension) if there are fewer.
    pub fn visible(self, visible: usize) -> Result<Self> {
        Ok(Self { visible: check_visible(visible, self.solver.dims())?, ..self })
    }

    fn view(&self) -> View<'_, Dys> {
        View { solver: &self.solver, visible: self.visible, pool: None, counters: &self.counters }
    }

    fn desk(&self) -> Desk {
        let free = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let fresh = || Desk {
            program: self.solver.instance.base.clone(),
            memory: Memory::new(&self.solver.form, &self.solver.options),
            out: Solution::default(),
        };
        free.unwrap_or_else(fresh)
    }

    /// The rows of one thread, in order.
    fn solve(&self, jobs: &[Job<'_>], record: Record) -> Vec<Result<RowAnswer<DysTape>>> {
        let mut desk = self.desk();
        let solved = debug_span!("solve").in_scope(|| self.iterate(jobs, &mut desk, record));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(desk);
        let tape = |(row, trace): Solved| {
            let tape = trace.map(|trace| debug_span!("factor").in_scope(|| DysTape::new(&self.solver.form, trace)));
            let degenerate = tape.as_ref().is_some_and(DysTape::degenerate);
            row.with_tape(tape, degenerate)
        };
        solved.into_iter().map(|row| row.map(tape)).collect()
    }

    fn iterate(&self, jobs: &[Job<'_>], desk: &mut Desk, record: Record) -> Vec<Result<Solved>> {
        let Desk { program, memory, out } = desk;
        let Dys { form, options, .. } = &self.solver;
        let mut rows: Vec<Option<Result<Solved>>> = jobs.iter().map(|_| None).collect();
        let run = Run { form, options, step: step_eight };
        let costs = |theta: &[f64], cost: &mut [[f64; 1]]| self.solver.costs(theta, program, cost);
        run.solve(jobs, memory, costs, |k, ended, memory| {
            rows[k] = Some(ended.and_then(|info| self.solver.write(info, &memory.row, out)).map(|info| {
                let wanted = record.tape && info.status.usable();
                let trace = wanted.then(|| Trace::new(form, options.derivative, &memory.row, &memory.masks));
                (RowAnswer::new(info, out, self.visible, None, jobs[k].from.is_some()).keep(out, record), trace)
            }));
        });
        rows.into_iter().map(|row| row.expect("every row is done when a run ends")).collect()
    }
}

impl Decider for DysLayer {
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
        let (record, starts) = (self.warm.record(call, self.differentiable()), self.warm.starts(call.keys));
        let jobs: Vec<Job<'_>> = thetas.iter().zip(&starts).map(|(theta, from)| Job { theta, from: from.as_deref() }).collect();
        // Long enough that lanes are rarely empty, short enough to share the work.
        let run = jobs.len().div_ceil(2 * rayon::current_num_threads()).max(LANES);
        let parts: Vec<Vec<_>> = jobs.par_chunks(run).map(|jobs| self.solve(jobs, record)).collect();
        let named = |(row, key): (Result<RowAnswer<DysTape>>, &Key)| row.map_err(|error| error.in_row(key.id));
        let mut rows: Vec<Result<RowAnswer<DysTape>>> = parts.into_iter().flatten().zip(call.keys).map(named).collect();
        self.warm.store(call.keys, &mut rows);
        view.assemble(rows, call.keys, record)
    }
}
