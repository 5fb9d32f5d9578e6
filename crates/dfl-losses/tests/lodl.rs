//! Local losses: what they learn of the regrets around each truth.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use common::{Smoothed, cheapest_of_three, dot, evaluate_alone, exact_grid, grid_rows, ids, rows};
use dfl_core::testkit::check_loss;
use dfl_core::{Batch, DecisionLoss, Error, Loss, Rng, Stream, Targets, decide};
use dfl_losses::{LocalShape, Lodl, LodlOptions};

const SHAPES: [LocalShape; 3] = [LocalShape::Weighted, LocalShape::Directed, LocalShape::Quadratic { rank: 2 }];

fn options(shape: LocalShape) -> LodlOptions {
    LodlOptions { samples: 1000, sigma: 0.25, floor: 1e-3, shape, seed: 3 }
}

/// Choose the cheapest of costs (1, 1.5, 20): a wrong choice is made when the first seems too dear or the second too cheap, and the third, far
/// away, matters to none. So a weighted loss weighs the third by the floor; a directed one weighs the first above and the second below.
#[test]
fn weights_reflect_what_matters() {
    let truth = rows(&[[1.0, 1.5, 20.0]]);
    let fitted = |shape| Lodl::fit(&[7], &truth, &cheapest_of_three(), options(shape)).unwrap();
    let weighted = fitted(LocalShape::Weighted);
    let weights = weighted.parameters(7).unwrap();
    assert!(weights[2] < 0.1 * weights[0].min(weights[1]), "{weights:?}");
    let directed = fitted(LocalShape::Directed);
    let weights = directed.parameters(7).unwrap();
    let most_of_the_rest = weights[1].max(weights[2]).max(weights[3]).max(weights[5]);
    assert!(most_of_the_rest < 0.1 * weights[0].min(weights[4]), "{weights:?}");
}

/// Raising the first and lowering the second go together; a factor of rank 1 has entries of opposite signs there.
#[test]
fn a_quadratic_sees_entries_together() {
    let shape = LocalShape::Quadratic { rank: 1 };
    let fitted = Lodl::fit(&[0], &rows(&[[1.0, 1.5, 20.0]]), &cheapest_of_three(), options(shape)).unwrap();
    let l = fitted.parameters(0).unwrap();
    assert!(l[0] * l[1] < 0.0 && l[2].abs() < 0.1 * l[0].abs().min(l[1].abs()), "{l:?}");
}

/// More freedom fits the regrets of new samples better: on the grid the directed weights beat the plain ones, and those beat one weight for all.
#[test]
fn richer_shapes_fit_better() {
    let (_, targets) = grid_rows(6, 50);
    let truth = targets.truth.unwrap();
    let labels = targets.solution.unwrap();
    let mut rng = Rng::seeded(12);
    let mut squared = [0.0; 3];
    let fits = [LocalShape::Weighted, LocalShape::Directed].map(|shape| {
        let options = LodlOptions { samples: 2000, sigma: 1.0, ..options(shape) };
        DecisionLoss::<_, Smoothed>::without_decider(Lodl::fit(&ids(6), &truth, &exact_grid(), options).unwrap()).unwrap()
    });
    for _ in 0..500 {
        let errors: Vec<f64> = truth.as_slice().iter().map(|_| rng.normal()).collect();
        let at = Batch::from_vec(6, truth.cols(), truth.as_slice().iter().zip(&errors).map(|(y, d)| y + d).collect()).unwrap();
        let decided = decide(&exact_grid(), &at, &ids(6)).unwrap().0;
        let targets = Targets { truth: Some(truth.clone()), ..Targets::default() };
        let fitted = [0, 1].map(|k| fits[k].evaluate(&at, &targets, &ids(6), Stream::default()).unwrap().values);
        for i in 0..6 {
            let regret = dot(truth.row(i), decided.row(i)) - dot(truth.row(i), labels.row(i));
            // The mean of all weights on all entries.
            let weights = fits[0].loss().parameters(i as u64).unwrap();
            let mean = weights.iter().sum::<f64>() / weights.len() as f64;
            let d = &errors[i * truth.cols()..(i + 1) * truth.cols()];
            for (k, value) in [mean * dot(d, d), fitted[0][i], fitted[1][i]].into_iter().enumerate() {
                squared[k] += (value - regret).powi(2);
            }
        }
    }
    assert!(squared[2] < squared[1] && squared[1] < squared[0], "{squared:?}");
}

