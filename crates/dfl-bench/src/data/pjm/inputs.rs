//! Which columns a model reads, and whose statistics scale them.

use super::features::{CALENDAR, COLUMNS, LOAD, TEMPERATURE};

/// Columns of the design matrix that a model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// All 150, the constant last.
    Design,
    /// The 149 without the constant: what the published networks read. For models with an intercept of their own.
    Network,
    /// The 29 that are neither temperature (broken in the second file) nor constant: load of the day before and calendar.
    NoTemperature,
}

impl Inputs {
    /// The columns, in order.
    pub fn columns(self) -> Vec<usize> {
        match self {
            Self::Design => (0..COLUMNS).collect(),
            Self::Network => (0..COLUMNS - 1).collect(),
            Self::NoTemperature => LOAD.chain(CALENDAR).collect(),
        }
    }

    /// Whether the column holds a temperature or a power of one.
    pub fn is_temperature(column: usize) -> bool {
        TEMPERATURE.contains(&column)
    }
}

/// The rows whose mean and standard deviation scale the features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scaling {
    /// The rows the model is fitted on.
    #[default]
    TrainOnly,
    /// All rows, those of the test included, as the published code does; only to match published figures.
    Legacy,
    /// Raw features.
    None,
}

/// The two conventions of the result table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// The inputs of the published experiment: 149 columns, [`Scaling::Legacy`].
    Published,
    /// No broken column and no look at the test rows: 29 columns, [`Scaling::TrainOnly`].
    Honest,
}

impl Columns {
    /// Id in `results.jsonl`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Honest => "honest",
        }
    }

    /// The columns it stands for.
    pub fn inputs(self) -> Inputs {
        match self {
            Self::Published => Inputs::Network,
            Self::Honest => Inputs::NoTemperature,
        }
    }

    /// The scaling it stands for.
    pub fn scaling(self) -> Scaling {
        match self {
            Self::Published => Scaling::Legacy,
            Self::Honest => Scaling::TrainOnly,
        }
    }
}
