//! All groups side by side: one table for each of a few metrics, its rows the methods and its columns the problems, so that a whole grid of
//! losses, solvers and problems is seen at once.

use super::Key;
use super::ids::{self, Kind, Metric};
use super::numbers::three_digits;
use super::sheet::{Cell, Column, Sheet};
use super::summary::{Group, Row};

/// Metrics of cost that are shown beside the one that groups lead with.
const COSTS: [&str; 2] = ["epoch_seconds", "oracle_calls"];

/// The tables; none unless two groups share methods and lead with the same quality.
pub(super) fn sheets(groups: &[Group]) -> Vec<Sheet> {
    let Some(leading) = groups.first().map(|group| group.leading) else { return Vec::new() };
    let comparable = leading.kind == Kind::Quality && groups.iter().all(|group| group.leading == leading && group.mus().len() < 2);
    let names = names(groups);
    let rows: usize = groups.iter().map(|group| group.rows.len()).sum();
    // Groups that hardly share a row would only be written below each other.
    if groups.len() < 2 || !comparable || 3 * names.len() > 2 * rows {
        return Vec::new();
    }
    let measured = |metric: &&Metric| groups.iter().flat_map(|group| &group.rows).any(|row| row.cells.contains_key(metric.id));
    let costs = COSTS.into_iter().filter_map(ids::metric);
    std::iter::once(leading).chain(costs).filter(measured).map(|metric| sheet(groups, &names, metric)).collect()
}

/// What rows are called in all groups, the best on average first: by the share of the rows of a group that are better.
fn names(groups: &[Group]) -> Vec<Key> {
    let mut names: Vec<(Key, f64, usize)> = Vec::new();
    for group in groups {
        for (place, row) in group.rows.iter().enumerate() {
            let (name, share) = (name(row), place as f64 / group.rows.len() as f64);
            match names.iter_mut().find(|known| known.0 == name) {
                Some((_, sum, count)) => (*sum, *count) = (*sum + share, *count + 1),
                None => names.push((name, share, 1)),
            }
        }
    }
    names.sort_by(|a, b| (a.1 / a.2 as f64).total_cmp(&(b.1 / b.2 as f64)));
    names.into_iter().map(|(name, ..)| name).collect()
}

/// A row's key without what the columns say.
fn name(row: &Row) -> Key {
    Key { suite: String::new(), task: String::new(), size: String::new(), ..row.key.clone() }
}

fn sheet(groups: &[Group], names: &[Key], metric: &'static Metric) -> Sheet {
    let word = |title: &str, read: fn(&Key) -> &str| Column {
        title: title.into(),
        numeric: false,
        spare: 0,
        cells: names.iter().map(|name| Cell { value: read(name).into(), spread: String::new() }).collect(),
    };
    let numbers = groups.iter().map(|group| Column {
        title: format!("{} {}", group.key().task, group.size()),
        numeric: true,
        spare: 0,
        cells: names.iter().map(|name| cell(group, name, metric)).collect(),
    });
    let words = [word("method", |key| &key.method), word("solver", |key| &key.solver)];
    Sheet {
        title: metric.heading.into(),
        context: String::new(),
        columns: words.into_iter().chain(numbers).collect(),
        notes: Vec::new(),
        failures: Vec::new(),
    }
}

fn cell(group: &Group, name: &Key, metric: &Metric) -> Cell {
    let mean = group.rows.iter().find(|row| self::name(row) == *name).and_then(|row| row.mean(metric));
    Cell { value: mean.map_or_else(String::new, three_digits), spread: String::new() }
}

#[cfg(test)]
mod tests {
    use super::super::summary::groups;
    use super::super::{Key, Measurement};
    use super::*;

    fn measured(size: &str, method: &str, regret: f64) -> Measurement {
        let word = str::to_owned;
        let (task, solver, predictor, columns) = (word("tsp"), word("exact"), word("linear"), word("published"));
        let key = Key { suite: word("s"), task, size: word(size), method: word(method), solver, predictor, columns, ..Key::default() };
        Measurement::new(&key, "normalized_regret", regret)
    }

    #[test]
    fn the_best_on_average_stands_first_and_a_missing_one_is_blank() {
        let rows = [
            measured("5", "sce", 0.1),
            measured("5", "pfy", 0.2),
            measured("8", "pfy", 0.25),
            measured("8", "sce", 0.125),
            measured("11", "sce", 0.5),
        ];
        let sheets = sheets(&groups(&rows));
        assert_eq!(sheets.len(), 1);
        let text: Vec<Vec<&str>> = sheets[0].columns.iter().map(|c| c.cells.iter().map(|cell| cell.value.as_str()).collect()).collect();
        assert_eq!(text, [["sce", "pfy"], ["exact", "exact"], ["0.100", "0.200"], ["0.125", "0.250"], ["0.500", ""]]);
    }

    #[test]
    fn one_group_or_groups_without_a_common_row_have_none() {
        assert!(sheets(&groups(&[measured("5", "sce", 0.1), measured("5", "pfy", 0.2)])).is_empty());
        assert!(sheets(&groups(&[measured("5", "sce", 0.1), measured("8", "pfy", 0.2)])).is_empty());
    }
}
