//! The cheapest decision of a pool for each cost of a batch.
//!
//! A matrix product in tiles, of which only the least entry of each row is kept. Each entry is a sum in one fixed order, so that it depends
//! neither on the batch nor on the number of threads.

use dfl_core::Batch;
use rayon::prelude::*;

use crate::active_set::kernels::{dot, vectorised};

/// Numbers of the pool that are read again and again by one thread: half of a second-level cache.
const TILE: usize = 16_384;
/// Costs that share a tile.
const COSTS: usize = 16;

vectorised! {
    fn product(w: &[f64], cost: &[f64]) -> f64 = dot
}

/// Place in the pool and value of the cheapest decision for each of the `rows` of `costs`, the first of equals.
pub(super) fn cheapest(pool: &Batch, costs: &Batch, rows: &[usize]) -> Vec<(usize, f64)> {
    let height = (TILE / pool.cols().max(1)).max(1);
    let found = rows.par_chunks(COSTS).flat_map_iter(|rows| {
        let mut best = vec![(0, f64::INFINITY); rows.len()];
        for start in (0..pool.rows()).step_by(height) {
            for (best, &i) in best.iter_mut().zip(rows) {
                let tile = start..pool.rows().min(start + height);
                *best = tile.fold(*best, |best, k| {
                    let value = product(pool.row(k), costs.row(i));
                    if value < best.1 { (k, value) } else { best }
                });
            }
        }
        best
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use dfl_core::Rng;

    use super::*;

    /// Sizes below, at and above those of tiles and blocks of costs, against sums entry by entry; a decision twice is found at its first place.
    #[test]
    fn every_size_agrees_with_a_plain_search() {
        let mut rng = Rng::seeded(6);
        for (k, n, b) in [(1, 1, 1), (5, 3, 40), (200, 180, 33), (3, 20_000, 2), (100, 163, 16)] {
            let mut draw = |rows: usize| Batch::from_vec(rows, n, (0..rows * n).map(|_| rng.normal()).collect()).unwrap();
            let (mut pool, costs) = (draw(k), draw(b));
            let again = pool.row(0).to_vec();
            pool.push(&again).unwrap();
            let rows: Vec<usize> = (0..b).rev().collect();
            for (i, (at, value)) in rows.iter().zip(cheapest(&pool, &costs, &rows)) {
                let values: Vec<f64> = pool.iter().map(|w| w.iter().zip(costs.row(*i)).map(|(w, c)| w * c).sum()).collect();
                let least = values.iter().copied().fold(f64::INFINITY, f64::min);
                assert!((value - least).abs() < 1e-10 && (values[at] - least).abs() < 1e-10 && at < k);
            }
        }
    }
}
