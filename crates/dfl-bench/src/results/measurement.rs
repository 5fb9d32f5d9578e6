//! One number of one job, in the shape of a line of `results.jsonl`.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids;

/// How the error of a value that is not a number begins; such a row is a regression, not a gap.
const NOT_FINITE: &str = "not a finite number";

/// What was run: everything that tells two jobs apart. The words are those of [`ids`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the columns of the result format")]
pub struct Key {
    pub suite: String,
    pub task: String,
    pub size: String,
    pub method: String,
    pub predictor: String,
    pub solver: String,
    pub columns: String,
    /// `None` where nothing is drawn.
    #[serde(default)]
    pub seed: Option<u64>,
    pub profile: String,
}

impl Key {
    /// The same for every seed: what a row of a table is.
    pub fn without_seed(&self) -> Self {
        Self { seed: None, ..self.clone() }
    }

    /// Method, and in brackets predictor and solver, for a sentence within one task.
    pub fn row_name(&self) -> String {
        let how: Vec<&str> = [&self.predictor, &self.solver].map(String::as_str).into_iter().filter(|part| *part != "none").collect();
        if how.is_empty() { self.method.clone() } else { format!("{} ({})", self.method, how.join(", ")) }
    }

    /// The same for every strength of smoothing.
    pub fn without_mu(&self) -> Self {
        Self { size: self.size_and_mu().0.to_owned(), ..self.clone() }
    }

    /// The size without the strength of the smoothing, and that strength: `m50-mu1_05` is (`m50`, `1.05`).
    ///
    /// Jobs that differ in nothing else stand in one table.
    pub fn size_and_mu(&self) -> (&str, Option<String>) {
        let decimal = |mu: &str| Some(mu.replace('_', ".")).filter(|mu| mu.parse::<f64>().is_ok());
        match self.size.rsplit_once("-mu") {
            Some((size, mu)) if decimal(mu).is_some() => (size, decimal(mu)),
            _ => (&self.size, None),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {} {} {}", self.task, self.size, self.method, self.predictor, self.solver, self.columns)?;
        self.seed.map_or(Ok(()), |seed| write!(f, ", seed {seed}"))
    }
}

/// One measured number, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the columns of the result format")]
pub struct Measurement {
    #[serde(flatten)]
    pub key: Key,
    pub metric: String,
    /// Finite; absent in a failed measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    pub unit: String,
    /// Instances that the value is a mean over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<usize>,
    /// Standard error over those instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub se: Option<f64>,
    /// The figure that a paper printed for this row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// What was chosen on the validation rows, by name; tables pass it over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, f64>,
}

impl Measurement {
    /// A measured value; NaN and infinities become a failed measurement that says so.
    pub fn new(key: &Key, metric: &str, value: f64) -> Self {
        if !value.is_finite() {
            return Self::failed(key, metric, format_args!("{NOT_FINITE}: {value}"));
        }
        Self { value: Some(value), ..Self::empty(key, metric) }
    }

    /// A job that gave no value. Use the metric that the job would have led with: a later success takes its place.
    pub fn failed(key: &Key, metric: &str, error: impl fmt::Display) -> Self {
        Self { error: Some(error.to_string()), ..Self::empty(key, metric) }
    }

    fn empty(key: &Key, metric: &str) -> Self {
        let unit = ids::metric(metric).map_or("", |metric| metric.unit).to_owned();
        let (key, metric) = (key.clone(), metric.to_owned());
        Self {
            key,
            metric,
            value: None,
            unit,
            n: None,
            se: None,
            published: None,
            error: None,
            commit: None,
            threads: None,
            settings: BTreeMap::new(),
        }
    }

    /// Replaces the metric's usual unit.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.unit);
        self
    }

    /// How many instances the value is a mean over, and the standard error over them.
    #[must_use]
    pub fn over(mut self, n: usize, se: Option<f64>) -> Self {
        (self.n, self.se) = (Some(n), se.filter(|se| se.is_finite()));
        self
    }

    /// The figure of a paper, to stand beside the value.
    #[must_use]
    pub fn published(mut self, figure: impl Into<Option<f64>>) -> Self {
        self.published = figure.into().filter(|figure| figure.is_finite());
        self
    }

    /// What was chosen on the validation rows.
    #[must_use]
    pub fn chosen(mut self, settings: &BTreeMap<String, f64>) -> Self {
        self.settings.clone_from(settings);
        self
    }

    /// The commit that was run and the number of threads.
    #[must_use]
    pub fn run_by(mut self, commit: Option<&str>, threads: usize) -> Self {
        (self.commit, self.threads) = (commit.map(str::to_owned), Some(threads));
        self
    }

    /// Whether a value was computed but is NaN or infinite.
    pub fn is_not_finite(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.starts_with(NOT_FINITE))
    }
}

/// Of several measurements of one quantity, the last: a resumed run repeats what had failed.
pub fn latest(measurements: &[Measurement]) -> Vec<&Measurement> {
    let last: HashMap<_, _> = measurements.iter().enumerate().map(|(at, row)| ((&row.key, row.metric.as_str()), at)).collect();
    measurements.iter().enumerate().filter(|(at, row)| last[&(&row.key, row.metric.as_str())] == *at).map(|(_, row)| row).collect()
}
