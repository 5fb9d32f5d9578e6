//! Experiments as data: what a suite runs, and the runner that runs it.

mod definition;
mod job;
mod learn;
mod published;
mod runner;

pub use definition::{ByProfile, DataOptions, Definition, Experiment, Profile, RunSpec, Select, Training};
pub use published::Published;
pub use runner::{Options, Outcome, Progress, Runner};
