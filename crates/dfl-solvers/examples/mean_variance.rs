//! The portfolio of largest `return - aversion * variance`: how it moves with returns, risk aversion and the largest holding.
//!
//! `cargo run -p dfl-solvers --example mean_variance`
#![allow(clippy::print_stdout, reason = "a program that shows something")]

#[path = "support/differences.rs"]
mod differences;

use dfl_core::Result;
use dfl_solvers::layer::{self, Bound, Target, good_lp};
use differences::{Line, compare, print};
use good_lp::{Expression, constraint, variable, variables};

const ASSETS: [&str; 4] = ["bonds", "shares", "gold", "oil"];
const RETURNS: [f64; 4] = [0.03, 0.08, 0.05, 0.02];
const COVARIANCE: [[f64; 4]; 4] =
    [[0.01, 0.004, -0.002, 0.001], [0.004, 0.09, 0.006, 0.03], [-0.002, 0.006, 0.04, 0.005], [0.001, 0.03, 0.005, 0.12]];
const AVERSION: f64 = 0.8;

/// A model of `good_lp` with a quadratic term, and its derivatives.
pub(crate) fn derivatives() -> Result<Vec<Line>> {
    let mut vars = variables!();
    let x = ASSETS.map(|name| vars.add(variable().min(0).max(0.36).name(name)));
    let expected: Expression = (0..4).map(|i| RETURNS[i] * x[i]).sum();
    let mut model = layer::maximise(vars, expected).with(constraint!(x.iter().sum::<Expression>() == 1).set_name("budget".into()));
    let pairs = || (0..4).flat_map(|i| (0..4).map(move |j| (i, j)));
    pairs().for_each(|(i, j)| model.add_quadratic(x[i], x[j], -AVERSION * COVARIANCE[i][j]));

    // From here on it is differentiated. One parameter, the aversion, moves every quadratic term.
    model.cost_of("return", &x)?;
    let variance: Vec<(Target, f64)> = pairs().map(|(i, j)| (Target::Quadratic(x[i], x[j]), -COVARIANCE[i][j])).collect();
    model.affine("aversion", AVERSION, &variance)?;
    model.bound_of("largest", Bound::Upper, &x)?;
    let layer = model.layer()?;
    let answer = layer.solve(&layer.nominal()?)?;
    println!("utility {:.6} ({})", answer.objective(), answer.status()?);
    ASSETS.iter().zip(answer.decision()).for_each(|(asset, weight)| println!("{asset:<8}{weight:.4}"));
    println!("{}", answer.sensitivity_matrix()?);
    compare(&layer, &answer, 1e-5)
}

pub(crate) fn main() -> Result<()> {
    print(&derivatives()?);
    Ok(())
}
