//! What is decided for known returns and for samples, by two routes each.

use std::sync::Arc;
use std::time::Instant;

use dfl_bench::data::prices::{Inputs, Market};
use dfl_bench::registry::make_decider;
use dfl_bench::tasks::{Benchmark, Portfolio, PortfolioCost, PriceSource};
use dfl_core::testkit::{check_task, vjp_error};
use dfl_core::{Batch, Call, Cost, CostCurvature, CostGrad, Decider, Key, Request, Rng, Stream, Support, Task};
use dfl_solvers::{Batched, Scenarios, StochasticOptions, StochasticProgram};

fn task(assets: usize, cost: PortfolioCost) -> Portfolio {
    Portfolio::new(PriceSource::Synthetic, assets, Inputs::Small, cost).unwrap()
}

fn program(task: &Portfolio, count: usize, outcome: usize) -> StochasticProgram<Arc<dyn CostCurvature>> {
    let uncertain = task.uncertain().unwrap();
    StochasticProgram::new(uncertain.cost, uncertain.feasible, Scenarios { count, outcome }, StochasticOptions::default()).unwrap()
}

/// Returns as those of shares: a common factor and a part of their own, in per cent.
fn returns(rows: usize, assets: usize, rng: &mut Rng) -> Vec<f64> {
    let day = |rng: &mut Rng| {
        let market = rng.normal();
        (0..assets).map(|_| 0.05 + 0.8 * market + 1.3 * rng.normal()).collect::<Vec<f64>>()
    };
    (0..rows).flat_map(|_| day(rng)).collect()
}

/// How far `z` is from optimal for the samples: on the simplex, by how much the best vertex improves on the linearised cost.
fn gap(cost: PortfolioCost, samples: &[f64], z: &[f64]) -> f64 {
    let n = z.len();
    let (mut slope, mut one) = (vec![0.0; n], vec![0.0; n]);
    let count = samples.len() / n;
    for y in samples.chunks_exact(n) {
        cost.grad_z(y, z, &mut one);
        slope.iter_mut().zip(&one).for_each(|(s, o)| *s += o / count as f64);
    }
    let least = slope.iter().fold(f64::INFINITY, |a, s| a.min(*s));
    slope.iter().zip(z).map(|(s, z)| s * z).sum::<f64>() - least
}

#[test]
fn the_task_keeps_the_contract() {
    let request = Request { train: 30, valid: 10, test: 20, seed: 7 };
    for cost in [PortfolioCost::INTERIOR, PortfolioCost::PUBLISHED, PortfolioCost::new(10.0, 0.1).unwrap()] {
        check_task(&task(8, cost), &request, 1e-9);
    }
}

/// Known returns: the program with the return as a variable, the stochastic program of one sample, and the bound on what is left to gain.
#[test]
fn two_programs_decide_alike_for_known_returns() {
    let (n, rows, mut rng) = (12, 30, Rng::seeded(4));
    let truths = Batch::from_vec(rows, n, returns(rows, n, &mut rng)).unwrap();
    let ids: Vec<u64> = (0..rows as u64).collect();
    for cost in [PortfolioCost::INTERIOR, PortfolioCost::new(10.0, 0.5).unwrap(), PortfolioCost::new(0.1, 0.01).unwrap()] {
        let task = task(n, cost);
        let decide = |decider: &dyn Decider| dfl_core::decide(decider, &truths, &ids).unwrap().0;
        let exact = decide(&*task.oracle().unwrap());
        let sampled = decide(&Batched::new(program(&task, 1, n)));
        let conic = decide(&*make_decider(&task, "clarabel", false).unwrap());
        for (row, y) in truths.iter().enumerate() {
            let (a, b, c) = (exact.row(row), sampled.row(row), conic.row(row));
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-7), "row {row}: {a:?}\n{b:?}");
            assert!((cost.value(y, a) - cost.value(y, c)).abs() < 1e-6, "row {row}");
            assert!(gap(cost, y, a) < 1e-9, "row {row}: {}", gap(cost, y, a));
        }
    }
}

/// With hardly any risk term all is put on the largest sample mean: the published constants.
#[test]
fn the_published_constants_choose_one_asset() {
    let (n, count, mut rng) = (10, 25, Rng::seeded(8));
    let samples = returns(count, n, &mut rng);
    let means: Vec<f64> = (0..n).map(|i| samples.iter().skip(i).step_by(n).sum::<f64>()).collect();
    let best = (0..n).max_by(|a, b| means[*a].total_cmp(&means[*b])).unwrap();
    let decider = Batched::new(program(&task(n, PortfolioCost::PUBLISHED), count, n));
    let z = dfl_core::decide(&decider, &Batch::from_vec(1, count * n, samples).unwrap(), &[0]).unwrap().0;
    assert!((z.row(0)[best] - 1.0).abs() < 1e-9);
}

