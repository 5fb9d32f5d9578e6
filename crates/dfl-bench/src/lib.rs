#![doc = include_str!("../README.md")]

pub mod cli;
pub mod data;
mod files;
pub mod power;
pub mod registry;
pub mod results;
pub mod suite;
pub mod tasks;
