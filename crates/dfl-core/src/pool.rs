use std::sync::{Arc, PoisonError, RwLock};

use crate::{Batch, Error, Result, check_len};

/// Decisions closer than this in the sum of absolute differences are the same.
const SAME: f64 = 1e-6;

/// Distinct feasible decisions of one linear problem, in the order they were found; shared by an `Arc` between a solution cache and the
/// losses that compare with a pool.
///
/// Readers take a [`snapshot`](Pool::snapshot), which later additions do not change.
///
/// # References
/// Mulamba et al. (2021), Contrastive losses and solution caching for predict-and-optimize, IJCAI, section 4.
#[derive(Debug)]
pub struct Pool {
    decisions: RwLock<Arc<Batch>>,
}

impl Pool {
    /// A pool of the distinct ones among `decisions`, `[k, x]`: usually the labels of the training rows.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a bad number, [`Error::Domain`] if there are none: no row could be answered from it.
    pub fn new(decisions: &Batch) -> Result<Self> {
        if decisions.rows() == 0 {
            return Err(Error::Domain {
                what: "number of decisions in a pool",
                value: 0.0,
                need: "at least 1: begin with the training labels",
            });
        }
        let pool = Self { decisions: RwLock::new(Arc::new(Batch::zeros(0, decisions.cols()))) };
        pool.extend(decisions)?;
        Ok(pool)
    }

    /// Adds the rows that differ from all that are there by more than 1e-6 (sum of absolute differences), in order. Returns how many.
    ///
    /// # Errors
    /// [`Error::Dimension`] for another length, [`Error::NotFinite`] for a bad number.
    pub fn extend(&self, decisions: &Batch) -> Result<usize> {
        decisions.check_finite("decision for the pool")?;
        let mut current = self.decisions.write().unwrap_or_else(PoisonError::into_inner);
        let (cols, before) = (current.cols(), current.rows());
        check_len("decision for the pool", cols, decisions.cols())?;
        let mut all = current.as_slice().to_vec();
        for row in decisions.iter() {
            if !all.chunks(cols.max(1)).any(|known| same(known, row)) {
                all.extend_from_slice(row);
            }
        }
        let rows = all.len().checked_div(cols).unwrap_or(1);
        if rows > before {
            *current = Arc::new(Batch::from_vec(rows, cols, all)?);
        }
        Ok(rows - before)
    }

    /// What is in it now, `[k, x]`.
    pub fn snapshot(&self) -> Arc<Batch> {
        Arc::clone(&self.decisions.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn same(a: &[f64], b: &[f64]) -> bool {
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

    #[test]
    fn bad_decisions_are_refused() {
        assert!(matches!(Pool::new(&Batch::zeros(0, 2)), Err(Error::Domain { .. })));
        let pool = Pool::new(&rows(&[[1.0, 0.0]])).unwrap();
        assert!(matches!(pool.extend(&Batch::zeros(1, 3)), Err(Error::Dimension { expected: 2, got: 3, .. })));
        assert!(matches!(pool.extend(&rows(&[[f64::NAN, 0.0]])), Err(Error::NotFinite { column: 0, .. })));
    }
}
