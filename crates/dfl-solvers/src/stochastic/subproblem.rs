//! The quadratic program of one step: which columns and rows it has, and what is written into it.

use dfl_core::{CostCurvature, Csc, Entry, ParamMap, Program, Result, Solution, SolveInfo};

use super::StochasticProgram;
use super::axes::Axis;
use super::workspace::StochasticWorkspace;
use crate::shift::convexify;
use crate::{ActiveSet, ActiveSetOptions};

/// Number of scenarios that get a row under CVaR: an optimum has at most `n + 1` at its threshold, and steps cross some more.
pub(super) fn slots(n: usize, scenarios: usize) -> usize {
    scenarios.min((4 * n + 32).max(scenarios / 16))
}

/// Columns: the decision, and for CVaR the threshold and one slack per scenario. Rows: those of the program, one per axis, one per
/// constraint, and for CVaR one per scenario.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    n: usize,
    m: usize,
    axes: usize,
    constraints: usize,
    /// Scenarios with a row and a slack at a time.
    scenarios: Option<usize>,
    /// Where the entries of the dense rows are stored: constraints first, then scenarios.
    dense: Vec<usize>,
}

impl Layout {
    pub(super) fn new(feasible: &Program, axes: usize, constraints: usize, scenarios: Option<usize>) -> Self {
        Self { n: feasible.n(), m: feasible.m(), axes, constraints, scenarios, dense: Vec::new() }
    }

    pub(super) fn columns(&self) -> usize {
        self.n + self.scenarios.map_or(0, |count| 1 + count)
    }

    pub(super) fn rows(&self) -> usize {
        self.tail() + self.slots()
    }

    /// Number of scenarios with a row.
    fn slots(&self) -> usize {
        self.scenarios.unwrap_or(0)
    }

    /// First row of the axes.
    pub(super) fn axis(&self) -> usize {
        self.m
    }

    /// First row of the constraints.
    pub(super) fn bent(&self) -> usize {
        self.m + self.axes
    }

    /// First row of the scenarios.
    pub(super) fn tail(&self) -> usize {
        self.bent() + self.constraints
    }

    /// The solver of the subproblems, whose matrices all move.
    pub(super) fn solver(&mut self, feasible: &Program, axes: &[Axis]) -> Result<ActiveSet> {
        let (n, columns, rows) = (self.n, self.columns(), self.rows());
        let mut entries: Vec<_> = feasible.a.triplets().collect();
        for (j, axis) in axes.iter().enumerate() {
            entries.extend(axis.a.iter().map(|&(k, a)| (self.axis() + j, k, a)));
        }
        entries.extend((self.bent()..rows).flat_map(|i| (0..n).map(move |j| (i, j, 0.0))));
        for m in 0..self.slots() {
            entries.extend([(self.tail() + m, n, -1.0), (self.tail() + m, n + 1 + m, -1.0)]);
        }
        let a = Csc::from_triplets(rows, columns, &entries)?;
        self.dense = (self.bent()..rows).flat_map(|i| (0..n).map(move |j| (i, j))).filter_map(|(i, j)| a.position(i, j)).collect();
        let whole: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j, if i == j { 1.0 } else { 0.0 }))).collect();
        let extra = columns - n;
        // Rows that may have a side must have one here; which it is, and where, is written before each solve.
        let more = |sides: &[f64], with: f64| sides.iter().copied().chain(vec![with; rows - self.m]).collect::<Vec<f64>>();
        let bounds = |sides: &[f64], with: f64| {
            let slacks = (0..extra).map(|k| if k == 0 { with.signum() * f64::INFINITY } else { with });
            sides.iter().copied().chain(slacks).collect::<Vec<f64>>()
        };
        let lowest: Vec<f64> = bounds(&feasible.lo, -1.0).into_iter().enumerate().map(|(j, v)| if j > n { 0.0 } else { v }).collect();
        let highest: Vec<f64> =
            bounds(&feasible.up, 1.0).into_iter().enumerate().map(|(j, v)| if j > n { f64::INFINITY } else { v }).collect();
        let program = Program::linear(vec![0.0; columns])
            .with_quadratic(Csc::from_triplets(columns, columns, &whole)?)
            .with_rows(a, more(&feasible.row_lo, -1.0), more(&feasible.row_up, 1.0))
            .with_bounds(lowest, highest)
            .with_integers(feasible.integer.clone());
        let program = Program { cones: feasible.cones.clone(), ..program };
        let mut params = ParamMap::new(1);
        if n > 0 {
            params = params.link(Entry::P(0), 0, 1.0);
        }
        if !self.dense.is_empty() {
            params = params.link(Entry::A(self.dense[0]), 0, 1.0);
        }
        ActiveSet::new(program, params, ActiveSetOptions::default())
    }
}

impl<C: CostCurvature> StochasticProgram<C> {
    /// Writes and solves the quadratic program at the evaluated point, with `shift` on the diagonal, within the present cells unless
    /// `open`. The answer is left in `ws.answer`.
    pub(super) fn solve_step(&self, ws: &mut StochasticWorkspace, shift: f64, open: bool, warm: bool) -> SolveInfo {
        if let Some(cap) = self.cap() {
            self.choose_window(cap, ws);
        }
        self.write_cost(ws, shift);
        self.write_rows(ws, open);
        let info = self.run(ws, warm);
        if let (Some(cap), true) = (self.cap(), info.status.usable()) {
            self.weigh(cap, ws);
        }
        info
    }

