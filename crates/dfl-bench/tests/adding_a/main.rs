//! The guides `docs/adding-a-*.md`, each followed from outside of the crates by something small that is not among what they have: a loss, a
//! solver, a model and a task. A change of a trait that breaks its guide breaks this.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod loss;
mod model;
mod solver;
mod task;

use dfl_bench::data::shortest_path::ShortestPathData;
use dfl_bench::tasks::{Benchmark, ShortestPathTask};
use dfl_core::{Batch, Request, Splits, Task, decide, label};

/// What stands between two lines.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).unwrap_or_else(|| panic!("no `{from}` before `{to}`")).0
}

#[test]
fn guides_show_what_is_tested() {
    for (name, guide, source) in [
        ("loss", include_str!("../../../../docs/adding-a-loss.md"), include_str!("loss.rs")),
        ("model", include_str!("../../../../docs/adding-a-model.md"), include_str!("model.rs")),
        ("solver", include_str!("../../../../docs/adding-a-solver.md"), include_str!("solver.rs")),
        ("task", include_str!("../../../../docs/adding-a-task.md"), include_str!("task.rs")),
    ] {
        let tested = between(source, "// The guide shows this.\n", "// The guide ends here.\n").trim();
        assert_eq!(between(guide, "```rust\n", "```").trim(), tested, "docs/adding-a-{name}.md");
    }
}

/// Paths through a grid of 5 by 5, with so many rows to learn from and 500 to be judged by.
fn paths(train: usize) -> (ShortestPathTask, Splits) {
    let task = ShortestPathTask::new(ShortestPathData::default()).unwrap();
    let mut data = task.source().load(&Request { train, valid: 0, test: 500, seed: 3 }).unwrap();
    label(&task, &mut data).unwrap();
    (task, data)
}

/// Leading figure of the exact decisions for these predictions of the test rows.
fn figure(task: &dyn Benchmark, data: &Splits, predictions: &Batch) -> f64 {
    let decisions = decide(&*task.oracle().unwrap(), predictions, &data.test.ids).unwrap().0;
    task.leading_figure(&data.test, &decisions).unwrap()
}

fn baseline(task: &dyn Benchmark, data: &Splits, method: &str) -> f64 {
    task.leading_figure(&data.test, &task.baseline(method, data).unwrap()).unwrap()
}
