use dfl_core::{Batch, Decider, Error, Formulation, Instances, Request, Result, Source, Splits, Task, metrics};

use super::conditional::of_samples;
use super::{Benchmark, Figure, cut, repeat, unknown};
use crate::page::Drawing;
use crate::power::fit_least_squares;

/// What a regret is relative to.
const WORTH: &str =
    "another number for some: regret is relative to it, and no decision is worth anything, as where no item fits into a knapsack";

/// What sets one task with a predicted linear cost apart; [`LinearTask`] is the rest.
///
/// Minimises: a problem that maximises draws its values with their sign turned, and its regret is the same number.
pub trait LinearProblem: Send + Sync {
    /// Id of the task.
    fn name(&self) -> &'static str;
    /// Draws features `[n, p]` and costs of the decision `[n, d]`.
    ///
    /// # Errors
    /// [`Error::Domain`] for what the generator refuses.
    fn draw(&self, samples: usize, seed: u32) -> Result<(Batch, Batch)>;
    /// As [`Task::oracle`].
    ///
    /// # Errors
    /// If the solver cannot be built.
    fn oracle(&self) -> Result<Box<dyn Decider>>;
    /// The problem as a program whose `theta` is the cost.
    fn formulation(&self) -> Formulation;
    /// As [`Benchmark::limited_oracle`].
    ///
    /// # Errors
    /// As there.
    fn limited_oracle(&self, _nodes: usize) -> Result<Box<dyn Decider>> {
        self.oracle()
    }
    /// As [`Task::relaxation`].
    fn relaxation(&self) -> Formulation {
        self.formulation()
    }
    /// As [`Benchmark::branch_and_cut`].
    fn branch_and_cut(&self, _nodes: Option<usize>) -> Option<Result<Box<dyn Decider>>> {
        None
    }
    /// As [`Benchmark::tight_relaxation`].
    fn tight_relaxation(&self) -> Option<Formulation> {
        None
    }
    /// As [`Benchmark::shared_items`].
    fn shared_items(&self) -> Option<usize> {
        None
    }
    /// As [`Benchmark::drawing`].
    fn drawing(&self, _costs: &[f64], _decision: &[f64]) -> Option<Drawing> {
        None
    }
}

/// A task whose prediction is the linear cost of the decision, as most synthetic benchmarks are.
///
/// Training, validation and test rows come from one draw, so they share the map from features to costs. The figures compare with the exact
/// optimum $z^\star$: [`metrics::normalized_regret`], PyEPO's, and [`metrics::mean_ratio_regret`]. Of a problem that maximises both are
/// what its own formulas give, since cost and optimum have their signs turned together.
pub struct LinearTask<P> {
    pub(super) problem: P,
}

impl<P: LinearProblem> Task for LinearTask<P> {
    fn name(&self) -> &'static str {
        self.problem.name()
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        truth.iter().zip(decision).map(|(c, x)| c * x).sum()
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        self.problem.oracle()
    }
    fn source(&self) -> &dyn Source {
        self
    }
    fn formulation(&self) -> Option<Formulation> {
        Some(self.problem.formulation())
    }
    fn relaxation(&self) -> Option<Formulation> {
        Some(self.problem.relaxation())
    }
}

impl<P: LinearProblem> Source for LinearTask<P> {
    fn load(&self, request: &Request) -> Result<Splits> {
        let samples = request.train + request.valid + request.test;
        let (features, costs) = self.problem.draw(samples, numpy_seed(request.seed)?)?;
        let all = Instances::new(features, costs)?;
        Ok(cut(&all, request))
    }
}

impl<P: LinearProblem> Benchmark for LinearTask<P> {
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
        let labels = part.labels.as_ref().ok_or(Error::Missing { loss: "regret", what: "labelled instances" })?;
        if !part.is_empty() && labels.cost.iter().all(|z| *z == 0.0) {
            return Err(Error::Domain { what: "optimal value of every instance", value: 0.0, need: WORTH });
        }
        let regret: Vec<f64> = self.costs(&part.truth, decisions)?.iter().zip(&labels.cost).map(|(c, best)| c - best).collect();
        let ratios: Vec<f64> = regret.iter().zip(&labels.cost).map(|(r, z)| r / z.abs()).collect();
        let figure = |metric, value, se| Figure { metric, value, se };
        Ok(vec![
            figure("normalized_regret", metrics::normalized_regret(&regret, &labels.cost), None),
            figure("mean_ratio_regret", metrics::mean_ratio_regret(&regret, &labels.cost), metrics::standard_error(&ratios)),
        ])
    }

    fn drawing(&self, truth: &[f64], decision: &[f64]) -> Option<Drawing> {
        self.problem.drawing(truth, decision)
    }

    fn needs_labels(&self) -> bool {
        true
    }

    fn shared_items(&self) -> Option<usize> {
        self.problem.shared_items()
    }

    fn decider_of_samples(&self, samples: usize, tail: f64) -> Option<Result<Box<dyn Decider>>> {
        Some(of_samples(&self.problem, samples, tail))
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["oracle", "least_squares", "constant"]
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
        let costs = match method {
            "oracle" => data.test.truth.clone(),
            "least_squares" => self.least_squares(data)?,
            "constant" => repeat(&column_means(&data.train.truth), data.test.len())?,
            _ => return Err(unknown("baseline of a task with a linear cost", method, self.baselines().iter().copied())),
        };
        Ok(dfl_core::decide(&*self.oracle()?, &costs, &data.test.ids)?.0)
    }

    fn limited_oracle(&self, nodes: usize) -> Result<Box<dyn Decider>> {
        self.problem.limited_oracle(nodes)
    }

    fn branch_and_cut(&self, nodes: Option<usize>) -> Option<Result<Box<dyn Decider>>> {
        self.problem.branch_and_cut(nodes)
    }

    fn tight_relaxation(&self) -> Option<Formulation> {
        self.problem.tight_relaxation()
    }
}

impl<P: LinearProblem> LinearTask<P> {
    /// The task of a problem.
    pub fn of(problem: P) -> Self {
        Self { problem }
    }

    /// Predictions for the test rows; one line for all items where they share their model.
    fn least_squares(&self, data: &Splits) -> Result<Batch> {
        let items = self.shared_items().unwrap_or(1);
        let of_items = |table: &Batch| table.reshape(table.cols() / items);
        let line = fit_least_squares(&of_items(&data.train.features)?, &of_items(&data.train.truth)?)?;
        line.predict(&of_items(&data.test.features)?)?.reshape(data.test.truth.cols())
    }
}

/// Values to be maximised as costs.
pub(super) fn negated(mut values: Batch) -> Batch {
    values.as_mut_slice().iter_mut().for_each(|v| *v = -*v);
    values
}

/// The seed of a legacy numpy stream.
pub(super) fn numpy_seed(seed: u64) -> Result<u32> {
    u32::try_from(seed).map_err(|_| Error::Domain { what: "seed", value: seed as f64, need: "below 2^32" })
}

/// Refuses a seed that would draw other constants of the problem, such as weights, than those that it was made with.
pub(super) fn check_seed(made_with: impl Into<u64>, asked: impl Into<u64>) -> Result<()> {
    let need = "the seed that the task was made with, which draws what all its instances share";
    let asked = asked.into();
    if made_with.into() == asked { Ok(()) } else { Err(Error::Domain { what: "seed", value: asked as f64, need }) }
}

fn column_means(table: &Batch) -> Vec<f64> {
    let mut means = vec![0.0; table.cols()];
    for row in table.iter() {
        means.iter_mut().zip(row).for_each(|(m, v)| *m += v / table.rows() as f64);
    }
    means
}
