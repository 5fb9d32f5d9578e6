//! Predictors on libtorch, and the bridge between tensors and the `f64` world of solvers and losses.

mod adam;
mod architecture;
pub mod bridge;
mod device;
mod diffusion;
mod dys;
mod files;
mod layer;
mod network;
mod weights;

pub use architecture::{Architecture, Precision};
pub use device::{Device, set_threads};
pub use diffusion::{Diffusion, DiffusionConfig, DiffusionSampler, Elbo, LinearDiffusion, NoiseSchedule, NoiseTable, Timesteps};
pub use dys::{Dys, DysDecider, DysDecisions};
pub use layer::Mode;
pub use network::Network;
/// The version of `tch` whose tensors [`bridge`] takes.
pub use tch;
