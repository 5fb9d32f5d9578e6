use std::path::{Path, PathBuf};

use dfl_core::{Error, Result};
use serde::Deserialize;

use super::definition::{benchmarks, read_toml};
use crate::results::Key;

/// Figures that others printed or measured, to stand beside ours.
#[derive(Clone, Debug, Default)]
pub struct Published {
    figures: Vec<PublishedFigure>,
}

/// One file: figures, and what those have in common that do not say it themselves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    #[serde(default)]
    suites: Vec<String>,
    predictor: Option<String>,
    columns: Option<String>,
    metric: Option<String>,
    source: Option<String>,
    figure: Vec<Entry>,
}

/// A figure as it stands in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    task: String,
    size: String,
    method: String,
    #[serde(default)]
    solvers: Vec<String>,
    predictor: Option<String>,
    columns: Option<String>,
    metric: Option<String>,
    value: f64,
    se: Option<f64>,
    source: Option<String>,
}

/// One such figure.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedFigure {
    /// Suites whose rows it stands beside, those that follow its protocol; if empty all.
    pub suites: Vec<String>,
    /// Id of the task.
    pub task: String,
    /// Size of the task; `5x5*` stands for `5x5` with any number of training rows, as in `5x5-n100`.
    pub size: String,
    /// Id of the method.
    pub method: String,
    /// Solvers of the rows that it stands beside; if empty all without a label, since an optimum does not depend on who finds it.
    pub solvers: Vec<String>,
    /// Id of the predictor.
    pub predictor: String,
    /// Inputs.
    pub columns: String,
    /// Id of the metric.
    pub metric: String,
    /// The figure.
    pub value: f64,
    /// Its standard error over data sets or runs.
    pub se: Option<f64>,
    /// Where it is printed, or how it was measured.
    pub source: String,
}

impl Published {
    /// Reads every file of `benchmarks/published/` of this checkout.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Format`], or [`Error::Unknown`] for a figure that does not say what it is of.
    pub fn load() -> Result<Self> {
        Self::from_folder(&benchmarks().join("published"))
    }

    /// Reads every `.toml` of a folder, by name.
    ///
    /// # Errors
    /// As [`Published::load`].
    pub fn from_folder(folder: &Path) -> Result<Self> {
        let failed = |source| Error::File { path: folder.into(), action: "listing", remedy: "run from a checkout of the project", source };
        let entries = std::fs::read_dir(folder).map_err(failed)?.collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
        let mut paths: Vec<PathBuf> = entries.iter().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
        paths.sort();
        let files = paths.iter().map(|path| figures(read_toml(path, "list of published figures")?)).collect::<Result<Vec<_>>>()?;
        Ok(Self { figures: files.concat() })
    }

    /// The figure of a row, the first one listed.
    pub fn get(&self, key: &Key, metric: &str) -> Option<&PublishedFigure> {
        self.figures.iter().find(|f| f.is_of(key) && f.metric == metric)
    }
}

fn figures(file: Source) -> Result<Vec<PublishedFigure>> {
    let Source { suites, predictor, columns, metric, source, figure } = file;
    let either = |own: Option<String>, shared: &Option<String>, given: &str| {
        let known = "predictor, columns, metric and source, each of the figure or at the head of the file".to_owned();
        own.or_else(|| shared.clone()).ok_or(Error::Unknown {
            what: "predictor, columns, metric or source of the figure",
            given: given.into(),
            known,
        })
    };
    figure
        .into_iter()
        .map(|f| {
            let of = format!("{} {} {}", f.task, f.size, f.method);
            Ok(PublishedFigure {
                suites: suites.clone(),
                predictor: either(f.predictor, &predictor, &of)?,
                columns: either(f.columns, &columns, &of)?,
                metric: either(f.metric, &metric, &of)?,
                source: either(f.source, &source, &of)?,
                task: f.task,
                size: f.size,
                method: f.method,
                solvers: f.solvers,
                value: f.value,
                se: f.se,
            })
        })
        .collect()
}

