//! Sequential quadratic programming from cell to cell.

use dfl_core::dense::dot;
use dfl_core::{CostCurvature, Error, Result, Side, Solution, SolveInfo, Solver, Status, check_len};

use super::residual::{largest, pinning_group};
use super::workspace::{Cell, StochasticWorkspace};
use super::{NAME, StochasticProgram};
use crate::instance::{has_zero_dual, reset, without_answer};

/// Residual at which no further step is tried.
const GOAL: f64 = 1e-13;
/// Width of the smoothed cost that a cold start descends on first, as a share of each axis' spread, and the most steps on it.
const SMOOTHING: f64 = 1.0 / 32.0;
const SMOOTHED_STEPS: usize = 12;
/// Share of the promised decrease that a step must reach.
const ARMIJO: f64 = 1e-4;
/// Steps whose values a step is compared with where the model is not the objective's own expansion (curved rows).
const MEMORY: usize = 4;
/// Shortest step, as a share of the whole one.
const SHORTEST: f64 = 1e-10;
/// A decision this far away, relative to where it began, is on its way to infinity.
const FAR: f64 = 1e8;
/// ... if what is left of the slope along the last step is at least this share: on the way to a distant optimum it lessens.
const STEADY: f64 = 0.9;
/// A start that violates rows or bounds by no more than this is kept.
pub(super) const FEASIBLE: f64 = 1e-9;

/// What became of a step.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// The whole step was taken and no cell was left.
    Whole,
    /// A shorter one, or into other cells: multipliers are not those of the point.
    Other,
    /// None lowers the objective.
    None,
}

impl<C: CostCurvature> StochasticProgram<C> {
    /// Solves for the samples `theta`.
    pub(super) fn minimise(
        &self,
        theta: &[f64],
        from: Option<&Solution>,
        ws: &mut StochasticWorkspace,
        out: &mut Solution,
    ) -> Result<SolveInfo> {
        self.check(theta, from)?;
        let sizes = self.sizes();
        reset(out, (sizes.x, sizes.rows), (0, 0));
        for (breaks, axis) in ws.breaks.iter_mut().zip(&self.axes) {
            breaks.load(axis, self.cost.kinks(), theta, self.scenarios.outcome);
        }
        ws.penalty = 0.0;
        let mut used = 0;
        if let Some(status) = self.start(from, ws, &mut used) {
            return Ok(without_answer(status, used));
        }
        self.check_parts(theta, ws)?;
        let entries = ws.breaks.iter().map(|b| b.position.len()).max().unwrap_or(0);
        ws.point.smoothing = 0.0;
        if !self.sweep(theta, ws) && from.is_none() && entries > SMOOTHED_STEPS {
            // However it ends, the point is feasible and a better one to begin at.
            ws.point.smoothing = SMOOTHING;
            let left = self.options.iterations.saturating_sub(used);
            self.descend(theta, ws, SMOOTHED_STEPS.min(left), &mut used);
        }
        ws.point.smoothing = 0.0;
        let left = self.options.iterations.saturating_sub(used);
        let status = self.descend(theta, ws, left, &mut used);
        if status != Status::Optimal {
            return Ok(without_answer(status, used));
        }
        self.store(ws, out);
        let f = &self.feasible;
        let weak = has_zero_dual(&ws.rows, &f.row_lo, &f.row_up, &out.row_dual) || has_zero_dual(&ws.z, &f.lo, &f.up, &out.bound_dual);
        Ok(SolveInfo { status, iterations: used, degenerate: weak })
    }

    fn check(&self, theta: &[f64], from: Option<&Solution>) -> Result<()> {
        check_len("theta", self.sizes().theta, theta.len())?;
        if let Some(k) = theta.iter().position(|v| !v.is_finite()) {
            let (row, column) = (k / self.scenarios.outcome, k % self.scenarios.outcome);
            return Err(Error::NotFinite { what: "sample", row, column, value: theta[k] });
        }
        from.map_or(Ok(()), |from| check_len("from.x", self.feasible.n(), from.x.len()))
    }

    /// Refuses a cost whose value is not the sum of its smooth part and its kinks, at the start and the first sample.
    fn check_parts(&self, theta: &[f64], ws: &mut StochasticWorkspace) -> Result<()> {
        let (y, z) = (self.sample(theta, 0), &ws.z);
        let kinks: f64 = self.cost.kinks().iter().map(|k| k.value(k.argument(y, z))).sum();
        let (whole, smooth) = (self.cost.value(y, z), self.cost.smooth(y, z));
        let gap = whole - smooth - kinks;
        if gap.is_finite() && gap.abs() > 1e-9 * (1.0 + whole.abs() + smooth.abs() + kinks.abs()) {
            let need = "0: the cost is its smooth part and its kinks";
            return Err(Error::Domain { what: "cost less its smooth part and its kinks", value: gap, need });
        }
        Ok(())
    }

