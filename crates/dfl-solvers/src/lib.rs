#![doc = include_str!("../README.md")]

mod active_set;
mod adapter;
mod backend;
mod barrier;
mod batched;
mod checks;
#[cfg(feature = "clarabel")]
mod clarabel;
mod conflict;
mod convexity;
mod cvar;
mod dys;
mod files;
#[cfg(feature = "highs")]
mod highs;
mod instance;
mod kkt;
mod knapsack;
#[cfg(feature = "modelling")]
pub mod layer;
mod limits;
mod multi_start;
#[cfg(feature = "osqp")]
mod osqp;
mod owned;
mod policy;
#[cfg(any(feature = "osqp", feature = "clarabel"))]
mod polish;
mod polyhedron;
mod risk_budget;
mod separable;
mod shift;
mod shortest_path;
mod smoothing;
mod sqp;
mod stochastic;
mod top_k;
mod tour;
mod versions;
mod wrap;

pub use active_set::{ActiveSet, ActiveSetOptions, ActiveSetTape, ActiveSetWorkspace};
pub use backend::{Answer, Backend, Deciding};
pub use barrier::{Barrier, BarrierOptions, BarrierTape, BarrierWorkspace};
pub use batched::Batched;
#[cfg(feature = "clarabel")]
pub use clarabel::{Clarabel, ClarabelOptions, ClarabelWorkspace};
pub use conflict::{Conflict, ConflictOptions, Part, irreducible_infeasible_subset};
pub use convexity::check_convex;
pub use cvar::cvar_of_samples;
pub use dys::{Dys, DysDerivative, DysLayer, DysOptions, DysProjection, DysTape, DysWorkspace};
pub use files::{Problem, read_problem};
#[cfg(feature = "highs")]
pub use highs::{Highs, HighsOptions, HighsWorkspace, TourCuts, TourCutsOptions, TourCutsWorkspace};
pub use kkt::{Kkt, KktTape, directional, value_gradient};
pub use knapsack::{Knapsack, KnapsackOptions, KnapsackProblem, KnapsackWorkspace};
pub use limits::Limits;
pub use multi_start::{MultiStart, MultiStartWorkspace};
#[cfg(feature = "osqp")]
pub use osqp::{Osqp, OsqpOptions, OsqpWorkspace};
pub use owned::Owned;
pub use policy::{BoxSigmoid, Identity, Softmax};
pub use risk_budget::{RiskBudget, RiskBudgetOptions, RiskBudgetWorkspace};
pub use separable::{Separable, SeparableOptions, SeparableTape, SeparableWorkspace};
pub use shortest_path::{Grid, ShortestPath};
pub use smoothing::{smooth_quadratic, smooth_quadratic_with_slacks};
pub use sqp::{BlockSqp, Sqp, SqpDerivative, SqpOptions, SqpStart, SqpTape, SqpWorkspace, Surrogate, SurrogateTape, SurrogateWorkspace};
pub use stochastic::{Scenarios, StochasticOptions, StochasticProgram, StochasticTape, StochasticWorkspace};
pub use top_k::TopK;
pub use tour::{ShortestTour, Tour, TourOptions, TourRelaxation, TourWorkspace};
pub use wrap::{
    AdaptiveImle, AdaptiveImleOptions, Cached, Coin, CostProjection, Counted, FrankWolfe, FrankWolfeOptions, Imle, ImleOptions,
    Interpolated, NegativeIdentity, Noise, Perturbed, PerturbedOptions, SampleMean, Stopwatch, SumOfGamma, Timed,
};

/// The example of the guide to modelling, compiled and run as a test.
#[cfg(all(doctest, feature = "modelling"))]
#[doc = include_str!("../../../docs/modelling.md")]
struct Modelling;
