use dfl_core::{Result, Splits};
use serde::Deserialize;

use super::{Findings, Line, Piece, Words};
use crate::data::allocation::Returns;
use crate::data::polynomial::check_positive;
use crate::tasks::{AllocationTask, Benchmark, Figure};

const METRIC: &str = "population_cost";

/// The expected cost of one product's allocation over the decision $z \in [0, 2]$, and where each class of predictions decides at best
/// (Fig. 1 of the Diffusion-DFL paper): in the middle where the whole distribution is known, at an end where only its mean is. Minimises.
///
/// The figure of each class is the expected cost of its decision; its line rises from the axis to the curve there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostCurve {
    /// Constants of the distribution.
    constants: Vec<Constants>,
    /// Of the curve.
    points: usize,
}

/// Where the constants come from.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Constants {
    Code,
    Paper,
}

impl CostCurve {
    pub(super) fn check(&self) -> Result<()> {
        check_positive("constants of a cost curve", self.constants.len())?;
        check_positive("points of a cost curve", self.points.saturating_sub(1))
    }

    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece + '_>> {
        self.constants.iter().map(|&constants| Box::new(OneCurve { constants, points: self.points }) as Box<dyn Piece>).collect()
    }
}

/// The curve of one distribution.
struct OneCurve {
    constants: Constants,
    points: usize,
}

/// Classes whose decision needs no data.
const CLASSES: [&str; 4] = ["population_optimum", "exact_gaussian", "exact_mean", "zero"];

impl OneCurve {
    fn words(&self, method: &str) -> Words {
        let size = match self.constants {
            Constants::Code => "d1",
            Constants::Paper => "d1-paper",
        };
        Words { task: "allocation", size: size.into(), method: method.into(), predictor: "none", solver: "none".into(), seed: None }
    }

    fn line(&self, method: &str, points: Vec<[f64; 2]>) -> Line {
        Line { words: self.words(method), what: "expected_cost", over: "decision", log: [false; 2], points }
    }
}

impl Piece for OneCurve {
    fn label(&self) -> String {
        format!("allocation {} cost curve", self.words("").size)
    }

    fn metric(&self) -> &'static str {
        METRIC
    }

    fn rows(&self) -> Vec<Words> {
        CLASSES.iter().map(|method| self.words(method)).collect()
    }

    fn compute(&self) -> Result<Findings> {
        let returns = match self.constants {
            Constants::Code => Returns::CODE,
            Constants::Paper => Returns::PAPER,
        };
        let task = AllocationTask::new(1, returns)?;
        let one_row = dfl_core::Instances { ids: vec![0], ..Default::default() };
        let data = Splits { test: one_row, ..Default::default() };
        let (mut figures, mut lines) = (Vec::new(), Vec::new());
        for method in CLASSES {
            let z = task.baseline(method, &data)?.row(0)[0];
            let value = returns.expected_cost(z);
            figures.push(vec![Figure { metric: METRIC, value, se: None }]);
            lines.push(self.line(method, vec![[z, 0.0], [z, value]]));
        }
        let at = |k: usize| AllocationTask::CAPACITY * k as f64 / (self.points - 1) as f64;
        let curve = (0..self.points).map(|k| [at(k), returns.expected_cost(at(k))]);
        lines.push(self.line("constant", curve.collect()));
        Ok(Findings { figures, instances: 1, lines, maps: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code's constants: known optimum and cost of the whole capacity; no point of the curve is below the optimum.
    #[test]
    fn classes_and_curve_are_the_known_ones() {
        let found = OneCurve { constants: Constants::Code, points: 41 }.compute().unwrap();
        let values: Vec<f64> = found.figures.iter().map(|figures| figures[0].value).collect();
        assert!((values[0] - 0.9125712).abs() < 5e-8 && (values[2] - 2.36611).abs() < 5e-6 && values[3] == 1.0, "{values:?}");
        let curve = &found.lines.last().unwrap().points;
        assert_eq!((curve[0], curve.len()), ([0.0, 1.0], 41));
        assert!(curve.iter().all(|point| point[1] >= values[0]) && (curve[40][1] - values[2]).abs() < 1e-15);
    }
}
