use dfl_core::{Batch, Decider, Formulation, NoGradient, ParamMap, Program, Result};
use dfl_solvers::{Batched, Knapsack, KnapsackOptions, KnapsackProblem};

use super::linear::{check_seed, negated, numpy_seed};
use super::{LinearProblem, LinearTask, TaskOptions};
use crate::data::knapsack::KnapsackData;
use crate::data::polynomial::check;

/// PyEPO's multi-dimensional knapsack with predicted item values:
///
/// $$\max_x\ v^\top x \quad\text{s.t. } Wx \le \kappa\, W 1,\ x \in \{0, 1\}^m$$
///
/// The truth is $-v$. Smoothed is the linear relaxation, $0 \le x \le 1$. The weights $W$ come from the seed that the task is made with, so
/// that a request for another one is refused.
pub type KnapsackTask = LinearTask<Items>;

/// The items of a knapsack, and how their values are drawn.
pub struct Items {
    problem: KnapsackProblem,
    /// Everything but the number of rows.
    data: KnapsackData,
}

impl KnapsackTask {
    /// A task with the weights of `data.seed` and the share `capacity`, $\kappa$, of their sum as the capacity of each constraint.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for a share outside $(0, 1]$ or what [`KnapsackData::weights`] refuses.
    pub fn new(data: KnapsackData, capacity: f64) -> Result<Self> {
        check("capacity", capacity, capacity > 0.0 && capacity <= 1.0, "a share of the sum of the weights: above 0 and at most 1")?;
        let weights = data.weights()?;
        let capacity = weights.iter().map(|w| capacity * w.iter().sum::<f64>()).collect();
        Ok(Self { problem: Items { problem: KnapsackProblem::new(weights, capacity)?, data } })
    }

    pub(super) fn from_options(options: &TaskOptions<'_>) -> Result<Self> {
        let (items, d) = (options.count("size of a knapsack", "ITEMS, e.g. 10")?, options.data);
        let data = KnapsackData { items, dim: d.dim, features: d.features, degree: d.degree, noise: d.noise, ..Default::default() };
        Self::new(KnapsackData { seed: numpy_seed(options.seed)?, ..data }, d.capacity)
    }
}

impl Items {
    fn costs_of(&self, program: Program) -> Formulation {
        Formulation { program, params: ParamMap::costs(self.data.items), visible: self.data.items }
    }
}

impl LinearProblem for Items {
    fn name(&self) -> &'static str {
        "knapsack"
    }
    fn draw(&self, samples: usize, seed: u32) -> Result<(Batch, Batch)> {
        check_seed(self.data.seed, seed)?;
        let drawn = KnapsackData { samples, ..self.data.clone() }.generate()?;
        Ok((drawn.x, negated(drawn.c)))
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        Ok(Box::new(Batched::new(NoGradient(Knapsack::new(self.problem.clone(), KnapsackOptions::default())))))
    }
    fn limited_oracle(&self, nodes: usize) -> Result<Box<dyn Decider>> {
        let options = KnapsackOptions { nodes: Some(nodes) };
        Ok(Box::new(Batched::new(NoGradient(Knapsack::new(self.problem.clone(), options)))))
    }
    fn formulation(&self) -> Formulation {
        self.costs_of(self.problem.program())
    }
    fn relaxation(&self) -> Formulation {
        self.costs_of(self.problem.relaxation())
    }
}
