//! Losses of the decision at the prediction (SqDE, SCE, NCE, Fenchel-Young): by hand, against central differences, and the identities that
//! hold with an exact oracle.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use common::{Listed, Smoothed, cheapest_of_three, column, dot, evaluate, exact_grid, grid_rows, near, smoothed_grid, targets};
use dfl_core::testkit::check_loss;
use dfl_core::{DecisionLoss, Error, Loss, Stream, decide};
use dfl_losses::{FenchelYoung, Nce, PerturbationGradient, Regret, Sce, SpoPlus, Sqde};
use proptest::prelude::*;

fn smoothed<L: Loss>(loss: L) -> DecisionLoss<L, Smoothed> {
    DecisionLoss::new(loss, Smoothed { mu: 6.0 }).unwrap()
}

/// `min c x` on `{0, 1}`.
fn zero_or_one() -> Listed {
    Listed(column(&[0.0, 1.0]))
}

#[track_caller]
fn is(got: (f64, Vec<f64>), value: f64, gradient: f64) {
    near(&[got.0, got.1[0]], &[value, gradient], 1e-15);
}

/// mu = 6 at p = -3: w = 1/2 with the slope -1/6. From w* = 0: 1/4 and 2 (-1/6) (1/2).
#[test]
fn sqde_by_hand() {
    is(evaluate(&smoothed(Sqde), &[-3.0], &[4.0], &[0.0]), 0.25, -1.0 / 6.0);
}

/// y = -4, so w* = 1, and p = -5: w = 5/6, (p - y) (w* - w) = -1/6: below zero, as no exact decider can make it. Gradient
/// 1/6 + (-1/6) (y - p) = 0. At p = -3, y = 4: (-7) (-1/2), and -1/2 + (-1/6) 7.
#[test]
fn smoothed_sce_by_hand() {
    is(evaluate(&smoothed(Sce), &[-5.0], &[-4.0], &[1.0]), -1.0 / 6.0, 0.0);
    is(evaluate(&smoothed(Sce), &[-3.0], &[4.0], &[0.0]), 3.5, -0.5 - 7.0 / 6.0);
}

/// p = -3 with w* = 0: (-3) (-1/2), and -1/2 - (-1/6) (-3).
#[test]
fn smoothed_nce_by_hand() {
    is(evaluate(&smoothed(Nce), &[-3.0], &[4.0], &[0.0]), 1.5, -1.0);
}

