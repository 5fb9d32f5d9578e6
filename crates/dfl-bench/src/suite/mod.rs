//! Experiments as data: what a suite runs, and the runner that runs it.

mod definition;
mod expand;
mod grid;
mod job;
mod learn;
mod published;
mod runner;
mod study;
mod timing;

pub use definition::{ByProfile, DataOptions, Definition, Experiment, Profile, RunSpec, Select, Training};
pub use grid::{Candidate, OptionGrid};
pub use published::{Published, PublishedFigure};
pub use runner::{Options, Outcome, Progress, Runner};
pub use study::Study;
pub use timing::{PeerHome, Timing};
