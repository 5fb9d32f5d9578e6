//! Programs without an answer, and those that are refused.

use dfl_core::{Cone, Csc, Entry, Error, ParamMap, Program, Solver as _, Status};
use dfl_solvers::{Barrier, BarrierOptions};

use super::{solve, unit_box};

const NONE: f64 = f64::INFINITY;

fn status(program: Program) -> Status {
    solve(&Barrier::new(program, ParamMap::new(0), Default::default()).unwrap(), &[]).0.status
}

fn rows(rows: usize, cols: usize, entries: &[(usize, usize, f64)]) -> Csc {
    Csc::from_triplets(rows, cols, entries).unwrap()
}

#[test]
fn infeasible_programs() {
    // x >= 1 against the row x <= 0.
    let a = rows(1, 1, &[(0, 0, 1.0)]);
    assert_eq!(
        status(Program::linear(vec![1.0]).with_rows(a, vec![-NONE], vec![0.0]).with_bounds(vec![1.0], vec![NONE])),
        Status::Infeasible
    );
    // Two rows of free variables: x + y <= 0 and x + y >= 1.
    let a = rows(2, 2, &[(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0)]);
    let program = Program::linear(vec![1.0, -2.0]).with_rows(a, vec![-NONE, 1.0], vec![0.0, NONE]);
    assert_eq!(status(program), Status::Infeasible);
    // An equality out of the box's reach.
    let a = rows(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]);
    let program = Program::linear(vec![1.0, 1.0]).with_rows(a, vec![3.0], vec![3.0]).with_bounds(vec![0.0; 2], vec![1.0; 2]);
    assert_eq!(status(program), Status::Infeasible);
    // Crossed by theta.
    let (program, _) = unit_box(1);
    let crossing = Barrier::new(program, ParamMap::new(1).link(Entry::Lo(0), 0, 1.0), Default::default()).unwrap();
    assert_eq!(solve(&crossing, &[2.0]).0.status, Status::Infeasible);
    assert_eq!(solve(&crossing, &[0.5]).0.status, Status::Optimal);
}

#[test]
fn unbounded_programs_and_flat_optima() {
    let above = |c: Vec<f64>| Program::linear(c).with_bounds(vec![0.0; 2], vec![NONE; 2]);
    assert_eq!(status(above(vec![1.0, -1.0])), Status::Unbounded);
    // The program has optima, all of x2 >= 0, but the logarithm has no largest value on them.
    assert_eq!(status(above(vec![1.0, 0.0])), Status::Unbounded);
    // The ray (1, 1) of x - y = 0.
    let ray = above(vec![1.0, -2.0]).with_rows(rows(1, 2, &[(0, 0, 1.0), (0, 1, -1.0)]), vec![0.0], vec![0.0]);
    assert_eq!(status(ray), Status::Unbounded);
    assert_eq!(status(above(vec![1.0, -1.0]).with_quadratic(Csc::diagonal(&[0.0, 1e-3]))), Status::Optimal);
}

/// An optimum that is merely far away: 1e-6 / 2 y^2 - 1e3 y falls until y = 1e9. Without the curvature it falls for ever.
#[test]
fn a_distant_optimum_is_an_optimum() {
    let with = |curvature| Program::linear(vec![0.0, -1e3]).with_quadratic(Csc::diagonal(&[1.0, curvature]));
    let (info, out) = solve(&Barrier::new(with(1e-6), ParamMap::new(0), Default::default()).unwrap(), &[]);
    assert_eq!(info.status, Status::Optimal);
    assert!((out.x[1] - 1e9).abs() < 1e-3, "{:?}", out.x);
    assert_eq!(status(with(0.0)), Status::Unbounded);
}

/// x + y = 0 with x, y >= 0 has the one point 0, which is inside nothing.
#[test]
fn a_program_without_interior_has_no_answer() {
    let a = rows(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]);
    let status = status(Program::linear(vec![1.0, 2.0]).with_rows(a, vec![0.0], vec![0.0]).with_bounds(vec![0.0; 2], vec![NONE; 2]));
    assert!(!status.usable(), "{status}");
}

#[test]
fn a_limit_is_reported() {
    let (program, params) = unit_box(3);
    let hurried = Barrier::new(program, params, BarrierOptions { iterations: 1, mu: 1e-6, ..Default::default() }).unwrap();
    assert_eq!(solve(&hurried, &[1.0, -2.0, 0.5]).0.status, Status::Limit);
}

#[test]
fn what_it_does_not_take_is_refused() {
    let (program, params) = unit_box(2);
    let refused = |program: &Program, options: BarrierOptions| Barrier::new(program.clone(), params.clone(), options).unwrap_err();
    for mu in [0.0, -1.0, f64::NAN, NONE] {
        let error = refused(&program, BarrierOptions { mu, ..Default::default() });
        assert!(matches!(error, Error::Domain { what: "BarrierOptions::mu", .. }), "{error}");
    }
    let error = refused(&program, BarrierOptions { tolerance: 0.1, ..Default::default() });
    assert!(matches!(error, Error::Domain { what: "BarrierOptions::tolerance", .. }));
    let error = refused(&program.clone().with_integers(vec![true, false]), Default::default());
    assert!(matches!(error, Error::Unsupported { who: "barrier", what: "integer variables" }));
    let cone = Cone { f: Csc::empty(1, 2), g: vec![0.0], d: vec![0.0; 2], e: 1.0 };
    let error = refused(&Program { cones: vec![cone], ..program.clone() }, Default::default());
    assert!(matches!(error, Error::Unsupported { who: "barrier", .. }));
    let concave = program.clone().with_quadratic(Csc::diagonal(&[1.0, -1.0]));
    assert!(matches!(refused(&concave, Default::default()), Error::NotConvex { row: 1, .. }));
    let bent = program.with_quadratic(Csc::diagonal(&[1.0, 1.0]));
    let moved = Barrier::new(bent, ParamMap::new(1).link(Entry::P(1), 0, 1.0), Default::default()).unwrap();
    let (mut ws, mut out) = (moved.workspace().unwrap(), Default::default());
    assert!(matches!(moved.solve(&[-2.0], None, &mut ws, &mut out), Err(Error::NotConvex { .. })));
    assert!(matches!(moved.solve(&[f64::NAN], None, &mut ws, &mut out), Err(Error::NotFinite { .. })));
    assert!(moved.solve(&[-0.5], None, &mut ws, &mut out).unwrap().status.usable());
}

#[test]
fn an_empty_program_is_its_constant() {
    let (info, out) =
        solve(&Barrier::new(Program { r: 3.0, ..Program::linear(vec![]) }, ParamMap::new(0), Default::default()).unwrap(), &[]);
    assert_eq!((info.status, out.objective, out.x.len()), (Status::Optimal, 3.0, 0));
}
