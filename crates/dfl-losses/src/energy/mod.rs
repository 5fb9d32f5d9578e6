//! Objectives that rank decisions by an energy.

mod input;

pub use input::Input;
