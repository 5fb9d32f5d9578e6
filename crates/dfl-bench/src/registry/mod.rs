//! Names of methods, solvers and predictors: one line each.

mod build;
mod methods;
mod options;
mod predictors;
mod ramps;
mod solvers;

pub(crate) use build::squared_error;
pub(crate) use methods::options_read;
pub use methods::{METHODS, Method, MethodEntry, Setup, Solves, make_loss};
pub use options::{Coin, MethodOptions};
pub use predictors::{PREDICTORS, PredictorOptions, Start, make_predictor};
pub use ramps::Ramps;
pub use solvers::{SOLVERS, SolverEntry, make_decider};
