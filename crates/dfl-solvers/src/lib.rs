#![doc = include_str!("../README.md")]

mod adapter;
mod batched;
mod kkt;
mod shortest_path;

pub use batched::Batched;
pub use kkt::{Kkt, KktTape};
pub use shortest_path::{Grid, ShortestPath};
