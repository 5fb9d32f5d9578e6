use crate::{Cone, Program, Status};

/// Where a constraint is tight. A fixed row or bound (lo = up) is `Upper` and its dual is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Side {
    /// Not tight.
    #[default]
    Free,
    /// At its lower bound; the dual is at most 0.
    Lower,
    /// At its upper bound; the dual is at least 0.
    Upper,
}

/// A primal-dual answer, and what a warm start begins from.
///
/// $Px + c + A^\top\lambda + \nu + \sum_k (F_k^\top w_k - \mu_k d_k) = 0$ with $\lambda$ the row duals and $\nu$ the bound duals, at
/// least 0 at `Upper`, at most 0 at `Lower`, 0 at `Free`. A cone row has the dual $(\mu_k, w_k)$ with $\|w_k\| \le \mu_k$; where
/// $F_k x + g_k \ne 0$ it is $w_k = \mu_k (F_k x + g_k) / \|F_k x + g_k\|$, so that $\mu_k$ is the multiplier of the row.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "named by the formula above")]
pub struct Solution {
    pub x: Vec<f64>,
    pub row_dual: Vec<f64>,
    pub bound_dual: Vec<f64>,
    pub row_side: Vec<Side>,
    pub bound_side: Vec<Side>,
    /// $(\mu_k, w_k)$ of each cone row, one after the other; empty for a program without cones.
    pub cone_dual: Vec<f64>,
    /// `Upper` where a cone row is tight.
    pub cone_side: Vec<Side>,
    pub objective: f64,
}

impl Solution {
    /// An answer of `n` variables and `m` rows and no cone rows, all zero.
    pub fn zeros(n: usize, m: usize) -> Self {
        Self {
            x: vec![0.0; n],
            row_dual: vec![0.0; m],
            bound_dual: vec![0.0; n],
            row_side: vec![Side::Free; m],
            bound_side: vec![Side::Free; n],
            ..Self::default()
        }
    }

    /// An answer of the size of `program`, all zero.
    pub fn like(program: &Program) -> Self {
        Self {
            cone_dual: vec![0.0; program.cone_duals()],
            cone_side: vec![Side::Free; program.cones.len()],
            ..Self::zeros(program.n(), program.m())
        }
    }
}

/// What is known of one answer; `degenerate` may be set by `solve` (a zero dual) or by `tape` (rank).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SolveInfo {
    /// How the solve ended.
    pub status: Status,
    /// Iterations of the backend (pivots, nodes or first-order steps).
    pub iterations: usize,
    /// Whether the derivative is one element of a set, not *the* derivative.
    pub degenerate: bool,
}

/// How far an answer is from the optimality conditions, each relative to `1 + ` the size of its terms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Residuals {
    /// Largest violation of a row or bound.
    pub primal: f64,
    /// Largest entry of the gradient of the Lagrangian (see [`Solution`]).
    pub dual: f64,
    /// Largest $|\text{dual}| \cdot \text{distance to its bound}$, and any dual of the wrong sign.
    pub complementarity: f64,
}

impl Residuals {
    /// The largest of the three; NaN if any is NaN.
    pub fn worst(self) -> f64 {
        [self.primal, self.dual, self.complementarity].into_iter().fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
    }

    /// KKT residuals of `solution` for a continuous program.
    pub fn of(program: &Program, solution: &Solution) -> Self {
        let (mut stationarity, mut ax) = (program.c.clone(), vec![0.0; program.m()]);
        program.p.symmetric_mul_add(1.0, &solution.x, &mut stationarity);
        let scale_dual = 1.0 + largest(&stationarity).max(largest(&program.c));
        program.a.mul_t_add(1.0, &solution.row_dual, &mut stationarity);
        for (s, nu) in stationarity.iter_mut().zip(&solution.bound_dual) {
            *s += nu;
        }
        let mut cones = Self::default();
        for (cone, dual) in program.cones.iter().zip(cone_duals(program, solution)) {
            cones.cone(cone, &solution.x, dual, scale_dual, &mut stationarity);
        }
        program.a.mul_add(1.0, &solution.x, &mut ax);
        let mut out = Self { dual: largest(&stationarity) / scale_dual, ..cones };
        out.constraints(&ax, &program.row_lo, &program.row_up, &solution.row_dual, scale_dual);
        out.constraints(&solution.x, &program.lo, &program.up, &solution.bound_dual, scale_dual);
        out
    }

    /// Primal feasibility of `x` alone; what a MILP answer is checked with.
    pub fn feasibility(program: &Program, x: &[f64]) -> f64 {
        let mut ax = vec![0.0; program.m()];
        program.a.mul_add(1.0, x, &mut ax);
        let mut out = Self::default();
        out.constraints(&ax, &program.row_lo, &program.row_up, &vec![0.0; program.m()], 1.0);
        out.constraints(x, &program.lo, &program.up, &vec![0.0; program.n()], 1.0);
        for cone in &program.cones {
            out.cone(cone, x, &vec![0.0; 1 + cone.g.len()], 1.0, &mut vec![0.0; x.len()]);
        }
        out.primal
    }

