//! One HiGHS model behind safe calls: the package `highs` where it has the call, its C interface for the rest.

use std::ffi::{CStr, c_void};
use std::ptr::null;
use std::sync::{PoisonError, RwLock};

use dfl_core::{Entry, Error, ParamMap, Program, Result};
use highs::{ColProblem, HighsOptionValue, Sense};
use highs_sys as ffi;
use highs_sys::HighsInt;

use crate::limits::Deadline;

/// Models are made and destroyed alone, and run together: destroying one resets the scheduler of HiGHS 1.15 while another thread
/// may be inside a run (ERGO-Code/HiGHS#3141).
static GATE: RwLock<()> = RwLock::new(());

/// The `simplex_scale_strategy` that divides by the largest coefficient of a row, then of a column.
const SCALE_BY_MATRIX: i32 = 4;

/// A time limit in which nothing is solved.
const LEAST_SECONDS: f64 = 1e-9;

/// A call that HiGHS answered with an error; the cause of [`Error::Backend`].
#[derive(Debug)]
struct Refused(&'static str);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HiGHS refused {}", self.0)
    }
}

impl std::error::Error for Refused {}

fn refused(call: &'static str) -> Error {
    Error::Backend { backend: "highs", source: Box::new(Refused(call)) }
}

/// Warnings (a tiny coefficient dropped) are no errors: the answer is checked anyway.
fn accept(status: HighsInt, call: &'static str) -> Result<()> {
    if status == ffi::STATUS_ERROR { Err(refused(call)) } else { Ok(()) }
}

/// HiGHS counts in 32 bits.
fn int(value: usize) -> Result<HighsInt> {
    HighsInt::try_from(value).map_err(|source| Error::Backend { backend: "highs", source: Box::new(source) })
}

/// Which parts of its program `theta` moves.
#[derive(Clone, Copy, Debug)]
struct Moved {
    costs: bool,
    bounds: bool,
    row_bounds: bool,
    matrix: bool,
}

impl Moved {
    fn by(params: &ParamMap) -> Self {
        Self {
            costs: params.moves(|e| matches!(e, Entry::C(_))),
            bounds: params.moves(|e| matches!(e, Entry::Lo(_) | Entry::Up(_))),
            row_bounds: params.moves(|e| matches!(e, Entry::RowLo(_) | Entry::RowUp(_))),
            matrix: params.moves(|e| matches!(e, Entry::A(_))),
        }
    }
}

/// One HiGHS model, silent and on one thread. Stays on the thread that made it (its pointer makes it neither `Send` nor `Sync`).
pub(super) struct Model {
    /// Taken by `drop` alone.
    highs: Option<highs::Model>,
    moved: Moved,
    /// Whether the model is some moved program: the next one differs in what `theta` moves at most.
    kept: bool,
    presolve: bool,
    /// The structure as HiGHS counts it.
    starts: Vec<HighsInt>,
    rows: Vec<HighsInt>,
    kinds: Vec<HighsInt>,
}

impl Model {
    /// An empty model, for what `params` makes of `base`.
    pub(super) fn new(base: &Program, params: &ParamMap) -> Result<Self> {
        let starts = base.a.col_ptr().iter().map(|&p| int(p)).collect::<Result<Vec<_>>>()?;
        let rows = base.a.row_idx().iter().map(|&i| int(i)).collect::<Result<Vec<_>>>()?;
        let kind = |&integer: &bool| if integer { ffi::VAR_TYPE_INTEGER } else { ffi::VAR_TYPE_CONTINUOUS };
        let kinds = base.integer.iter().map(kind).collect();
        let alone = GATE.write().unwrap_or_else(PoisonError::into_inner);
        let highs = ColProblem::new().try_optimise(Sense::Minimise);
        drop(alone);
        let highs = Some(highs.map_err(|_| refused("an empty model"))?);
        let mut model = Self { highs, moved: Moved::by(params), kept: false, presolve: false, starts, rows, kinds };
        model.set("threads", 1)?;
        model.set("parallel", "off")?;
        model.set("presolve", "off")?;
        // Other strategies look at the costs too, once for the life of a kept model: answers would depend on its first costs. Those
        // of branch and bound are not kept.
        if !base.has_integers() {
            model.set("simplex_scale_strategy", SCALE_BY_MATRIX)?;
        }
        Ok(model)
    }

    fn highs(&mut self) -> &mut highs::Model {
        self.highs.as_mut().expect("taken by drop alone")
    }

    fn ptr(&self) -> *const c_void {
        self.highs.as_ref().expect("taken by drop alone").as_ptr()
    }

    fn mut_ptr(&mut self) -> *mut c_void {
        self.highs().as_mut_ptr()
    }

    /// Sets an option of HiGHS by its name.
    pub(super) fn set(&mut self, name: &'static str, value: impl HighsOptionValue) -> Result<()> {
        self.highs().try_set_option(name, value).map_err(|_| refused(name))
    }

