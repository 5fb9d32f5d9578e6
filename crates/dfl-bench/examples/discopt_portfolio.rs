//! The portfolio of the discopt notebook, beside what it prints: here it judges by what decisions maximise, and learning through the layer
//! loses to least squares.
//!
//! `cargo run -p dfl-bench --example discopt_portfolio`

#[path = "support/notebook.rs"]
mod notebook;

use dfl_bench::data::discopt::draw;
use dfl_bench::power::fit_through_origin;
use dfl_core::metrics::mean;
use dfl_core::{Batch, Decider, Result};
use dfl_solvers::Deciding;
use dfl_solvers::layer::good_lp::{Expression, constraint, variables};
use dfl_solvers::layer::{self, Layer};
use notebook::{Course, Line, at_a_bound, costs, decisions, descend, epochs, missing, printed, show, squared_error};

const AVERSION: f64 = 2.0;

/// Wealth in three assets: `max r'x - 2 |x|^2`, all invested, none borrowed.
fn portfolio() -> Result<Layer> {
    variables! { vars: 0 <= x[3] <= 1; }
    let mut model =
        layer::maximise(vars, x.iter().sum::<Expression>()).with(constraint!(x.iter().sum::<Expression>() == 1).set_name("wealth".into()));
    x.iter().for_each(|&x| model.add_quadratic(x, x, -AVERSION));
    model.cost_of("return", &x)?;
    model.layer()
}

/// Utility that is lost, `2 |x|^2 - r'x`, and its gradient.
fn lost(r: &[f64], x: &[f64]) -> (f64, [f64; 3]) {
    let value = x.iter().zip(r).map(|(x, r)| AVERSION * x * x - r * x).sum();
    (value, [0, 1, 2].map(|j| 2.0 * AVERSION * x[j] - r[j]))
}

/// All numbers, as they are printed.
pub(crate) fn run() -> Result<Vec<Line>> {
    let layer: Box<dyn Decider> = portfolio()?.decider(&Deciding::default())?;
    let rows = draw(42)?.portfolio;
    let ((features, truth), (test, returns)) = (&rows.train, &rows.test);
    let two_stage = fit_through_origin(features, truth)?;
    let mut trained = two_stage.clone();
    let losses = descend(&mut trained, &*layer, &Course { features, truth, orders: &rows.orders, rate: 0.1 }, lost)?;

    let utility = |predictions: &Batch| -> Result<f64> { Ok(-mean(&costs(returns, &decisions(&*layer, predictions)?, lost))) };
    let (best, before, after) = (utility(returns)?, utility(&two_stage.predict(test)?)?, utility(&trained.predict(test)?)?);
    let mut lines = vec![
        printed("oracle: mean utility", best, -0.4688, 4),
        printed("two-stage: mean utility", before, -0.5563, 4),
        printed("two-stage: mean regret", best - before, 0.0875, 4),
        printed("two-stage: squared error", squared_error(&two_stage, test, returns)?, 0.3842, 4),
    ];
    let printed_losses = [0.5463, 0.5458, 0.5450, 0.5452, 0.5444, 0.5440, 0.5438, 0.5430, 0.5428, 0.5427];
    lines.extend(epochs(&losses, printed_losses));
    lines.extend([
        printed("DFL: squared error", squared_error(&trained, test, returns)?, 0.4051, 4),
        printed("DFL: mean utility", after, -0.5641, 4),
        printed("DFL: mean regret", best - after, 0.0953, 4),
        printed("DFL: less regret, %", 100.0 * (1.0 - (best - after) / (best - before)), -8.9, 1),
        missing("training predictions at a bound", at_a_bound(&decisions(&*layer, &two_stage.predict(features)?)?)),
    ]);
    show("The notebook's portfolio", &lines);
    Ok(lines)
}

#[allow(dead_code, reason = "the test calls what it calls")]
fn main() -> Result<()> {
    run().map(|_| ())
}
