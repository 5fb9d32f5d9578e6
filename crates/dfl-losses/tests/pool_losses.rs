//! Losses over a pool of decisions (NCE, CMAP, learning to rank): by hand, against central differences, and a pool that grows.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use std::sync::Arc;

use common::{Smoothed, dot, evaluate_alone, exact_grid, grid_rows, ids, near, rows, targets};
use dfl_core::testkit::check_loss;
use dfl_core::{Batch, DecisionLoss, Error, Loss, Pool, Stream, decide};
use dfl_losses::{Candidates, Cmap, LtrListwise, LtrPairwise, LtrPointwise, PoolNce};
use dfl_solvers::Cached;

const PRED: [f64; 3] = [3.0, 2.0, 1.0];
const TRUTH: [f64; 3] = [1.0, 2.0, 3.0];
const BEST: [f64; 3] = [1.0, 0.0, 0.0];

/// The three unit vectors: costs are the entries.
fn units() -> Arc<Pool> {
    Arc::new(Pool::new(&rows(&[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])).unwrap())
}

#[track_caller]
fn is(loss: impl Loss, value: f64, gradient: [f64; 3]) {
    let (got, at) = evaluate_alone(loss, &PRED, &TRUTH, &BEST);
    near(&[got], &[value], 1e-14);
    near(&at, &gradient, 1e-14);
}

/// Costs 3, 2, 1 seem, 1, 2, 3 are, and e1 is best: 3 - mean 2 = 1. At the errors (2, 0, -2): 2 - 0 = 2. The gradient is e1 less the mean.
#[test]
fn nce_by_hand() {
    is(PoolNce::new(units()), 1.0, [2.0 / 3.0, -1.0 / 3.0, -1.0 / 3.0]);
    is(PoolNce::self_contrastive(units()), 2.0, [2.0 / 3.0, -1.0 / 3.0, -1.0 / 3.0]);
}

/// The best looking is e3, in either cost: 3 - 1 = 2 and 2 + 2 = 4.
#[test]
fn cmap_by_hand() {
    is(Cmap::new(units()), 2.0, [1.0, 0.0, -1.0]);
    is(Cmap::self_contrastive(units()), 4.0, [1.0, 0.0, -1.0]);
}

/// Errors 2, 0, -2: (4 + 0 + 4) / 3, gradient 2/3 of each.
#[test]
fn pointwise_by_hand() {
    is(LtrPointwise::new(units()), 8.0 / 3.0, [4.0 / 3.0, 0.0, -4.0 / 3.0]);
}

/// Against e1, which seems to cost 3: e2 is 1 too cheap, e3 2 too cheap, each half. A margin of 1 adds 1 to both. True gaps are -1 and -2, so the
/// differences are off by 2 and 4: (4 + 16) / 2, gradient 2/2 (2 (e1 - e2) + 4 (e1 - e3)).
#[test]
fn pairwise_by_hand() {
    is(LtrPairwise::hinge(units(), 0.0).unwrap(), 1.5, [1.0, -0.5, -0.5]);
    is(LtrPairwise::hinge(units(), 1.0).unwrap(), 2.5, [1.0, -0.5, -0.5]);
    is(LtrPairwise::difference(units()), 10.0, [6.0, -2.0, -4.0]);
}

/// With tau = 2: p of e1, e2, e3 is proportional to exp(-1/2), exp(-1), exp(-3/2), q the other way round.
#[test]
fn listwise_by_hand() {
    let e = [(-0.5_f64).exp(), (-1.0_f64).exp(), (-1.5_f64).exp()];
    let sum: f64 = e.iter().sum();
    let value = -(0..3).map(|k| e[k] / sum * (e[2 - k] / sum).ln()).sum::<f64>();
    let gradient = [0, 1, 2].map(|k| (e[k] - e[2 - k]) / sum / 2.0);
    is(LtrListwise::new(units(), 2.0).unwrap(), value, gradient);
}

/// Of decisions that cannot be best the probability is 1e-8, not less; predictions of any size leave the value finite.
#[test]
fn listwise_probabilities_have_a_floor() {
    let loss = || LtrListwise::new(units(), 1.0).unwrap();
    let (value, gradient) = evaluate_alone(loss(), &[100.0, 0.0, 0.0], &[0.0, 100.0, 100.0], &BEST);
    // log q is -100 - ln 2 for e1, and -ln 2 for the others.
    near(&[value], &[100.0 + 2.0_f64.ln() * (1.0 + 2e-8)], 1e-10);
    near(&gradient, &[1.0, 1e-8 - 0.5 * (1.0 + 2e-8), 1e-8 - 0.5 * (1.0 + 2e-8)], 1e-15);
    let (huge, slope) = evaluate_alone(loss(), &[1e6, -1e6, 0.0], &TRUTH, &BEST);
    assert!(huge.is_finite() && slope.iter().all(|g| g.is_finite()), "{huge} {slope:?}");
}

fn every(of: &dyn Fn() -> Candidates) -> Vec<Box<dyn Loss>> {
    vec![
        Box::new(PoolNce::new(of())),
        Box::new(PoolNce::self_contrastive(of())),
        Box::new(Cmap::new(of())),
        Box::new(Cmap::self_contrastive(of())),
        Box::new(LtrPointwise::new(of())),
        Box::new(LtrPairwise::hinge(of(), 0.0).unwrap()),
        Box::new(LtrPairwise::hinge(of(), 0.7).unwrap()),
        Box::new(LtrPairwise::difference(of())),
        Box::new(LtrListwise::new(of(), 0.5).unwrap()),
    ]
}