/// More assets than samples: the Hessian has rank 25 but for the ridge. Every row is optimal to a gap of 1e-9, feasible, unique (no
/// degenerate row), and has a derivative.
#[test]
fn fewer_samples_than_assets_are_decided_and_differentiated() {
    let (rows, count) = (64, 25);
    for n in [10, 50, 100] {
        let task = task(n, PortfolioCost::INTERIOR);
        let decider = Batched::new(program(&task, count, n));
        let thetas = Batch::from_vec(rows, count * n, returns(rows * count, n, &mut Rng::seeded(2))).unwrap();
        let keys: Vec<Key> = (0..rows as u64).map(|id| Key { id, slot: 0 }).collect();
        let clock = Instant::now();
        let found = decider.forward(&thetas, &Call { keys: &keys, stream: Stream::default(), backward: true }).unwrap();
        let forward = clock.elapsed().as_secs_f64();
        let cotangent = Batch::from_vec(rows, n, (0..rows * n).map(|k| (k as f64).sin()).collect()).unwrap();
        let pulled = found.back.as_ref().unwrap().pull(&cotangent).unwrap();
        let both = clock.elapsed().as_secs_f64();
        println!("{n} assets, {count} samples, {rows} rows: forward {forward:.3} s, with pull {both:.3} s");
        let held = found.x.as_slice().iter().filter(|z| **z > 1e-9).count() as f64 / rows as f64;
        println!("  {held:.1} names held; degenerate {}", found.info.iter().filter(|i| i.degenerate).count());
        for row in 0..rows {
            let (z, info) = (found.x.row(row), &found.info[row]);
            assert!(info.status.usable() && !info.degenerate, "{n} assets, row {row}: {info:?}");
            assert!((z.iter().sum::<f64>() - 1.0).abs() < 1e-9 && z.iter().all(|z| *z > -1e-12));
            assert!(gap(PortfolioCost::INTERIOR, thetas.row(row), z) < 1e-9, "{n} assets, row {row}");
        }
        assert!(pulled.as_slice().iter().all(|g| g.is_finite()));
        assert!(held > 2.0, "the decision is no vertex");
    }
}

/// The derivative in the samples against central differences; h = 1e-5 leaves 1e-5 where nothing changes sides within it.
#[test]
fn the_derivative_in_the_samples_matches_differences() {
    for (n, count) in [(6, 20), (20, 5)] {
        let program = program(&task(n, PortfolioCost::INTERIOR), count, n);
        for seed in 0..4 {
            let mut rng = Rng::seeded(seed);
            let samples = returns(count, n, &mut rng);
            let error = vjp_error(&program, &samples, 1e-5, &mut rng);
            assert!(error < 1e-5, "{n} assets, {count} samples, seed {seed}: {error:.1e}");
        }
    }
}

/// The portfolio of the last 250 days against projected gradients.
#[test]
fn the_historical_portfolio_matches_a_first_order_method() {
    let request = Request { train: 300, valid: 20, test: 3, seed: 2 };
    let (n, cost) = (7, PortfolioCost::INTERIOR);
    let task = task(n, cost);
    let data = task.source().load(&request).unwrap();
    let found = task.baseline("historical", &data).unwrap();
    // The market itself, so that the days are counted anew.
    let market = Market::synthetic(n, [300, 20, 3], 2);
    for row in 0..3 {
        let day = market.test.start + row;
        let past: Vec<f64> = (day - 250..day).flat_map(|d| (0..n).map(|i| market.prices.percent(i, d)).collect::<Vec<_>>()).collect();
        let z = projected_gradient(cost, &past, n);
        let distance = found.row(row).iter().zip(&z).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(distance < 1e-6, "row {row}: {:?} against {z:?}", found.row(row));
    }
}

fn projected_gradient(cost: PortfolioCost, samples: &[f64], n: usize) -> Vec<f64> {
    let count = (samples.len() / n) as f64;
    // The largest eigenvalue of the second moments is at most their trace; the smallest is about a thirtieth of that here.
    let step = 1.0 / (cost.alpha() * samples.iter().map(|y| y * y).sum::<f64>() / count + cost.ridge());
    let (mut z, mut one) = (vec![1.0 / n as f64; n], vec![0.0; n]);
    for _ in 0..3000 {
        let mut point = z.clone();
        for y in samples.chunks_exact(n) {
            cost.grad_z(y, &z, &mut one);
            point.iter_mut().zip(&one).for_each(|(p, g)| *p -= step * g / count);
        }
        z = onto_simplex(&point);
    }
    z
}

fn onto_simplex(point: &[f64]) -> Vec<f64> {
    let (mut low, mut high) = (-1e3, 1e3);
    for _ in 0..200 {
        let shift = 0.5 * (low + high);
        if point.iter().map(|p| (p - shift).max(0.0)).sum::<f64>() > 1.0 { low = shift } else { high = shift }
    }
    point.iter().map(|p| (p - low).max(0.0)).collect()
}

/// An energy model integrates over what the stochastic program decides within: shares of one whole.
#[test]
fn energies_are_normalised_over_the_simplex() {
    let task = task(4, PortfolioCost::INTERIOR);
    let feasible = task.uncertain().unwrap().feasible;
    assert_eq!((feasible.row_lo, feasible.row_up), (vec![1.0], vec![1.0]));
    assert_eq!(feasible.a, dfl_core::Csc::from_triplets(1, 4, &[(0, 0, 1.0), (0, 1, 1.0), (0, 2, 1.0), (0, 3, 1.0)]).unwrap());
    assert_eq!((feasible.lo, feasible.up), (vec![0.0; 4], vec![1.0; 4]));
    assert_eq!(task.support(), Support::CappedSimplex { total: 1.0, cap: 1.0 });
}
