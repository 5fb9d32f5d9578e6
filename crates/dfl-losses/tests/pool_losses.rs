//! Losses over a pool of decisions (NCE, CMAP, learning to rank): by hand, against central differences, and a pool that grows.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use std::sync::Arc;

use common::{Smoothed, dot, evaluate_alone, exact_grid, grid_rows, ids, near, rows, targets};
use dfl_core::testkit::check_loss;
use dfl_core::{Batch, DecisionLoss, Error, Loss, Pool, Stream, decide};
use dfl_losses::{Candidates, Cmap, DiscreteEnergy, DiscreteEnergyOptions, LtrListwise, LtrPairwise, LtrPointwise, PoolNce};
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

fn energy(of: impl Into<Candidates>, temperature: f64, mle: f64, kl: f64) -> DiscreteEnergy {
    DiscreteEnergy::new(of, DiscreteEnergyOptions { temperature, mle, kl }).unwrap()
}

/// Value and gradient of the energy model at each row.
fn energies(of: &Arc<Pool>, [temperature, mle, kl]: [f64; 3], preds: &Batch, targets: &dfl_core::Targets) -> (Vec<f64>, Batch) {
    let loss = DecisionLoss::<_, Smoothed>::without_decider(energy(Arc::clone(of), temperature, mle, kl)).unwrap();
    let out = loss.evaluate(preds, targets, &ids(preds.rows()), Stream::default()).unwrap();
    (out.values, out.grads)
}

/// With tau = 2: q of e1, e2, e3 is proportional to exp(-3/2), exp(-1), exp(-1/2), p the other way round.
#[test]
fn discrete_energy_by_hand() {
    let e = [(-0.5_f64).exp(), (-1.0_f64).exp(), (-1.5_f64).exp()];
    let sum: f64 = e.iter().sum();
    let divergence: f64 = (0..3).map(|k| e[k] / sum * (e[k] / e[2 - k]).ln()).sum();
    let gradient = [0, 1, 2].map(|k| (3.0 * BEST[k] + 0.25 * e[k] / sum - 3.25 * e[2 - k] / sum) / 2.0);
    is(energy(units(), 2.0, 3.0, 0.25), 3.0 * (1.5 + sum.ln()) + 0.25 * divergence, gradient);
}

/// The optimal decision is a candidate even if the pool lacks it: as with a pool that has it, and the pool stays as it was.
#[test]
fn the_optimum_is_a_candidate_that_the_pool_may_lack() {
    let lacking = Arc::new(Pool::new(&rows(&[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])).unwrap());
    let (value, gradient) = evaluate_alone(energy(Arc::clone(&lacking), 2.0, 3.0, 0.25), &PRED, &TRUTH, &BEST);
    is(energy(units(), 2.0, 3.0, 0.25), value, [gradient[0], gradient[1], gradient[2]]);
    assert_eq!(lacking.snapshot().rows(), 2);
}

/// Against the definition with probabilities as plain quotients, which moderate costs allow: $-\log q_{w^\star}$ and $\sum p \log(p/q)$.
#[test]
fn discrete_energy_is_its_definition() {
    let (preds, targets) = grid_rows(5, 21);
    let pool = Arc::new(Pool::new(&grid_rows(10, 22).1.solution.unwrap()).unwrap());
    let (truth, best) = (targets.truth.as_ref().unwrap(), targets.solution.as_ref().unwrap());
    let (values, _) = energies(&pool, [0.8, 1.5, 0.4], &preds, &targets);
    for (i, value) in values.iter().enumerate() {
        let mut all: Vec<Vec<f64>> = pool.snapshot().iter().map(<[f64]>::to_vec).collect();
        all.retain(|w| w != best.row(i));
        all.push(best.row(i).to_vec());
        let mass = |c: &[f64], w: &[f64]| (-dot(c, w) / 0.8).exp();
        let share = |c: &[f64], w: &[f64]| mass(c, w) / all.iter().map(|v| mass(c, v)).sum::<f64>();
        let divergence: f64 = all.iter().map(|w| share(truth.row(i), w) * (share(truth.row(i), w) / share(preds.row(i), w)).ln()).sum();
        near(&[*value], &[-1.5 * share(preds.row(i), best.row(i)).ln() + 0.4 * divergence], 1e-12);
    }
}

/// Without the likelihood, listwise ranking: equal gradients, values that differ by the entropy of p, which does not depend on the prediction.
#[test]
fn the_divergence_alone_is_listwise_ranking() {
    let (preds, targets) = grid_rows(4, 31);
    let pool = Arc::new(Pool::new(&grid_rows(12, 9).1.solution.unwrap()).unwrap());
    pool.extend(targets.solution.as_ref().unwrap()).unwrap();
    let listwise = DecisionLoss::<_, Smoothed>::without_decider(LtrListwise::new(Arc::clone(&pool), 1.0).unwrap()).unwrap();
    let of_truth = energies(&pool, [1.0, 0.0, 1.0], targets.truth.as_ref().unwrap(), &targets);
    assert!(
        of_truth.0.iter().all(|d| d.abs() < 1e-14) && of_truth.1.as_slice().iter().all(|g| g.abs() < 1e-14),
        "no divergence from itself"
    );
    let ranked = |preds: &Batch| listwise.evaluate(preds, &targets, &ids(4), Stream::default()).unwrap();
    let (ours, theirs, entropy) =
        (energies(&pool, [1.0, 0.0, 1.0], &preds, &targets), ranked(&preds), ranked(targets.truth.as_ref().unwrap()));
    // Twelve costs of standard deviation 5 leave no probability below the floor of 1e-8 that listwise ranking has.
    near(ours.1.as_slice(), theirs.grads.as_slice(), 1e-12);
    let shifted: Vec<f64> = theirs.values.iter().zip(&entropy.values).map(|(v, h)| v - h).collect();
    near(&ours.0, &shifted, 1e-12);
}

