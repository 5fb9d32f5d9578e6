#![doc = include_str!("../README.md")]

mod mse;
mod regret;
mod spo_plus;
mod task_cost;

pub use mse::Mse;
pub use regret::Regret;
pub use spo_plus::SpoPlus;
pub use task_cost::TaskCost;
