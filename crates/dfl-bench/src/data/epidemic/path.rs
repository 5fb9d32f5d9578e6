//! How transmission goes through an epidemic.

use dfl_core::Rng;

use crate::epidemic::{Disease, latent_of};

/// Of the AR(1) noise, from day to day.
const MEMORY: f64 = 0.9;

/// The latent transmission of so many days: a basic level, stay-at-home orders, and noise.
pub(super) fn latent(days: usize, volatility: f64, rng: &mut Rng) -> Vec<f64> {
    let basic = uniform(rng, [2.0, 4.0]) / Disease::PUBLISHED.reproduction();
    let mut out = vec![latent_of(basic); days];
    let mut from = whole(rng, [30, 70]);
    while from < days {
        let until = from + whole(rng, [30, 60]);
        let under_order = latent_of(basic * uniform(rng, [0.2, 0.45]));
        out[from..until.min(days)].fill(under_order);
        from = until + whole(rng, [20, 60]);
    }
    let mut noise = rng.normal();
    for l in &mut out {
        *l += volatility * noise;
        noise = MEMORY * noise + (1.0 - MEMORY * MEMORY).sqrt() * rng.normal();
    }
    out
}

fn uniform(rng: &mut Rng, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * rng.uniform()
}

/// A whole number of both ends inclusive.
fn whole(rng: &mut Rng, [low, high]: [usize; 2]) -> usize {
    low + rng.below(high - low + 1)
}
