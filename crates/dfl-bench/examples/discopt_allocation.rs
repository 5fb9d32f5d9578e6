//! The allocation of the discopt notebook, step by step, beside what it prints, and judged by what its decisions minimise.
//!
//! `cargo run -p dfl-bench --example discopt_allocation`

#[path = "support/notebook.rs"]
mod notebook;

use dfl_bench::data::discopt::{Rows, draw};
use dfl_bench::power::{Affine, fit_through_origin};
use dfl_core::metrics::mean;
use dfl_core::{Batch, Result};
use dfl_solvers::Deciding;
use dfl_solvers::layer::good_lp::{Expression, constraint, variables};
use dfl_solvers::layer::{self, Layer, Parameter};
use notebook::{
    Course, Line, at_a_bound, costs, decisions, descend, epochs, largest, less, missing, printed, show, smallest, squared_error,
};

const EPSILON: f64 = 1.0;

/// Coefficients of each activity before and after learning: reproduced from the notebook's data by its reference, which prints them.
const LEAST_SQUARES: [[f64; 5]; 3] = [
    [0.453_921_61, -0.053_858_89, -0.201_719_59, -0.199_398_54, -0.381_916_18],
    [0.044_079_22, 0.322_757_61, -0.573_312_81, 0.215_744_01, -0.609_718_21],
    [-0.310_852_34, 0.060_476_02, 0.003_707_69, -0.383_197_74, -0.171_901_34],
];
const TRAINED: [[f64; 5]; 3] = [
    [0.610_742_26, -0.114_708_3, -0.190_442_89, -0.161_682_35, -0.429_723_97],
    [0.087_968_14, 0.378_900_48, -0.650_770_64, 0.294_610_75, -0.626_155_6],
    [-0.511_561_9, 0.065_182_56, 0.069_888_83, -0.499_780_68, -0.107_656_16],
];

/// Effort on three activities: `min c'x + |x|^2`, all effort spent, none negative.
fn allocation() -> Result<(Layer, Parameter)> {
    variables! { vars: 0 <= x[3] <= 1; }
    let mut model =
        layer::minimise(vars, x.iter().sum::<Expression>()).with(constraint!(x.iter().sum::<Expression>() == 1).set_name("effort".into()));
    x.iter().for_each(|&x| model.add_quadratic(x, x, EPSILON));
    let cost = model.cost_of("cost", &x)?;
    Ok((model.layer()?, cost))
}

/// What the notebook judges a decision by.
fn linear(c: &[f64], x: &[f64]) -> (f64, [f64; 3]) {
    (c.iter().zip(x).map(|(c, x)| c * x).sum(), [c[0], c[1], c[2]])
}

/// What the decision minimises.
fn whole(c: &[f64], x: &[f64]) -> (f64, [f64; 3]) {
    let ridge: f64 = x.iter().map(|x| EPSILON * x * x).sum();
    (linear(c, x).0 + ridge, [0, 1, 2].map(|j| c[j] + 2.0 * EPSILON * x[j]))
}

/// One solve and its sensitivities: decision, value, slope of the value, derivative of the decision.
fn one_solve(title: &str, c: &[f64], x: [f64; 3], value: f64) -> Result<Vec<Line>> {
    let (layer, cost) = allocation()?;
    let answer = layer.solve(c)?;
    let envelope = answer.envelope_gradient(cost)?;
    let slopes = answer.sensitivity_matrix()?;
    let mut lines: Vec<Line> = (0..3).map(|i| printed(format!("share {i}"), answer.decision()[i], x[i], 4)).collect();
    lines.push(printed("value", answer.objective(), value, 4));
    lines.extend((0..3).map(|i| printed(format!("slope of the value in cost {i}"), envelope[i], x[i], 4)));
    for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
        let by_hand = if i == j { -1.0 / 3.0 } else { 1.0 / 6.0 };
        lines.push(printed(format!("derivative of share {i} in cost {j}"), slopes.row(i)[j], by_hand, 4));
    }
    show(&format!("{title} ({})", answer.status()?), &lines);
    Ok(lines)
}

