//! Small dense symmetric positive definite systems.

use crate::kernels::dot;

/// Solves $Mz = b$ in place: `m` `[n, n]` row-major, of which the lower triangle is read and overwritten by its Cholesky factor, `b` `[n]`
/// becomes $z$. Says whether the matrix was positive definite; if not, `b` is of no use.
pub(crate) fn solve_spd(m: &mut [f64], b: &mut [f64]) -> bool {
    let n = b.len();
    for i in 0..n {
        let (above, row) = m.split_at_mut(i * n);
        for j in 0..i {
            row[j] = (row[j] - dot(&row[..j], &above[j * n..j * n + j])) / above[j * n + j];
        }
        let pivot = row[i] - dot(&row[..i], &row[..i]);
        if !(pivot > 0.0) {
            return false;
        }
        row[i] = pivot.sqrt();
        b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
    }
    for i in (0..n).rev() {
        let tail: f64 = (i + 1..n).map(|k| m[k * n + i] * b[k]).sum();
        b[i] = (b[i] - tail) / m[i * n + i];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [[4, 2], [2, 3]] z = (2, 5) has z = (-1/2, 2), by hand.
    #[test]
    fn solves_by_hand_and_refuses_an_indefinite_matrix() {
        let (mut m, mut b) = (vec![4.0, f64::NAN, 2.0, 3.0], vec![2.0, 5.0]);
        assert!(solve_spd(&mut m, &mut b));
        assert!((b[0] + 0.5).abs() < 1e-15 && (b[1] - 2.0).abs() < 1e-15, "{b:?}");
        assert!(!solve_spd(&mut [1.0, 0.0, 2.0, 1.0], &mut [1.0, 1.0]));
    }
}
