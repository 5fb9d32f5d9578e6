//! Objectives that rank decisions by an energy.

mod decision;
mod input;
mod langevin;
mod penalty;
mod proposal;
mod sample;
mod so_ebm;
mod surrogate;
mod tempered;
mod weights;

pub use decision::EnergyDecision;
pub use input::Input;
pub use langevin::LangevinOptions;
pub use penalty::Penalised;
pub use proposal::{Around, Proposal, ProposalKind};
pub use sample::{DecisionSampling, sample_decisions};
pub use so_ebm::{Negatives, SoEbm, SoEbmOptions};
pub use surrogate::{EnergySurrogate, SurrogateOptions};
pub use tempered::Tempered;
pub use weights::{EffectiveSize, EssMeter};