/// Choose the cheapest of three: y = (1, 2, 3), w* = e1; at p = (3, 2, 1) the choice is e3. SCE: (2, 0, -2)'(e1 - e3) = 4; NCE: 3 - 1.
#[test]
fn exact_values_by_hand() {
    let (pred, truth, best) = ([3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [1.0, 0.0, 0.0]);
    let gradient = vec![1.0, 0.0, -1.0];
    let sce = DecisionLoss::new(Sce, cheapest_of_three()).unwrap();
    assert_eq!(evaluate(&sce, &pred, &truth, &best), (4.0, gradient.clone()));
    let nce = DecisionLoss::new(Nce, cheapest_of_three()).unwrap();
    assert_eq!(evaluate(&nce, &pred, &truth, &best), (2.0, gradient));
}

/// y = 4 on {0, 1}: SCE is 0, 6 and 4.4 at p = 2, -2 and -0.4 = 0.4 (2) + 0.6 (-2), above the chord's 3.6.
#[test]
fn sce_is_not_convex() {
    let sce = DecisionLoss::new(Sce, zero_or_one()).unwrap();
    let at = |p: f64| evaluate(&sce, &[p], &[4.0], &[0.0]).0;
    near(&[at(2.0), at(-2.0), at(-0.4)], &[0.0, 6.0, 4.4], 1e-15);
}

/// lambda = 6 at p = -3: F = -3/2 + 3/4. From w* = 0 and from w* = 1, -3 + 3 + 3/4, the same distance to either side.
#[test]
fn regularised_fenchel_young_by_hand() {
    let loss = smoothed(FenchelYoung::quadratic(6.0).unwrap());
    is(evaluate(&loss, &[-3.0], &[4.0], &[0.0]), 0.75, -0.5);
    is(evaluate(&loss, &[-3.0], &[-4.0], &[1.0]), 0.75, 0.5);
    is(evaluate(&loss, &[2.0], &[4.0], &[0.0]), 0.0, 0.0);
    assert_eq!((loss.loss().name(), FenchelYoung::perturbed().name()), ("rfy", "pfy"));
}

/// Away from the kinks of the clamp, at 0 and -6; polynomials of degree 2 at most, h = 1e-5, so 1e-8 has room.
#[test]
fn gradients_on_a_line_match_central_differences() {
    let preds = column(&[-4.7, -2.2, -0.3, 0.9, -7.0]);
    let targets = targets(column(&[0.5, 2.0, -1.0, 3.0, 4.5]), column(&[0.0, 0.0, 1.0, 0.0, 0.0]));
    let errors = [
        check_loss(&smoothed(Sqde), &preds, &targets, 1e-5),
        check_loss(&smoothed(Sce), &preds, &targets, 1e-5),
        check_loss(&smoothed(Nce), &preds, &targets, 1e-5),
        check_loss(&smoothed(FenchelYoung::quadratic(6.0).unwrap()), &preds, &targets, 1e-5),
        check_loss(&smoothed(PerturbationGradient::backward(0.1).unwrap()), &preds, &targets, 1e-5),
        check_loss(&smoothed(PerturbationGradient::central(0.1).unwrap()), &preds, &targets, 1e-5),
    ];
    assert!(errors.iter().all(|&e| e < 1e-8), "{errors:?}");
}

/// Every loss through the smoothed path on a 3x4 grid, smoothed enough that no answer is a vertex, where regret and SqDE are flat. Values are
/// piecewise polynomials whose kinks random points miss; answers are right to 1e-15 or so, so differences at h = 1e-5 to 1e-9 of the largest.
#[test]
fn gradients_on_a_grid_match_central_differences() {
    let (preds, targets) = grid_rows(8, 21);
    for mu in [5.0, 20.0] {
        let decider = || smoothed_grid(mu);
        let errors = [
            check_loss(&DecisionLoss::new(Regret, decider()).unwrap(), &preds, &targets, 1e-5),
            check_loss(&DecisionLoss::new(SpoPlus, decider()).unwrap(), &preds, &targets, 1e-5),
            check_loss(&DecisionLoss::new(Sqde, decider()).unwrap(), &preds, &targets, 1e-5),
            check_loss(&DecisionLoss::new(Sce, decider()).unwrap(), &preds, &targets, 1e-5),
            check_loss(&DecisionLoss::new(Nce, decider()).unwrap(), &preds, &targets, 1e-5),
            check_loss(&DecisionLoss::new(FenchelYoung::quadratic(mu).unwrap(), decider()).unwrap(), &preds, &targets, 1e-5),
            check_loss(&DecisionLoss::new(PerturbationGradient::backward(0.3).unwrap(), decider()).unwrap(), &preds, &targets, 1e-5),
            check_loss(&DecisionLoss::new(PerturbationGradient::central(0.3).unwrap(), decider()).unwrap(), &preds, &targets, 1e-5),
        ];
        assert!(errors.iter().all(|&e| e < 1e-7), "mu {mu}: {errors:?}");
    }
}

/// At the cost whose smoothed decision is the label there is nothing to learn: value and gradient of the Fenchel-Young loss are 0.
#[test]
fn fenchel_young_vanishes_at_its_optimum() {
    let (preds, mut targets) = grid_rows(8, 4);
    targets.solution = Some(decide(&smoothed_grid(2.0), &preds, &common::ids(8)).unwrap().0);
    let loss = DecisionLoss::new(FenchelYoung::quadratic(2.0).unwrap(), smoothed_grid(2.0)).unwrap();
    let out = loss.evaluate(&preds, &targets, &common::ids(8), Stream::default()).unwrap();
    assert!(out.values.iter().chain(out.grads.as_slice()).all(|v| v.abs() < 1e-12), "{:?} {:?}", out.values, out.grads);
}

/// SqDE of a black box has no gradient; the other losses say which supervision they lack.
#[test]
fn what_cannot_train_is_refused() {
    assert!(matches!(DecisionLoss::new(Sqde, zero_or_one()).err(), Some(Error::Missing { loss: "sqde", .. })));
    assert!(matches!(DecisionLoss::<_, Smoothed>::without_decider(Sce).err(), Some(Error::Missing { loss: "sce", .. })));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(FenchelYoung::quadratic(bad), Err(Error::Domain { .. })), "{bad}");
    }
    let only_truth = dfl_core::Targets { truth: Some(column(&[1.0])), ..Default::default() };
    let refused = |loss: DecisionLoss<Box<dyn Loss>, Smoothed>| {
        let out = loss.evaluate(&column(&[1.0]), &only_truth, &[0], Stream::default());
        assert!(matches!(out, Err(Error::Missing { .. })), "{}", loss.loss().name());
    };
    let losses: [Box<dyn Loss>; 4] = [Box::new(Sqde), Box::new(Sce), Box::new(Nce), Box::new(FenchelYoung::perturbed())];
    losses.into_iter().for_each(|loss| refused(DecisionLoss::new(loss, Smoothed { mu: 1.0 }).unwrap()));
}

