//! The two problems of the discopt notebook, and its training loop.

mod descent;

use std::sync::Arc;

use dfl_core::dense::dot;
use dfl_core::{
    Batch, Cost, CostGrad, Csc, Decider, Entry, Error, Formulation, Instances, ParamMap, Program, Request, Result, Source, Splits, Task,
    decide,
};
use dfl_solvers::{Backend, Deciding};

pub use descent::{Course, Descent, Inequalities, Objective};

use super::linear::numpy_seed;
use super::outcome::mean_figure;
use super::{Benchmark, Figure, TaskOptions, repeat, unknown};
use crate::data::discopt::{Rows, SEED, TRAIN, draw};
use crate::power::{Affine, fit_through_origin};

/// Which of the notebook's problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Effort on three activities of predicted cost.
    Allocation,
    /// Wealth in three assets of predicted return.
    Portfolio,
}

/// A decision problem of the discopt notebook: shares of three activities or assets of which costs or returns are predicted. Minimises.
///
/// $$\min_x\ s\, y^\top x + w \|x\|^2 \quad\text{s.t. } 1^\top x = 1,\ 0 \le x \le 1$$
///
/// with costs $y$, $s = 1$ and $w = 1$ of an allocation, returns $y$, $s = -1$ and $w = 2$ of a portfolio. The decision is the Euclidean
/// projection of $-s y / 2w$ onto the simplex. On the $k$ shares that are not 0 its derivative is
/// $\mathrm dx/\mathrm dy = -\tfrac{s}{2w}(I_k - 11^\top/k)$, elsewhere 0.
///
/// **Figures.** `regret` is that of the objective which decisions minimise, never below 0. `linear_regret` is
/// $s\, y^\top (x - x^\star)$, which the notebook calls the regret of an allocation: decisions that minimise one thing are judged by
/// another, so that it falls below 0 for a decision that is bolder than the best one, and any prediction gains by being multiplied. The
/// notebook judges its portfolios by the whole objective.
///
/// **Data.** Of size `notebook` those of the notebook, whatever the seed; of size `redrawn` those that another seed of the same stream
/// gives. Always 30 rows to learn from and 15 to test on, none to validate on.
///
/// **Baselines.** `least_squares` without an intercept, as the notebook has it, and its predictions doubled, fourfold and tenfold
/// (`least_squares_x2`, ...); `equal_weight`, a third of each.
///
/// # References
/// The decision-focused learning notebook of discopt.
pub struct DiscoptTask {
    problem: Problem,
    /// Seed of the numpy stream, where it is fixed.
    seed: Option<u32>,
}

/// $f(y, x) = s\, y^\top x + w \|x\|^2$ with $\nabla_x f = s y + 2 w x$.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RidgeCost {
    /// $s$, the sign of what is predicted.
    pub sign: f64,
    /// $w$.
    pub ridge: f64,
}

impl Cost for RidgeCost {
    fn value(&self, y: &[f64], x: &[f64]) -> f64 {
        self.sign * dot(y, x) + self.ridge * dot(x, x)
    }
}

impl CostGrad for RidgeCost {
    fn grad_z(&self, y: &[f64], x: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(y).zip(x).for_each(|((g, y), x)| *g = self.sign * y + 2.0 * self.ridge * x);
    }
}

/// Shares of a decision.
const SHARES: usize = 3;

impl Problem {
    /// Id of its task.
    pub fn id(self) -> &'static str {
        match self {
            Self::Allocation => "discopt_allocation",
            Self::Portfolio => "discopt_portfolio",
        }
    }

    /// What decisions minimise.
    pub fn cost(self) -> RidgeCost {
        match self {
            Self::Allocation => RidgeCost { sign: 1.0, ridge: 1.0 },
            Self::Portfolio => RidgeCost { sign: -1.0, ridge: 2.0 },
        }
    }

    /// The problem as a program; without its inequalities only the shares' sum is fixed.
    fn formulation(self, inequalities: bool) -> Result<Formulation> {
        let RidgeCost { sign, ridge } = self.cost();
        let diagonal: Vec<_> = (0..SHARES).map(|j| (j, j, 2.0 * ridge)).collect();
        let whole: Vec<_> = (0..SHARES).map(|j| (0, j, 1.0)).collect();
        let program = Program::linear(vec![0.0; SHARES]).with_quadratic(Csc::from_triplets(SHARES, SHARES, &diagonal)?).with_rows(
            Csc::from_triplets(1, SHARES, &whole)?,
            vec![1.0],
            vec![1.0],
        );
        let program = if inequalities { program.with_bounds(vec![0.0; SHARES], vec![1.0; SHARES]) } else { program };
        let params = (0..SHARES).fold(ParamMap::new(SHARES), |map, j| map.link(Entry::C(j), j, sign));
        Ok(Formulation { program, params, visible: SHARES })
    }

    /// Decides for predictions, and can be differentiated.
    fn decider(self, inequalities: bool) -> Result<Box<dyn Decider>> {
        let Formulation { program, params, .. } = self.formulation(inequalities)?;
        Backend::Separable.decider(program, params, &Deciding::default())
    }
}

