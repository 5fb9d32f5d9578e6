//! What the batch adapters share: input checks, the solve of one row, assembly in row order, warm starts and the pullback over tapes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dfl_core::{
    Adjoint, Batch, Call, Cotangent, Counters, Counts, Decisions, DifferentiableSolver, Dims, Error, Key, Pullback, Result, Solution,
    SolveInfo,
};
use rayon::ThreadPool;
use rayon::prelude::*;
use tracing::debug_span;

use crate::checks::{check_batch, check_cotangent};

/// One row to solve.
pub(crate) struct RowCall<'a> {
    pub(crate) key: Key,
    pub(crate) theta: &'a [f64],
    /// An earlier answer to begin from.
    pub(crate) from: Option<&'a Solution>,
}

/// What one row's solve left behind; `x` is empty and there is no tape unless the status is usable.
pub(crate) struct RowAnswer<T> {
    x: Vec<f64>,
    objective: f64,
    info: SolveInfo,
    tape: Option<T>,
    /// Whether it began from an earlier answer.
    warm: bool,
    /// The whole answer, if a later warm start may begin from it.
    keep: Option<Arc<Solution>>,
}

/// What to record of a row besides its decision.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Record {
    pub(crate) tape: bool,
    pub(crate) solution: bool,
}

/// A workspace and the answer it writes to; one per thread.
pub(crate) struct Worker<W> {
    ws: W,
    out: Solution,
}

impl<W> Worker<W> {
    pub(crate) fn new<S: DifferentiableSolver<Workspace = W>>(solver: &S) -> Result<Self> {
        let dims = solver.dims();
        Ok(Self { ws: solver.workspace()?, out: Solution::zeros(dims.x, dims.rows) })
    }
}

/// Solves one row; an error names it. The spans `solve` and `factor` time its two parts.
pub(crate) fn solve_row<S: DifferentiableSolver>(
    solver: &S,
    visible: usize,
    row: &RowCall<'_>,
    worker: &mut Worker<S::Workspace>,
    record: Record,
) -> Result<RowAnswer<S::Tape>> {
    let (Worker { ws, out }, warm) = (worker, row.from.is_some());
    let named = |error: Error| error.in_row(row.key.id);
    let mut info = debug_span!("solve").in_scope(|| solver.solve(row.theta, row.from, ws, out)).map_err(named)?;
    let tape = match record.tape && info.status.usable() {
        true => Some(debug_span!("factor").in_scope(|| solver.tape(row.theta, out, ws, &mut info)).map_err(named)?),
        false => None,
    };
    Ok(RowAnswer::new(info, out, visible, tape, warm).keep(out, record))
}

impl<T> RowAnswer<T> {
    /// A row that ended so; a decision and a tape only if that is usable.
    pub(crate) fn new(info: SolveInfo, out: &Solution, visible: usize, tape: Option<T>, warm: bool) -> Self {
        if !info.status.usable() {
            return Self { x: Vec::new(), objective: 0.0, info, tape: None, warm, keep: None };
        }
        Self { x: out.x[..visible].to_vec(), objective: out.objective, info, tape, warm, keep: None }
    }

    /// Keeps the whole answer, if it is asked for and usable.
    pub(crate) fn keep(self, out: &Solution, record: Record) -> Self {
        let keep = (record.solution && self.info.status.usable()).then(|| Arc::new(out.clone()));
        Self { keep, ..self }
    }

    /// The same with a tape, which may find the answer degenerate.
    pub(crate) fn with_tape(self, tape: Option<T>, degenerate: bool) -> Self {
        let info = SolveInfo { degenerate: self.info.degenerate || degenerate, ..self.info };
        Self { tape, info, ..self }
    }
}

/// A solver as its decider shows it: only the first `visible` variables, pulled back on `pool` (the current one if none is named).
pub(crate) struct View<'d, S> {
    pub(crate) solver: &'d S,
    pub(crate) visible: usize,
    pub(crate) pool: Option<&'d ThreadPool>,
    pub(crate) counters: &'d Counters,
}

impl<S> Clone for View<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for View<'_, S> {}

impl<'d, S: DifferentiableSolver> View<'d, S> {
    /// Sizes of the decider: slack variables behind `visible` are hidden.
    pub(crate) fn dims(self) -> Dims {
        Dims { x: self.visible, ..self.solver.dims() }
    }

    /// Refuses wrong shapes and values that are not finite, before any row is solved.
    pub(crate) fn check(self, thetas: &Batch, call: &Call<'_>) -> Result<()> {
        check_batch(self.dims(), thetas, call)
    }

    /// Puts the rows together and counts them; the error of the lowest row is the one returned.
    pub(crate) fn assemble(self, rows: Vec<Result<RowAnswer<S::Tape>>>, keys: &[Key], record: Record) -> Result<Decisions<'d>> {
        let rows = rows.into_iter().collect::<Result<Vec<_>>>()?;
        let mut x = Batch::zeros(rows.len(), self.visible);
        for (i, row) in rows.iter().enumerate().filter(|(_, r)| r.info.status.usable()) {
            x.row_mut(i).copy_from_slice(&row.x);
        }
        let (objective, info): (_, Vec<SolveInfo>) = rows.iter().map(|r| (r.objective, r.info)).unzip();
        let warm_starts = rows.iter().filter(|r| r.warm).count() as u64;
        self.counters.add(Counts { warm_starts, ..Counts::of(&info) });
        let tapes = || TapePullback { view: self, keys: keys.to_vec(), tapes: rows.into_iter().map(|r| r.tape).collect() };
        let back = record.tape.then(|| Box::new(tapes()) as Box<dyn Pullback + 'd>);
        Ok(Decisions { x, objective, info, back })
    }
}

