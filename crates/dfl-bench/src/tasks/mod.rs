//! The decision problems that are measured. A task is one file here and one line of [`TASKS`].

mod allocation;
mod conditional;
mod covid;
pub mod discopt;
mod inventory;
mod knapsack;
mod linear;
mod outcome;
mod portfolio;
mod power;
mod pyepo_portfolio;
mod security;
mod shortest_path;
mod top_k;
mod tsp;
mod unambiguous;

use std::sync::Arc;

use dfl_core::{
    Batch, CostCurvature, Decider, EnergyCurvature, Error, Formulation, Instances, NodeGraph, Program, Request, Result, Simulator, Splits,
    Support, Task,
};

pub use allocation::{AllocationCost, AllocationTask};
pub use conditional::{ConditionalTask, RelaxedItems};
pub use covid::CovidTask;
pub use discopt::DiscoptTask;
pub use inventory::InventoryTask;
pub use knapsack::{Items, KnapsackTask};
pub use linear::{LinearProblem, LinearTask};
pub use portfolio::{Portfolio, PortfolioCost, PriceSource};
pub use power::PowerScheduling;
pub use pyepo_portfolio::{Assets, PyepoPortfolioTask};
pub use security::SecurityTask;
pub use shortest_path::{GridPaths, ShortestPathTask};
pub use top_k::{Choices, TopKTask};
pub use tsp::{Tours, TspTask};
pub use unambiguous::unambiguous_regret;

use crate::data::pjm::Columns;
use crate::page::Drawing;
use crate::suite::DataOptions;

/// One figure of merit of decisions on some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// Id of the metric.
    pub metric: &'static str,
    /// Its value; smaller is better.
    pub value: f64,
    /// Standard error over the rows, where the metric is a mean.
    pub se: Option<f64>,
}

/// A decision under uncertainty: the cost of one outcome, and what may be decided. Minimises.
#[derive(Clone)]
pub struct Uncertain {
    /// $f(y, z)$.
    pub cost: Arc<dyn CostCurvature>,
    /// Rows and bounds of the decision $z$; its own cost is added to that of each outcome.
    pub feasible: Program,
}

/// A task with what the runner needs around it: metrics and the baselines that learn no decision.
pub trait Benchmark: Task {
    /// What the decisions of `part` are worth; the first figure is the one that models are chosen and tables sorted by.
    ///
    /// # Errors
    /// [`Error::Dimension`] if shapes disagree.
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>>;

    /// The first of the figures alone: what models are chosen by on the validation rows.
    ///
    /// # Errors
    /// As [`Benchmark::figures`].
    fn leading_figure(&self, part: &Instances, decisions: &Batch) -> Result<f64> {
        Ok(self.figures(part, decisions)?[0].value)
    }

    /// What each row of `part` costs under its decision, `[b]`, less being better: what methods are compared by row by row.
    ///
    /// # Errors
    /// As [`Benchmark::figures`].
    fn per_row(&self, part: &Instances, decisions: &Batch) -> Result<Vec<f64>> {
        self.costs(&part.truth, decisions)
    }

    /// A decision for a row of this truth as what it is, where the task has a picture of it.
    fn drawing(&self, _truth: &[f64], _decision: &[f64]) -> Option<Drawing> {
        None
    }

    /// Whether the figures compare with the exact optimum, so that the data must be labelled.
    fn needs_labels(&self) -> bool;

    /// The task as the cost of an uncertain outcome, for stochastic programs over predicted samples: an outcome is a row of the truth.
    fn uncertain(&self) -> Option<Uncertain> {
        None
    }

    /// The expected cost of a decision under independent Gaussian outcomes in closed form, of [`Generative::moments`], where there is one.
    ///
    /// [`Generative::moments`]: dfl_core::Generative::moments
    fn expected_cost(&self) -> Option<Arc<dyn EnergyCurvature>> {
        None
    }

