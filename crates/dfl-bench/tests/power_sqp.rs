//! The power task's decisions by moments: against the older method for Gaussian forecasts, and what each derivative says. Prints what a batch takes.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests may panic as tests do, and figures are printed")]

use std::sync::Arc;
use std::time::Instant;

use dfl_bench::power::{Forecast, GaussianPower, PowerCost, UncertainDemand, gaussian_decisions};
use dfl_bench::registry::Ramps;
use dfl_core::dense::dot;
use dfl_core::testkit::vjp_error;
use dfl_core::{
    Adjoint, Batch, Call, CostGrad, Cotangent, Decider, DifferentiableSolver, EnergyCurvature, Key, Rng, Side, Solution, Solver, Stream,
};
use dfl_solvers::{Batched, Sqp, SqpDerivative, SqpOptions, SqpStart};

const HOURS: usize = 24;
const COST: PowerCost = PowerCost::PUBLISHED;

fn solver(derivative: SqpDerivative) -> Sqp<Arc<dyn EnergyCurvature>> {
    let options = SqpOptions { derivative, start: SqpStart::Mean, ..SqpOptions::default() };
    let energy: Arc<dyn EnergyCurvature> = Arc::new(GaussianPower::new(COST, HOURS));
    Sqp::new(energy, UncertainDemand::new(COST, HOURS).feasible(), options).unwrap()
}

/// A day like those of the data, its hours moved apart by `jump`; ramps bind where that is not small.
fn forecast(jump: f64, rng: &mut Rng) -> Vec<f64> {
    let mean = (0..HOURS).map(|i| 1.5 + 0.3 * (i as f64 / 4.0).sin() + jump * rng.normal()).collect::<Vec<_>>();
    [mean, (0..HOURS).map(|_| 0.02 + 0.1 * rng.uniform()).collect()].concat()
}

/// `J' cotangent`, and the answer.
fn pull(solver: &Sqp<Arc<dyn EnergyCurvature>>, phi: &[f64], cotangent: &[f64]) -> (Vec<f64>, Solution) {
    let (mut ws, mut out, mut gradient) = (solver.workspace().unwrap(), Solution::default(), vec![f64::NAN; 2 * HOURS]);
    let mut info = solver.solve(phi, None, &mut ws, &mut out).unwrap();
    assert!(info.status.usable(), "{info:?}");
    let tape = solver.tape(phi, &out, &mut ws, &mut info).unwrap();
    solver.vjp(&tape, Cotangent { x: cotangent, ..Cotangent::default() }, &mut Adjoint::default(), &mut gradient).unwrap();
    (gradient, out)
}

/// The older one is Newton's method on the hours, with quadratic programs of its own.
#[test]
fn decisions_agree_with_the_older_method() {
    let (mut rng, sqp, mut tight) = (Rng::seeded(1), solver(SqpDerivative::Exact), 0);
    let (mut ws, mut out) = (sqp.workspace().unwrap(), Solution::default());
    let mut older = Ramps::new(HOURS, COST.ramp).unwrap();
    for jump in [0.0, 0.05, 0.2, 0.6].repeat(20) {
        let phi = forecast(jump, &mut rng);
        let info = sqp.solve(&phi, None, &mut ws, &mut out).unwrap();
        let mean = Batch::from_rows(&[&phi[..HOURS]]).unwrap();
        let expected = gaussian_decisions(&mean, &phi[HOURS..], &mut older).unwrap();
        let gap = out.x.iter().zip(expected.row(0)).fold(0.0_f64, |top, (a, b)| top.max((a - b).abs()));
        assert!(info.status.usable() && gap < 1e-8, "{gap:.1e}, {info:?}");
        tight += out.row_side.iter().filter(|side| **side != Side::Free).count();
    }
    assert!(tight > 100, "only {tight} ramps were tight");
}

