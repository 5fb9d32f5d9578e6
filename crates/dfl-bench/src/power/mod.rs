//! Power generator scheduling on the PJM data: cost, decisions under a Gaussian forecast, and baselines that learn no decision.
//!
//! A day's generation `z` (24 hours) is chosen before the demand `y` is known:
//!
//! $$\min_z \mathbb E \sum_{i=1}^{24} 50\,(y_i-z_i)_+ + 0.5\,(z_i-y_i)_+ + \tfrac12 (z_i-y_i)^2 \quad\text{s.t. } |z_i-z_{i-1}| \le 0.4$$
//!
//! Donti, Amos, Kolter (2017), NeurIPS, section 4.2; Kong et al. (2022), NeurIPS, section 5.

mod baselines;
mod constant;
mod cost;
mod expected;
mod gaussian;
mod interior;
mod least_squares;
mod policy;
mod sqp;
mod uncertain;

pub use baselines::Baseline;
pub use constant::best_constant;
pub use cost::PowerCost;
pub use dfl_core::{normal_cdf, normal_density};
pub use expected::GaussianPower;
pub use gaussian::{Forecast, MomentSlopes, Partials};
pub use interior::{Certificate, minimise_shortfall_regression};
pub use least_squares::{Affine, fit_least_squares, fit_through_origin, rmse_per_column};
pub use policy::{LinearPolicy, fit_linear_policy};
pub use sqp::{RampQp, gaussian_decisions};
pub use uncertain::UncertainDemand;
