//! Where tasks get their instances: generators and data sets.

pub mod allocation;
pub mod conditional;
pub mod discopt;
pub mod epidemic;
mod find;
pub mod inventory;
pub mod knapsack;
pub mod numpy_rng;
pub mod perturbed;
pub mod pjm;
pub mod polynomial;
pub mod portfolio;
pub mod prices;
pub mod security;
pub mod shortest_path;
pub mod top_k;
pub mod tsp;
mod whitening;

pub use find::{data_dirs, find, find_in};
pub use whitening::{Whitening, whiten};
