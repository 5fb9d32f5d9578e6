//! Ordering before the demand is known: cost, its expectation under a Gaussian mixture, and the decisions that are best for either.
//!
//! Diffusion-DFL (ICLR 2026), appendix A.12; its constants are not published.

mod cost;
mod expected;

pub use cost::InventoryCost;
pub use expected::Mode;
