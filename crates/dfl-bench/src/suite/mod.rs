//! Experiments as data: what a suite runs, and the runner that runs it.

mod checkpoint;
mod definition;
mod examples;
mod expand;
mod grid;
mod job;
mod labels;
mod learn;
mod published;
mod pupil;
mod run_spec;
mod runner;
mod share;
mod study;
mod timing;

pub(crate) use definition::benchmarks;
pub use definition::{ByProfile, Choose, DataOptions, Definition, Experiment, Profile, Select, Training, WarmUp};
pub use grid::{Candidate, OptionGrid};
pub(crate) use job::add_normals;
pub use published::{Published, PublishedFigure};
pub use run_spec::{ModelSpec, RunSpec};
pub use runner::{Options, Outcome, Progress, Runner};
pub use study::Study;
pub(crate) use study::TrainingStep;
pub use timing::{PeerHome, Timing};
