//! Costs of tours for tests and timings.

use dfl_core::Rng;
use dfl_solvers::Tour;

/// How the costs of an instance are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Distances in the plane and a polynomial of degree 6 of five features with half-width .5 noise: the generator of PyEPO, with draws
    /// of our own.
    Distances,
    /// What SPO+ solves for, `2 predicted - true`, with predictions 30 % off.
    Probe,
    /// Standard normal.
    Normal,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Distances, Kind::Probe, Kind::Normal];

/// Costs of one instance, over nodes of its own.
pub(crate) fn costs(tour: Tour, kind: Kind, rng: &mut Rng) -> Vec<f64> {
    if kind == Kind::Normal {
        return (0..tour.edges()).map(|_| rng.normal()).collect();
    }
    let (features, half) = (5, tour.nodes() / 2);
    let mut place = |k: usize| if k < half { 4.0 * rng.uniform() - 2.0 } else { rng.normal() };
    let places: Vec<[f64; 2]> = (0..tour.nodes()).map(|k| [place(k), place(k)]).collect();
    let mut weight = || f64::from(rng.uniform() > 0.5) * (4.0 * rng.uniform() - 2.0);
    let weights: Vec<f64> = (0..tour.edges() * features).map(|_| weight()).collect();
    let ends = tour.ends();
    let x: Vec<f64> = (0..features).map(|_| rng.normal()).collect();
    let mut cost = |e: usize| {
        let ([a, b], [c, d]) = (places[ends[e].0], places[ends[e].1]);
        let linear: f64 = x.iter().zip(&weights[e * features..]).map(|(x, w)| x * w).sum();
        let noise = 0.5 + rng.uniform();
        (a - c).hypot(b - d) + (linear / (features as f64).sqrt() + 3.0).powi(6) / 3_f64.powi(5) * noise
    };
    let truth: Vec<f64> = (0..tour.edges()).map(&mut cost).collect();
    match kind {
        Kind::Probe => truth.iter().map(|&c| 2.0 * c * (1.0 + 0.3 * rng.normal()) - c).collect(),
        _ => truth.into_iter().map(|c| (1e4 * c).round() / 1e4).collect(),
    }
}
