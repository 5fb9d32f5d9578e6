//! The epidemic as a simulator, its data, its cost and its task, against independent answers.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod adjoint;
mod by_hand;
mod cost;
mod data;
mod dynamics;
mod process;
mod task;

use dfl_bench::epidemic::{BedDemand, Disease, Dynamics, State, encode};
use dfl_core::Rng;

/// The population of the tests.
const N: f64 = 2e6;

fn simulator(horizon: usize, steps: usize) -> BedDemand {
    BedDemand::new(Dynamics::new(&Disease::PUBLISHED, N).unwrap(), horizon, steps).unwrap()
}

/// An epidemic in full course, different each time, whose compartments add up.
fn state(rng: &mut Rng) -> State {
    let mut x: State = std::array::from_fn(|_| 2000.0 * (1.0 + rng.uniform()));
    x[8] += 3e5 * rng.uniform();
    x[0] = 0.0;
    x[0] = N - x.iter().sum::<f64>();
    x
}

/// Features whose last day is this one; those before are not read.
fn features(x: &State) -> Vec<f64> {
    let mut out = vec![0.0; 20];
    encode(N, x, &mut out[10..]);
    out
}

fn latents(days: usize, rng: &mut Rng) -> Vec<f64> {
    (0..days).map(|_| -1.2 + 0.8 * rng.normal()).collect()
}
