//! Eight rows at a time: the bits of each by itself.

use std::sync::Arc;

use dfl_core::{Batch, Call, Counters, Decider, Decisions, Key, Rng, Stream};
use dfl_solvers::{Batched, DysDerivative, DysLayer, DysOptions, DysProjection};

use crate::{Case, cases};

const ROWS: usize = 37;

fn keys() -> Vec<Key> {
    (0..ROWS as u64).map(|id| Key { id, slot: 0 }).collect()
}

fn forward<'d>(decider: &'d dyn Decider, thetas: &Batch, keys: &[Key]) -> Decisions<'d> {
    decider.forward(thetas, &Call { keys, stream: Stream::default(), backward: true }).unwrap()
}

fn thetas(case: &Case, rng: &mut Rng) -> Batch {
    let rows: Vec<Vec<f64>> = (0..ROWS).map(|_| case.theta.iter().map(|t| t * (0.3 + rng.uniform())).collect()).collect();
    Batch::from_rows(&rows).unwrap()
}

fn variants() -> Vec<DysOptions> {
    let to_tolerance = DysOptions { mu: 0.4, tolerance: 1e-6, ..Default::default() };
    vec![
        DysOptions { projection: DysProjection::Dense, ..to_tolerance.clone() },
        DysOptions { memory: 0, derivative: DysDerivative::JacobianFree, ..to_tolerance.clone() },
        DysOptions { derivative: DysDerivative::Unrolled, ..to_tolerance.clone() },
        to_tolerance,
        DysOptions::fixed(0.4, 0.9, 25, DysDerivative::Unrolled),
    ]
}

/// Decisions, values, numbers of steps and gradients, with and without starts, on 1, 2 and 3 threads.
#[test]
fn lanes_do_not_meet() {
    let mut rng = Rng::seeded(11);
    for case in cases(&mut rng) {
        let thetas = thetas(&case, &mut rng);
        for options in variants() {
            let (layer, rows) = (DysLayer::new(case.solver(options.clone())), Batched::new(case.solver(options)));
            let (layer, rows) = (layer.warm_start(true), rows.warm_start(true));
            let cotangent = Batch::from_vec(ROWS, layer.dims().x, crate::draw(ROWS * layer.dims().x, &mut rng)).unwrap();
            for threads in [1, 2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let (a, b) = pool.install(|| (forward(&layer, &thetas, &keys()), forward(&rows, &thetas, &keys())));
                assert_eq!((&a.x, &a.objective, &a.info), (&b.x, &b.objective, &b.info), "{}", case.name);
                assert_eq!(a.back.unwrap().pull(&cotangent).unwrap(), b.back.unwrap().pull(&cotangent).unwrap(), "{}", case.name);
            }
        }
    }
}

/// Only the program's variables are shown, and what is done is counted.
#[test]
fn slacks_are_hidden_and_steps_counted() {
    let mut rng = Rng::seeded(12);
    let case = cases(&mut rng).swap_remove(2);
    let counters = Arc::new(Counters::default());
    let layer = DysLayer::new(case.solver(variants().swap_remove(3))).visible(10).unwrap().counted(Arc::clone(&counters));
    assert_eq!(layer.dims().x, 10);
    let thetas = thetas(&case, &mut rng);
    let decisions = forward(&layer, &thetas, &keys());
    let steps: usize = decisions.info.iter().map(|info| info.iterations).sum();
    assert_eq!(decisions.back.unwrap().pull(&thetas).unwrap().cols(), 10);
    let counts = counters.snapshot();
    assert_eq!((counts.solves, counts.iterations, counts.pullbacks), (ROWS as u64, steps as u64, ROWS as u64));
    assert!(DysLayer::new(case.solver(DysOptions::default())).visible(13).is_err());
}

/// A cost whose steps overflow ends its own row, whatever row was in its lane before.
#[test]
fn a_row_that_overflows_is_alone() {
    let mut rng = Rng::seeded(14);
    for case in cases(&mut rng) {
        let mut thetas = thetas(&case, &mut rng);
        for i in (8..ROWS).step_by(5) {
            let scale = [1e150, 1e200, 1e306][i % 3];
            thetas.row_mut(i).iter_mut().for_each(|t| *t *= scale);
        }
        for options in variants() {
            let (layer, rows) = (DysLayer::new(case.solver(options.clone())), Batched::new(case.solver(options)));
            let (a, b) = (forward(&layer, &thetas, &keys()), forward(&rows, &thetas, &keys()));
            assert_eq!(format!("{:?}", (&a.x, &a.objective, &a.info)), format!("{:?}", (&b.x, &b.objective, &b.info)), "{}", case.name);
        }
    }
}