/// The backward half over the tapes of one batch; rows without a tape give zero.
struct TapePullback<'d, S: DifferentiableSolver> {
    view: View<'d, S>,
    keys: Vec<Key>,
    tapes: Vec<Option<S::Tape>>,
}

impl<S: DifferentiableSolver> TapePullback<'_, S> {
    /// Applies `row` to every tape, `[b, visible]` to `[b, cols]`.
    fn each(
        &self,
        cotangent: &Batch,
        cols: usize,
        row: impl Fn(&S::Tape, Cotangent<'_>, &mut Adjoint, &mut [f64]) -> Result<()> + Sync,
    ) -> Result<Batch> {
        check_cotangent(cotangent, (self.tapes.len(), self.view.visible))?;
        let mut out = Batch::zeros(cotangent.rows(), cols);
        if cols == 0 {
            return Ok(out);
        }
        let hidden = self.view.solver.dims().x - self.view.visible;
        let mut work = || {
            let rows = out.as_mut_slice().par_chunks_mut(cols).zip(&self.tapes).enumerate();
            let results: Vec<Result<Counts>> = rows
                .map_init(<(Adjoint, Vec<f64>)>::default, |(u, padded), (i, (to, tape))| {
                    let Some(tape) = tape else { return Ok(Counts::default()) };
                    let x = if hidden == 0 { cotangent.row(i) } else { pad(padded, cotangent.row(i), hidden) };
                    let pull = || row(tape, Cotangent { x, ..Cotangent::default() }, u, to);
                    debug_span!("backward").in_scope(pull).map_err(|error| error.in_row(self.keys[i].id))?;
                    Ok(Counts { pullbacks: 1, refinements: u.refinements as u64, ..Counts::default() })
                })
                .collect();
            results.into_iter().collect::<Result<Vec<_>>>()
        };
        let counts = match self.view.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }?;
        counts.into_iter().for_each(|row| self.view.counters.add(row));
        Ok(out)
    }
}

/// `row` followed by zeros: hidden variables have no cotangent.
fn pad<'a>(padded: &'a mut Vec<f64>, row: &[f64], hidden: usize) -> &'a [f64] {
    padded.clear();
    padded.extend_from_slice(row);
    padded.resize(row.len() + hidden, 0.0);
    padded
}

impl<S: DifferentiableSolver> Pullback for TapePullback<'_, S> {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        let solver = self.view.solver;
        self.each(cotangent, solver.dims().theta, |tape, cot, u, to| solver.vjp(tape, cot, u, to))
    }

    fn score_weights(&self, cotangent: &Batch) -> Result<Batch> {
        let solver = self.view.solver;
        let scenarios = solver.scenarios().ok_or(Error::Unsupported { who: solver.name(), what: "score weights" })?;
        self.each(cotangent, scenarios, |tape, cot, u, to| solver.score_weights(tape, cot, u, to))
    }
}

/// Earlier answers by the row's key: what a warm start begins from. Off, it holds nothing.
///
/// All starts are taken before a batch and all answers stored after it, so that they do not depend on the order of work.
#[derive(Debug, Default)]
pub(crate) struct WarmStarts {
    solutions: Option<Mutex<HashMap<Key, Arc<Solution>>>>,
}

impl WarmStarts {
    pub(crate) fn new(on: bool) -> Self {
        Self { solutions: on.then(Mutex::default) }
    }

    /// What to record of a call's rows.
    pub(crate) fn record(&self, call: &Call<'_>, differentiable: bool) -> Record {
        Record { tape: call.backward && differentiable, solution: self.solutions.is_some() }
    }

    /// Where each row begins.
    pub(crate) fn starts(&self, keys: &[Key]) -> Vec<Option<Arc<Solution>>> {
        let Some(solutions) = &self.solutions else { return vec![None; keys.len()] };
        let solutions = solutions.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|key| solutions.get(key).cloned()).collect()
    }

    /// Stores the usable answers of a batch.
    pub(crate) fn store<T>(&self, keys: &[Key], rows: &mut [Result<RowAnswer<T>>]) {
        let Some(solutions) = &self.solutions else { return };
        let mut solutions = solutions.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, row) in keys.iter().zip(rows) {
            let keep = row.as_mut().ok().and_then(|r| r.keep.take());
            solutions.extend(keep.map(|solution| (*key, solution)));
        }
    }
}

/// Refuses to show more variables than there are.
pub(crate) fn check_visible(visible: usize, dims: Dims) -> Result<usize> {
    if visible <= dims.x { Ok(visible) } else { Err(Error::Dimension { what: "visible variables", expected: dims.x, got: visible }) }
}
