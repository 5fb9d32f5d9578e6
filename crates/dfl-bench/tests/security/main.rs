//! The network security game: its value by hand, by a dense solve and by walks, its derivatives by differences, its data and its task.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod energies;
mod likelihood;
mod reference;
mod task;
mod value;

use std::sync::Arc;

use dfl_bench::security::{Game, Graph, RandomGraph, Rules};
use dfl_core::Rng;

/// A drawn graph of so many nodes with payoffs from 5 to 10.
fn game(nodes: usize, seed: u64) -> Arc<Game> {
    let mut rng = Rng::seeded(seed);
    let payoffs = (0..5).map(|_| 5.0 + 5.0 * rng.uniform()).collect();
    Game::new(RandomGraph::of_size(nodes).draw(seed).unwrap(), payoffs, Rules::default()).unwrap().shared()
}

/// 0 (source) - 1 - 2 (target, pays 8).
fn path(epsilon: f64) -> Game {
    let graph = Graph::new(3, vec![[0, 1], [1, 2]], vec![0], vec![2]).unwrap();
    Game::new(graph, vec![8.0], Rules { epsilon, ..Rules::default() }).unwrap()
}

fn normals(n: usize, rng: &mut Rng) -> Vec<f64> {
    (0..n).map(|_| 2.0 * rng.normal()).collect()
}

/// Inside of `[0, 1]` by as much as a difference needs.
fn inside(n: usize, rng: &mut Rng) -> Vec<f64> {
    (0..n).map(|_| 0.05 + 0.9 * rng.uniform() * rng.uniform()).collect()
}
