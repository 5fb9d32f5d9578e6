use serde::{Deserialize, Serialize};

use super::Key;
use super::log::Record;
use crate::page::Example;

/// Some decisions of one job beside the best ones, a line of `examples.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Examples {
    /// The job.
    #[serde(flatten)]
    pub key: Key,
    /// A few test rows.
    pub examples: Vec<Example>,
}

impl Record for Examples {
    fn key(&self) -> &Key {
        &self.key
    }
}