/// Zero at the truth, and the formulas in the parameters at another point.
#[test]
fn values_by_hand() {
    let (truth, pred) = ([1.0, 1.5, 20.0], [2.0, 1.0, 23.0]);
    let d = [1.0, -0.5, 3.0];
    for shape in SHAPES {
        let loss = Lodl::fit(&[0], &rows(&[truth]), &cheapest_of_three(), options(shape)).unwrap();
        let a = loss.parameters(0).unwrap().to_vec();
        let expected = match shape {
            LocalShape::Weighted => a[0] + 0.25 * a[1] + 9.0 * a[2],
            LocalShape::Directed => a[0] + 0.25 * a[4] + 9.0 * a[2],
            LocalShape::Quadratic { .. } => 1e-3 * 10.25 + dot(&a[..3], &d).powi(2) + dot(&a[3..], &d).powi(2),
        };
        assert_eq!(evaluate_alone(loss.clone(), &truth, &truth, &[]), (0.0, vec![0.0; 3]));
        let value = evaluate_alone(loss, &pred, &truth, &[]).0;
        assert!((value - expected).abs() < 1e-12, "{shape:?}: {value} instead of {expected}");
    }
}

/// Quadratic, so differences at h = 1e-4 are exact but for rounding; the kink of the directed shape is once differentiable.
#[test]
fn gradients_match_central_differences() {
    let (preds, mut targets) = grid_rows(4, 51);
    targets.solution = None;
    for shape in SHAPES {
        let loss = Lodl::fit(&ids(4), targets.truth.as_ref().unwrap(), &exact_grid(), options(shape)).unwrap();
        let error = check_loss(&DecisionLoss::<_, Smoothed>::without_decider(loss).unwrap(), &preds, &targets, 1e-4);
        assert!(error < 1e-8, "{shape:?}: {error}");
    }
}

/// The fit of a row is a function of the seed and its id, not of the rows beside it.
#[test]
fn fits_are_reproducible_row_by_row() {
    let (_, targets) = grid_rows(3, 52);
    let truth = targets.truth.unwrap();
    let all = Lodl::fit(&[4, 5, 6], &truth, &exact_grid(), options(LocalShape::Directed)).unwrap();
    let alone = Lodl::fit(&[6], &truth.select(&[2]), &exact_grid(), options(LocalShape::Directed)).unwrap();
    assert_eq!(all.parameters(6), alone.parameters(6));
    assert_ne!(all.parameters(4), all.parameters(5));
    assert_eq!((all.parameters(7), all.name()), (None, "lodl"));
}

#[test]
fn what_cannot_be_fitted_or_trained_is_refused() {
    let truth = rows(&[[1.0, 2.0, 3.0]]);
    let good = options(LocalShape::Directed);
    let fit = |ids: &[u64], truth: &Batch, options| Lodl::fit(ids, truth, &cheapest_of_three(), options);
    for bad in [
        LodlOptions { samples: 0, ..good },
        LodlOptions { sigma: 0.0, ..good },
        LodlOptions { sigma: f64::NAN, ..good },
        LodlOptions { floor: -1.0, ..good },
        LodlOptions { shape: LocalShape::Quadratic { rank: 0 }, ..good },
    ] {
        assert!(matches!(fit(&[0], &truth, bad), Err(Error::Domain { .. })), "{bad:?}");
    }
    assert!(matches!(fit(&[0, 0], &truth.select(&[0, 0]), good), Err(Error::Domain { what: "id of two rows", .. })));
    assert!(matches!(fit(&[0, 1], &truth, good), Err(Error::Dimension { .. })));
    assert!(matches!(fit(&[0], &rows(&[[1.0, 2.0]]), good), Err(Error::Dimension { expected: 3, got: 2, .. })));
    assert!(matches!(Lodl::fit(&[0], &rows(&[[f64::NAN; 17]]), &exact_grid(), good), Err(Error::NotFinite { .. })));
    let loss = DecisionLoss::<_, Smoothed>::without_decider(fit(&[0], &truth, good).unwrap()).unwrap();
    let targets = Targets { truth: Some(truth.clone()), ..Targets::default() };
    let unknown = loss.evaluate(&truth, &targets, &[1], Stream::default());
    assert!(matches!(unknown, Err(Error::Missing { loss: "lodl", .. })), "{unknown:?}");
    assert!(matches!(loss.evaluate(&truth, &Targets::default(), &[0], Stream::default()), Err(Error::Missing { .. })));
}
