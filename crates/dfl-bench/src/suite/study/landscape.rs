use dfl_core::{Batch, Decider, Result, Stream, Targets, decide, metrics};
use serde::Deserialize;

use super::problem::{Smoothing, budget, exact, ids, joined, regrets, targets};
use super::{Findings, Line, Piece, Words, check_methods, check_mu, swept};
use crate::data::polynomial::check_positive;
use crate::tasks::Figure;

const METRIC: &str = "mean_abs_gradient";

/// Losses over the predicted cost $\hat y$ of one item, $\min_v \hat y v$ with $0 \le v \le 1$, each with and without smoothing by
/// $\tfrac\mu2 v^2$ (Fig. 2a and 5 of the surrogate-loss paper, where $y = 4$ and $\mu = 6$). Minimises.
///
/// The figure of each is its mean absolute slope below $-\mu$, where the smoothed decision is a vertex, and wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Landscape {
    /// The true cost.
    truth: f64,
    mu: f64,
    /// Smallest and largest predicted cost.
    between: [f64; 2],
    points: usize,
    methods: Vec<String>,
}

impl Landscape {
    pub(super) fn check(&self) -> Result<()> {
        check_mu(&[self.mu])?;
        check_methods(&self.methods)?;
        check_positive("points of a landscape", self.points.saturating_sub(1))
    }

    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece + '_>> {
        let both = |method| [None, Some(self.mu)].map(|mu| OneLoss { study: self, method, mu });
        self.methods.iter().map(String::as_str).flat_map(both).map(|piece| Box::new(piece) as Box<dyn Piece>).collect()
    }

    fn predictions(&self) -> Vec<f64> {
        let [from, to] = self.between;
        (0..self.points).map(|k| from + (to - from) * k as f64 / (self.points - 1) as f64).collect()
    }
}

/// One loss, smoothed or not.
struct OneLoss<'a> {
    study: &'a Landscape,
    method: &'a str,
    mu: Option<f64>,
}

impl OneLoss<'_> {
    fn words(&self) -> Words {
        let solver = if self.mu.is_some() { Smoothing::Quadratic.id() } else { "exact" };
        Words {
            task: "knapsack",
            size: swept("one_item", self.study.mu),
            method: self.method.into(),
            predictor: "none",
            solver: solver.into(),
            seed: None,
        }
    }

    fn decider(&self) -> Result<Box<dyn Decider>> {
        let program = budget(1, false)?;
        self.mu.map_or_else(|| exact(program.clone()), |mu| Smoothing::Quadratic.decider(program.clone(), mu))
    }

    /// The loss at each predicted cost.
    fn values(&self, predictions: &[f64]) -> Result<Vec<f64>> {
        let rows = predictions.len();
        let targets = targets(Batch::from_vec(rows, 1, vec![self.study.truth; rows])?, false);
        values(self.method, self.decider()?, &Batch::from_vec(rows, 1, predictions.to_vec())?, &targets)
    }
}

/// Regret has a value through a black box too, though no gradient to train with.
fn values(method: &str, decider: Box<dyn Decider>, predictions: &Batch, targets: &Targets) -> Result<Vec<f64>> {
    let ids = ids(predictions.rows());
    match method {
        "regret" => Ok(regrets(&decide(&*decider, predictions, &ids)?.0, targets)),
        _ => Ok(joined(method, decider)?.evaluate(predictions, targets, &ids, Stream::default())?.values),
    }
}

impl Piece for OneLoss<'_> {
    fn label(&self) -> String {
        let words = self.words();
        format!("knapsack {} {} ({})", words.size, words.method, words.solver)
    }

    fn metric(&self) -> &'static str {
        METRIC
    }

    fn rows(&self) -> Vec<Words> {
        vec![self.words()]
    }

    fn compute(&self) -> Result<Findings> {
        let predictions = self.study.predictions();
        let values = self.values(&predictions)?;
        let points: Vec<[f64; 2]> = predictions.into_iter().zip(values).map(|(at, value)| [at, value]).collect();
        let plateau = points.windows(2).filter(|pair| pair[1][0] < -self.study.mu);
        let slopes: Vec<f64> = plateau.map(|pair| ((pair[1][1] - pair[0][1]) / (pair[1][0] - pair[0][0])).abs()).collect();
        let figures = vec![vec![Figure { metric: METRIC, value: metrics::mean(&slopes), se: None }]];
        let line = Line { words: self.words(), what: "loss", over: "predicted cost", log: [false; 2], points };
        Ok(Findings { figures, instances: slopes.len(), lines: vec![line], maps: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study() -> Landscape {
        let methods = ["regret", "sce", "spo_plus"].map(String::from).to_vec();
        Landscape { truth: 4.0, mu: 6.0, between: [-15.0, 6.0], points: 43, methods }
    }

    /// With `v(y) = clip(-y/6, 0, 1)`: regret `4 v`, SCE `(4 - y) v`, SPO+ `-(2y - 4) v(2y - 4)`, since the best decision is 0; exact,
    /// `v` is 1 below zero, where SPO+ is `max(0, 4 - 2y)`.
    #[test]
    fn landscapes_by_hand() {
        let study = study();
        let predictions: Vec<f64> = study.predictions().into_iter().filter(|&y| y != 0.0).collect();
        let smoothed = |y: f64| (-y / 6.0).clamp(0.0, 1.0);
        let exact = |y: f64| f64::from(u8::from(y < 0.0));
        for (mu, v) in [(None, &exact as &dyn Fn(f64) -> f64), (Some(6.0), &smoothed)] {
            for method in ["regret", "sce", "spo_plus"] {
                let found = OneLoss { study: &study, method, mu }.values(&predictions).unwrap();
                for (&y, found) in predictions.iter().zip(found) {
                    let by_hand = match method {
                        "regret" => 4.0 * v(y),
                        "sce" => (4.0 - y) * v(y),
                        _ => (4.0 - 2.0 * y) * v(2.0 * y - 4.0),
                    };
                    assert!((found - by_hand).abs() < 1e-12, "{method} {mu:?} at {y}: {found}, by hand {by_hand}");
                }
            }
        }
    }

    /// The smoothed regret is as flat as the exact one; what a surrogate adds does not vanish.
    #[test]
    fn only_surrogates_have_a_slope_on_the_plateau() {
        let study = study();
        for (method, slope) in [("regret", 0.0), ("sce", 1.0), ("spo_plus", 2.0)] {
            for mu in [None, Some(6.0)] {
                let figure = OneLoss { study: &study, method, mu }.compute().unwrap().figures[0][0];
                assert!((figure.value - slope).abs() < 1e-12, "{method} {mu:?}: {}", figure.value);
            }
        }
    }
}
