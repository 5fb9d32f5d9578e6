//! Regression under the task cost: a convex problem, solved with a certificate.

use super::PowerCost;
use dfl_core::{Error, Result, Status, check_len};
use faer::{Mat, Side, prelude::Solve};

/// What proves that coefficients are optimal: a lower bound from the dual problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certificate {
    /// The summed cost that was reached.
    pub primal: f64,
    /// A bound below which no coefficients reach.
    pub dual: f64,
    /// Newton steps taken.
    pub steps: usize,
}

impl Certificate {
    /// `(primal - dual) / primal`, at least 0; the distance from the optimum is at most this.
    pub fn relative_gap(&self) -> f64 {
        ((self.primal - self.dual) / self.primal.abs().max(f64::MIN_POSITIVE)).max(0.0)
    }
}

/// Relative duality gap at which the iteration stops.
const GAP: f64 = 1e-11;
const MAX_STEPS: usize = 200;

/// Minimises `sum_i under (y_i - q_i)_+ + over (q_i - y_i)_+ + 1/2 (q_i - y_i)^2` with `q = X w`, to a relative duality gap of 1e-11.
///
/// A primal-dual interior-point method. Write `t = X w - y = p - m` with `p, m >= 0`, and let `u` in `[-under, over]` be the subgradient of the
/// piecewise linear part. Optimal means `X'(t + u) = 0`, `p (over - u) = 0`, `m (u + under) = 0`; each step solves these with a small number on
/// the right of the products, through one system `X'(I + D^-1)X` of the size of `w`.
///
/// The certificate does not rest on the iteration. The dual is `max -sum phi*(s_i) - s'y` s.t. `X's = 0`, with
/// `phi*(s) = 1/2 dist(s, [-under, over])^2` finite everywhere, so that `s = t + u`, projected on `X's = 0`, is feasible and its value a bound.
///
/// # Shapes
/// `x`: `[rows, inputs]` with full column rank; `y`: `[rows]`; the coefficients: `[inputs]`.
/// # Errors
/// [`Error::Dimension`] for `y`; [`Error::Domain`] if the columns are collinear; [`Error::NotSolved`], with index 0, if the gap is not reached.
pub fn minimise_shortfall_regression(cost: &PowerCost, x: &Mat<f64>, y: &[f64]) -> Result<(Vec<f64>, Certificate)> {
    check_len("labels", x.nrows(), y.len())?;
    let y = Mat::from_fn(y.len(), 1, |i, _| y[i]);
    let gram = factor(&(x.transpose() * x))?;
    let mut state = State::start(cost, x, &y, gram.solve(x.transpose() * &y));
    for steps in 0..MAX_STEPS {
        let certificate = certify(cost, x, &y, &state, |r| gram.solve(r), steps);
        if certificate.relative_gap() <= GAP {
            return Ok(((0..x.ncols()).map(|k| state.w[(k, 0)]).collect(), certificate));
        }
        state.advance(cost, x, &y)?;
    }
    Err(Error::NotSolved { index: 0, solver: "interior_point", status: Status::Failed })
}

fn factor(matrix: &Mat<f64>) -> Result<faer::linalg::solvers::Llt<f64>> {
    let need = "positive definite; drop collinear columns or add rows";
    matrix.llt(Side::Lower).map_err(|_| Error::Domain { what: "smallest pivot of the normal equations", value: 0.0, need })
}

fn certify(cost: &PowerCost, x: &Mat<f64>, y: &Mat<f64>, state: &State, gram: impl Fn(Mat<f64>) -> Mat<f64>, steps: usize) -> Certificate {
    let t = x * &state.w - y;
    let mut s = Mat::from_fn(t.nrows(), 1, |i, _| t[(i, 0)] + state.u[i]);
    // Twice, because one projection leaves a rounding error of the size of s times the condition number.
    for _ in 0..2 {
        s -= x * gram(x.transpose() * &s);
    }
    let outside = |s: f64| (s - s.clamp(-cost.under, cost.over)).powi(2) / 2.0;
    let primal = (0..t.nrows()).map(|i| cost.excess(t[(i, 0)])).sum();
    let dual = -(0..t.nrows()).map(|i| outside(s[(i, 0)]) + s[(i, 0)] * y[(i, 0)]).sum::<f64>();
    Certificate { primal, dual, steps }
}

