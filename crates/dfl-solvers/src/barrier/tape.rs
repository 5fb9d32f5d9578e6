//! The derivative of the barrier problem's minimiser, from the factor of its Newton matrix.

use std::sync::Arc;

use dfl_core::{Adjoint, Cotangent, Csc, Entry, Error, ParamMap, Result, Solution, check_len};

use super::BarrierWorkspace;
use super::system::{Factor, Kind, Matrix, Scratch, Structure, Vector};
use crate::active_set::kernels::worse;

/// A larger relative residual says that equations contradict each other, or, without those that do, that they were not solved.
const LARGEST_RESIDUAL: f64 = 1e-6;

/// What the backward pass of one instance of a [`Barrier`](super::Barrier) needs.
///
/// With $\lambda_i = \varphi_i(a_i^\top x)$, $\varphi = \mu/(\overline b - \cdot) - \mu/(\cdot - \underline b)$, and the same for bounds,
/// the conditions are $F = (Px + c + A^\top\lambda + \nu,\ Ax - \varphi^{-1}(\lambda),\ x - \varphi^{-1}(\nu)) = 0$. A side enters its
/// row by its share of the curvature, $\partial\varphi^{-1}/\partial\overline b = \overline D / (\underline D + \overline D)$ with
/// $D = \mu / s^2$, so that with $u = -K^{-1}\,\text{cotangent}$: $\bar c = u_x$, $\bar P_{ij} = u_i x_j + u_j x_i$ ($u_i x_i$ on the
/// diagonal), $\bar A_{ij} = u_j \lambda_i + u_{\lambda i} x_j$, $\bar b_i = -u_{\lambda i}$ times the share. An equality has the share 1
/// above and 0 below.
pub struct BarrierTape {
    structure: Arc<Structure>,
    factor: Factor,
    kind: Vec<Kind>,
    weight: Vec<f64>,
    /// Share of the upper side in the curvature, of variables and rows.
    above: Vec<f64>,
    p: Csc,
    a: Csc,
    x: Vec<f64>,
    row_dual: Vec<f64>,
}

impl BarrierTape {
    /// Factorises at the answer.
    pub(super) fn new(structure: &Arc<Structure>, ws: &mut BarrierWorkspace, solution: &Solution) -> Result<Self> {
        let BarrierWorkspace { program, work } = ws;
        if !work.factorize(structure, program) {
            return Err(Error::Domain { what: "Newton matrix", value: f64::NAN, need: "one that can be factorised: rescale the program" });
        }
        let share = |k: usize| if work.kind[k] == Kind::Inside { work.above.weight(k) / work.weight[k] } else { 1.0 };
        Ok(Self {
            above: (0..work.kind.len()).map(share).collect(),
            structure: Arc::clone(structure),
            factor: work.factor.clone(),
            kind: work.kind.clone(),
            weight: work.weight.clone(),
            p: program.p.clone(),
            a: program.a.clone(),
            x: solution.x.clone(),
            row_dual: solution.row_dual.clone(),
        })
    }

    fn n(&self) -> usize {
        self.x.len()
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix { p: &self.p, a: &self.a, kind: &self.kind, weight: &self.weight }
    }

    /// Whether some right-hand side of the equalities has no solution: tried with one that has no reason to have one.
    pub(super) fn equalities_depend(&self) -> bool {
        let (n, m) = (self.n(), self.a.rows());
        let mut rhs = Vector::zeros(n, m);
        for i in (0..m).filter(|&i| self.kind[n + i] == Kind::Fixed) {
            rhs.rows[i] = (1.0 + i as f64).sin();
        }
        let (mut out, mut scratch) = (Vector::zeros(n, m), Scratch::new(&self.structure, n, m));
        let (residual, _) = self.factor.solve(&self.structure, self.matrix(), &rhs, &mut out, &mut scratch);
        residual.is_nan() || residual > LARGEST_RESIDUAL
    }

