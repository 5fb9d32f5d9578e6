//! The problems of Maros and Meszaros that are at hand.

use dfl_core::Error;
use dfl_solvers::{Backend, Limits, read_problem};

use super::{distance, solve, suites, table};

/// Up to this many variables the active set is meant to be used.
const LARGEST: usize = 300;
const TOLERANCE: f64 = 1e-6;

/// Each has its published optimum by two backends; up to 300 variables the active set is one of them. Clarabel and OSQP are features.
#[test]
fn every_optimum_by_two_backends() {
    let mut missed = Vec::new();
    for row in table("maros_meszaros_reference.csv") {
        let (name, n, best): (&str, usize, f64) = (&row[0], row[1].parse().unwrap(), row[5].parse().unwrap());
        let path = suites().join(format!("maros_meszaros/{name}.json"));
        if name == "VALUES" || !path.exists() {
            continue;
        }
        let problem = read_problem(&path).unwrap();
        assert_eq!(problem.program.n(), n, "{name}");
        let (mut right, mut line) = (Vec::new(), format!("{name:<10} n = {n:<4}"));
        for backend in [Backend::ActiveSet, Backend::Osqp, Backend::Clarabel] {
            let Some(answer) = solve(backend, &problem) else { continue };
            let error = distance(&problem, &answer, best);
            let residual = answer.residuals.map_or(f64::NAN, |r| r.worst());
            line += &format!(" | {backend}: {} {} error {error:.1e} residual {residual:.1e}", answer.info.status, answer.info.iterations);
            if error <= TOLERANCE {
                right.push(backend);
            }
        }
        println!("{line}");
        let others = [Backend::Osqp, Backend::Clarabel].into_iter().filter(|b| b.built_in()).count();
        if right.len() < others.min(1) + 1 || (n <= LARGEST && !right.contains(&Backend::ActiveSet)) {
            missed.push(name.to_owned());
        }
    }
    assert!(missed.is_empty(), "missed: {missed:?}");
}

#[test]
fn the_one_that_is_not_convex_is_refused_by_all() {
    let path = suites().join("maros_meszaros/VALUES.json");
    if table("maros_meszaros_reference.csv").is_empty() || !path.exists() {
        return;
    }
    let problem = read_problem(&path).unwrap();
    for backend in [Backend::Auto, Backend::ActiveSet, Backend::Osqp, Backend::Clarabel].into_iter().filter(|b| b.built_in()) {
        let refused = backend.solve(&problem.program, &Limits::default());
        assert!(matches!(refused, Err(Error::NotConvex { .. })), "{backend}: {refused:?}");
    }
}