impl PublishedFigure {
    fn is_of(&self, key: &Key) -> bool {
        let words =
            [(&self.task, &key.task), (&self.method, &key.method), (&self.predictor, &key.predictor), (&self.columns, &key.columns)];
        // No id of a solver has a dash, but a label follows one.
        let solver = if self.solvers.is_empty() { !key.solver.contains('-') } else { self.solvers.contains(&key.solver) };
        let suite = self.suites.is_empty() || self.suites.contains(&key.suite);
        words.iter().all(|(ours, theirs)| ours == theirs) && solver && suite && self.is_of_size(&key.size)
    }

    fn is_of_size(&self, size: &str) -> bool {
        match self.size.strip_suffix('*') {
            Some(any) => size.strip_prefix(any).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')),
            None => size == self.size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::ids;
    use crate::suite::Definition;

    fn key(size: &str, solver: &str) -> Key {
        let word = str::to_owned;
        Key {
            task: word("tsp"),
            size: word(size),
            method: word("sce"),
            predictor: word("linear"),
            solver: word(solver),
            columns: word("published"),
            ..Key::default()
        }
    }

    fn read(text: &str) -> Result<Published> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.toml"), text).unwrap();
        Published::from_folder(dir.path())
    }

    const HEAD: &str = "predictor = 'linear'\ncolumns = 'published'\nmetric = 'rmse'\nsource = 'a page'\n";

    #[test]
    fn a_figure_stands_beside_the_rows_that_it_is_of() {
        let any = read(&format!("{HEAD}figure = [{{ task = 'tsp', size = '5*', method = 'sce', value = 2.0, se = 0.5 }}]")).unwrap();
        let value = |key: &Key| any.get(key, "rmse").map(|f| (f.value, f.se));
        assert_eq!(value(&key("5", "exact")), Some((2.0, Some(0.5))));
        assert_eq!(value(&key("5-n100", "highs")), Some((2.0, Some(0.5))));
        assert_eq!([value(&key("50", "exact")), value(&key("5", "exact-half")), value(&key("8", "exact"))], [None; 3]);
        assert!(any.get(&key("5", "exact"), "task_loss").is_none());
        let one = read(&format!("{HEAD}figure = [{{ task = 'tsp', size = '5', method = 'sce', solvers = ['quadratic'], value = 1.0 }}]"))
            .unwrap();
        assert!(one.get(&key("5", "quadratic"), "rmse").is_some() && one.get(&key("5", "exact"), "rmse").is_none());
    }

    /// Two sources of one row: each suite shows the one whose protocol it follows.
    #[test]
    fn a_file_may_be_for_some_suites_alone() {
        let figures =
            read(&format!("suites = ['a', 'b']\n{HEAD}figure = [{{ task = 'tsp', size = '5', method = 'sce', value = 2.0 }}]")).unwrap();
        let has = |suite: &str| figures.get(&Key { suite: suite.into(), ..key("5", "exact") }, "rmse").is_some();
        assert_eq!(["a", "b", "c"].map(has), [true, true, false]);
    }

    #[test]
    fn a_figure_without_a_metric_is_refused() {
        let text =
            "predictor = 'none'\ncolumns = 'published'\nsource = 's'\nfigure = [{ task = 'tsp', size = '5', method = 'sce', value = 2.0 }]";
        assert!(read(text).unwrap_err().to_string().contains("`tsp 5 sce`"));
    }

    #[test]
    fn the_figures_of_the_checkout_are_of_known_rows() {
        let figures = Published::load().unwrap().figures;
        assert!(figures.len() > 100, "{}", figures.len());
        let suites = Definition::names(&Definition::folder()).unwrap();
        for f in figures {
            let known = ids::TASKS.contains(&f.task.as_str()) && ids::is_method(&f.method) && ids::metric(&f.metric).is_some();
            assert!(known && ids::PREDICTORS.contains(&f.predictor.as_str()) && ids::COLUMNS.contains(&f.columns.as_str()), "{f:?}");
            assert!(f.suites.iter().all(|suite| suites.contains(suite)), "{f:?}");
            assert!(f.value.is_finite() && f.se.is_none_or(|se| se > 0.0) && !f.source.is_empty(), "{f:?}");
        }
    }
}
