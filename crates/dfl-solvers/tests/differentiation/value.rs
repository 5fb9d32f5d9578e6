//! Gradients of the optimal value, from an answer alone.

use dfl_core::testkit::{gradient_error, random_qp};
use dfl_core::{Csc, Entry, ParamMap, Program, ProgramSolver, Rng, Solution, Status};
use dfl_solvers::{ActiveSet, value_gradient};

use crate::{active_set, close, matrix};

/// The gradient at `theta`, and its error against central differences of the optimal value.
fn gradient<S: ProgramSolver>(solver: &S, theta: &[f64], step: f64) -> (Vec<f64>, f64) {
    let (mut ws, mut out, mut grad) = (solver.workspace().unwrap(), Solution::default(), vec![f64::NAN; theta.len()]);
    assert_eq!(solver.solve(theta, None, &mut ws, &mut out).unwrap().status, Status::Optimal);
    value_gradient(solver.program(&ws), solver.params(), &out, &mut grad).unwrap();
    let error = gradient_error(theta, &grad, step, |at| {
        solver.solve(at, None, &mut ws, &mut out).unwrap();
        out.objective
    });
    (grad, error)
}

/// Values are exact to about 1e-13 and move by the gradient times the step: with a step of 1e-6 rounding leaves 1e-7, and curvature 1e-8
/// (a hundred times that with 1e-5).
fn check_random<S: ProgramSolver>(name: &str, seed: u64, tolerance: f64, make: impl Fn(Program, ParamMap) -> S) {
    let (mut rng, mut worst) = (Rng::seeded(seed), 0.0_f64);
    for k in 0..200 {
        let q = random_qp(1 + k % 12, k % 15, &mut rng);
        worst = worst.max(gradient(&make(q.base, q.params), &q.theta, 1e-6).1);
    }
    println!("{name}: largest relative error of 200 value gradients {worst:.1e}");
    assert!(worst < tolerance, "{name}: {worst:.1e}");
}

#[test]
fn value_gradients_match_central_differences() {
    check_random("active set", 61, 1e-6, active_set);
}

#[cfg(feature = "osqp")]
#[test]
fn value_gradients_of_osqp_match_central_differences() {
    check_random("osqp", 62, 1e-6, |program, params| dfl_solvers::Osqp::new(program, params, Default::default()).unwrap());
}

/// min c'x over x1 + x2 = b, x >= 0: V = b min(c), by hand, and the same where the vertex does not move.
#[test]
fn a_linear_program_by_hand() {
    let program = Program::linear(vec![1.0, 3.0]).with_rows(matrix(&[&[1.0, 1.0]]), vec![2.0], vec![2.0]);
    let program = program.with_bounds(vec![0.0; 2], vec![f64::INFINITY; 2]);
    let params = ParamMap::new(4).link(Entry::C(0), 0, 1.0).link(Entry::C(1), 1, 1.0).rhs(0, 2, 1.0).link(Entry::Lo(1), 3, 1.0);
    let (grad, error) = gradient(&active_set(program, params), &[0.0; 4], 1e-5);
    // x = (2, 0), V moves with b at c1 = 1, and with the bound of x2 at c2 - c1 = 2.
    close(&grad, &[2.0, 0.0, 1.0, 2.0], 1e-9);
    assert!(error < 1e-8, "{error:.1e}");
}

/// The same equality twice: duals are not unique, the value has a derivative only along changes that keep both, and the gradient gives it.
#[test]
fn along_consistent_changes_dependent_equalities_have_a_derivative() {
    let twice = matrix(&[&[1.0, 1.0], &[1.0, 1.0]]);
    let program = Program::linear(vec![1.0, 0.0]).with_quadratic(Csc::diagonal(&[1.0, 1.0])).with_rows(twice, vec![2.0; 2], vec![2.0; 2]);
    let (_, error) = gradient::<ActiveSet>(&active_set(program, ParamMap::new(1).rhs(0, 0, 1.0).rhs(1, 0, 1.0)), &[0.0], 1e-4);
    assert!(error < 1e-8, "{error:.1e}");
}