    /// The mean cost over so many samples of the truth as an energy, where the task has a faster one than [`dfl_core::SampleEnergy`] of
    /// [`Benchmark::uncertain`].
    fn energy_of_samples(&self, _samples: usize) -> Option<Result<Arc<dyn EnergyCurvature>>> {
        None
    }

    /// Whether [`Benchmark::uncertain`] is convex in the decision; if not, its programs are solved to local optima.
    fn convex(&self) -> bool {
        true
    }

    /// Where decisions of an energy model live.
    fn support(&self) -> Support {
        Support::Everywhere
    }

    /// What turns the latent quantity that a model predicts into an outcome; a row of the truth is then the outcome and, behind it, the latent
    /// quantity.
    fn simulator(&self) -> Option<Arc<dyn Simulator>> {
        None
    }

    /// Decides for so many samples of the truth by the mean cost, or by the mean of the worst share `tail` of them (CVaR), where the task has
    /// a way of its own; else [`Benchmark::uncertain`] says how.
    fn decider_of_samples(&self, _samples: usize, _tail: f64) -> Option<Result<Box<dyn Decider>>> {
        None
    }

    /// What makes a decision of the output of a policy network, as long as the decision.
    fn policy(&self) -> Option<Result<Box<dyn Decider>>> {
        None
    }

    /// The nodes that a prediction has one number for, in the order of the truth, for a graph network to be made for.
    fn graph(&self) -> Option<&NodeGraph> {
        None
    }

    /// Number of items that share one model, each with its equal part of the features and of the prediction, in order.
    fn shared_items(&self) -> Option<usize> {
        None
    }

    /// Refuses figures of a learned model that cannot be honest, such as a return that only who knows the future can have.
    ///
    /// # Errors
    /// [`Error::Domain`] with the figure.
    fn check_learned(&self, _figures: &[Figure]) -> Result<()> {
        Ok(())
    }

    /// Ids of [`Benchmark::baseline`], in the order of the table.
    fn baselines(&self) -> &'static [&'static str];

    /// Decisions of a baseline for the test rows; `data` is labelled if [`Benchmark::needs_labels`].
    ///
    /// # Errors
    /// [`Error::Unknown`] for another id, or the error of its fit.
    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch>;

    /// As [`Task::oracle`], with at most so many nodes in each search; a search that ends there answers with the best decision it found. An
    /// oracle that does not search has no nodes.
    ///
    /// # Errors
    /// As there.
    fn limited_oracle(&self, _nodes: usize) -> Result<Box<dyn Decider>> {
        self.oracle()
    }

    /// Decides by branch and cut on kept HiGHS models, with at most so many nodes in each search, where the task has such a method.
    fn branch_and_cut(&self, _nodes: Option<usize>) -> Option<Result<Box<dyn Decider>>> {
        None
    }

    /// A relaxation tighter than [`Task::relaxation`], where there is one.
    fn tight_relaxation(&self) -> Option<Formulation> {
        None
    }
}

/// What a task is made from.
#[derive(Clone, Copy, Debug)]
pub struct TaskOptions<'a> {
    /// Size id, e.g. `5x5`.
    pub size: &'a str,
    /// Settings of the data.
    pub data: &'a DataOptions,
    /// Which inputs.
    pub columns: Columns,
    /// Seed of what all instances share, such as weights: that of the request for them.
    pub seed: u64,
}

impl TaskOptions<'_> {
    /// What the size says of the problem: behind a dash it says what else is particular, such as the number of rows.
    fn problem_size(&self) -> &str {
        match self.size.split_once('-') {
            Some((_, "")) => "",
            Some((problem, _)) => problem,
            None => self.size,
        }
    }

    /// A size that is height and width of a grid.
    fn grid(&self) -> Result<[usize; 2]> {
        let sides: Vec<_> = self.problem_size().split('x').map(str::parse::<usize>).collect();
        match sides[..] {
            [Ok(height), Ok(width)] => Ok([height, width]),
            _ => Err(unknown("size of a shortest path", self.size, ["HEIGHTxWIDTH, e.g. 5x5"])),
        }
    }

    /// A size that is one number, such as that of the items.
    fn count(&self, what: &'static str, need: &'static str) -> Result<usize> {
        self.problem_size().parse().map_err(|_| unknown(what, self.size, [need]))
    }

    /// A size that is the dimension of the decision after a `d`.
    fn dimension(&self, what: &'static str, need: &'static str) -> Result<usize> {
        self.problem_size().strip_prefix('d').and_then(|d| d.parse().ok()).ok_or_else(|| unknown(what, self.size, [need]))
    }
}

