#![doc = include_str!("../README.md")]

mod active_set;
mod adapter;
mod backend;
mod batched;
#[cfg(feature = "clarabel")]
mod clarabel;
mod convexity;
#[cfg(feature = "highs")]
mod highs;
mod instance;
mod kkt;
mod limits;
#[cfg(feature = "osqp")]
mod osqp;
mod owned;
#[cfg(any(feature = "osqp", feature = "clarabel"))]
mod polish;
mod risk_budget;
mod shortest_path;

pub use active_set::{ActiveSet, ActiveSetOptions, ActiveSetTape, ActiveSetWorkspace};
pub use backend::{Answer, Backend, Deciding};
pub use batched::Batched;
#[cfg(feature = "clarabel")]
pub use clarabel::{Clarabel, ClarabelOptions, ClarabelWorkspace};
pub use convexity::check_convex;
#[cfg(feature = "highs")]
pub use highs::{Highs, HighsOptions, HighsWorkspace};
pub use kkt::{Kkt, KktTape, directional, value_gradient};
pub use limits::Limits;
#[cfg(feature = "osqp")]
pub use osqp::{Osqp, OsqpOptions, OsqpWorkspace};
pub use owned::Owned;
pub use risk_budget::{RiskBudget, RiskBudgetOptions, RiskBudgetWorkspace};
pub use shortest_path::{Grid, ShortestPath};