    pub(super) fn vjp(&self, params: &ParamMap, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        check_len("grad_theta", params.theta(), grad_theta.len())?;
        let (n, m) = (self.n(), self.a.rows());
        let negated = |what, part: &[f64], len| -> Result<Vec<f64>> {
            if part.is_empty() {
                return Ok(vec![0.0; len]);
            }
            check_len(what, len, part.len())?;
            Ok(part.iter().map(|g| -g).collect())
        };
        let rhs = Vector { x: negated("cotangent on x", cotangent.x, n)?, rows: negated("cotangent on the row duals", cotangent.rows, m)? };
        self.solve(rhs, &negated("cotangent on the bound duals", cotangent.bounds, n)?, u)?;
        grad_theta.fill(0.0);
        params.pull(|entry| self.gradient(entry, u), grad_theta);
        Ok(())
    }

    pub(super) fn jvp(&self, params: &ParamMap, dtheta: &[f64], u: &mut Adjoint, dx: &mut [f64]) -> Result<()> {
        check_len("dtheta", params.theta(), dtheta.len())?;
        check_len("dx", self.n(), dx.len())?;
        let (mut rhs, mut bounds) = (Vector::zeros(self.n(), self.a.rows()), vec![0.0; self.n()]);
        params.tangent(dtheta, |entry, d| self.add_tangent(entry, d, &mut rhs, &mut bounds));
        self.solve(rhs, &bounds, u)?;
        dx.copy_from_slice(&u.x);
        Ok(())
    }

    /// Solves the system with the bounds' equations, whose right-hand sides are `bounds`, after they are eliminated. What equalities that
    /// depend on each other leave without a solution gets the nearest; the rest must have been solved.
    fn solve(&self, mut rhs: Vector, bounds: &[f64], u: &mut Adjoint) -> Result<()> {
        let (n, m) = (self.n(), self.a.rows());
        let stationarity = rhs.x.clone();
        for j in 0..n {
            rhs.x[j] = if self.kind[j] == Kind::Fixed { bounds[j] } else { rhs.x[j] + self.weight[j] * bounds[j] };
        }
        for i in (0..m).filter(|&i| self.kind[n + i] == Kind::Free) {
            rhs.rows[i] = 0.0;
        }
        let (mut out, mut scratch) = (Vector::zeros(n, m), Scratch::new(&self.structure, n, m));
        (u.residual, u.refinements) = self.factor.solve(&self.structure, self.matrix(), &rhs, &mut out, &mut scratch);
        let solved = if u.residual > LARGEST_RESIDUAL { self.solve_nearest(rhs, &mut out, &mut scratch, u) } else { u.residual };
        if solved.is_nan() || solved > LARGEST_RESIDUAL {
            let need = "below 1e-6: the program is too badly scaled to differentiate";
            return Err(Error::Domain { what: "relative residual of the Newton system", value: solved, need });
        }
        u.bounds = stationarity;
        self.p.symmetric_mul_add(-1.0, &out.x, &mut u.bounds);
        self.a.mul_t_add(-1.0, &out.rows, &mut u.bounds);
        for j in (0..n).filter(|&j| self.kind[j] != Kind::Fixed) {
            u.bounds[j] = self.weight[j] * (out.x[j] - bounds[j]);
        }
        (u.x, u.rows) = (out.x, out.rows);
        Ok(())
    }

