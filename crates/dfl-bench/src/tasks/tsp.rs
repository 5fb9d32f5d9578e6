use dfl_core::{Batch, Decider, Formulation, NoGradient, ParamMap, Result};
use dfl_solvers::{Batched, ShortestTour, Tour, TourOptions, TourRelaxation};

use super::linear::numpy_seed;
use super::{LinearProblem, LinearTask, TaskOptions};
use crate::data::tsp::TspData;
use crate::page::Drawing;

/// PyEPO's travelling salesperson with predicted costs of the undirected edges. Minimises; costs are PyEPO's after its cast to `f32`.
///
/// Smoothed is [`TourRelaxation::Mtz`], as published. The tighter relaxation has all subtour rows where they can be listed, and is
/// [`TourRelaxation::Flow`] above.
pub type TspTask = LinearTask<Tours>;

/// The tours through some nodes, and how the costs of their edges are drawn.
pub struct Tours {
    tour: Tour,
    /// Everything but the number of rows; its seed is that of the places that are drawn, and a request has its own.
    data: TspData,
}

impl TspTask {
    /// A task on `data.nodes`.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for fewer than three nodes.
    pub fn new(data: TspData) -> Result<Self> {
        Ok(Self { problem: Tours { tour: Tour::new(data.nodes)?, data } })
    }

    pub(super) fn from_options(options: &TaskOptions<'_>) -> Result<Self> {
        let (nodes, d) = (options.count("size of a tour", "NODES, e.g. 5")?, options.data);
        let seed = numpy_seed(options.seed)?;
        Self::new(TspData { nodes, features: d.features, degree: d.degree, noise: d.noise, seed, ..Default::default() })
    }
}

impl LinearProblem for Tours {
    fn name(&self) -> &'static str {
        "tsp"
    }
    fn draw(&self, samples: usize, seed: u32) -> Result<(Batch, Batch)> {
        let drawn = TspData { samples, seed, ..self.data.clone() }.generate()?;
        let costs = drawn.rounded_costs();
        Ok((drawn.x, costs))
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        Ok(Box::new(Batched::new(NoGradient(ShortestTour::new(self.tour, TourOptions::default())?))))
    }
    /// Of tours that the dynamic program finds, which has no nodes, this is the oracle.
    fn limited_oracle(&self, nodes: usize) -> Result<Box<dyn Decider>> {
        let options = TourOptions { nodes: Some(nodes), ..TourOptions::default() };
        Ok(Box::new(Batched::new(NoGradient(ShortestTour::new(self.tour, options)?))))
    }
    fn branch_and_cut(&self, nodes: Option<usize>) -> Option<Result<Box<dyn Decider>>> {
        Some(branch_and_cut(self.tour, nodes))
    }
    fn formulation(&self) -> Formulation {
        Formulation { program: self.tour.program(), params: ParamMap::costs(self.tour.edges()), visible: self.tour.edges() }
    }
    fn relaxation(&self) -> Formulation {
        self.tour.relaxation(TourRelaxation::Mtz).expect("only the subtour relaxation refuses a size")
    }
    fn tight_relaxation(&self) -> Option<Formulation> {
        self.tour.relaxation(TourRelaxation::Subtour).or_else(|_| self.tour.relaxation(TourRelaxation::Flow)).ok()
    }
    /// The nodes are where the seed that the task was made with puts them.
    fn drawing(&self, _costs: &[f64], decision: &[f64]) -> Option<Drawing> {
        let points = self.data.coordinates().ok()?.iter().map(|point| [point[0], point[1]]).collect();
        Some(Drawing::Tour { points, order: order(self.tour, decision) })
    }
}

/// The nodes in the order in which the edges of a decision lead from node 0 on, until they lead no further.
fn order(tour: Tour, decision: &[f64]) -> Vec<usize> {
    let mut left: Vec<(usize, usize)> = tour.ends().into_iter().zip(decision).filter(|(_, x)| **x > 0.5).map(|(edge, _)| edge).collect();
    let (mut order, mut at) = (vec![0], 0);
    while order.len() < tour.nodes() {
        let Some(next) = left.iter().position(|&(a, b)| a == at || b == at) else { break };
        let (a, b) = left.swap_remove(next);
        at = a + b - at;
        order.push(at);
    }
    order
}

#[cfg(feature = "highs")]
fn branch_and_cut(tour: Tour, nodes: Option<usize>) -> Result<Box<dyn Decider>> {
    use dfl_solvers::{Owned, TourCuts, TourCutsOptions};
    let solver = TourCuts::new(tour, TourCutsOptions { nodes })?;
    Ok(Box::new(Owned::new(NoGradient(solver), rayon::current_num_threads())?))
}

#[cfg(not(feature = "highs"))]
fn branch_and_cut(_tour: Tour, _nodes: Option<usize>) -> Result<Box<dyn Decider>> {
    Err(dfl_core::Error::Unsupported {
        who: "this build",
        what: "HiGHS; build dfl-bench with `--features highs` after `cargo xtask setup`",
    })
}
