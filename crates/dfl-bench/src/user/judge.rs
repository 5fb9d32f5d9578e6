use std::collections::BTreeMap;

use dfl_core::{Batch, Decider, Error, Instances, Predictor as _, Result, Task as _, decide, metrics};
use serde::{Deserialize, Serialize};

use super::learn::decisions;
use super::scaler::Scaled;
use super::task::UserTask;
use crate::power::{Affine, fit_least_squares};
use crate::tasks::Benchmark as _;

/// Figures by name.
pub type Figures = BTreeMap<String, f64>;

/// What is decided without learning for the decision, fitted to the training rows in the coordinates of the run's scaler; a file of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baselines {
    /// Mean of each parameter, in the user's unit; empty where there are only decisions.
    pub constant: Vec<f64>,
    /// Coefficients of each feature that varies (a row each) on each parameter, then the constants: `[features + 1, parameters]`.
    pub least_squares: Vec<Vec<f64>>,
    /// The features that it reads.
    pub columns: Vec<usize>,
    /// Why there is no least-squares line.
    pub without: Option<String>,
    /// The training decision nearest to all others, where there are only decisions.
    pub decision: Vec<f64>,
}

/// Decisions of one way to decide, and what they are worth.
pub(super) struct Judged {
    pub(super) who: &'static str,
    /// `[b, n]`.
    pub(super) decisions: Batch,
    /// In the user's unit, less being better; where only decisions are known, squared distances from them.
    pub(super) costs: Vec<f64>,
    pub(super) figures: Figures,
}

impl Baselines {
    /// Fits them to training rows: features, and parameters in the user's unit or, without these, decisions.
    pub(super) fn fit(features: &Batch, parameters: Option<&Batch>, decisions: &Batch) -> Result<Self> {
        let Some(parameters) = parameters else { return Ok(Self { decision: nearest_to_all(decisions), ..Self::default() }) };
        let varies = |k: &usize| features.iter().any(|row| row[*k] != features.row(0)[*k]);
        let columns: Vec<usize> = (0..features.cols()).filter(varies).collect();
        let constant = means(parameters);
        let (least_squares, without) = match fit_least_squares(&chosen(features, &columns)?, parameters) {
            Ok(Affine { weights, intercept }) => (weights.iter().map(<[f64]>::to_vec).chain([intercept]).collect(), None),
            Err(error @ Error::Domain { .. }) => (Vec::new(), Some(format!("no least_squares baseline: {error}"))),
            Err(error) => return Err(error),
        };
        Ok(Self { constant, least_squares, columns, without, decision: Vec::new() })
    }

    /// Parameters that each baseline predicts, in the user's unit.
    fn predictions(&self, features: &Batch) -> Result<Vec<(&'static str, Batch)>> {
        let mut out = Vec::new();
        if let Some((intercept, weights)) = self.least_squares.split_last() {
            let line = Affine { weights: Batch::from_rows(weights)?, intercept: intercept.clone() };
            let line =
                if weights.is_empty() { repeat(intercept, features.rows())? } else { line.predict(&chosen(features, &self.columns)?)? };
            out.push(("least_squares", line));
        }
        if !self.constant.is_empty() {
            out.push(("constant", repeat(&self.constant, features.rows())?));
        }
        Ok(out)
    }
}

fn repeat(row: &[f64], rows: usize) -> Result<Batch> {
    Batch::from_vec(rows, row.len(), row.repeat(rows))
}

fn chosen(features: &Batch, columns: &[usize]) -> Result<Batch> {
    Batch::from_vec(features.rows(), columns.len(), features.iter().flat_map(|row| columns.iter().map(|&k| row[k])).collect())
}

fn means(batch: &Batch) -> Vec<f64> {
    let mut means = vec![0.0; batch.cols()];
    batch.iter().for_each(|row| means.iter_mut().zip(row).for_each(|(m, v)| *m += v / batch.rows() as f64));
    means
}

/// The row whose summed squared distance from all others is least: that to the mean is, up to a constant.
fn nearest_to_all(decisions: &Batch) -> Vec<f64> {
    let mean = means(decisions);
    let distance = |row: &[f64]| row.iter().zip(&mean).map(|(x, m)| (x - m).powi(2)).sum::<f64>();
    decisions.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or_default().to_vec()
}

/// What rows are judged with.
pub(super) struct Judge<'a> {
    pub(super) task: &'a UserTask,
    pub(super) oracle: &'a dyn Decider,
    pub(super) baselines: &'a Baselines,
}

