use dfl_core::{Batch, Decider, Formulation, NoGradient, ParamMap, Result};
use dfl_solvers::{Batched, Grid, ShortestPath};

use super::{LinearProblem, LinearTask, TaskOptions};
use crate::data::shortest_path::ShortestPathData;
use crate::page::Drawing;

/// Shortest path on a grid with predicted arc costs: PyEPO's synthetic benchmark. Minimises; costs are PyEPO's after its cast to `f32`.
pub type ShortestPathTask = LinearTask<GridPaths>;

/// The paths of a grid, and how their costs are drawn.
pub struct GridPaths {
    grid: Grid,
    /// Everything but the number of rows and the seed.
    data: ShortestPathData,
}

impl ShortestPathTask {
    /// A task on `data.grid`.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for a grid without arcs.
    pub fn new(data: ShortestPathData) -> Result<Self> {
        Ok(Self { problem: GridPaths { grid: Grid::new(data.grid[0], data.grid[1])?, data } })
    }

    pub(super) fn from_options(options: &TaskOptions<'_>) -> Result<Self> {
        let (grid, d) = (options.grid()?, options.data);
        Self::new(ShortestPathData { grid, features: d.features, degree: d.degree, noise: d.noise, ..Default::default() })
    }
}

impl LinearProblem for GridPaths {
    fn name(&self) -> &'static str {
        "shortest_path"
    }
    fn draw(&self, samples: usize, seed: u32) -> Result<(Batch, Batch)> {
        let drawn = ShortestPathData { samples, seed, ..self.data.clone() }.generate()?;
        let costs = drawn.rounded_costs();
        Ok((drawn.x, costs))
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        Ok(Box::new(Batched::new(NoGradient(ShortestPath::new(self.grid)))))
    }
    fn formulation(&self) -> Formulation {
        Formulation { program: self.grid.program(), params: ParamMap::costs(self.grid.arcs()), visible: self.grid.arcs() }
    }
    fn drawing(&self, costs: &[f64], decision: &[f64]) -> Option<Drawing> {
        let [height, width] = self.data.grid;
        Some(Drawing::Path { height, width, weights: decision.to_vec(), costs: costs.to_vec() })
    }
}
