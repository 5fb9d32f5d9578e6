//! The dual active-set solver against answers found in other ways: by hand, by construction, by enumeration, from a collection.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers may fail their test, and say what they skip")]

mod degenerate;
mod derivative;
mod enumerate;
mod linear;
mod maros_meszaros;
mod optimum;
mod refusals;
mod warm;

use dfl_core::{Csc, ParamMap, Program, ProgramSolver, Residuals, Solution, SolveInfo, Solver, Status};
use dfl_solvers::{ActiveSet, ActiveSetOptions};

const INF: f64 = f64::INFINITY;

fn solver(program: Program, params: ParamMap) -> ActiveSet {
    ActiveSet::new(program, params, ActiveSetOptions::default()).expect("a convex program")
}

/// Solves a program as it stands and checks that an optimum is one, by the definition of the core.
fn solve(program: &Program) -> (Solution, SolveInfo) {
    let solver = solver(program.clone(), ParamMap::new(0));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let info = solver.solve(&[], None, &mut ws, &mut out).unwrap();
    if info.status == Status::Optimal {
        let worst = Residuals::of(solver.program(&ws), &out).worst();
        assert!(worst <= 1e-8, "residual {worst:.1e}");
        assert!((out.objective - program.objective(&out.x)).abs() <= 1e-9 * (1.0 + out.objective.abs()));
    }
    (out, info)
}

fn status(program: &Program) -> Status {
    solve(program).1.status
}

/// From dense rows.
fn matrix(rows: &[&[f64]]) -> Csc {
    let n = rows.first().map_or(0, |r| r.len());
    let entries: Vec<_> = rows.iter().enumerate().flat_map(|(i, r)| r.iter().enumerate().map(move |(j, &v)| (i, j, v))).collect();
    Csc::from_triplets(rows.len(), n, &entries).unwrap()
}

fn identity(n: usize) -> Csc {
    Csc::diagonal(&vec![1.0; n])
}

#[track_caller]
fn close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (k, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "entry {k}: {a} against {b}");
    }
}
