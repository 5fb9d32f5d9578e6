//! Cone rows: their gradient and curvature, against closed forms and differences of them.

use dfl_core::{Cone, Cotangent, Csc, ParamMap, Program, Residuals, Rng, Side, Solution};
use dfl_solvers::{Kkt, directional};

use crate::{Fixed, Taped, close, draw};

/// `min c'x` over `||F x|| <= e`, with an `F` of full rank.
struct Ellipsoid {
    f: Vec<Vec<f64>>,
    e: f64,
}

impl Ellipsoid {
    fn random(n: usize, rng: &mut Rng) -> Self {
        let f = (0..n + 1).map(|i| (0..n).map(|j| rng.normal() + if i == j { 2.0 } else { 0.0 }).collect()).collect();
        Self { f, e: 0.5 + rng.uniform() }
    }

    fn n(&self) -> usize {
        self.f[0].len()
    }

    /// `(F'F)^-1 c` by elimination without pivoting, which a positive definite matrix allows.
    fn solve(&self, c: &[f64]) -> Vec<f64> {
        let n = self.n();
        let mut g: Vec<Vec<f64>> =
            (0..n).map(|i| (0..n).map(|j| self.f.iter().map(|r| r[i] * r[j]).sum()).chain([c[i]]).collect()).collect();
        for k in 0..n {
            let pivot = g[k].clone();
            for row in g.iter_mut().skip(k + 1) {
                let factor = row[k] / pivot[k];
                row.iter_mut().zip(&pivot).for_each(|(v, p)| *v -= factor * p);
            }
        }
        let mut x = vec![0.0; n];
        for k in (0..n).rev() {
            x[k] = (g[k][n] - (k + 1..n).map(|j| g[k][j] * x[j]).sum::<f64>()) / g[k][k];
        }
        x
    }

    /// `x = -e (F'F)^-1 c / r` with `r = sqrt(c' (F'F)^-1 c)`, where `mu = r` and `w = r F x / e`.
    fn optimum(&self, c: &[f64]) -> Solution {
        let q = self.solve(c);
        let r = dot(c, &q).sqrt();
        let x: Vec<f64> = q.iter().map(|q| -self.e * q / r).collect();
        let w = self.f.iter().map(|row| dot(row, &x) * r / self.e);
        Solution { cone_dual: [r].into_iter().chain(w).collect(), cone_side: vec![Side::Upper], x, ..Solution::like(&self.program(c)) }
    }

    fn program(&self, c: &[f64]) -> Program {
        let n = self.n();
        let entries: Vec<_> = self.f.iter().enumerate().flat_map(|(i, r)| r.iter().enumerate().map(move |(j, v)| (i, j, *v))).collect();
        let f = Csc::from_triplets(self.f.len(), n, &entries).unwrap();
        Program { cones: vec![Cone { f, g: vec![0.0; self.f.len()], d: vec![0.0; n], e: self.e }], ..Program::linear(c.to_vec()) }
    }