impl DiscoptTask {
    /// The problem with the notebook's data.
    pub fn notebook(problem: Problem) -> Self {
        Self { problem, seed: Some(SEED) }
    }

    /// The problem with data of whatever seed is asked for.
    pub fn redrawn(problem: Problem) -> Self {
        Self { problem, seed: None }
    }

    pub(super) fn from_options(problem: Problem, options: &TaskOptions<'_>) -> Result<Self> {
        match options.problem_size() {
            "notebook" => Ok(Self::notebook(problem)),
            "redrawn" => Ok(Self::redrawn(problem)),
            _ => Err(unknown("size of a discopt problem", options.size, ["notebook", "redrawn"])),
        }
    }

    /// Which of the two.
    pub fn problem(&self) -> Problem {
        self.problem
    }

    /// The rows, and the orders in which the notebook's training goes through them.
    ///
    /// # Errors
    /// [`Error::Domain`] for a seed from $2^{32}$ on.
    pub fn rows(&self, seed: u64) -> Result<(Splits, Vec<Vec<usize>>)> {
        let drawn = draw(self.seed.map_or_else(|| numpy_seed(seed), Ok)?)?;
        let Rows { train, test, orders } = match self.problem {
            Problem::Allocation => drawn.allocation,
            Problem::Portfolio => drawn.portfolio,
        };
        let (train, mut test) = (Instances::new(train.0, train.1)?, Instances::new(test.0, test.1)?);
        test.ids.iter_mut().for_each(|id| *id += TRAIN as u64);
        Ok((Splits { valid: train.select(&[]), train, test }, orders))
    }

    /// Predictions of a baseline for the test rows; `None` for one that predicts nothing.
    ///
    /// # Errors
    /// That of the fit.
    pub fn predictions(&self, method: &str, data: &Splits) -> Result<Option<Batch>> {
        let factor = match method {
            "oracle" => return Ok(Some(data.test.truth.clone())),
            "least_squares" => 1.0,
            "least_squares_x2" => 2.0,
            "least_squares_x4" => 4.0,
            "least_squares_x10" => 10.0,
            _ => return Ok(None),
        };
        let mut predicted = self.least_squares(&data.train)?.predict(&data.test.features)?;
        predicted.as_mut_slice().iter_mut().for_each(|y| *y *= factor);
        Ok(Some(predicted))
    }

    /// The notebook's linear model, without an intercept.
    ///
    /// # Errors
    /// That of [`fit_through_origin`].
    pub fn least_squares(&self, train: &Instances) -> Result<Affine> {
        fit_through_origin(&train.features, &train.truth)
    }
}

impl Task for DiscoptTask {
    fn name(&self) -> &'static str {
        self.problem.id()
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        self.problem.cost().value(truth, decision)
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        self.problem.decider(true)
    }
    fn source(&self) -> &dyn Source {
        self
    }
    fn formulation(&self) -> Option<Formulation> {
        self.problem.formulation(true).ok()
    }
    fn gradient_cost(&self) -> Option<Arc<dyn CostGrad>> {
        Some(Arc::new(self.problem.cost()))
    }
}

impl Source for DiscoptTask {
    fn load(&self, request: &Request) -> Result<Splits> {
        Ok(self.rows(request.seed)?.0)
    }
}

impl Benchmark for DiscoptTask {
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
        let labels = part.labels.as_ref().ok_or(Error::Missing { loss: "regret", what: "labelled instances" })?;
        let regret: Vec<f64> = self.costs(&part.truth, decisions)?.iter().zip(&labels.cost).map(|(cost, best)| cost - best).collect();
        let linear = RidgeCost { ridge: 0.0, ..self.problem.cost() };
        let pairs = decisions.iter().zip(labels.solution.iter());
        let of_row = |(y, (x, best)): (&[f64], (&[f64], &[f64]))| linear.value(y, x) - linear.value(y, best);
        let linear: Vec<f64> = part.truth.iter().zip(pairs).map(of_row).collect();
        Ok(vec![mean_figure("regret", &regret), mean_figure("linear_regret", &linear)])
    }

    fn needs_labels(&self) -> bool {
        true
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["oracle", "least_squares", "least_squares_x2", "least_squares_x4", "least_squares_x10", "equal_weight"]
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
        match self.predictions(method, data)? {
            Some(predicted) => Ok(decide(&*self.oracle()?, &predicted, &data.test.ids)?.0),
            None if method == "equal_weight" => repeat(&[1.0 / SHARES as f64; SHARES], data.test.len()),
            None => Err(unknown("baseline of a discopt problem", method, self.baselines().iter().copied())),
        }
    }
}
