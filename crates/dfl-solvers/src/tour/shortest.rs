use dfl_core::{Dims, Error, Result, Solution, SolveInfo, Solver, Status, check_len};

use super::Tour;
use super::held_karp::{HeldKarp, MOST_NODES};
use super::search::Search;
use crate::instance::{finite, reset, without_answer};

/// How shortest tours are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TourOptions {
    /// Most nodes of the branch and bound of one solve, at least 1; the dynamic program has no limit.
    pub nodes: Option<usize>,
    /// Tours through up to so many nodes, at most 17, are found by the dynamic program.
    pub dynamic: usize,
}

impl Default for TourOptions {
    fn default() -> Self {
        Self { nodes: None, dynamic: 13 }
    }
}

/// Exact shortest tours; costs may be negative, tied or break the triangle inequality. Minimises.
///
/// Small ones by Held and Karp's dynamic program, in both directions to the middle of the tour: $O(2^n n^2)$, the same time whatever
/// the costs. Larger ones by branch and bound: with potentials $\pi$ of the nodes, no tour is shorter than
///
/// $$L(\pi) = \min_{T\ \text{1-tree}} \sum_{ij \in T} (c_{ij} + \pi_i + \pi_j) - 2 \sum_i \pi_i$$
///
/// which a subgradient method raises. Edges whose reduced cost alone exceeds the gap are forbidden; a subproblem is split at a node with
/// too many edges in the 1-tree. The first tour comes from nearest neighbours and exchanges of edges.
///
/// The dynamic program is exact up to rounding. Branch and bound is [`Status::Optimal`] when it has proven that no tour is shorter by more
/// than $10^{-9}$ of the sum of the absolute costs on the tour (or on one it found before), or, for costs that are integers (or multiples of another power of two) of
/// absolute values that add up to less than 5e10 of these units, none at all; at the limit it is [`Status::Feasible`] with the best tour and
/// its distance from the bound, relative to `max(1, |objective|)`. The answer depends on `theta` alone: a start is not used. Costs so
/// large that a sum of them overflows end as [`Status::Failed`]. No allocation; `iterations` counts nodes of branch and bound.
///
/// # Shapes
/// `theta`: edge costs `[edges]` in the order of [`Tour`]; `x`: 1 on the edges of the tour, else 0, `[edges]`. It offers no duals.
///
/// # Errors
/// [`Error::Dimension`] or [`Error::NotFinite`] for a bad `theta`.
///
/// # References
/// Held & Karp (1962), J. SIAM 10, dynamic program; Held & Karp (1970), Oper. Res. 18, section 1, and (1971), Math. Prog. 1, 1-trees and their
/// subgradients; Volgenant & Jonker (1982), EJOR 9, branching and the mixed direction.
#[derive(Clone, Debug)]
pub struct ShortestTour {
    tour: Tour,
    options: TourOptions,
    /// For few nodes.
    dynamic: Option<HeldKarp>,
}

/// Memory of a [`ShortestTour`].
#[derive(Clone, Debug)]
pub struct TourWorkspace(Memory);

#[derive(Clone, Debug)]
enum Memory {
    Table(Vec<f64>),
    Search(Box<Search>),
}

impl ShortestTour {
    /// A solver for tours through so many nodes.
    ///
    /// # Errors
    /// [`Error::Domain`] for an option.
    pub fn new(tour: Tour, options: TourOptions) -> Result<Self> {
        if options.nodes == Some(0) {
            return Err(Error::Domain { what: "TourOptions::nodes", value: 0.0, need: "at least 1" });
        }
        if options.dynamic > MOST_NODES {
            return Err(Error::Domain { what: "TourOptions::dynamic", value: options.dynamic as f64, need: "at most 17" });
        }
        let dynamic = (tour.nodes() <= options.dynamic).then(|| HeldKarp::new(tour));
        Ok(Self { tour, options, dynamic })
    }

    fn search(&self, theta: &[f64], search: &mut Search, out: &mut Solution) -> SolveInfo {
        self.tour.matrix(theta, &mut search.cost);
        let ended = search.run(self.options.nodes);
        self.tour.mark(&search.order, &mut out.x);
        out.objective = objective(theta, &out.x);
        let gap = |lower: f64| (out.objective - lower).max(0.0) / out.objective.abs().max(1.0);
        let status = ended.lower.map_or(Status::Optimal, |lower| Status::Feasible { gap: gap(lower) });
        SolveInfo { status, iterations: ended.nodes, degenerate: false }
    }
}

/// Cost of a decision; always summed in the same order.
fn objective(theta: &[f64], x: &[f64]) -> f64 {
    theta.iter().zip(x).map(|(c, x)| c * x).sum()
}

impl Solver for ShortestTour {
    type Workspace = TourWorkspace;

    fn name(&self) -> &'static str {
        "exact"
    }

    fn dims(&self) -> Dims {
        Dims { theta: self.tour.edges(), x: self.tour.edges(), rows: 0 }
    }

    fn workspace(&self) -> Result<TourWorkspace> {
        Ok(TourWorkspace(match &self.dynamic {
            Some(dynamic) => Memory::Table(vec![0.0; dynamic.memory()]),
            None => Memory::Search(Box::new(Search::new(self.tour.nodes()))),
        }))
    }

    fn solve(&self, theta: &[f64], _from: Option<&Solution>, ws: &mut TourWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        check_len("theta", self.tour.edges(), theta.len())?;
        finite("theta", theta)?;
        reset(out, (theta.len(), 0), (0, 0));
        // No partial sum of costs and potentials overflows then.
        if !(4.0 * theta.iter().map(|c| c.abs()).sum::<f64>()).is_finite() {
            return Ok(without_answer(Status::Failed, 0));
        }
        match (&mut ws.0, &self.dynamic) {
            (Memory::Table(table), Some(dynamic)) => {
                dynamic.solve(theta, table, &mut out.x);
                out.objective = objective(theta, &out.x);
                Ok(SolveInfo { status: Status::Optimal, iterations: 1, degenerate: false })
            }
            (Memory::Search(search), None) => Ok(self.search(theta, search, out)),
            _ => Err(Error::Unsupported { who: "exact", what: "the workspace of another solver" }),
        }
    }
}
