//! Stochastic programs: optima against closed forms and linear programs, derivatives against differences, a dense second implementation
//! and the derivative of the true expectation.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed helper fails its test, and figures are printed with it")]

mod adjoint;
mod costs;
mod curvature;
mod helpers;
mod nonconvex;
mod optimum;
mod refusals;
mod score;