/// Supervision by observed decisions alone is enough for SqDE, NCE and Fenchel-Young.
#[test]
fn observed_decisions_are_enough() {
    let observed = dfl_core::Targets { solution: Some(column(&[0.0])), ..Default::default() };
    let losses: [Box<dyn Loss>; 3] = [Box::new(Sqde), Box::new(Nce), Box::new(FenchelYoung::quadratic(6.0).unwrap())];
    for loss in losses {
        let out = smoothed(loss).evaluate(&column(&[-3.0]), &observed, &[0], Stream::default()).unwrap();
        assert!(out.values[0] > 0.0 && out.grads.row(0)[0] < 0.0, "a cost that is too low should rise");
    }
}

proptest! {
    /// With exact oracles SCE and NCE are at least 0, SCE is 0 exactly where the regret is, and NCE is least at a prediction of 0.
    #[test]
    fn identities_with_an_exact_oracle(seed in 0_u64..10_000) {
        let (mut preds, targets) = grid_rows(4, seed);
        // Half of the rows get a prediction whose decision is the optimal one: a multiple of the truth.
        let truth = targets.truth.as_ref().unwrap();
        for i in 0..2 {
            preds.row_mut(i).iter_mut().zip(truth.row(i)).for_each(|(p, y)| *p = 3.0 * y);
        }
        let ids = common::ids(4);
        let decided = decide(&exact_grid(), &preds, &ids).unwrap().0;
        let best = targets.solution.as_ref().unwrap();
        let sce = DecisionLoss::new(Sce, exact_grid()).unwrap().evaluate(&preds, &targets, &ids, Stream::default()).unwrap();
        let nce = DecisionLoss::new(Nce, exact_grid()).unwrap();
        let at = nce.evaluate(&preds, &targets, &ids, Stream::default()).unwrap();
        let zero = nce.evaluate(&dfl_core::Batch::zeros(4, preds.cols()), &targets, &ids, Stream::default()).unwrap();
        for i in 0..4 {
            let regret = dot(truth.row(i), decided.row(i)) - dot(truth.row(i), best.row(i));
            prop_assert!(sce.values[i] >= regret - 1e-12, "SCE is the regret and one more that is not negative");
            prop_assert_eq!(sce.values[i] < 1e-12, regret < 1e-12);
            prop_assert!(at.values[i] >= -1e-12 && zero.values[i] == 0.0);
        }
        prop_assert!(sce.values[0] < 1e-12 && sce.values[1] < 1e-12, "the optimal decision costs nothing");
    }
}
