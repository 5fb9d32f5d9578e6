use dfl_core::{Batch, Decider, Formulation, NoGradient, ParamMap, Result};
use dfl_solvers::{Batched, TopK};

use super::linear::negated;
use super::{LinearProblem, LinearTask, TaskOptions};
use crate::data::top_k::TopKData;

/// Choosing the best `k` of the items, whose values follow a curve that misleads a line. The truth is the values with their sign turned.
///
/// Each item has one feature, and all share one model, so that a linear predictor is a line. Every rising line finds the best item.
/// Published with noise of half width 0.25 on the values (the regrets of every rising line tell), 400 rows to train on, half of them for validation, 200 test rows, 50 items and `k` = 1.
pub type TopKTask = LinearTask<Choices>;

/// The choices among items, and how their values are drawn.
pub struct Choices {
    problem: TopK,
    /// Everything but the number of rows and the seed.
    data: TopKData,
}

impl TopKTask {
    /// A task that chooses `k` of `data.items`.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for no items, or more to choose than there are.
    pub fn new(data: TopKData, k: usize) -> Result<Self> {
        Ok(Self { problem: Choices { problem: TopK::new(data.items, k)?, data } })
    }

    /// Degree and features are those of the published curve, whatever the options say.
    pub(super) fn from_options(options: &TaskOptions<'_>) -> Result<Self> {
        let items = options.count("size of a top-k problem", "ITEMS, e.g. 50")?;
        Self::new(TopKData { items, noise: options.data.added_noise, ..Default::default() }, options.data.k)
    }
}

impl LinearProblem for Choices {
    fn name(&self) -> &'static str {
        "top_k"
    }
    fn draw(&self, samples: usize, seed: u32) -> Result<(Batch, Batch)> {
        let (features, values) = TopKData { samples, seed, ..self.data.clone() }.generate()?;
        Ok((features, negated(values)))
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        Ok(Box::new(Batched::new(NoGradient(self.problem))))
    }
    fn formulation(&self) -> Formulation {
        Formulation { program: self.problem.program(), params: ParamMap::costs(self.data.items), visible: self.data.items }
    }
    fn shared_items(&self) -> Option<usize> {
        Some(self.data.items)
    }
}
