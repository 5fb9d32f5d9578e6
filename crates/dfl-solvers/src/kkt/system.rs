use dfl_core::{Error, Result};
use faer::linalg::solvers::{Lblt, SolveCore};
use faer::{Conj, Mat, Side as Triangle};

use super::active::{ActiveSet, Vector};

/// Pivots below this share of the largest one mean a singular KKT matrix.
const SINGULAR_PIVOT: f64 = 1e-12;
/// Eigenvalues below this share of the largest one count as zero in the least-norm solution.
const ZERO_EIGENVALUE: f64 = 1e-10;
/// A regular system with a larger relative residual was not solved.
const LARGEST_RESIDUAL: f64 = 1e-6;
/// A relative residual above this is worth a refinement step.
const REFINE_ABOVE: f64 = 1e-14;

/// The factorised KKT matrix of an active set, symmetric:
///
/// $$K = \begin{pmatrix} P & A_R^\top & E_B \\ A_R & 0 & 0 \\ E_B^\top & 0 & 0\end{pmatrix}$$
///
/// with $R$ the tight rows and $B$ the variables at a bound. One factor serves any number of right-hand sides.
pub(super) struct System {
    active: ActiveSet,
    factor: Factor,
}

enum Factor {
    /// Of $K$ with the variables at bounds eliminated.
    Reduced { lblt: Lblt<f64> },
    /// Eigenvectors of the whole $K$ and the inverse of each eigenvalue, 0 where it vanishes: the pseudo-inverse.
    LeastNorm { vectors: Mat<f64>, inverse: Vec<f64> },
}

impl System {
    /// # Errors
    /// [`Error::Domain`] if the matrix overflows.
    pub(super) fn new(active: ActiveSet) -> Result<Self> {
        let reduced = Lblt::new(reduced_matrix(&active).as_ref(), Triangle::Lower);
        let factor = if is_singular(&reduced) { least_norm_factor(&active)? } else { Factor::Reduced { lblt: reduced } };
        Ok(Self { active, factor })
    }

    /// Whether the derivative is one of several: a zero dual of a tight constraint, or dependent constraints.
    pub(super) fn degenerate(&self) -> bool {
        self.active.weak || matches!(self.factor, Factor::LeastNorm { .. })
    }

    /// Solves `K out = rhs` with one step of refinement; entries of constraints that are not tight are 0. Returns the relative
    /// residual, which for the least-norm solution is that of an equation that may have no exact solution.
    ///
    /// # Errors
    /// [`Error::Domain`] if a regular system was not solved to 1e-6: better no gradient than a wrong one.
    pub(super) fn solve(&self, rhs: &Vector) -> Result<(Vector, f64)> {
        let mut out = self.solve_once(rhs);
        let scale = rhs.largest();
        if scale == 0.0 {
            return Ok((out, 0.0));
        }
        let mut residual = self.residual(rhs, &out);
        if residual.largest() > REFINE_ABOVE * scale && matches!(self.factor, Factor::Reduced { .. }) {
            out.add(&self.solve_once(&residual));
            residual = self.residual(rhs, &out);
        }
        let residual = residual.largest() / scale;
        if matches!(self.factor, Factor::Reduced { .. }) && (residual.is_nan() || residual > LARGEST_RESIDUAL) {
            let need = "below 1e-6: the program is too badly scaled to differentiate";
            return Err(Error::Domain { what: "relative residual of the KKT system", value: residual, need });
        }
        Ok((out, residual))
    }

    fn solve_once(&self, rhs: &Vector) -> Vector {
        match &self.factor {
            Factor::Reduced { lblt } => self.solve_reduced(lblt, rhs),
            Factor::LeastNorm { vectors, inverse } => self.solve_least_norm(vectors, inverse, rhs),
        }
    }

    fn solve_reduced(&self, lblt: &Lblt<f64>, rhs: &Vector) -> Vector {
        let ActiveSet { program, free, fixed, rows, .. } = &self.active;
        let mut out = Vector::zeros(rhs.x.len(), rhs.rows.len());
        for &j in fixed {
            out.x[j] = rhs.bounds[j];
        }
        let (mut rx, mut rr) = (rhs.x.clone(), rhs.rows.clone());
        program.p.symmetric_mul_add(-1.0, &out.x, &mut rx);
        program.a.mul_add(-1.0, &out.x, &mut rr);
        let mut packed =
            Mat::from_fn(free.len() + rows.len(), 1, |k, _| if k < free.len() { rx[free[k]] } else { rr[rows[k - free.len()]] });
        lblt.solve_in_place_with_conj(Conj::No, packed.as_mut());
        for (k, &j) in free.iter().enumerate() {
            out.x[j] = packed[(k, 0)];
        }
        for (k, &i) in rows.iter().enumerate() {
            out.rows[i] = packed[(free.len() + k, 0)];
        }
        let rest = self.stationarity(rhs, &out);
        for &j in fixed {
            out.bounds[j] = rest[j];
        }
        out
    }

