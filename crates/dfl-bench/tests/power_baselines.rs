//! The published check values of the power task, and the solvers behind them against second methods.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use dfl_bench::data::pjm::{FILES, Inputs, Pjm, Scaling, Split};
use dfl_bench::power::{Baseline, Forecast, PowerCost, RampQp, fit_linear_policy, gaussian_decisions, minimise_shortfall_regression};
use dfl_core::{Batch, Result};

const COST: PowerCost = PowerCost::PUBLISHED;

/// The ramp QP by exact minimisation of its dual, one multiplier at a time (Hildreth). `nu_i` belongs to `z_i - z_{i-1}`, of either sign.
struct Hildreth {
    bound: usize,
}

impl RampQp for Hildreth {
    fn solve(&mut self, h: &[f64], g: &[f64], z: &mut [f64]) -> Result<()> {
        let mut nu = vec![0.0; h.len() + 1];
        for _ in 0..100_000 {
            let mut moved = 0.0_f64;
            for i in 1..h.len() {
                let at = |i: usize, nu: &[f64]| -(g[i] + nu[i] - nu[i + 1]) / h[i];
                let step = at(i, &nu) - at(i - 1, &nu);
                let weight = 1.0 / h[i] + 1.0 / h[i - 1];
                // The multiplier that puts the step on the nearer side of the ramp, or 0 if the step then lies inside.
                let free = step + nu[i] * weight;
                let next = (free - free.clamp(-COST.ramp, COST.ramp)) / weight;
                moved = moved.max((next - nu[i]).abs());
                nu[i] = next;
            }
            if moved < 1e-13 {
                break;
            }
        }
        self.bound += nu.iter().filter(|nu| **nu != 0.0).count();
        z.iter_mut().enumerate().for_each(|(i, z)| *z = -(g[i] + nu[i] - nu[i + 1]) / h[i]);
        Ok(())
    }
}

struct Data {
    pjm: Pjm,
    split: Split,
}

fn data() -> Option<Data> {
    let [first, second] = [common::dataset(FILES[0].0)?, common::dataset(FILES[1].0)?];
    let split = Split::from_file(&common::dataset(Split::FILE)?).unwrap();
    Some(Data { pjm: Pjm::from_files([&first, &second]).unwrap(), split })
}

/// Test costs with and without the last day, most of whose label was never observed.
fn costs(data: &Data, baseline: Baseline) -> (f64, f64) {
    let mut qp = Hildreth { bound: 0 };
    let z = baseline.decide(&data.pjm, &data.split, &mut qp).unwrap();
    assert_eq!(qp.bound, 0, "{}: the ramps are known never to bind here", baseline.label());
    let y = data.pjm.labels.select(&data.pjm.test_rows());
    let real: Vec<usize> = (0..638).collect();
    (COST.mean(&y, &z).unwrap(), COST.mean(&y.select(&real), &z.select(&real)).unwrap())
}

/// Half a unit of the last digit that was printed.
fn assert_printed(got: f64, expected: f64, digits: i32) {
    assert!((got - expected).abs() <= 0.5 * 10f64.powi(-digits), "{got} instead of {expected}");
}

#[test]
fn published_baselines_are_met() {
    let Some(data) = data() else { return };
    let table = [
        (Baseline::LeastSquares, 36.066, 3),
        (Baseline::LeastSquaresSigma, 5.5745, 4),
        (Baseline::LeastSquaresTestSigma, 4.071, 3),
        (Baseline::Persistence, 68.11, 2),
        (Baseline::PersistenceSigma, 7.167, 3),
        (Baseline::NoTemperature, 34.95, 2),
        (Baseline::NoTemperatureSigma, 3.8209, 4),
        (Baseline::NoTemperatureConstant, 3.709, 3),
        (Baseline::LinearPolicy, 3.242, 3),
        // Printed as 3.214, which cuts 3.21468 off instead of rounding it. The optimum is unique; Clarabel, on the same problem as a QP with
        // tolerances 1e-11, gives 3.2146801 too.
        (Baseline::LinearPolicyAll, 3.21468, 5),
    ];
    assert_eq!(table.len(), Baseline::ALL.len());
    let got: Vec<f64> = table.iter().map(|(baseline, ..)| costs(&data, *baseline).0).collect();
    println!("{got:?}");
    got.iter().zip(table).for_each(|(got, (_, expected, digits))| assert_printed(*got, expected, digits));
}

#[test]
fn published_baselines_without_the_last_day_are_met() {
    let Some(data) = data() else { return };
    assert_printed(costs(&data, Baseline::LeastSquaresSigma).1, 5.5535, 4);
    assert_printed(costs(&data, Baseline::NoTemperatureSigma).1, 3.7933, 4);
}

