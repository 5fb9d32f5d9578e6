use std::path::Path;

use dfl_core::{Batch, Error, Instances, Key, Labels, Result, Splits, Status, Stream, Task as _, decide};

use super::settings::{Settings, Split};
use super::task::UserTask;
use super::{Table, UserProblem, align, fault, method, read_table, read_user_problem};

/// How far an observed decision may be outside what is feasible, relative to the size of its rows.
const ROUNDING: f64 = 1e-6;

/// A user's tables and problem, as read.
pub(super) struct Loaded {
    pub(super) problem: UserProblem,
    pub(super) features: Table,
    /// `theta` of the problem, `[b, theta]`; `None` where there are solutions.
    pub(super) parameters: Option<Batch>,
    /// Observed decisions, `[b, n]`.
    pub(super) solutions: Option<Batch>,
    /// Name of each row.
    pub(super) ids: Vec<String>,
}

/// Which rows are for what, each in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dealt {
    pub(super) train: Vec<usize>,
    pub(super) valid: Vec<usize>,
    pub(super) test: Vec<usize>,
}

/// Reads the problem and the tables, and refuses what does not fit together.
pub(super) fn load(settings: &Settings) -> Result<Loaded> {
    let lacking = |problem, remedy| fault("settings", Path::new("of this run"), problem, remedy);
    let problem = settings.problem.as_ref().ok_or_else(|| lacking("there is no problem", "name one with --problem FILE"))?;
    let features = settings.features.as_ref().ok_or_else(|| lacking("there are no features", "name them with --features FILE"))?;
    let features = read_table(features, "features")?;
    let (costs, solutions) = match (&settings.costs, &settings.solutions) {
        (Some(costs), None) => (Some(read_table(costs, "costs")?), None),
        (None, Some(solutions)) => (None, Some(read_table(solutions, "solutions")?)),
        (None, None) => return Err(lacking("nothing says what turned out", "name --costs FILE or --solutions FILE")),
        (Some(_), Some(_)) => return Err(lacking("there are costs and solutions", "give one of them")),
    };
    let predicted = (!settings.predict.is_empty()).then_some(settings.predict.as_slice());
    let named = costs.as_ref().map_or(predicted, |table| Some(table.columns.as_slice()));
    let problem = read_user_problem(problem, named)?;
    let mut loaded = Loaded { ids: features.ids.clone(), problem, features, parameters: None, solutions: None };
    if let Some(table) = costs {
        align(&loaded.features, &table)?;
        loaded.parameters = Some(loaded.problem.thetas(&table)?);
    }
    if let Some(table) = solutions {
        align(&loaded.features, &table)?;
        loaded.solutions = Some(loaded.problem.decisions(&table)?);
    }
    Ok(loaded)
}

impl Settings {
    /// Deals out so many rows: at least one for training, and one for each other part whose share is not 0.
    pub(super) fn deal(&self, rows: usize) -> Result<Dealt> {
        let count = |share: f64| if share > 0.0 { ((share * rows as f64).round() as usize).max(1) } else { 0 };
        let (valid, test) = (count(self.valid), count(self.test));
        if valid + test >= rows {
            let need = "enough for training, validation and test; see the settings valid and test";
            return Err(Error::Domain { what: "number of rows", value: rows as f64, need });
        }
        let mut order: Vec<usize> = (0..rows).collect();
        if self.split == Split::Random {
            Stream { seed: self.seed, step: 0 }.rng("split of a user's rows", Key::default()).shuffle(&mut order);
        }
        let part = |from: usize, len: usize| {
            let mut part = order[from..from + len].to_vec();
            part.sort_unstable();
            part
        };
        let train = rows - valid - test;
        Ok(Dealt { train: part(0, train), valid: part(train, valid), test: part(train + valid, test) })
    }
}

impl Loaded {
    /// All rows, labelled: with what is best under their truth, or with what was decided.
    pub(super) fn instances(&self, task: &UserTask) -> Result<Instances> {
        let ids: Vec<u64> = (0..self.ids.len() as u64).collect();
        let truth = match &self.parameters {
            Some(parameters) => self.theta(task, parameters)?,
            None => Batch::zeros(ids.len(), 0),
        };
        let mut all = Instances { ids, features: self.features.values.clone(), truth, labels: None };
        all.labels = Some(match &self.solutions {
            Some(solutions) => {
                self.check_observed(task, solutions)?;
                Labels { solution: solutions.clone(), cost: vec![0.0; all.len()], normals: None }
            }
            None => self.label(task, &all)?,
        });
        Ok(all)
    }

