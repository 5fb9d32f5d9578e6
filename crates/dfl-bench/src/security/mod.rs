//! A network security game: an attacker walks through a graph from sources to targets, a defender checks some edges.
//!
//! The [`Graph`] and who walks on it make a [`Game`]; what the attacker gains under an attractiveness of the nodes and a coverage of the edges is
//! [`SecurityCost`], and [`SecurityEnergy`] the same for many coverages at once.
//!
//! # References
//! Wang, Wilder, Perrault & Tambe (2020), NeurIPS, network security games; SO-EBM (NeurIPS 2022), section 5, which follows them.

mod cost;
mod energy;
mod factor;
mod flow;
mod game;
mod geometric;
mod graph;
mod lanes;
mod likelihood;
mod tangent;

pub use cost::SecurityCost;
pub use energy::SecurityEnergy;
pub use game::{Game, Rules};
pub use geometric::RandomGraph;
pub use graph::Graph;
pub use likelihood::WalkLikelihood;