/// The training cost that a linear model trained through the layer has to reach (2042 rows; the figure for 2553 rows was checked with
/// Clarabel), with its proof.
#[test]
fn the_linear_policy_is_proven_optimal() {
    let Some(data) = data() else { return };
    for (split, (expected, digits)) in [(&data.split, (2.928, 3)), (&Split::all(), (2.93385, 5))] {
        let prepared = data.pjm.prepare(Inputs::NoTemperature, Scaling::TrainOnly, split).unwrap();
        let policy = fit_linear_policy(&COST, &prepared.train.x, &prepared.train.y).unwrap();
        let train = COST.mean(&prepared.train.y, &policy.map.predict(&prepared.train.x).unwrap()).unwrap();
        // The rule is fitted without ramps, and happens to need none.
        assert_eq!(COST.ramp_violation(&policy.map.predict(&prepared.train.x).unwrap()), 0.0);
        assert_eq!(COST.ramp_violation(&policy.map.predict(&prepared.test.x).unwrap()), 0.0);
        assert!(policy.relative_gap() <= 1e-8 && policy.certificates.iter().all(|c| c.relative_gap() <= 1e-8));
        assert!((policy.train_cost(split.fit.len()) / train - 1.0).abs() < 1e-12);
        assert_printed(train, expected, digits);
    }
}