    /// Parameters as the user's tables have them; none stays none.
    pub(super) fn truth(&self, parameters: &Batch) -> Result<Batch> {
        if parameters.cols() == 0 { Ok(Batch::default()) } else { self.problem.in_tables(parameters) }
    }

    fn theta(&self, task: &UserTask, parameters: &Batch) -> Result<Batch> {
        let mut in_units = parameters.clone();
        in_units.as_mut_slice().iter_mut().for_each(|v| *v /= task.unit());
        task.layout().expand(&in_units, task.unit())
    }

    /// What is best under the truth of each row; a row without an optimum says which, and why.
    fn label(&self, task: &UserTask, rows: &Instances) -> Result<Labels> {
        let (solution, _) = decide(&*task.oracle()?, &rows.truth, &rows.ids).map_err(|error| self.unsolved(error))?;
        let cost = task.costs(&rows.truth, &solution)?;
        Ok(Labels { solution, cost, normals: None })
    }

    /// An error about a row without an optimum, in words of the user's file.
    fn unsolved(&self, error: Error) -> Error {
        let Error::NotSolved { index, status, .. } = error else { return error };
        let theta = self.parameters.as_ref().filter(|_| status == Status::Infeasible).map(|all| all.row(index));
        if let Some(Ok(Some(conflict))) = theta.map(|theta| self.problem.explain_infeasible(theta)) {
            let problem = format!("{} with the costs of row `{}`", self.problem.path.display(), self.ids[index]);
            return Error::Infeasible { problem, conflict };
        }
        let problem = format!("with the costs of row `{}` the problem is {status}", self.ids[index]);
        self.features.fault("", problem, status.remedy())
    }

    /// Refuses decisions that cannot have been taken; where constraints are predicted, nobody says what they were.
    fn check_observed(&self, task: &UserTask, solutions: &Batch) -> Result<()> {
        if task.moves_constraints() {
            return Ok(());
        }
        for (i, x) in solutions.iter().enumerate() {
            let off = task.infeasibility(x);
            if off.is_nan() || off > ROUNDING {
                let problem =
                    format!("the decision of row `{}` is not feasible in the problem (relative violation {off:.1e})", self.ids[i]);
                return Err(self.features.fault("", problem, "correct it or leave the row out"));
            }
        }
        Ok(())
    }

    /// The parts, with what the loss reads of the training rows.
    pub(super) fn splits(&self, settings: &Settings, task: &UserTask) -> Result<Splits> {
        let (all, dealt) = (self.instances(task)?, settings.deal(self.ids.len())?);
        let mut splits = Splits { train: all.select(&dealt.train), valid: all.select(&dealt.valid), test: all.select(&dealt.test) };
        method::complete(settings, task, &mut splits.train)?;
        Ok(splits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_dealt_once_each_by_share_and_seed() {
        let settings = Settings { valid: 0.25, test: 0.1, ..Settings::default() };
        let dealt = settings.deal(40).unwrap();
        assert_eq!([dealt.train.len(), dealt.valid.len(), dealt.test.len()], [26, 10, 4]);
        let mut all = [dealt.train.clone(), dealt.valid.clone(), dealt.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>());
        assert_eq!(settings.deal(40).unwrap(), dealt);
        assert_ne!(Settings { seed: 1, ..settings.clone() }.deal(40).unwrap(), dealt);
        let in_time = Settings { split: Split::Time, ..settings }.deal(40).unwrap();
        assert_eq!((in_time.train[25], in_time.valid[0], in_time.test[0]), (25, 26, 36));
    }

    #[test]
    fn too_few_rows_are_refused() {
        assert!(Settings::default().deal(2).unwrap_err().to_string().contains("number of rows: 2"));
        assert_eq!(Settings { test: 0.0, ..Settings::default() }.deal(2).unwrap().train.len(), 1);
    }
}
