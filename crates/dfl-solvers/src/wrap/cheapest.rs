//! The cheapest decision of a pool for each cost of a batch.
//!
//! A product of the pool, sparse as decisions are, with the costs, of which only the least entry for each cost is kept. Each entry is a
//! sum in the order of the variables, so that it depends neither on the batch nor on the number of threads.

use dfl_core::Batch;
use rayon::prelude::*;

use crate::active_set::kernels::vectorised;

/// Costs that one entry of a decision is multiplied with at once.
const LANES: usize = 16;
/// Decisions that are made sparse at once, small enough to stay in the cache.
const HEIGHT: usize = 64;

/// Place in the pool and value of the cheapest decision for each of the `rows` of `costs`, the first of equals.
pub(super) fn cheapest(pool: &Batch, costs: &Batch, rows: &[usize]) -> Vec<(usize, f64)> {
    let (n, blocks) = (costs.cols(), rows.len().div_ceil(LANES));
    let mut lanes = vec![[0.0; LANES]; blocks * n];
    for (k, &i) in rows.iter().enumerate() {
        lanes[k / LANES * n..][..n].iter_mut().zip(costs.row(i)).for_each(|(to, cost)| to[k % LANES] = *cost);
    }
    let tiles = pool.rows().div_ceil(HEIGHT);
    let none = || (Tile::default(), vec![Best::default(); blocks]);
    let search = |(mut tile, mut best): (Tile, Vec<Best>), t: usize| {
        tile.take(pool, t * HEIGHT);
        best.iter_mut().enumerate().for_each(|(k, best)| visit(&tile, &lanes[k * n..(k + 1) * n], best));
        (tile, best)
    };
    let (_, best) = (0..tiles).into_par_iter().fold(none, search).reduce(none, |(tile, mut a), (_, b)| {
        a.iter_mut().zip(&b).for_each(|(a, b)| a.merge(b));
        (tile, a)
    });
    rows.iter().enumerate().map(|(k, _)| (best[k / LANES].at[k % LANES], best[k / LANES].value[k % LANES])).collect()
}

/// Consecutive decisions, without their zeros.
#[derive(Default)]
struct Tile {
    first: usize,
    /// Where the entries of each decision end.
    ends: Vec<usize>,
    entries: Vec<(usize, f64)>,
}

impl Tile {
    fn take(&mut self, pool: &Batch, first: usize) {
        self.first = first;
        self.ends.clear();
        self.entries.clear();
        for k in first..pool.rows().min(first + HEIGHT) {
            self.entries.extend(pool.row(k).iter().copied().enumerate().filter(|e| e.1 != 0.0));
            self.ends.push(self.entries.len());
        }
    }
}

/// The cheapest decision so far for each cost of a block.
#[derive(Clone)]
struct Best {
    at: [usize; LANES],
    value: [f64; LANES],
}

impl Default for Best {
    fn default() -> Self {
        Self { at: [0; LANES], value: [f64::INFINITY; LANES] }
    }
}

impl Best {
    fn merge(&mut self, other: &Self) {
        for l in 0..LANES {
            if (other.value[l], other.at[l]) < (self.value[l], self.at[l]) {
                (self.value[l], self.at[l]) = (other.value[l], other.at[l]);
            }
        }
    }
}

vectorised! {
    fn visit(tile: &Tile, costs: &[[f64; LANES]], best: &mut Best) -> () = visit_each
}

#[inline(always)]
fn visit_each(tile: &Tile, costs: &[[f64; LANES]], best: &mut Best) {
    let mut start = 0;
    for (k, &end) in tile.ends.iter().enumerate() {
        let mut sum = [0.0; LANES];
        for &(j, x) in &tile.entries[start..end] {
            for l in 0..LANES {
                sum[l] += x * costs[j][l];
            }
        }
        for l in 0..LANES {
            let lower = sum[l] < best.value[l];
            best.value[l] = if lower { sum[l] } else { best.value[l] };
            best.at[l] = if lower { tile.first + k } else { best.at[l] };
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use dfl_core::Rng;

    use super::*;

    /// Sizes below, at and above those of tiles and blocks of costs, against sums entry by entry; a decision twice is found at its
    /// first place.
    #[test]
    fn every_size_agrees_with_a_plain_search() {
        let mut rng = Rng::seeded(6);
        for (k, n, b) in [(1, 1, 1), (5, 3, 40), (200, 180, 33), (63, 20, 16), (64, 7, 15)] {
            let sparse = |rng: &mut Rng| f64::from(u8::from(rng.uniform() < 0.3)) * rng.normal();
            let mut pool = Batch::from_vec(k, n, (0..k * n).map(|_| sparse(&mut rng)).collect()).unwrap();
            let costs = Batch::from_vec(b, n, (0..b * n).map(|_| rng.normal()).collect()).unwrap();
            let again = pool.row(0).to_vec();
            pool.push(&again).unwrap();
            let rows: Vec<usize> = (0..b).rev().collect();
            let found = cheapest(&pool, &costs, &rows);
            assert_eq!(found.len(), b);
            for (i, (at, value)) in rows.iter().zip(found) {
                let values: Vec<f64> = pool.iter().map(|w| w.iter().zip(costs.row(*i)).map(|(w, c)| w * c).sum()).collect();
                let least = values.iter().copied().fold(f64::INFINITY, f64::min);
                assert_eq!((at, value), (values.iter().position(|&v| v == least).unwrap(), least), "{k} decisions, cost {i}");
            }
        }
    }
}
