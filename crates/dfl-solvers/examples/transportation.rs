//! Two plants, three towns: how the cost of the cheapest plan and the plan move with freight rates, demand and supply.
//!
//! `cargo run -p dfl-solvers --example transportation`
#![allow(clippy::print_stdout, reason = "a program that shows something")]

#[path = "support/differences.rs"]
mod differences;

use dfl_core::Result;
use dfl_solvers::layer::{self, at_least, at_most, good_lp};
use differences::{Line, compare, print};
use good_lp::{Expression, Variable, constraint, variable, variables};

const PLANTS: [(&str, f64); 2] = [("Ulm", 350.0), ("Kiel", 600.0)];
const TOWNS: [(&str, f64); 3] = [("Bonn", 325.0), ("Jena", 300.0), ("Trier", 275.0)];
const RATES: [[f64; 3]; 2] = [[2.5, 1.7, 1.8], [2.6, 1.9, 1.4]];

/// A linear model of `good_lp`, and its derivatives.
pub(crate) fn derivatives() -> Result<Vec<Line>> {
    let mut vars = variables!();
    let mut ship = |i: usize, j: usize| vars.add(variable().min(0).name(format!("{}-{}", PLANTS[i].0, TOWNS[j].0)));
    let x: Vec<Vec<Variable>> = (0..2).map(|i| (0..3).map(|j| ship(i, j)).collect()).collect();
    let pairs = (0..2).flat_map(|i| (0..3).map(move |j| (i, j)));
    let cost: Expression = pairs.map(|(i, j)| RATES[i][j] * x[i][j]).sum();

    // The one line. It was: let mut model = vars.minimise(cost).using(highs);
    let mut model = layer::minimise(vars, cost);
    let mut add = |row, name: &str| model.add_constraint(good_lp::Constraint::set_name(row, name.into()));
    let supply = [0, 1].map(|i| add(constraint!(x[i].iter().sum::<Expression>() <= PLANTS[i].1), PLANTS[i].0));
    let demand = [0, 1, 2].map(|j| add(constraint!(x[0][j] + x[1][j] >= TOWNS[j].1), TOWNS[j].0));

    // From here on it is differentiated.
    model.cost_of("rate", &x.concat())?;
    model.rhs_of("demand", &demand.map(at_least))?;
    model.rhs_of("supply", &supply.map(at_most))?;
    let layer = model.layer()?;
    let answer = layer.solve(&layer.nominal()?)?;
    println!("cost {:.2} ({})", answer.objective(), answer.status()?);
    println!("one more unit of supply saves {:.2} in Ulm, {:.2} in Kiel", answer.dual(supply[0])?, answer.dual(supply[1])?);
    compare(&layer, &answer, 1e-3)
}

pub(crate) fn main() -> Result<()> {
    print(&derivatives()?);
    Ok(())
}
