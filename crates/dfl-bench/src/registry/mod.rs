//! Names of methods, solvers and predictors: one line each.

mod build;
mod distributions;
mod energy;
mod gen_dfl;
mod methods;
mod model_options;
#[cfg(feature = "torch")]
mod networks;
mod options;
mod predictors;
mod ramps;
mod sampled;
mod solvers;
mod sqp;

pub(crate) use build::squared_error;
pub(crate) use distributions::make_outcomes;
pub use distributions::{DISTRIBUTIONS, DistributionEntry, make_distribution};
pub(crate) use energy::{decider_of_moments, learns_from_decisions};
pub(crate) use methods::options_read;
pub use methods::{METHODS, Method, MethodEntry, Setup, Solves, make_loss};
pub use model_options::{Activation, Centring, Covariance, Deviation, Elbo, ModelOptions, Sampler, Timesteps, Width};
pub use options::{Averse, Balanced, Bend, Coin, Corrected, JudgedBy, MethodOptions, Proposed, Targeted};
pub use predictors::{PREDICTORS, PredictorEntry, PredictorOptions, Start, make_predictor};
pub use ramps::Ramps;
pub(crate) use sampled::{Judge, differentiates_decisions, judge, sampled_options_read, stochastic_label};
pub use sampled::{SAMPLED, SampledEntry, SampledMethod, SampledSetup, make_sampled};
pub use solvers::{SOLVERS, SolverEntry, make_decider};

/// What an entry that needs libtorch says where there is none.
#[cfg(not(feature = "torch"))]
pub(crate) fn without_libtorch() -> dfl_core::Error {
    dfl_core::Error::Unsupported { who: "this build", what: "libtorch; build dfl-bench with `--features torch` after `cargo xtask setup`" }
}