    /// Least-norm multipliers of the equalities, for the nearest right-hand side that has a solution. Returns its relative residual; that
    /// of `rhs` itself is left in `u`.
    fn solve_nearest(&self, rhs: Vector, out: &mut Vector, scratch: &mut Scratch, u: &mut Adjoint) -> f64 {
        let (n, m) = (self.n(), self.a.rows());
        let (mut moved, mut rest) = (Vector::zeros(n, m), Vector::zeros(n, m));
        (0..n).filter(|&j| self.kind[j] == Kind::Fixed).for_each(|j| moved.x[j] = rhs.x[j]);
        self.matrix().residual(&rhs, &moved, &mut rest);
        let mut near = rest.rows.clone();
        let projected = self.project(&mut near, scratch);
        let mut nearest = rhs.clone();
        for i in (0..m).filter(|&i| self.kind[n + i] == Kind::Fixed) {
            nearest.rows[i] += near[i] - rest.rows[i];
        }
        let (residual, steps) = self.factor.solve(&self.structure, self.matrix(), &nearest, out, scratch);
        let cleared = self.project(&mut out.rows, scratch);
        self.matrix().residual(&rhs, out, &mut rest);
        (u.residual, u.refinements) = (rest.largest() / rhs.largest(), steps);
        worse(residual, worse(projected, cleared))
    }

    /// Takes from the equalities' part of `rows` what their normals cancel: `K (0, w) = (A'w, 0)` has the rest for its least solution.
    /// Returns the relative residual.
    fn project(&self, rows: &mut [f64], scratch: &mut Scratch) -> f64 {
        let (n, m) = (self.n(), self.a.rows());
        let (mut rhs, mut out, mut part) = (Vector::zeros(n, m), Vector::zeros(n, m), vec![0.0; m]);
        let equality = |i: &usize| self.kind[n + i] == Kind::Fixed;
        (0..m).filter(equality).for_each(|i| part[i] = rows[i]);
        self.a.mul_t_add(1.0, &part, &mut rhs.x);
        (0..n).filter(|&j| self.kind[j] == Kind::Fixed).for_each(|j| rhs.x[j] = 0.0);
        let (residual, _) = self.factor.solve(&self.structure, self.matrix(), &rhs, &mut out, scratch);
        (0..m).filter(equality).for_each(|i| rows[i] = out.rows[i]);
        residual
    }

    /// `u' dF/d(entry)`.
    fn gradient(&self, entry: Entry, u: &Adjoint) -> f64 {
        let (n, x) = (self.n(), &self.x);
        match entry {
            Entry::C(j) => u.x[j],
            Entry::P(k) => match self.structure.entries_p[k] {
                (i, j) if i == j => u.x[i] * x[i],
                (i, j) => u.x[i] * x[j] + u.x[j] * x[i],
            },
            Entry::A(k) => {
                let (i, j) = self.structure.entries_a[k];
                u.x[j] * self.row_dual[i] + u.rows[i] * x[j]
            }
            Entry::RowLo(i) => -u.rows[i] * (1.0 - self.above[n + i]),
            Entry::RowUp(i) => -u.rows[i] * self.above[n + i],
            Entry::Lo(j) => -u.bounds[j] * (1.0 - self.above[j]),
            Entry::Up(j) => -u.bounds[j] * self.above[j],
        }
    }

    /// `rhs -= dF/d(entry) d`, so that `K^-1 rhs` is the tangent of the answer.
    fn add_tangent(&self, entry: Entry, d: f64, rhs: &mut Vector, bounds: &mut [f64]) {
        let (n, x) = (self.n(), &self.x);
        match entry {
            Entry::C(j) => rhs.x[j] -= d,
            Entry::P(k) => {
                let (i, j) = self.structure.entries_p[k];
                rhs.x[i] -= d * x[j];
                if i != j {
                    rhs.x[j] -= d * x[i];
                }
            }
            Entry::A(k) => {
                let (i, j) = self.structure.entries_a[k];
                rhs.x[j] -= d * self.row_dual[i];
                rhs.rows[i] -= d * x[j];
            }
            Entry::RowLo(i) => rhs.rows[i] += d * (1.0 - self.above[n + i]),
            Entry::RowUp(i) => rhs.rows[i] += d * self.above[n + i],
            Entry::Lo(j) => bounds[j] += d * (1.0 - self.above[j]),
            Entry::Up(j) => bounds[j] += d * self.above[j],
        }
    }
}
