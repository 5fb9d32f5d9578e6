//! A user's own problem and tables: what `dfl train`, `evaluate` and `predict` read.

mod problem;
mod table;

pub use problem::{Predicted, UserProblem};
pub use table::Table;
