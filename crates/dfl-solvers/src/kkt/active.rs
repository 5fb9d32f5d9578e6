use dfl_core::{Program, Side, Solution};

use super::entries::Parts;

/// Which constraints of one answer hold with equality, and the matrices they come from.
pub(super) struct ActiveSet {
    /// `P` and `A` of the program that was solved.
    pub(super) program: Matrices,
    /// Variables off their bounds.
    pub(super) free: Vec<usize>,
    /// Variables at a bound.
    pub(super) fixed: Vec<usize>,
    /// Tight rows.
    pub(super) rows: Vec<usize>,
    /// Whether a tight inequality has a zero dual: strict complementarity fails.
    pub(super) weak: bool,
}

/// The part of a program that the KKT matrix is made of.
pub(super) struct Matrices {
    pub(super) p: dfl_core::Csc,
    pub(super) a: dfl_core::Csc,
}

/// Duals below this, relative to the largest dual or cost, count as zero.
const WEAK_DUAL: f64 = 1e-9;

impl ActiveSet {
    pub(super) fn of(program: &Program, solution: &Solution) -> Self {
        let tight = |sides: &[Side]| -> Vec<usize> { (0..sides.len()).filter(|&i| sides[i] != Side::Free).collect() };
        let (fixed, rows) = (tight(&solution.bound_side), tight(&solution.row_side));
        let free = (0..program.n()).filter(|&j| solution.bound_side[j] == Side::Free).collect();
        let magnitude = [&program.c, &solution.row_dual, &solution.bound_dual].into_iter().flatten().fold(1.0_f64, |a, v| a.max(v.abs()));
        let zero = |dual: f64| dual.abs() <= WEAK_DUAL * magnitude;
        let weak = rows.iter().any(|&i| program.row_lo[i] < program.row_up[i] && zero(solution.row_dual[i]))
            || fixed.iter().any(|&j| program.lo[j] < program.up[j] && zero(solution.bound_dual[j]));
        Self { program: Matrices { p: program.p.clone(), a: program.a.clone() }, free, fixed, rows, weak }
    }
}

/// A right-hand side or an answer of the KKT system, each part in the program's own numbering.
#[derive(Clone, Default)]
pub(super) struct Vector {
    pub(super) x: Vec<f64>,
    pub(super) rows: Vec<f64>,
    pub(super) bounds: Vec<f64>,
}

impl Vector {
    pub(super) fn zeros(n: usize, m: usize) -> Self {
        Self { x: vec![0.0; n], rows: vec![0.0; m], bounds: vec![0.0; n] }
    }

    pub(super) fn parts(&mut self) -> Parts<'_> {
        Parts { x: &mut self.x, rows: &mut self.rows, bounds: &mut self.bounds }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let add = |a: &mut [f64], b: &[f64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.x, &other.x);
        add(&mut self.rows, &other.rows);
        add(&mut self.bounds, &other.bounds);
    }

    pub(super) fn largest(&self) -> f64 {
        [&self.x, &self.rows, &self.bounds].into_iter().flatten().fold(0.0, |a: f64, v| if v.abs() > a || v.is_nan() { v.abs() } else { a })
    }
}
