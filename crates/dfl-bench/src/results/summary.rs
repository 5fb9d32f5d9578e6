//! Measurements gathered over seeds, one group per task and size.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use dfl_core::metrics::{mean, standard_error};

use super::ids::{self, Kind, METRICS, Metric};
use super::{Key, Measurement, latest};

/// One quantity over the seeds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) mean: f64,
    /// Standard error over seeds; `None` for a single one.
    pub(super) se: Option<f64>,
    pub(super) seeds: usize,
    pub(super) published: Option<f64>,
}

/// Why one quantity of one seed is not there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) seed: Option<u64>,
    pub(super) metric: String,
    pub(super) error: String,
}

/// Everything measured of one method with one predictor, solver and set of columns.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Without a seed.
    pub(super) key: Key,
    pub(super) cells: BTreeMap<&'static str, Summary>,
    pub(super) failures: Vec<Failure>,
    /// Seeds that were tried, failed ones included.
    pub(super) tried: usize,
}

/// What can be compared: the rows of one task and size in one suite.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) rows: Vec<Row>,
    /// What the rows are sorted by.
    pub(super) leading: &'static Metric,
}

/// Name and reader of a field of a key; `none` is a field that a row has not.
pub(super) type Field = (&'static str, fn(&Key) -> Cow<'_, str>);

/// The fields that tell the rows of a group apart.
const FIELDS: [Field; 5] = [
    ("method", |key| Cow::from(&key.method)),
    ("predictor", |key| Cow::from(&key.predictor)),
    ("solver", |key| Cow::from(&key.solver)),
    ("columns", |key| Cow::from(&key.columns)),
    ("mu", |key| key.size_and_mu().1.map_or(Cow::from("none"), Cow::from)),
];

