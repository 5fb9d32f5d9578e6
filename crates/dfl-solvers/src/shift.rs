//! Indefinite Hessians: what is added until a quadratic program over rows and bounds is convex.

use dfl_core::{Program, Side, Solution};

/// A pivot above `-ROUNDING` times the largest entry is that of a semidefinite matrix.
const ROUNDING: f64 = 1e-11;
/// Curvature across a tight constraint, relative to the largest entry of an indefinite Hessian.
const BARRIER: f64 = 10.0;

/// The shift that makes the Hessian `[n, n]` positive semidefinite: 0 if it is. An indefinite one gets curvature along the normals of equalities
/// and of what an answer has for `tight`; that changes no step along them, so that Newton's method stays one where the Hessian is positive definite
/// on the tight constraints alone. `normals` are the entries of each row. The Cholesky factor of `hess + shift I` is left in `factor`.
pub(crate) fn convexify(
    feasible: &Program,
    normals: &[Vec<(usize, f64)>],
    tight: Option<&Solution>,
    hess: &mut [f64],
    factor: &mut [f64],
) -> f64 {
    let n = feasible.n();
    let top = hess.iter().fold(0.0_f64, |top, v| top.max(v.abs()));
    let mut shift = 0.0;
    if is_semidefinite(n, hess, shift, ROUNDING * top, factor) {
        return shift;
    }
    for (i, normal) in normals.iter().enumerate() {
        if feasible.row_lo[i] == feasible.row_up[i] || tight.is_some_and(|answer| answer.row_side[i] != Side::Free) {
            let weight = BARRIER * top / normal.iter().map(|(_, v)| v * v).sum::<f64>();
            for &(i, a) in normal {
                normal.iter().for_each(|&(j, b)| hess[i * n + j] += weight * a * b);
            }
        }
    }
    if let Some(answer) = tight {
        (0..n).filter(|&j| answer.bound_side[j] != Side::Free).for_each(|j| hess[j * n + j] += BARRIER * top);
    }
    while !is_semidefinite(n, hess, shift, ROUNDING * top, factor) && shift < 1e3 * top {
        shift = if shift == 0.0 { 1e-3 * top } else { 3.0 * shift };
    }
    shift
}

/// Whether `h + shift I` has a Cholesky factor up to pivots that are rounding. Writes it to `l`.
fn is_semidefinite(n: usize, h: &[f64], shift: f64, rounding: f64, l: &mut [f64]) -> bool {
    let largest = h.iter().fold(0.0_f64, |top, v| top.max(v.abs())) + shift;
    for j in 0..n {
        let mut pivot = h[j * n + j] + shift;
        pivot -= l[j * n..j * n + j].iter().map(|v| v * v).sum::<f64>();
        if pivot < -rounding || pivot.is_nan() {
            return false;
        }
        let root = if pivot > rounding { pivot.sqrt() } else { 0.0 };
        l[j * n + j] = root;
        for i in j + 1..n {
            let (above, below) = l.split_at_mut(i * n);
            let rest = h[i * n + j] - (0..j).map(|k| below[k] * above[j * n + k]).sum::<f64>();
            if root == 0.0 && rest * rest > 4.0 * rounding * largest {
                return false;
            }
            below[j] = if root > 0.0 { rest / root } else { 0.0 };
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semidefinite_up_to_rounding() {
        let check = |h: &[f64], n: usize, shift: f64| is_semidefinite(n, h, shift, 1e-11, &mut vec![0.0; n * n]);
        assert!(check(&[1.0, 1.0, 1.0, 1.0], 2, 0.0) && check(&[0.0; 9], 3, 0.0));
        assert!(!check(&[0.0, 1.0, 1.0, 0.0], 2, 0.0) && check(&[0.0, 1.0, 1.0, 0.0], 2, 1.0));
        assert!(!check(&[1.0, 2.0, 2.0, 1.0], 2, 0.5) && !check(&[-1e-3], 1, 0.0));
    }
}
