//! What was measured against what was accepted.

use std::collections::HashMap;
use std::fmt;

use super::baseline::{Accepted, Baseline};
use super::{Key, Measurement, ids, latest};

/// Below this a quality is zero for all purposes, and a relative difference says nothing.
const NOTHING: f64 = 1e-9;

/// One row that is not as accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The job.
    pub key: Key,
    /// The quantity.
    pub metric: String,
    /// The accepted value, unless the row is new.
    pub accepted: Option<f64>,
    /// The measured value, if there is one.
    pub measured: Option<f64>,
    /// Allowed relative difference.
    pub tolerance: f64,
    /// Why there is no measured value.
    pub error: Option<String>,
}

/// How a run differs from a baseline.
///
/// An improvement is not a success by itself: left unaccepted, the way back would go unnoticed. So it fails the check as a
/// regression does, under its own heading, until somebody accepts it and says why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Worse than accepted, another count, or NaN.
    pub regressed: Vec<Difference>,
    /// Better than accepted, by more than the tolerance.
    pub changed: Vec<Difference>,
    /// Measured but never accepted.
    pub new: Vec<Difference>,
    /// Accepted but not measured, or failed.
    pub missing: Vec<Difference>,
    /// Number of rows that agree.
    pub agreed: usize,
}

/// Compares the measurements of the baseline's suite and profile; others are passed over.
pub fn compare(measurements: &[Measurement], baseline: &Baseline) -> Comparison {
    let own: Vec<_> = latest(measurements).into_iter().filter(|row| baseline.covers(row)).collect();
    let measured: HashMap<_, _> = own.iter().map(|row| ((&row.key, row.metric.as_str()), *row)).collect();
    let mut comparison = Comparison::default();
    for accepted in &baseline.rows {
        comparison.add(accepted, measured.get(&(&accepted.key, accepted.metric.as_str())).copied());
    }
    let known: HashMap<_, ()> = baseline.rows.iter().map(|row| ((&row.key, row.metric.as_str()), ())).collect();
    for row in own.into_iter().filter(|row| !known.contains_key(&(&row.key, row.metric.as_str()))) {
        let list = if row.value.is_some() { &mut comparison.new } else { &mut comparison.missing };
        list.push(Difference {
            key: row.key.clone(),
            metric: row.metric.clone(),
            accepted: None,
            measured: row.value,
            tolerance: 0.0,
            error: row.error.clone(),
        });
    }
    comparison
}

impl Comparison {
    fn add(&mut self, accepted: &Accepted, row: Option<&Measurement>) {
        let difference = Difference {
            key: accepted.key.clone(),
            metric: accepted.metric.clone(),
            accepted: Some(accepted.value),
            measured: row.and_then(|row| row.value),
            tolerance: accepted.tolerance,
            error: row.map_or_else(|| Some("not measured in this run".to_owned()), |row| row.error.clone()),
        };
        match difference.measured {
            Some(value) if within(accepted, value) => self.agreed += 1,
            Some(value) if is_better(accepted, value) => self.changed.push(difference),
            Some(_) => self.regressed.push(difference),
            // The job ran to the end and what it computed is of no use.
            None if row.is_some_and(Measurement::is_not_finite) => self.regressed.push(difference),
            None => self.missing.push(difference),
        }
    }

    /// Adds the rows of another comparison, such as that of another suite.
    pub fn merge(&mut self, other: Self) {
        self.regressed.extend(other.regressed);
        self.changed.extend(other.changed);
        self.new.extend(other.new);
        self.missing.extend(other.missing);
        self.agreed += other.agreed;
    }

    /// 1: something regressed; else 3: something could not be compared, or nothing could; else 0, also for what became better.
    pub fn exit_code(&self) -> u8 {
        if !self.regressed.is_empty() {
            1
        } else if !self.missing.is_empty() || self.agreed + self.changed.len() == 0 {
            3
        } else {
            0
        }
    }
}

/// Every row that is not as accepted, under a heading that says what that means, and a sum at the end.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("regressed", &self.regressed),
            ("changed (better); accept it with --accept \"why\"", &self.changed),
            ("could not measure", &self.missing),
            ("new, without an accepted value; accept it with --accept \"why\"", &self.new),
        ];
        for (heading, rows) in lists.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            writeln!(f, "{heading} ({}):", rows.len())?;
            rows.iter().try_for_each(|row| writeln!(f, "  {row}"))?;
        }
        let [regressed, better, missing, new] = lists.map(|(_, rows)| rows.len());
        write!(f, "check: {} as accepted, {regressed} regressed, {better} better, {missing} not measured, {new} new", self.agreed)
    }
}

/// The row's words on one line, its values on the next.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n    {}: ", self.key, self.metric)?;
        if let Some(accepted) = self.accepted {
            write!(f, "accepted {accepted}, ")?;
        }
        match self.measured {
            Some(measured) => write!(f, "measured {measured}{}", self.distance(measured)),
            None => f.write_str(self.error.as_deref().unwrap_or("no value")),
        }
    }
}

impl Difference {
    fn distance(&self, measured: f64) -> String {
        let Some(accepted) = self.accepted else { return String::new() };
        if self.tolerance == 0.0 {
            return " (must be equal)".to_owned();
        }
        format!(" ({:+.1e} relative, allowed {:.0e})", (measured - accepted) / accepted.abs().max(NOTHING), self.tolerance)
    }
}

/// Counts have no tolerance and must be equal.
fn within(accepted: &Accepted, value: f64) -> bool {
    let slack = if accepted.tolerance == 0.0 { 0.0 } else { accepted.tolerance * accepted.value.abs() + NOTHING };
    (value - accepted.value).abs() <= slack
}

/// Whether another value is a better one; a smaller count is not, since it may mean that less was done.
fn is_better(accepted: &Accepted, value: f64) -> bool {
    let Some(metric) = ids::metric(&accepted.metric) else { return false };
    metric.kind == ids::Kind::Quality && (value > accepted.value) == metric.higher_is_better
}
