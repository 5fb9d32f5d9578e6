use dfl_core::{Batch, Decider, Result, Stream, Targets, check_len, decide};
use serde::Deserialize;

use super::problem::{Smoothing, budget, exact, joined, regrets, targets};
use super::{Findings, Line, Piece, Words, check_methods, check_mu, swept};
use crate::data::polynomial::check_positive;
use crate::results::ids::is_word;
use crate::tasks::{Figure, unknown};

/// Regret below this is none.
const NONE: f64 = 1e-9;

/// Gradient descent on the predicted values of a fractional knapsack, $\max \hat y^\top v$ with $\sum v \le 1$, $v \ge 0$, smoothed by
/// $\tfrac\mu2 \|v\|^2$ (Fig. 2b of the surrogate-loss paper). No model is in between: each step moves the values themselves.
///
/// Figures are the exact regret at the end, relative to the best value, and, as `iterations`, the first step with none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descent {
    /// Names the start in result rows.
    size: String,
    /// True values.
    truth: Vec<f64>,
    /// Values predicted at first.
    start: Vec<f64>,
    mu: Vec<f64>,
    rate: f64,
    steps: usize,
    methods: Vec<String>,
}

impl Descent {
    pub(super) fn check(&self) -> Result<()> {
        check_mu(&self.mu)?;
        check_methods(&self.methods)?;
        check_len("start of a descent", self.truth.len(), self.start.len())?;
        check_positive("items beside the first of a descent", self.truth.len().saturating_sub(1))?;
        check_positive("steps of a descent", self.steps)?;
        if is_word(&self.size) {
            Ok(())
        } else {
            Err(unknown("size of a descent", &self.size, ["words of small letters, digits, - and _"]))
        }
    }

    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece + '_>> {
        let of = |&mu: &f64| self.methods.iter().map(move |method| OneDescent { study: self, method, mu });
        self.mu.iter().flat_map(of).map(|piece| Box::new(piece) as Box<dyn Piece>).collect()
    }
}

/// One loss at one strength of smoothing.
struct OneDescent<'a> {
    study: &'a Descent,
    method: &'a str,
    mu: f64,
}

/// Predicted values after each step, the start first, and the exact relative regret of each.
struct Path {
    values: Vec<Vec<f64>>,
    regrets: Vec<f64>,
}

impl OneDescent<'_> {
    fn words(&self) -> Words {
        let size = swept(&self.study.size, self.mu);
        Words {
            task: "knapsack",
            size,
            method: self.method.into(),
            predictor: "none",
            solver: Smoothing::Quadratic.id().into(),
            seed: None,
        }
    }

    fn run(&self) -> Result<Path> {
        let Descent { truth, start, rate, steps, .. } = self.study;
        let loss = joined(self.method, Smoothing::Quadratic.decider(budget(truth.len(), false)?, self.mu)?)?;
        let (judge, targets) = (exact(budget(truth.len(), false)?)?, targets(negative(truth)?, false));
        let mut costs = negative(start)?;
        let mut path = Path { values: Vec::new(), regrets: Vec::new() };
        for step in 0..=*steps {
            path.values.push(costs.row(0).iter().map(|cost| -cost).collect());
            path.regrets.push(relative_regret(&*judge, &costs, &targets)?);
            if step < *steps {
                let gradient = loss.evaluate(&costs, &targets, &[0], Stream::default())?.grads;
                costs.row_mut(0).iter_mut().zip(gradient.row(0)).for_each(|(cost, g)| *cost -= rate * g);
            }
        }
        Ok(path)
    }
}

/// Costs of one instance from its values.
fn negative(values: &[f64]) -> Result<Batch> {
    Batch::from_vec(1, values.len(), values.iter().map(|value| -value).collect())
}

fn relative_regret(judge: &dyn Decider, costs: &Batch, targets: &Targets) -> Result<f64> {
    let regret = regrets(&decide(judge, costs, &[0])?.0, targets)[0];
    let best = targets.truth.as_ref().map_or(0.0, |truth| truth.row(0).iter().fold(0.0, |a: f64, cost| a.min(*cost)));
    Ok(regret / best.abs())
}

impl Piece for OneDescent<'_> {
    fn label(&self) -> String {
        format!("knapsack {} {}", self.words().size, self.method)
    }

    fn metric(&self) -> &'static str {
        "normalized_regret"
    }

    fn rows(&self) -> Vec<Words> {
        vec![self.words()]
    }

    fn compute(&self) -> Result<Findings> {
        let Path { values, regrets } = self.run()?;
        let figure = |metric, value| Figure { metric, value, se: None };
        let first = regrets.iter().position(|&regret| regret < NONE).map(|step| figure("iterations", step as f64));
        let last = figure(self.metric(), regrets[regrets.len() - 1]);
        let plane = values.iter().map(|y| [y[0], y[1]]).collect();
        let lead = values.iter().enumerate().map(|(step, y)| [step as f64, y[0] - y[1]]).collect();
        let line = |what, over, points| Line { words: self.words(), what, over, log: [false; 2], points };
        let lines = vec![line("value of item 2", "value of item 1", plane), line("lead of item 1", "step", lead)];
        Ok(Findings { figures: vec![std::iter::once(last).chain(first).collect()], instances: 1, lines, maps: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(method: &str, start: [f64; 2], mu: f64) -> Path {
        let methods = vec![method.to_owned()];
        let (size, truth, start) = ("two_items".into(), vec![0.8, 0.4], start.to_vec());
        let study = Descent { size, truth, start, mu: vec![mu], rate: 0.01, steps: 100, methods };
        OneDescent { study: &study, method, mu }.run().unwrap()
    }

    /// The decision (0, 1) is a vertex for `mu` below the gap of 0.09: regret and SqDE do not move; SCE moves by `v* - v = (1, -1)` times
    /// the rate, hence is right after five steps where `mu` is too small to matter on the way.
    #[test]
    fn a_vertex_holds_regret_and_the_squared_error_but_not_sce() {
        for method in ["regret", "sqde"] {
            let path = run(method, [0.01, 0.1], 0.05);
            let moved = path.values[100].iter().zip([0.01, 0.1]).map(|(y, start)| (y - start).abs()).fold(0.0, f64::max);
            assert!(moved < 1e-12 && path.regrets[100] == 0.5, "{method}: {:?}", path.values[100]);
        }
        let path = run("sce", [0.01, 0.1], 0.001);
        assert!((path.values[1][0] - 0.02).abs() < 1e-12 && (path.values[1][1] - 0.09).abs() < 1e-12, "{:?}", path.values[1]);
        assert_eq!(path.regrets.iter().position(|&regret| regret < NONE), Some(5));
    }

    /// From the start as the text prints it the decision is right from the beginning.
    #[test]
    fn the_printed_start_has_no_regret() {
        assert_eq!(run("regret", [0.1, 0.01], 0.05).regrets[0], 0.0);
    }

    /// Inside, `v = y/mu`: the regret's gradient in the values is `-truth/mu`.
    #[test]
    fn strong_smoothing_moves_regret_along_the_truth() {
        let path = run("regret", [0.01, 0.1], 1.0);
        assert!((path.values[1][0] - 0.018).abs() < 1e-12 && (path.values[1][1] - 0.104).abs() < 1e-12, "{:?}", path.values[1]);
        assert_eq!(path.regrets[100], 0.0);
    }
}