    /// Sets an option that limits something.
    pub(super) fn limit(&mut self, name: &'static str, value: usize) -> Result<()> {
        self.set(name, int(value)?)
    }

    /// Lets the next run end at `deadline`, if there is one. HiGHS counts the time of all runs of a model together unless told not to.
    pub(super) fn stop_at(&mut self, deadline: Deadline) -> Result<()> {
        let Some(left) = deadline.left() else { return Ok(()) };
        // SAFETY: a live model.
        accept(unsafe { ffi::Highs_zeroAllClocks(self.ptr()) }, "to reset its clock")?;
        // Some parts of HiGHS take 0 for no limit.
        self.set("time_limit", left.as_secs_f64().max(LEAST_SECONDS))
    }

    pub(super) fn set_presolve(&mut self, on: bool) -> Result<()> {
        if on != self.presolve {
            self.set("presolve", if on { "choose" } else { "off" })?;
            self.presolve = on;
        }
        Ok(())
    }

    /// Takes over a program that the model was made for and forgets everything else: the next run depends on nothing that was
    /// solved before. What `theta` does not move stays where it is, unless the matrix moves, which HiGHS keeps scaled.
    pub(super) fn load(&mut self, program: &Program) -> Result<()> {
        if std::mem::take(&mut self.kept) && !self.moved.matrix {
            if self.moved.costs {
                self.set_costs(&program.c)?;
            }
            if self.moved.bounds {
                self.set_bounds(&program.lo, &program.up)?;
            }
            if self.moved.row_bounds {
                self.set_row_bounds(&program.row_lo, &program.row_up)?;
            }
            self.clear()?;
        } else {
            self.pass(program)?;
        }
        self.kept = true;
        Ok(())
    }

    /// Takes away the costs and forgets everything else that is not the model.
    pub(super) fn without_costs(&mut self, columns: usize) -> Result<()> {
        self.kept = false;
        self.set_costs(&vec![0.0; columns])?;
        self.clear()
    }

    fn pass(&mut self, program: &Program) -> Result<()> {
        // SAFETY: a live model; `Program::check` has made the lengths agree with n, m and the number of entries; HiGHS copies.
        let status = unsafe {
            ffi::Highs_passMip(
                self.mut_ptr(),
                int(program.n())?,
                int(program.m())?,
                int(program.a.nnz())?,
                ffi::MATRIX_FORMAT_COLUMN_WISE,
                ffi::OBJECTIVE_SENSE_MINIMIZE,
                program.r,
                program.c.as_ptr(),
                program.lo.as_ptr(),
                program.up.as_ptr(),
                program.row_lo.as_ptr(),
                program.row_up.as_ptr(),
                self.starts.as_ptr(),
                self.rows.as_ptr(),
                program.a.values().as_ptr(),
                if program.has_integers() { self.kinds.as_ptr() } else { null() },
            )
        };
        accept(status, "the model")
    }

    fn set_costs(&mut self, costs: &[f64]) -> Result<()> {
        let Some(last) = costs.len().checked_sub(1) else { return Ok(()) };
        // SAFETY: a live model of `costs.len()` columns, the length of the slice.
        accept(unsafe { ffi::Highs_changeColsCostByRange(self.mut_ptr(), 0, int(last)?, costs.as_ptr()) }, "the costs")
    }

    fn set_bounds(&mut self, lo: &[f64], up: &[f64]) -> Result<()> {
        let Some(last) = lo.len().checked_sub(1) else { return Ok(()) };
        // SAFETY: a live model of as many columns as both slices are long.
        let status = unsafe { ffi::Highs_changeColsBoundsByRange(self.mut_ptr(), 0, int(last)?, lo.as_ptr(), up.as_ptr()) };
        accept(status, "the bounds")
    }

    fn set_row_bounds(&mut self, lo: &[f64], up: &[f64]) -> Result<()> {
        let Some(last) = lo.len().checked_sub(1) else { return Ok(()) };
        // SAFETY: a live model of as many rows as both slices are long.
        let status = unsafe { ffi::Highs_changeRowsBoundsByRange(self.mut_ptr(), 0, int(last)?, lo.as_ptr(), up.as_ptr()) };
        accept(status, "the row bounds")
    }

    /// Adds a row `sum <= up`; it stays until [`Model::forget`].
    pub(super) fn add_row(&mut self, row: &[(usize, f64)], up: f64) -> Result<()> {
        let columns = row.iter().map(|&(j, _)| int(j)).collect::<Result<Vec<_>>>()?;
        let values: Vec<f64> = row.iter().map(|&(_, v)| v).collect();
        let count = int(row.len())?;
        // SAFETY: a live model, which copies `count` numbers from both slices and refuses columns that it does not have.
        accept(unsafe { ffi::Highs_addRow(self.mut_ptr(), f64::NEG_INFINITY, up, count, columns.as_ptr(), values.as_ptr()) }, "a row")
    }

