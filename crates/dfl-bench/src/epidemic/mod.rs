//! An epidemic as a simulator, and what preparing hospital beds for it costs: the compartments and their rates, a deterministic and a
//! stochastic process, and the exact derivative of the first.
//!
//! The compartments are those of Kain et al. (2021); SO-EBM (NeurIPS 2022) decides for them but does not publish its constants.

mod binomial;
mod coding;
mod cost;
mod disease;
mod dynamics;
mod runge_kutta;
mod simulator;

pub use binomial::{People, binomial_day};
pub use coding::{decode, encode};
pub use cost::{BedCost, BedPrices};
pub use disease::{COMPARTMENTS, Compartment, Disease, Exit};
pub use dynamics::{Dynamics, State};
pub use simulator::{BedDemand, CEILING, latent_of, rate_of};
