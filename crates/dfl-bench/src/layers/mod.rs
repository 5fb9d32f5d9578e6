//! Batches of QPs as the inner loop of decision-focused training solves and differentiates them: what the timing suites run.

mod export;
mod kkt;
mod programs;
mod reference;

use dfl_core::{Batch, Decider, Formulation, Instances, ParamMap, Program, Request, Result, Rng, Source, Splits, Task};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Batched};

pub(crate) use export::export;
pub(crate) use kkt::Equations;
pub use programs::LAYERS;
pub use reference::reference_gradients;

use crate::tasks::unknown;

/// One program under many linear costs, each with a cotangent on its solution: minimises `1/2 x'Px + theta'x` for each `theta`.
///
/// Everything follows from the seed, row by row, so that a smaller batch is the beginning of a larger one.
#[derive(Clone, Debug)]
pub struct QpLayer {
    name: &'static str,
    /// The program at `theta = 0`.
    pub program: Program,
    /// Linear costs, `[b, n]`.
    pub costs: Batch,
    /// Cotangents on the solutions, `[b, n]`; standard normal.
    pub cotangents: Batch,
}

impl QpLayer {
    /// `rows` instances of the layer `id`, see [`LAYERS`].
    ///
    /// # Errors
    /// [`Error::Unknown`](dfl_core::Error::Unknown) for another id.
    pub fn new(id: &str, rows: usize, seed: u64) -> Result<Self> {
        let Some((name, program, cost)) = LAYERS.iter().find(|layer| layer.0 == id) else {
            return Err(unknown("layer", id, LAYERS.iter().map(|layer| layer.0)));
        };
        let mut rng = Rng::seeded(seed);
        let program = program(&mut rng)?;
        let n = program.n();
        let (mut costs, mut cotangents) = (Batch::zeros(rows, n), Batch::zeros(rows, n));
        for i in 0..rows {
            costs.row_mut(i).fill_with(|| cost(&mut rng));
            cotangents.row_mut(i).fill_with(|| rng.normal());
        }
        Ok(Self { name, program, costs, cotangents })
    }
}

/// A layer is the task to minimise its own objective.
impl Task for QpLayer {
    fn name(&self) -> &'static str {
        self.name
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        self.program.objective(decision) + truth.iter().zip(decision).map(|(c, x)| c * x).sum::<f64>()
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        let solver = ActiveSet::new(self.program.clone(), ParamMap::costs(self.program.n()), ActiveSetOptions::default())?;
        Ok(Box::new(Batched::new(solver)))
    }
    fn source(&self) -> &dyn Source {
        self
    }
    fn formulation(&self) -> Option<Formulation> {
        let n = self.program.n();
        Some(Formulation { program: self.program.clone(), params: ParamMap::costs(n), visible: n })
    }
}

/// The rows it was made with, whatever is asked for, without features.
impl Source for QpLayer {
    fn load(&self, _request: &Request) -> Result<Splits> {
        let test = Instances::new(Batch::zeros(self.costs.rows(), 0), self.costs.clone())?;
        Ok(Splits { test, ..Splits::default() })
    }
}
