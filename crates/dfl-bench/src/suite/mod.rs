//! Experiments as data: what a suite runs, and the runner that runs it.

mod checkpoint;
mod definition;
mod expand;
mod grid;
mod job;
mod learn;
mod published;
mod pupil;
mod run_spec;
mod runner;
mod study;
mod timing;

pub use definition::{ByProfile, Choose, DataOptions, Definition, Experiment, Profile, Select, Training};
pub use grid::{Candidate, OptionGrid};
pub use published::{Published, PublishedFigure};
pub use run_spec::{ModelSpec, RunSpec};
pub use runner::{Options, Outcome, Progress, Runner};
pub use study::Study;
pub use timing::{PeerHome, Timing};
