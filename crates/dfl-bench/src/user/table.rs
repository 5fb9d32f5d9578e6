use std::path::PathBuf;

use dfl_core::Batch;

/// A table of numbers from a user's file.
#[derive(Clone, Debug)]
pub struct Table {
    /// Where it was read, for messages.
    pub path: PathBuf,
    /// Names of the columns, `[p]`; `0`, `1`, ... where the file has none.
    pub columns: Vec<String>,
    /// Names of the rows, `[b]`: a column `id` of the file if there is one, else the number of the row from 0.
    pub ids: Vec<String>,
    /// The numbers, `[b, p]`; all finite.
    pub values: Batch,
}
