use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::{Batch, Error, Key, Result, Stream, check_len};

/// Decisions closer than this in the sum of absolute differences are the same.
const SAME: f64 = 1e-6;

/// Distinct feasible decisions of one linear problem, in the order they were found; shared by an `Arc` between a solution cache and the
/// losses that compare with a pool.
///
/// Readers take a [`snapshot`](Pool::snapshot), which later additions do not change. An addition costs $O(n)$, however many are there,
/// and a copy of the pool if a snapshot of it is still held.
///
/// A [`bounded`](Pool::bounded) pool that is full drops the decision it has held for longest, but never one it began with: those are the
/// labels of the training rows, which losses compare with. The new decision takes the place of the dropped one.
///
/// # References
/// Mulamba et al. (2021), Contrastive losses and solution caching for predict-and-optimize, IJCAI, section 4.
#[derive(Debug)]
pub struct Pool {
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    decisions: Arc<Batch>,
    seen: Seen,
    /// Decisions at the front that stay.
    kept: usize,
    limit: usize,
    /// What the next addition to a full pool replaces.
    oldest: usize,
}

impl Pool {
    /// A pool of the distinct ones among `decisions`, `[k, x]`: usually the labels of the training rows. It grows without bound.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a bad number, [`Error::Domain`] if there are none: no row could be answered from it.
    pub fn new(decisions: &Batch) -> Result<Self> {
        Self::bounded(decisions, usize::MAX)
    }

    /// A pool of at most `limit` decisions, of which it begins with the distinct ones among `decisions`, `[k, x]`, and keeps those.
    ///
    /// # Errors
    /// As [`Pool::new`], and [`Error::Domain`] for a limit below the number it begins with.
    pub fn bounded(decisions: &Batch, limit: usize) -> Result<Self> {
        if decisions.rows() == 0 {
            return Err(Error::Domain {
                what: "number of decisions in a pool",
                value: 0.0,
                need: "at least 1: begin with the training labels",
            });
        }
        let seen = Seen::new(decisions.cols());
        let mut state = State { decisions: Arc::new(Batch::zeros(0, decisions.cols())), seen, kept: 0, limit: usize::MAX, oldest: 0 };
        state.extend(decisions)?;
        let kept = state.decisions.rows();
        if limit < kept {
            let need = "at least the number of distinct decisions that it begins with, which are never dropped";
            return Err(Error::Domain { what: "size of a pool", value: limit as f64, need });
        }
        Ok(Self { state: RwLock::new(State { kept, limit, oldest: kept, ..state }) })
    }

    /// Adds the rows that differ from all that are there by more than 1e-6 (sum of absolute differences), in order. Returns how many.
    ///
    /// # Errors
    /// [`Error::Dimension`] for another length, [`Error::NotFinite`] for a bad number.
    pub fn extend(&self, decisions: &Batch) -> Result<usize> {
        self.state.write().unwrap_or_else(PoisonError::into_inner).extend(decisions)
    }

    /// What is in it now, `[k, x]`.
    pub fn snapshot(&self) -> Arc<Batch> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner).decisions)
    }
}

impl State {
    fn extend(&mut self, decisions: &Batch) -> Result<usize> {
        check_len("decision for the pool", self.decisions.cols(), decisions.cols())?;
        decisions.check_finite("decision for the pool")?;
        if self.kept == self.limit {
            return Ok(0);
        }
        let mut added = 0;
        for row in decisions.iter() {
            let cell = self.seen.cell(row);
            if !self.seen.near(cell).any(|at| same_decision(self.decisions.row(at), row)) {
                let at = self.put(row)?;
                self.seen.add(cell, at);
                added += 1;
            }
        }
        Ok(added)
    }

    /// Writes a decision to its place, and returns that.
    fn put(&mut self, row: &[f64]) -> Result<usize> {
        let all = Arc::make_mut(&mut self.decisions);
        if all.rows() < self.limit {
            all.push(row)?;
            return Ok(all.rows() - 1);
        }
        let at = self.oldest;
        self.seen.remove(self.seen.cell(all.row(at)), at);
        all.row_mut(at).copy_from_slice(row);
        self.oldest = if at + 1 < self.limit { at + 1 } else { self.kept };
        Ok(at)
    }
}

/// Where decisions that may be the same are found: by the cell of a weighted sum of their entries. Weights are at most 1, so sums of
/// decisions that are the same differ by at most [`SAME`], and their cells by at most one.
#[derive(Debug)]
struct Seen {
    weights: Vec<f64>,
    cells: HashMap<i64, Vec<usize>>,
}

impl Seen {
    /// Weights are random, so that the sums of different sets of ones are not the same.
    fn new(n: usize) -> Self {
        let mut rng = Stream::default().rng("pool", Key::default());
        Self { weights: (0..n).map(|_| rng.uniform()).collect(), cells: HashMap::new() }
    }

    /// Twice as wide as it must be, which leaves room for rounding in the sum.
    fn cell(&self, row: &[f64]) -> i64 {
        let sum: f64 = row.iter().zip(&self.weights).map(|(x, w)| x * w).sum();
        (sum / (2.0 * SAME)).floor() as i64
    }

