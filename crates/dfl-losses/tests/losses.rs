//! Values and gradients of the squared error, regret, task cost and SPO+: by hand, against central differences, and the identities that hold with exact oracles.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use common::{Smoothed, column, evaluate, targets};
use dfl_core::testkit::check_loss;
use dfl_core::{Batch, CostGrad, DecisionLoss, Error, NoGradient, Rng};
use dfl_losses::{Mse, Regret, SpoPlus, TaskCost};
use dfl_solvers::{Batched, Grid, ShortestPath};
use proptest::prelude::*;

fn two_by_two() -> DecisionLoss<SpoPlus, Batched<NoGradient<ShortestPath>>> {
    DecisionLoss::new(SpoPlus, Batched::new(NoGradient(ShortestPath::new(Grid::new(2, 2).unwrap())))).unwrap()
}

/// 2x2 grid, true cost (1, 2, 5, 3): the way down-right costs 5. At the prediction (1, 2, 1, 3), 2p - y = (1, 2, -3, 3) leads
/// right-down at -2 while w* costs 5: value 7, gradient 2 (w* - w) = (-2, 2, -2, 2).
#[test]
fn spo_plus_by_hand() {
    let out = evaluate(&two_by_two(), &[1.0, 2.0, 1.0, 3.0], &[1.0, 2.0, 5.0, 3.0], &[0.0, 1.0, 0.0, 1.0]);
    assert_eq!(out, (7.0, vec![-2.0, 2.0, -2.0, 2.0]));
}

/// y = 4, mu = 6: smoothed regret is 4 clip(-p/6, 0, 1), so at p = -3 value 2 and slope -2/3; flat beyond -6.
#[test]
fn smoothed_regret_by_hand() {
    let loss = DecisionLoss::new(Regret, Smoothed { mu: 6.0 }).unwrap();
    let (value, gradient) = evaluate(&loss, &[-3.0], &[4.0], &[0.0]);
    assert!((value - 2.0).abs() < 1e-15 && (gradient[0] + 2.0 / 3.0).abs() < 1e-15, "{value} {gradient:?}");
    assert_eq!(evaluate(&loss, &[-7.0], &[4.0], &[0.0]), (4.0, vec![0.0]));
}

/// Smoothed SPO+ of the same problem at p = 1: 2p - y = -2, w = 1/3, value (-2)(0 - 1/3) = 2/3; its gradient is
/// 2 (0 - 1/3) + 2 (-1/6)(4 - 2) = -4/3.
#[test]
fn smoothed_spo_plus_by_hand() {
    let loss = DecisionLoss::new(SpoPlus, Smoothed { mu: 6.0 }).unwrap();
    let (value, gradient) = evaluate(&loss, &[1.0], &[4.0], &[0.0]);
    assert!((value - 2.0 / 3.0).abs() < 1e-15 && (gradient[0] + 4.0 / 3.0).abs() < 1e-15, "{value} {gradient:?}");
}

/// f(y, z) = (z - y)^4 / 4.
struct Quartic;
impl dfl_core::Cost for Quartic {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        (z[0] - y[0]).powi(4) / 4.0
    }
}
impl CostGrad for Quartic {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        out[0] = (z[0] - y[0]).powi(3);
    }
}

/// Away from the kinks of the clamp (at 0, -6, and for SPO+ at 2p - y there) every gradient equals central differences; the
/// functions are polynomials of degree at most 4 with h = 1e-5, so 1e-8 has room.
#[test]
fn gradients_match_central_differences() {
    let preds = column(&[-4.7, -2.2, -0.3, 0.9, 1.6]);
    let targets = targets(column(&[0.5, 2.0, -1.0, 3.0, 4.5]), column(&[0.0, 0.0, 1.0, 0.0, 0.0]));
    let smoothed = || Smoothed { mu: 6.0 };
    let errors = [
        check_loss(&DecisionLoss::new(Regret, smoothed()).unwrap(), &preds, &targets, 1e-5),
        check_loss(&DecisionLoss::new(SpoPlus, smoothed()).unwrap(), &preds, &targets, 1e-5),
        check_loss(&DecisionLoss::new(TaskCost::new(Quartic), smoothed()).unwrap(), &preds, &targets, 1e-5),
        check_loss(&DecisionLoss::<_, Smoothed>::without_decider(Mse).unwrap(), &preds, &targets, 1e-5),
    ];
    assert!(errors.iter().all(|&e| e < 1e-8), "{errors:?}");
}

/// SPO+ with the exact oracle is piecewise linear: away from its kinks, which a random point misses, differences are exact.
#[test]
fn spo_plus_with_the_exact_oracle_matches_central_differences() {
    let (grid, mut rng) = (Grid::new(3, 4).unwrap(), Rng::seeded(11));
    let oracle = || Batched::new(NoGradient(ShortestPath::new(grid)));
    let draw = |rng: &mut Rng| Batch::from_vec(6, grid.arcs(), (0..6 * grid.arcs()).map(|_| rng.normal()).collect()).unwrap();
    let (preds, truth) = (draw(&mut rng), draw(&mut rng));
    let solution = dfl_core::decide(&oracle(), &truth, &[0, 1, 2, 3, 4, 5]).unwrap().0;
    let targets = targets(truth, solution);
    let error = check_loss(&DecisionLoss::new(SpoPlus, oracle()).unwrap(), &preds, &targets, 1e-6);
    assert!(error < 1e-8, "{error}");
}

#[test]
fn regret_on_a_black_box_is_refused() {
    let oracle = Batched::new(NoGradient(ShortestPath::new(Grid::new(2, 2).unwrap())));
    assert!(matches!(DecisionLoss::new(Regret, oracle).err(), Some(Error::Missing { loss: "regret", .. })));
}

#[test]
fn a_loss_that_solves_needs_a_decider() {
    assert!(DecisionLoss::<_, Smoothed>::without_decider(SpoPlus).is_err());
}

proptest! {
    /// SPO+ bounds the regret from above with an exact oracle and is convex along segments.
    #[test]
    fn spo_plus_bounds_the_regret_and_is_convex(seed in 0_u64..10_000, t in 0.0_f64..1.0) {
        let (grid, mut rng) = (Grid::new(2, 2).unwrap(), Rng::seeded(seed));
        let mut draw = || -> Vec<f64> { (0..grid.arcs()).map(|_| rng.normal()).collect() };
        let (a, b, truth) = (draw(), draw(), draw());
        let best = |c: &[f64]| -> Vec<f64> { if c[0] + c[2] <= c[1] + c[3] { vec![1.0, 0.0, 1.0, 0.0] } else { vec![0.0, 1.0, 0.0, 1.0] } };
        let (w, loss) = (best(&truth), two_by_two());
        let value = |p: &[f64]| evaluate(&loss, p, &truth, &w).0;
        let regret = |p: &[f64]| -> f64 { best(p).iter().zip(&w).zip(&truth).map(|((x, w), y)| y * (x - w)).sum() };
        prop_assert!(value(&a) >= regret(&a) - 1e-12);
        let between: Vec<f64> = a.iter().zip(&b).map(|(a, b)| t * a + (1.0 - t) * b).collect();
        prop_assert!(value(&between) <= t * value(&a) + (1.0 - t) * value(&b) + 1e-12);
    }
}
