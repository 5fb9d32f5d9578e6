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

/// What an entry that needs libtorch says where there is none.
#[cfg(not(feature = "torch"))]
fn without_libtorch() -> dfl_core::Error {
    dfl_core::Error::Unsupported { who: "this build", what: "libtorch; build dfl-bench with `--features torch` after `cargo xtask setup`" }
}
