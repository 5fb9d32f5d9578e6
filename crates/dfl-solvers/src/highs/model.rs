//! The part of HiGHS's C interface that is used, behind safe calls.

use std::ffi::{CStr, c_void};
use std::ptr::{NonNull, null};
use std::sync::{PoisonError, RwLock};

use dfl_core::{Error, Program, Result};
use highs_sys as ffi;
use highs_sys::HighsInt;

/// Models are made and destroyed alone, and run together: destroying one resets the scheduler of HiGHS 1.15 while another thread
/// may be inside a run (ERGO-Code/HiGHS#3141).
static GATE: RwLock<()> = RwLock::new(());

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

/// One HiGHS model, silent and on one thread. Stays on the thread that made it (the pointer makes it neither `Send` nor `Sync`).
pub(super) struct Model {
    highs: NonNull<c_void>,
    /// The structure as HiGHS counts it.
    starts: Vec<HighsInt>,
    rows: Vec<HighsInt>,
    kinds: Vec<HighsInt>,
}

impl Model {
    /// An empty model, for programs of the structure of `base`.
    pub(super) fn new(base: &Program) -> Result<Self> {
        let starts = base.a.col_ptr().iter().map(|&p| int(p)).collect::<Result<Vec<_>>>()?;
        let rows = base.a.row_idx().iter().map(|&i| int(i)).collect::<Result<Vec<_>>>()?;
        let kind = |&integer: &bool| if integer { ffi::VAR_TYPE_INTEGER } else { ffi::VAR_TYPE_CONTINUOUS };
        let kinds = base.integer.iter().map(kind).collect();
        let alone = GATE.write().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: takes nothing and returns a new model or null; no other model is made, run or destroyed meanwhile.
        let highs = NonNull::new(unsafe { ffi::Highs_create() }).ok_or_else(|| refused("to make a model"))?;
        drop(alone);
        let mut model = Self { highs, starts, rows, kinds };
        model.set_bool(c"output_flag", false)?;
        model.set_int(c"threads", 1)?;
        // SAFETY: a live model and two terminated strings.
        accept(unsafe { ffi::Highs_setStringOptionValue(model.ptr(), c"parallel".as_ptr(), c"off".as_ptr()) }, "parallel = off")?;
        Ok(model)
    }

    fn ptr(&self) -> *mut c_void {
        self.highs.as_ptr()
    }

    pub(super) fn set_bool(&mut self, name: &'static CStr, value: bool) -> Result<()> {
        // SAFETY: a live model and a terminated string.
        accept(unsafe { ffi::Highs_setBoolOptionValue(self.ptr(), name.as_ptr(), HighsInt::from(value)) }, "a flag")
    }

    pub(super) fn set_int(&mut self, name: &'static CStr, value: usize) -> Result<()> {
        // SAFETY: as above.
        accept(unsafe { ffi::Highs_setIntOptionValue(self.ptr(), name.as_ptr(), int(value)?) }, "a limit")
    }

    pub(super) fn set_float(&mut self, name: &'static CStr, value: f64) -> Result<()> {
        // SAFETY: as above.
        accept(unsafe { ffi::Highs_setDoubleOptionValue(self.ptr(), name.as_ptr(), value) }, "a tolerance")
    }

    pub(super) fn set_presolve(&mut self, on: bool) -> Result<()> {
        let value = if on { c"choose" } else { c"off" };
        // SAFETY: as above.
        accept(unsafe { ffi::Highs_setStringOptionValue(self.ptr(), c"presolve".as_ptr(), value.as_ptr()) }, "presolve")
    }

    /// Takes over a whole program, of the structure that the model was made for, and forgets everything else: the next run depends
    /// on nothing that was solved before. Changing entries of a kept program would not do: HiGHS keeps the scaling it once chose.
    pub(super) fn pass(&mut self, program: &Program) -> Result<()> {
        // SAFETY: a live model; `Program::check` has made the lengths agree with n, m and the number of entries; HiGHS copies.
        let status = unsafe {
            ffi::Highs_passMip(
                self.ptr(),
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

    /// Sets the costs of all columns.
    pub(super) fn set_costs(&mut self, costs: &[f64]) -> Result<()> {
        let Some(last) = costs.len().checked_sub(1) else { return Ok(()) };
        // SAFETY: a live model of `costs.len()` columns, the length of the slice.
        accept(unsafe { ffi::Highs_changeColsCostByRange(self.ptr(), 0, int(last)?, costs.as_ptr()) }, "the costs")
    }

    /// Forgets everything but the model: the next run depends on nothing that was solved before.
    pub(super) fn clear(&mut self) -> Result<()> {
        // SAFETY: a live model.
        accept(unsafe { ffi::Highs_clearSolver(self.ptr()) }, "to forget the last solve")
    }

    /// Starts the next run from a basis; one that is no basis is repaired, or refused without an effect.
    pub(super) fn set_basis(&mut self, columns: &[HighsInt], rows: &[HighsInt]) {
        // SAFETY: a live model of as many columns and rows as the slices are long.
        unsafe { ffi::Highs_setBasis(self.ptr(), columns.as_ptr(), rows.as_ptr()) };
    }

    /// Starts the next run from a point, unless HiGHS refuses it.
    pub(super) fn set_point(&mut self, x: &[f64]) {
        // SAFETY: a live model of `x.len()` columns; null means unknown.
        unsafe { ffi::Highs_setSolution(self.ptr(), x.as_ptr(), null(), null(), null()) };
    }

    /// Solves, and returns HiGHS's opinion of how that ended.
    pub(super) fn run(&mut self) -> HighsInt {
        let _together = GATE.read().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: a live model used by this thread alone; none is destroyed meanwhile.
        let status = unsafe { ffi::Highs_run(self.ptr()) };
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
        // SAFETY: made by `Highs_create`, destroyed once, and no other model is inside a call that the reset would disturb.
        unsafe { ffi::Highs_destroy(self.highs.as_ptr()) };
    }
}