    fn near(&self, cell: i64) -> impl Iterator<Item = usize> {
        let cells = [cell.saturating_sub(1), cell, cell.saturating_add(1)];
        cells.into_iter().filter_map(|c| self.cells.get(&c)).flatten().copied()
    }

    fn add(&mut self, cell: i64, at: usize) {
        self.cells.entry(cell).or_default().push(at);
    }

    fn remove(&mut self, cell: i64, at: usize) {
        if let Some(places) = self.cells.get_mut(&cell) {
            places.retain(|&place| place != at);
            if places.is_empty() {
                self.cells.remove(&cell);
            }
        }
    }
}

/// Whether two decisions are the same for a [`Pool`]: their absolute differences add up to at most 1e-6.
pub fn same_decision(a: &[f64], b: &[f64]) -> bool {
    let mut distance = 0.0;
    for (a, b) in a.iter().zip(b) {
        distance += (a - b).abs();
        if distance > SAME {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    fn rows(rows: &[[f64; 2]]) -> Batch {
        Batch::from_rows(rows).unwrap()
    }

    #[test]
    fn it_keeps_what_differs_in_the_order_found() {
        let pool = Pool::new(&rows(&[[1.0, 0.0], [0.0, 1.0], [1.0, 1e-7]])).unwrap();
        assert_eq!(*pool.snapshot(), rows(&[[1.0, 0.0], [0.0, 1.0]]));
        let before = pool.snapshot();
        assert_eq!(pool.extend(&rows(&[[0.0, 1.0], [0.5, 0.5], [0.5, 0.5], [1.0, 1e-5]])).unwrap(), 2);
        assert_eq!(*pool.snapshot(), rows(&[[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [1.0, 1e-5]]));
        assert_eq!(before.rows(), 2, "a snapshot stays as it was taken");
    }

    /// Random decisions, each moved by half and by twice the distance within which two are the same, against every pair compared.
    #[test]
    fn hashing_finds_what_comparing_all_finds() {
        let (n, mut rng) = (12, Rng::seeded(2));
        let mut draws = Batch::zeros(0, n);
        for k in 0..400 {
            let mut row: Vec<f64> = (0..n).map(|_| rng.below(2) as f64).collect();
            row[k % n] += [0.0, 0.5 * SAME, 2.0 * SAME, -0.5 * SAME][rng.below(4)];
            draws.push(&row).unwrap();
        }
        let mut expected = Batch::zeros(0, n);
        for row in draws.iter() {
            if !expected.iter().any(|known| same_decision(known, row)) {
                expected.push(row).unwrap();
            }
        }
        assert!(expected.rows() > 100 && expected.rows() < 400, "{} are distinct", expected.rows());
        assert_eq!(*Pool::new(&draws).unwrap().snapshot(), expected);
    }

    /// Two labels stay; of what is found the oldest goes, and may come back.
    #[test]
    fn a_full_pool_drops_what_it_found_first() {
        let found = |k: f64| [k, k];
        let pool = Pool::bounded(&rows(&[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), 4).unwrap();
        assert_eq!(pool.extend(&rows(&[found(2.0), found(3.0), found(4.0), found(3.0)])).unwrap(), 3);
        assert_eq!(*pool.snapshot(), rows(&[[1.0, 0.0], [0.0, 1.0], found(4.0), found(3.0)]));
        assert_eq!(pool.extend(&rows(&[[1.0, 0.0], found(4.0), found(2.0)])).unwrap(), 1);
        assert_eq!(*pool.snapshot(), rows(&[[1.0, 0.0], [0.0, 1.0], found(4.0), found(2.0)]));
        assert_eq!(pool.extend(&rows(&[found(5.0), found(6.0), found(7.0)])).unwrap(), 3);
        assert_eq!(*pool.snapshot(), rows(&[[1.0, 0.0], [0.0, 1.0], found(7.0), found(6.0)]));
        let fixed = Pool::bounded(&rows(&[[1.0, 0.0]]), 1).unwrap();
        assert_eq!((fixed.extend(&rows(&[found(2.0)])).unwrap(), fixed.snapshot().rows()), (0, 1));
    }

    #[test]
    fn bad_decisions_and_sizes_are_refused() {
        assert!(matches!(Pool::new(&Batch::zeros(0, 2)), Err(Error::Domain { .. })));
        for limit in [0, 1] {
            let error = Pool::bounded(&rows(&[[1.0, 0.0], [0.0, 1.0]]), limit).unwrap_err();
            assert!(matches!(error, Error::Domain { what: "size of a pool", .. }), "{error}");
        }
        let pool = Pool::new(&rows(&[[1.0, 0.0]])).unwrap();
        assert!(matches!(pool.extend(&Batch::zeros(1, 3)), Err(Error::Dimension { expected: 2, got: 3, .. })));
        assert!(matches!(pool.extend(&rows(&[[f64::NAN, 0.0]])), Err(Error::NotFinite { column: 0, .. })));
    }
}
