//! Newton's method over rows and bounds.

use dfl_core::dense::{dot, solve_factored};
use dfl_core::{EnergyCurvature, Result, Solution, SolveInfo, Status, check_len};

use super::workspace::SqpWorkspace;
use super::{Sqp, SqpStart};
use crate::instance::{has_zero_dual, reset, without_answer};
use crate::polyhedron::{Worst, complementarity, infeasibility, largest, multiply_rows};
use crate::shift::convexify;

/// Residual at which no further step is tried.
const GOAL: f64 = 1e-13;
/// Share of the promised decrease that a step must reach.
const ARMIJO: f64 = 1e-4;
/// Shortest step, as a share of the whole one.
const SHORTEST: f64 = 1e-10;
/// A decision this far away, relative to where it began, is on its way to infinity ...
const FAR: f64 = 1e8;
/// ... if what is left of the slope along the last step is at least this share: on the way to a distant optimum it lessens.
const STEADY: f64 = 0.9;
/// A start that violates rows or bounds by no more than this is kept.
const FEASIBLE: f64 = 1e-9;

/// What became of a step.
enum Step {
    /// All of it was taken, so that its multipliers are those of the point.
    Whole,
    Shorter,
    /// No part of it lowers the objective.
    None,
}

impl<E: EnergyCurvature> Sqp<E> {
    pub(super) fn minimise(&self, theta: &[f64], from: Option<&Solution>, ws: &mut SqpWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        let (phi, _) = self.split(theta)?;
        let f = &self.feasible;
        from.map_or(Ok(()), |from| check_len("from.x", f.n(), from.x.len()))?;
        reset(out, (f.n(), f.m()), (0, 0));
        (ws.solved, ws.bound) = (false, false);
        let mut used = 0;
        let status = match self.start(phi, from, ws, &mut used) {
            Status::Optimal => self.descend(phi, ws, &mut used)?,
            other => other,
        };
        if status != Status::Optimal {
            return Ok(without_answer(status, used));
        }
        out.x.copy_from_slice(&ws.z);
        out.row_dual.copy_from_slice(&ws.answer.row_dual);
        out.row_side.copy_from_slice(&ws.answer.row_side);
        out.bound_dual.copy_from_slice(&ws.answer.bound_dual);
        out.bound_side.copy_from_slice(&ws.answer.bound_side);
        out.objective = ws.value;
        let weak = has_zero_dual(&ws.rows, &f.row_lo, &f.row_up, &out.row_dual) || has_zero_dual(&ws.z, &f.lo, &f.up, &out.bound_dual);
        Ok(SolveInfo { status, iterations: used, degenerate: weak })
    }

    /// Puts `ws.z` at an earlier answer or where the options say, or at the feasible point that is nearest.
    fn start(&self, phi: &[f64], from: Option<&Solution>, ws: &mut SqpWorkspace, used: &mut usize) -> Status {
        let n = self.feasible.n();
        match (from.filter(|from| from.x.iter().all(|v| v.is_finite())), &self.options.start) {
            (Some(from), _) => ws.z.copy_from_slice(&from.x),
            (None, SqpStart::Centre) => ws.z.fill(0.0),
            (None, SqpStart::Mean) => ws.z.copy_from_slice(&phi[..n]),
            (None, SqpStart::At(point)) => ws.z.copy_from_slice(point),
        }
        multiply_rows(&self.feasible, &ws.z, &mut ws.rows);
        if infeasibility(&self.feasible, &ws.z, &ws.rows) <= FEASIBLE {
            return Status::Optimal;
        }
        *used += 1;
        ws.write_projection();
        let info = ws.run(&self.qp);
        if info.status == Status::Optimal {
            ws.z.copy_from_slice(&ws.answer.x);
        }
        info.status
    }

    /// Descends until the conditions hold. `used` counts steps.
    fn descend(&self, phi: &[f64], ws: &mut SqpWorkspace, used: &mut usize) -> Result<Status> {
        let (limit, tolerance) = (self.options.iterations.saturating_sub(*used), self.options.tolerance);
        let (mut before, mut whole, mut damping, mut falling, begin) = (f64::INFINITY, false, 0.0, 0.0, 1.0 + largest(&ws.z));
        ws.value = self.value(phi, &ws.z)?;
        ws.step.fill(0.0);
        for round in 0..=limit {
            self.gradient(phi, ws)?;
            if whole {
                let residual = self.residual(ws);
                if residual <= GOAL || (residual <= tolerance && (residual > 0.5 * before || round == limit)) {
                    return Ok(Status::Optimal);
                }
                before = residual;
            }
            let slope = dot(&ws.grad, &ws.step);
            if largest(&ws.z) > FAR * begin && slope < 0.0 && slope <= STEADY * falling {
                return Ok(Status::Unbounded);
            }
            if round == limit {
                break;
            }
            *used += 1;
            match self.direction(phi, ws, &mut damping)? {
                Status::Optimal => {}
                Status::Unbounded => continue,
                other => return Ok(other),
            }
            falling = dot(&ws.grad, &ws.step);
            whole = match self.search(phi, ws, falling)? {
                Step::Whole => true,
                Step::Shorter => false,
                Step::None => return Ok(if self.residual(ws) <= tolerance { Status::Optimal } else { Status::Failed }),
            };
        }
        Ok(Status::Limit)
    }

