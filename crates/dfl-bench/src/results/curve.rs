//! A quantity followed over the epochs of one job, or over another quantity.

use serde::{Deserialize, Serialize};

use super::{Key, ids};

/// A curve, one line of `curves.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The job.
    #[serde(flatten)]
    pub key: Key,
    /// The quantity: a split and a metric, e.g. `valid_normalized_regret` or, for short, `valid_regret`.
    pub what: String,
    /// What it is followed over; epochs if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axes: Option<Axes>,
    /// Epoch, or what `axes` says, and value; what is not finite is left out.
    pub points: Vec<[f64; 2]>,
}

/// How a curve that is not over epochs is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axes {
    /// Title of the horizontal axis.
    pub over: String,
    /// Whether each axis, the horizontal one first, is logarithmic.
    pub log: [bool; 2],
}

impl Curve {
    /// A curve of the finite ones among `points`: a diverging run keeps what it had.
    pub fn new(key: &Key, what: &str, points: impl IntoIterator<Item = [f64; 2]>) -> Self {
        let points = points.into_iter().filter(|point| point.iter().all(|v| v.is_finite())).collect();
        Self { key: key.clone(), what: what.to_owned(), axes: None, points }
    }

    /// The same over something else than epochs.
    #[must_use]
    pub fn over(mut self, over: &str, log: [bool; 2]) -> Self {
        self.axes = Some(Axes { over: over.to_owned(), log });
        self
    }

    /// The metric that `what` is about, if it is one that tables show, so that baselines can be drawn beside the curve.
    pub fn metric(&self) -> Option<&'static str> {
        let (_, name) = self.what.split_once('_')?;
        let name = if name == "regret" { "normalized_regret" } else { name };
        ids::metric(name).map(|metric| metric.id)
    }
}