    /// `rhs.x - P x - A' rows`.
    fn stationarity(&self, rhs: &Vector, out: &Vector) -> Vec<f64> {
        let mut rest = rhs.x.clone();
        self.active.program.p.symmetric_mul_add(-1.0, &out.x, &mut rest);
        self.active.program.a.mul_t_add(-1.0, &out.rows, &mut rest);
        rest
    }

    /// `rhs - K out` on the tight constraints.
    fn residual(&self, rhs: &Vector, out: &Vector) -> Vector {
        let mut ax = rhs.rows.clone();
        self.active.program.a.mul_add(-1.0, &out.x, &mut ax);
        let mut r = Vector { x: self.stationarity(rhs, out), rows: vec![0.0; ax.len()], bounds: vec![0.0; rhs.x.len()] };
        for &i in &self.active.rows {
            r.rows[i] = ax[i];
        }
        for &j in &self.active.fixed {
            r.x[j] -= out.bounds[j];
            r.bounds[j] = rhs.bounds[j] - out.x[j];
        }
        r
    }

    fn solve_least_norm(&self, vectors: &Mat<f64>, inverse: &[f64], rhs: &Vector) -> Vector {
        let (n, rows, fixed) = (rhs.x.len(), &self.active.rows, &self.active.fixed);
        let packed = Mat::from_fn(vectors.nrows(), 1, |k, _| match k.checked_sub(n) {
            None => rhs.x[k],
            Some(k) if k < rows.len() => rhs.rows[rows[k]],
            Some(k) => rhs.bounds[fixed[k - rows.len()]],
        });
        let mut coefficients = vectors.transpose() * &packed;
        for (k, s) in inverse.iter().enumerate() {
            coefficients[(k, 0)] *= s;
        }
        let answer = vectors * &coefficients;
        let mut out = Vector::zeros(n, rhs.rows.len());
        (0..n).for_each(|j| out.x[j] = answer[(j, 0)]);
        rows.iter().enumerate().for_each(|(k, &i)| out.rows[i] = answer[(n + k, 0)]);
        fixed.iter().enumerate().for_each(|(k, &j)| out.bounds[j] = answer[(n + rows.len() + k, 0)]);
        out
    }
}

/// `[P_FF, A_RF'; A_RF, 0]`, lower triangle.
fn reduced_matrix(active: &ActiveSet) -> Mat<f64> {
    let ActiveSet { program, free, rows, .. } = active;
    let at = |list: &[usize], size: usize| {
        let mut at = vec![usize::MAX; size];
        list.iter().enumerate().for_each(|(k, &j)| at[j] = k);
        at
    };
    let (column, row) = (at(free, program.a.cols()), at(rows, program.a.rows()));
    let mut k = Mat::zeros(free.len() + rows.len(), free.len() + rows.len());
    for (i, j, v) in program.p.triplets() {
        if column[i] != usize::MAX && column[j] != usize::MAX {
            k[(column[i].max(column[j]), column[i].min(column[j]))] += v;
        }
    }
    for (i, j, v) in program.a.triplets() {
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

/// Eigen-decomposition of the whole KKT matrix, for the least-norm solution.
fn least_norm_factor(active: &ActiveSet) -> Result<Factor> {
    let ActiveSet { program, fixed, rows, .. } = active;
    let n = program.a.cols();
    let mut k = Mat::zeros(n + rows.len() + fixed.len(), n + rows.len() + fixed.len());
    for (i, j, v) in program.p.triplets() {
        k[(j, i)] += v;
    }
    let mut position = vec![usize::MAX; program.a.rows()];
    rows.iter().enumerate().for_each(|(r, &i)| position[i] = n + r);
    for (i, j, v) in program.a.triplets().filter(|t| position[t.0] != usize::MAX) {
        k[(position[i], j)] += v;
    }
    for (b, &j) in fixed.iter().enumerate() {
        k[(n + rows.len() + b, j)] = 1.0;
    }
    let overflow = |_| Error::Domain { what: "KKT matrix", value: f64::NAN, need: "finite: rescale the program" };
    let eigen = k.self_adjoint_eigen(Triangle::Lower).map_err(overflow)?;
    let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
    let largest = values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
    let inverse = values.iter().map(|v| if v.abs() > ZERO_EIGENVALUE * largest { 1.0 / v } else { 0.0 }).collect();
    Ok(Factor::LeastNorm { vectors: eigen.U().to_owned(), inverse })
}