/// All are smooth or piecewise linear with kinks that random points miss; cubic terms of the listwise loss at h = 1e-5 are below 1e-9.
#[test]
fn gradients_match_central_differences() {
    let (preds, targets) = grid_rows(6, 3);
    let pool = Arc::new(Pool::new(&grid_rows(12, 9).1.solution.unwrap()).unwrap());
    for loss in every(&|| pool.clone().into()) {
        let name = loss.name();
        let error = check_loss(&DecisionLoss::<_, Smoothed>::without_decider(loss).unwrap(), &preds, &targets, 1e-5);
        assert!(error < 1e-8, "{name}: {error}");
    }
}

/// With every path of the grid in the pool, CMAP is the maximum over all feasible decisions: at least 0, the NCE of an exact oracle, and in its
/// self-contrastive form at least the SCE of one, whose decision is one of those over which it maximises.
#[test]
fn cmap_on_a_full_pool_bounds_the_losses_of_an_exact_oracle() {
    let (preds, targets) = grid_rows(20, 14);
    let mut paths = decide(&exact_grid(), &preds, &ids(20)).unwrap().0.into_vec();
    paths.extend_from_slice(targets.solution.as_ref().unwrap().as_slice());
    let pool = Arc::new(Pool::new(&Batch::from_vec(40, preds.cols(), paths).unwrap()).unwrap());
    let run = |loss: DecisionLoss<Box<dyn Loss>, _>| loss.evaluate(&preds, &targets, &ids(20), Stream::default()).unwrap();
    let exact = |loss: Box<dyn Loss>| run(DecisionLoss::new(loss, exact_grid()).unwrap());
    let (cmap, own) = (exact(Box::new(Cmap::new(pool.clone()))), exact(Box::new(Cmap::self_contrastive(pool))));
    let (nce, sce) = (exact(Box::new(dfl_losses::Nce)), exact(Box::new(dfl_losses::Sce)));
    near(&cmap.values, &nce.values, 1e-12);
    assert_eq!(cmap.grads, nce.grads);
    assert!((0..20).all(|i| own.values[i] >= sce.values[i] - 1e-12), "{:?} {:?}", own.values, sce.values);
    assert_eq!(cmap.probes, 0, "a fixed pool solves nothing");
}

/// A growing pool takes in what a caching decider finds at the predictions, before the losses of the same batch are computed.
#[test]
fn a_growing_pool_is_read_after_the_batch_is_solved() {
    let (preds, targets) = grid_rows(6, 40);
    let label = targets.solution.as_ref().unwrap().select(&[0]);
    let pool = Arc::new(Pool::new(&label).unwrap());
    let cached = Cached::new(exact_grid(), Arc::clone(&pool), 1.0).unwrap();
    let loss = DecisionLoss::new(Cmap::new(Candidates::growing(Arc::clone(&pool))), cached).unwrap();
    let out = loss.evaluate(&preds, &targets, &ids(6), Stream::default()).unwrap();
    let found = decide(&exact_grid(), &preds, &ids(6)).unwrap();
    assert_eq!((out.probes, pool.snapshot().rows() > 1), (1, true));
    for i in 0..6 {
        let expected = dot(preds.row(i), targets.solution.as_ref().unwrap().row(i)) - found.1[i];
        assert!((out.values[i] - expected).abs() < 1e-12, "row {i}: {} instead of {expected}", out.values[i]);
    }
}

#[test]
fn one_decision_has_no_pairs() {
    let lone = || Arc::new(Pool::new(&rows(&[BEST])).unwrap());
    is(LtrPairwise::hinge(lone(), 1.0).unwrap(), 0.0, [0.0; 3]);
    is(LtrPairwise::difference(lone()), 0.0, [0.0; 3]);
    is(Cmap::new(lone()), 0.0, [0.0; 3]);
}

#[test]
fn what_cannot_train_is_refused() {
    assert!(matches!(Pool::new(&Batch::zeros(0, 3)), Err(Error::Domain { .. })), "an empty pool");
    for bad in [0.0, -1.0, f64::NAN] {
        assert!(matches!(LtrListwise::new(units(), bad), Err(Error::Domain { .. })), "{bad}");
    }
    assert!(matches!(LtrPairwise::hinge(units(), -0.1), Err(Error::Domain { .. })));
    let two = || targets(rows(&[[1.0, 2.0]]), rows(&[[1.0, 0.0]]));
    for loss in every(&|| units().into()) {
        let joined = DecisionLoss::<_, Smoothed>::without_decider(loss).unwrap();
        let out = joined.evaluate(&rows(&[[1.0, 2.0]]), &two(), &[0], Stream::default());
        assert!(matches!(out, Err(Error::Dimension { expected: 3, got: 2, .. })), "{}", joined.loss().name());
    }
    for loss in every(&|| Candidates::growing(units())) {
        let name = loss.name();
        assert!(matches!(DecisionLoss::<_, Smoothed>::without_decider(loss).err(), Some(Error::Missing { .. })), "{name}");
    }
    let short = DecisionLoss::<_, Smoothed>::without_decider(PoolNce::new(units())).unwrap();
    let label = dfl_core::Targets { solution: Some(rows(&[[1.0, 0.0]])), ..Default::default() };
    assert!(matches!(short.evaluate(&rows(&[PRED]), &label, &[0], Stream::default()), Err(Error::Dimension { .. })), "a short label");
}
