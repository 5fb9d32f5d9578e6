//! Derivatives of answers: against central differences, a second implementation and closed forms, and where there is none.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers may fail their test, and show the errors")]

mod cones;
mod degenerate;
mod directional;
mod random;
mod reference;
mod sparse;
mod value;

use dfl_core::{
    Adjoint, Cotangent, Csc, DifferentiableSolver, Dims, ParamMap, Program, ProgramSolver, Result, Rng, Solution, SolveInfo, Solver, Status,
};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Kkt};

fn active_set(program: Program, params: ParamMap) -> ActiveSet {
    ActiveSet::new(program, params, ActiveSetOptions::default()).expect("a convex program")
}

fn draw(rng: &mut Rng, n: usize) -> Vec<f64> {
    (0..n).map(|_| rng.normal()).collect()
}

/// From dense rows; zeros are not stored.
fn matrix(rows: &[&[f64]]) -> Csc {
    let n = rows.first().map_or(0, |r| r.len());
    let entries = rows.iter().enumerate().flat_map(|(i, r)| r.iter().enumerate().map(move |(j, &v)| (i, j, v)));
    Csc::from_triplets(rows.len(), n, &entries.filter(|e| e.2 != 0.0).collect::<Vec<_>>()).unwrap()
}

/// Largest difference, relative to the largest expected entry (at least 1).
#[track_caller]
fn error(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(1.0_f64, |a, v| a.max(v.abs()));
    got.iter().zip(expected).fold(0.0_f64, |a, (g, e)| if (g - e).is_nan() { f64::NAN } else { a.max((g - e).abs()) }) / scale
}

#[track_caller]
fn close(got: &[f64], expected: &[f64], tolerance: f64) {
    let error = error(got, expected);
    assert!(error <= tolerance, "{error:.1e}: {got:?} against {expected:?}");
}

/// An answer known from elsewhere, as a backend without cones or with a fixed choice of sides would give it.
struct Fixed {
    program: Program,
    params: ParamMap,
    solution: Solution,
}

impl Solver for Fixed {
    type Workspace = ();
    fn name(&self) -> &'static str {
        "fixed"
    }
    fn dims(&self) -> Dims {
        Dims { theta: self.params.theta(), x: self.program.n(), rows: self.program.m() }
    }
    fn workspace(&self) -> Result<()> {
        Ok(())
    }
    fn solve(&self, _theta: &[f64], _from: Option<&Solution>, (): &mut (), out: &mut Solution) -> Result<SolveInfo> {
        out.clone_from(&self.solution);
        Ok(SolveInfo { status: Status::Optimal, iterations: 1, degenerate: false })
    }
}

impl ProgramSolver for Fixed {
    fn params(&self) -> &ParamMap {
        &self.params
    }
    fn program<'a>(&'a self, (): &'a ()) -> &'a Program {
        &self.program
    }
}

/// An answer with its tape.
struct Taped<S: DifferentiableSolver> {
    solver: S,
    tape: S::Tape,
    solution: Solution,
    degenerate: bool,
}

impl<S: DifferentiableSolver> Taped<S> {
    fn new(solver: S, theta: &[f64]) -> Self {
        let (mut ws, mut solution) = (solver.workspace().unwrap(), Solution::default());
        let mut info = solver.solve(theta, None, &mut ws, &mut solution).unwrap();
        assert_eq!(info.status, Status::Optimal);
        let tape = solver.tape(theta, &solution, &mut ws, &mut info).unwrap();
        Self { solver, tape, solution, degenerate: info.degenerate }
    }

    fn vjp(&self, cotangent: Cotangent<'_>) -> (Vec<f64>, Adjoint) {
        let (mut u, mut gradient) = (Adjoint::default(), vec![f64::NAN; self.solver.dims().theta]);
        self.solver.vjp(&self.tape, cotangent, &mut u, &mut gradient).unwrap();
        (gradient, u)
    }

    /// The tangent of the decision, and those of the duals in the adjoint.
    fn jvp(&self, dtheta: &[f64]) -> (Vec<f64>, Adjoint) {
        let (mut u, mut dx) = (Adjoint::default(), vec![f64::NAN; self.solver.dims().x]);
        self.solver.jvp(&self.tape, dtheta, &mut u, &mut dx).unwrap();
        (dx, u)
    }
}

/// The same answer with both tapes: the active set's own, and that of any backend.
fn both(program: &Program, params: &ParamMap, theta: &[f64]) -> (Taped<ActiveSet>, Taped<Kkt<ActiveSet>>) {
    let solver = active_set(program.clone(), params.clone());
    (Taped::new(solver.clone(), theta), Taped::new(Kkt::new(solver), theta))
}
