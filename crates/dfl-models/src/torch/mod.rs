//! Predictors on libtorch, and the bridge between tensors and the `f64` world of solvers and losses.

mod adam;
mod architecture;
pub mod bridge;
mod conditional;
mod device;
mod diffusion;
mod dys;
mod files;
mod flow;
mod gaussian;
mod gcn;
mod gru;
mod layer;
mod mixture;
mod network;
mod noise;
mod trunk;
mod weights;

pub use architecture::{Architecture, Precision};
pub use conditional::Conditional;
pub use device::{Device, set_threads, try_devices};
pub use diffusion::{Diffusion, DiffusionConfig, DiffusionSampler, Elbo, LinearDiffusion, NoiseSchedule, NoiseTable, Timesteps};
pub use dys::{Dys, DysDecider, DysDecisions};
pub use flow::{Flow, FlowConfig};
pub use gaussian::{Covariance, Deviation, Gaussian, GaussianConfig};
pub use gcn::{Gcn, GcnConfig};
pub use gru::{Gru, GruConfig};
pub use layer::Mode;
pub use mixture::{Mixture, MixtureConfig};
pub use network::Network;
/// The version of `tch` whose tensors [`bridge`] takes.
pub use tch;
pub use trunk::Activation;
