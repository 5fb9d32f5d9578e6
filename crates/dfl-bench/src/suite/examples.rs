//! Which decisions on the test rows are kept to be drawn.

use dfl_core::{Batch, Instances, Result, decide};

use super::learn::Band;
use crate::page::{Drawing, Example};
use crate::tasks::Benchmark;

/// The test row on which the decisions did worst and the one in the middle, each beside the best decision; none of a task that draws nothing.
/// `costs` is what each row cost. Rows are ranked by their regret where the task has labels, else by their cost.
///
/// # Errors
/// Those of the oracle and of the model that says the band.
pub(super) fn examples(
    task: &dyn Benchmark,
    part: &Instances,
    decisions: &Batch,
    costs: &[f64],
    band: Option<&Band<'_>>,
) -> Result<Vec<Example>> {
    if part.is_empty() || task.drawing(part.truth.row(0), decisions.row(0)).is_none() {
        return Ok(Vec::new());
    }
    let (what, worth): (_, Vec<f64>) = match &part.labels {
        Some(labels) => ("regret", costs.iter().zip(&labels.cost).map(|(cost, best)| cost - best).collect()),
        None => ("cost", costs.to_vec()),
    };
    let mut order: Vec<usize> = (0..part.len()).collect();
    order.sort_by(|a, b| worth[*a].total_cmp(&worth[*b]));
    let chosen = [(order[order.len() - 1], "largest"), (order[order.len() / 2], "median")];
    let rows = part.select(&chosen.map(|(row, _)| row));
    let best = decide(&*task.oracle()?, &rows.truth, &rows.ids)?.0;
    let bands = band.map(|band| band(&rows)).transpose()?;
    let example = |(at, (row, why)): (usize, &(usize, &str))| {
        let truth = rows.truth.row(at);
        let mut decided = task.drawing(truth, decisions.row(*row))?;
        if let (Drawing::Schedule { band, .. }, Some([low, high])) = (&mut decided, &bands) {
            *band = Some([low.row(at).to_vec(), high.row(at).to_vec()]);
        }
        let title = format!("test row {}, the {why} {what} of {}", part.ids[*row], part.len());
        Some(Example { title, decided, best: task.drawing(truth, best.row(at))? })
    };
    Ok(chosen.iter().enumerate().filter_map(example).collect())
}
