//! Where tasks get their instances: generators and data sets.

mod find;
pub mod numpy_rng;
pub mod pjm;
pub mod polynomial;
pub mod shortest_path;
mod whitening;

pub use find::{data_dirs, find, find_in};
pub use whitening::{Whitening, whiten};