    /// One cone row: its violation, $|\mu (d^\top x + e) - w^\top (Fx + g)|$ and $\|w\| - \mu$; adds $F^\top w - \mu d$ to `stationarity`.
    fn cone(&mut self, cone: &Cone, x: &[f64], dual: &[f64], scale_dual: f64, stationarity: &mut [f64]) {
        let (mu, w) = (dual[0], &dual[1..]);
        let mut value = cone.g.clone();
        cone.f.mul_add(1.0, x, &mut value);
        cone.f.mul_t_add(1.0, w, stationarity);
        stationarity.iter_mut().zip(&cone.d).for_each(|(s, d)| *s -= mu * d);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (norm, most) = (dot(&value, &value).sqrt(), cone.e + dot(&cone.d, x));
        let scale = 1.0 + norm.max(most.abs());
        self.primal = keep_nan(self.primal, (norm - most).max(0.0) / scale);
        let gap = (mu * most - dot(w, &value)).abs() / (scale * scale_dual);
        let outside = (dot(w, w).sqrt() - mu).max(0.0) / scale_dual;
        self.complementarity = keep_nan(keep_nan(self.complementarity, gap), outside);
        if norm.is_nan() || most.is_nan() {
            self.primal = f64::NAN;
        }
    }

    fn constraints(&mut self, value: &[f64], lo: &[f64], up: &[f64], dual: &[f64], scale_dual: f64) {
        for i in 0..value.len() {
            let (below, above) = (value[i] - lo[i], up[i] - value[i]);
            let scale = 1.0 + value[i].abs();
            self.primal = keep_nan(self.primal, (-below).max(-above).max(0.0) / scale);
            let distance = if dual[i] > 0.0 { above } else { below };
            let slack = if dual[i] == 0.0 { 0.0 } else { dual[i].abs() / scale_dual * (distance.abs() / scale).min(1.0) };
            self.complementarity = keep_nan(self.complementarity, slack);
        }
        if value.iter().any(|v| v.is_nan()) {
            self.primal = f64::NAN;
        }
    }
}

/// The part of `solution.cone_dual` of each cone row.
fn cone_duals<'a>(program: &Program, solution: &'a Solution) -> impl Iterator<Item = &'a [f64]> {
    let mut rest = solution.cone_dual.as_slice();
    program.cones.iter().map(|cone| cone.g.len()).collect::<Vec<_>>().into_iter().map(move |rows| {
        let (dual, after) = rest.split_at(1 + rows);
        rest = after;
        dual
    })
}

fn keep_nan(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a, v| keep_nan(a, v.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Csc;

    /// min 1/2 x^2 - 2x, x <= 1: x = 1, dual 1.
    fn bounded() -> (Program, Solution) {
        let program = Program::linear(vec![-2.0]).with_quadratic(Csc::diagonal(&[1.0])).with_bounds(vec![f64::NEG_INFINITY], vec![1.0]);
        let solution =
            Solution { x: vec![1.0], bound_dual: vec![1.0], bound_side: vec![Side::Upper], objective: -1.5, ..Default::default() };
        (program, solution)
    }

    #[test]
    fn an_optimum_has_no_residual() {
        let (program, solution) = bounded();
        assert_eq!(Residuals::of(&program, &solution).worst(), 0.0);
    }

    /// min -x - y in the unit disc: (1, 1) / sqrt 2 with the multiplier sqrt 2 and w = (1, 1).
    #[test]
    fn a_cone_row_has_its_own_terms() {
        let disc = Cone { f: Csc::diagonal(&[1.0, 1.0]), g: vec![0.0; 2], d: vec![0.0; 2], e: 1.0 };
        let program = Program { cones: vec![disc], ..Program::linear(vec![-1.0; 2]) };
        let half = 0.5_f64.sqrt();
        let best =
            Solution { x: vec![half; 2], cone_dual: vec![2.0 * half, 1.0, 1.0], cone_side: vec![Side::Upper], ..Solution::like(&program) };
        assert!(Residuals::of(&program, &best).worst() < 1e-15);
        let with = |x: f64, dual: [f64; 3]| Residuals::of(&program, &Solution { x: vec![x; 2], cone_dual: dual.into(), ..best.clone() });
        assert!(with(1.0, [2.0 * half, 1.0, 1.0]).primal > 0.1);
        assert!(with(half, [0.0; 3]).dual > 0.1);
        assert!(with(0.5, [2.0 * half, 1.0, 1.0]).complementarity > 0.1);
        assert!(with(half, [1.0, 1.0, 1.0]).complementarity > 0.1, "w longer than the multiplier");
        assert!(Residuals::feasibility(&program, &[1.0, 1.0]) > 0.1);
    }

    #[test]
    fn each_violation_shows_where_it_is() {
        let (program, solution) = bounded();
        let worst = |spoil: fn(&mut Solution)| {
            let mut bad = solution.clone();
            spoil(&mut bad);
            Residuals::of(&program, &bad)
        };
        assert!(worst(|s| s.x[0] = 1.5).primal > 0.1);
        assert!(worst(|s| s.bound_dual[0] = 0.0).dual > 0.1);
        assert!(worst(|s| (s.x[0], s.bound_dual[0]) = (0.5, 1.5)).complementarity > 0.1);
        assert!(worst(|s| (s.x[0], s.bound_dual[0]) = (3.0, -1.0)).complementarity > 0.1, "a negative dual at an upper bound");
        assert!(worst(|s| s.x[0] = f64::NAN).worst().is_nan());
    }
}
