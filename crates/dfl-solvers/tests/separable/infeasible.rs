//! Programs without a feasible point.

use dfl_core::{Csc, Program, Rng, Status};
use dfl_solvers::Grid;

use crate::{INF, identity, matrix, reference, solve, sparse};

#[test]
fn contradicting_equalities() {
    for gap in [1.0, 1e-3, 1e-6] {
        let p = Program::linear(vec![0.0; 2]).with_quadratic(identity(2)).with_rows(
            matrix(&[&[1.0, 1.0], &[1.0, 1.0]]),
            vec![2.0, 2.0 + gap],
            vec![2.0, 2.0 + gap],
        );
        assert_eq!(solve(&p).1.status, Status::Infeasible, "gap {gap}");
    }
}

#[test]
fn a_box_that_misses_its_row() {
    for (right, status) in [(2.0, Status::Optimal), (2.0 + 1e-6, Status::Infeasible), (3.0, Status::Infeasible)] {
        let p = Program::linear(vec![1.0; 2])
            .with_quadratic(identity(2))
            .with_rows(matrix(&[&[1.0, 1.0]]), vec![right], vec![INF])
            .with_bounds(vec![0.0; 2], vec![1.0; 2]);
        assert_eq!(solve(&p).1.status, status, "right-hand side {right}");
    }
}

/// `x1 <= -1` by a row, `x1 >= 0` by another, neither by bounds.
#[test]
fn rows_that_exclude_each_other() {
    let p = Program::linear(vec![0.0; 2]).with_quadratic(identity(2)).with_rows(
        matrix(&[&[1.0, 2.0], &[2.0, 4.0]]),
        vec![-INF, 0.0],
        vec![-1.0, INF],
    );
    assert_eq!(solve(&p).1.status, Status::Infeasible);
}

/// More flow out of the source than into the sink.
#[test]
fn flow_that_does_not_balance() {
    for size in [3, 10] {
        let grid = Grid::new(size, size).unwrap();
        let mut p = grid.program().with_quadratic(Csc::diagonal(&vec![0.1; grid.arcs()]));
        p.c.fill(1.0);
        (p.row_lo[0], p.row_up[0]) = (1.5, 1.5);
        assert_eq!(solve(&p).1.status, Status::Infeasible);
    }
}

/// Random programs of which one row is moved out of reach: the same verdict as the active-set method's.
#[test]
fn verdicts_agree_with_the_active_set() {
    let (mut rng, mut infeasible) = (Rng::seeded(52), 0);
    for k in 0..200 {
        let mut program = sparse(2 + k % 20, 1 + k % 25, 0.4, &mut rng);
        let i = k % program.m();
        let shift = 2.0 * rng.normal();
        (program.row_lo[i], program.row_up[i]) = (program.row_lo[i] + shift, program.row_up[i] + shift);
        let (ours, theirs) = (solve(&program).1.status, reference(&program).1.status);
        assert_eq!(ours, theirs, "instance {k}");
        infeasible += usize::from(ours == Status::Infeasible);
    }
    println!("{infeasible} of 200 infeasible");
    assert!(infeasible > 20);
}
