use dfl_core::{CostCurvature, Result, Side, Solution, Solver};

use super::StochasticProgram;
use super::axes::Breaks;
use crate::ActiveSetWorkspace;

/// Memory of a [`StochasticProgram`]: breakpoints of the last samples, the point, its derivatives and the quadratic program there.
#[derive(Clone, Debug)]
pub struct StochasticWorkspace {
    pub(super) breaks: Vec<Breaks>,
    pub(super) cells: Vec<Cell>,
    pub(super) point: Point,
    /// The last quadratic program's answer, and the one before it, where the next begins.
    pub(super) answer: Solution,
    pub(super) previous: Solution,
    pub(super) qp: ActiveSetWorkspace,
    pub(super) z: Vec<f64>,
    pub(super) trial: Vec<f64>,
    pub(super) step: Vec<f64>,
    pub(super) hess_factor: Vec<f64>,
    /// Values of the rows.
    pub(super) rows: Vec<f64>,
    /// Under CVaR: scenarios from the costliest down, the ranks that have a row, and the weight of each scenario in the last answer.
    pub(super) ranked: Vec<usize>,
    pub(super) window: (usize, usize),
    pub(super) tail_weights: Vec<f64>,
    /// Price of violating a constraint in the merit function.
    pub(super) penalty: f64,
}

/// Where a point is along one axis.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    pub(super) index: usize,
    /// The end at which the point is, if at any.
    pub(super) tight: Side,
    /// The multiplier of that end.
    pub(super) dual: f64,
}

/// Everything that is known at one point.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// Width of the smoothing as a share of each axis' spread; 0 for the cost itself.
    pub(super) smoothing: f64,
    /// $\tau$ of each axis.
    pub(super) tau: Vec<f64>,
    /// Cost of each scenario, `[M]`.
    pub(super) costs: Vec<f64>,
    /// Gradient of the risk in them, `[M]`.
    pub(super) weights: Vec<f64>,
    /// Value of the risk.
    pub(super) risk: f64,
    /// Gradient of each scenario, `[M, n]`.
    pub(super) grads: Vec<f64>,
    /// Gradient of the deterministic cost, and of the whole objective, `[n]`.
    pub(super) fixed_grad: Vec<f64>,
    pub(super) grad: Vec<f64>,
    /// Hessian of the Lagrangian, `[n, n]`.
    pub(super) hess: Vec<f64>,
    /// Values `[h]` and gradients `[h, n]` of the constraints.
    pub(super) bent: Vec<f64>,
    pub(super) bent_grads: Vec<f64>,
    /// Scratch of length `M`, and of length `n`.
    pub(super) column: Vec<f64>,
    pub(super) image: Vec<f64>,
    pub(super) vector: Vec<f64>,
}

impl Point {
    fn new(n: usize, scenarios: usize, axes: usize, constraints: usize) -> Self {
        let (x, m, h) = (vec![0.0; n], vec![0.0; scenarios], vec![0.0; constraints]);
        Self {
            smoothing: 0.0,
            tau: vec![0.0; axes],
            costs: m.clone(),
            weights: m.clone(),
            risk: 0.0,
            grads: vec![0.0; scenarios * n],
            fixed_grad: x.clone(),
            grad: x.clone(),
            hess: vec![0.0; n * n],
            bent: h,
            bent_grads: vec![0.0; constraints * n],
            column: m.clone(),
            image: m,
            vector: x,
        }
    }
}

impl<C: CostCurvature> StochasticProgram<C> {
    pub(super) fn new_workspace(&self) -> Result<StochasticWorkspace> {
        let (n, count) = (self.feasible.n(), self.scenarios.count);
        let qp = self.qp.workspace()?;
        let answer = Solution::zeros(self.layout.columns(), self.layout.rows());
        Ok(StochasticWorkspace {
            breaks: self.axes.iter().map(|axis| Breaks::new(count * axis.hinges.len())).collect(),
            cells: vec![Cell::default(); self.axes.len()],
            point: Point::new(n, count, self.axes.len(), self.constraints.len()),
            previous: answer.clone(),
            answer,
            qp,
            z: vec![0.0; n],
            trial: vec![0.0; n],
            step: vec![0.0; n],
            hess_factor: vec![0.0; n * n],
            rows: vec![0.0; self.feasible.m()],
            ranked: (0..count).collect(),
            window: (0, 0),
            tail_weights: vec![0.0; count],
            penalty: 0.0,
        })
    }
}