impl Judge<'_> {
    /// The model, then the baselines, then the best decisions, on labelled rows. A baseline with a row that has no decision is left out, and
    /// noted.
    pub(super) fn all(&self, model: &Scaled, part: &Instances, notes: &mut Vec<String>) -> Result<Vec<Judged>> {
        let prediction = model.predict(&part.features)?;
        let mut out = vec![self.one("model", decisions(model, self.oracle, part)?, Some(&prediction), part)?];
        for (who, parameters) in self.baselines.predictions(&model.scaler.features(&part.features)?)? {
            let mut in_units = parameters;
            in_units.as_mut_slice().iter_mut().for_each(|v| *v /= self.task.unit());
            let theta = self.task.layout().expand(&in_units, self.task.unit())?;
            match decide(self.oracle, &theta, &part.ids) {
                Ok((decisions, _)) => out.push(self.one(who, decisions, Some(&theta), part)?),
                Err(Error::NotSolved { status, .. }) => {
                    notes.push(format!("no {who} baseline: for some rows the problem is then {status}"))
                }
                Err(error) => return Err(error),
            }
        }
        if !self.baselines.decision.is_empty() {
            out.push(self.one("constant", repeat(&self.baselines.decision, part.len())?, None, part)?);
        }
        if let Some(labels) = &part.labels {
            out.push(self.one("oracle", labels.solution.clone(), None, part)?);
        }
        Ok(out)
    }

    fn one(&self, who: &'static str, decisions: Batch, theta: Option<&Batch>, part: &Instances) -> Result<Judged> {
        let mut figures: Figures = self.task.figures(part, &decisions)?.into_iter().map(|f| (f.metric.to_owned(), f.value)).collect();
        let labels = part.labels.as_ref();
        let (unit, with_costs) = (self.task.unit(), part.truth.cols() > 0);
        let costs = if with_costs {
            let costs: Vec<f64> = self.task.costs(&part.truth, &decisions)?.iter().map(|c| c * unit).collect();
            figures.insert("mean_cost".into(), metrics::mean(&costs));
            costs
        } else {
            let solution = labels.map(|l| &l.solution).into_iter().flat_map(Batch::iter);
            solution.zip(decisions.iter()).map(|(w, x)| w.iter().zip(x).map(|(w, x)| (w - x).powi(2)).sum()).collect()
        };
        if let Some(theta) = theta.filter(|_| with_costs) {
            let of = |theta: &Batch| self.task.layout().parameters(theta, unit);
            let rmse = metrics::rmse(of(theta)?.as_slice(), of(&part.truth)?.as_slice());
            figures.insert("rmse".into(), rmse * unit);
        }
        if self.task.moves_constraints() && with_costs {
            let violations: Vec<f64> = part.truth.iter().zip(decisions.iter()).map(|(y, x)| self.task.violation(y, x)).collect();
            figures.insert("mean_violation".into(), metrics::mean(&violations));
        }
        Ok(Judged { who, decisions, costs, figures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y = 2 x + 1 with a constant feature beside x: the line is found, and the constant one is left out.
    #[test]
    fn baselines_by_hand() {
        let features = Batch::from_rows(&[[0.0, 7.0], [1.0, 7.0], [2.0, 7.0]]).unwrap();
        let costs = Batch::from_rows(&[[1.0], [3.0], [5.0]]).unwrap();
        let fitted = Baselines::fit(&features, Some(&costs), &Batch::zeros(3, 0)).unwrap();
        let predictions = fitted.predictions(&Batch::from_rows(&[[10.0, 0.0]]).unwrap()).unwrap();
        assert!((predictions[0].1.row(0)[0] - 21.0).abs() < 1e-12, "{predictions:?}");
        assert_eq!((predictions[1].0, predictions[1].1.row(0)), ("constant", &[3.0][..]));
    }

    #[test]
    fn more_features_than_rows_leave_the_line_out_and_say_so() {
        let features = Batch::from_rows(&[[0.0, 1.0], [1.0, 0.0]]).unwrap();
        let fitted = Baselines::fit(&features, Some(&Batch::zeros(2, 1)), &Batch::zeros(2, 0)).unwrap();
        assert!(fitted.least_squares.is_empty() && fitted.without.unwrap().contains("rank of the inputs"));
    }

    #[test]
    fn the_nearest_decision_is_one_that_was_taken() {
        assert_eq!(nearest_to_all(&Batch::from_rows(&[[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).unwrap()), [1.0, 1.0]);
    }
}
