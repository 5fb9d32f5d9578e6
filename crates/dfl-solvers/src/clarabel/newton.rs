//! From a nearly optimal point of a program with cones to an optimal one: Newton's method on the KKT equations of the tight constraints.

use dfl_core::{Cone, Program, Side, Solution};
use faer::linalg::solvers::{Lblt, SolveCore};
use faer::{Conj, Mat};

use crate::limits::Deadline;
use crate::polish::{Point, Stack};

/// Most unknowns of the dense equations.
const UNKNOWNS: usize = 500;
const STEPS: usize = 12;
/// Error of the equations, relative to the numbers in them, at which no further step is tried, and up to which they are solved.
const SOLVED: [f64; 2] = [1e-15, 1e-10];
/// Added to the diagonal so that any set of tight constraints can be factored; later steps take its error out again.
const SHIFT: f64 = 1e-10;
/// A cone row whose norm is below this is at its apex.
const APEX: f64 = 1e-7;
/// A multiplier and a slack below this are zero.
const ZERO: f64 = 1e-9;

/// Multipliers and sides of the cone rows, laid out as in [`Solution`].
#[derive(Clone, Debug, Default)]
pub(super) struct Cones {
    pub(super) dual: Vec<f64>,
    pub(super) side: Vec<Side>,
}

impl Cones {
    pub(super) fn new(program: &Program) -> Self {
        Self { dual: vec![0.0; program.cone_duals()], side: vec![Side::Free; program.cones.len()] }
    }

    pub(super) fn read(&mut self, from: &Solution) {
        self.dual.copy_from_slice(&from.cone_dual);
        self.side.copy_from_slice(&from.cone_side);
    }

    pub(super) fn write(&self, out: &mut Solution) {
        out.cone_dual.copy_from_slice(&self.dual);
        out.cone_side.copy_from_slice(&self.side);
    }

    /// Holds those rows for tight whose multiplier outweighs their slack.
    pub(super) fn guess(&mut self, program: &Program, x: &[f64]) {
        let mut at = 0;
        for (cone, side) in program.cones.iter().zip(&mut self.side) {
            *side = if slack(cone, x) < self.dual[at] { Side::Upper } else { Side::Free };
            at += 1 + cone.g.len();
        }
    }

    /// Takes the multipliers of rows that are not tight for zero.
    pub(super) fn drop_free(&mut self, program: &Program) {
        let mut rest = self.dual.as_mut_slice();
        for (cone, side) in program.cones.iter().zip(&self.side) {
            let (dual, after) = rest.split_at_mut(1 + cone.g.len());
            if *side == Side::Free {
                dual.fill(0.0);
            }
            rest = after;
        }
    }
}

/// Whether a cone row is tight without a multiplier.
pub(super) fn weak(program: &Program, out: &Solution) -> bool {
    let mut at = 0;
    program.cones.iter().any(|cone| {
        let multiplier = out.cone_dual[at];
        at += 1 + cone.g.len();
        multiplier <= ZERO && slack(cone, &out.x) <= ZERO
    })
}

/// $d^\top x + e - \|Fx + g\|$.
fn slack(cone: &Cone, x: &[f64]) -> f64 {
    let mut value = cone.g.clone();
    cone.f.mul_add(1.0, x, &mut value);
    cone.e + dot(&cone.d, x) - norm(&value)
}

/// Solves the equations from `point` on; returns the number of factorisations, and whether they hold in the end.
pub(super) fn newton(program: &Program, stack: &Stack, point: &mut Point, cones: &mut Cones, deadline: Deadline) -> (usize, bool) {
    let equations = Equations::new(program, stack, point, cones);
    if equations.size() > UNKNOWNS {
        return (0, false);
    }
    let (mut z, mut best, mut last, mut steps) = (equations.start(point, cones), None, f64::INFINITY, 0);
    loop {
        let Some((matrix, mut rest, error)) = equations.linearise(&z) else { return (steps, false) };
        // Where no step helps any more there is rounding, or a wrong set.
        if !error.is_finite() || error > 0.5 * last || deadline.passed() {
            break;
        }
        (best, last) = (Some(z.clone()), error);
        if error <= SOLVED[0] || steps == STEPS {
            break;
        }
        steps += 1;
        Lblt::new(matrix.as_ref(), faer::Side::Lower).solve_in_place_with_conj(Conj::No, rest.as_mut());
        z.iter_mut().enumerate().for_each(|(k, z)| *z -= rest[(k, 0)]);
    }
    let Some(best) = best.filter(|_| last <= SOLVED[1]) else { return (steps, false) };
    equations.write(&best, point, cones);
    (steps, true)
}

/// The KKT equations of the tight rows and cones in `(x, y, mu)`, one after the other.
struct Equations<'a> {
    program: &'a Program,
    /// Tight rows of the stack, each with its bound and entries.
    rows: Vec<(usize, f64)>,
    entries: Vec<Vec<(usize, f64)>>,
    tight: Vec<TightCone<'a>>,
}

/// A tight cone row, with $F$ and $F^\top F$ dense.
struct TightCone<'a> {
    cone: &'a Cone,
    /// Where its multipliers begin.
    at: usize,
    f: Mat<f64>,
    gram: Mat<f64>,
}

