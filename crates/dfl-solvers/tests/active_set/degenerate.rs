//! Families where constraints depend on each other or are tight without a multiplier.

use dfl_core::{Program, Rng, Side, Status};

use crate::{INF, close, identity, matrix, solve, status};

fn plane(copies: usize, right: &[f64]) -> Program {
    let rows: Vec<&[f64]> = vec![&[1.0, 1.0]; copies];
    Program::linear(vec![0.0; 2]).with_quadratic(identity(2)).with_rows(matrix(&rows), right.to_vec(), right.to_vec())
}

/// The nearest point of the plane `x1 + x2 = 2`, written down three times.
#[test]
fn redundant_equalities_are_no_obstacle() {
    let (out, info) = solve(&plane(3, &[2.0; 3]));
    close(&out.x, &[1.0, 1.0], 1e-15);
    assert_eq!((info.status, &out.row_side[..]), (Status::Optimal, &[Side::Upper; 3][..]));
    close(&[out.row_dual.iter().sum()], &[-1.0], 1e-15);
}

#[test]
fn contradicting_equalities_are_infeasible() {
    assert_eq!(status(&plane(2, &[2.0, 2.0 + 1e-6])), Status::Infeasible);
}

/// A difference that no tolerance of this library can see is none.
#[test]
fn equalities_that_differ_by_rounding_are_one() {
    assert_eq!(status(&plane(2, &[2.0, 2.0 + 1e-12])), Status::Optimal);
}

/// `x >= 1` twenty times: one of them carries the multiplier.
#[test]
fn duplicate_rows_share_one_multiplier() {
    let rows: Vec<&[f64]> = vec![&[1.0, 0.0]; 20];
    let p = Program::linear(vec![0.0; 2]).with_quadratic(identity(2)).with_rows(matrix(&rows), vec![1.0; 20], vec![INF; 20]);
    let (out, info) = solve(&p);
    close(&out.x, &[1.0, 0.0], 1e-15);
    close(&[out.row_dual.iter().sum()], &[-1.0], 1e-15);
    assert!(info.degenerate, "nineteen are tight without a multiplier");
}

/// The corner of a cone of 40 facets in 3 variables: all are tight, three carry multipliers.
#[test]
fn more_tight_constraints_than_variables() {
    let facets: Vec<[f64; 3]> = (0..40).map(|k| f64::from(k) * 0.157).map(|t| [t.cos(), t.sin(), 1.0]).collect();
    let rows: Vec<&[f64]> = facets.iter().map(|f| &f[..]).collect();
    let p = Program::linear(vec![0.0, 0.0, -5.0]).with_quadratic(identity(3)).with_rows(matrix(&rows), vec![-INF; 40], vec![1.0; 40]);
    let (out, info) = solve(&p);
    close(&out.x, &[0.0, 0.0, 1.0], 1e-12);
    assert!(info.degenerate);
}

#[test]
fn zero_rows_are_satisfied_or_not() {
    let with = |lo: f64, up: f64| {
        let rows = matrix(&[&[0.0, 0.0], &[1.0, 1.0]]);
        Program::linear(vec![1.0, 2.0]).with_quadratic(identity(2)).with_rows(rows, vec![lo, -1.0], vec![up, 1.0])
    };
    assert_eq!(status(&with(0.0, 0.0)), Status::Optimal);
    assert_eq!(status(&with(-1.0, 1.0)), Status::Optimal);
    assert_eq!(status(&with(0.5, 1.0)), Status::Infeasible);
    assert_eq!(status(&with(0.5, 0.5)), Status::Infeasible);
}

/// Variables 0 and 2 are fixed; the others move as if the fixed ones were numbers.
#[test]
fn fixed_variables_are_numbers() {
    let p = Program::linear(vec![1.0, 1.0, 1.0])
        .with_quadratic(identity(3))
        .with_rows(matrix(&[&[1.0, 1.0, 1.0]]), vec![0.0], vec![INF])
        .with_bounds(vec![-1.0, -INF, -0.5], vec![-1.0, INF, -0.5]);
    let (out, _) = solve(&p);
    close(&out.x, &[-1.0, 1.5, -0.5], 1e-15);
    assert_eq!(out.bound_side, [Side::Upper, Side::Free, Side::Upper]);
    close(&out.row_dual, &[-2.5], 1e-15);
    close(&out.bound_dual, &[2.5, 0.0, 2.0], 1e-15);
}

#[test]
fn everything_fixed_leaves_nothing_to_do() {
    let p = Program::linear(vec![1.0, 1.0]).with_quadratic(identity(2)).with_bounds(vec![3.0, -2.0], vec![3.0, -2.0]);
    let (out, info) = solve(&p);
    assert_eq!((out.x, info.iterations), (vec![3.0, -2.0], 0));
    close(&out.bound_dual, &[-4.0, 1.0], 1e-15);
}

/// Zero cost on a cube that holds the origin at a corner: the origin, and every bound tight without a multiplier.
#[test]
fn a_zero_cost_at_a_corner_is_flagged() {
    let p = Program::linear(vec![0.0; 3]).with_quadratic(identity(3)).with_bounds(vec![0.0; 3], vec![1.0; 3]);
    let (out, info) = solve(&p);
    assert_eq!((out.x, info.status, info.degenerate), (vec![0.0; 3], Status::Optimal, true));
}

/// Random programs in which every row appears three times, once scaled and once reversed.
#[test]
fn scaled_and_reversed_copies_change_nothing() {
    let mut rng = Rng::seeded(14);
    for _ in 0..50 {
        let (n, m) = (8, 6);
        let rows: Vec<Vec<f64>> = (0..m).map(|_| (0..n).map(|_| rng.normal()).collect()).collect();
        let up: Vec<f64> = (0..m).map(|_| rng.uniform()).collect();
        let cost: Vec<f64> = (0..n).map(|_| 3.0 * rng.normal()).collect();
        let (mut many, mut lo, mut high) = (rows.clone(), vec![-INF; m], up.clone());
        for (row, &b) in rows.iter().zip(&up) {
            let s = 0.1 + 10.0 * rng.uniform();
            many.push(row.iter().map(|v| s * v).collect());
            lo.push(-INF);
            high.push(s * b);
            many.push(row.iter().map(|v| -v).collect());
            lo.push(-b);
            high.push(INF);
        }
        let program = |rows: &[Vec<f64>], lo: Vec<f64>, up: Vec<f64>| {
            let rows: Vec<&[f64]> = rows.iter().map(|r| &r[..]).collect();
            Program::linear(cost.clone()).with_quadratic(identity(n)).with_rows(matrix(&rows), lo, up)
        };
        let (once, _) = solve(&program(&rows, vec![-INF; m], up));
        let (thrice, _) = solve(&program(&many, lo, high));
        close(&thrice.x, &once.x, 1e-12);
    }
}
