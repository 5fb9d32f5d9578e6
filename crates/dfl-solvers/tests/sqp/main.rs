//! Decisions of least energy: optima against closed forms and the stochastic program, derivatives against differences and second computations.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed helper fails its test, and figures are printed with it")]

#[path = "../stochastic/costs.rs"]
#[allow(dead_code, reason = "shared with the tests of stochastic programs")]
mod costs;
#[path = "../support/counting.rs"]
mod counting;
mod derivative;
mod energies;
#[path = "../stochastic/helpers.rs"]
#[allow(dead_code, reason = "shared with the tests of stochastic programs")]
mod helpers;
mod optimum;
mod surrogate;
