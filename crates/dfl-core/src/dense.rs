//! Small dense systems, on plain slices.

/// Sums that run side by side, so that the processor need not wait for one to begin the next; always the same ones, in the same order.
pub const LANES: usize = 8;

/// $a^\top b$; the shorter length counts.
#[inline]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let ((a, end_a), (b, end_b)) = (a[..n].as_chunks::<LANES>(), b[..n].as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for k in 0..LANES {
            lanes[k] += a[k] * b[k];
        }
    }
    lanes.iter().sum::<f64>() + end_a.iter().zip(end_b).map(|(a, b)| a * b).sum::<f64>()
}

/// Overwrites the lower triangle of a symmetric matrix `m`, `[n, n]` row-major, by its Cholesky factor; the upper one is not read. Says
/// whether the matrix was positive definite; if not, `m` is of no use.
pub fn factor_spd(m: &mut [f64], n: usize) -> bool {
    for i in 0..n {
        let (above, row) = m.split_at_mut(i * n);
        for j in 0..i {
            row[j] = (row[j] - dot(&row[..j], &above[j * n..j * n + j])) / above[j * n + j];
        }
        let pivot = row[i] - dot(&row[..i], &row[..i]);
        if pivot.is_nan() || pivot <= 0.0 {
            return false;
        }
        row[i] = pivot.sqrt();
    }
    true
}

/// Solves $Mz = b$ in place with what [`factor_spd`] left in `m`; `b` `[n]` becomes $z$.
pub fn solve_factored(m: &[f64], b: &mut [f64]) {
    let n = b.len();
    for i in 0..n {
        let row = &m[i * n..];
        b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
    }
    for i in (0..n).rev() {
        let tail: f64 = (i + 1..n).map(|k| m[k * n + i] * b[k]).sum();
        b[i] = (b[i] - tail) / m[i * n + i];
    }
}

/// [`factor_spd`], then [`solve_factored`] if the matrix was positive definite, which it says.
pub fn solve_spd(m: &mut [f64], b: &mut [f64]) -> bool {
    let definite = factor_spd(m, b.len());
    if definite {
        solve_factored(m, b);
    }
    definite
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
