//! The travelling salesman: the problem, its programs, and exact solvers of its own.

mod fixed;
mod held_karp;
mod local;
mod one_tree;
mod program;
mod search;
mod shortest;

use dfl_core::{Error, Result};

pub use program::TourRelaxation;
pub use shortest::{ShortestTour, TourOptions, TourWorkspace};

#[cfg(feature = "highs")]
pub(crate) use local::{improve, length, nearest};

/// Closed tours through every one of `nodes` nodes, each of which has an edge to every other one.
///
/// Edges in PyEPO's order: `(0, 1), (0, 2), ..., (0, n - 1), (1, 2), ...`. A decision is 1 on the edges of a tour and 0 elsewhere; the
/// prediction is the cost of each edge, of any sign. Minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tour {
    nodes: usize,
}

impl Tour {
    /// Tours through `nodes` nodes.
    ///
    /// # Errors
    /// [`Error::Domain`] for less than 3 nodes, which have no tour, and for more than can be counted with 32 bits.
    pub fn new(nodes: usize) -> Result<Self> {
        if (3..=1 << 15).contains(&nodes) {
            return Ok(Self { nodes });
        }
        Err(Error::Domain { what: "number of nodes of a tour", value: nodes as f64, need: "at least 3 and at most 32768" })
    }

    /// Number of nodes $n$.
    pub fn nodes(self) -> usize {
        self.nodes
    }

    /// Number of edges, $n(n-1)/2$.
    pub fn edges(self) -> usize {
        self.nodes * (self.nodes - 1) / 2
    }

    /// The edge between two different nodes, in either order.
    ///
    /// # Panics
    /// If the nodes are equal or one of them does not exist.
    pub fn edge(self, i: usize, j: usize) -> usize {
        let (low, high) = (i.min(j), i.max(j));
        assert!(low < high && high < self.nodes, "no edge between nodes {i} and {j} of {}", self.nodes);
        low * (2 * self.nodes - low - 1) / 2 + high - low - 1
    }

    /// The two nodes of each edge, the smaller one first.
    pub fn ends(self) -> Vec<(usize, usize)> {
        (0..self.nodes).flat_map(|i| (i + 1..self.nodes).map(move |j| (i, j))).collect()
    }

    /// Writes the costs of the edges as a matrix, zero on the diagonal.
    pub(crate) fn matrix(self, theta: &[f64], cost: &mut [f64]) {
        let (n, mut rest) = (self.nodes, theta);
        for i in 0..n {
            let (row, later) = rest.split_at(n - 1 - i);
            cost[i * n + i] = 0.0;
            for (j, &c) in (i + 1..n).zip(row) {
                (cost[i * n + j], cost[j * n + i]) = (c, c);
            }
            rest = later;
        }
    }

    /// Writes the decision of the tour that visits the nodes in this order.
    pub(crate) fn mark(self, order: &[usize], x: &mut [f64]) {
        x.fill(0.0);
        for (k, &i) in order.iter().enumerate() {
            x[self.edge(i, order[(k + 1) % order.len()])] = 1.0;
        }
    }
}