/// Everything that is learned and measured.
struct Experiment {
    layer: Box<dyn dfl_core::Decider>,
    rows: Rows,
    least_squares: Affine,
}

impl Experiment {
    fn new() -> Result<Self> {
        let rows = draw(42)?.allocation;
        let least_squares = fit_through_origin(&rows.train.0, &rows.train.1)?;
        Ok(Self { layer: allocation()?.0.decider(&Deciding::default())?, rows, least_squares })
    }

    fn train(&self, cost: notebook::CostOf) -> Result<(Affine, Vec<f64>)> {
        let (features, truth) = (&self.rows.train.0, &self.rows.train.1);
        let mut model = self.least_squares.clone();
        let losses = descend(&mut model, &*self.layer, &Course { features, truth, orders: &self.rows.orders, rate: 0.05 }, cost)?;
        Ok((model, losses))
    }

    fn decide(&self, model: &Affine, features: &Batch) -> Result<Batch> {
        decisions(&*self.layer, &model.predict(features)?)
    }

    /// Costs of the test rows, and how much more than those of the best decisions they are.
    fn judge(&self, model: &Affine, cost: notebook::CostOf) -> Result<(f64, Vec<f64>)> {
        let (features, truth) = (&self.rows.test.0, &self.rows.test.1);
        let found = costs(truth, &self.decide(model, features)?, cost);
        let best = costs(truth, &decisions(&*self.layer, truth)?, cost);
        Ok((mean(&found), less(&found, &best)))
    }

    fn multiplied(&self, factor: f64) -> Result<f64> {
        let mut model = self.least_squares.clone();
        model.weights.as_mut_slice().iter_mut().for_each(|w| *w *= factor);
        Ok(mean(&self.judge(&model, linear)?.1))
    }
}

/// The notebook's table.
fn table(experiment: &Experiment) -> Result<Vec<Line>> {
    let Experiment { layer, rows, least_squares } = experiment;
    let (train, test) = (&rows.train, &rows.test);
    let best = costs(&test.1, &decisions(&**layer, &test.1)?, linear);
    let (cost, regrets) = experiment.judge(least_squares, linear)?;
    let (trained, losses) = experiment.train(linear)?;
    let (trained_cost, trained_regrets) = experiment.judge(&trained, linear)?;
    let mut lines = vec![
        printed("oracle: mean cost", mean(&best), 0.5058, 4),
        printed("oracle: smallest", smallest(&best), -0.7039, 4),
        printed("oracle: largest", largest(&best), 0.9834, 4),
        printed("two-stage: squared error, training rows", squared_error(least_squares, &train.0, &train.1)?, 0.8664, 4),
        printed("two-stage: squared error", squared_error(least_squares, &test.0, &test.1)?, 1.4504, 4),
        printed("two-stage: mean cost", cost, 0.6545, 4),
        printed("two-stage: mean \"regret\"", mean(&regrets), 0.1486, 4),
        printed("two-stage: largest \"regret\"", largest(&regrets), 0.8628, 4),
    ];
    let printed_losses = [0.6435, 0.6292, 0.6166, 0.6062, 0.5980, 0.5916, 0.5863, 0.5813, 0.5765, 0.5716];
    lines.extend(epochs(&losses, printed_losses));
    lines.extend([
        printed("DFL: squared error", squared_error(&trained, &test.0, &test.1)?, 1.4688, 4),
        printed("DFL: mean cost", trained_cost, 0.6010, 4),
        printed("DFL: mean \"regret\"", mean(&trained_regrets), 0.0952, 4),
        printed("DFL: largest \"regret\"", largest(&trained_regrets), 0.7278, 4),
        printed("DFL: less \"regret\", %", 100.0 * (1.0 - mean(&trained_regrets) / mean(&regrets)), 36.0, 1),
    ]);
    show("The notebook's comparison", &lines);
    Ok(lines)
}

