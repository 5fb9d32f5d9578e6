use std::path::{Path, PathBuf};

use dfl_core::{Error, Result};
use serde::Serialize;

use super::fault;
use super::folder::RunFolder;
use super::story::{MAXIMISES, short};
use super::training::{Metrics, RowResult};
use super::verdict::{Difference, verb};
use crate::page::{RowOutcome, Sheet, SheetCell, Story};

/// Runs beside each other on the same test rows.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Each run, the first one being what the others are compared with.
    pub runs: Vec<ComparedRun>,
    /// Whether the problem's file maximises; costs here are then the objective with its sign turned.
    pub maximise: bool,
    #[serde(skip)]
    rows: Vec<Vec<RowResult>>,
}

/// One of them.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedRun {
    /// Its folder.
    pub folder: PathBuf,
    /// Ids of loss and predictor.
    pub loss: String,
    #[allow(missing_docs, reason = "described above")]
    pub predictor: String,
    /// Mean over the test rows of the cost of its decisions, and of that less the best.
    pub mean_cost: f64,
    #[allow(missing_docs, reason = "described above")]
    pub mean_regret: f64,
    /// From the first run, row by row; `None` for itself.
    pub difference: Option<Difference>,
    /// That in words.
    pub verdict: String,
}

/// Compares runs with the first of them.
///
/// # Errors
/// As [`RunFolder::open_finished`]; [`Error::Input`] for runs that were not judged on the same test rows, [`Error::Domain`] for fewer than two.
pub fn compare(folders: &[PathBuf]) -> Result<Compared> {
    if folders.len() < 2 {
        return Err(Error::Domain { what: "number of runs to compare", value: folders.len() as f64, need: "at least 2" });
    }
    let read = |path: &PathBuf| -> Result<(Metrics, Vec<RowResult>)> {
        let (folder, _) = RunFolder::open_finished(path)?;
        Ok((folder.read_json("metrics.json")?, folder.read_lines("rows.jsonl")?))
    };
    let read: Vec<_> = folders.iter().map(read).collect::<Result<_>>()?;
    let costs = |rows: &[RowResult]| rows.iter().map(|r| r.cost).collect::<Vec<_>>();
    let (first, mut runs) = (&read[0].1, Vec::new());
    for (k, (folder, (metrics, rows))) in folders.iter().zip(&read).enumerate() {
        same_rows(&folders[0], first, folder, rows)?;
        let difference = if k == 0 { None } else { Difference::of(&costs(rows), &costs(first))? };
        let names = [folder, &folders[0]].map(|f| f.display().to_string());
        let mean = |of: fn(&RowResult) -> f64| dfl_core::metrics::mean(&rows.iter().map(of).collect::<Vec<_>>());
        runs.push(ComparedRun {
            folder: folder.clone(),
            loss: metrics.loss.clone(),
            predictor: metrics.predictor.clone(),
            mean_cost: mean(|r| r.cost),
            mean_regret: mean(|r| r.cost - r.best),
            verdict: difference
                .map(|d| d.in_words(&names[0], verb(rows.iter().any(|r| !r.truth.is_empty())), &names[1]))
                .unwrap_or_default(),
            difference,
        });
    }
    let maximise = read[0].0.maximise;
    Ok(Compared { runs, maximise, rows: read.into_iter().map(|(_, rows)| rows).collect() })
}

/// Refuses runs with other test rows: other names, or another truth.
fn same_rows(first: &Path, rows: &[RowResult], other: &Path, others: &[RowResult]) -> Result<()> {
    let remedy = "train both from the same files with the same seed, split, valid and test";
    let refused =
        |what: String| Err(fault("run folder", other, format!("its test rows are not those of {}: {what}", first.display()), remedy));
    if rows.len() != others.len() {
        return refused(format!("{} rows against {}", others.len(), rows.len()));
    }
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0);
    match rows.iter().zip(others).find(|(a, b)| a.id != b.id || a.truth != b.truth || !close(a.best, b.best)) {
        Some((a, b)) if a.id != b.id => refused(format!("row `{}` against `{}`", b.id, a.id)),
        Some((a, _)) => refused(format!("row `{}` has another truth or another optimum", a.id)),
        None => Ok(()),
    }
}

impl Compared {
    /// A page: the rows of the last run against those of the first.
    pub fn story(&self, command: String) -> Story {
        let name = |k: usize| self.runs[k].folder.display().to_string();
        let (last, number) = (self.runs.len() - 1, |v: f64| SheetCell { text: short(v), number: Some(v) });
        let turned = self.maximise.then_some(MAXIMISES);
        let text = |text: String| SheetCell { text, number: None };
        let line = |run: &ComparedRun| {
            let of = |value: fn(&Difference) -> f64| run.difference.as_ref().map_or(SheetCell::default(), |d| number(value(d)));
            vec![
                text(run.folder.display().to_string()),
                text(format!("{}, {}", run.loss, run.predictor)),
                number(run.mean_cost),
                number(run.mean_regret),
                of(|d| d.mean),
                of(|d| d.interval[0]),
                of(|d| d.interval[1]),
                of(|d| d.p),
                of(|d| d.wins),
            ]
        };
        let columns = ["run", "loss, predictor", "mean cost", "mean regret", "difference", "from", "to", "p", "wins"];
        let outcome = |(ours, theirs): (&RowResult, &RowResult)| RowOutcome {
            id: ours.id.clone(),
            cost: ours.cost,
            baseline: theirs.cost,
            best: ours.best,
        };
        Story {
            title: format!("{} against {}", name(last), name(0)),
            facts: vec![("Test rows".into(), self.rows[0].len().to_string())],
            command,
            verdict: self.runs.iter().map(|r| r.verdict.as_str()).filter(|v| !v.is_empty()).chain(turned).collect::<Vec<_>>().join(" "),
            sheets: vec![Sheet {
                title: "Runs".into(),
                note: format!(
                    "Differences of each run's cost from that of {}, row by row: mean, 95 % interval, two-sided p, share of rows that cost less.",
                    name(0)
                ),
                columns: columns.map(str::to_owned).to_vec(),
                rows: self.runs.iter().map(line).collect(),
            }],
            rows: self.rows[last].iter().zip(&self.rows[0]).map(outcome).collect(),
            baseline: name(0),
            ..Story::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, best: f64, truth: f64) -> RowResult {
        RowResult { id: id.into(), cost: 2.0, baseline: 3.0, best, decision: vec![], best_decision: vec![], truth: vec![truth] }
    }

    #[test]
    fn other_test_rows_are_refused_with_the_first_that_differs() {
        let rows = [row("a", 1.0, 5.0), row("b", 1.0, 6.0)];
        let refused = |others: &[RowResult]| same_rows(Path::new("r1"), &rows, Path::new("r2"), others).unwrap_err().to_string();
        assert!(refused(&rows[..1]).contains("1 rows against 2"));
        assert!(refused(&[rows[0].clone(), row("c", 1.0, 6.0)]).contains("row `c` against `b`"));
        assert!(refused(&[rows[0].clone(), row("b", 1.0, 7.0)]).contains("another truth"));
        same_rows(Path::new("r1"), &rows, Path::new("r2"), &rows).unwrap();
    }
}
