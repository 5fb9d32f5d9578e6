//! The three derivatives against differences, against the separable solver's, and against each other.

use dfl_core::{Adjoint, DifferentiableSolver, Rng, Solution, Solver, Status};
use dfl_solvers::{Dys, DysDerivative, DysOptions};

use crate::{cases, close, dot, draw, pull, solve};

/// Largest difference between a gradient and central differences of `x . cotangent`; `None` at a kink, where they differ from each other.
fn error(solver: &Dys, theta: &[f64], cotangent: &[f64], gradient: &[f64]) -> Option<f64> {
    let value = |theta: &[f64]| dot(&solve(solver, theta, None).0.x, cotangent);
    let mut worst = 0.0_f64;
    for j in 0..theta.len() {
        let at = |h: f64| {
            let mut moved = theta.to_vec();
            moved[j] += h;
            value(&moved)
        };
        let (wide, narrow) = ((at(2e-5) - at(-2e-5)) / 4e-5, (at(1e-5) - at(-1e-5)) / 2e-5);
        if (wide - narrow).abs() > 1e-4 * (1.0 + narrow.abs()) {
            return None;
        }
        worst = worst.max((gradient[j] - narrow).abs() / (1.0 + narrow.abs()));
    }
    Some(worst)
}

/// How many of so many gradients were at a kink, of the others each as near to differences as `tolerance`.
fn kinks(options: &DysOptions, seed: u64, tolerance: f64) -> (usize, usize) {
    let (mut rng, mut all, mut skipped) = (Rng::seeded(seed), 0, 0);
    for case in cases(&mut rng) {
        let solver = case.solver(options.clone());
        let cotangent = draw(solver.dims().x, &mut rng);
        let (_, _, gradient) = pull(&solver, &case.theta, None, &cotangent);
        all += 1;
        match error(&solver, &case.theta, &cotangent, &gradient) {
            Some(error) => assert!(error <= tolerance, "{}, seed {seed}: {error:.1e}", case.name),
            None => skipped += 1,
        }
    }
    (all, skipped)
}

/// The K-step map is piecewise affine: differences are exact up to rounding, for few steps and many, with steps beyond 1 / mu, and without
/// a quadratic term.
#[test]
fn the_unrolled_gradient_is_that_of_the_steps_taken() {
    let fixed = |mu, step, iterations| DysOptions::fixed(mu, step, iterations, DysDerivative::Unrolled);
    let (mut all, mut skipped) = (0, 0);
    for seed in 0..6 {
        for options in [fixed(0.5, 0.7, 1), fixed(0.5, 3.0, 13), fixed(0.0, 0.4, 40), fixed(0.1, 1.0, 150)] {
            let (count, at_kink) = kinks(&options, seed, 1e-7);
            (all, skipped) = (all + count, skipped + at_kink);
        }
    }
    assert!(10 * skipped <= all, "{skipped} of {all} at kinks");
}

#[test]
fn the_implicit_gradient_is_that_of_the_optimum() {
    let options = DysOptions { mu: 0.5, tolerance: 1e-13, iterations: 500_000, ..Default::default() };
    let (mut all, mut skipped) = (0, 0);
    for seed in 10..16 {
        let (count, at_kink) = kinks(&options, seed, 1e-6);
        (all, skipped) = (all + count, skipped + at_kink);
    }
    assert!(10 * skipped <= all, "{skipped} of {all} at kinks");
}

/// Gradients and flags of the solver that knows the tight constraints; unrolled to the end, the same.
#[test]
fn the_separable_solver_has_the_same_gradient() {
    let mut rng = Rng::seeded(6);
    for _ in 0..6 {
        for case in cases(&mut rng) {
            let solver = case.solver(DysOptions { mu: 0.4, tolerance: 1e-12, iterations: 200_000, ..Default::default() });
            let cotangent = draw(solver.dims().x, &mut rng);
            let (_, info, gradient) = pull(&solver, &case.theta, None, &cotangent);
            let (_, exact, expected) = pull(&case.reference(0.4), &case.theta, None, &cotangent);
            assert_eq!((info.status, info.degenerate), (Status::Optimal, exact.degenerate), "{}", case.name);
            close(&gradient, &expected, 1e-8, case.name);
            let unrolled = case.solver(DysOptions::fixed(0.4, 1.0, 4000, DysDerivative::Unrolled));
            close(&pull(&unrolled, &case.theta, None, &cotangent).2, &expected, 1e-6, case.name);
        }
    }
}

/// The Jacobian-free gradient is the unrolled one of a single step from the iterate before.
#[test]
fn the_jacobian_free_gradient_is_that_of_the_last_step() {
    let mut rng = Rng::seeded(7);
    for case in cases(&mut rng) {
        let by = |iterations, derivative| case.solver(DysOptions::fixed(0.5, 0.7, iterations, derivative));
        let last = by(20, DysDerivative::JacobianFree);
        let cotangent = draw(last.dims().x, &mut rng);
        let (answer, _, gradient) = pull(&last, &case.theta, None, &cotangent);
        let before = solve(&by(19, DysDerivative::JacobianFree), &case.theta, None).0;
        let (after, _, step) = pull(&by(1, DysDerivative::Unrolled), &case.theta, Some(&before), &cotangent);
        close(&answer.x, &after.x, 1e-12, case.name);
        close(&gradient, &step, 1e-12, case.name);
    }
}

/// `<J' g, d> = <g, J d>` for each kind.
#[test]
fn forward_and_backward_are_transposed() {
    let mut rng = Rng::seeded(8);
    for case in cases(&mut rng) {
        for derivative in [DysDerivative::Implicit, DysDerivative::JacobianFree, DysDerivative::Unrolled] {
            let solver = case.solver(DysOptions::fixed(0.5, 0.7, 30, derivative));
            let (g, d) = (draw(solver.dims().x, &mut rng), draw(case.theta.len(), &mut rng));
            let (mut ws, mut out, mut u) = (solver.workspace().unwrap(), Solution::default(), Adjoint::default());
            let mut info = solver.solve(&case.theta, None, &mut ws, &mut out).unwrap();
            let tape = solver.tape(&case.theta, &out, &mut ws, &mut info).unwrap();
            let mut dx = vec![f64::NAN; solver.dims().x];
            solver.jvp(&tape, &d, &mut u, &mut dx).unwrap();
            let pulled = dot(&pull(&solver, &case.theta, None, &g).2, &d);
            assert!((dot(&g, &dx) - pulled).abs() <= 1e-11 * (1.0 + pulled.abs()), "{}: {} against {pulled}", case.name, dot(&g, &dx));
        }
    }
}