/// The coefficients, how far learning moved them, and how often the cheapest activity is predicted to be the cheapest.
fn coefficients(experiment: &Experiment) -> Result<Vec<Line>> {
    let Experiment { rows, least_squares, .. } = experiment;
    let trained = experiment.train(linear)?.0;
    let each = |name: &str, model: &Affine, known: &[[f64; 5]; 3]| -> Vec<Line> {
        let pairs = (0..3).flat_map(|j| (0..5).map(move |k| (j, k)));
        pairs.map(|(j, k)| printed(format!("{name}: cost {j} by feature {k}"), model.weights.row(k)[j], known[j][k], 8)).collect()
    };
    let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
    let (before, after) = (least_squares.weights.as_slice(), trained.weights.as_slice());
    let moved: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
    let right = |model: &Affine| -> Result<f64> {
        let predicted = model.predict(&rows.test.0)?;
        Ok(predicted.iter().zip(rows.test.1.iter()).filter(|(p, c)| cheapest(p) == cheapest(c)).count() as f64)
    };
    let mut lines = each("two-stage", least_squares, &LEAST_SQUARES);
    lines.extend(each("DFL", &trained, &TRAINED));
    lines.extend([
        printed("how far learning moved them, relative", norm(&moved) / norm(before), 0.268, 3),
        printed("two-stage: rows with the right cheapest", right(least_squares)?, 12.0, 0),
        printed("DFL: rows with the right cheapest", right(&trained)?, 13.0, 0),
    ]);
    show("Coefficients", &lines);
    Ok(lines)
}

fn cheapest(costs: &[f64]) -> Option<usize> {
    (0..costs.len()).min_by(|&a, &b| costs[a].total_cmp(&costs[b]))
}

/// What the notebook does not say.
fn beyond(experiment: &Experiment) -> Result<Vec<Line>> {
    let Experiment { layer, rows, least_squares } = experiment;
    let regret = |model: &Affine| -> Result<f64> { Ok(mean(&experiment.judge(model, whole)?.1)) };
    let cheapest: Vec<f64> = rows.test.1.iter().map(smallest).collect();
    let lines = vec![
        missing("training predictions at a bound", at_a_bound(&experiment.decide(least_squares, &rows.train.0)?)),
        missing("best decisions at a bound", at_a_bound(&decisions(&**layer, &rows.test.1)?)),
        missing("c'x of the cheapest activity", mean(&cheapest)),
        missing("\"regret\" of two-stage times 2", experiment.multiplied(2.0)?),
        missing("\"regret\" of two-stage times 4", experiment.multiplied(4.0)?),
        missing("\"regret\" of two-stage times 10", experiment.multiplied(10.0)?),
        missing("regret of two-stage", regret(least_squares)?),
        missing("regret of the notebook's DFL", regret(&experiment.train(linear)?.0)?),
        missing("regret of DFL on what is minimised", regret(&experiment.train(whole)?.0)?),
    ];
    show("What it does not print", &lines);
    Ok(lines)
}

/// All numbers, as they are printed.
pub(crate) fn run() -> Result<Vec<Line>> {
    let experiment = Experiment::new()?;
    let mut lines = one_solve("A demonstration", &[0.8, 1.0, 1.2], [0.4333, 0.3333, 0.2333], 1.3133)?;
    lines.extend(one_solve("The first test row", experiment.rows.test.1.row(0), [0.6012, 0.0441, 0.3547], 1.1775)?);
    lines.extend(table(&experiment)?);
    lines.extend(coefficients(&experiment)?);
    lines.extend(beyond(&experiment)?);
    Ok(lines)
}

#[allow(dead_code, reason = "the test calls what it calls")]
fn main() -> Result<()> {
    run().map(|_| ())
}
