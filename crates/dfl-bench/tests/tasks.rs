//! The contract that every task must pass: one line each.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use dfl_bench::data::shortest_path::ShortestPathData;
use dfl_bench::tasks::ShortestPathTask;
use dfl_core::testkit::check_task;
use dfl_core::{Request, Task};

mod common;

fn request() -> Request {
    Request { train: 30, valid: 10, test: 20, seed: 7 }
}

#[test]
fn shortest_path_keeps_the_contract() {
    check_task(&ShortestPathTask::new(ShortestPathData::default()).unwrap(), &request(), 1e-9);
}

#[test]
fn power_keeps_the_contract() {
    use dfl_bench::{data::pjm::Columns, tasks::PowerScheduling};
    if common::dataset("pjm_load_data_2012-16.txt").is_none() {
        return;
    }
    check_task(&PowerScheduling::new(Columns::Honest), &request(), 1e-6);
}

/// The program's optimum at the true costs is the exact oracle's: the formulation is the task.
#[test]
fn the_formulation_of_shortest_path_has_the_oracles_value() {
    let task = ShortestPathTask::new(ShortestPathData::default()).unwrap();
    let data = task.source().load(&request()).unwrap();
    let by_program = dfl_bench::registry::make_decider(&task, "active_set", false).unwrap();
    let (_, exact) = dfl_core::decide(&*task.oracle().unwrap(), &data.test.truth, &data.test.ids).unwrap();
    let (_, relaxed) = dfl_core::decide(&*by_program, &data.test.truth, &data.test.ids).unwrap();
    for (a, b) in exact.iter().zip(&relaxed) {
        assert!((a - b).abs() < 1e-6 * (1.0 + a.abs()), "{a} {b}");
    }
    assert_eq!(task.name(), "shortest_path");
}
