//! All groups side by side: a table of what they lead with and of what an epoch takes, its rows the methods and its columns the problems, so that a
//! whole grid of losses, solvers and problems is seen at once.

use super::Key;
use super::ids::{self, Kind, Metric};
use super::numbers::three_digits;
use super::sheet::{Cell, Column, Sheet};
use super::summary::{Group, Row};

/// What is written beside the leading metric.
const BESIDE: &str = "epoch_seconds";

/// What has a table of its own.
const CALLS: &str = "oracle_calls";

/// Name and reader of a field of a key.
type Field = (&'static str, fn(&Key) -> &str);

/// The fields that rows may be told apart by; those after the method are left out where they do not.
const FIELDS: [Field; 4] =
    [("method", |key| &key.method), ("predictor", |key| &key.predictor), ("solver", |key| &key.solver), ("columns", |key| &key.columns)];

/// The tables; none unless two groups lead with a quality and share methods.
pub(super) fn sheets(groups: &[Group]) -> Vec<Sheet> {
    let comparable = groups.iter().all(|group| group.leading.kind == Kind::Quality && group.mus().len() < 2);
    let names = names(groups);
    let rows: usize = groups.iter().map(|group| group.rows.len()).sum();
    // Groups that hardly share a row would only be written below each other.
    if groups.len() < 2 || !comparable || 3 * names.len() > 2 * rows {
        return Vec::new();
    }
    let measured = |metric: &&Metric| groups.iter().flat_map(|group| &group.rows).any(|row| row.cells.contains_key(metric.id));
    let of = |id| ids::metric(id).filter(|metric| measured(metric));
    let calls = of(CALLS).map(|metric| sheet(groups, &names, metric.heading, |_| (metric, None)));
    let leading = sheet(groups, &names, &title(groups, of(BESIDE)), |group| (group.leading, of(BESIDE)));
    std::iter::once(leading).chain(calls).collect()
}

/// The leading metric of all groups as `cells` writes it, which gives one cell for each row of a group; as [`sheets`], none where groups do not
/// compare.
pub(super) fn pivot(groups: &[Group], cells: impl Fn(&Group) -> Vec<Cell>) -> Option<Sheet> {
    let sheet = sheets(groups).into_iter().next()?;
    let (names, written): (_, Vec<Vec<Cell>>) = (names(groups), groups.iter().map(cells).collect());
    let place = |group: &Group, name: &Key| group.rows.iter().position(|row| self::name(row) == *name);
    let words = sheet.columns.len() - groups.len();
    let columns = sheet.columns.into_iter().enumerate().map(|(at, column)| {
        let Some(which) = at.checked_sub(words) else { return column };
        let cell = |name| place(&groups[which], name).map_or_else(Cell::default, |row| written[which][row].clone());
        Column { cells: names.iter().map(cell).collect(), ..column }
    });
    Some(Sheet { title: title(groups, None), columns: columns.collect(), ..sheet })
}

/// The leading metric, or that each problem has its own.
fn title(groups: &[Group], beside: Option<&Metric>) -> String {
    let leading = groups[0].leading;
    let what = if groups.iter().all(|group| group.leading == leading) { leading.heading } else { "leading metric of each problem" };
    beside.map_or(what.to_owned(), |beside| format!("{what}, and {}", beside.heading))
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

/// What tells the names apart besides the method: not what all have that have it at all.
fn fields(names: &[Key]) -> Vec<Field> {
    let varies = |(title, read): &Field| {
        let mut words = names.iter().map(read).filter(|word| *word != "none");
        let first = words.next();
        *title == "method" || words.any(|word| Some(word) != first)
    };
    FIELDS.into_iter().filter(varies).collect()
}

fn sheet(groups: &[Group], names: &[Key], title: &str, metrics: impl Fn(&Group) -> (&'static Metric, Option<&'static Metric>)) -> Sheet {
    let words = fields(names).into_iter().map(|(title, read)| {
        let cells = names.iter().map(|name| Cell { value: read(name).into(), spread: String::new() }).collect();
        Column { title: title.into(), numeric: false, spare: 0, cells }
    });
    let same = groups.iter().all(|group| metrics(group).0 == metrics(&groups[0]).0);
    let numbers = groups.iter().map(|group| {
        let (metric, beside) = metrics(group);
        let what = if same { String::new() } else { format!(", {}", metric.heading) };
        let cells = names.iter().map(|name| cell(group, name, metric, beside)).collect();
        Column { title: format!("{} {}{what}", group.key().task, group.size()), numeric: true, spare: 0, cells }
    });
    Sheet { title: title.into(), context: String::new(), columns: words.chain(numbers).collect(), notes: Vec::new(), failures: Vec::new() }
}

fn cell(group: &Group, name: &Key, metric: &Metric, beside: Option<&Metric>) -> Cell {
    let row = group.rows.iter().find(|row| self::name(row) == *name);
    let mean = |metric: &Metric| row.and_then(|row| row.mean(metric)).map(three_digits);
    let unit = |metric: &Metric| mean(metric).map(|text| format!("{text} {}", metric.unit));
    Cell { value: mean(metric).unwrap_or_default(), spread: beside.and_then(unit).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::super::summary::groups;
    use super::super::{Key, Measurement};
    use super::*;

    fn key(size: &str, method: &str, predictor: &str) -> Key {
        let word = str::to_owned;
        let (task, solver, columns) = (word("tsp"), word("exact"), word("published"));
        Key {
            suite: word("s"),
            task,
            size: word(size),
            method: word(method),
            solver,
            predictor: word(predictor),
            columns,
            ..Key::default()
        }
    }

    fn measured(size: &str, method: &str, regret: f64) -> Measurement {
        Measurement::new(&key(size, method, "linear"), "normalized_regret", regret)
    }

    fn text(sheet: &Sheet) -> Vec<Vec<&str>> {
        sheet.columns.iter().map(|c| c.cells.iter().map(|cell| cell.value.as_str()).collect()).collect()
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
        assert_eq!(sheets[0].title, "norm. regret");
        assert_eq!(text(&sheets[0]), [["sce", "pfy"], ["0.100", "0.200"], ["0.125", "0.250"], ["0.500", ""]]);
    }

    /// Problems that lead with different metrics, and predictors that tell rows apart: seconds stand beside each value.
    #[test]
    fn a_grid_of_unlike_problems_names_what_each_leads_with() {
        let both = |size: &str, predictor: &str, metric: &str, value: f64| {
            let key = key(size, "so_ebm", predictor);
            [Measurement::new(&key, metric, value), Measurement::new(&key, "epoch_seconds", 0.25)]
        };
        let rows = [
            both("5", "flow", "normalized_regret", 0.1),
            both("5", "gaussian", "normalized_regret", 0.2),
            both("8", "flow", "task_loss", 3.0),
            both("8", "gaussian", "task_loss", 4.0),
        ];
        let sheets = sheets(&groups(&rows.concat()));
        assert_eq!((sheets.len(), sheets[0].title.as_str()), (1, "leading metric of each problem, and s/epoch"));
        let titles: Vec<&str> = sheets[0].columns.iter().map(|c| c.title.as_str()).collect();
        assert_eq!(titles, ["method", "predictor", "tsp 5, norm. regret", "tsp 8, task loss"]);
        assert_eq!(text(&sheets[0])[1..], [["flow", "gaussian"], ["0.100", "0.200"], ["3.00", "4.00"]]);
        assert!(sheets[0].columns[2..].iter().flat_map(|c| &c.cells).all(|cell| cell.spread == "0.250 s"));
    }

    #[test]
    fn one_group_or_groups_without_a_common_row_have_none() {
        assert!(sheets(&groups(&[measured("5", "sce", 0.1), measured("5", "pfy", 0.2)])).is_empty());
        assert!(sheets(&groups(&[measured("5", "sce", 0.1), measured("8", "pfy", 0.2)])).is_empty());
    }
}