impl<'a> Equations<'a> {
    fn new(program: &'a Program, stack: &Stack, point: &Point, cones: &Cones) -> Self {
        let target = |i: usize| if point.side[i] == Side::Lower { stack.lo[i] } else { stack.up[i] };
        let rows: Vec<(usize, f64)> = (0..point.side.len()).filter(|&i| point.side[i] != Side::Free).map(|i| (i, target(i))).collect();
        let mut place = vec![usize::MAX; point.side.len()];
        rows.iter().enumerate().for_each(|(k, &(i, _))| place[i] = k);
        let mut entries = vec![Vec::new(); rows.len()];
        stack.a.triplets().filter(|t| place[t.0] != usize::MAX).for_each(|(i, j, v)| entries[place[i]].push((j, v)));
        let (mut tight, mut at) = (Vec::new(), 0);
        for (cone, side) in program.cones.iter().zip(&cones.side) {
            if *side != Side::Free && program.n() + rows.len() <= UNKNOWNS {
                tight.push(TightCone::new(cone, at));
            }
            at += 1 + cone.g.len();
        }
        Self { program, rows, entries, tight }
    }

    fn size(&self) -> usize {
        self.program.n() + self.rows.len() + self.tight.len()
    }

    fn start(&self, point: &Point, cones: &Cones) -> Vec<f64> {
        let y = self.rows.iter().map(|&(i, _)| point.y[i]);
        point.x.iter().copied().chain(y).chain(self.tight.iter().map(|k| cones.dual[k.at])).collect()
    }

    fn write(&self, z: &[f64], point: &mut Point, cones: &mut Cones) {
        let (x, rest) = z.split_at(self.program.n());
        let (y, mu) = rest.split_at(self.rows.len());
        point.x.copy_from_slice(x);
        point.y.fill(0.0);
        self.rows.iter().zip(y).for_each(|(&(i, _), y)| point.y[i] = *y);
        cones.dual.fill(0.0);
        for (tight, mu) in self.tight.iter().zip(mu) {
            let value = tight.value(x);
            let length = norm(&value);
            cones.dual[tight.at] = *mu;
            cones.dual[tight.at + 1..].iter_mut().zip(&value).for_each(|(w, v)| *w = mu * v / length);
        }
    }

    /// The matrix (lower triangle), the error of each equation and the largest, relative; `None` at the apex of a cone.
    fn linearise(&self, z: &[f64]) -> Option<(Mat<f64>, Mat<f64>, f64)> {
        let (n, m) = (self.program.n(), self.rows.len());
        let (x, y, mu) = (&z[..n], &z[n..n + m], &z[n + m..]);
        let (mut matrix, mut rest) = (Mat::zeros(z.len(), z.len()), self.program.c.clone());
        self.program.p.symmetric_mul_add(1.0, x, &mut rest);
        let scale = 1.0 + largest(&rest).max(largest(&self.program.c)).max(largest(x));
        self.program.p.triplets().for_each(|(i, j, v)| matrix[(j, i)] += v);
        for (k, (entries, (_, target))) in self.entries.iter().zip(&self.rows).enumerate() {
            let mut value = -target;
            for &(j, v) in entries {
                rest[j] += v * y[k];
                value += v * x[j];
                matrix[(n + k, j)] = v;
            }
            rest.push(value);
        }
        for (k, tight) in self.tight.iter().enumerate() {
            let value = tight.linearise(x, mu[k], n + m + k, &mut matrix, &mut rest)?;
            rest.push(value);
        }
        (0..z.len()).for_each(|k| matrix[(k, k)] += if k < n { SHIFT } else { -SHIFT });
        let error = largest(&rest) / scale;
        Some((matrix, Mat::from_fn(z.len(), 1, |k, _| rest[k]), error))
    }
}

impl<'a> TightCone<'a> {
    fn new(cone: &'a Cone, at: usize) -> Self {
        let mut f = Mat::zeros(cone.f.rows(), cone.f.cols());
        cone.f.triplets().for_each(|(i, j, v)| f[(i, j)] = v);
        Self { cone, at, gram: f.transpose() * &f, f }
    }

    fn value(&self, x: &[f64]) -> Vec<f64> {
        let mut value = self.cone.g.clone();
        self.cone.f.mul_add(1.0, x, &mut value);
        value
    }

    /// Adds `mu` times gradient and Hessian of $h = \|Fx + g\| - d^\top x - e$; returns `h`.
    fn linearise(&self, x: &[f64], mu: f64, row: usize, matrix: &mut Mat<f64>, rest: &mut [f64]) -> Option<f64> {
        let value = self.value(x);
        let length = norm(&value);
        if length <= APEX {
            return None;
        }
        let turned: Vec<f64> = (0..x.len()).map(|j| (0..value.len()).map(|i| self.f[(i, j)] * value[i]).sum::<f64>() / length).collect();
        for j in 0..x.len() {
            let gradient = turned[j] - self.cone.d[j];
            rest[j] += mu * gradient;
            matrix[(row, j)] = gradient;
            for i in j..x.len() {
                matrix[(i, j)] += mu / length * (self.gram[(i, j)] - turned[i] * turned[j]);
            }
        }
        Some(length - self.cone.e - dot(&self.cone.d, x))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(values: &[f64]) -> f64 {
    dot(values, values).sqrt()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a, v| if v.abs() > a || v.is_nan() { v.abs() } else { a })
}
