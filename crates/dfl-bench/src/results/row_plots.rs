//! The test rows of a group one by one: the best learned row beside what learns without decisions, and some of its decisions.

use dfl_core::Result;
use dfl_core::metrics::mean;

use super::numbers::three_digits;
use super::sheet::{Cell, Column, Sheet};
use super::summary::{Group, Row, same_group};
use super::{Examples, Key, RowCosts, ids};
use crate::page::Example;
use crate::page::examples;
use crate::page::histogram::{self, Values};
use crate::page::html::figures;
use crate::page::plot::Plot;
use crate::page::scatter::{self, Counts, Pairs};

/// Methods that others are compared with, the first that there is: they learn the truth and know nothing of decisions.
const REFERENCES: [&str; 2] = ["two_stage", "least_squares"];

/// Costs of two jobs on the test rows of the seeds that both have, and of the oracle where it has them too.
struct Paired {
    /// The reference first.
    costs: Vec<[f64; 2]>,
    best: Option<Vec<f64>>,
}

/// Plots and tables below the table of the group; nothing where no rows are known or the group is a sweep.
pub(super) fn html(group: &Group, rows: &[RowCosts], all: &[Examples]) -> Result<String> {
    let own: Vec<&RowCosts> = rows.iter().filter(|row| same_group(&row.key, group.key())).collect();
    let measured = |row: &&Row| own.iter().any(|costs| costs.key.without_seed() == row.key);
    let learned = group.rows.iter().filter(|row| !row.is_baseline() && !ids::is_peer(&row.key.method));
    let leader = learned.clone().find(|row| row.key.method != REFERENCES[0]).or_else(|| learned.clone().next());
    if group.mus().len() > 1 {
        return Ok(String::new());
    }
    let drawn = leader.map_or(Ok(Vec::new()), |leader| drawings(group, &leader.key, all))?;
    let reference = leader.and_then(|leader| reference(group.rows.iter().filter(measured), &leader.key));
    let (Some(leader), Some(reference)) = (leader.filter(measured), reference) else { return Ok(figures(&drawn)) };
    let plots = plots(group, &own, [&reference.key, &leader.key])?;
    Ok(figures(&plots) + &counts(group, &own, &reference.key) + &figures(&drawn))
}

/// The row to compare with: of the first method of [`REFERENCES`] that there is besides the leader's, as much like the leader as possible.
fn reference<'g>(rows: impl Iterator<Item = &'g Row>, leader: &Key) -> Option<&'g Row> {
    let rank = |row: &&Row| {
        let method = REFERENCES.iter().position(|method| row.key.method == *method).unwrap_or(REFERENCES.len());
        let likeness = usize::from(row.key.predictor == leader.predictor) + usize::from(row.key.columns == leader.columns);
        (method, 2 - likeness)
    };
    rows.filter(|row| REFERENCES.contains(&row.key.method.as_str()) && row.key.method != leader.method).min_by_key(rank)
}

fn costs<'r>(own: &[&'r RowCosts], key: &Key) -> Vec<&'r RowCosts> {
    own.iter().filter(|row| row.key.without_seed() == *key).copied().collect()
}

/// Pairs rows of the same seed: another seed may have other data.
fn paired(own: &[&RowCosts], [reference, other]: [&Key; 2]) -> Paired {
    let oracles: Vec<&RowCosts> =
        own.iter().filter(|row| row.key.method == "oracle" && row.key.columns == other.columns).copied().collect();
    let (references, mut all, mut best) = (costs(own, reference), Vec::new(), Some(Vec::new()));
    for row in costs(own, other) {
        let same = |candidate: &&&RowCosts| candidate.key.seed == row.key.seed && candidate.ids == row.ids;
        let Some(beside) = references.iter().find(same) else { continue };
        all.extend(beside.values.iter().zip(&row.values).map(|(x, y)| [*x, *y]));
        best = oracles.iter().find(same).and_then(|oracle| {
            let mut best = best.take()?;
            best.extend_from_slice(&oracle.values);
            Some(best)
        });
    }
    Paired { costs: all, best }
}

