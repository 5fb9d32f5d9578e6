//! Dense factors of the KKT matrix: of the regular one with the variables at bounds eliminated, and of any one by its eigenvectors.

use dfl_core::{Error, Result};
use faer::linalg::solvers::{Lblt, SolveCore};
use faer::{Conj, Mat, Side as Triangle};

use super::active::Linearised;

/// Pivots below this share of the largest one mean a singular KKT matrix.
const SINGULAR_PIVOT: f64 = 1e-12;
/// Eigenvalues below this share of the largest one count as zero in the least-norm solution.
const ZERO_EIGENVALUE: f64 = 1e-10;

/// $L B L^\top$ of $K$ with the variables at bounds eliminated.
pub(super) struct Reduced(Lblt<f64>);

impl Reduced {
    /// `None` if the matrix is singular.
    pub(super) fn new(at: &Linearised) -> Option<Self> {
        let lblt = Lblt::new(reduced_matrix(at).as_ref(), Triangle::Lower);
        (!is_singular(&lblt)).then_some(Self(lblt))
    }

    /// Number of negative eigenvalues (Sylvester's law of inertia).
    pub(super) fn negative(&self) -> usize {
        let (diag, off) = (self.0.B_diag().column_vector(), self.0.B_subdiag().column_vector());
        let (mut count, mut k) = (0, 0);
        while k < diag.nrows() {
            if off[k] != 0.0 && k + 1 < diag.nrows() {
                // A pair is taken for its negative determinant, but rounding may leave it another.
                let (trace, determinant) = (diag[k] + diag[k + 1], diag[k] * diag[k + 1] - off[k] * off[k]);
                count += if determinant < 0.0 { 1 } else { 2 * usize::from(trace < 0.0) };
                k += 2;
            } else {
                count += usize::from(diag[k] < 0.0);
                k += 1;
            }
        }
        count
    }

    /// `out = K^-1 rhs`.
    pub(super) fn solve(&self, at: &Linearised, rhs: &[f64], out: &mut [f64]) {
        let Linearised { matrices, free, fixed, rows, .. } = at;
        out.fill(0.0);
        let [rx, rr, rb] = at.split(rhs);
        let (mut rx, mut rr) = (rx.to_vec(), rr.to_vec());
        let [x, y, nu] = at.split_mut(out);
        for &j in fixed {
            x[j] = rb[j];
        }
        matrices.p.symmetric_mul_add(-1.0, x, &mut rx);
        matrices.a.mul_add(-1.0, x, &mut rr);
        let mut packed =
            Mat::from_fn(free.len() + rows.len(), 1, |k, _| if k < free.len() { rx[free[k]] } else { rr[rows[k - free.len()]] });
        self.0.solve_in_place_with_conj(Conj::No, packed.as_mut());
        for (k, &j) in free.iter().enumerate() {
            x[j] = packed[(k, 0)];
        }
        for (k, &i) in rows.iter().enumerate() {
            y[i] = packed[(free.len() + k, 0)];
        }
        // What stationarity leaves at a bound is its multiplier.
        let [rest, _, _] = at.split(rhs);
        rx.copy_from_slice(rest);
        matrices.p.symmetric_mul_add(-1.0, x, &mut rx);
        matrices.a.mul_t_add(-1.0, y, &mut rx);
        for &j in fixed {
            nu[j] = rx[j];
        }
    }
}

/// `[P_FF, A_RF'; A_RF, 0]`, lower triangle.
fn reduced_matrix(at: &Linearised) -> Mat<f64> {
    let Linearised { matrices, free, rows, .. } = at;
    let place = |list: &[usize], size: usize| {
        let mut place = vec![usize::MAX; size];
        list.iter().enumerate().for_each(|(k, &j)| place[j] = k);
        place
    };
    let (column, row) = (place(free, matrices.a.cols()), place(rows, matrices.a.rows()));
    let mut k = Mat::zeros(free.len() + rows.len(), free.len() + rows.len());
    for (i, j, v) in matrices.p.triplets() {
        if column[i] != usize::MAX && column[j] != usize::MAX {
            k[(column[i].max(column[j]), column[i].min(column[j]))] += v;
        }
    }
    for (i, j, v) in matrices.a.triplets() {
        if row[i] != usize::MAX && column[j] != usize::MAX {
            k[(free.len() + row[i], column[j])] += v;
        }
    }
    k
}

