#![doc = include_str!("../README.md")]

mod active_set;
mod adapter;
mod batched;
mod convexity;
#[cfg(feature = "highs")]
mod highs;
mod instance;
mod kkt;
mod multi_start;
#[cfg(feature = "osqp")]
mod osqp;
mod owned;
mod shortest_path;
mod stochastic;

pub use active_set::{ActiveSet, ActiveSetOptions, ActiveSetWorkspace};
pub use batched::Batched;
pub use convexity::check_convex;
#[cfg(feature = "highs")]
pub use highs::{Highs, HighsOptions, HighsWorkspace};
pub use kkt::{Kkt, KktTape};
pub use multi_start::{MultiStart, MultiStartWorkspace};
#[cfg(feature = "osqp")]
pub use osqp::{Osqp, OsqpOptions, OsqpWorkspace};
pub use owned::Owned;
pub use shortest_path::{Grid, ShortestPath};
pub use stochastic::{Scenarios, StochasticOptions, StochasticProgram, StochasticTape, StochasticWorkspace};
