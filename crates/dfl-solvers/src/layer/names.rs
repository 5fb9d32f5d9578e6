use std::collections::{HashMap, HashSet};
use std::fmt;

use dfl_core::{Error, Result};

/// Fails with the names of what is wrong.
pub(super) fn refuse<T>(problem: &'static str, names: impl Into<String>, remedy: &'static str) -> Result<T> {
    Err(Error::Model { problem, names: names.into(), remedy })
}

/// Names as they are; of those that occur more than once each gets its number among them, `x[0]`, `x[1]`, ..., and one without a name is
/// called by `letter` and its place, as `good_lp` prints it.
pub(super) fn unique<'a>(names: impl Iterator<Item = &'a str> + Clone, letter: char) -> Vec<String> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    names.clone().for_each(|name| *count.entry(name).or_default() += 1);
    let single: HashSet<&str> = count.iter().filter(|(name, count)| **count == 1 && !name.is_empty()).map(|(name, _)| *name).collect();
    let mut next: HashMap<&str, usize> = HashMap::new();
    let name = |(k, name): (usize, &'a str)| {
        if single.contains(name) {
            return name.to_owned();
        }
        let number = next.entry(name).or_default();
        let mut own = if name.is_empty() { format!("{letter}{k}") } else { format!("{name}[{number}]") };
        *number += 1;
        // Somebody may have named a variable `x[0]` or `v1`.
        while single.contains(own.as_str()) {
            own.push('\'');
        }
        own
    };
    names.enumerate().map(name).collect()
}

/// The first few names, and how many more there are.
pub(super) fn list(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// Place of a name, or an error that lists the names there are.
pub(super) fn find(what: &'static str, names: &[String], wanted: &str) -> Result<usize> {
    let unknown = || Error::Unknown { what, given: wanted.to_owned(), known: names.join(", ") };
    names.iter().position(|name| name == wanted).ok_or_else(unknown)
}

/// A matrix whose rows and columns have names, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedMatrix {
    pub(super) rows: Vec<String>,
    pub(super) columns: Vec<String>,
    pub(super) values: Vec<f64>,
}

impl NamedMatrix {
    /// Names of the rows.
    pub fn rows(&self) -> &[String] {
        &self.rows
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.columns.len()..(i + 1) * self.columns.len()]
    }

    /// The value at two names.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn get(&self, row: &str, column: &str) -> Result<f64> {
        Ok(self.row(find("row", &self.rows, row)?)[find("column", &self.columns, column)?])
    }
}

/// Four digits behind the point, or three of a number so small or large that these would not tell it.
fn cell(value: f64) -> String {
    match value.abs() {
        0.0 => "0.0000".to_owned(),
        size if (1e-2..1e5).contains(&size) => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

/// A table with three or more significant digits.
impl fmt::Display for NamedMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.rows.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let width = |name: &String| name.chars().count().max(9);
        write!(f, "{:first$}", "")?;
        self.columns.iter().try_for_each(|name| write!(f, "  {name:>width$}", width = width(name)))?;
        for (i, row) in self.rows.iter().enumerate() {
            write!(f, "\n{row:first$}")?;
            let cells = self.columns.iter().zip(self.row(i));
            cells.into_iter().try_for_each(|(name, value)| write!(f, "  {:>width$}", cell(*value), width = width(name)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small numbers keep their digits, and lists end.
    #[test]
    fn cells_and_lists_by_hand() {
        let columns = ["a", "b"].map(str::to_owned).to_vec();
        let matrix = NamedMatrix { rows: vec!["x".into(), "y1".into()], columns, values: vec![0.5, -3e-6, 0.0, 123456.0] };
        assert_eq!(matrix.to_string(), "            a          b\nx      0.5000   -3.00e-6\ny1     0.0000     1.23e5");
        let names: Vec<String> = (0..8).map(|k| format!("n{k}")).collect();
        assert_eq!((list(&names[..2]).as_str(), list(&names).as_str()), ("n0, n1", "n0, n1, n2, n3, n4, n5 and 2 more"));
    }

    #[test]
    fn names_are_kept_numbered_or_made() {
        let given = ["a", "x", "", "x", "x[0]", ""];
        assert_eq!(unique(given.into_iter(), 'v'), ["a", "x[0]'", "v2", "x[1]", "x[0]", "v5"]);
    }
}
