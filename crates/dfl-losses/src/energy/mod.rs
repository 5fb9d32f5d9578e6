//! Objectives that rank decisions by an energy.

mod decision;
mod input;
mod surrogate;

pub use decision::EnergyDecision;
pub use input::Input;
pub use surrogate::{EnergySurrogate, SurrogateOptions};
