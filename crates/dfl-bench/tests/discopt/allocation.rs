//! Every number of the allocation that the notebook prints, what its own files hold, and the regret that it lacks.

use super::common::{fixture, floats, read_json};
use super::*;

const THETA_MSE: [f64; 15] = [
    0.45392161,
    -0.05385889,
    -0.20171959,
    -0.19939854,
    -0.38191618, //
    0.04407922,
    0.32275761,
    -0.57331281,
    0.21574401,
    -0.60971821, //
    -0.31085234,
    0.06047602,
    0.00370769,
    -0.38319774,
    -0.17190134,
];

const THETA_DFL: [f64; 15] = [
    0.61074226,
    -0.1147083,
    -0.19044289,
    -0.16168235,
    -0.42972397, //
    0.08796814,
    0.37890048,
    -0.65077064,
    0.29461075,
    -0.6261556, //
    -0.5115619,
    0.06518256,
    0.06988883,
    -0.49978068,
    -0.10765616,
];

const LOSSES: [f64; 10] = [0.6435, 0.6292, 0.6166, 0.6062, 0.5980, 0.5916, 0.5863, 0.5813, 0.5765, 0.5716];

/// `c'x` of the test rows, less that of the best decisions.
fn linear_regrets(notebook: &Notebook, model: &Affine) -> Vec<f64> {
    let (test, decided) = (&notebook.data.test, notebook.decide_by(model, &notebook.data.test));
    differences(&values(1.0, 0.0, &test.truth, &decided), &values(1.0, 0.0, &test.truth, &notebook.decide(&test.truth)))
}

/// Mean of `c'x + |x|^2` of the test rows, less that of the best decisions.
fn regret(notebook: &Notebook, model: &Affine) -> f64 {
    let (test, decided) = (&notebook.data.test, notebook.decide_by(model, &notebook.data.test));
    mean(&differences(&values(1.0, 1.0, &test.truth, &decided), &values(1.0, 1.0, &test.truth, &notebook.decide(&test.truth))))
}

#[test]
fn oracle_and_least_squares() {
    let notebook = Notebook::of(Problem::Allocation);
    let (train, test, model) = (&notebook.data.train, &notebook.data.test, notebook.least_squares());
    assert_prints("theta_MSE", 8, &transposed(&model), &THETA_MSE);
    let best = values(1.0, 0.0, &test.truth, &notebook.decide(&test.truth));
    assert_prints("oracle", 4, &[mean(&best), smallest(&best), largest(&best)], &[0.5058, -0.7039, 0.9834]);
    assert_prints("squared errors", 4, &[squared_error(&model, train), squared_error(&model, test)], &[0.8664, 1.4504]);
    let regrets = linear_regrets(&notebook, &model);
    assert_prints("two-stage", 4, &[mean(&best) + mean(&regrets), mean(&regrets), largest(&regrets)], &[0.6545, 0.1486, 0.8628]);
}

#[test]
fn training_as_in_the_notebook() {
    let notebook = Notebook::of(Problem::Allocation);
    let (test, start) = (&notebook.data.test, notebook.least_squares());
    let Course { model, losses } = notebook.train(Objective::Linear, Inequalities::Respected);
    assert_prints("losses", 4, &losses, &LOSSES);
    assert_prints("theta_DFL", 8, &transposed(&model), &THETA_DFL);
    let (regrets, before) = (linear_regrets(&notebook, &model), linear_regrets(&notebook, &start));
    let cost = mean(&values(1.0, 0.0, &test.truth, &notebook.decide_by(&model, test)));
    let found = [squared_error(&model, test), cost, mean(&regrets), largest(&regrets)];
    assert_prints("DFL", 4, &found, &[1.4688, 0.6010, 0.0952, 0.7278]);
    assert_prints("reduction", 1, &[100.0 * (1.0 - mean(&regrets) / mean(&before))], &[36.0]);
    let (theta, moved) = (transposed(&start), differences(&transposed(&model), &transposed(&start)));
    let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    assert_prints("how far it moved", 3, &[norm(&moved) / norm(&theta)], &[0.268]);
    let cheapest = |model: &Affine| same_smallest(&model.predict(&test.features).unwrap(), &test.truth);
    assert_eq!((cheapest(&start), cheapest(&model)), (12, 13));
}

