//! Cone-aligned losses: by hand, against central differences, and with the normals that a program lists.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use common::{Smoothed, dot, exact_grid, grid, grid_rows, ids, near, rows};
use dfl_core::testkit::check_loss;
use dfl_core::{Batch, Csc, DecisionLoss, Error, Evaluation, Loss, Program, Stream, Targets, decide};
use dfl_losses::Cave;

fn with_normals(normals: Vec<Batch>) -> Targets {
    Targets { normals: Some(normals), ..Targets::default() }
}

fn run(loss: Cave, preds: &Batch, targets: &Targets) -> Evaluation {
    let joined = DecisionLoss::<_, Smoothed>::without_decider(loss).unwrap();
    joined.evaluate(preds, targets, &ids(preds.rows()), Stream { seed: 2, step: 0 }).unwrap()
}

fn every() -> [Cave; 4] {
    [Cave::exact(), Cave::plus(3).unwrap(), Cave::hybrid(3, 0.3, 0.2).unwrap(), Cave::hybrid(3, 0.0, 0.2).unwrap()]
}

/// The cone of (-1, 0) and (0, -1), a vertex at two lower bounds: costs at least 0. At p = (3, -4), -p = (-3, 4) projects to (-3, 0), so the
/// cosine is 3/5. Gradient t / (|q| |t|) - cos q / |q|^2 = (-1/5, 0) - (3/5) (-3, 4) / 25.
#[test]
fn exact_by_hand() {
    let corner = rows(&[[-1.0, 0.0], [0.0, -1.0]]);
    let preds = rows(&[[3.0, -4.0], [1.0, 2.0], [-1.0, -1.0], [0.0, 0.0], [5.0, 1.0]]);
    let mut normals = vec![corner; 5];
    normals[4] = Batch::zeros(0, 2);
    let out = run(Cave::exact(), &preds, &with_normals(normals));
    // Inside the cone 0; in its polar and at no prediction 1, without a tight constraint 0, and no gradient.
    near(&out.values, &[0.4, 0.0, 1.0, 1.0, 0.0], 1e-15);
    near(out.grads.row(0), &[-0.2 + 9.0 / 125.0, -12.0 / 125.0], 1e-15);
    near(&out.grads.as_slice()[2..], &[0.0; 8], 1e-15);
}

/// The heuristic at rho = 1/5 and two unit normals: t = 4/5 (-3, 4)/5 + 1/5 (-1/2, -1/2) = (-0.58, 0.54); lengths of normals do not count.
#[test]
fn heuristic_by_hand() {
    let normals = rows(&[[-7.0, 0.0], [0.0, -0.5]]);
    let out = run(Cave::hybrid(3, 0.0, 0.2).unwrap(), &rows(&[[3.0, -4.0]]), &with_normals(vec![normals]));
    let (q, t) = ([-3.0, 4.0], [-0.58, 0.54]);
    let length = dot(&t, &t).sqrt();
    let cosine = dot(&q, &t) / (5.0 * length);
    near(&out.values, &[1.0 - cosine], 1e-15);
    near(out.grads.row(0), &[0, 1].map(|j| t[j] / (5.0 * length) - cosine * q[j] / 25.0), 1e-15);
}

/// Normals of the grid's paths: an equality per node, whose both signs are in the cone, and the arcs without flow.
fn grid_targets(b: usize, seed: u64) -> (Batch, Batch, Targets) {
    let (preds, targets) = grid_rows(b, seed);
    let labels = targets.solution.as_ref().unwrap();
    let normals = labels.iter().map(|x| grid().program().tight_normals(x, 1e-9).unwrap()).collect();
    (preds, targets.truth.unwrap(), with_normals(normals))
}

/// The true cost has the stored decision as its optimum, hence minus it lies in the cone: exact value 0. Any prediction is as good as
/// a multiple of it, whose decision is the same.
#[test]
fn the_cone_holds_exactly_the_costs_of_the_stored_decision() {
    let (preds, truth, targets) = grid_targets(20, 6);
    let at_truth = run(Cave::exact(), &truth, &targets);
    assert!(at_truth.values.iter().all(|v| v.abs() < 1e-12), "{:?}", at_truth.values);
    let mut scaled = preds.clone();
    scaled.as_mut_slice().iter_mut().for_each(|p| *p *= 1000.0);
    let at = run(Cave::exact(), &preds, &targets);
    near(&run(Cave::exact(), &scaled, &targets).values, &at.values, 1e-12);
    let decided = decide(&exact_grid(), &preds, &ids(20)).unwrap().0;
    let labels = decide(&exact_grid(), &truth, &ids(20)).unwrap().0;
    for i in 0..20 {
        assert_eq!(at.values[i] < 1e-12, decided.row(i) == labels.row(i), "row {i}: {}", at.values[i]);
    }
}

