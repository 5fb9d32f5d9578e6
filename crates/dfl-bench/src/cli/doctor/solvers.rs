//! Backends: each solves a program whose optimum is known.

use dfl_core::{Csc, Program, Status};
use dfl_solvers::{Backend, Limits};

use super::Check;

const REPORT: &str = "choose another with --backend, and report this with `dfl doctor --json`";

pub(super) fn checks() -> Vec<Check> {
    Backend::ALL.into_iter().filter(|backend| *backend != Backend::Auto).map(check).collect()
}

fn check(backend: Backend) -> Check {
    let name = backend.id();
    if let Err(missing) = backend.choose(&quadratic(), &dfl_core::ParamMap::new(0)) {
        return Check::missing(name, "not in this build", missing.to_string());
    }
    let version = backend.version().map_or_else(String::new, |version| format!("{version}, "));
    let (program, optimum) = if backend == Backend::Highs { (integer(), -4.0) } else { (quadratic(), 1.0) };
    match backend.solve(&program, &Limits::default()) {
        Ok(answer) if answer.info.status == Status::Optimal && (answer.solution.objective - optimum).abs() < 1e-6 => {
            Check::ok(name, format!("{version}solves"))
        }
        Ok(answer) => {
            let found = format!("{version}{}, objective {} where {optimum} is right", answer.info.status, answer.solution.objective);
            Check::broken(name, found, REPORT)
        }
        Err(error) => Check::broken(name, format!("{version}{error}"), REPORT),
    }
}

/// min (x^2 + y^2) / 2 for x + y = 2, x, y >= 0: 1 at (1, 1).
fn quadratic() -> Program {
    row([1.0, 1.0], 2.0).with_quadratic(Csc::diagonal(&[1.0, 1.0]))
}

/// min -x - y for 2 x + 2 y <= 9 in integers: -4.
fn integer() -> Program {
    let program = Program { c: vec![-1.0; 2], row_lo: vec![f64::NEG_INFINITY], ..row([2.0, 2.0], 9.0) };
    program.with_integers(vec![true; 2])
}

/// No objective, `a'x = side` and `x >= 0`.
fn row(a: [f64; 2], side: f64) -> Program {
    let a = Csc::from_triplets(1, 2, &[(0, 0, a[0]), (0, 1, a[1])]).expect("two entries of a row of two");
    Program::linear(vec![0.0; 2]).with_rows(a, vec![side], vec![side]).with_bounds(vec![0.0; 2], vec![f64::INFINITY; 2])
}