    /// Puts `ws.z` at an earlier answer, or else at the point of the polyhedron nearest to zero.
    fn start(&self, from: Option<&Solution>, ws: &mut StochasticWorkspace, used: &mut usize) -> Option<Status> {
        ws.z.fill(0.0);
        if let Some(from) = from.filter(|from| from.x.iter().all(|v| v.is_finite())) {
            ws.z.copy_from_slice(&from.x);
        }
        self.multiply_rows(&ws.z, &mut ws.rows);
        if self.infeasibility(&ws.z, &ws.rows) > FEASIBLE {
            *used += 1;
            let info = self.project(ws);
            if info.status != Status::Optimal {
                return Some(info.status);
            }
            ws.z.copy_from_slice(&ws.answer.x[..self.feasible.n()]);
        }
        None
    }

    /// Descends until the conditions hold, or on a smoothed cost until steps are shorter than its width. `used` counts quadratic programs.
    fn descend(&self, theta: &[f64], ws: &mut StochasticWorkspace, limit: usize, used: &mut usize) -> Status {
        let smoothed = ws.point.smoothing > 0.0;
        let (mut before, mut last, mut solved) = (f64::INFINITY, Step::Other, false);
        let (mut memory, mut damping, mut falling, begin) = ([f64::NEG_INFINITY; MEMORY], 0.0, 0.0, 1.0 + largest(&ws.z));
        self.place(ws);
        for round in 0..=limit {
            self.evaluate(theta, ws, solved);
            if !smoothed && last == Step::Whole {
                let residual = self.residual(ws);
                let tolerance = self.options.tolerance;
                if residual <= GOAL || (residual <= tolerance && (residual > 0.5 * before || round == limit)) {
                    return Status::Optimal;
                }
                before = residual;
            }
            let slope = dot(&ws.point.grad, &ws.step);
            if largest(&ws.z) > FAR * begin && slope < 0.0 && slope <= STEADY * falling {
                return Status::Unbounded;
            }
            if round == limit {
                break;
            }
            *used += 1;
            match self.direction(ws, smoothed, solved, &mut damping) {
                Status::Optimal => solved = true,
                Status::Unbounded => continue,
                other => return other,
            }
            memory[round % MEMORY] = self.here(ws);
            falling = dot(&ws.point.grad, &ws.step);
            last = self.search(theta, ws, &memory);
            if last == Step::None {
                self.evaluate(theta, ws, true);
                return if self.residual(ws) <= self.options.tolerance { Status::Optimal } else { Status::Failed };
            }
            if smoothed && self.settled(ws) {
                break;
            }
        }
        Status::Limit
    }

    /// The cells of `ws.z`.
    pub(super) fn place(&self, ws: &mut StochasticWorkspace) {
        for ((cell, axis), breaks) in ws.cells.iter_mut().zip(&self.axes).zip(&ws.breaks) {
            *cell = Cell { index: breaks.cell(axis.dot(&ws.z)), ..Default::default() };
        }
    }

    /// Solves the quadratic program and leaves the step in `ws.step`. One that falls for ever is damped, each time less.
    fn direction(&self, ws: &mut StochasticWorkspace, open: bool, warm: bool, damping: &mut f64) -> Status {
        let shift = self.convexify(ws, warm);
        let mut info = self.solve_step(ws, shift, open, warm);
        if matches!(info.status, Status::Unbounded | Status::Failed) {
            *damping = if *damping == 0.0 { 1e-3 * (1.0 + largest(&ws.point.hess)) } else { 0.1 * *damping };
            info = self.solve_step(ws, shift + *damping, open, warm);
        }
        if info.status == Status::Infeasible && !open && !self.constraints.is_empty() {
            // The cell may lie outside the curved constraints; its linearised cost does not.
            info = self.solve_step(ws, shift.max(1e-3 * (1.0 + largest(&ws.point.hess))), true, false);
        }
        if info.status == Status::Optimal {
            ws.step.iter_mut().zip(&ws.answer.x).zip(&ws.z).for_each(|((d, x), z)| *d = x - z);
        }
        info.status
    }

    /// The merit function at the evaluated point, at a price of violation that exceeds the multipliers.
    fn here(&self, ws: &mut StochasticWorkspace) -> f64 {
        let duals = &ws.answer.row_dual[self.layout.bent()..self.layout.tail()];
        ws.penalty = ws.penalty.max(1.5 * largest(duals));
        ws.point.risk + self.feasible.objective(&ws.z) + ws.penalty * violation(&ws.point.bent)
    }

    /// What the model promises for the whole step.
    fn promise(&self, ws: &mut StochasticWorkspace) -> f64 {
        let (point, step, n) = (&mut ws.point, &ws.step, self.feasible.n());
        let mut slope: f64 = if self.cap().is_some() { dot(&point.fixed_grad, step) } else { dot(&point.grad, step) };
        if self.cap().is_some() {
            for (m, to) in point.column.iter_mut().enumerate() {
                *to = point.costs[m] + dot(&point.grads[m * n..][..n], step);
            }
            slope += self.options.risk.gradient(&point.column, &mut point.image) - point.risk;
        }
        slope - ws.penalty * violation(&point.bent)
    }