/// The answer is one: neither the scaling nor the order of the days may change it.
#[test]
fn the_linear_policy_does_not_depend_on_the_scaling() {
    let Some(data) = data() else { return };
    let cost = |scaling| {
        let prepared = data.pjm.prepare(Inputs::NoTemperature, scaling, &data.split).unwrap();
        let policy = fit_linear_policy(&COST, &prepared.train.x, &prepared.train.y).unwrap();
        (policy.train_cost(2042), COST.mean(&prepared.test.y, &policy.map.predict(&prepared.test.x).unwrap()).unwrap())
    };
    let (a, b) = (cost(Scaling::TrainOnly), cost(Scaling::Legacy));
    assert!((a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-4, "{a:?} {b:?}");
}

/// One unknown constant is the problem of `best_constant`, whose exact solution comes by sorting.
#[test]
fn the_interior_point_method_matches_sorting() {
    let y = Batch::from_vec(301, 1, (0..301).map(|i| (f64::from(i) * 0.731).sin() * 2.0).collect()).unwrap();
    let exact = dfl_bench::power::best_constant(&COST, &Batch::zeros(301, 1), &y).unwrap()[0];
    let ones = Batch::zeros(301, 0);
    let policy = fit_linear_policy(&COST, &ones, &y).unwrap();
    assert!((policy.map.intercept[0] - exact).abs() < 1e-8, "{} {exact}", policy.map.intercept[0]);
    assert!(policy.certificates[0].dual <= policy.certificates[0].primal * (1.0 + 1e-14));
}

/// A dual bound holds for any coefficients, so no perturbed coefficients may fall below it.
#[test]
fn no_other_coefficients_are_better() {
    let design = faer::Mat::from_fn(40, 3, |i, j| if j == 2 { 1.0 } else { ((i * (j + 2)) as f64 * 0.37).cos() });
    let y: Vec<f64> = (0..40).map(|i| (f64::from(i) * 1.3).sin()).collect();
    let (w, certificate) = minimise_shortfall_regression(&COST, &design, &y).unwrap();
    let total = |w: &[f64]| -> f64 { (0..40).map(|i| COST.hour(y[i], (0..3).map(|j| design[(i, j)] * w[j]).sum())).sum() };
    assert!((total(&w) - certificate.primal).abs() < 1e-12 && certificate.relative_gap() < 1e-10);
    for k in 0..3 {
        for step in [1e-3, -1e-3, 1e-1, -1e-1] {
            let mut other = w.clone();
            other[k] += step;
            assert!(total(&other) > certificate.dual);
        }
    }
}

/// A forecast that jumps by more than the ramp allows, in both directions and several times in a row.
fn steep() -> (Vec<f64>, Vec<f64>) {
    let mu = (0..24).map(|i| 1.5 + 0.8 * f64::from(i).sin() + if i > 12 { 1.2 } else { 0.0 }).collect();
    (mu, (0..24).map(|i| 0.05 + 0.01 * f64::from(i % 5)).collect())
}

fn expected_cost(mu: &[f64], sigma: &[f64], z: &[f64]) -> f64 {
    (0..mu.len()).map(|i| Forecast::new(COST, mu[i], sigma[i]).unwrap().value(z[i])).sum()
}

/// Stationarity determines the multipliers, `nu_{i+1} = nu_i + L'_i(z_i)`; each must be zero inside the ramp and have the sign of its side.
#[test]
fn binding_ramps_satisfy_the_optimality_conditions() {
    let (mu, sigma) = steep();
    let mut qp = Hildreth { bound: 0 };
    let z = gaussian_decisions(&Batch::from_rows(&[&mu]).unwrap(), &sigma, &mut qp).unwrap();
    let z = z.row(0);
    assert!(COST.ramp_violation(&Batch::from_rows(&[z]).unwrap()) < 1e-9);
    let (mut nu, mut active) = (0.0, 0);
    for i in 0..24 {
        nu += Forecast::new(COST, mu[i], sigma[i]).unwrap().partials(z[i]).dz;
        let step = z.get(i + 1).map_or(0.0, |next| next - z[i]);
        match step {
            step if step > COST.ramp - 1e-9 => assert!(nu > 1e-6, "hour {i}: {nu}"),
            step if step < -COST.ramp + 1e-9 => assert!(nu < -1e-6, "hour {i}: {nu}"),
            _ => assert!(nu.abs() < 1e-7, "hour {i}: {nu}"),
        }
        active += usize::from(step.abs() > COST.ramp - 1e-9);
    }
    assert!(active >= 4, "only {active} ramps bind");
}

/// The same instance by a barrier method on the original cost, which knows nothing of quadratic programs: its gap is 46 / t.
#[test]
fn binding_ramps_match_a_barrier_method() {
    let (mu, sigma) = steep();
    let z = gaussian_decisions(&Batch::from_rows(&[&mu]).unwrap(), &sigma, &mut Hildreth { bound: 0 }).unwrap();
    let barrier = barrier(&mu, &sigma);
    let (a, b) = (expected_cost(&mu, &sigma, z.row(0)), expected_cost(&mu, &sigma, &barrier));
    assert!((a - b).abs() < 1e-6 && a <= b + 1e-12, "{a} {b}");
    assert!(z.row(0).iter().zip(&barrier).all(|(a, b)| (a - b).abs() < 1e-4));
    // Without ramps the cost would be lower, so the instance is not vacuous.
    let free: Vec<f64> = (0..24).map(|i| Forecast::new(COST, mu[i], sigma[i]).unwrap().optimum()).collect();
    assert!(expected_cost(&mu, &sigma, &free) < a - 0.1);
}

/// Minimises `t L(z) - sum log(ramp -+ step)` for growing `t` by damped Newton steps; the Hessian is tridiagonal.
fn barrier(mu: &[f64], sigma: &[f64]) -> Vec<f64> {
    let n = mu.len();
    let mut z = vec![2.0; n];
    let merit = |z: &[f64], t: f64| -> f64 {
        let logs: f64 = z.windows(2).map(|p| (COST.ramp - (p[1] - p[0])).ln() + (COST.ramp + (p[1] - p[0])).ln()).sum();
        if logs.is_nan() { f64::INFINITY } else { t * expected_cost(mu, sigma, z) - logs }
    };
    for exponent in 0..=8 {
        let t = 10f64.powi(exponent);
        for _ in 0..200 {
            let (mut g, mut diag, mut off) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
            for i in 0..n {
                let p = Forecast::new(COST, mu[i], sigma[i]).unwrap().partials(z[i]);
                (g[i], diag[i]) = (g[i] + t * p.dz, diag[i] + t * p.dzz);
                if i + 1 < n {
                    let step = z[i + 1] - z[i];
                    let (up, down) = (1.0 / (COST.ramp - step), 1.0 / (COST.ramp + step));
                    let curve = up * up + down * down;
                    (g[i], g[i + 1]) = (g[i] - (up - down), g[i + 1] + (up - down));
                    (diag[i], diag[i + 1], off[i]) = (diag[i] + curve, diag[i + 1] + curve, -curve);
                }
            }
            let d = tridiagonal(&diag, &off, &g);
            let decrement: f64 = d.iter().zip(&g).map(|(d, g)| d * g).sum();
            let mut length = 1.0;
            let moved = |length: f64| -> Vec<f64> { z.iter().zip(&d).map(|(z, d)| z - length * d).collect() };
            while length > 1e-12 && merit(&moved(length), t) > merit(&z, t) - 1e-4 * length * decrement {
                length *= 0.5;
            }
            z = moved(length);
            if decrement < 1e-9 {
                break;
            }
        }
    }
    z
}

/// Solves a symmetric positive definite tridiagonal system by elimination.
fn tridiagonal(diag: &[f64], off: &[f64], right: &[f64]) -> Vec<f64> {
    let (mut d, mut r) = (diag.to_vec(), right.to_vec());
    for i in 1..d.len() {
        let factor = off[i - 1] / d[i - 1];
        d[i] -= factor * off[i - 1];
        r[i] -= factor * r[i - 1];
    }
    for i in (0..d.len()).rev() {
        let after = r.get(i + 1).map_or(0.0, |next| off[i] * next);
        r[i] = (r[i] - after) / d[i];
    }
    r
}

#[test]
fn a_forecast_that_cannot_be_used_is_refused() {
    let mu = Batch::from_rows(&[[1.0, f64::NAN]]).unwrap();
    let message = gaussian_decisions(&mu, &[0.1, 0.1], &mut Hildreth { bound: 0 }).unwrap_err().to_string();
    assert!(message.contains("mean of the forecast, row 0, column 1"), "{message}");
    assert!(gaussian_decisions(&Batch::zeros(1, 2), &[0.1], &mut Hildreth { bound: 0 }).is_err());
    assert!(gaussian_decisions(&Batch::zeros(1, 2), &[0.1, 0.0], &mut Hildreth { bound: 0 }).is_err());
}
