//! Symmetric linear systems of optimality conditions, dense.

use dfl_core::{Error, Result};
use faer::linalg::solvers::{Lblt, SolveCore};
use faer::{Conj, Mat, Side as Triangle};

use crate::active_set::kernels::{largest, worse};

/// Pivots below this share of the largest one mean a singular matrix.
const SINGULAR_PIVOT: f64 = 1e-12;
/// Eigenvalues below this share of the largest one count as zero in the least-norm solution.
const ZERO_EIGENVALUE: f64 = 1e-10;
/// A regular system with a larger relative residual was not solved.
const LARGEST_RESIDUAL: f64 = 1e-6;

/// A factorised symmetric matrix.
pub(super) struct System {
    k: Mat<f64>,
    factor: Factor,
    negative: usize,
}

enum Factor {
    Regular(Lblt<f64>),
    /// Eigenvectors, and the inverse of each eigenvalue, 0 where it vanishes.
    LeastNorm(Mat<f64>, Vec<f64>),
}

impl System {
    /// Factorises the symmetric matrix of which `k` is the lower triangle.
    ///
    /// # Errors
    /// [`Error::Domain`] if it is not finite.
    pub(super) fn new(k: Mat<f64>) -> Result<Self> {
        if (0..k.ncols()).any(|j| k.col(j).iter().any(|v| !v.is_finite())) {
            return Err(Error::Domain { what: "matrix of the optimality conditions", value: f64::NAN, need: "finite: rescale the cost" });
        }
        let lblt = Lblt::new(k.as_ref(), Triangle::Lower);
        let pivots = pivots(&lblt);
        let largest = pivots.iter().fold(0.0_f64, |top, p| top.max(p.abs()));
        if pivots.iter().all(|p| p.abs() > SINGULAR_PIVOT * largest) {
            let negative = pivots.iter().filter(|p| **p < 0.0).count();
            return Ok(Self { k, factor: Factor::Regular(lblt), negative });
        }
        let overflow = |_| Error::Domain { what: "matrix of the optimality conditions", value: f64::NAN, need: "finite: rescale the cost" };
        let eigen = k.self_adjoint_eigen(Triangle::Lower).map_err(overflow)?;
        let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
        let largest = values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        let inverse: Vec<f64> = values.iter().map(|v| if v.abs() > ZERO_EIGENVALUE * largest { 1.0 / v } else { 0.0 }).collect();
        let negative = inverse.iter().filter(|v| **v < 0.0).count();
        Ok(Self { factor: Factor::LeastNorm(eigen.U().to_owned(), inverse), k, negative })
    }

    /// Whether solutions are of least norm, since the matrix is singular.
    pub(super) fn singular(&self) -> bool {
        matches!(self.factor, Factor::LeastNorm(..))
    }

    /// Number of negative eigenvalues (Sylvester's law of inertia).
    pub(super) fn negative(&self) -> usize {
        self.negative
    }

    /// The matrix; its lower triangle counts.
    pub(super) fn matrix(&self) -> &Mat<f64> {
        &self.k
    }

    /// Solves `K x = rhs` in place, with one step of refinement if `K` is regular. Returns the relative residual and the number of steps.
    ///
    /// # Errors
    /// [`Error::Domain`] if a regular system was not solved to 1e-6, or any not to a number: better no gradient than a wrong one.
    pub(super) fn solve(&self, rhs: &mut [f64]) -> Result<(f64, usize)> {
        let scale = largest(rhs);
        if scale == 0.0 {
            return Ok((0.0, 0));
        }
        let b = Mat::from_fn(rhs.len(), 1, |i, _| rhs[i]);
        let mut x = self.solve_once(&b);
        let mut residual = self.residual(&b, &x);
        if let Factor::Regular(_) = self.factor {
            x += self.solve_once(&residual);
            residual = self.residual(&b, &x);
        }
        rhs.iter_mut().enumerate().for_each(|(i, to)| *to = x[(i, 0)]);
        let relative = residual.col(0).iter().fold(0.0, |top, v| worse(top, v.abs())) / scale;
        if relative.is_nan() || (!self.singular() && relative > LARGEST_RESIDUAL) {
            let need = "below 1e-6: the program is too badly scaled to differentiate";
            return Err(Error::Domain { what: "relative residual of the optimality conditions", value: relative, need });
        }
        Ok((relative, usize::from(!self.singular())))
    }

