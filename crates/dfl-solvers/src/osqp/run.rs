//! The course of one solve: stages of first-order steps, each followed by a polish.

use dfl_core::{Residuals, Solution, SolveInfo, Status};

use super::{Osqp, OsqpWorkspace, RHO, STAGES};
use crate::instance::without_answer;
use crate::polish::{optimal, proves_infeasible, proves_unbounded};

/// A polished answer is taken at this part of the tolerance.
const POLISHED: f64 = 1e-2;

impl Osqp {
    /// Polishes `ws.point`; an answer if that makes it one.
    fn polish(&self, ws: &mut OsqpWorkspace, out: &mut Solution) -> (usize, bool) {
        let OsqpWorkspace { program, stack, point, polisher, deadline, .. } = ws;
        let (factorisations, settled) = polisher.polish(&self.pattern, program, stack, point, *deadline);
        if !settled {
            return (factorisations, false);
        }
        point.snap(&self.layout, program);
        point.write(&self.layout, program, out);
        (factorisations, Residuals::of(program, out).worst() <= POLISHED * self.options.tolerance)
    }

    /// OSQP from the point it is told, with a polish after each stage.
    pub(super) fn run(&self, ws: &mut OsqpWorkspace, out: &mut Solution) -> SolveInfo {
        let mut iterations = 0;
        let (mut left, mut limited) = (self.options.iterations, false);
        for accuracy in STAGES {
            let (used, ended) = self.stage(ws, accuracy, left);
            (left, iterations) = (left - used.min(left), iterations + used as usize);
            match ended {
                Ended::Point => {
                    let raw = ws.point.clone();
                    let (factorisations, good) = self.polish(ws, out);
                    iterations += factorisations;
                    if good {
                        return optimal(&ws.program, out, iterations);
                    }
                    ws.point = raw;
                }
                Ended::Infeasible => return without_answer(Status::Infeasible, iterations),
                Ended::Unbounded => return without_answer(self.unbounded_or_infeasible(ws, left), iterations),
                Ended::Nowhere => {}
            }
            limited = left == 0 || ws.deadline.passed();
            if limited {
                break;
            }
        }
        ws.point.snap(&self.layout, &ws.program);
        ws.point.write(&self.layout, &ws.program, out);
        if Residuals::of(&ws.program, out).worst() <= self.options.tolerance {
            return optimal(&ws.program, out, iterations);
        }
        without_answer(if limited { Status::Limit } else { Status::Failed }, iterations)
    }

    /// One run of OSQP to `accuracy`; leaves its point and a guess of the sides in `ws.point`.
    fn stage(&self, ws: &mut OsqpWorkspace, accuracy: f64, iterations: u32) -> (u32, Ended) {
        let OsqpWorkspace { problem, program, stack, point, ax, rho_moved, deadline, .. } = ws;
        problem.update_settings(&self.settings(accuracy, iterations, *deadline));
        let status = problem.solve();
        *rho_moved |= status.rho_updates() > 0;
        let ended = match &status {
            osqp::Status::Solved(s)
            | osqp::Status::SolvedInaccurate(s)
            | osqp::Status::MaxIterationsReached(s)
            | osqp::Status::TimeLimitReached(s) => {
                point.x.copy_from_slice(s.x());
                point.y.copy_from_slice(s.y());
                point.guess(stack, ax, |_| 1.0);
                Ended::Point
            }
            osqp::Status::PrimalInfeasible(proof) if proves_infeasible(program, stack, proof.delta_y(), &[]) => Ended::Infeasible,
            osqp::Status::DualInfeasible(proof) if proves_unbounded(program, stack, proof.delta_x()) => Ended::Unbounded,
            _ => Ended::Nowhere,
        };
        (status.iter(), ended)
    }

    /// The cost falls along a ray; without it, a feasible point says that the program is unbounded.
    fn unbounded_or_infeasible(&self, ws: &mut OsqpWorkspace, iterations: u32) -> Status {
        let costs = vec![0.0; ws.program.n()];
        ws.problem.update_lin_cost(&costs);
        self.restart(ws);
        match self.stage(ws, 1e-6, iterations.max(1)).1 {
            Ended::Infeasible => Status::Infeasible,
            Ended::Point if Residuals::feasibility(&ws.program, &ws.point.x) <= 1e-4 => Status::Unbounded,
            _ if iterations == 0 || ws.deadline.passed() => Status::Limit,
            _ => Status::Failed,
        }
    }

    /// Forgets what was solved before.
    pub(super) fn restart(&self, ws: &mut OsqpWorkspace) {
        if std::mem::take(&mut ws.rho_moved) {
            ws.problem.update_rho(RHO);
        }
        ws.point.x.fill(0.0);
        ws.point.y.fill(0.0);
        ws.problem.warm_start(&ws.point.x, &ws.point.y);
    }

    /// From an earlier answer: first its sides alone, then first-order steps from its point.
    pub(super) fn run_from(&self, from: &Solution, ws: &mut OsqpWorkspace, out: &mut Solution) -> SolveInfo {
        ws.point.read(&self.layout, from);
        let (factorisations, good) = self.polish(ws, out);
        if good {
            return optimal(&ws.program, out, factorisations);
        }
        self.restart(ws);
        ws.point.read(&self.layout, from);
        ws.problem.warm_start(&ws.point.x, &ws.point.y);
        let info = self.run(ws, out);
        SolveInfo { iterations: info.iterations + factorisations, ..info }
    }
}

/// What a run of OSQP left.
enum Ended {
    /// A point, which may or may not be good.
    Point,
    Infeasible,
    /// The cost falls along a ray.
    Unbounded,
    Nowhere,
}