/// Where no ramp is tight, the published formula by the hour: `dz/dmu = 1`, `dz/dsigma = s phi (z - mu)/sigma / (s phi + 1)`. That of the KKT
/// conditions and that of the last step are this, to rounding; with tight ramps they are one another, and central differences.
#[test]
fn both_derivatives_are_the_published_formula() {
    let mut rng = Rng::seeded(2);
    let [exact, last] = [SqpDerivative::Exact, SqpDerivative::LastStep].map(solver);
    let (mut widest, mut tight) = (0.0_f64, 0);
    for jump in [0.0, 0.02, 0.3].repeat(10) {
        let phi = forecast(jump, &mut rng);
        let cotangent: Vec<f64> = (0..HOURS).map(|_| rng.normal()).collect();
        let ((g, found), (h, _)) = (pull(&exact, &phi, &cotangent), pull(&last, &phi, &cotangent));
        let sine = g.iter().zip(&h).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt() / dot(&g, &g).sqrt();
        widest = widest.max(sine);
        if found.row_side.iter().any(|side| *side != Side::Free) {
            tight += 1;
            let error = vjp_error(&exact, &phi, 1e-6, &mut rng);
            assert!(error < 1e-5, "{error:.1e}");
            continue;
        }
        for i in 0..HOURS {
            let at = Forecast::new(COST, phi[i], phi[HOURS + i]).unwrap().partials(found.x[i]);
            let expected = [cotangent[i], -cotangent[i] * at.dz_dsigma / at.dzz];
            assert!((g[i] - expected[0]).abs() < 1e-12 && (g[HOURS + i] - expected[1]).abs() < 1e-11, "hour {i}");
        }
    }
    println!("largest |last step - KKT| / |KKT|: {widest:.1e}; ramps were tight on {tight} of 30 days");
    assert!(widest < 1e-12 && tight >= 5);
}

/// One pass over as many days as the published training has, in one thread.
#[test]
fn a_batch_of_all_training_days() {
    let mut rng = Rng::seeded(3);
    let rows: Vec<Vec<f64>> = (0..2042).map(|_| forecast(0.02, &mut rng)).collect();
    let (phi, keys): (_, Vec<Key>) = (Batch::from_rows(&rows).unwrap(), (0..2042).map(|id| Key { id, slot: 0 }).collect());
    let cost = UncertainDemand::new(COST, HOURS);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for derivative in [SqpDerivative::Exact, SqpDerivative::LastStep] {
        let decider = Batched::new(solver(derivative));
        let mut best = [f64::INFINITY; 3];
        for _ in 0..3 {
            pool.install(|| {
                let begin = Instant::now();
                let alone = decider.forward(&phi, &Call { keys: &keys, stream: Stream::default(), backward: false }).unwrap();
                let forward = begin.elapsed().as_secs_f64();
                let begin = Instant::now();
                let found = decider.forward(&phi, &Call { keys: &keys, stream: Stream::default(), backward: true }).unwrap();
                let with_tapes = begin.elapsed().as_secs_f64();
                let mut cotangent = Batch::zeros(2042, HOURS);
                (0..2042).for_each(|i| cost.grad_z(&phi.row(i)[..HOURS], found.x.row(i), cotangent.row_mut(i)));
                let begin = Instant::now();
                let gradient = found.back.unwrap().pull(&cotangent).unwrap();
                let backward = begin.elapsed().as_secs_f64();
                assert!(alone.x == found.x && found.info.iter().all(|info| info.status.usable()));
                assert!(gradient.as_slice().iter().all(|g| g.is_finite()));
                let steps: usize = found.info.iter().map(|info| info.iterations).sum();
                best.iter_mut().zip([forward, with_tapes, backward]).for_each(|(best, t)| *best = best.min(t));
                if best[0] == forward {
                    println!("{:.2} steps a day", steps as f64 / 2042.0);
                }
            });
        }
        println!("{derivative:?}: forward {:.3} s, with tapes {:.3} s, backward {:.3} s for 2042 days", best[0], best[1], best[2]);
    }
}
