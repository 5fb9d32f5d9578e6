//! What is not accepted, and limits.

use dfl_core::{Cone, Csc, Entry, Error, ParamMap, Program, Result, Solution, Solver, Status};
use dfl_solvers::{Grid, Separable, SeparableOptions};

use crate::{INF, identity, solver};

fn box_program() -> Program {
    Program::linear(vec![-1.0; 2]).with_quadratic(identity(2)).with_bounds(vec![0.0; 2], vec![0.5; 2])
}

fn new(program: Program) -> Result<Separable> {
    Separable::new(program, ParamMap::new(0), SeparableOptions::default())
}

#[test]
fn integers_and_cones_are_refused() {
    let integers = box_program().with_integers(vec![true, false]);
    assert!(matches!(new(integers), Err(Error::Unsupported { what: "integer variables", .. })));
    let cone = Cone { f: Csc::empty(1, 2), g: vec![0.0], d: vec![0.0; 2], e: 1.0 };
    let cones = Program { cones: vec![cone], ..box_program() };
    assert!(matches!(new(cones), Err(Error::Unsupported { what: "second-order cones", .. })));
}

#[test]
fn a_quadratic_term_that_is_not_a_positive_diagonal_is_refused() {
    let with = |triplets: &[(usize, usize, f64)]| new(box_program().with_quadratic(Csc::from_triplets(2, 2, triplets).unwrap()));
    assert!(matches!(with(&[(0, 0, 1.0), (0, 1, 0.1), (1, 1, 1.0)]), Err(Error::Unsupported { who: "separable", .. })));
    assert!(matches!(with(&[(0, 0, 1.0), (0, 1, 0.0), (1, 1, 1.0)]), Err(Error::Unsupported { .. })));
    assert!(matches!(with(&[(0, 0, 1.0)]), Err(Error::Unsupported { .. })));
    assert!(matches!(with(&[(0, 0, 1.0), (1, 1, 0.0)]), Err(Error::Unsupported { .. })));
    assert!(matches!(with(&[(0, 0, 1.0), (1, 1, -1.0)]), Err(Error::NotConvex { row: 1, pivot: -1.0 })));
}

/// ... and when `theta` makes it so; the next solve is not disturbed.
#[test]
fn a_predicted_quadratic_term_is_judged_each_time() {
    let s = solver(box_program(), ParamMap::new(1).link(Entry::P(0), 0, 1.0));
    let (mut ws, mut out) = (s.workspace().unwrap(), Solution::default());
    assert!(matches!(s.solve(&[-3.0], None, &mut ws, &mut out), Err(Error::NotConvex { row: 0, pivot: -2.0 })));
    assert!(matches!(s.solve(&[-1.0], None, &mut ws, &mut out), Err(Error::Unsupported { .. })));
    assert_eq!(s.solve(&[3.0], None, &mut ws, &mut out).unwrap().status, Status::Optimal);
    assert_eq!(out.x, [0.25, 0.5]);
}

#[test]
fn options_outside_their_range_are_refused() {
    for tolerance in [0.0, f64::NAN, 1.0] {
        let options = SeparableOptions { tolerance, ..Default::default() };
        assert!(matches!(Separable::new(box_program(), ParamMap::new(0), options), Err(Error::Domain { .. })));
    }
}

#[test]
fn numbers_must_be_finite_and_of_their_length() {
    let s = solver(box_program(), ParamMap::costs(2));
    let (mut ws, mut out) = (s.workspace().unwrap(), Solution::default());
    for bad in [f64::NAN, INF] {
        let got = s.solve(&[0.0, bad], None, &mut ws, &mut out);
        assert!(matches!(got, Err(Error::NotFinite { what: "theta", column: 1, .. })), "{got:?}");
    }
    assert!(matches!(s.solve(&[0.0], None, &mut ws, &mut out), Err(Error::Dimension { .. })));
    let wrong = Solution::zeros(3, 0);
    assert!(matches!(s.solve(&[0.0; 2], Some(&wrong), &mut ws, &mut out), Err(Error::Dimension { .. })));
    let mut bad = box_program();
    bad.c[0] = f64::NAN;
    assert!(matches!(new(bad), Err(Error::NotFinite { .. })));
}

#[test]
fn bounds_that_theta_crosses_are_infeasible() {
    let s = solver(box_program(), ParamMap::new(1).link(Entry::Up(0), 0, 1.0));
    let (mut ws, mut out) = (s.workspace().unwrap(), Solution::default());
    assert_eq!(s.solve(&[-1.0], None, &mut ws, &mut out).unwrap().status, Status::Infeasible);
    assert_eq!(s.solve(&[-0.25], None, &mut ws, &mut out).unwrap().status, Status::Optimal);
    assert_eq!(out.x, [0.25, 0.5]);
}

/// Every status without a decision leaves zeros.
#[test]
fn a_limit_ends_without_an_answer() {
    let grid = Grid::new(5, 5).unwrap();
    let program = Program { c: vec![1.0; grid.arcs()], ..grid.program() }.with_quadratic(Csc::diagonal(&vec![1.0; grid.arcs()]));
    for (options, steps) in
        [(SeparableOptions { iterations: 1, ..Default::default() }, 1), (SeparableOptions { seconds: Some(0.0), ..Default::default() }, 0)]
    {
        let s = Separable::new(program.clone(), ParamMap::new(0), options).unwrap();
        let (mut ws, mut out) = (s.workspace().unwrap(), Solution::default());
        let info = s.solve(&[], None, &mut ws, &mut out).unwrap();
        assert_eq!((info.status, info.iterations, out), (Status::Limit, steps, Solution::zeros(grid.arcs(), grid.nodes())));
    }
    let wrong = SeparableOptions { seconds: Some(f64::NAN), ..Default::default() };
    assert!(matches!(Separable::new(program, ParamMap::new(0), wrong), Err(Error::Domain { what: "SeparableOptions::seconds", .. })));
}
