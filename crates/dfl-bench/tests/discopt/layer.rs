//! The layer itself: decisions, the gradient of the value and the derivative of the decision, at the notebook's points and at a bound.

use super::*;
use dfl_bench::data::discopt::draw;
use dfl_core::{Call, Decider, Key, Stream, Task};
use dfl_solvers::{Backend, Deciding};

/// Decision, value and derivative, a row for each share, by one backend.
fn at(problem: Problem, backend: Backend, y: &[f64]) -> (Vec<f64>, f64, Vec<Vec<f64>>) {
    let formulation = DiscoptTask::notebook(problem).formulation().unwrap();
    let decider = backend.decider(formulation.program, formulation.params, &Deciding::default()).unwrap();
    let (keys, thetas) = ([Key::default()], Batch::from_rows(&[y]).unwrap());
    let found = decider.forward(&thetas, &Call { keys: &keys, stream: Stream::default(), backward: true }).unwrap();
    let unit = |j: usize| Batch::from_rows(&[[0, 1, 2].map(|k| f64::from(u8::from(k == j)))]).unwrap();
    let derivative = (0..3).map(|j| found.back.as_ref().unwrap().pull(&unit(j)).unwrap().into_vec()).collect();
    (found.x.row(0).to_vec(), found.objective[0], derivative)
}

const BACKENDS: [Backend; 2] = [Backend::Separable, Backend::ActiveSet];

/// Three activities inside: the notebook's matrix, by hand $-\frac12 (I - 11^\top/3)$.
fn check_inside(c: &[f64], x: &[f64], value: f64) {
    for backend in BACKENDS {
        let (decided, objective, derivative) = at(Problem::Allocation, backend, c);
        assert_prints("decision", 4, &decided, x);
        assert_prints("value", 4, &[objective], &[value]);
        for (j, row) in derivative.iter().enumerate() {
            let by_hand: Vec<f64> = (0..3).map(|k| if j == k { -1.0 / 3.0 } else { 1.0 / 6.0 }).collect();
            assert!(largest(&differences(row, &by_hand).iter().map(|d| d.abs()).collect::<Vec<_>>()) < 1e-12, "{row:?}");
        }
    }
}

#[test]
fn the_demonstration() {
    check_inside(&[0.8, 1.0, 1.2], &[0.4333, 0.3333, 0.2333], 1.3133);
}

#[test]
fn the_first_test_row() {
    check_inside(draw(42).unwrap().allocation.test.1.row(0), &[0.6012, 0.0441, 0.3547], 1.1775);
}

/// One share at 0, of an allocation and of a portfolio; all wealth in one asset; and a point inside: the value's slope is the sign times the
/// decision, and derivatives are central differences of the closed form, of which a step of 1e-6 leaves 1e-9.
#[test]
fn derivatives_match_differences_inside_and_at_bounds() {
    let points = [
        (Problem::Allocation, [0.8, 1.0, 1.2], 0),
        (Problem::Allocation, [-0.5, 0.4, 1.9], 1),
        (Problem::Portfolio, [0.9, -2.0, 0.3], 1),
        (Problem::Portfolio, [6.0, 0.5, -1.0], 2),
    ];
    for ((problem, y, zeros), backend) in points.into_iter().flat_map(|point| BACKENDS.map(|backend| (point, backend))) {
        let notebook = Notebook::of(problem);
        let (sign, ridge) = (problem.cost().sign, problem.cost().ridge);
        let (x, _, derivative) = at(problem, backend, &y);
        assert_eq!(x.iter().filter(|x| **x < 1e-9).count(), zeros, "{x:?}");
        let moved = |k: usize, by: f64| {
            let mut y = y;
            y[k] += by;
            let batch = Batch::from_rows(&[y]).unwrap();
            let decided = notebook.decide(&batch);
            (values(sign, ridge, &batch, &decided)[0], decided.row(0).to_vec())
        };
        for k in 0..3 {
            let (up, down, h) = (moved(k, 1e-6), moved(k, -1e-6), 2e-6);
            assert!(((up.0 - down.0) / h - sign * x[k]).abs() < 1e-8, "{problem:?} {backend}: slope of the value in {k}");
            for (j, row) in derivative.iter().enumerate() {
                let slope = (up.1[j] - down.1[j]) / h;
                assert!((row[k] - slope).abs() < 1e-8, "{problem:?} {backend}: d x{j} / d y{k} is {}, by differences {slope}", row[k]);
            }
        }
    }
}

/// Two backends and the task's own oracle decide as the closed form does, for every row of both problems.
#[test]
fn decisions_are_projections() {
    for problem in [Problem::Allocation, Problem::Portfolio] {
        let notebook = Notebook::of(problem);
        for part in [&notebook.data.train, &notebook.data.test] {
            let closed = notebook.decide(&part.truth);
            let gap = |x: &Batch| largest(&differences(x.as_slice(), closed.as_slice()).iter().map(|d| d.abs()).collect::<Vec<_>>());
            assert!(gap(&part.labels.as_ref().unwrap().solution) < 1e-9, "{problem:?}");
            let formulation = notebook.task.formulation().unwrap();
            let decider = Backend::ActiveSet.decider(formulation.program, formulation.params, &Deciding::default()).unwrap();
            assert!(gap(&dfl_core::decide(&decider as &dyn Decider, &part.truth, &part.ids).unwrap().0) < 1e-9, "{problem:?}");
        }
    }
}
