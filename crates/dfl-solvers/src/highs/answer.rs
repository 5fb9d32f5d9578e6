//! From HiGHS's answer to ours: signs, sides, and the checks that make it one.

use dfl_core::{Program, Residuals, Side, Solution, SolveInfo, Status};
use highs_sys as ffi;
use highs_sys::HighsInt;

use super::{Highs, HighsWorkspace};
use crate::instance::{has_zero_dual, without_answer};

impl Highs {
    /// Reads the answer of the last run; `finished` if HiGHS holds it for optimal, else it stopped at a limit.
    pub(super) fn answer(&self, ws: &mut HighsWorkspace, out: &mut Solution, finished: bool) -> SolveInfo {
        let iterations = self.iterations(ws);
        ws.model.read(&mut out.x, &mut out.bound_dual, &mut out.row_dual);
        let status = if ws.program.has_integers() {
            self.check_integer(ws, out, finished)
        } else if finished {
            self.check_linear(ws, out)
        } else {
            out.row_dual.fill(0.0);
            out.bound_dual.fill(0.0);
            feasible(&ws.program, out, self.options.tolerance, f64::INFINITY)
        };
        if !status.usable() {
            self.instance.reset(out);
            return without_answer(status, iterations);
        }
        out.objective = ws.program.objective(&out.x);
        SolveInfo { status, iterations, degenerate: status == Status::Optimal && degenerate(&ws.program, out) }
    }

    /// Pivots, or nodes of branch and bound.
    pub(super) fn iterations(&self, ws: &HighsWorkspace) -> usize {
        if ws.program.has_integers() { ws.model.nodes() } else { ws.model.count(c"simplex_iteration_count") }
    }

    fn check_linear(&self, ws: &mut HighsWorkspace, out: &mut Solution) -> Status {
        let HighsWorkspace { model, program, columns, rows, .. } = ws;
        for dual in out.row_dual.iter_mut().chain(&mut out.bound_dual) {
            *dual = 0.0 - *dual;
        }
        model.read_basis(columns, rows);
        sides(columns, &program.lo, &program.up, &mut out.bound_side);
        sides(rows, &program.row_lo, &program.row_up, &mut out.row_side);
        if Residuals::of(program, out).worst() <= self.options.tolerance { Status::Optimal } else { Status::Failed }
    }

    /// HiGHS's integers are such up to a tolerance; exact ones are taken where they stay feasible.
    fn check_integer(&self, ws: &mut HighsWorkspace, out: &mut Solution, finished: bool) -> Status {
        let (program, tolerance) = (&ws.program, 10.0 * self.options.tolerance);
        out.row_dual.fill(0.0);
        out.bound_dual.fill(0.0);
        let integral = program.integer.iter().zip(&out.x).all(|(&whole, x)| !whole || (x - x.round()).abs() <= tolerance);
        let found = out.x.clone();
        for (x, _) in out.x.iter_mut().zip(&program.integer).filter(|(_, whole)| **whole) {
            *x = x.round();
        }
        let rounded = Residuals::feasibility(program, &out.x);
        if rounded.is_nan() || rounded > tolerance {
            out.x = found;
        }
        let gap = ws.gap(program.objective(&out.x)).unwrap_or(f64::INFINITY);
        match feasible(program, out, tolerance, gap) {
            Status::Feasible { gap } if integral && finished && gap <= self.options.gap.max(1e-6) => Status::Optimal,
            status if integral => status,
            _ => Status::Failed,
        }
    }
}

fn feasible(program: &Program, out: &Solution, tolerance: f64, gap: f64) -> Status {
    if Residuals::feasibility(program, &out.x) <= tolerance { Status::Feasible { gap } } else { Status::Failed }
}

/// Nonbasic means tight; a fixed row or variable is tight whatever the basis says.
fn sides(basis: &[HighsInt], lo: &[f64], up: &[f64], out: &mut [Side]) {
    for (k, side) in out.iter_mut().enumerate() {
        *side = match basis[k] {
            _ if lo[k] == up[k] => Side::Upper,
            ffi::kHighsBasisStatusLower if lo[k].is_finite() => Side::Lower,
            ffi::kHighsBasisStatusUpper if up[k].is_finite() => Side::Upper,
            _ => Side::Free,
        };
    }
}

fn degenerate(program: &Program, out: &Solution) -> bool {
    if program.has_integers() {
        return false;
    }
    let mut ax = vec![0.0; program.m()];
    program.a.mul_add(1.0, &out.x, &mut ax);
    has_zero_dual(&ax, &program.row_lo, &program.row_up, &out.row_dual) || has_zero_dual(&out.x, &program.lo, &program.up, &out.bound_dual)
}