/// Ours is the closed form's to 1e-9. Later runs of the notebook itself are not: by up to .0045 in a coefficient and .0016 in a loss, more
/// than the tolerance of a solver leaves. A tight bound that their layer does not see in some row would explain it: without that of row 14
/// the first loss is theirs to 1.5e-5.
#[test]
fn recorded_runs_of_the_notebook() {
    let notebook = Notebook::of(Problem::Allocation);
    let course = notebook.train(Objective::Linear, Inequalities::Respected);
    let largest_gap = |a: &[f64], b: &[f64]| largest(&differences(a, b).iter().map(|d| d.abs()).collect::<Vec<_>>());
    if let Some(path) = fixture("discopt/discopt_nb_closed_form.json") {
        let exact = &read_json(&path)["exact"];
        let theta: Vec<f64> = exact["theta"].as_array().unwrap().iter().flat_map(floats).collect();
        assert!(largest_gap(&transposed(&course.model), &theta) < 1e-9 && largest_gap(&course.losses, &floats(&exact["losses"])) < 1e-9);
        let best = values(1.0, 0.0, &notebook.data.test.truth, &notebook.data.test.labels.as_ref().unwrap().solution);
        assert!(largest_gap(&best, &floats(&exact["oracle"])) < 1e-9);
    }
    for run in ["080", "090"] {
        let Some(path) = fixture(&format!("discopt/discopt_nb_{run}.json")) else { return };
        let recorded = read_json(&path);
        assert!(largest_gap(&transposed(&course.model), &floats(&recorded["theta_dfl"]["data"])) < 0.005, "{run}");
        assert!(largest_gap(&course.losses, &floats(&recorded["dfl_losses"])) < 0.002, "{run}");
        let regret = recorded["dfl_regret_mean"].as_f64().unwrap();
        assert!((mean(&linear_regrets(&notebook, &course.model)) - regret).abs() < 1e-3, "{run}");
    }
}

/// "All solutions are interior" is not so.
#[test]
fn some_solutions_are_at_a_bound() {
    let notebook = Notebook::of(Problem::Allocation);
    let predicted = at_a_bound(&notebook.decide_by(&notebook.least_squares(), &notebook.data.train));
    let best = at_a_bound(&notebook.decide(&notebook.data.test.truth));
    assert_prints("share of training predictions, of test oracles", 2, &[predicted, best], &[0.20, 0.27]);
}

/// What comes out if they were, and derivatives never saw a bound.
#[test]
fn ignoring_bounds_gives_other_numbers() {
    let notebook = Notebook::of(Problem::Allocation);
    let Course { model, losses } = notebook.train(Objective::Linear, Inequalities::Ignored);
    let printed = [0.6414, 0.6236, 0.6072, 0.5956, 0.5820, 0.5734, 0.5641, 0.5549, 0.5444, 0.5363];
    assert_prints("losses", 4, &losses, &printed);
    let cost = mean(&values(1.0, 0.0, &notebook.data.test.truth, &notebook.decide_by(&model, &notebook.data.test)));
    assert_prints("cost and regret", 4, &[cost, mean(&linear_regrets(&notebook, &model))], &[0.5065, 0.0007]);
    if let Some(path) = fixture("discopt/discopt_nb_closed_form.json") {
        let theta: Vec<f64> = read_json(&path)["interior"]["theta"].as_array().unwrap().iter().flat_map(floats).collect();
        assert_prints("theta", 9, &transposed(&model), &theta);
    }
}

/// `c'x` alone is no regret of these decisions: it is negative for some, far from its own optimum for the "oracle", and falls when the
/// predictions of least squares are multiplied, below what training reaches.
#[test]
fn the_notebooks_regret_is_none() {
    let notebook = Notebook::of(Problem::Allocation);
    let (test, model) = (&notebook.data.test, notebook.least_squares());
    assert_prints("smallest", 2, &[smallest(&linear_regrets(&notebook, &model))], &[-0.08]);
    assert_prints("best linear value", 4, &[mean(&test.truth.iter().map(smallest).collect::<Vec<_>>())], &[0.3234]);
    let multiplied = |factor: f64| {
        let mut model = model.clone();
        model.weights.as_mut_slice().iter_mut().for_each(|w| *w *= factor);
        mean(&linear_regrets(&notebook, &model))
    };
    assert_prints("multiplied by 2, 4, 10", 4, &[2.0, 4.0, 10.0].map(multiplied), &[-0.0047, -0.0723, -0.1076]);
}

/// Judged by what decisions minimise, most of the gain is gone, and training on that is worth next to nothing on these rows.
#[test]
fn regret_of_the_objective_that_is_minimised() {
    let notebook = Notebook::of(Problem::Allocation);
    let test = &notebook.data.test;
    assert_prints("oracle", 4, &[mean(&values(1.0, 1.0, &test.truth, &notebook.decide(&test.truth)))], &[1.0552]);
    let trained = [Objective::Linear, Objective::Whole].map(|objective| notebook.train(objective, Inequalities::Respected).model);
    let found = [&notebook.least_squares(), &trained[0], &trained[1]].map(|model| regret(&notebook, model));
    assert_prints("two-stage, notebook, proper", 4, &found, &[0.0785, 0.0715, 0.0779]);
}