    /// The objective; infinite where it is not a number.
    fn value(&self, phi: &[f64], z: &[f64]) -> Result<f64> {
        let mut energy = [0.0];
        self.energy.values(phi, z, &mut energy)?;
        let value = energy[0] + self.feasible.objective(z);
        Ok(if value.is_nan() { f64::INFINITY } else { value })
    }

    fn gradient(&self, phi: &[f64], ws: &mut SqpWorkspace) -> Result<()> {
        self.energy.grad_decision(phi, &ws.z, &mut ws.grad)?;
        ws.grad.iter_mut().zip(&self.feasible.c).for_each(|(g, c)| *g += c);
        self.feasible.p.symmetric_mul_add(1.0, &ws.z, &mut ws.grad);
        Ok(())
    }

    pub(super) fn hessian(&self, phi: &[f64], ws: &mut SqpWorkspace) -> Result<()> {
        let n = self.feasible.n();
        ws.hess.fill(0.0);
        self.energy.add_hess(phi, &ws.z, &mut ws.hess)?;
        for (i, j, v) in self.feasible.p.triplets() {
            ws.hess[i * n + j] += v;
            if i != j {
                ws.hess[j * n + i] += v;
            }
        }
        Ok(())
    }

    /// Makes `ws.hess` that of a convex step and returns what is to be added to its diagonal.
    pub(super) fn convexify(&self, ws: &mut SqpWorkspace) -> f64 {
        let SqpWorkspace { hess, factor, answer, solved, .. } = ws;
        convexify(&self.feasible, &self.normals, solved.then_some(&*answer), hess, factor)
    }

    /// Leaves the step in `ws.step` and where it leads in `ws.answer`. One that falls for ever is damped, each time less.
    fn direction(&self, phi: &[f64], ws: &mut SqpWorkspace, damping: &mut f64) -> Result<Status> {
        self.hessian(phi, ws)?;
        let shift = self.convexify(ws);
        if !self.equalities && !ws.bound && self.free_step(ws) {
            return Ok(Status::Optimal);
        }
        ws.write_step(shift);
        let mut info = ws.run(&self.qp);
        if matches!(info.status, Status::Unbounded | Status::Failed) {
            *damping = if *damping == 0.0 { 1e-3 * (1.0 + largest(&ws.hess)) } else { 0.1 * *damping };
            ws.write_step(shift + *damping);
            info = ws.run(&self.qp);
        }
        if info.status == Status::Optimal {
            ws.step.iter_mut().zip(&ws.answer.x).zip(&ws.z).for_each(|((d, x), z)| *d = x - z);
        }
        Ok(info.status)
    }

    /// Newton's step by the factor of the Hessian, if it is regular and no row or bound is in the way.
    fn free_step(&self, ws: &mut SqpWorkspace) -> bool {
        let SqpWorkspace { z, trial, step, grad, factor, rows, .. } = ws;
        if (0..z.len()).any(|j| factor[j * (z.len() + 1)] <= 0.0) {
            return false;
        }
        step.copy_from_slice(grad);
        solve_factored(factor, step);
        trial.iter_mut().zip(&*z).zip(&mut *step).for_each(|((t, z), d)| {
            *d = -*d;
            *t = z + *d;
        });
        multiply_rows(&self.feasible, trial, rows);
        let free = infeasibility(&self.feasible, trial, rows) == 0.0;
        if free {
            ws.take_free_step();
        }
        free
    }

    /// Takes the longest of the steps 1, 1/2, 1/4, ... that lowers the objective by a share of what its slope `promised`.
    fn search(&self, phi: &[f64], ws: &mut SqpWorkspace, promised: f64) -> Result<Step> {
        // Close to the optimum the promised decrease drowns in rounding; such steps are good.
        let rounding = 1e-13 * (1.0 + ws.value.abs());
        let mut length = 1.0;
        while length >= SHORTEST {
            ws.trial.iter_mut().zip(&ws.z).zip(&ws.step).for_each(|((t, z), d)| *t = z + length * d);
            let to = if length == 1.0 { &ws.answer.x } else { &ws.trial };
            let value = self.value(phi, to)?;
            if value <= ws.value + ARMIJO * length * promised.min(0.0) + rounding {
                ws.value = value;
                ws.z.copy_from_slice(to);
                return Ok(if length == 1.0 { Step::Whole } else { Step::Shorter });
            }
            length *= 0.5;
        }
        Ok(Step::None)
    }

    /// Largest violation of feasibility, stationarity or complementarity at `ws.z` with the multipliers of the last step, each relative to `1 +`
    /// the size of its terms. NaN if any is.
    fn residual(&self, ws: &mut SqpWorkspace) -> f64 {
        let SqpWorkspace { z, grad, rows, scratch, answer, .. } = ws;
        let scale = 1.0 + largest(grad);
        scratch.copy_from_slice(grad);
        self.feasible.a.mul_t_add(1.0, &answer.row_dual, scratch);
        scratch.iter_mut().zip(&answer.bound_dual).for_each(|(r, nu)| *r += nu);
        multiply_rows(&self.feasible, z, rows);
        let mut worst = Worst(largest(scratch) / scale);
        worst.see(infeasibility(&self.feasible, z, rows));
        worst.see(complementarity(&self.feasible, (z, rows), (&answer.bound_dual, &answer.row_dual), scale));
        worst.0
    }
}
