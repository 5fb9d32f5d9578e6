//! Which rows of a suite differ from a given one by more than the choice of test rows explains.

mod bootstrap;
mod judge;
mod show;

use std::path::Path;

use dfl_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::RowCosts;
use super::claims::{Selector, is_at};
use super::ids;
use crate::files::AtomicFile;

pub(crate) use bootstrap::{Resampled, paired};
pub use judge::judge;
pub(super) use show::sheet;

/// Rows that are compared with one, test row by test row: a block `[[significance]]` of a suite.
///
/// Costs of a row are averaged over its seeds first, so that the test is about the test rows, given these trained models. All comparisons
/// of a block, over all its places, are one family.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Significance {
    /// The question, in words.
    pub text: String,
    /// What is compared: a metric of [`RowCosts`].
    #[serde(default = "metric")]
    pub metric: String,
    /// The row that the others are compared with.
    pub against: Selector,
    /// The others.
    pub rows: Vec<Selector>,
    /// The share of test rows on which each row is claimed to cost less, if that is claimed.
    pub wins: Option<f64>,
    /// How many test rows in a row are drawn together: 1 for independent rows, more for a time series.
    #[serde(default = "one")]
    pub block: usize,
    /// Bootstrap samples.
    #[serde(default = "draws")]
    pub draws: usize,
    /// Where: `TASK` or `TASK SIZE`; everywhere if empty.
    #[serde(default)]
    pub on: Vec<String>,
}

fn metric() -> String {
    RowCosts::METRIC.into()
}

fn one() -> usize {
    1
}

fn draws() -> usize {
    10_000
}

/// The comparisons of one block.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "those of the block")]
pub struct Family {
    pub suite: String,
    pub profile: String,
    pub text: String,
    pub metric: String,
    pub block: usize,
    pub draws: usize,
    pub wins: Option<f64>,
    /// One for each place and row.
    pub comparisons: Vec<Comparison>,
}

/// One row beside the one it is compared with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Task and size.
    pub place: String,
    /// The row.
    pub row: String,
    /// What it is compared with.
    pub against: String,
    /// What came of it.
    #[serde(flatten)]
    pub found: Found,
}

/// A difference, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Found {
    /// Compared.
    Tested(Tested),
    /// Counted in the family, as if its p-value were 1.
    Missing {
        /// In words.
        missing: String,
    },
}

/// A mean difference and what the bootstrap says of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tested {
    /// Test rows.
    pub n: usize,
    /// Seeds of the row and of the one it is compared with.
    pub seeds: [usize; 2],
    /// Mean over test rows of the row's cost less that of the other: negative is better.
    pub difference: f64,
    /// 95 % interval of that mean.
    pub interval: [f64; 2],
    /// Two-sided, of no difference.
    pub p: f64,
    /// Adjusted by Holm's method over the family.
    pub p_holm: f64,
    /// Share of test rows on which the row costs less, equal ones are none; of each seed by itself, mean over the seeds.
    pub win_rate: f64,
}

impl Significance {
    /// Refuses words that are not ids, places where nothing is run, and numbers that no test can be made with.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Domain`].
    pub fn check(&self, places: &[(String, String)]) -> Result<()> {
        let unknown = |what, given: &str, known: String| Err(Error::Unknown { what, given: given.to_owned(), known });
        if self.metric != RowCosts::METRIC {
            return unknown("metric of a significance block", &self.metric, RowCosts::METRIC.to_owned());
        }
        if let Some(row) = self.rows.iter().chain([&self.against]).find(|row| !ids::is_method(&row.method)) {
            return unknown("method of a significance block", &row.method, [ids::NO_LEARNING, ids::LEARNING].concat().join(", "));
        }
        if let Some(place) = self.on.iter().find(|place| !places.iter().any(|at| is_at(place, at))) {
            let known = places.iter().map(|(task, size)| format!("{task} {size}")).collect::<Vec<_>>().join(", ");
            return unknown("place of a significance block", place, known);
        }
        let counts = [
            ("rows of a significance block", self.rows.len(), 1, "at least 1"),
            ("block of a significance block", self.block, 1, "at least 1"),
            ("draws of a significance block", self.draws, 100, "at least 100, for an interval of 95 %"),
        ];
        if let Some(value) = self.wins.filter(|wins| !(0.0..=1.0).contains(wins)) {
            return Err(Error::Domain { what: "wins of a significance block", value, need: "between 0 and 1" });
        }
        match counts.into_iter().find(|(_, count, least, _)| count < least) {
            Some((what, count, _, need)) => Err(Error::Domain { what, value: count as f64, need }),
            None => Ok(()),
        }
    }
}

impl Family {
    /// What came of the claimed share of wins, in words.
    pub(super) fn claimed_wins(&self) -> Option<String> {
        let wins = self.wins?;
        let row = |c: &Comparison| match &c.found {
            Found::Tested(tested) if tested.win_rate >= wins => format!("{} at {}: reached", c.row, c.place),
            Found::Tested(tested) => format!("{} at {}: fails by {:.1}", c.row, c.place, 100.0 * (wins - tested.win_rate)),
            Found::Missing { .. } => format!("{} at {}: not testable", c.row, c.place),
        };
        let rows: Vec<String> = self.comparisons.iter().map(row).collect();
        Some(format!("claimed: wins on {:.0} %. {}", 100.0 * wins, rows.join("; ")))
    }
}

/// Writes the families as JSON, a list.
///
/// # Errors
/// [`Error::File`].
pub fn write(path: &Path, families: &[Family]) -> Result<()> {
    AtomicFile::create(path)?.write(|file| serde_json::to_writer_pretty(file, families).map_err(Into::into))
}
