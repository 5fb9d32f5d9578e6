//! Where tasks get their instances: generators and data sets.

mod find;
pub mod numpy_rng;
pub mod pjm;
pub mod polynomial;
pub mod shortest_path;

pub use find::{data_dirs, find, find_in};