/// Whether a block of the block-diagonal factor nearly vanishes.
fn is_singular(lblt: &Lblt<f64>) -> bool {
    let (diag, off) = (lblt.B_diag().column_vector(), lblt.B_subdiag().column_vector());
    let (mut least, mut largest, mut k) = (f64::INFINITY, 0.0_f64, 0);
    while k < diag.nrows() {
        let (a, b) = (diag[k], off[k]);
        let wide = b != 0.0 && k + 1 < diag.nrows();
        let (small, large) = if wide { symmetric_2x2_magnitudes(a, b, diag[k + 1]) } else { (a.abs(), a.abs()) };
        // `min` would drop a NaN.
        least = if small < least || small.is_nan() { small } else { least };
        largest = largest.max(large);
        k += if wide { 2 } else { 1 };
    }
    diag.nrows() > 0 && (least.is_nan() || least <= SINGULAR_PIVOT * largest)
}

/// Smallest and largest magnitude of the eigenvalues of `[a b; b d]`; the small one by the determinant, without cancellation.
fn symmetric_2x2_magnitudes(a: f64, b: f64, d: f64) -> (f64, f64) {
    let (half_trace, half_gap) = (0.5 * (a + d), (0.5 * (a - d)).hypot(b));
    let large = half_trace.abs() + half_gap;
    ((a * d - b * b).abs() / large, large)
}

/// Eigenvectors of the whole $K$ and the inverse of each eigenvalue, 0 where it vanishes: the pseudo-inverse.
pub(super) struct LeastNorm {
    vectors: Mat<f64>,
    inverse: Vec<f64>,
}

impl LeastNorm {
    /// # Errors
    /// [`Error::Domain`] if the matrix overflows.
    pub(super) fn new(at: &Linearised) -> Result<Self> {
        let n = at.n();
        let mut place = vec![usize::MAX; at.len()];
        at.places().enumerate().for_each(|(k, flat)| place[flat] = k);
        let size = n + at.rows.len() + at.fixed.len();
        let mut k = Mat::zeros(size, size);
        for (i, j, v) in at.matrices.p.triplets() {
            k[(j, i)] += v;
        }
        for (i, j, v) in at.matrices.a.triplets().filter(|t| place[n + t.0] != usize::MAX) {
            k[(place[n + i], j)] += v;
        }
        for &j in &at.fixed {
            k[(place[n + at.matrices.a.rows() + j], j)] = 1.0;
        }
        let overflow = |_| Error::Domain { what: "KKT matrix", value: f64::NAN, need: "finite: rescale the program" };
        let eigen = k.self_adjoint_eigen(Triangle::Lower).map_err(overflow)?;
        let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
        let largest = values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        let inverse = values.iter().map(|v| if v.abs() > ZERO_EIGENVALUE * largest { 1.0 / v } else { 0.0 }).collect();
        Ok(Self { vectors: eigen.U().to_owned(), inverse })
    }

    /// `out = K^+ rhs`.
    pub(super) fn solve(&self, at: &Linearised, rhs: &[f64], out: &mut [f64]) {
        let mut packed = Mat::zeros(self.inverse.len(), 1);
        at.places().enumerate().for_each(|(k, flat)| packed[(k, 0)] = rhs[flat]);
        let mut coefficients = self.vectors.transpose() * &packed;
        self.inverse.iter().enumerate().for_each(|(k, s)| coefficients[(k, 0)] *= s);
        let answer = &self.vectors * &coefficients;
        out.fill(0.0);
        at.places().enumerate().for_each(|(k, flat)| out[flat] = answer[(k, 0)]);
    }
}
