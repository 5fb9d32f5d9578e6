//! What a status says of single models: other optima, vertices, scales, no parameters; and a batch of them, counted.
#![cfg(feature = "modelling")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_core::{Batch, Status};
use dfl_solvers::layer::{self, Answer, Reason, SensitivityStatus, Target, at_least, good_lp};
use good_lp::{constraint, variable, variables};

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn status(answer: &Answer) -> SensitivityStatus {
    answer.status().unwrap()
}

#[test]
fn other_optima_and_vertices_are_told() {
    // min x + y, x + y >= 1: every point of a segment.
    let segment = |tilt: f64| {
        let mut vars = variables!();
        let (x, y) = (vars.add(variable().min(0).name("x")), vars.add(variable().min(0).name("y")));
        let z = vars.add(variable().min(1).name("z"));
        let mut model = layer::minimise(vars, (1.0 + tilt) * x + y + z).with(constraint!(x + y >= 1).set_name("row".into()));
        model.cost_of("cost", &[x, y]).unwrap();
        let layer = model.layer().unwrap();
        layer.solve(&layer.nominal().unwrap()).unwrap()
    };
    let flat = status(&segment(0.0));
    assert!(flat.reasons().contains(&Reason::NotUnique(strings(&["x", "y"]))), "{flat}");
    assert!(!flat.is_derivative() && !flat.value_is_derivative());
    let vertex = segment(0.5);
    assert_eq!(status(&vertex).reasons(), [Reason::Vertex]);
    assert!(status(&vertex).is_derivative());
    assert!(vertex.sensitivity_matrix().unwrap().values().iter().all(|d| *d == 0.0));
}

/// The rows of a batch that were solved, and that have a derivative.
#[test]
fn a_batch_is_counted() {
    let mut vars = variables!();
    let x = vars.add(variable().max(1).name("x"));
    let mut model = layer::minimise(vars, -2 * x).quadratic(x, x, 1.0);
    let floor = model.add_constraint(constraint!(x >= 0));
    model.cost_of("cost", &[x]).unwrap();
    model.rhs_of("floor", &[at_least(floor)]).unwrap();
    let layer = model.layer().unwrap();
    let rows = [[-1.0, 0.0], [-2.0, 0.0], [-3.0, 0.0], [-1.0, 2.0], [-1.0, 1.0]];
    let answers = layer.solve_batch(&Batch::from_rows(&rows).unwrap()).unwrap();
    let counts = answers.counts().unwrap();
    // In the last row both bounds of x meet.
    assert_eq!((counts.rows, counts.solved, counts.differentiable, counts.value_differentiable), (5, 4, 2, 3));
    assert_eq!(answers.row(3).unwrap_err(), Status::Infeasible);
    assert_eq!(answers.row(2).unwrap().x(x).unwrap(), 1.0);
}

/// Whether a weak row is left is a question of the angle, whatever the row is multiplied by.
#[test]
fn a_kink_does_not_depend_on_the_scale_of_a_row() {
    for scale in [1e-9, 1.0, 1e10] {
        // Both move by their own curvature and stay on the row, up to rounding.
        let mut vars = variables!();
        let [x, y] = ["x", "y"].map(|name| vars.add(variable().name(name)));
        let mut model = layer::minimise(vars, 0.0 * x).quadratic(x, x, 0.3).quadratic(y, y, 0.7);
        model.add_constraint(constraint!(scale * 0.3 / 1.4 * x - scale * 0.1 / 0.6 * y <= 0).set_name("ray".into()));
        model.affine("along", 0.0, &[(Target::Cost(x), 0.1), (Target::Cost(y), 0.3)]).unwrap();
        model.affine("across", 0.0, &[(Target::Cost(x), 1.0)]).unwrap();
        let layer = model.layer().unwrap();
        let answer = layer.solve(&[0.0, 0.0]).unwrap();
        let kink = Reason::WeaklyActive { names: strings(&["ray"]), parameters: strings(&["across"]) };
        assert_eq!(status(&answer).reasons(), [kink], "{scale:e}");
    }
}

/// Without parameters there is still a status, and it says one thing.
#[test]
fn a_model_without_parameters_has_a_status() {
    let of = |tilt: f64| {
        let mut vars = variables!();
        let [x, y] = ["x", "y"].map(|name| vars.add(variable().min(0).name(name)));
        let model = layer::minimise(vars, (1.0 + tilt) * x + y).with(constraint!(x + y >= 1).set_name("row".into()));
        status(&model.solve().unwrap())
    };
    let (flat, vertex) = (of(0.0), of(0.5));
    assert!(!flat.is_derivative() && !flat.value_is_derivative() && vertex.is_derivative());
    assert!(flat.to_string().starts_with("not a derivative: the objective is flat along x, y"), "{flat}");
    assert!(vertex.to_string().starts_with("derivative; a vertex"), "{vertex}");
}

/// An equality twice, of which one side moves: no direction has a point, and that is said.
#[test]
fn a_step_without_a_one_sided_derivative_is_told() {
    let mut vars = variables!();
    let x = vars.add(variable().name("x"));
    let mut model = layer::minimise(vars, x).quadratic(x, x, 1.0).with(constraint!(2 * x == 4));
    let row = model.add_constraint(constraint!(x == 2));
    model.rhs_of("side", &[row]).unwrap();
    let answer = model.layer().unwrap().solve(&[2.0]).unwrap();
    assert_eq!(
        answer.directional(&[1.0]).unwrap_err().to_string(),
        "no one-sided derivative along this step: the tight constraints contradict each other along it; move them together; see status()"
    );
}
