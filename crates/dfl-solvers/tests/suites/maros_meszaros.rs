//! The problems of Maros and Meszaros: what one backend says of each, another confirms.

#[path = "../support/maros_meszaros.rs"]
mod problems;

use dfl_core::{Error, Status};
use dfl_solvers::{Backend, Limits};

use super::solve;

/// Up to this many variables the active set is meant to be used.
const LARGEST: usize = 300;
const TOLERANCE: f64 = 1e-6;
const OTHERS: [Backend; 2] = [Backend::Osqp, Backend::Clarabel];

/// Each has its published optimum by two backends, if there is one besides the active set; up to 300 variables that is one of them.
#[test]
fn every_optimum_by_two_backends() {
    let mut missed = Vec::new();
    let needed = 1 + OTHERS.into_iter().filter(|b| b.built_in()).count().min(1);
    for (name, n, best) in problems::instances().into_iter().filter(|i| i.0 != "VALUES") {
        let program = problems::read(&name);
        assert_eq!(program.n(), n, "{name}");
        let (mut right, mut line) = (Vec::new(), format!("{name:<10} n = {n:<4}"));
        for backend in [Backend::ActiveSet].into_iter().chain(OTHERS).filter(|b| b.built_in()) {
            let answer = solve(backend, &program).expect("all take quadratic programs");
            let error = problems::error(answer.solution.objective, best);
            let residual = answer.residuals.map_or(f64::NAN, |r| r.worst());
            line += &format!(" | {backend}: {} {} error {error:.1e} residual {residual:.1e}", answer.info.status, answer.info.iterations);
            if answer.info.status == Status::Optimal && error <= TOLERANCE {
                right.push(backend);
            } else if answer.info.status == Status::Optimal {
                missed.push(format!("{name}: {backend} takes another point for the optimum"));
            }
        }
        println!("{line}");
        if right.len() < needed || (n <= LARGEST && !right.contains(&Backend::ActiveSet)) {
            missed.push(format!("{name}: only {right:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn the_one_that_is_not_convex_is_refused_by_all() {
    if problems::instances().iter().any(|i| i.0 == "VALUES") {
        let program = problems::read("VALUES");
        for backend in [Backend::Auto, Backend::ActiveSet].into_iter().chain(OTHERS).filter(|b| b.built_in()) {
            let refused = backend.solve(&program, &Limits::default());
            assert!(matches!(refused, Err(Error::NotConvex { .. })), "{backend}: {refused:?}");
        }
    }
}
