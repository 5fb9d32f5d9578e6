//! Problems from files with known optima, through the reader and every backend that is built in.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that panics has failed, and the tables are what it shows")]

#[cfg(feature = "highs")]
mod conflicts;
mod generated;
#[cfg(feature = "highs")]
mod highs_instances;
mod maros_meszaros;

use dfl_core::{Error, Program};
use dfl_solvers::{Answer, Backend, Limits};

/// Seconds for one backend on one problem; a safety stop, since none comes near it.
const SECONDS: f64 = 120.0;

/// The answer of one backend; none if it does not take such a problem.
fn solve(backend: Backend, program: &Program) -> Option<Answer> {
    match backend.solve(program, &Limits { seconds: Some(SECONDS), ..Limits::default() }) {
        Ok(answer) => Some(answer),
        Err(Error::Unsupported { .. }) => None,
        Err(error) => panic!("{backend}: {error}"),
    }
}