    fn solve_once(&self, b: &Mat<f64>) -> Mat<f64> {
        match &self.factor {
            Factor::Regular(lblt) => {
                let mut x = b.clone();
                lblt.solve_in_place_with_conj(Conj::No, x.as_mut());
                x
            }
            Factor::LeastNorm(vectors, inverse) => {
                let mut coefficients = vectors.transpose() * b;
                inverse.iter().enumerate().for_each(|(k, s)| coefficients[(k, 0)] *= s);
                vectors * &coefficients
            }
        }
    }

    /// `b - K x` by the lower triangle.
    fn residual(&self, b: &Mat<f64>, x: &Mat<f64>) -> Mat<f64> {
        let mut r = b.clone();
        for j in 0..self.k.ncols() {
            for i in j..self.k.nrows() {
                let v = self.k[(i, j)];
                r[(i, 0)] -= v * x[(j, 0)];
                if i > j {
                    r[(j, 0)] -= v * x[(i, 0)];
                }
            }
        }
        r
    }
}

/// Eigenvalues of the diagonal blocks; the smaller of a pair by the determinant, without cancellation.
fn pivots(lblt: &Lblt<f64>) -> Vec<f64> {
    let (diagonal, below) = (lblt.B_diag().column_vector(), lblt.B_subdiag().column_vector());
    let (mut out, mut k) = (Vec::with_capacity(diagonal.nrows()), 0);
    while k < diagonal.nrows() {
        if k + 1 < diagonal.nrows() && below[k] != 0.0 {
            let (a, b, d) = (diagonal[k], below[k], diagonal[k + 1]);
            let (mean, half) = (0.5 * (a + d), (0.5 * (a - d)).hypot(b));
            let large = if mean < 0.0 { mean - half } else { mean + half };
            out.extend([large, (a * d - b * b) / large]);
            k += 2;
        } else {
            out.push(diagonal[k]);
            k += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[2 1; 1 0]` has determinant -1: one negative eigenvalue; its inverse is `[0 1; 1 -2]`.
    #[test]
    fn a_saddle_by_hand() {
        let system = System::new(Mat::from_fn(2, 2, |i, j| [[2.0, 1.0], [1.0, 0.0]][i][j])).unwrap();
        let mut x = [3.0, 5.0];
        assert!(system.solve(&mut x).unwrap().0 < 1e-15);
        assert!((x[0] - 5.0).abs() < 1e-14 && (x[1] + 7.0).abs() < 1e-14);
        assert_eq!((system.negative(), system.singular()), (1, false));
    }

    /// All ones: rank 1, and the least-norm solution of `K x = (1, 1)` is `(1/2, 1/2)`.
    #[test]
    fn a_singular_one_has_its_least_norm() {
        let system = System::new(Mat::from_fn(2, 2, |_, _| 1.0)).unwrap();
        let mut x = [1.0, 1.0];
        system.solve(&mut x).unwrap();
        assert!(system.singular() && x.iter().all(|v| (v - 0.5).abs() < 1e-14));
        assert!(System::new(Mat::from_fn(1, 1, |_, _| f64::NAN)).is_err());
    }

    /// Right-hand sides that are no numbers, of a regular and of a singular system.
    #[test]
    fn what_is_no_number_is_not_solved() {
        for system in [Mat::identity(2, 2), Mat::from_fn(2, 2, |_, _| 1.0)].map(|k| System::new(k).unwrap()) {
            for mut rhs in [[f64::NAN; 2], [f64::NAN, 1.0], [1.0, f64::NAN]] {
                assert!(system.solve(&mut rhs).is_err());
            }
        }
    }
}
