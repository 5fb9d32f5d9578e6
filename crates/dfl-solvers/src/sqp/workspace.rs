use dfl_core::{Program, Result, Side, Solution, SolveInfo, Solver};

use crate::{ActiveSet, ActiveSetWorkspace};

/// Memory of a [`Sqp`](crate::Sqp): the point, its derivatives and the quadratic program there.
#[derive(Clone, Debug)]
pub struct SqpWorkspace {
    pub(super) z: Vec<f64>,
    pub(super) trial: Vec<f64>,
    pub(super) step: Vec<f64>,
    /// Objective at `z`.
    pub(super) value: f64,
    /// Gradient of the objective at `z`.
    pub(super) grad: Vec<f64>,
    /// Its Hessian, row-major `[n, n]`, and the Cholesky factor of what the last step took for it.
    pub(super) hess: Vec<f64>,
    pub(super) factor: Vec<f64>,
    /// Values of the rows.
    pub(super) rows: Vec<f64>,
    pub(super) scratch: Vec<f64>,
    /// Where the last step leads, with its multipliers; and the answer before it, where the next quadratic program begins.
    pub(super) answer: Solution,
    previous: Solution,
    /// Whether `answer` is of this solve.
    pub(super) solved: bool,
    /// Whether a row or bound was tight in it.
    pub(super) bound: bool,
    pub(super) qp: ActiveSetWorkspace,
}

impl SqpWorkspace {
    pub(super) fn new(feasible: &Program, qp: &ActiveSet) -> Result<Self> {
        let (n, m) = (feasible.n(), feasible.m());
        let (x, h, answer) = (vec![0.0; n], vec![0.0; n * n], Solution::zeros(n, m));
        Ok(Self {
            z: x.clone(),
            trial: x.clone(),
            step: x.clone(),
            value: 0.0,
            grad: x.clone(),
            hess: h.clone(),
            factor: h,
            rows: vec![0.0; m],
            scratch: x,
            previous: answer.clone(),
            answer,
            solved: false,
            bound: false,
            qp: qp.workspace()?,
        })
    }

    /// Writes `1/2 z'(H + shift I)z + (g - (H + shift I) z0)'z`.
    pub(super) fn write_step(&mut self, shift: f64) {
        let (n, program) = (self.z.len(), self.qp.program_mut());
        for j in 0..n {
            let row = &self.hess[j * n..][..n];
            let product: f64 = row.iter().zip(&self.z).map(|(h, z)| h * z).sum();
            program.c[j] = self.grad[j] - product - shift * self.z[j];
            let column = &mut program.p.values_mut()[j * (j + 1) / 2..][..=j];
            column.copy_from_slice(&row[..=j]);
            column[j] += shift;
        }
    }

    /// Writes the distance from `z`.
    pub(super) fn write_projection(&mut self) {
        let program = self.qp.program_mut();
        for j in 0..self.z.len() {
            (0..=j).for_each(|i| program.p.values_mut()[j * (j + 1) / 2 + i] = f64::from(i == j));
            program.c[j] = -self.z[j];
        }
    }

    /// Solves what was written, from the last answer of this solve if there is one, and keeps that if there is no new one.
    pub(super) fn run(&mut self, solver: &ActiveSet) -> SolveInfo {
        std::mem::swap(&mut self.answer, &mut self.previous);
        let info = solver.solve_written(self.solved.then_some(&self.previous), &mut self.qp, &mut self.answer);
        if info.status.usable() {
            (self.solved, self.bound) = (true, has_side(&self.answer));
        } else {
            std::mem::swap(&mut self.answer, &mut self.previous);
        }
        info
    }

    /// Takes `trial` for the answer of a step that met no row or bound.
    pub(super) fn take_free_step(&mut self) {
        self.answer.x.copy_from_slice(&self.trial);
        self.answer.row_dual.fill(0.0);
        self.answer.bound_dual.fill(0.0);
        self.answer.row_side.fill(Side::Free);
        self.answer.bound_side.fill(Side::Free);
        (self.solved, self.bound) = (true, false);
    }
}

fn has_side(answer: &Solution) -> bool {
    answer.row_side.iter().chain(&answer.bound_side).any(|side| *side != Side::Free)
}
