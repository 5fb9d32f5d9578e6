use crate::{Csc, Program, Rng};

/// A random strictly convex dense QP and a cost: `P = B B' / n + I`, rows `A x <= u` with `u` uniform on [0, 1), costs of standard
/// deviation 3, so that some rows are tight; the origin is feasible. `c` is zero in the program, to be moved by a cost.
///
/// What dense QP solvers are timed on: `(n, m)` from (5, 10) to (50, 100).
pub fn dense_qp(n: usize, m: usize, rng: &mut Rng) -> (Program, Vec<f64>) {
    let b: Vec<f64> = (0..n * n).map(|_| rng.normal()).collect();
    let p = |i: usize, j: usize| (0..n).map(|k| b[i * n + k] * b[j * n + k]).sum::<f64>() / n as f64 + if i == j { 1.0 } else { 0.0 };
    let upper: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, p(i, j))).collect();
    let rows: Vec<_> = (0..m * n).map(|k| (k / n, k % n, rng.normal())).collect();
    let up = (0..m).map(|_| rng.uniform()).collect();
    let costs = (0..n).map(|_| 3.0 * rng.normal()).collect();
    let program = Program::linear(vec![0.0; n]).with_quadratic(Csc::from_triplets(n, n, &upper).expect("indices are in range")).with_rows(
        Csc::from_triplets(m, n, &rows).expect("indices are in range"),
        vec![f64::NEG_INFINITY; m],
        up,
    );
    (program, costs)
}
