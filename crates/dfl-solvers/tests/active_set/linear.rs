//! Programs whose quadratic term is only semidefinite, or zero.

use dfl_core::{Csc, Program, Rng, Status};

use crate::enumerate::optimum;
use crate::{INF, close, identity, matrix, solve, status};

/// Random polytopes in up to 4 variables: the best vertex.
#[test]
fn linear_programs_agree_with_the_best_vertex() {
    let mut rng = Rng::seeded(15);
    for k in 0..80 {
        let (n, m) = (1 + k % 4, 1 + k % 3);
        let a: Vec<_> = (0..m * n).map(|k| (k / n, k % n, rng.normal())).collect();
        let scale = 10_f64.powi(k as i32 % 7 - 3);
        let c = (0..n).map(|_| scale * rng.normal()).collect();
        let up = (0..m).map(|_| rng.uniform()).collect();
        let p =
            Program::linear(c).with_rows(Csc::from_triplets(m, n, &a).unwrap(), vec![-INF; m], up).with_bounds(vec![-1.0; n], vec![2.0; n]);
        let (out, info) = solve(&p);
        let best = optimum(&p).unwrap();
        assert_eq!(info.status, Status::Optimal);
        assert!((out.objective - best).abs() <= 1e-10 * (scale + best.abs()), "instance {k}: {} against {best}", out.objective);
    }
}

/// min -x1 - x2 over x1 + 2 x2 <= 4, 3 x1 + x2 <= 6, x >= 0: x = (8/5, 6/5), multipliers (2/5, 1/5).
#[test]
fn a_linear_program_by_hand() {
    let p = Program::linear(vec![-1.0, -1.0])
        .with_rows(matrix(&[&[1.0, 2.0], &[3.0, 1.0]]), vec![-INF; 2], vec![4.0, 6.0])
        .with_bounds(vec![0.0; 2], vec![INF; 2]);
    let (out, info) = solve(&p);
    close(&out.x, &[1.6, 1.2], 1e-13);
    close(&out.row_dual, &[0.4, 0.2], 1e-13);
    assert!(!info.degenerate);
}

/// The assignment polytope is degenerate at every vertex: 2n - 1 independent equalities, n of n^2 variables not at zero.
#[test]
fn assignments_agree_with_every_permutation() {
    let (n, mut rng) = (4_usize, Rng::seeded(16));
    let mut entries = Vec::new();
    (0..n * n).for_each(|k| entries.extend([(k / n, k, 1.0), (n + k % n, k, 1.0)]));
    let rows = Csc::from_triplets(2 * n, n * n, &entries).unwrap();
    for _ in 0..40 {
        let c: Vec<f64> = (0..n * n).map(|_| rng.normal()).collect();
        let p = Program::linear(c.clone())
            .with_rows(rows.clone(), vec![1.0; 2 * n], vec![1.0; 2 * n])
            .with_bounds(vec![0.0; n * n], vec![INF; n * n]);
        let (out, _) = solve(&p);
        let mut best = INF;
        for code in 0..n.pow(n as u32) {
            let to: Vec<usize> = (0..n).map(|i| code / n.pow(i as u32) % n).collect();
            if (0..n).all(|j| to.contains(&j)) {
                best = best.min((0..n).map(|i| c[i * n + to[i]]).sum());
            }
        }
        assert!((out.objective - best).abs() < 1e-10, "{} against {best}", out.objective);
    }
}

/// min 1/2 (x1 + x2)^2 - (x1 + x2) + x3 on a box: x1 + x2 = 1, x3 = 0.
#[test]
fn a_flat_valley_by_hand() {
    let p = Program::linear(vec![-1.0, -1.0, 1.0])
        .with_quadratic(Csc::from_triplets(3, 3, &[(0, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0)]).unwrap())
        .with_bounds(vec![-5.0, -5.0, 0.0], vec![5.0; 3]);
    let (out, _) = solve(&p);
    close(&[out.x[0] + out.x[1], out.x[2], out.objective], &[1.0, 0.0, -0.5], 1e-12);
}

