//! The problems of Maros and Meszaros that are at hand: the published optimum.

use dfl_core::{Error, ParamMap, Solution, Solver, Status};
use dfl_solvers::{ActiveSet, ActiveSetOptions};

use crate::solve;
use files::{error, instances, read};

#[path = "../support/maros_meszaros.rs"]
mod files;

/// Up to this size the method is meant to be used.
const LARGEST: usize = 300;

#[test]
fn published_optima_to_1e_6() {
    let mut missed = Vec::new();
    for (name, n, best) in instances().into_iter().filter(|i| i.1 <= LARGEST && i.0 != "VALUES") {
        let program = read(&name);
        let (out, info) = solve(&program);
        let error = error(out.objective, best);
        println!("{name}: n = {n}, {} after {} iterations, error {error:.1e}", info.status, info.iterations);
        if info.status != Status::Optimal || error > 1e-6 {
            missed.push(name);
        }
    }
    assert!(missed.is_empty(), "missed: {missed:?}");
}

/// From its own answer, each is found again without walking far.
#[test]
fn a_start_from_the_answer_leads_back_to_it() {
    for (name, ..) in instances().into_iter().filter(|i| i.1 <= LARGEST && i.0 != "VALUES") {
        let program = read(&name);
        let s = ActiveSet::new(program, ParamMap::new(0), ActiveSetOptions::default()).unwrap();
        let (mut ws, mut cold, mut warm) = (s.workspace().unwrap(), Solution::default(), Solution::default());
        let first = s.solve(&[], None, &mut ws, &mut cold).unwrap();
        let second = s.solve(&[], Some(&cold), &mut ws, &mut warm).unwrap();
        assert_eq!(second.status, Status::Optimal, "{name}");
        assert!(second.iterations <= first.iterations.max(4), "{name}: {} iterations, then {}", first.iterations, second.iterations);
        assert!((warm.objective - cold.objective).abs() <= 1e-8 * (1.0 + cold.objective.abs()), "{name}");
    }
}

#[test]
fn the_one_that_is_not_convex_is_refused() {
    if instances().iter().any(|i| i.0 == "VALUES") {
        let program = read("VALUES");
        assert!(matches!(ActiveSet::new(program, ParamMap::new(0), ActiveSetOptions::default()), Err(Error::NotConvex { .. })));
    }
}