fn plots(group: &Group, own: &[&RowCosts], keys: [&Key; 2]) -> Result<Vec<Plot>> {
    let Paired { costs, best } = paired(own, keys);
    if costs.is_empty() {
        return Ok(Vec::new());
    }
    let what = if best.is_some() { "regret" } else { "cost" };
    let less = best.unwrap_or_else(|| vec![0.0; costs.len()]);
    let values: Vec<[f64; 2]> = costs.iter().zip(&less).map(|([x, y], best)| [x - best, y - best]).collect();
    let [baseline, model] = [0, 1].map(|k| values.iter().map(|pair| pair[k]).collect::<Vec<f64>>());
    let [reference, name] = keys.map(|key| group.label(key));
    let title = if what == "regret" { "Regret of the test rows" } else { "Cost of the test rows" };
    let histogram = histogram::plot(title, what, &Values { name: &name, values: &model }, &Values { name: &reference, values: &baseline })?;
    let counts = Counts::of(costs.iter().copied());
    let short = [&keys[1].method, &keys[0].method].map(String::as_str);
    let scatter = scatter::plot(&Pairs { model: &name, baseline: &reference, short, what, unit: "", values: &values, counts })?;
    Ok(vec![histogram, scatter])
}

/// How every other row does against the reference, unfolded by a click.
fn counts(group: &Group, own: &[&RowCosts], reference: &Key) -> String {
    let rows: Vec<(String, Counts, f64)> = group
        .rows
        .iter()
        .filter(|row| row.key != *reference)
        .filter_map(|row| {
            let pairs = paired(own, [reference, &row.key]).costs;
            let difference = mean(&pairs.iter().map(|[x, y]| y - x).collect::<Vec<_>>());
            (!pairs.is_empty()).then(|| (group.label(&row.key), Counts::of(pairs.into_iter()), difference))
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let column = |title: &str, numeric: bool, cell: &dyn Fn(&(String, Counts, f64)) -> String| Column {
        title: title.to_owned(),
        numeric,
        spare: 0,
        cells: rows.iter().map(|row| Cell { value: cell(row), ..Cell::default() }).collect(),
    };
    let title = format!("Every row against {}, test row by test row", group.label(reference));
    let columns = vec![
        column("row", false, &|row| row.0.clone()),
        column("better", true, &|row| row.1.better.to_string()),
        column("worse", true, &|row| row.1.worse.to_string()),
        column("equal", true, &|row| row.1.equal.to_string()),
        column("mean difference", true, &|row| three_digits(row.2)),
    ];
    let notes = vec!["of the seeds that both have; a difference below 0 is better".to_owned()];
    let sheet = Sheet { title: title.clone(), context: String::new(), columns, notes, failures: Vec::new() };
    format!("<details><summary>{}</summary>\n{}</details>\n", crate::page::html::escape(&title), super::html::table(&sheet))
}

/// The leader's decisions; where a model says what it expects, the best such one's too.
fn drawings(group: &Group, leader: &Key, all: &[Examples]) -> Result<Vec<Plot>> {
    let of = |key: &Key| all.iter().find(|examples| examples.key.without_seed() == *key);
    let first = of(leader);
    let banded = |examples: &&Examples| examples.examples.iter().any(Example::has_band);
    let expects = group.rows.iter().filter_map(|row| of(&row.key)).find(banded).filter(|found| first != Some(*found));
    let plot = |examples: &Examples, example: &Example| {
        let title = format!("{}: {}", group.label(&examples.key.without_seed()), example.title);
        examples::plot(&Example { title, ..example.clone() })
    };
    first.into_iter().chain(expects).flat_map(|of| of.examples.iter().map(move |example| plot(of, example))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(method: &str, seed: u64, values: &[f64]) -> RowCosts {
        let key = Key { task: "tsp".into(), method: method.into(), seed: Some(seed), ..Key::default() };
        RowCosts::new(&key, &(0..values.len() as u64).collect::<Vec<_>>(), values).unwrap()
    }

    /// Seed 1 has data of its own and no reference; without an oracle for every seed there is no regret.
    #[test]
    fn only_rows_of_one_seed_are_paired() {
        let all =
            [rows("two_stage", 0, &[3.0, 4.0]), rows("sce", 0, &[2.0, 5.0]), rows("sce", 1, &[7.0, 8.0]), rows("oracle", 0, &[1.0, 4.0])];
        let own: Vec<&RowCosts> = all.iter().collect();
        let key = |at: usize| all[at].key.without_seed();
        let pairs = paired(&own, [&key(0), &key(1)]);
        assert_eq!((pairs.costs, pairs.best), (vec![[3.0, 2.0], [4.0, 5.0]], Some(vec![1.0, 4.0])));
        let more = [all.to_vec(), vec![rows("two_stage", 1, &[6.0, 6.0])]].concat();
        let own: Vec<&RowCosts> = more.iter().collect();
        let pairs = paired(&own, [&key(0), &key(1)]);
        assert_eq!((pairs.costs.len(), pairs.best), (4, None));
    }
}
