//! What OSQP reads: the matrix without a copy, and bounds without infinities.

use std::borrow::Cow;

use dfl_core::Csc;
use osqp::CscMatrix;

use crate::polish::Stack;

/// OSQP's infinity; an infinite bound would spoil its duality gap.
const INFINITE: f64 = 1e30;

/// The bounds of a stack, finite.
#[derive(Clone, Debug)]
pub(super) struct Finite {
    pub(super) lo: Vec<f64>,
    pub(super) up: Vec<f64>,
}

impl Finite {
    pub(super) fn new(stack: &Stack) -> Self {
        let mut out = Self { lo: stack.lo.clone(), up: stack.up.clone() };
        out.set(stack);
        out
    }

    pub(super) fn set(&mut self, stack: &Stack) {
        for (finite, bound) in self.lo.iter_mut().zip(&stack.lo).chain(self.up.iter_mut().zip(&stack.up)) {
            *finite = bound.clamp(-INFINITE, INFINITE);
        }
    }
}

/// The matrix as OSQP reads it.
pub(super) fn borrow(matrix: &Csc) -> CscMatrix<'_> {
    CscMatrix {
        nrows: matrix.rows(),
        ncols: matrix.cols(),
        indptr: Cow::Borrowed(matrix.col_ptr()),
        indices: Cow::Borrowed(matrix.row_idx()),
        data: Cow::Borrowed(matrix.values()),
    }
}
