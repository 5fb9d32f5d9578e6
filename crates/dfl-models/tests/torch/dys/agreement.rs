use dfl_core::{Batch, Decider, DecisionLoss, Formulation, ParamMap, Program, Rng, Status, Stream, Targets};
use dfl_losses::Sqde;
use dfl_models::torch::Precision;
use dfl_solvers::{DysDerivative, DysOptions};

use super::{Case, cases, example, knapsack, path, tell};
use crate::common::{assert_close, normals};

const DERIVATIVES: [DysDerivative; 3] = [DysDerivative::Implicit, DysDerivative::JacobianFree, DysDerivative::Unrolled];

fn residual(status: Status) -> f64 {
    match status {
        Status::Inexact { residual } => residual,
        other => panic!("{other}"),
    }
}

/// Decisions, gradients, values and how rows ended, after the same steps.
fn agree(case: &Case, options: &DysOptions, precision: Precision, tolerance: f64) {
    let (host, layer) = (case.host(options), case.decider(options, precision));
    assert_eq!(layer.dims(), host.dims());
    let cotangent = normals(case.thetas.rows(), host.dims().x, 5);
    let (expected, found) = (tell(&host, &case.thetas, &cotangent), tell(&layer, &case.thetas, &cotangent));
    assert_close(found.x.as_slice(), expected.x.as_slice(), tolerance, tolerance);
    assert_close(found.gradient.as_slice(), expected.gradient.as_slice(), tolerance, tolerance);
    assert_close(&found.objective, &expected.objective, tolerance, tolerance);
    for (found, expected) in found.info.iter().zip(&expected.info) {
        assert_close(&[residual(found.status)], &[residual(expected.status)], tolerance, tolerance);
        assert_eq!((found.iterations, found.degenerate), (expected.iterations, expected.degenerate));
    }
    assert!(expected.gradient.as_slice().iter().any(|g| g.abs() > 1e-3), "the check must not compare zeros");
}

#[test]
fn the_solver_on_the_host_has_the_same_decisions_and_gradients() {
    let mut rng = Rng::seeded(31);
    for case in cases(&mut rng) {
        for derivative in DERIVATIVES {
            for (mu, step, iterations) in [(0.5, 0.7, 100), (0.1, 1.0, 40), (0.5, 3.0, 1)] {
                agree(&case, &DysOptions::fixed(mu, step, iterations, derivative), Precision::Double, 1e-10);
            }
        }
        // The length of the steps is chosen for each row from its cost.
        let chosen = DysOptions { step: None, ..DysOptions::fixed(0.3, 1.0, 80, DysDerivative::Unrolled) };
        agree(&case, &chosen, Precision::Double, 1e-10);
        // Without a quadratic term.
        agree(&case, &DysOptions::fixed(0.0, 0.4, 30, DysDerivative::JacobianFree), Precision::Double, 1e-10);
        agree(&case, &DysOptions { step: None, ..DysOptions::fixed(0.0, 1.0, 30, DysDerivative::Unrolled) }, Precision::Double, 1e-10);
    }
}

#[test]
fn single_precision_has_them_to_single_precision() {
    let mut rng = Rng::seeded(32);
    for case in cases(&mut rng) {
        for derivative in DERIVATIVES {
            agree(&case, &DysOptions::fixed(0.5, 0.7, 100, derivative), Precision::Single, 1e-4);
        }
    }
}

/// A vertex does not move, whichever way the tight constraints depend on each other: the ridge leaves nothing behind.
#[test]
fn at_a_vertex_the_implicit_gradient_is_zero() {
    let case = path(&mut Rng::seeded(35));
    let options = DysOptions::fixed(0.01, 1.0, 2000, DysDerivative::Implicit);
    let cotangent = normals(12, 40, 6);
    let (host, found) =
        (tell(&case.host(&options), &case.thetas, &cotangent), tell(&case.decider(&options, Precision::Double), &case.thetas, &cotangent));
    assert_close(found.x.as_slice(), host.x.as_slice(), 1e-10, 1e-10);
    assert_close(found.gradient.as_slice(), host.gradient.as_slice(), 1e-10, 1e-10);
    let still = |i: &usize| host.gradient.row(*i).iter().all(|g| g.abs() < 1e-10);
    assert!((0..12).filter(still).count() >= 6, "most rows must be at a vertex");
    assert!(found.info.iter().all(|info| info.degenerate), "one balance of flow follows from the others");
}

