//! The solution cache: coins, a pool of bounded size, and wrappers around it.

use std::sync::Arc;

use dfl_core::{Batch, Call, Counters, Counts, Decider, Pool, Stream};
use dfl_solvers::{Cached, Coin, Interpolated};

use super::{call, keys, normal, paths};

fn labels(rows: usize) -> Batch {
    let keys = keys(rows);
    paths(4, 4).forward(&normal(rows, 24, 1), &call(&keys)).unwrap().x
}

fn step(keys: &[dfl_core::Key], step: u64) -> Call<'_> {
    Call { stream: Stream { seed: 4, step }, ..call(keys) }
}

/// Of 2000 batches a share of 0.3 is solved, within four standard errors of 0.0102, and each of them as a whole.
#[test]
fn a_coin_for_each_batch() {
    let (counters, keys, thetas) = (Arc::new(Counters::default()), keys(7), normal(7, 24, 2));
    let pool = Arc::new(Pool::new(&labels(3)).unwrap());
    let oracle = paths(4, 4).counted(Arc::clone(&counters));
    let cached = Cached::new(oracle, pool, 0.3).unwrap().coin(Coin::Batch).counted(Arc::clone(&counters));
    let mut solved = 0;
    for k in 0..2000 {
        let before = counters.snapshot();
        cached.forward(&thetas, &step(&keys, k)).unwrap();
        let Counts { solves, cache_hits, .. } = counters.snapshot().since(before);
        assert!((solves, cache_hits) == (7, 0) || (solves, cache_hits) == (0, 7), "{solves} solves, {cache_hits} hits");
        solved += u64::from(solves == 7);
        // Another call of the same step tosses the same.
        let again = counters.snapshot();
        cached.forward(&thetas.select(&[0]), &step(&keys[..1], k)).unwrap();
        assert_eq!(counters.snapshot().since(again).solves > 0, solves > 0);
    }
    assert!((solved as f64 / 2000.0 - 0.3).abs() < 0.041, "{solved} of 2000");
}

/// The size is kept, labels stay at the front, and the answers are the same for any number of threads.
#[test]
fn a_bounded_pool_stays_bounded() {
    let labels = labels(6);
    let run = |threads: usize| {
        let workers = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        workers.install(|| {
            let begin = Pool::new(&labels).unwrap().snapshot();
            let pool = Arc::new(Pool::bounded(&labels, begin.rows() + 4).unwrap());
            let cached = Cached::new(paths(4, 4), Arc::clone(&pool), 0.5).unwrap();
            let (keys, mut found) = (keys(20), Vec::new());
            for k in 0..10 {
                found.push(cached.forward(&normal(20, 24, 50 + k), &step(&keys, k)).unwrap().x);
                let now = pool.snapshot();
                assert!(now.rows() <= begin.rows() + 4);
                assert!(begin.iter().zip(now.iter()).all(|(label, kept)| label == kept), "a label was dropped");
            }
            (found, pool.snapshot())
        })
    };
    let one = run(1);
    assert_eq!(one.1.rows(), Pool::new(&labels).unwrap().snapshot().rows() + 4, "it is full");
    assert!(run(2) == one && run(8) == one);
}

/// A cache inside a wrapper: with a ratio of 0 neither pass solves anything.
#[test]
fn a_backward_pass_from_the_pool_alone() {
    let counters = Arc::new(Counters::default());
    let pool = Arc::new(Pool::new(&labels(40)).unwrap());
    let oracle = paths(4, 4).counted(Arc::clone(&counters));
    let cached = Cached::new(oracle, Arc::clone(&pool), 0.0).unwrap().counted(Arc::clone(&counters));
    let decider = Interpolated::new(cached, 10.0).unwrap();
    let (thetas, g, keys) = (normal(9, 24, 5), normal(9, 24, 6), keys(9));
    let found = decider.forward(&thetas, &call(&keys)).unwrap();
    let pulled = found.back.unwrap().pull(&g).unwrap();
    assert_eq!(counters.snapshot(), Counts { cache_hits: 18, ..Counts::default() });
    let decisions = pool.snapshot();
    for (x, g) in found.x.iter().zip(pulled.iter()) {
        let moved: Vec<f64> = x.iter().zip(g).map(|(x, g)| (x + 10.0 * g).round()).collect();
        assert!(decisions.iter().any(|w| w == x) && decisions.iter().any(|w| w == moved), "not a difference of two of the pool");
    }
}
