//! The form Clarabel takes: `A x + s = b` with the slack `s` in a product of cones.

use ::clarabel::algebra::CscMatrix;
use ::clarabel::solver::SupportedConeT::{self, NonnegativeConeT, SecondOrderConeT, ZeroConeT};
use dfl_core::{Csc, Program, Result};

use crate::polish::Stack;

/// One program. First the equalities, then each finite side of the other rows (a lower one with its sign turned), then the cone rows
/// as `s = (d'x + e, Fx + g)`.
pub(super) struct Form {
    pub(super) p: CscMatrix<f64>,
    pub(super) a: CscMatrix<f64>,
    pub(super) b: Vec<f64>,
    pub(super) cones: Vec<SupportedConeT<f64>>,
    /// Stacked row and sign of each row before the cones.
    sides: Vec<(usize, f64)>,
}

impl Form {
    pub(super) fn new(program: &Program, stack: &Stack) -> Result<Self> {
        let rows = 0..stack.lo.len();
        let mut sides: Vec<(usize, f64)> = rows.clone().filter(|&i| stack.lo[i] == stack.up[i]).map(|i| (i, 1.0)).collect();
        let equalities = sides.len();
        for i in rows.filter(|&i| stack.lo[i] < stack.up[i]) {
            sides.extend(stack.up[i].is_finite().then_some((i, 1.0)));
            sides.extend(stack.lo[i].is_finite().then_some((i, -1.0)));
        }
        let mut b: Vec<f64> = sides.iter().map(|&(i, sign)| if sign > 0.0 { stack.up[i] } else { -stack.lo[i] }).collect();
        let mut places = vec![Vec::new(); stack.lo.len()];
        sides.iter().enumerate().for_each(|(k, &(i, sign))| places[i].push((k, sign)));
        let mut triplets = Vec::new();
        for (i, j, v) in stack.a.triplets() {
            triplets.extend(places[i].iter().map(|&(k, sign)| (k, j, sign * v)));
        }
        let mut cones = vec![ZeroConeT(equalities), NonnegativeConeT(sides.len() - equalities)];
        for cone in &program.cones {
            let first = b.len();
            triplets.extend(cone.d.iter().enumerate().map(|(j, d)| (first, j, -d)));
            triplets.extend(cone.f.triplets().map(|(i, j, v)| (first + 1 + i, j, -v)));
            b.push(cone.e);
            b.extend(&cone.g);
            cones.push(SecondOrderConeT(1 + cone.g.len()));
        }
        let a = to_clarabel(&Csc::from_triplets(b.len(), program.n(), &triplets)?);
        Ok(Self { p: to_clarabel(&program.p), a, b, cones, sides })
    }

    /// Stacked multipliers and those of the cone rows, from Clarabel's, which satisfy `P x + c + A'z = 0`.
    pub(super) fn read_duals(&self, z: &[f64], y: &mut [f64], cone_dual: &mut [f64]) {
        y.fill(0.0);
        for (&(i, sign), z) in self.sides.iter().zip(z) {
            y[i] += sign * z;
        }
        cone_dual.copy_from_slice(&z[self.sides.len()..]);
        let mut rest = cone_dual;
        for cone in &self.cones {
            if let SecondOrderConeT(size) = cone {
                let (dual, after) = rest.split_at_mut(*size);
                dual[1..].iter_mut().for_each(|w| *w = -*w);
                rest = after;
            }
        }
    }
}

fn to_clarabel(matrix: &Csc) -> CscMatrix<f64> {
    CscMatrix::new(matrix.rows(), matrix.cols(), matrix.col_ptr().to_vec(), matrix.row_idx().to_vec(), matrix.values().to_vec())
}
