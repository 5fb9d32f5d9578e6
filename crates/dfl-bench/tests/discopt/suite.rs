//! What tasks and baselines give to suites: their figures, by name.

use super::*;
use dfl_bench::suite::DataOptions;
use dfl_bench::tasks::{Benchmark, TaskOptions, make_task};
use dfl_core::Error;

fn figure(notebook: &Notebook, method: &str, metric: &str) -> f64 {
    let decisions = notebook.task.baseline(method, &notebook.data).unwrap();
    notebook.task.figures(&notebook.data.test, &decisions).unwrap().iter().find(|f| f.metric == metric).unwrap().value
}

#[test]
fn baselines_have_the_figures_of_the_reference() {
    let notebook = Notebook::of(Problem::Allocation);
    for (method, linear) in [
        ("oracle", 0.0),
        ("least_squares", 0.1486),
        ("least_squares_x2", -0.0047),
        ("least_squares_x4", -0.0723),
        ("least_squares_x10", -0.1076),
    ] {
        assert_prints(method, 4, &[figure(&notebook, method, "linear_regret")], &[linear]);
    }
    assert_prints("least squares", 4, &[figure(&notebook, "least_squares", "regret")], &[0.0785]);
    assert!(figure(&notebook, "oracle", "regret").abs() < 1e-12);
    // Bolder decisions are worse by what they were to minimise.
    let regrets = ["least_squares", "least_squares_x2", "least_squares_x4", "least_squares_x10"].map(|m| figure(&notebook, m, "regret"));
    assert!(regrets.windows(2).all(|pair| pair[0] < pair[1]), "{regrets:?}");
    assert_prints("portfolio", 4, &[figure(&Notebook::of(Problem::Portfolio), "least_squares", "regret")], &[0.0875]);
}

/// A third of each costs the mean of the costs and a third of the ridge, whatever the row: 1 + 1/3, since costs are centred on 1.
#[test]
fn equal_weights_by_hand() {
    let notebook = Notebook::of(Problem::Allocation);
    let oracle = mean(&values(1.0, 1.0, &notebook.data.test.truth, &notebook.decide(&notebook.data.test.truth)));
    assert!((figure(&notebook, "equal_weight", "regret") - (4.0 / 3.0 - oracle)).abs() < 1e-12);
}

#[test]
fn sizes_say_which_data() {
    let (data, columns) = (DataOptions::default(), dfl_bench::data::pjm::Columns::Published);
    let task = |size: &str| make_task("discopt_portfolio", &TaskOptions { size, data: &data, columns, seed: 0 });
    let features = |size: &str, seed: u64| {
        let request = dfl_core::Request { train: 1, valid: 1, test: 1, seed };
        task(size).unwrap().source().load(&request).unwrap().train.features
    };
    assert_eq!(features("notebook", 0), features("notebook", 7));
    assert_eq!(features("redrawn", 42), features("notebook", 0));
    assert_ne!(features("redrawn", 7), features("redrawn", 8));
    assert!(matches!(task("5x5"), Err(Error::Unknown { what: "size of a discopt problem", .. })));
    let unknown = Notebook::of(Problem::Portfolio);
    assert!(matches!(unknown.task.baseline("least_squares_x3", &unknown.data), Err(Error::Unknown { .. })));
}