    /// Solves for the point of the polyhedron nearest to `ws.z`.
    pub(super) fn project(&self, ws: &mut StochasticWorkspace) -> SolveInfo {
        let (layout, n) = (&self.layout, self.feasible.n());
        let program = ws.qp.program_mut();
        for j in 0..n {
            (0..=j).for_each(|i| program.p.values_mut()[j * (j + 1) / 2 + i] = f64::from(i == j));
            program.c[j] = -ws.z[j];
        }
        program.c[n..].fill(0.0);
        for row in layout.axis()..layout.rows() {
            (program.row_lo[row], program.row_up[row]) = (f64::NEG_INFINITY, f64::INFINITY);
        }
        self.run(ws, false)
    }

    /// Ranks the scenarios by cost, keeps slots for those around the threshold, and leaves in `vector` the gradient of the deterministic
    /// cost and of the scenarios that stay above it.
    fn choose_window(&self, cap: f64, ws: &mut StochasticWorkspace) {
        let (n, slots, StochasticWorkspace { point, ranked, window, .. }) = (self.feasible.n(), self.layout.slots(), ws);
        let costs = &point.costs;
        ranked.sort_unstable_by(|&i, &j| costs[j].total_cmp(&costs[i]).then(i.cmp(&j)));
        let threshold = (1.0 / cap) as usize;
        let first = threshold.saturating_sub(slots / 2).min(ranked.len() - slots);
        *window = (first, first + slots);
        point.vector.copy_from_slice(&point.fixed_grad);
        for &m in &ranked[..first] {
            point.vector.iter_mut().zip(&point.grads[m * n..][..n]).for_each(|(to, g)| *to += cap * g);
        }
    }

    /// The weight of each scenario in the answer: the multiplier of its row, or what it is outside the window.
    fn weigh(&self, cap: f64, ws: &mut StochasticWorkspace) {
        let StochasticWorkspace { ranked, window, tail_weights, answer, .. } = ws;
        for (rank, &m) in ranked.iter().enumerate() {
            tail_weights[m] = match rank.checked_sub(window.0) {
                None => cap,
                Some(slot) => answer.row_dual[self.layout.tail()..].get(slot).copied().unwrap_or(0.0),
            };
        }
    }

    fn run(&self, ws: &mut StochasticWorkspace, warm: bool) -> SolveInfo {
        std::mem::swap(&mut ws.answer, &mut ws.previous);
        let from: Option<&Solution> = warm.then_some(&ws.previous);
        let info = self.qp.solve_written(from, &mut ws.qp, &mut ws.answer);
        if !info.status.usable() {
            std::mem::swap(&mut ws.answer, &mut ws.previous);
        }
        info
    }

    /// `1/2 z'(H + shift I)z + (g - (H + shift I) z0)'z`; under CVaR the costs of scenarios are in the rows.
    fn write_cost(&self, ws: &mut StochasticWorkspace, shift: f64) {
        let (n, point, program) = (self.feasible.n(), &ws.point, ws.qp.program_mut());
        let grad = if self.cap().is_some() { &point.vector } else { &point.grad };
        for j in 0..n {
            let row = &point.hess[j * n..][..n];
            let product: f64 = row.iter().zip(&ws.z).map(|(h, z)| h * z).sum();
            program.c[j] = grad[j] - product - shift * ws.z[j];
            let column = &mut program.p.values_mut()[j * (j + 1) / 2..][..=j];
            column.copy_from_slice(&row[..=j]);
            column[j] += shift;
        }
        if let Some(cap) = self.cap() {
            program.c[n] = 1.0 - cap * ws.window.0 as f64;
            program.c[n + 1..].fill(cap);
        }
    }

    fn write_rows(&self, ws: &mut StochasticWorkspace, open: bool) {
        let (layout, n, point, program) = (&self.layout, self.feasible.n(), &ws.point, ws.qp.program_mut());
        for (j, (cell, breaks)) in ws.cells.iter().zip(&ws.breaks).enumerate() {
            let ends = if open { (f64::NEG_INFINITY, f64::INFINITY) } else { breaks.ends(cell.index) };
            (program.row_lo[layout.axis() + j], program.row_up[layout.axis() + j]) = ends;
        }
        let (bent, tail) = (point.bent.len(), layout.rows() - layout.tail());
        for i in 0..bent + tail {
            let (value, grad) = match i.checked_sub(bent) {
                None => (point.bent[i], &point.bent_grads[i * n..][..n]),
                Some(slot) => {
                    let m = ws.ranked[ws.window.0 + slot];
                    (point.costs[m], &point.grads[m * n..][..n])
                }
            };
            for (&at, g) in layout.dense[i * n..][..n].iter().zip(grad) {
                program.a.values_mut()[at] = *g;
            }
            let row = layout.bent() + i;
            program.row_lo[row] = f64::NEG_INFINITY;
            program.row_up[row] = grad.iter().zip(&ws.z).map(|(g, z)| g * z).sum::<f64>() - value;
        }
    }

    /// The shift that makes the Hessian positive semidefinite, see [`convexify`].
    pub(super) fn convexify(&self, ws: &mut StochasticWorkspace, solved: bool) -> f64 {
        let StochasticWorkspace { point, answer, hess_factor, .. } = ws;
        convexify(&self.feasible, &self.normals, solved.then_some(&*answer), &mut point.hess, hess_factor)
    }
}