/// The iterate: `w`, `t = p - m` and `u`; all four slacks strictly positive.
struct State {
    w: Mat<f64>,
    u: Vec<f64>,
    p: Vec<f64>,
    m: Vec<f64>,
}

impl State {
    /// From the least-squares coefficients, with `u` in the middle of its range.
    fn start(cost: &PowerCost, x: &Mat<f64>, y: &Mat<f64>, w: Mat<f64>) -> Self {
        let t = x * &w - y;
        let size = (t.norm_l2() / (t.nrows() as f64).sqrt()).max(1e-3);
        let p: Vec<f64> = (0..t.nrows()).map(|i| t[(i, 0)].max(0.0) + size).collect();
        let m = (0..t.nrows()).map(|i| p[i] - t[(i, 0)]).collect();
        let middle = 0.5 * (cost.over - cost.under);
        Self { w, u: vec![middle; p.len()], p, m }
    }

    /// One Newton step towards products a tenth of their present mean.
    fn advance(&mut self, cost: &PowerCost, x: &Mat<f64>, y: &Mat<f64>) -> Result<()> {
        let n = self.u.len();
        let t = x * &self.w - y;
        let up: Vec<f64> = self.u.iter().map(|u| cost.over - u).collect();
        let down: Vec<f64> = self.u.iter().map(|u| u + cost.under).collect();
        let products: f64 = (0..n).map(|i| self.p[i] * up[i] + self.m[i] * down[i]).sum();
        let mu = 0.1 * products / (2 * n) as f64;
        // du = inv (X dw + rest), from the two linearised products and p - m - t = 0.
        let inv: Vec<f64> = (0..n).map(|i| 1.0 / (self.p[i] / up[i] + self.m[i] / down[i])).collect();
        let rest: Vec<f64> = (0..n).map(|i| t[(i, 0)] - mu / up[i] + mu / down[i]).collect();
        let scaled = Mat::from_fn(n, x.ncols(), |i, j| x[(i, j)] * (1.0 + inv[i]));
        let pull = Mat::from_fn(n, 1, |i, _| -(t[(i, 0)] + self.u[i]) - inv[i] * rest[i]);
        let dw = factor(&(x.transpose() * &scaled))?.solve(x.transpose() * &pull);
        let forward = x * &dw;
        let du: Vec<f64> = (0..n).map(|i| inv[i] * (forward[(i, 0)] + rest[i])).collect();
        let dp: Vec<f64> = (0..n).map(|i| (mu + self.p[i] * du[i]) / up[i] - self.p[i]).collect();
        let dm: Vec<f64> = (0..n).map(|i| (mu - self.m[i] * du[i]) / down[i] - self.m[i]).collect();
        let minus_du: Vec<f64> = du.iter().map(|d| -d).collect();
        let pairs = [(&self.p, &dp), (&self.m, &dm), (&up, &minus_du), (&down, &du)];
        let length = pairs.into_iter().map(|(v, d)| to_boundary(v, d)).fold(1.0, f64::min);
        self.w += length * dw;
        for (value, step) in [(&mut self.u, &du), (&mut self.p, &dp), (&mut self.m, &dm)] {
            value.iter_mut().zip(step).for_each(|(v, d)| *v += length * d);
        }
        Ok(())
    }
}

/// The share of the step after which some slack has lost 99.5 % of itself, at most 1.
fn to_boundary(slack: &[f64], step: &[f64]) -> f64 {
    slack.iter().zip(step).filter(|(_, d)| **d < 0.0).map(|(s, d)| -0.995 * s / d).fold(1.0, f64::min)
}
