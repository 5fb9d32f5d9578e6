use dfl_core::{Batch, Instances, Result, Splits, label, metrics};
use serde::Deserialize;

use super::{Findings, Line, Piece, Words};
use crate::data::polynomial::check_positive;
use crate::tasks::discopt::{Descent, Inequalities, Objective, Problem};
use crate::tasks::{Benchmark, DiscoptTask, Figure};

const METRIC: &str = "regret";

/// The discopt notebook: its baselines and its training loop, on its own data and on other draws of them.
///
/// The loop is one fixed recipe, see [`Descent`], which descends on the linear part of the objective (`regret`) or on all of it
/// (`dfl_point`), with the derivative of the layer (`separable`) or with one that ignores the bounds (`separable-no_bounds`). The notebook's
/// own is `regret` for the allocation and `dfl_point` for the portfolio, both with the derivative.
///
/// Rows of size `notebook` are of the recorded data; those of size `redrawn` of seeds 0, 1, ... of the same stream, and say what of the
/// notebook's outcome is its draw's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notebook {
    problem: Which,
    /// How many other draws.
    redraws: u32,
}

/// The problem's name in a definition.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    Allocation,
    Portfolio,
}

/// What is learned: method, solver with its label, and how.
const LEARNED: [(&str, &str, Objective, Inequalities); 4] = [
    ("regret", "separable", Objective::Linear, Inequalities::Respected),
    ("regret", "separable-no_bounds", Objective::Linear, Inequalities::Ignored),
    ("dfl_point", "separable", Objective::Whole, Inequalities::Respected),
    ("dfl_point", "separable-no_bounds", Objective::Whole, Inequalities::Ignored),
];

impl Notebook {
    pub(super) fn check(&self) -> Result<()> {
        check_positive("redraws of a notebook", self.redraws as usize)
    }

    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece>> {
        let problem = match self.problem {
            Which::Allocation => Problem::Allocation,
            Which::Portfolio => Problem::Portfolio,
        };
        let recorded = OneDraw { task: DiscoptTask::notebook(problem), size: "notebook", seed: None };
        let redrawn =
            (0..self.redraws).map(|seed| OneDraw { task: DiscoptTask::redrawn(problem), size: "redrawn", seed: Some(seed.into()) });
        std::iter::once(recorded).chain(redrawn).map(|draw| Box::new(draw) as Box<dyn Piece>).collect()
    }
}

/// All rows of one draw of the data.
struct OneDraw {
    task: DiscoptTask,
    size: &'static str,
    seed: Option<u64>,
}

impl OneDraw {
    fn words(&self, method: &str, predictor: &'static str, solver: &str) -> Words {
        let (task, size) = (self.task.problem().id(), self.size.to_owned());
        Words { task, size, method: method.into(), predictor, solver: solver.into(), seed: self.seed }
    }

    fn learned(&self, method: &str, solver: &str) -> Words {
        self.words(method, "linear", solver)
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Vec<Figure>> {
        let figures = self.task.figures(&data.test, &self.task.baseline(method, data)?)?;
        let predicted = self.task.predictions(method, data)?;
        Ok(figures.into_iter().chain(predicted.map(|predicted| rmse(&predicted, &data.test))).collect())
    }
}

fn rmse(predicted: &Batch, part: &Instances) -> Figure {
    Figure { metric: "rmse", value: metrics::rmse(predicted.as_slice(), part.truth.as_slice()), se: None }
}

impl Piece for OneDraw {
    fn label(&self) -> String {
        let seed = self.seed.map_or_else(String::new, |seed| format!(" seed {seed}"));
        format!("{} {}{seed}", self.task.problem().id(), self.size)
    }

    fn metric(&self) -> &'static str {
        METRIC
    }

    fn rows(&self) -> Vec<Words> {
        let baselines = self.task.baselines().iter().map(|method| self.words(method, "none", "none"));
        baselines.chain(LEARNED.iter().map(|(method, solver, ..)| self.learned(method, solver))).collect()
    }

    fn compute(&self) -> Result<Findings> {
        let (mut data, orders) = self.task.rows(self.seed.unwrap_or_default())?;
        label(&self.task, &mut data)?;
        let mut figures = self.task.baselines().iter().map(|method| self.baseline(method, &data)).collect::<Result<Vec<_>>>()?;
        let (start, judge) = (self.task.least_squares(&data.train)?, dfl_core::Task::oracle(&self.task)?);
        let mut lines = Vec::new();
        for (method, solver, objective, inequalities) in LEARNED {
            let descent = Descent { problem: self.task.problem(), objective, inequalities };
            let course = descent.run(start.clone(), &data.train, &orders)?;
            let predicted = course.model.predict(&data.test.features)?;
            let mut row = self.task.figures(&data.test, &dfl_core::decide(&*judge, &predicted, &data.test.ids)?.0)?;
            row.push(rmse(&predicted, &data.test));
            figures.push(row);
            if self.seed.is_none() && inequalities == Inequalities::Respected {
                let points = course.losses.iter().enumerate().map(|(epoch, loss)| [(epoch + 1) as f64, *loss]).collect();
                lines.push(Line { words: self.learned(method, solver), what: "training loss", over: "epoch", log: [false; 2], points });
            }
        }
        Ok(Findings { figures, instances: data.test.len(), lines, maps: Vec::new() })
    }
}