    /// `J' v` of the closed form: `-e (Q v - q (q'v) / r^2) / r` with `Q = (F'F)^-1`, symmetric.
    fn jacobian(&self, c: &[f64], v: &[f64]) -> Vec<f64> {
        let (q, qv) = (self.solve(c), self.solve(v));
        let (r2, along) = (dot(c, &q), dot(c, &qv));
        q.iter().zip(&qv).map(|(q, qv)| -self.e * (qv - q * along / r2) / r2.sqrt()).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn taped(program: Program, solution: Solution) -> Taped<Kkt<Fixed>> {
    let n = program.n();
    assert!(Residuals::of(&program, &solution).worst() < 1e-12, "{:?}", Residuals::of(&program, &solution));
    Taped::new(Kkt::new(Fixed { params: ParamMap::costs(n), program, solution }), &vec![0.0; n])
}

/// Closed-form answers and Jacobians, both ways, and the multiplier's derivative against differences of `r(c)`.
#[test]
fn ellipsoids_in_closed_form() {
    let mut rng = Rng::seeded(81);
    for n in [1, 2, 3, 6, 10] {
        let (ellipsoid, c, v) = (Ellipsoid::random(n, &mut rng), draw(&mut rng, n), draw(&mut rng, n));
        let at = taped(ellipsoid.program(&c), ellipsoid.optimum(&c));
        assert!(!at.degenerate);
        let (gradient, u) = at.vjp(Cotangent { x: &v, ..Cotangent::default() });
        let expected = ellipsoid.jacobian(&c, &v);
        close(&gradient, &expected, 1e-11);
        let (dx, tangent) = at.jvp(&v);
        close(&dx, &expected, 1e-11);
        assert!(u.residual < 1e-13 && tangent.residual < 1e-13);
        let step = |t: f64| -> Vec<f64> { c.iter().zip(&v).map(|(c, v)| c + t * v).collect() };
        let (above, below) = (ellipsoid.optimum(&step(1e-6)), ellipsoid.optimum(&step(-1e-6)));
        let quotient: Vec<f64> = above.x.iter().zip(&below.x).map(|(a, b)| (a - b) / 2e-6).collect();
        close(&dx, &quotient, 1e-8);
        close(&tangent.cones, &[(above.cone_dual[0] - below.cone_dual[0]) / 2e-6], 1e-8);
    }
}

/// The portfolio of PyEPO, `min -r'x` over the simplex and `||L'x|| <= e`, is an ellipsoid with rows: here one equality, and the
/// optimum by Newton on its two multipliers, for which a fine bisection on the cone's stands in.
#[test]
fn a_cone_with_an_equality_matches_differences() {
    let (e, mut rng) = (0.8_f64, Rng::seeded(82));
    let scale = [1.0, 1.5, 0.7, 2.0];
    // min c'x, sum x = 1, ||D x|| <= e: x = -D^-2 (c + lambda) / mu with lambda from the sum and mu from the length.
    let optimum = |c: &[f64]| -> Solution {
        let inverse: Vec<f64> = scale.iter().map(|d| 1.0 / (d * d)).collect();
        let (total, weighted) = (inverse.iter().sum::<f64>(), dot(&inverse, c));
        let at = |mu: f64| -> (f64, Vec<f64>) {
            // mu stands for the curvature mu / e of the squared form.
            let lambda = -(mu + weighted) / total;
            (lambda, c.iter().zip(&inverse).map(|(c, i)| -(c + lambda) * i / mu).collect())
        };
        let length = |x: &[f64]| x.iter().zip(&scale).map(|(x, d)| (x * d).powi(2)).sum::<f64>().sqrt();
        let (mut lo, mut hi) = (1e-6, 1e6);
        for _ in 0..200 {
            let mid = 0.5 * (lo + hi);
            if length(&at(mid).1) > e { lo = mid } else { hi = mid }
        }
        let (lambda, x) = at(hi);
        let mu = hi * e;
        let w = x.iter().zip(&scale).map(|(x, d)| mu * x * d / e);
        let program = simplex(&scale, e, c);
        let cone_dual = [mu].into_iter().chain(w).collect();
        Solution {
            cone_dual,
            cone_side: vec![Side::Upper],
            row_dual: vec![lambda],
            row_side: vec![Side::Upper],
            x,
            ..Solution::like(&program)
        }
    };
    for _ in 0..10 {
        let (c, v) = (draw(&mut rng, 4), draw(&mut rng, 4));
        let at = taped(simplex(&scale, e, &c), optimum(&c));
        let (dx, u) = at.jvp(&v);
        let step = |t: f64| optimum(&c.iter().zip(&v).map(|(c, v)| c + t * v).collect::<Vec<_>>());
        let (above, below) = (step(1e-5), step(-1e-5));
        let quotient = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| (a - b) / 2e-5).collect() };
        close(&dx, &quotient(&above.x, &below.x), 1e-7);
        close(&u.rows, &quotient(&above.row_dual, &below.row_dual), 1e-7);
        close(&u.cones, &quotient(&above.cone_dual[..1], &below.cone_dual[..1]), 1e-7);
    }
}

fn simplex(scale: &[f64], e: f64, c: &[f64]) -> Program {
    let n = c.len();
    let sum: Vec<_> = (0..n).map(|j| (0, j, 1.0)).collect();
    let cone = Cone { f: Csc::diagonal(scale), g: vec![0.0; n], d: vec![0.0; n], e };
    let rows = Program::linear(c.to_vec()).with_rows(Csc::from_triplets(1, n, &sum).unwrap(), vec![1.0], vec![1.0]);
    Program { cones: vec![cone], ..rows }
}

/// min 1/2 |x|^2 + c'x in the unit disc at c = (-1, 0): the optimum without the cone lies on it, so that its multiplier is zero.
#[test]
fn a_cone_without_a_multiplier_is_flagged() {
    let n = 2;
    let cone = Cone { f: Csc::diagonal(&[1.0; 2]), g: vec![0.0; n], d: vec![0.0; n], e: 1.0 };
    let program = Program { cones: vec![cone], ..Program::linear(vec![-1.0, 0.0]).with_quadratic(Csc::diagonal(&[1.0; 2])) };
    let solution = Solution { x: vec![1.0, 0.0], cone_side: vec![Side::Upper], ..Solution::like(&program) };
    let mut out = Solution::default();
    // Outwards it is held, inwards it is free: -(dc) projected onto the half-plane.
    for (d, expected) in [([-1.0, 2.0], [0.0, -2.0]), ([1.0, 2.0], [-1.0, -2.0])] {
        directional(&program, &ParamMap::costs(n), &solution, &d, &mut out).unwrap();
        close(&out.x, &expected, 1e-12);
    }
    let at = taped(program, solution);
    assert!(at.degenerate);
    close(&at.jvp(&[-1.0, 2.0]).0, &[0.0, -2.0], 1e-12);
}

/// min x0 + c'(x1, x2) over ||(x1, x2)|| <= x0: the apex for |c| < 1, where the decision does not move.
#[test]
fn an_apex_is_flagged_and_held() {
    let f = Csc::from_triplets(2, 3, &[(0, 1, 1.0), (1, 2, 1.0)]).unwrap();
    let cone = Cone { f, g: vec![0.0; 2], d: vec![1.0, 0.0, 0.0], e: 0.0 };
    let program = Program { cones: vec![cone], ..Program::linear(vec![1.0, 0.5, 0.0]) };
    let solution = Solution { cone_dual: vec![1.0, -0.5, 0.0], cone_side: vec![Side::Upper], ..Solution::like(&program) };
    let at = taped(program, solution);
    assert!(at.degenerate);
    let (gradient, u) = at.vjp(Cotangent { x: &[1.0, 2.0, 3.0], ..Cotangent::default() });
    close(&gradient, &[0.0; 3], 1e-12);
    assert!(u.cones[0].is_finite());
}