/// Curvature in some directions, costs and bounds in the others, against the same problem with the flat part solved by hand.
#[test]
fn a_singular_quadratic_term_with_random_rotation() {
    let mut rng = Rng::seeded(17);
    for k in 0..30 {
        let (n, rank) = (6, 1 + k % 5);
        let b: Vec<Vec<f64>> = (0..rank).map(|_| (0..n).map(|_| rng.normal()).collect()).collect();
        let entry = |i: usize, j: usize| b.iter().map(|r| r[i] * r[j]).sum::<f64>();
        let upper: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, entry(i, j))).collect();
        let p = Program::linear((0..n).map(|_| rng.normal()).collect())
            .with_quadratic(Csc::from_triplets(n, n, &upper).unwrap())
            .with_bounds(vec![-1.0; n], vec![1.0; n]);
        // Optimal by its residual, which `solve` has checked; the sum of x over a face may differ, the objective may not.
        let (first, info) = solve(&p);
        assert_eq!(info.status, Status::Optimal);
        let scaled = Program {
            c: p.c.iter().map(|c| 1e3 * c).collect(),
            p: Csc::from_triplets(n, n, &upper.iter().map(|&(i, j, v)| (i, j, 1e3 * v)).collect::<Vec<_>>()).unwrap(),
            ..p.clone()
        };
        let (second, _) = solve(&scaled);
        close(&[second.objective], &[1e3 * first.objective], 1e-10);
    }
}

#[test]
fn a_falling_ray_is_unbounded() {
    let free = Program::linear(vec![-1.0, 0.0]);
    assert_eq!(status(&free), Status::Unbounded);
    let cone = Program::linear(vec![-1.0, -1.0])
        .with_rows(matrix(&[&[1.0, -1.0], &[-1.0, 1.0]]), vec![-INF; 2], vec![1.0; 2])
        .with_bounds(vec![0.0; 2], vec![INF; 2]);
    assert_eq!(status(&cone), Status::Unbounded);
    let valley = Program::linear(vec![0.0, -1.0]).with_quadratic(Csc::diagonal(&[1.0, 0.0])).with_bounds(vec![-1.0; 2], vec![1.0, INF]);
    assert_eq!(status(&valley), Status::Unbounded);
}

/// The same rays with a far bound across them.
#[test]
fn a_far_bound_makes_it_bounded() {
    let p = Program::linear(vec![-1.0, 0.0]).with_bounds(vec![0.0; 2], vec![1e6, 1.0]);
    let (out, info) = solve(&p);
    assert_eq!((info.status, out.x[0]), (Status::Optimal, 1e6));
}

#[test]
fn without_cost_any_feasible_point_will_do() {
    let p = Program::linear(vec![0.0; 2]).with_rows(matrix(&[&[1.0, 1.0]]), vec![2.0], vec![2.0]).with_bounds(vec![0.0; 2], vec![INF; 2]);
    assert_eq!(status(&p), Status::Optimal);
    assert_eq!(status(&Program::linear(vec![0.0; 2])), Status::Optimal);
    assert_eq!(status(&Program::linear(vec![])), Status::Optimal);
}

/// Systems without a solution, by a combination of rows that is zero on the left and not on the right, and their solvable neighbours.
#[test]
fn infeasible_systems_are_proven_so() {
    let mut rng = Rng::seeded(18);
    for k in 0..60 {
        let (n, m) = (5 + k % 4, 2 + k % 4);
        let mut rows: Vec<Vec<f64>> = (0..m).map(|_| (0..n).map(|_| rng.normal()).collect()).collect();
        let weights: Vec<f64> = (0..m).map(|_| 0.1 + rng.uniform()).collect();
        let last = (0..n).map(|j| -rows.iter().zip(&weights).map(|(r, w)| w * r[j]).sum::<f64>()).collect();
        rows.push(last);
        let mut up: Vec<f64> = (0..m).map(|_| rng.normal()).collect();
        let most: f64 = up.iter().zip(&weights).map(|(b, w)| b * w).sum();
        let quadratic = if k % 2 == 0 { identity(n) } else { Csc::empty(n, n) };
        let dense: Vec<&[f64]> = rows.iter().map(|r| &r[..]).collect();
        for (gap, expected) in [(1e-3, Status::Infeasible), (-1e-3, Status::Optimal)] {
            up.truncate(m);
            up.push(-most - gap);
            let c = if k % 2 == 0 { (0..n).map(|_| rng.normal()).collect() } else { vec![0.0; n] };
            let p = Program::linear(c).with_quadratic(quadratic.clone()).with_rows(matrix(&dense), vec![-INF; m + 1], up.clone());
            assert_eq!(status(&p), expected, "instance {k}, gap {gap}");
        }
    }
}
