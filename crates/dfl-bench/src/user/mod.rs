//! A user's own problem and tables: reading them, training on them, and the folder of a trained run.
//!
//! [`train`] makes a run of [`Settings`], [`resume`] goes on with one that was cut off, [`Run`] decides with one that has ended.

mod checkpoint;
mod compare;
mod drawing;
mod fingerprint;
mod folder;
mod judge;
mod learn;
mod method;
mod model;
mod near;
mod problem;
mod rows;
mod run;
mod scaler;
mod settings;
mod story;
mod table;
mod task;
mod training;
mod verdict;

use std::path::Path;

use dfl_core::Error;

pub use checkpoint::Tried;
pub use compare::{Compared, ComparedRun, compare};
pub use drawing::DrawAs;
pub use folder::{Input, RunFolder, Versions};
pub use judge::Figures;
pub use learn::{Epoch, Watcher};
pub use method::losses;
pub use problem::{Predicted, UserProblem, read_user_problem};
pub use run::{Evaluation, Prediction, Run};
pub use settings::{Fall, Keep, Settings, SolverLimits, Split, read_table_of_settings};
pub(crate) use story::{DECIDERS, FIGURES, MAXIMISES, short};
pub use table::{Table, align, read_table};
pub use task::UserTask;
pub use training::{Metrics, Place, RowResult, resume, train};
pub use verdict::Difference;

/// What is wrong with a file of the user or of a run, and what to do.
fn fault(what: &'static str, path: &Path, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::Input { what, path: path.into(), place: String::new(), problem: problem.into(), remedy: remedy.into() }
}
