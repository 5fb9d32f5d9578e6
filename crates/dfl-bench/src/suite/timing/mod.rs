//! Experiments that time a layer or a solver, alone or beside other libraries, instead of training with it.
//!
//! All that is compared takes turns in one run, so that a machine that grows slower or busier does so for everyone.

mod course;
mod definition;
mod dense;
mod epoch;
mod job;
mod layer;
mod peer;
mod turns;

pub use definition::Timing;
pub(super) use job::{Figures, SEED, Surroundings, TimingJob};
pub use peer::PeerHome;
pub(super) use peer::Peers;