/// tau times the likelihood is CMAP as tau goes to 0, off by at most tau log k, and as it grows NCE, less tau log k, off by the variance of the
/// costs over 2 tau.
#[test]
fn the_likelihood_lies_between_cmap_and_nce() {
    let (preds, targets) = grid_rows(4, 51);
    let pool = Arc::new(Pool::new(&grid_rows(12, 9).1.solution.unwrap()).unwrap());
    pool.extend(targets.solution.as_ref().unwrap()).unwrap();
    let alone = |loss: Box<dyn Loss>| {
        let joined = DecisionLoss::<_, Smoothed>::without_decider(loss).unwrap();
        joined.evaluate(&preds, &targets, &ids(4), Stream::default()).unwrap().values
    };
    let (nce, cmap, log_k) = (
        alone(Box::new(PoolNce::new(Arc::clone(&pool)))),
        alone(Box::new(Cmap::new(Arc::clone(&pool)))),
        (pool.snapshot().rows() as f64).ln(),
    );
    let likelihood = |tau: f64| -> Vec<f64> { energies(&pool, [tau, 1.0, 0.0], &preds, &targets).0.iter().map(|v| tau * v).collect() };
    let cold = likelihood(1e-3);
    assert!(cold.iter().zip(&cmap).all(|(c, m)| *c >= *m - 1e-12 && *c <= m + 1e-3 * log_k + 1e-12), "{cold:?} {cmap:?}");
    let warm = |tau: f64| -> Vec<f64> { likelihood(tau).iter().zip(&nce).map(|(v, n)| v - tau * log_k - n).collect() };
    let (near_limit, farther) = (warm(1e4), warm(1e3));
    for (near_limit, farther) in near_limit.iter().zip(&farther) {
        assert!(*near_limit > 0.0 && *near_limit < 1e-2, "{near_limit}");
        assert!((farther / near_limit - 10.0).abs() < 0.1, "the difference falls like 1 / tau: {farther} {near_limit}");
    }
}

/// Values stay finite at costs whose exponentials do not, and the loss is convex along segments.
#[test]
fn discrete_energy_is_finite_and_convex() {
    let (huge, slope) = evaluate_alone(energy(units(), 1.0, 1.0, 1.0), &[1e6, -1e6, 0.0], &[-1e6, 0.0, 1e6], &BEST);
    // q is e2 and p is e1: 2e6 for each term.
    near(&[huge], &[4e6], 1e-6);
    near(&slope, &[2.0, -2.0, 0.0], 1e-12);
    let (a, targets) = grid_rows(20, 61);
    let b = grid_rows(20, 62).0;
    let middle: Vec<f64> = a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| 0.5 * (a + b)).collect();
    let middle = Batch::from_vec(20, a.cols(), middle).unwrap();
    let pool = Arc::new(Pool::new(targets.solution.as_ref().unwrap()).unwrap());
    let value = |at: &Batch| energies(&pool, [0.7, 1.0, 0.5], at, &targets).0;
    let (ends, between) = ((value(&a), value(&b)), value(&middle));
    assert!((0..20).all(|i| between[i] < 0.5 * (ends.0[i] + ends.1[i]) && between[i] >= 0.0), "{ends:?} {between:?}");
}

/// The likelihood learns from observed decisions; the divergence needs the truth.
#[test]
fn the_likelihood_alone_needs_no_truth() {
    let (preds, mut targets) = grid_rows(3, 71);
    let pool = Arc::new(Pool::new(targets.solution.as_ref().unwrap()).unwrap());
    let with = energies(&pool, [1.0, 1.0, 0.0], &preds, &targets);
    targets.truth = None;
    assert_eq!(energies(&pool, [1.0, 1.0, 0.0], &preds, &targets), with);
    let both = DecisionLoss::<_, Smoothed>::without_decider(energy(pool, 1.0, 1.0, 0.01)).unwrap();
    assert!(matches!(both.evaluate(&preds, &targets, &ids(3), Stream::default()), Err(Error::Missing { loss: "so_ebm", .. })));
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
        Box::new(energy(of(), 0.5, 1.0, 0.3)),
        Box::new(energy(of(), 2.0, 1.0, 0.0)),
        Box::new(energy(of(), 0.5, 0.0, 1.0)),
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
    for (temperature, mle, kl) in [(0.0, 1.0, 1.0), (f64::NAN, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, f64::INFINITY), (1.0, 0.0, 0.0)] {
        let refused = DiscreteEnergy::new(units(), DiscreteEnergyOptions { temperature, mle, kl });
        assert!(matches!(refused, Err(Error::Domain { .. })), "{temperature} {mle} {kl}");
    }
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