    /// Takes the longest of the steps 1, 1/2, 1/4, ... that lowers the merit function enough.
    fn search(&self, theta: &[f64], ws: &mut StochasticWorkspace, memory: &[f64; MEMORY]) -> Step {
        let promised = self.promise(ws);
        let curved = self.cap().is_some() || !self.constraints.is_empty();
        let now = self.here(ws);
        // Scenarios without a row may make a rise of what the quadratic program took for a descent: only a shorter step is one then, and
        // to compare it with earlier values would go round in circles.
        let from = if curved && promised < 0.0 { memory.iter().fold(now, |top, v| top.max(*v)) } else { now };
        // Close to the optimum the promised decrease drowns in rounding; such steps are good.
        let rounding = 1e-13 * (1.0 + now.abs());
        let mut length = 1.0;
        loop {
            ws.trial.iter_mut().zip(&ws.z).zip(&ws.step).for_each(|((t, z), d)| *t = z + length * d);
            let StochasticWorkspace { breaks, point, trial, penalty, .. } = ws;
            let value = self.merit(theta, trial, breaks, *penalty, point);
            if value <= from + ARMIJO * length * promised.min(0.0) + rounding {
                break;
            }
            length *= 0.5;
            if length < SHORTEST {
                return Step::None;
            }
        }
        if length == 1.0 {
            ws.z.copy_from_slice(&ws.answer.x[..self.feasible.n()]);
            return if ws.point.smoothing == 0.0 && self.settle(ws) { Step::Whole } else { Step::Other };
        }
        ws.z.copy_from_slice(&ws.trial);
        ws.cells.iter_mut().for_each(|cell| (cell.tight, cell.dual) = (Side::Free, 0.0));
        Step::Other
    }

    /// Takes over the multipliers of the cells' ends, and crosses those at which they exceed the jump. True if there is none.
    fn settle(&self, ws: &mut StochasticWorkspace) -> bool {
        if self.cap().is_some() {
            ws.point.weights.copy_from_slice(&ws.tail_weights);
        }
        let margin = 1e-11 * (1.0 + largest(&ws.point.grad));
        let mut stayed = true;
        for j in 0..self.axes.len() {
            let (breaks, mut cell, row) = (&ws.breaks[j], ws.cells[j], self.layout.axis() + j);
            (cell.tight, cell.dual) = (ws.answer.row_side[row], ws.answer.row_dual[row]);
            let (lower, upper) = breaks.ends(cell.index);
            let outside =
                ws.point.tau[j] < lower - FEASIBLE * (1.0 + lower.abs()) || ws.point.tau[j] > upper + FEASIBLE * (1.0 + upper.abs());
            if outside {
                (cell, stayed) = (Cell { index: breaks.cell(ws.point.tau[j]), ..Default::default() }, false);
            } else if cell.dual.abs() > self.jump(j, &cell, breaks, &ws.point) + margin && pinning_group(&cell).is_some() {
                let index = if cell.tight == Side::Upper { cell.index + 1 } else { cell.index - 1 };
                (cell, stayed) = (Cell { index, ..Default::default() }, false);
            }
            ws.cells[j] = cell;
        }
        stayed
    }

    /// Whether the last step on a smoothed cost was shorter than half its width along every axis.
    fn settled(&self, ws: &StochasticWorkspace) -> bool {
        let within = |j: usize| self.axes[j].dot(&ws.step).abs() <= 0.5 * ws.point.smoothing * ws.breaks[j].spread();
        (0..self.axes.len()).all(within)
    }

    fn store(&self, ws: &mut StochasticWorkspace, out: &mut Solution) {
        let (n, m) = (self.feasible.n(), self.feasible.m());
        out.x.copy_from_slice(&ws.z);
        let bent = self.layout.bent()..self.layout.tail();
        out.row_dual[..m].copy_from_slice(&ws.answer.row_dual[..m]);
        out.row_dual[m..].copy_from_slice(&ws.answer.row_dual[bent.clone()]);
        out.row_side[..m].copy_from_slice(&ws.answer.row_side[..m]);
        out.row_side[m..].copy_from_slice(&ws.answer.row_side[bent]);
        out.bound_dual.copy_from_slice(&ws.answer.bound_dual[..n]);
        out.bound_side.copy_from_slice(&ws.answer.bound_side[..n]);
        out.objective = ws.point.risk + self.feasible.objective(&ws.z);
    }
}

impl<C: CostCurvature> Solver for StochasticProgram<C> {
    type Workspace = StochasticWorkspace;

    fn name(&self) -> &'static str {
        NAME
    }

    fn dims(&self) -> dfl_core::Dims {
        self.sizes()
    }

    fn workspace(&self) -> Result<StochasticWorkspace> {
        self.new_workspace()
    }

    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut StochasticWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        self.minimise(theta, from, ws, out)
    }
}

fn violation(bent: &[f64]) -> f64 {
    bent.iter().map(|h| h.max(0.0)).sum()
}
