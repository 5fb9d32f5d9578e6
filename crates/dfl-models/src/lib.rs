#![cfg_attr(feature = "torch", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "torch"), doc = "Predictors on libtorch; this build has them switched off (feature `torch`).")]

mod simulated;
#[cfg(feature = "torch")]
pub mod torch;

pub use simulated::Simulated;
