use std::path::Path;

use dfl_core::Result;
use serde::Deserialize;

use super::Definition;
use super::definition::{benchmarks, read_toml};
use crate::results::Key;

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
    /// Where it matters, as for the way of smoothing.
    solver: Option<String>,
    columns: String,
    metric: String,
    value: f64,
    /// Where it is printed, or how it was measured.
    #[allow(dead_code, reason = "for the reader of the file, who must be told")]
    source: String,
}

impl Published {
    /// Reads every file of `benchmarks/published/` of this checkout.
    ///
    /// # Errors
    /// [`dfl_core::Error::File`] or [`dfl_core::Error::Format`].
    pub fn load() -> Result<Self> {
        let folder = benchmarks().join("published");
        let read = |name: &String| Self::from_file(&folder.join(format!("{name}.toml")));
        let files = Definition::names(&folder)?.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(Self { figure: files.into_iter().flat_map(|file| file.figure).collect() })
    }

    /// Reads a file of figures.
    ///
    /// # Errors
    /// As [`Published::load`].
    pub fn from_file(path: &Path) -> Result<Self> {
        read_toml(path, "list of published figures")
    }

    /// The figure of one row. Of those that name no solver it may be any, since an optimum does not depend on who finds it.
    pub(super) fn get(&self, key: &Key, metric: &str) -> Option<f64> {
        let same = |f: &&PublishedFigure| {
            let theirs = [&f.task, &f.size, &f.method, &f.predictor, &f.columns, &f.metric].map(String::as_str);
            let solver = f.solver.as_ref().is_none_or(|solver| *solver == key.solver);
            solver && theirs == [&key.task, &key.size, &key.method, &key.predictor, &key.columns, metric]
        };
        self.figure.iter().find(same).map(|f| f.value)
    }
}
