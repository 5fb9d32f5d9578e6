//! One trained run as a page: what is drawn, as plain data.

mod story;

pub use story::{Curve, Drawing, Example, RowOutcome, Sheet, SheetCell, Story};
