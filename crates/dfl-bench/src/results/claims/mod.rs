//! Claims about the rows of a suite, and what the measurements say of them.

mod judge;
mod show;
mod widens;

use std::fmt;
use std::path::Path;

use dfl_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Key, ids};
use crate::files::AtomicFile;

pub use judge::{Figure, judge};

/// A sentence that somebody printed, and the comparison that it comes down to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The sentence, and whose it is.
    pub text: String,
    /// The compared quantity.
    pub metric: String,
    /// How it is compared.
    #[serde(default)]
    pub relation: Relation,
    /// The rows that are claimed to be better, or to agree.
    pub left: Vec<Selector>,
    /// The rows that they are compared with; only for [`Relation::Below`] and [`Relation::Widens`].
    #[serde(default)]
    pub right: Vec<Selector>,
    /// How many times smaller the left side is claimed to be.
    #[serde(default = "one")]
    pub factor: f64,
    /// By how much the left side may be above the right, for [`Relation::Below`]: what is claimed to be no worse than by that.
    #[serde(default)]
    pub margin: f64,
    /// Decimals to which the figure is printed, for [`Relation::Prints`].
    pub digits: Option<i32>,
    /// Where it is claimed: `TASK` or `TASK SIZE`; everywhere if empty.
    #[serde(default)]
    pub on: Vec<String>,
}

/// How the two sides are compared; of several rows of one side the best on average stands for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The mean of the left side, times `factor`, is smaller than that of the right and `margin`, over the seeds that both have.
    #[default]
    Below,
    /// By how much the mean of the left side, times `factor`, is below that of the right is more at each place than at the first one.
    Widens,
    /// Each row on the left is within two standard errors of what others measured; theirs and ours combined.
    Agrees,
    /// Each row on the left is the published figure, to its decimals.
    Prints,
}

/// Rows of one method.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// Id of the method.
    pub method: String,
    /// Solver with its label, if the method was run with several.
    pub solver: Option<String>,
    /// Predictor, if there are several.
    pub predictor: Option<String>,
    /// Columns, if there are both.
    pub columns: Option<String>,
}

impl Selector {
    pub(super) fn fits(&self, key: &Key) -> bool {
        let named = |word: &Option<String>, of: &str| word.as_ref().is_none_or(|word| word == of);
        self.method == key.method
            && named(&self.solver, &key.solver)
            && named(&self.predictor, &key.predictor)
            && named(&self.columns, &key.columns)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.predictor, &self.solver, &self.columns];
        let how = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
        if how.is_empty() { f.write_str(&self.method) } else { write!(f, "{} ({how})", self.method) }
    }
}

fn one() -> f64 {
    1.0
}

/// What came of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// In every place where it is claimed.
    Holds,
    /// Not in all places that were measured.
    Fails,
    /// Nothing speaks against it, but not all of it was measured.
    NotTestable,
}

/// A claim with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The suite.
    pub suite: String,
    /// The profile.
    pub profile: String,
    /// The sentence.
    pub text: String,
    /// The compared quantity.
    pub metric: String,
    /// What came of it.
    pub outcome: Outcome,
    /// One for each place, and for each row where rows are judged by themselves.
    pub evidence: Vec<Evidence>,
}

/// What one place says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// Task and size.
    pub place: String,
    /// What was compared, or why nothing was.
    #[serde(flatten)]
    pub found: Found,
}

/// A comparison, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Found {
    /// Two numbers.
    Compared(Compared),
    /// What is missing.
    Missing {
        /// In words.
        missing: String,
    },
}

/// Two numbers that were compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// The row on the left and its mean.
    pub left: (String, f64),
    /// The row on the right, or `published`, and its mean.
    pub right: (String, f64),
    /// Left, times the factor, less right and margin: the mean over seeds that both have, or the distance from the published figure.
    pub difference: f64,
    /// Standard error of the difference; none from a single seed.
    pub se: Option<f64>,
    /// Number of seeds.
    pub seeds: usize,
    /// Whether the claim is true here.
    pub holds: bool,
}

impl Compared {
    /// Whether the difference is more than two standard errors.
    pub fn is_clear(&self) -> bool {
        self.se.is_some_and(|se| self.difference.abs() > 2.0 * se)
    }
}

impl Claim {
    /// Refuses words that are not ids, places where nothing is run, and a comparison without its sides. `places` are those of the suite.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Domain`].
    pub fn check(&self, places: &[(String, String)]) -> Result<()> {
        let unknown = |what, given: &str, known: String| Err(Error::Unknown { what, given: given.to_owned(), known });
        if ids::metric(&self.metric).is_none() {
            return unknown("metric of a claim", &self.metric, ids::METRICS.iter().map(|m| m.id).collect::<Vec<_>>().join(", "));
        }
        if let Some(row) = self.left.iter().chain(&self.right).find(|row| !ids::is_method(&row.method)) {
            return unknown("method of a claim", &row.method, [ids::NO_LEARNING, ids::LEARNING].concat().join(", "));
        }
        if let Some(place) = self.on.iter().find(|place| !places.iter().any(|at| is_at(place, at))) {
            let known = places.iter().map(|(task, size)| format!("{task} {size}")).collect::<Vec<_>>().join(", ");
            return unknown("place of a claim", place, known);
        }
        let has_right = matches!(self.relation, Relation::Below | Relation::Widens);
        if self.left.is_empty() || self.right.is_empty() == has_right {
            let need = "at least 1 on each side, and none on the right of `agrees` and `prints`";
            return Err(Error::Domain { what: "number of rows of a claim", value: self.right.len() as f64, need });
        }
        if (self.relation == Relation::Prints) != self.digits.is_some() {
            let value = f64::from(self.digits.unwrap_or(0));
            return Err(Error::Domain { what: "digits of a claim", value, need: "given for `prints`, and for no other relation" });
        }
        let margin = self.margin >= 0.0 && self.margin.is_finite() && (self.margin == 0.0 || self.relation == Relation::Below);
        if !margin {
            return Err(Error::Domain { what: "margin of a claim", value: self.margin, need: "at least 0, and 0 but for `below`" });
        }
        match self.factor > 0.0 && self.factor.is_finite() {
            true => Ok(()),
            false => Err(Error::Domain { what: "factor of a claim", value: self.factor, need: "positive and finite" }),
        }
    }
}

/// Writes the verdicts as JSON, a list.
///
/// # Errors
/// [`Error::File`].
pub fn write(path: &Path, verdicts: &[Verdict]) -> Result<()> {
    AtomicFile::create(path)?.write(|file| serde_json::to_writer_pretty(file, verdicts).map_err(Into::into))
}

/// Whether `TASK` or `TASK SIZE` names this task and size.
pub(super) fn is_at(place: &str, (task, size): &(String, String)) -> bool {
    place == task || place.split_once(' ') == Some((task, size))
}
