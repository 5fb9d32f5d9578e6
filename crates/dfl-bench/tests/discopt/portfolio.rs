//! The notebook's second problem, which it judges by the objective that decisions minimise.

use super::common::{fixture, floats, read_json};
use super::*;

/// Utility `r'x - 2 |x|^2` of the test rows.
fn utility(notebook: &Notebook, decisions: &Batch) -> f64 {
    -mean(&values(-1.0, 2.0, &notebook.data.test.truth, decisions))
}

#[test]
fn every_number_of_the_portfolio() {
    let notebook = Notebook::of(Problem::Portfolio);
    let (train, test, start) = (&notebook.data.train, &notebook.data.test, notebook.least_squares());
    let best = utility(&notebook, &notebook.decide(&test.truth));
    let two_stage = utility(&notebook, &notebook.decide_by(&start, test));
    let found = [best, two_stage, best - two_stage, squared_error(&start, test)];
    assert_prints("oracle, two-stage, regret, error", 4, &found, &[-0.4688, -0.5563, 0.0875, 0.3842]);

    let Course { model, losses } = notebook.train(Objective::Whole, Inequalities::Respected);
    let printed = [0.5463, 0.5458, 0.5450, 0.5452, 0.5444, 0.5440, 0.5438, 0.5430, 0.5428, 0.5427];
    assert_prints("losses", 4, &losses, &printed);
    let trained = utility(&notebook, &notebook.decide_by(&model, test));
    assert_prints("DFL", 4, &[squared_error(&model, test), trained, best - trained], &[0.4051, -0.5641, 0.0953]);
    assert_prints("reduction", 1, &[100.0 * (1.0 - (best - trained) / (best - two_stage))], &[-8.9]);
    assert_prints("training predictions at a bound", 2, &[at_a_bound(&notebook.decide_by(&start, train))], &[0.07]);
}

#[test]
fn ignoring_bounds_gives_other_numbers() {
    let notebook = Notebook::of(Problem::Portfolio);
    let test = &notebook.data.test;
    let Course { model, losses } = notebook.train(Objective::Whole, Inequalities::Ignored);
    let (best, trained) = (utility(&notebook, &notebook.decide(&test.truth)), utility(&notebook, &notebook.decide_by(&model, test)));
    assert_prints("last loss, utility, regret", 4, &[losses[9], trained, best - trained], &[0.5494, -0.5543, 0.0855]);
}

/// Both recorded runs, whose layer solves to about 1e-6.
#[test]
fn recorded_runs_of_the_notebook() {
    let notebook = Notebook::of(Problem::Portfolio);
    let course = notebook.train(Objective::Whole, Inequalities::Respected);
    for run in ["080", "090"] {
        let Some(path) = fixture(&format!("discopt/discopt_nb_{run}.json")) else { return };
        let recorded = read_json(&path);
        let gap = |a: &[f64], b: &[f64]| largest(&differences(a, b).iter().map(|d| d.abs()).collect::<Vec<_>>());
        assert!(gap(&course.losses, &floats(&recorded["nl_losses"])) < 1e-4, "{run}");
        assert!(gap(&transposed(&course.model), &floats(&recorded["theta_dfl_nl"]["data"])) < 1e-3, "{run}");
        let best: Vec<f64> = values(-1.0, 2.0, &notebook.data.test.truth, &notebook.decide(&notebook.data.test.truth));
        let theirs: Vec<f64> = floats(&recorded["oracle_utility"]["data"]).iter().map(|u| -u).collect();
        assert!(gap(&best, &theirs) < 1e-5, "{run}");
    }
}
