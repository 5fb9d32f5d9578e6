//! The pseudo-inverse of the whole KKT matrix, dense, by its singular values.

use dfl_core::{Program, Side, Solution};
use faer::Mat;

/// Singular values below this share of the largest count as zero.
const ZERO: f64 = 1e-9;

/// The matrix over the variables, the tight rows and the tight bounds of an answer without cones, and its pseudo-inverse.
pub(crate) struct Reference {
    n: usize,
    rows: Vec<usize>,
    fixed: Vec<usize>,
    pseudo_inverse: Mat<f64>,
    pub(crate) singular: bool,
}

impl Reference {
    pub(crate) fn of(program: &Program, solution: &Solution) -> Self {
        let tight = |sides: &[Side]| -> Vec<usize> { (0..sides.len()).filter(|&i| sides[i] != Side::Free).collect() };
        let (n, rows, fixed) = (program.n(), tight(&solution.row_side), tight(&solution.bound_side));
        let size = n + rows.len() + fixed.len();
        let mut k = Mat::zeros(size, size);
        let mut set = |i: usize, j: usize, v: f64| (k[(i, j)], k[(j, i)]) = (v, v);
        program.p.triplets().for_each(|(i, j, v)| set(i, j, v));
        for (i, j, v) in program.a.triplets() {
            rows.iter().position(|&r| r == i).into_iter().for_each(|r| set(n + r, j, v));
        }
        fixed.iter().enumerate().for_each(|(b, &j)| set(n + rows.len() + b, j, 1.0));
        let svd = k.svd().expect("a finite matrix");
        let values: Vec<f64> = svd.S().column_vector().iter().copied().collect();
        let least = ZERO * values.iter().fold(0.0_f64, |a, v| a.max(*v));
        let inverse = Mat::from_fn(size, size, |i, j| if i == j && values[i] > least { 1.0 / values[i] } else { 0.0 });
        let singular = values.iter().any(|v| *v <= least);
        Self { n, rows, fixed, pseudo_inverse: svd.V() * inverse * svd.U().transpose(), singular }
    }

    /// `-K^+` times cotangents on `(x, row duals, bound duals)`; entries of constraints that are not tight are 0.
    pub(crate) fn adjoint(&self, x: &[f64], rows: &[f64], bounds: &[f64]) -> [Vec<f64>; 3] {
        let at = self.n + self.rows.len();
        let rhs = Mat::from_fn(self.pseudo_inverse.nrows(), 1, |k, _| match k {
            k if k < self.n => -x[k],
            k if k < at => -rows[self.rows[k - self.n]],
            k => -bounds[self.fixed[k - at]],
        });
        let answer = &self.pseudo_inverse * rhs;
        let mut out = [vec![0.0; x.len()], vec![0.0; rows.len()], vec![0.0; bounds.len()]];
        (0..self.n).for_each(|j| out[0][j] = answer[(j, 0)]);
        self.rows.iter().enumerate().for_each(|(k, &i)| out[1][i] = answer[(self.n + k, 0)]);
        self.fixed.iter().enumerate().for_each(|(k, &j)| out[2][j] = answer[(at + k, 0)]);
        out
    }
}