type Make = fn(&TaskOptions<'_>) -> Result<Box<dyn Benchmark>>;

/// Every task: id, leading metric, how it is made.
pub const TASKS: &[(&str, &str, Make)] = &[
    ("allocation", "task_loss", |o| Ok(Box::new(AllocationTask::from_options(o)?))),
    ("covid", "task_loss", |o| Ok(Box::new(CovidTask::from_options(o)?))),
    ("cvar_knapsack", "normalized_regret", |o| Ok(Box::new(ConditionalTask::items(o)?))),
    ("cvar_portfolio", "normalized_regret", |o| Ok(Box::new(ConditionalTask::assets(o)?))),
    ("cvar_shortest_path", "normalized_regret", |o| Ok(Box::new(ConditionalTask::paths(o)?))),
    ("discopt_allocation", "regret", |o| Ok(Box::new(DiscoptTask::from_options(discopt::Problem::Allocation, o)?))),
    ("discopt_portfolio", "regret", |o| Ok(Box::new(DiscoptTask::from_options(discopt::Problem::Portfolio, o)?))),
    ("inventory", "task_loss", |o| Ok(Box::new(InventoryTask::from_options(o)?))),
    ("power", "task_loss", |o| Ok(Box::new(PowerScheduling::new(o.columns)))),
    ("portfolio", "task_loss", |o| Ok(Box::new(Portfolio::from_options(o)?))),
    ("knapsack", "normalized_regret", |o| Ok(Box::new(KnapsackTask::from_options(o)?))),
    ("security", "task_loss", |o| Ok(Box::new(SecurityTask::from_options(o)?))),
    ("pyepo_portfolio", "normalized_regret", |o| Ok(Box::new(PyepoPortfolioTask::from_options(o)?))),
    ("top_k", "normalized_regret", |o| Ok(Box::new(TopKTask::from_options(o)?))),
    ("tsp", "normalized_regret", |o| Ok(Box::new(TspTask::from_options(o)?))),
    ("shortest_path", "normalized_regret", |o| Ok(Box::new(ShortestPathTask::from_options(o)?))),
];

/// The metric that a task's models are chosen and its tables sorted by.
pub(crate) fn leading_metric(task: &str) -> &'static str {
    TASKS.iter().find(|t| t.0 == task).map_or("task_loss", |t| t.1)
}

/// Makes a task by id.
///
/// # Errors
/// [`Error::Unknown`], or the task's own.
pub fn make_task(id: &str, options: &TaskOptions<'_>) -> Result<Box<dyn Benchmark>> {
    match TASKS.iter().find(|t| t.0 == id) {
        Some((_, _, make)) => make(options),
        None => Err(unknown("task", id, TASKS.iter().map(|t| t.0))),
    }
}

/// Training, validation and test rows of one draw, in this order.
fn cut(all: &Instances, request: &Request) -> Splits {
    let part = |from: usize, len: usize| all.select(&(from..from + len).collect::<Vec<_>>());
    Splits {
        train: part(0, request.train),
        valid: part(request.train, request.valid),
        test: part(request.train + request.valid, request.test),
    }
}

/// The same row for all.
fn repeat(row: &[f64], rows: usize) -> Result<Batch> {
    Batch::from_vec(rows, row.len(), row.repeat(rows))
}

/// An id that is not among the known ones.
pub(crate) fn unknown<'a>(what: &'static str, given: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    Error::Unknown { what, given: given.into(), known: known.into_iter().collect::<Vec<_>>().join(", ") }
}
