use dfl_core::{Error, Program, Result};
use faer::linalg::solvers::Lblt;
use faer::{Mat, Side};

/// A pivot above `-ROUNDING n eps max|P|` is rounding.
const ROUNDING: f64 = 100.0;

/// Refuses a program whose quadratic term has a negative eigenvalue.
///
/// The signs of the eigenvalues of $P$ are those of the block-diagonal factor of $P = \Pi^\top L B L^\top \Pi$ (Sylvester's law of
/// inertia); variables that share no off-diagonal entry with another are judged by their diagonal. A semidefinite $P$ passes: pivots
/// above $-100\,n\,\varepsilon\,\max|P_{ij}|$ are taken for rounding. Cost $O(k^3)$ in the number $k$ of coupled variables, dense.
///
/// # Errors
/// [`Error::NotConvex`] with the variable and the size of the most negative pivot.
///
/// # References
/// Bunch & Kaufman (1977), Math. Comp. 31, Alg. A.
pub fn check_convex(program: &Program) -> Result<()> {
    let n = program.n();
    let (mut diagonal, mut coupled, mut largest) = (vec![0.0; n], vec![false; n], 0.0_f64);
    for (i, j, v) in program.p.triplets() {
        largest = largest.max(v.abs());
        if i == j {
            diagonal[i] = v;
        } else if v != 0.0 {
            (coupled[i], coupled[j]) = (true, true);
        }
    }
    let (alone, together): (Vec<usize>, Vec<usize>) = (0..n).partition(|&j| !coupled[j]);
    let mut worst = (0, 0.0);
    for pivot in alone.iter().map(|&j| (j, diagonal[j])).chain(coupled_pivots(program, &together)) {
        if pivot.1 < worst.1 {
            worst = pivot;
        }
    }
    let (row, pivot) = worst;
    if pivot < -ROUNDING * n as f64 * f64::EPSILON * largest { Err(Error::NotConvex { row, pivot }) } else { Ok(()) }
}

/// The eigenvalues of the blocks of the factor of the coupled part, each with the variable it belongs to.
fn coupled_pivots(program: &Program, together: &[usize]) -> Vec<(usize, f64)> {
    let mut place = vec![usize::MAX; program.n()];
    for (k, &j) in together.iter().enumerate() {
        place[j] = k;
    }
    let mut dense = Mat::zeros(together.len(), together.len());
    for (i, j, v) in program.p.triplets().filter(|&(i, ..)| place[i] != usize::MAX) {
        if place[j] != usize::MAX {
            dense[(place[j], place[i])] = v;
            dense[(place[i], place[j])] = v;
        }
    }
    let factor = Lblt::new(dense.as_ref(), Side::Lower);
    let (diagonal, below) = (factor.B_diag().column_vector(), factor.B_subdiag().column_vector());
    let (order, mut out, mut k) = (factor.P().arrays().0, Vec::new(), 0);
    while k < together.len() {
        if k + 1 < together.len() && below[k] != 0.0 {
            let (mean, half) = ((diagonal[k] + diagonal[k + 1]) / 2.0, (diagonal[k] - diagonal[k + 1]) / 2.0);
            out.push((together[order[k]], mean - half.hypot(below[k])));
            k += 2;
        } else {
            out.push((together[order[k]], diagonal[k]));
            k += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::{Csc, Rng};

    fn with(triplets: &[(usize, usize, f64)], n: usize) -> Result<()> {
        check_convex(&Program::linear(vec![0.0; n]).with_quadratic(Csc::from_triplets(n, n, triplets).unwrap()))
    }

    /// The upper triangle of `sum_k weights[k] v_k v_k'`.
    fn combination(weights: &[f64], vectors: &[Vec<f64>]) -> Vec<(usize, usize, f64)> {
        let n = vectors[0].len();
        let entry = |i: usize, j: usize| weights.iter().zip(vectors).map(|(w, v)| w * v[i] * v[j]).sum();
        (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, entry(i, j))).collect()
    }

    #[test]
    fn a_diagonal_is_read_off() {
        with(&[(0, 0, 1.0), (2, 2, 0.0)], 3).unwrap();
        assert!(matches!(with(&[(0, 0, 1.0), (2, 2, -1e-9)], 3), Err(Error::NotConvex { row: 2, pivot }) if pivot == -1e-9));
        with(&[], 3).unwrap();
        with(&[], 0).unwrap();
    }

    /// `[0 1; 1 0]` has the eigenvalues 1 and -1, on a zero diagonal.
    #[test]
    fn an_off_diagonal_alone_is_not_convex() {
        assert!(matches!(with(&[(0, 1, 1.0)], 2), Err(Error::NotConvex { pivot, .. }) if pivot == -1.0));
    }

    /// `[1 a; a 1]` has the eigenvalues 1 - a and 1 + a.
    #[test]
    fn two_by_two_by_hand() {
        let matrix = |a: f64| with(&[(1, 1, 1.0), (1, 3, a), (3, 3, 1.0)], 4);
        matrix(1.0).unwrap();
        matrix(-1.0).unwrap();
        assert!(matrix(1.0 + 1e-10).is_err());
        assert!(matches!(matrix(2.0), Err(Error::NotConvex { row: 1 | 3, .. })));
    }

    #[test]
    fn semidefinite_matrices_of_every_rank_pass_at_every_scale() {
        let mut rng = Rng::seeded(1);
        for n in [2, 5, 20, 60] {
            for rank in [1, 2, n / 2, n] {
                for scale in [1e-8, 1.0, 1e8] {
                    let vectors: Vec<Vec<f64>> = (0..rank).map(|_| (0..n).map(|_| rng.normal()).collect()).collect();
                    with(&combination(&vec![scale; rank], &vectors), n).unwrap();
                }
            }
        }
    }

    /// With orthogonal vectors of length 1 the weights are the eigenvalues; -1e-9 is small but no rounding.
    #[test]
    fn a_tiny_negative_eigenvalue_is_found() {
        let n = 16;
        // Rows of a Hadamard matrix.
        let vectors: Vec<Vec<f64>> = (0..n)
            .map(|i: usize| (0..n).map(|j: usize| if (i & j).count_ones().is_multiple_of(2) { 0.25 } else { -0.25 }).collect())
            .collect();
        for bad in 0..n {
            let mut weights = vec![1.0; n];
            weights[bad] = 0.0;
            with(&combination(&weights, &vectors), n).unwrap();
            weights[bad] = -1e-9;
            assert!(matches!(with(&combination(&weights, &vectors), n), Err(Error::NotConvex { .. })));
        }
    }
}
