//! Families where constraints depend on each other or are tight without a multiplier.

use dfl_core::{Csc, Program, Rng, Side, Status};

use crate::{INF, close, identity, known, matrix, reference, solve};

fn plane(copies: usize, right: &[f64]) -> Program {
    let rows: Vec<&[f64]> = vec![&[1.0, 1.0]; copies];
    Program::linear(vec![0.0; 2]).with_quadratic(identity(2)).with_rows(matrix(&rows), right.to_vec(), right.to_vec())
}

/// The nearest point of the plane `x1 + x2 = 2`, written down up to nine times.
#[test]
fn redundant_equalities_are_no_obstacle() {
    for copies in 1..10 {
        let (out, info) = solve(&plane(copies, &vec![2.0; copies]));
        close(&out.x, &[1.0, 1.0], 1e-15);
        assert_eq!((info.status, &out.row_side), (Status::Optimal, &vec![Side::Upper; copies]));
        close(&[out.row_dual.iter().sum()], &[-1.0], 1e-14);
    }
}

/// A difference that no tolerance of this library can see is none.
#[test]
fn equalities_that_differ_by_rounding_are_one() {
    let program = plane(2, &[2.0, 2.0 + 1e-14]);
    assert_eq!(solve(&program).1.status, Status::Optimal);
}

/// Every row of a random program twice, and some sums of rows: the same `x`.
#[test]
fn repeated_and_implied_rows_change_nothing() {
    let mut rng = Rng::seeded(50);
    for k in 0..60 {
        let (program, expected) = known(3 + k % 20, 2 + k % 13, 0.7, &mut rng);
        let m = program.m();
        let mut rows: Vec<_> = program.a.triplets().collect();
        rows.extend(program.a.triplets().map(|(i, j, v)| (m + i, j, 2.0 * v)));
        rows.extend(program.a.triplets().filter(|t| t.0 % 3 == 0).map(|(_, j, v)| (2 * m, j, v)));
        let equalities = || (0..m).filter(|i| i % 3 == 0);
        let sides =
            |side: &[f64], sum: f64| -> Vec<f64> { side.iter().copied().chain(side.iter().map(|v| 2.0 * v)).chain([sum]).collect() };
        let exact = equalities().all(|i| program.row_lo[i] == program.row_up[i]);
        let sum: f64 = equalities().map(|i| program.row_up[i]).sum();
        let (lo, up) = if exact { (sum, sum) } else { (-INF, INF) };
        let (row_lo, row_up) = (sides(&program.row_lo, lo), sides(&program.row_up, up));
        let repeated = program.clone().with_rows(Csc::from_triplets(2 * m + 1, program.n(), &rows).unwrap(), row_lo, row_up);
        let (out, info) = solve(&repeated);
        assert_eq!(info.status, Status::Optimal, "instance {k}");
        close(&out.x, &expected.x, 1e-9);
    }
}

/// `x >= 1` twenty times: together they carry the multiplier.
#[test]
fn duplicate_rows_share_one_multiplier() {
    let rows: Vec<&[f64]> = vec![&[1.0, 0.0]; 20];
    let p = Program::linear(vec![0.0; 2]).with_quadratic(identity(2)).with_rows(matrix(&rows), vec![1.0; 20], vec![INF; 20]);
    let (out, _) = solve(&p);
    close(&out.x, &[1.0, 0.0], 1e-14);
    close(&[out.row_dual.iter().sum()], &[-1.0], 1e-14);
}

/// The corner of a cone of 40 facets in 3 variables.
#[test]
fn more_tight_constraints_than_variables() {
    let facets: Vec<[f64; 3]> = (0..40).map(|k| f64::from(k) * 0.157).map(|t| [t.cos(), t.sin(), 1.0]).collect();
    let rows: Vec<&[f64]> = facets.iter().map(|f| &f[..]).collect();
    let p = Program::linear(vec![0.0, 0.0, -5.0]).with_quadratic(identity(3)).with_rows(matrix(&rows), vec![-INF; 40], vec![1.0; 40]);
    let (out, _) = solve(&p);
    close(&out.x, &[0.0, 0.0, 1.0], 1e-12);
}

/// Vertices: as many tight bounds and rows as variables, or more.
#[test]
fn vertices_agree_with_the_active_set() {
    let mut rng = Rng::seeded(51);
    for k in 0..100 {
        let n = 2 + k % 15;
        let corner = vec![1.0; n];
        let rows: Vec<_> = (0..2 * n * n).map(|e| (e / n, e % n, rng.normal())).collect();
        let a = Csc::from_triplets(2 * n, n, &rows).unwrap();
        let mut ax = vec![0.0; 2 * n];
        a.mul_add(1.0, &corner, &mut ax);
        let c = (0..n).map(|_| 5.0 * rng.normal()).collect();
        let p = Program::linear(c).with_quadratic(identity(n)).with_rows(a, vec![-INF; 2 * n], ax).with_bounds(vec![-INF; n], corner);
        let ((out, info), (theirs, _)) = (solve(&p), reference(&p));
        assert_eq!(info.status, Status::Optimal, "instance {k}");
        close(&out.x, &theirs.x, 1e-8);
    }
}

