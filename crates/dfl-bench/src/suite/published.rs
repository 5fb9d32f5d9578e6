use std::path::Path;

use dfl_core::Result;
use serde::Deserialize;

use super::definition::{benchmarks, read_toml};

/// Figures that others printed or measured, to stand beside ours.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    figure: Vec<PublishedFigure>,
}

/// One such figure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedFigure {
    task: String,
    size: String,
    method: String,
    predictor: String,
    columns: String,
    metric: String,
    value: f64,
    /// Where it is printed, or how it was measured.
    #[allow(dead_code, reason = "for the reader of the file, who must be told")]
    source: String,
}

/// The place of one figure.
pub(super) struct At<'a> {
    pub(super) task: &'a str,
    pub(super) size: &'a str,
    pub(super) method: &'a str,
    pub(super) predictor: &'a str,
    pub(super) columns: &'a str,
    pub(super) metric: &'a str,
}

impl Published {
    /// Reads `benchmarks/published/figures.toml` of this checkout.
    ///
    /// # Errors
    /// [`dfl_core::Error::File`] or [`dfl_core::Error::Format`].
    pub fn load() -> Result<Self> {
        Self::from_file(&benchmarks().join("published/figures.toml"))
    }

    /// Reads a file of figures.
    ///
    /// # Errors
    /// As [`Published::load`].
    pub fn from_file(path: &Path) -> Result<Self> {
        read_toml(path, "list of published figures")
    }

    /// The figure of one place; a solver is not part of it, since an optimum does not depend on who finds it.
    pub(super) fn get(&self, at: &At<'_>) -> Option<f64> {
        let same = |f: &&PublishedFigure| {
            let ours = [&f.task, &f.size, &f.method, &f.predictor, &f.columns, &f.metric];
            ours.into_iter().eq([at.task, at.size, at.method, at.predictor, at.columns, at.metric])
        };
        self.figure.iter().find(same).map(|f| f.value)
    }
}