    /// Lets the next [`Model::load`] begin with the program as it was: without added rows, with its own integers.
    pub(super) fn forget(&mut self) {
        self.kept = false;
    }

    /// Makes all columns integer or continuous.
    pub(super) fn set_integer(&mut self, columns: usize, integer: bool) -> Result<()> {
        let Some(last) = columns.checked_sub(1) else { return Ok(()) };
        let kinds = vec![if integer { ffi::VAR_TYPE_INTEGER } else { ffi::VAR_TYPE_CONTINUOUS }; columns];
        // SAFETY: a live model of as many columns as the slice is long.
        let status = unsafe { ffi::Highs_changeColsIntegralityByRange(self.mut_ptr(), 0, int(last)?, kinds.as_ptr()) };
        accept(status, "integer columns")
    }

    fn clear(&mut self) -> Result<()> {
        // SAFETY: a live model.
        accept(unsafe { ffi::Highs_clearSolver(self.mut_ptr()) }, "to forget the last solve")
    }

    /// Starts the next run from a basis; one that is no basis is repaired, or refused without an effect.
    pub(super) fn set_basis(&mut self, columns: &[HighsInt], rows: &[HighsInt]) {
        // SAFETY: a live model of as many columns and rows as the slices are long.
        unsafe { ffi::Highs_setBasis(self.mut_ptr(), columns.as_ptr(), rows.as_ptr()) };
    }

    /// Starts the next run from a point, unless HiGHS refuses it.
    pub(super) fn set_point(&mut self, x: &[f64]) {
        // A refused point is no point.
        let _ = self.highs().try_set_solution(Some(x), None, None, None);
    }

    /// Solves, and returns HiGHS's opinion of how that ended. `highs::Model::try_solve` is not used: it destroys the model after an
    /// error, while others may be in a run.
    pub(super) fn run(&mut self) -> HighsInt {
        let _together = GATE.read().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: a live model used by this thread alone; none is destroyed meanwhile.
        let status = unsafe { ffi::Highs_run(self.mut_ptr()) };
        if status == ffi::STATUS_ERROR {
            return ffi::MODEL_STATUS_SOLVE_ERROR;
        }
        // SAFETY: a live model.
        unsafe { ffi::Highs_getModelStatus(self.ptr()) }
    }

    /// Copies the answer in HiGHS's sign convention; the slices must have the model's lengths. What HiGHS does not have stays.
    pub(super) fn read(&self, x: &mut [f64], bound_dual: &mut [f64], row_dual: &mut [f64]) {
        // SAFETY: a live model, which writes at most its own number of columns and rows; null means not wanted.
        unsafe { ffi::Highs_getSolution(self.ptr(), x.as_mut_ptr(), bound_dual.as_mut_ptr(), std::ptr::null_mut(), row_dual.as_mut_ptr()) };
    }

    /// Copies the basis; the slices must have the model's lengths.
    pub(super) fn read_basis(&self, columns: &mut [HighsInt], rows: &mut [HighsInt]) {
        // SAFETY: as above.
        unsafe { ffi::Highs_getBasis(self.ptr(), columns.as_mut_ptr(), rows.as_mut_ptr()) };
    }

    /// A number of the last run, 0 if there is none.
    pub(super) fn count(&self, name: &'static CStr) -> usize {
        let mut value: HighsInt = 0;
        // SAFETY: a live model, a terminated string and a place to write to.
        unsafe { ffi::Highs_getIntInfoValue(self.ptr(), name.as_ptr(), &mut value) };
        usize::try_from(value).unwrap_or(0)
    }

    /// The branch-and-bound nodes of the last run.
    pub(super) fn nodes(&self) -> usize {
        let mut value: i64 = 0;
        // SAFETY: as above.
        unsafe { ffi::Highs_getInt64InfoValue(self.ptr(), c"mip_node_count".as_ptr(), &mut value) };
        usize::try_from(value).unwrap_or(0)
    }

    /// Lower bound of the last branch and bound on the optimal value.
    pub(super) fn bound(&self) -> f64 {
        let mut value = f64::NEG_INFINITY;
        // SAFETY: as above.
        unsafe { ffi::Highs_getDoubleInfoValue(self.ptr(), c"mip_dual_bound".as_ptr(), &mut value) };
        value
    }

    /// Whether the last run left a point that HiGHS holds for feasible.
    pub(super) fn has_point(&self) -> bool {
        self.count(c"primal_solution_status") == ffi::SOLUTION_STATUS_FEASIBLE as usize
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _alone = GATE.write().unwrap_or_else(PoisonError::into_inner);
        drop(self.highs.take());
    }
}
