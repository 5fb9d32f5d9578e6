//! A user's own problem and tables: what `dfl train`, `evaluate` and `predict` read.

mod model;
mod near;
mod problem;
mod table;

pub use problem::{Predicted, UserProblem, read_user_problem};
pub use table::{Table, align, read_table};
