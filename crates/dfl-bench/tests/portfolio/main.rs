//! The portfolio task: its data, that no input knows the future, its cost, decisions and figures.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

#[path = "../common/mod.rs"]
mod common;
mod data;
mod decisions;
mod figures;

use dfl_bench::data::prices::{Inputs, Market};
use dfl_core::Splits;

/// A drawn market of six names with 60, 30 and 50 days.
fn drawn() -> Market {
    Market::synthetic(6, [60, 30, 50], 11)
}

fn prepared() -> Splits {
    drawn().prepare(6, Inputs::Full).unwrap()
}
