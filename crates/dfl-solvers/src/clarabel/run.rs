//! The course of one solve: a start's own sides, then interior-point steps, then the polish.

use ::clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SolverStatus};
use dfl_core::{Error, Program, Residuals, Result, Solution, SolveInfo, Status};

use super::form::Form;
use super::newton::{newton, weak};
use super::{Clarabel, ClarabelWorkspace};
use crate::instance::{is_finite, without_answer};
use crate::polish::{optimal, proves_infeasible, proves_unbounded};

/// What Clarabel is asked for; the tolerance that an answer is judged by is the caller's.
const ACCURACY: f64 = 1e-10;
/// A polished answer is taken at this part of the tolerance, unpolished ones only if none is.
const POLISHED: f64 = 1e-2;
/// Feasibility of a point that shows that a program with a ray is unbounded.
const FEASIBLE: f64 = 1e-6;

impl Clarabel {
    pub(super) fn run(&self, from: Option<&Solution>, ws: &mut ClarabelWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        if ws.program.n() == 0 {
            // Clarabel's factorisation does not take an empty matrix.
            let good = self.accept(ws, self.options.tolerance, out);
            return Ok(if good { optimum(&ws.program, out, 0) } else { without_answer(Status::Infeasible, 0) });
        }
        let mut before = 0;
        if let Some(from) = from.filter(|from| is_finite(from)) {
            ws.point.read(&self.layout, from);
            ws.cones.read(from);
            let (steps, good) = self.polish(ws, out);
            if good {
                return Ok(optimum(&ws.program, out, steps));
            }
            before = steps;
        }
        let info = self.run_cold(ws, out)?;
        Ok(SolveInfo { iterations: before + info.iterations, ..info })
    }

    fn run_cold(&self, ws: &mut ClarabelWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        let form = Form::new(&ws.program, &ws.stack)?;
        let (status, iterations) = self.interior(&form, ws, true)?;
        use SolverStatus::{AlmostDualInfeasible, AlmostPrimalInfeasible, DualInfeasible, MaxIterations, MaxTime, PrimalInfeasible};
        match status {
            PrimalInfeasible | AlmostPrimalInfeasible if self.infeasible(ws) => Ok(without_answer(Status::Infeasible, iterations)),
            DualInfeasible | AlmostDualInfeasible if self.ray(ws) => {
                let (status, more) = self.unbounded_or_infeasible(form, ws)?;
                Ok(without_answer(status, iterations + more))
            }
            _ => {
                let (steps, good) = self.finish(ws, out);
                let iterations = iterations + steps;
                let limited = matches!(status, MaxIterations | MaxTime) || ws.deadline.passed();
                let otherwise = if limited { Status::Limit } else { Status::Failed };
                Ok(if good { optimum(&ws.program, out, iterations) } else { without_answer(otherwise, iterations) })
            }
        }
    }

    /// Runs Clarabel, with or without the objective; leaves what it ends with in `ws.point` and `ws.cones`.
    fn interior(&self, form: &Form, ws: &mut ClarabelWorkspace, objective: bool) -> Result<(SolverStatus, usize)> {
        let settings = DefaultSettings {
            verbose: false,
            max_iter: self.options.iterations,
            time_limit: ws.deadline.left().map_or(f64::INFINITY, |left| left.as_secs_f64()),
            tol_gap_abs: ACCURACY,
            tol_gap_rel: ACCURACY,
            tol_feas: ACCURACY,
            max_threads: 1,
            direct_solve_method: "qdldl".to_owned(),
            ..DefaultSettings::default()
        };
        let costs = if objective { ws.program.c.clone() } else { vec![0.0; ws.program.n()] };
        let mut solver = DefaultSolver::new(&form.p, &costs, &form.a, &form.b, &form.cones, settings)
            .map_err(|source| Error::Backend { backend: "clarabel", source: Box::new(source) })?;
        solver.solve();
        ws.point.x.copy_from_slice(&solver.solution.x);
        form.read_duals(&solver.solution.z, &mut ws.point.y, &mut ws.cones.dual);
        Ok((solver.solution.status, solver.solution.iterations as usize))
    }

