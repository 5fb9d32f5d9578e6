//! Three power stations over four hours, each on or off: how cost and dispatch move with load and fuel while the commitment stays.
//!
//! `cargo run -p dfl-solvers --example unit_commitment --features highs`
#![allow(clippy::print_stdout, reason = "a program that shows something")]

#[path = "support/differences.rs"]
mod differences;

use dfl_core::Result;
use dfl_solvers::layer::{self, Target, good_lp};
use differences::{Line, compare, print};
use good_lp::{Expression, Variable, constraint, variable, variables};

struct Station {
    name: &'static str,
    /// Least and largest output.
    output: [f64; 2],
    /// Largest rise from one hour to the next.
    ramp: f64,
    /// Of a unit of energy, of an hour on, of a start.
    cost: [f64; 3],
}

const STATIONS: [Station; 3] = [
    Station { name: "coal", output: [40.0, 100.0], ramp: 25.0, cost: [20.0, 300.0, 800.0] },
    Station { name: "gas", output: [20.0, 60.0], ramp: 60.0, cost: [45.0, 100.0, 120.0] },
    Station { name: "oil", output: [5.0, 50.0], ramp: 50.0, cost: [80.0, 40.0, 30.0] },
];
const LOAD: [f64; 4] = [70.0, 130.0, 172.0, 90.0];

/// A mixed-integer model of `good_lp`, and its derivatives with the commitment held.
pub(crate) fn derivatives() -> Result<Vec<Line>> {
    let mut vars = variables!();
    let mut each = |kind: &str, binary: bool| -> Vec<Vec<Variable>> {
        let mut add = |name: &str, t: usize| {
            let one = variable().min(0).name(format!("{name} {kind} {t}"));
            vars.add(if binary { one.binary() } else { one })
        };
        STATIONS.iter().map(|station| (0..LOAD.len()).map(|t| add(station.name, t)).collect()).collect()
    };
    let (on, start, output) = (each("on", true), each("start", true), each("output", false));
    let all = || STATIONS.iter().enumerate().flat_map(|(s, station)| (0..LOAD.len()).map(move |t| (s, station, t)));
    let cost: Expression =
        all().map(|(s, Station { cost, .. }, t)| cost[0] * output[s][t] + cost[1] * on[s][t] + cost[2] * start[s][t]).sum();

    // The one line. It was: let mut model = vars.minimise(cost).using(highs);
    let mut model = layer::minimise(vars, cost);
    for (s, Station { output: [least, most], ramp, .. }, t) in all() {
        model.add_constraint(constraint!(output[s][t] >= *least * on[s][t]));
        model.add_constraint(constraint!(output[s][t] <= *most * on[s][t]));
        model.add_constraint(constraint!(start[s][t] >= on[s][t] - (t > 0).then(|| on[s][t - 1])));
        model.add_constraint(constraint!(output[s][t] - (t > 0).then(|| output[s][t - 1]) <= if t > 0 { *ramp } else { *most }));
    }
    let supply = |t: usize| output.iter().map(|of| of[t]).sum::<Expression>();
    let met = |t: usize| constraint!(supply(t) == LOAD[t]).set_name(format!("hour {t}"));
    let balance: Vec<_> = (0..LOAD.len()).map(|t| model.add_constraint(met(t))).collect();

    // From here on it is differentiated.
    let load = model.rhs_of("load", &balance)?;
    let gas: Vec<_> = output[1].iter().map(|&x| (Target::Cost(x), 1.0)).collect();
    model.affine("price of gas", STATIONS[1].cost[0], &gas)?;
    let layer = model.layer()?;
    let answer = layer.solve(&layer.nominal()?)?;
    println!("cost {:.2} ({})", answer.objective(), answer.status()?);
    for (s, Station { name, .. }, t) in all().filter(|&(s, _, t)| answer.x(on[s][t]).is_ok_and(|on| on > 0.5)) {
        println!("hour {t}: {name:<5}{:>6.1}", answer.x(output[s][t])?);
    }
    // Beside the derivatives, two numbers that are offered by name and are not derivatives.
    let (relaxed, through, hour) = (answer.relaxation()?, answer.straight_through()?, &layer.parameter_names()[2]);
    let (held, free) = (answer.sensitivity_matrix()?, relaxed.sensitivity_matrix()?);
    println!("\n{hour:<16}{:>12}{:>14}{:>20}", "derivative", "relaxation *", "straight-through *");
    println!("{:<16}{:>12.4}{:>14.4}", "value", answer.envelope_gradient(load)?[2], relaxed.envelope_gradient(load)?[2]);
    for name in ["oil on 2", "oil output 2"] {
        println!("{name:<16}{:>12.4}{:>14.4}{:>20.4}", held.get(name, hour)?, free.get(name, hour)?, through.get(name, hour)?);
    }
    println!("* not a derivative of this model");
    // The step is small enough for the same commitment to stay optimal, which the derivative takes for granted.
    compare(&layer, &answer, 1e-3)
}

pub(crate) fn main() -> Result<()> {
    print(&derivatives()?);
    Ok(())
}
