//! What the runner leaves behind: rows, tables, a report, and the comparison with accepted values.
//!
//! A [`Measurement`] is one number of one job; a [`Store`] keeps them on disk as they come in; [`table`] and
//! [`report`] show them; [`Baseline`] and [`compare`] tell whether they are still what they were. Nothing here prints:
//! whoever runs the experiments decides where the text goes.

mod again;
mod baseline;
pub mod bootstrap;
pub mod claims;
mod compare;
mod curve;
mod curve_plot;
mod dot_plot;
mod examples;
mod heat_map;
mod html;
pub mod ids;
mod log;
pub mod markdown;
mod measurement;
pub(crate) mod numbers;
mod overview;
pub mod report;
mod row_plots;
mod rows;
mod share_plot;
mod sheet;
pub mod significance;
mod store;
mod summary;
pub mod table;

pub use baseline::{Acceptance, Accepted, Baseline};
pub use compare::{Comparison, Difference, compare};
pub use curve::{Axes, Curve};
pub use examples::Examples;
pub use heat_map::HeatMap;
pub use measurement::{Key, Measurement, latest};
pub use rows::RowCosts;
pub use store::Store;