    /// The best answer that the point leads to: polished, else as it is, if possible without the small duals of what is not tight.
    fn finish(&self, ws: &mut ClarabelWorkspace, out: &mut Solution) -> (usize, bool) {
        let finite = |values: &[f64]| values.iter().all(|v| v.is_finite());
        if !finite(&ws.point.x) || !finite(&ws.point.y) || !finite(&ws.cones.dual) {
            return (0, false);
        }
        self.guess(ws);
        let raw = (ws.point.clone(), ws.cones.clone());
        let (steps, good) = self.polish(ws, out);
        if good {
            return (steps, true);
        }
        (ws.point, ws.cones) = raw;
        if !self.accept(ws, self.options.tolerance, out) {
            return (steps, false);
        }
        let with_all = out.clone();
        ws.point.drop_free();
        ws.cones.drop_free(&ws.program);
        if !self.accept(ws, self.options.tolerance, out) {
            *out = with_all;
        }
        (steps, true)
    }

    /// Guesses which constraints are tight, by multipliers and slacks in units of the point, of the cost and of each row's size.
    fn guess(&self, ws: &mut ClarabelWorkspace) {
        let ClarabelWorkspace { program, stack, point, cones, ax, .. } = ws;
        let mut squares = vec![0.0; stack.lo.len()];
        stack.a.triplets().for_each(|(i, _, v)| squares[i] += v * v);
        let largest = |values: &[f64]| values.iter().fold(1.0_f64, |a, v| a.max(v.abs()));
        let unit = largest(&point.x) / largest(&program.c);
        point.guess(stack, ax, |i| squares[i] * unit);
        cones.guess(program, &point.x);
    }

    /// Solves the equations of the sides in `ws.point` and `ws.cones`; says whether that makes an answer.
    fn polish(&self, ws: &mut ClarabelWorkspace, out: &mut Solution) -> (usize, bool) {
        let ClarabelWorkspace { program, stack, point, cones, polisher, deadline, .. } = ws;
        let (steps, settled) = match (polisher, self.pattern.as_deref()) {
            (Some(polisher), Some(pattern)) => polisher.polish(pattern, program, stack, point, *deadline),
            _ => newton(program, stack, point, cones, *deadline),
        };
        point.snap(&self.layout, program);
        (steps, settled && self.accept(ws, POLISHED * self.options.tolerance, out))
    }

    /// Writes the point as an answer; says whether it is one.
    fn accept(&self, ws: &ClarabelWorkspace, tolerance: f64, out: &mut Solution) -> bool {
        ws.point.write(&self.layout, &ws.program, out);
        ws.cones.write(out);
        Residuals::of(&ws.program, out).worst() <= tolerance
    }

    fn infeasible(&self, ws: &mut ClarabelWorkspace) -> bool {
        normalise(&mut [&mut ws.point.y, &mut ws.cones.dual]);
        proves_infeasible(&ws.program, &ws.stack, &ws.point.y, &ws.cones.dual)
    }

    fn ray(&self, ws: &mut ClarabelWorkspace) -> bool {
        normalise(&mut [&mut ws.point.x]);
        proves_unbounded(&ws.program, &ws.stack, &ws.point.x)
    }

    /// The cost falls along a ray; without it, a feasible point says that the program is unbounded.
    fn unbounded_or_infeasible(&self, mut form: Form, ws: &mut ClarabelWorkspace) -> Result<(Status, usize)> {
        form.p.nzval.fill(0.0);
        let (status, iterations) = self.interior(&form, ws, false)?;
        let found = match status {
            SolverStatus::PrimalInfeasible | SolverStatus::AlmostPrimalInfeasible if self.infeasible(ws) => Status::Infeasible,
            _ if Residuals::feasibility(&ws.program, &ws.point.x) <= FEASIBLE => Status::Unbounded,
            SolverStatus::MaxIterations | SolverStatus::MaxTime => Status::Limit,
            _ => Status::Failed,
        };
        Ok((found, iterations))
    }
}

/// Also degenerate where a cone row is tight without a multiplier.
fn optimum(program: &Program, out: &Solution, iterations: usize) -> SolveInfo {
    let info = optimal(program, out, iterations);
    SolveInfo { degenerate: info.degenerate || weak(program, out), ..info }
}

/// Scales the largest entry of all parts to 1.
fn normalise(parts: &mut [&mut [f64]]) {
    let largest = parts.iter().flat_map(|part| part.iter()).fold(0.0_f64, |a, v| a.max(v.abs()));
    if largest > 0.0 {
        parts.iter_mut().flat_map(|part| part.iter_mut()).for_each(|v| *v /= largest);
    }
}