/// The exact loss is |projection| / |prediction|, of which the formula is the derivative, though it counts the target as a constant. With
/// the target inside it is that of the cosine alone, and small steps against it lower the loss. Predictions inside the cone are left out:
/// the loss is flat there, and differences are of rounding.
#[test]
fn gradients_match_central_differences() {
    let (preds, _, targets) = grid_targets(16, 17);
    let values = run(Cave::exact(), &preds, &targets).values;
    let outside: Vec<usize> = (0..16).filter(|&i| values[i] > 1e-3).collect();
    assert!(outside.len() >= 8, "{values:?}");
    let (preds, targets) = (preds.select(&outside), targets.select(&outside));
    let exact = DecisionLoss::<_, Smoothed>::without_decider(Cave::exact()).unwrap();
    let error = check_loss(&exact, &preds, &targets, 1e-5);
    assert!(error < 1e-8, "{error}");
    for loss in [Cave::exact(), Cave::plus(3).unwrap()] {
        let before = run(loss, &preds, &targets);
        let mut moved = preds.clone();
        moved.as_mut_slice().iter_mut().zip(before.grads.as_slice()).for_each(|(p, g)| *p -= 1e-3 * g);
        let after = run(loss, &moved, &targets);
        assert!(after.values.iter().zip(&before.values).all(|(a, b)| a < b), "{}: {:?} {:?}", loss.name(), before.values, after.values);
    }
}

/// The target inside the cone is at a larger angle than the projection, and more steps come nearer to it.
#[test]
fn steps_inside_approach_the_projection() {
    let (preds, _, targets) = grid_targets(8, 18);
    let exact = run(Cave::exact(), &preds, &targets).values;
    let gaps = [3, 6, 12].map(|steps| {
        let values = run(Cave::plus(steps).unwrap(), &preds, &targets).values;
        assert!(values.iter().zip(&exact).all(|(v, e)| *v >= e - 1e-9), "{values:?} {exact:?}");
        values.iter().zip(&exact).map(|(v, e)| v - e).fold(0.0, f64::max)
    });
    assert!(gaps[0] > gaps[1] && gaps[1] > gaps[2] && gaps[2] < 1e-4, "{gaps:?}");
}

/// At ratio 0.3 about that share of 200 rows gets the projection; the coin is a matter of stream and row.
#[test]
fn the_hybrid_tosses_a_coin_per_row() {
    let (preds, _, targets) = grid_targets(200, 19);
    let [_, plus, hybrid, heuristic] = every().map(|loss| run(loss, &preds, &targets).values);
    let projected = (0..200).filter(|&i| hybrid[i] == plus[i]).count();
    assert!((0..200).all(|i| hybrid[i] == plus[i] || hybrid[i] == heuristic[i]));
    // Five standard errors of sqrt(200 * 0.3 * 0.7) = 6.5.
    assert!((28..=92).contains(&projected), "{projected}");
    assert_eq!(every().map(|loss| loss.name()), ["cave", "cave_plus", "cave_hybrid", "cave_hybrid"]);
}

#[test]
fn what_cannot_train_is_refused() {
    assert!(Cave::plus(0).is_err() && Cave::hybrid(0, 0.3, 0.2).is_err());
    for bad in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(Cave::hybrid(3, bad, 0.2), Err(Error::Domain { .. })), "{bad}");
        assert!(matches!(Cave::hybrid(3, 0.3, bad), Err(Error::Domain { .. })), "{bad}");
    }
    let loss = DecisionLoss::<_, Smoothed>::without_decider(Cave::exact()).unwrap();
    let at = |pred: &[f64], targets: &Targets| loss.evaluate(&rows(&[pred]), targets, &[0], Stream::default()).err();
    let box_corner = Program::linear(vec![0.0; 2]).with_rows(Csc::empty(0, 2), vec![], vec![]).with_bounds(vec![0.0; 2], vec![1.0; 2]);
    let good = with_normals(vec![box_corner.tight_normals(&[0.0, 1.0], 1e-9).unwrap()]);
    assert!(at(&[1.0, 1.0], &good).is_none());
    assert!(matches!(at(&[1.0, 1.0], &Targets::default()), Some(Error::Missing { loss: "cave", .. })));
    assert!(matches!(at(&[1.0, 1.0, 1.0], &good), Some(Error::Dimension { what: "normal", expected: 3, got: 2 })));
    assert!(matches!(at(&[f64::NAN, 1.0], &good), Some(Error::NotFinite { what: "prediction", .. })));
    assert!(matches!(at(&[1.0, 1.0], &with_normals(vec![])), Some(Error::Dimension { what: "normals", expected: 1, got: 0 })));
    let bad = with_normals(vec![rows(&[[f64::INFINITY, 0.0]])]);
    assert!(matches!(at(&[1.0, 1.0], &bad), Some(Error::NotFinite { what: "normal", row: 0, column: 0, .. })));
}
