//! The form in which answers are polished: all constraints as rows, those on variables below those of the program.

use dfl_core::{Csc, Program, Result, Side, Solution};

/// Where the numbers of a program go; shared by all workspaces.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Number of rows of the program.
    m: usize,
    /// Variables with a finite bound; the `k`-th is row `m + k`.
    bounded: Vec<usize>,
    /// Position of each stored value of `A` in the stack.
    values: Vec<usize>,
    /// The stacked rows of the base program.
    base: Csc,
}

impl Layout {
    pub(crate) fn new(program: &Program) -> Result<Self> {
        let m = program.m();
        let is_bounded = |&j: &usize| program.lo[j].is_finite() || program.up[j].is_finite();
        let bounded: Vec<usize> = (0..program.n()).filter(is_bounded).collect();
        let mut triplets: Vec<_> = program.a.triplets().collect();
        triplets.extend(bounded.iter().enumerate().map(|(k, &j)| (m + k, j, 1.0)));
        let base = Csc::from_triplets(m + bounded.len(), program.n(), &triplets)?;
        let place = |(i, j)| base.position(i, j).expect("every entry of A is in the stack");
        let values = program.a.positions().into_iter().map(place).collect();
        Ok(Self { m, bounded, values, base })
    }
}

/// The rows of one program: `lo <= A x <= up`.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    pub(crate) a: Csc,
    pub(crate) lo: Vec<f64>,
    pub(crate) up: Vec<f64>,
}

impl Stack {
    pub(crate) fn new(layout: &Layout, program: &Program) -> Self {
        let zeros = vec![0.0; layout.base.rows()];
        let mut out = Self { a: layout.base.clone(), lo: zeros.clone(), up: zeros };
        out.set_bounds(layout, program);
        out
    }

    pub(crate) fn set_bounds(&mut self, layout: &Layout, program: &Program) {
        self.lo[..layout.m].copy_from_slice(&program.row_lo);
        self.up[..layout.m].copy_from_slice(&program.row_up);
        for (k, &j) in layout.bounded.iter().enumerate() {
            (self.lo[layout.m + k], self.up[layout.m + k]) = (program.lo[j], program.up[j]);
        }
    }

    pub(crate) fn set_matrix(&mut self, layout: &Layout, program: &Program) {
        for (&k, &v) in layout.values.iter().zip(program.a.values()) {
            self.a.values_mut()[k] = v;
        }
    }
}

/// A point with stacked multipliers and sides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Point {
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    pub(crate) side: Vec<Side>,
}

impl Point {
    pub(crate) fn new(layout: &Layout) -> Self {
        let rows = layout.base.rows();
        Self { x: vec![0.0; layout.base.cols()], y: vec![0.0; rows], side: vec![Side::Free; rows] }
    }

    /// Stacks an answer.
    pub(crate) fn read(&mut self, layout: &Layout, from: &Solution) {
        self.x.copy_from_slice(&from.x);
        self.y[..layout.m].copy_from_slice(&from.row_dual);
        self.side[..layout.m].copy_from_slice(&from.row_side);
        for (k, &j) in layout.bounded.iter().enumerate() {
            (self.y[layout.m + k], self.side[layout.m + k]) = (from.bound_dual[j], from.bound_side[j]);
        }
    }

    /// Unstacks into an answer.
    pub(crate) fn write(&self, layout: &Layout, program: &Program, out: &mut Solution) {
        out.x.copy_from_slice(&self.x);
        out.row_dual.copy_from_slice(&self.y[..layout.m]);
        out.row_side.copy_from_slice(&self.side[..layout.m]);
        for (k, &j) in layout.bounded.iter().enumerate() {
            (out.bound_dual[j], out.bound_side[j]) = (self.y[layout.m + k], self.side[layout.m + k]);
        }
        out.objective = program.objective(&out.x);
    }

    /// Moves variables exactly to the bounds at which they are tight.
    pub(crate) fn snap(&mut self, layout: &Layout, program: &Program) {
        for (k, &j) in layout.bounded.iter().enumerate() {
            match self.side[layout.m + k] {
                Side::Free => {}
                Side::Lower => self.x[j] = program.lo[j],
                Side::Upper => self.x[j] = program.up[j],
            }
        }
    }

    /// Takes the multipliers of what is not tight for zero.
    pub(crate) fn drop_free(&mut self) {
        self.y.iter_mut().zip(&self.side).filter(|(_, side)| **side == Side::Free).for_each(|(y, _)| *y = 0.0);
    }

    /// Guesses from a nearly optimal answer which constraints are tight: those whose multiplier times its `weight` exceeds their slack.
    pub(crate) fn guess(&mut self, stack: &Stack, ax: &mut [f64], weight: impl Fn(usize) -> f64) {
        ax.fill(0.0);
        stack.a.mul_add(1.0, &self.x, ax);
        for i in 0..ax.len() {
            let (z, y) = (ax[i].clamp(stack.lo[i], stack.up[i]), weight(i) * self.y[i]);
            self.side[i] = if stack.lo[i] == stack.up[i] || stack.up[i] - z < y {
                Side::Upper
            } else if z - stack.lo[i] < -y {
                Side::Lower
            } else {
                Side::Free
            };
        }
    }
}