/// Without equations a step is a clamp, and the smoothed optimum of each variable is its own.
#[test]
fn bounds_alone_are_a_program() {
    let program = Program::linear(vec![0.0; 3]).with_bounds(vec![-1.0; 3], vec![f64::INFINITY, 1.0, 1.0]);
    let formulation = Formulation { program, params: ParamMap::costs(3), visible: 3 };
    let case = Case { name: "box", formulation, thetas: Batch::from_rows(&[[-1.5, 0.25, 4.0], [0.1, 1.0, -3.0]]).unwrap() };
    for derivative in DERIVATIVES {
        agree(&case, &DysOptions::fixed(0.5, 0.7, 60, derivative), Precision::Double, 1e-10);
    }
    let options = DysOptions::fixed(0.5, 0.7, 200, DysDerivative::Implicit);
    let found = tell(&case.decider(&options, Precision::Double), &case.thetas, &Batch::from_rows(&[[1.0; 3]; 2]).unwrap());
    assert_close(found.x.as_slice(), &[3.0, -0.5, -1.0, -0.2, -1.0, 1.0], 1e-10, 1e-10);
    assert_close(found.gradient.as_slice(), &[-2.0, -2.0, 0.0, -2.0, 0.0, 0.0], 1e-10, 1e-10);
}

/// The decision, and J'g of the optimum, of the last step and of all steps, for g = (1, 2, -1, 1/2, 0.7).
#[test]
fn the_example_has_its_known_numbers() {
    let (case, cotangent) = (example(), Batch::from_rows(&[[1.0, 2.0, -1.0, 0.5, 0.7]]).unwrap());
    let exact = [2.0 / 3.0, -4.0 / 3.0, 2.0 / 3.0, 0.0, 0.0];
    for (derivative, expected) in DERIVATIVES.into_iter().zip([exact, [-0.1, -0.8, 0.5, 0.4, -0.2], exact]) {
        for (precision, tolerance) in [(Precision::Double, 1e-10), (Precision::Single, 1e-4)] {
            let options = DysOptions::fixed(1.0, 0.5, 200, derivative);
            let found = tell(&case.decider(&options, precision), &case.thetas, &cotangent);
            assert_close(found.x.as_slice(), &[0.525, 0.35, 0.125, 0.0, 0.0], tolerance, tolerance);
            assert_close(found.gradient.as_slice(), &expected, tolerance, tolerance);
        }
    }
}

/// The implicit gradient at a converged answer equals central differences of the converged decision.
#[test]
fn the_implicit_gradient_is_that_of_the_optimum() {
    let case = knapsack(&mut Rng::seeded(33));
    let options = DysOptions { mu: 0.5, tolerance: 1e-12, iterations: 20_000, ..DysOptions::default() };
    let (decider, theta) = (case.decider(&options, Precision::Double), case.thetas.select(&[0]));
    let cotangent = normals(1, 40, 9);
    let found = tell(&decider, &theta, &cotangent);
    assert_eq!((found.info[0].status, found.info[0].degenerate), (Status::Optimal, false));
    let value = |j: usize, by: f64| {
        let mut moved = theta.clone();
        moved.row_mut(0)[j] += by;
        let x = tell(&decider, &moved, &cotangent).x;
        x.as_slice().iter().zip(cotangent.as_slice()).map(|(x, g)| x * g).sum::<f64>()
    };
    let differences: Vec<f64> = (0..40).map(|j| (value(j, 1e-5) - value(j, -1e-5)) / 2e-5).collect();
    assert_close(found.gradient.as_slice(), &differences, 1e-6, 1e-6);
}

/// A loss sees no difference.
#[test]
fn a_loss_takes_it_as_it_takes_the_solver() {
    let case = knapsack(&mut Rng::seeded(34));
    let options = DysOptions::fixed(0.5, 0.7, 60, DysDerivative::Unrolled);
    let targets = Targets { solution: Some(normals(12, 40, 1)), ..Targets::default() };
    let ids: Vec<u64> = (0..12).collect();
    let host = DecisionLoss::new(Sqde, case.host(&options)).unwrap();
    let layer = DecisionLoss::new(Sqde, case.decider(&options, Precision::Double)).unwrap();
    let expected = host.evaluate(&case.thetas, &targets, &ids, Stream::default()).unwrap();
    let found = layer.evaluate(&case.thetas, &targets, &ids, Stream::default()).unwrap();
    assert_close(&found.values, &expected.values, 1e-10, 1e-10);
    assert_close(found.grads.as_slice(), expected.grads.as_slice(), 1e-10, 1e-10);
}
