//! Earlier answers as starts.

use dfl_core::{Rng, Status};
use dfl_solvers::{DysDerivative, DysOptions};

use crate::{cases, close, solve};

/// An answer holds the whole state: fifty steps and fifty more from there are a hundred.
#[test]
fn an_answer_is_where_the_next_steps_begin() {
    let mut rng = Rng::seeded(9);
    for case in cases(&mut rng) {
        let by = |iterations| case.solver(DysOptions::fixed(0.3, 0.9, iterations, DysDerivative::JacobianFree));
        let half = solve(&by(50), &case.theta, None).0;
        let (whole, onward) = (solve(&by(100), &case.theta, None).0, solve(&by(50), &case.theta, Some(&half)).0);
        close(&onward.x, &whole.x, 1e-11, case.name);
        close(&onward.bound_dual, &whole.bound_dual, 1e-10, case.name);
    }
}

/// From its own answer no step is needed, from that of a nearby cost fewer in all; and the optimum is the same.
#[test]
fn a_start_saves_steps() {
    let (mut cold, mut near) = (0, 0);
    let mut rng = Rng::seeded(10);
    for _ in 0..5 {
        for case in cases(&mut rng) {
            let solver = case.solver(DysOptions { mu: 0.3, tolerance: 1e-8, iterations: 100_000, ..Default::default() });
            let (out, info) = solve(&solver, &case.theta, None);
            let (_, again) = solve(&solver, &case.theta, Some(&out));
            assert!(again.status == Status::Optimal && again.iterations <= 1, "{}: {} steps", case.name, again.iterations);
            let moved: Vec<f64> = case.theta.iter().map(|t| t * (1.0 + 1e-3 * rng.normal())).collect();
            let (fresh, alone) = solve(&solver, &moved, None);
            let (warm, helped) = solve(&solver, &moved, Some(&out));
            close(&warm.x, &fresh.x, 1e-5, case.name);
            (cold, near) = (cold + alone.iterations, near + helped.iterations);
            assert_eq!((info.status, helped.status), (Status::Optimal, Status::Optimal));
        }
    }
    assert!(4 * near < 3 * cold, "{near} steps in place of {cold}");
}
