use dfl_core::Result;
use dfl_core::metrics::mean;
use serde::Serialize;

use super::story::short;
use crate::results::significance::{Resampled, paired};

/// Draws of the bootstrap.
const DRAWS: usize = 10_000;
/// Relative differences that are rounding.
const ROUNDING: f64 = 1e-9;
/// Test rows below which nothing is said about chance.
const FEW: usize = 20;

/// The mean difference of two ways to decide on the same rows, and what resampling says of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Rows.
    pub rows: usize,
    /// Mean of ours less theirs; below 0 is better.
    pub mean: f64,
    /// 95 % interval of that mean.
    pub interval: [f64; 2],
    /// Two-sided, of no difference.
    pub p: f64,
    /// Mean size of theirs, to which differences are relative in words.
    pub size: f64,
    /// Share of rows on which ours costs less, by more than rounding.
    pub wins: f64,
}

/// What a decision does, for [`Difference::in_words`].
pub(super) fn verb(with_costs: bool) -> &'static str {
    if with_costs { "costs" } else { "misses what was decided by" }
}

impl Difference {
    /// Paired over the rows, which are independent; `None` for fewer than two.
    ///
    /// # Errors
    /// [`dfl_core::Error::NotFinite`] for a cost.
    pub fn of(ours: &[f64], theirs: &[f64]) -> Result<Option<Self>> {
        let differences: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
        if differences.len() < 2 {
            return Ok(None);
        }
        let Resampled { interval, p } = paired(&differences, 1, DRAWS)?;
        let size = mean(&theirs.iter().map(|c| c.abs()).collect::<Vec<_>>());
        let wins = differences.iter().filter(|d| **d < -ROUNDING * size).count() as f64 / differences.len() as f64;
        Ok(Some(Self { rows: differences.len(), mean: mean(&differences), interval, p, size, wins }))
    }

    /// What it says of `ours` against `theirs`, in one sentence; `verb` is what they do, e.g. `costs`.
    pub(super) fn in_words(&self, ours: &str, verb: &str, theirs: &str) -> String {
        let amount = |v: f64| if self.size > 0.0 { format!("{:.2} %", 100.0 * v / self.size) } else { short(v) };
        let (rows, mean, [from, to]) = (self.rows, self.mean, self.interval);
        let interval = format!("95 % interval {} to {}", amount(from), amount(to));
        if [mean, from, to].iter().all(|d| d.abs() <= ROUNDING * self.size) {
            return format!("On {rows} rows {ours} {verb} the same as {theirs}.");
        }
        if rows < FEW {
            return format!("{rows} rows are too few to tell {ours} from {theirs} (mean difference {}).", amount(mean));
        }
        if to < 0.0 {
            return format!("On {rows} rows {ours} {verb} {} less than {theirs} ({interval}).", amount(-mean));
        }
        if from > 0.0 {
            return format!("On {rows} rows {ours} {verb} {} MORE than {theirs} ({interval}).", amount(mean));
        }
        format!("On {rows} rows {ours} is not distinguishable from {theirs}: difference {} ({interval}).", amount(mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(difference: f64, spread: f64, rows: usize) -> String {
        let theirs = vec![10.0; rows];
        let ours: Vec<f64> = (0..rows).map(|i| 10.0 + difference + if i % 2 == 0 { spread } else { -spread }).collect();
        Difference::of(&ours, &theirs).unwrap().unwrap().in_words("the model", "costs", "least_squares")
    }

    #[test]
    fn words_follow_the_interval() {
        assert!(said(-1.0, 0.1, 40).contains("costs 10.00 % less than least_squares"), "{}", said(-1.0, 0.1, 40));
        assert!(said(1.0, 0.1, 40).contains("10.00 % MORE"));
        assert!(said(0.01, 2.0, 40).contains("not distinguishable"));
        assert!(said(1.0, 0.1, 10).contains("too few"));
        assert!(said(0.0, 0.0, 40).contains("the same"));
        assert_eq!(Difference::of(&[1.0], &[2.0]).unwrap(), None);
        let wins = Difference::of(&[1.0 - 1e-16, 0.5, 2.0, 1.0], &[1.0; 4]).unwrap().unwrap().wins;
        assert_eq!(wins, 0.25, "rounding is no win");
    }
}