#[test]
fn zero_rows_are_satisfied_or_not() {
    let with = |lo: f64, up: f64| {
        let rows = matrix(&[&[0.0, 0.0], &[1.0, 1.0]]);
        solve(&Program::linear(vec![1.0, 2.0]).with_quadratic(identity(2)).with_rows(rows, vec![lo, -1.0], vec![up, 1.0])).1.status
    };
    assert_eq!(with(0.0, 0.0), Status::Optimal);
    assert_eq!(with(-1.0, 1.0), Status::Optimal);
    assert_eq!(with(0.5, 1.0), Status::Infeasible);
    assert_eq!(with(0.5, 0.5), Status::Infeasible);
    let empty = Program::linear(vec![1.0]).with_quadratic(identity(1)).with_rows(Csc::empty(1, 1), vec![0.0], vec![0.0]);
    assert_eq!(solve(&empty).1.status, Status::Optimal);
}

/// Variables 0 and 2 are fixed; the others move as if the fixed ones were numbers.
#[test]
fn fixed_variables_are_numbers() {
    let p = Program::linear(vec![1.0, 1.0, 1.0])
        .with_quadratic(identity(3))
        .with_rows(matrix(&[&[1.0, 1.0, 1.0]]), vec![0.0], vec![INF])
        .with_bounds(vec![-1.0, -INF, -0.5], vec![-1.0, INF, -0.5]);
    let (out, _) = solve(&p);
    close(&out.x, &[-1.0, 1.5, -0.5], 1e-14);
    assert_eq!(out.bound_side, [Side::Upper, Side::Free, Side::Upper]);
    close(&out.row_dual, &[-2.5], 1e-14);
    close(&out.bound_dual, &[2.5, 0.0, 2.0], 1e-14);
}

/// All variables fixed, so that the rows are a check.
#[test]
fn nothing_left_to_choose() {
    let p = |right: f64| {
        let program = Program::linear(vec![1.0, -1.0]).with_quadratic(identity(2)).with_bounds(vec![1.0, 2.0], vec![1.0, 2.0]);
        solve(&program.with_rows(matrix(&[&[1.0, 1.0]]), vec![right], vec![right])).1.status
    };
    assert_eq!((p(3.0), p(3.1)), (Status::Optimal, Status::Infeasible));
}

/// Zero costs and a feasible zero; a row that is tight there is flagged.
#[test]
fn zero_costs() {
    let p = |up: f64| {
        solve(&Program::linear(vec![0.0; 3]).with_quadratic(identity(3)).with_rows(matrix(&[&[1.0, 2.0, 3.0]]), vec![-INF], vec![up]))
    };
    let (out, info) = p(1.0);
    assert_eq!((out.x, out.row_dual, info.degenerate), (vec![0.0; 3], vec![0.0], false));
    assert!(p(0.0).1.degenerate);
}

/// min 1/2 x^2 - 2x with x <= 1 as a bound, as a row, as both; and without variables at all.
#[test]
fn one_variable_and_none() {
    let base = || Program::linear(vec![-2.0]).with_quadratic(identity(1));
    let (row, one) = (matrix(&[&[1.0]]), vec![1.0]);
    let bound = solve(&base().with_bounds(vec![-INF], one.clone())).0;
    assert_eq!((bound.x, bound.bound_dual), (one.clone(), one.clone()));
    let by_row = solve(&base().with_rows(row.clone(), vec![-INF], one.clone())).0;
    close(&by_row.x, &one, 1e-15);
    close(&by_row.row_dual, &one, 1e-15);
    close(&solve(&base().with_rows(row, vec![-INF], one.clone()).with_bounds(vec![-INF], one.clone())).0.x, &one, 1e-15);
    assert_eq!(solve(&Program::linear(Vec::new())).1.status, Status::Optimal);
}

/// A row without finite sides says nothing, and its place in the answer is zero.
#[test]
fn rows_with_infinite_sides() {
    let rows = matrix(&[&[1.0, 1.0], &[1.0, -1.0], &[2.0, 1.0]]);
    let p = Program::linear(vec![-1.0, -2.0]).with_quadratic(identity(2)).with_rows(rows, vec![-INF, -INF, -INF], vec![INF, 0.0, INF]);
    let (out, _) = solve(&p);
    close(&out.x, &[1.0, 2.0], 1e-15);
    assert_eq!((out.row_dual, out.row_side), (vec![0.0; 3], vec![Side::Free; 3]));
}
