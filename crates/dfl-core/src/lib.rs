#![doc = include_str!("../README.md")]

mod batch;
mod decider;
mod decision_loss;
mod error;
mod loss;
pub mod metrics;
mod param_map;
mod program;
mod random;
mod solution;
mod solver;
mod sparse;
mod status;
mod stochastic;

pub use batch::{Batch, check_len};
pub use decider::{Call, Decider, Decisions, Pullback};
pub use decision_loss::{DecisionLoss, Evaluation};
pub use error::{Error, Result};
pub use loss::{Found, Loss, Needs, Row, Targets, Through};
pub use param_map::{Entry, ParamMap};
pub use program::{Cone, Program};
pub use random::{Key, Rng, Stream};
pub use solution::{Residuals, Side, Solution, SolveInfo};
pub use solver::{Adjoint, Cotangent, DifferentiableSolver, Dims, NoGradient, ProgramSolver, Solver};
pub use sparse::Csc;
pub use status::Status;
pub use stochastic::{Cost, CostCurvature, CostGrad, Kink};
