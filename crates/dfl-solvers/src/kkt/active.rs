use std::sync::Arc;

use dfl_core::{Csc, Program, Result, Side, Solution};

use super::cones;

/// Duals below this, relative to the largest dual or cost, count as zero.
const WEAK_DUAL: f64 = 1e-9;

/// The matrices that the KKT matrix is made of: $P$ with the curvature of the cone rows, and $A$ with their gradients below it.
#[derive(Clone, Debug)]
pub(crate) struct Matrices {
    pub(crate) p: Csc,
    pub(crate) a: Csc,
}

impl Matrices {
    pub(crate) fn of(program: &Program) -> Self {
        Self { p: program.p.clone(), a: program.a.clone() }
    }
}

/// The KKT conditions at one answer, linearised: which constraints hold with equality, and the matrices they come from.
///
/// A vector of the system is flat: `n` entries of $x$, one for each row of `matrices.a`, `n` for the bounds. Those of constraints that
/// are not tight are zero.
pub(crate) struct Linearised {
    pub(crate) matrices: Arc<Matrices>,
    /// Variables off their bounds.
    pub(super) free: Vec<usize>,
    /// Variables at a bound.
    pub(super) fixed: Vec<usize>,
    /// Tight rows of `matrices.a`.
    pub(super) rows: Vec<usize>,
    /// Whether a tight inequality has a zero dual, or a cone row is at its apex: there may be more than one derivative.
    pub(super) weak: bool,
}

impl Linearised {
    /// At `solution`; `matrices` are those of the program if it has no cone rows.
    pub(crate) fn of(program: &Program, solution: &Solution, matrices: Arc<Matrices>) -> Result<Self> {
        let tight = |sides: &[Side]| -> Vec<usize> { (0..sides.len()).filter(|&i| sides[i] != Side::Free).collect() };
        let mut out = Self {
            matrices,
            free: (0..program.n()).filter(|&j| solution.bound_side[j] == Side::Free).collect(),
            fixed: tight(&solution.bound_side),
            rows: tight(&solution.row_side),
            weak: has_weak_dual(program, solution),
        };
        if !program.cones.is_empty() {
            let cones = cones::linearise(program, solution)?;
            out.matrices = Arc::new(cones.matrices);
            out.rows.extend(cones.rows);
            out.weak |= cones.apex;
        }
        Ok(out)
    }

    pub(super) fn n(&self) -> usize {
        self.matrices.a.cols()
    }

    /// Length of a vector of the system.
    pub(super) fn len(&self) -> usize {
        2 * self.n() + self.matrices.a.rows()
    }

    /// The three parts of a flat vector.
    pub(super) fn split<'a>(&self, flat: &'a [f64]) -> [&'a [f64]; 3] {
        let (x, rest) = flat.split_at(self.n());
        let (rows, bounds) = rest.split_at(self.matrices.a.rows());
        [x, rows, bounds]
    }

    pub(super) fn split_mut<'a>(&self, flat: &'a mut [f64]) -> [&'a mut [f64]; 3] {
        let (x, rest) = flat.split_at_mut(self.n());
        let (rows, bounds) = rest.split_at_mut(self.matrices.a.rows());
        [x, rows, bounds]
    }

    /// Places in a flat vector: variables, tight rows, tight bounds.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let (n, m) = (self.n(), self.matrices.a.rows());
        (0..n).chain(self.rows.iter().map(move |i| n + i)).chain(self.fixed.iter().map(move |j| n + m + j))
    }

    /// Zeroes the entries of constraints that are not tight.
    pub(super) fn mask(&self, flat: &mut [f64]) {
        let [_, rows, bounds] = self.split_mut(flat);
        let mut tight = self.rows.iter().peekable();
        for (i, v) in rows.iter_mut().enumerate() {
            if tight.next_if(|&&t| t == i).is_none() {
                *v = 0.0;
            }
        }
        self.free.iter().for_each(|&j| bounds[j] = 0.0);
    }

    /// `out = rhs - K z`, where `z` is zero for constraints that are not tight.
    pub(super) fn residual(&self, rhs: &[f64], z: &[f64], out: &mut [f64]) {
        out.copy_from_slice(rhs);
        let [x, rows, bounds] = self.split(z);
        let [rx, rr, rb] = self.split_mut(out);
        self.matrices.p.symmetric_mul_add(-1.0, x, rx);
        self.matrices.a.mul_t_add(-1.0, rows, rx);
        self.matrices.a.mul_add(-1.0, x, rr);
        for &j in &self.fixed {
            rx[j] -= bounds[j];
            rb[j] -= x[j];
        }
        self.mask(out);
    }
}

/// Largest cost or dual, at least 1: what a dual is small against.
fn magnitude(program: &Program, s: &Solution) -> f64 {
    [&program.c, &s.row_dual, &s.bound_dual, &s.cone_dual].into_iter().flatten().fold(1.0_f64, |a, v| a.max(v.abs()))
}

/// Whether a dual of an answer to `program` counts as zero.
pub(crate) fn zero_dual(program: &Program, s: &Solution) -> impl Fn(f64) -> bool + use<> {
    let least = WEAK_DUAL * magnitude(program, s);
    move |dual| dual.abs() <= least
}

/// Whether a constraint that the answer calls tight is an inequality with a zero dual: strict complementarity fails.
pub(crate) fn has_weak_dual(program: &Program, s: &Solution) -> bool {
    let zero = zero_dual(program, s);
    let weak = |side: Side, lo: f64, up: f64, dual: f64| side != Side::Free && lo < up && zero(dual);
    (0..program.m()).any(|i| weak(s.row_side[i], program.row_lo[i], program.row_up[i], s.row_dual[i]))
        || (0..program.n()).any(|j| weak(s.bound_side[j], program.lo[j], program.up[j], s.bound_dual[j]))
        || cones::multipliers(program, s).any(|(k, mu)| s.cone_side[k] != Side::Free && zero(mu))
}

/// Largest magnitude; NaN if there is one.
pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a: f64, v| if v.abs() > a || v.is_nan() { v.abs() } else { a })
}
