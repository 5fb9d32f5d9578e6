//! Wrappers: deciders that change what surrounds another one.

mod cached;
mod counted;
mod perturbed;

pub use cached::Cached;
pub use counted::Counted;
pub use perturbed::{Noise, Perturbed, PerturbedOptions};
