use serde::{Deserialize, Serialize};

use super::Key;
use super::log::Record;

/// What each test row cost under the decisions of one job: a line of `rows.jsonl`, and what methods are compared by row by row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowCosts {
    /// The job.
    #[serde(flatten)]
    pub key: Key,
    /// What the values are; less is better.
    pub metric: String,
    /// Name of each test row, in the order of the data.
    pub ids: Vec<u64>,
    /// Its cost, `[b]`.
    pub values: Vec<f64>,
}

impl RowCosts {
    /// The metric of [`Benchmark::per_row`](crate::tasks::Benchmark::per_row).
    pub const METRIC: &'static str = "task_loss";

    /// Costs of a job; `None` if one is not finite, which JSON has no word for: its job's figures say so.
    pub fn new(key: &Key, ids: &[u64], values: &[f64]) -> Option<Self> {
        let finite = values.iter().all(|value| value.is_finite());
        finite.then(|| Self { key: key.clone(), metric: Self::METRIC.into(), ids: ids.to_vec(), values: values.to_vec() })
    }
}

impl Record for RowCosts {
    fn key(&self) -> &Key {
        &self.key
    }
}
