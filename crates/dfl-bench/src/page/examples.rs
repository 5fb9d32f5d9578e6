//! Decisions as what they are.

use dfl_core::{Error, Result};

use super::bars::{self, Amounts, First};
use super::path::{self, Paths};
use super::plot::Plot;
use super::schedule::{self, Schedules};
use super::{Drawing, Example, tour};

/// One decision beside the best one.
///
/// # Errors
/// [`Error::Unsupported`] if the two are not of one kind, [`Error::Dimension`] or [`Error::Domain`] if they do not fit together,
/// [`Error::Backend`] if it cannot be drawn.
pub(crate) fn plot(example: &Example) -> Result<Plot> {
    let title = example.title.as_str();
    match (&example.decided, &example.best) {
        (Drawing::Path { height, width, weights, costs }, Drawing::Path { weights: best, .. }) => {
            path::plot(title, &Paths { height: *height, width: *width, decided: weights, best, costs })
        }
        (Drawing::Tour { points, order }, Drawing::Tour { order: best, .. }) => tour::plot(title, points, order, best),
        (Drawing::Schedule { amounts, demand, band }, Drawing::Schedule { amounts: best, .. }) => {
            schedule::plot(title, &Schedules { decided: amounts, best, demand, band: band.as_ref() })
        }
        (Drawing::Portfolio { names, shares }, Drawing::Portfolio { shares: best, .. }) => {
            bars::plot(title, &Amounts { names, decided: shares, best, what: "share", first: First::Largest })
        }
        (Drawing::Values { names, values }, Drawing::Values { values: best, .. }) => {
            bars::plot(title, &Amounts { names, decided: values, best, what: "value", first: First::Different })
        }
        _ => Err(Error::Unsupported { who: "an example", what: "a decision beside a best one of another kind" }),
    }
}
