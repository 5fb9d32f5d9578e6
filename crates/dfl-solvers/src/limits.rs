use std::time::{Duration, Instant};

use dfl_core::{Error, Result};

/// When to stop without an optimum; `None` leaves a backend at its own default.
///
/// Limits on iterations and nodes give the same answer each time. One on time is a safety stop: what it leaves depends on the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Most iterations of the backend (pivots, constraint changes, first-order or Newton steps).
    pub iterations: Option<usize>,
    /// Most nodes of branch and bound.
    pub nodes: Option<usize>,
    /// Most seconds, at least 0.
    pub seconds: Option<f64>,
}

impl Limits {
    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// Refuses a time limit that is no time.
pub(crate) fn check_seconds(what: &'static str, seconds: Option<f64>) -> Result<()> {
    match seconds {
        Some(value) if value.is_nan() || value < 0.0 => Err(Error::Domain { what, value, need: "at least 0" }),
        _ => Ok(()),
    }
}

/// The moment at which a solve has to end, if there is one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// `seconds` from now; more than a clock can count is never.
    pub(crate) fn after(seconds: Option<f64>) -> Self {
        let length = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Self(length.and_then(|length| Instant::now().checked_add(length)))
    }

    pub(crate) fn passed(self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }

    /// What is left, if there is an end.
    pub(crate) fn left(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }
}
