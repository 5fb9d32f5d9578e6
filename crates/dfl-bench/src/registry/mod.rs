//! Names of methods, solvers and predictors: one line each.

mod methods;
mod predictors;
mod ramps;
mod solvers;

pub(crate) use methods::squared_error;
pub use methods::{METHODS, Method, Setup, make_loss};
pub use predictors::{PREDICTORS, PredictorOptions, make_predictor};
pub use ramps::Ramps;
pub use solvers::{SOLVERS, make_decider};