/// Groups in the order in which they were first measured.
pub(super) fn groups(measurements: &[Measurement]) -> Vec<Group> {
    let mut groups: Vec<Vec<&Measurement>> = Vec::new();
    for row in latest(measurements) {
        match groups.iter_mut().find(|group| same_group(&group[0].key, &row.key)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups.iter().map(|rows| Group::new(rows)).collect()
}

/// Whether two jobs did the same work and may be compared.
pub(super) fn same_group(a: &Key, b: &Key) -> bool {
    (&a.suite, &a.profile, &a.task, a.size_and_mu().0) == (&b.suite, &b.profile, &b.task, b.size_and_mu().0)
}

impl Group {
    fn new(measurements: &[&Measurement]) -> Self {
        let keys: BTreeSet<Key> = measurements.iter().map(|row| row.key.without_seed()).collect();
        let rows = keys.into_iter().map(|key| Row::new(key, measurements)).collect::<Vec<_>>();
        let mut group = Self { leading: leading(&rows), rows };
        if group.mus().len() > 1 {
            group.rows.sort_by(|a, b| along_mu(&a.key, &b.key));
        } else {
            group.rows.sort_by(|a, b| better(group.leading, a, b));
        }
        group
    }

    /// Suite, profile and task, which all rows share.
    pub(super) fn key(&self) -> &Key {
        &self.rows[0].key
    }

    /// The size, which all rows share but for the strength of their smoothing.
    pub(super) fn size(&self) -> &str {
        self.key().size_and_mu().0
    }

    /// Strengths of smoothing among the rows, ascending; where there are several the rows are a sweep, and sorted by them.
    pub(super) fn mus(&self) -> Vec<String> {
        let mut mus: Vec<String> = self.rows.iter().filter_map(|row| row.key.size_and_mu().1).collect();
        mus.sort_by(|a, b| number(a).total_cmp(&number(b)));
        mus.dedup();
        mus
    }

    /// Titles and readers of the fields that tell rows apart; the method always.
    pub(super) fn varying(&self) -> Vec<Field> {
        let mut kept = FIELDS.to_vec();
        for field in FIELDS.into_iter().skip(1).filter(|field| self.shared(field.1).is_some()) {
            let rest: Vec<Field> = kept.iter().copied().filter(|other| other.0 != field.0).collect();
            if self.tells_apart(&rest) {
                kept = rest;
            }
        }
        kept
    }

    /// Fields that are the same in all rows which have them, and their word.
    pub(super) fn constant(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let (kept, smoothed) = (self.varying(), !self.mus().is_empty());
        let left_out = FIELDS.into_iter().filter(|field| !kept.iter().any(|other| other.0 == field.0) && (field.0 != "mu" || smoothed));
        left_out.filter_map(|(name, read)| Some((name, self.shared(read)?))).collect()
    }

    fn tells_apart(&self, fields: &[Field]) -> bool {
        let words: BTreeSet<Vec<Cow<'_, str>>> =
            self.rows.iter().map(|row| fields.iter().map(|(_, read)| read(&row.key)).collect()).collect();
        words.len() == self.rows.len()
    }

    /// The shortest name that is one row's alone.
    pub(super) fn label(&self, key: &Key) -> String {
        let word = |(name, read): &Field| {
            let word = Some(read(key)).filter(|word| word != "none")?;
            Some(if *name == "mu" { format!("mu {word}") } else { word.into_owned() })
        };
        self.varying().iter().filter_map(word).collect::<Vec<_>>().join(" · ")
    }

    /// Whether anyone learns here, so that it matters who does not; in a group of timings nobody does.
    pub(super) fn learns(&self) -> bool {
        self.rows.iter().any(|row| !row.is_baseline() && !ids::is_peer(&row.key.method))
    }

    /// Whether methods are compared by what an epoch takes: where energies are trained beside solvers.
    pub(super) fn times_epochs(&self) -> bool {
        self.rows.iter().any(|row| row.key.method.starts_with("so_ebm"))
    }

    /// Metrics that some row has, in the order of tables: the leading one, other qualities, times, counts.
    pub(super) fn metrics(&self) -> Vec<&'static Metric> {
        let measured = |metric: &&Metric| self.rows.iter().any(|row| row.cells.contains_key(metric.id));
        let others = METRICS.iter().filter(|metric| metric.id != self.leading.id && measured(metric));
        std::iter::once(self.leading).chain(others).collect()
    }

    /// The only word of a field; a baseline's `none` says nothing about the others.
    fn shared(&self, read: fn(&Key) -> Cow<'_, str>) -> Option<Cow<'_, str>> {
        let words: BTreeSet<Cow<'_, str>> = self.rows.iter().map(|row| read(&row.key)).filter(|word| word != "none").collect();
        (words.len() < 2).then(|| words.into_iter().next().unwrap_or(Cow::from("none")))
    }
}

impl Row {
    fn new(key: Key, measurements: &[&Measurement]) -> Self {
        let own: Vec<_> = measurements.iter().copied().filter(|row| row.key.without_seed() == key).collect();
        let cells = METRICS.iter().filter_map(|metric| Some((metric.id, summary(metric.id, &own)?))).collect();
        let failures = own.iter().filter_map(|row| failure(row)).collect();
        let tried = own.iter().map(|row| row.key.seed).collect::<BTreeSet<_>>().len();
        Self { key, cells, failures, tried }
    }

    /// Whether the method learns nothing by descent.
    pub(super) fn is_baseline(&self) -> bool {
        ids::is_baseline(&self.key.method)
    }

    /// The mean over seeds of a metric.
    pub(super) fn mean(&self, metric: &Metric) -> Option<f64> {
        self.cells.get(metric.id).map(|cell| cell.mean)
    }
}

fn failure(row: &Measurement) -> Option<Failure> {
    Some(Failure { seed: row.key.seed, metric: row.metric.clone(), error: row.error.clone()? })
}

fn summary(metric: &str, rows: &[&Measurement]) -> Option<Summary> {
    let of_metric = || rows.iter().filter(|row| row.metric == metric);
    let values: Vec<f64> = of_metric().filter_map(|row| row.value).collect();
    let published = of_metric().find_map(|row| row.published);
    (!values.is_empty()).then(|| Summary { mean: mean(&values), se: standard_error(&values), seeds: values.len(), published })
}

/// What leads wherever it is measured: an expected cost has not the noise of test rows that a printed figure has, and what papers print under the
/// name of a regret may be none.
const LEADS: [&str; 2] = ["population_cost", "regret"];

/// One of [`LEADS`]; else the first quality that a paper printed; else the first one measured.
fn leading(rows: &[Row]) -> &'static Metric {
    let first = |wanted: &dyn Fn(&Metric) -> bool| METRICS.iter().find(|metric| wanted(metric));
    let published = |metric: &Metric| rows.iter().any(|row| row.cells.get(metric.id).is_some_and(|cell| cell.published.is_some()));
    let measured = |metric: &Metric| rows.iter().any(|row| row.cells.contains_key(metric.id));
    let failed = |metric: &Metric| rows.iter().any(|row| row.failures.iter().any(|failure| failure.metric == metric.id));
    first(&|metric| LEADS.contains(&metric.id) && measured(metric))
        .or_else(|| first(&|metric| metric.kind == Kind::Quality && published(metric)))
        .or_else(|| first(&measured))
        .or_else(|| first(&failed))
        .unwrap_or(&METRICS[0])
}

/// By name, and of one name by the strength of the smoothing.
fn along_mu(a: &Key, b: &Key) -> Ordering {
    let name = |key: &Key| [&key.method, &key.predictor, &key.solver, &key.columns].map(String::clone);
    let mu = |key: &Key| key.size_and_mu().1.map_or(0.0, |mu| number(&mu));
    name(a).cmp(&name(b)).then(mu(a).total_cmp(&mu(b)))
}

/// A strength of smoothing; those that are none have been left out before.
fn number(mu: &str) -> f64 {
    mu.parse().unwrap_or(f64::NAN)
}

/// Better rows first, rows without a value last.
fn better(metric: &Metric, a: &Row, b: &Row) -> Ordering {
    let (a, b) = (a.mean(metric), b.mean(metric));
    match (a, b) {
        (Some(a), Some(b)) if metric.higher_is_better => b.total_cmp(&a),
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => b.is_some().cmp(&a.is_some()),
    }
}
