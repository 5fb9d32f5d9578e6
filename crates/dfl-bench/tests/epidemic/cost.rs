use std::time::Instant;

use dfl_bench::epidemic::{BedCost, BedPrices};
use dfl_core::testkit::gradient_error;
use dfl_core::{Cost, CostCurvature, CostGrad, OutcomeGrad, Program, Rng, Solution, Solver, Status};
use dfl_solvers::{Scenarios, StochasticOptions, StochasticProgram};

const DAYS: usize = 3;

fn cost() -> BedCost {
    BedCost::new(DAYS, 2 * DAYS, BedPrices { missing: [10.0, 2.0], empty: [1.0, 0.2] }).unwrap()
}

/// 2 beds missing, 3 empty, none of either: 10 * 2 + 2 * 4, and 3 + 0.2 * 9. The entries behind the patients are not read.
#[test]
fn costs_by_hand() {
    let (y, a) = ([7.0, 2.0, 4.0, -1.2, -1.0, -0.8], [5.0, 5.0, 4.0]);
    assert_eq!(cost().value(&y, &a), 28.0 + 4.8);
    let mut slope = [0.0; DAYS];
    cost().grad_z(&y, &a, &mut slope);
    assert_eq!(slope, [-10.0 - 2.0 * 2.0 * 2.0, 1.0 + 2.0 * 0.2 * 3.0, 0.0]);
    assert_eq!(cost().value(&y, &y[..DAYS]), 0.0);
}

#[test]
fn derivatives_match_central_differences() {
    let (cost, mut rng) = (cost(), Rng::seeded(1));
    for _ in 0..20 {
        let y: Vec<f64> = (0..2 * DAYS).map(|_| 3.0 * rng.normal()).collect();
        let a: Vec<f64> = (0..DAYS).map(|_| 3.0 * rng.normal()).collect();
        let v: Vec<f64> = (0..DAYS).map(|_| rng.normal()).collect();
        let kinks: f64 = cost.kinks().iter().map(|k| k.value(k.argument(&y, &a))).sum();
        assert!((cost.smooth(&y, &a) + kinks - cost.value(&y, &a)).abs() < 1e-11);
        let slope = |y: &[f64], a: &[f64]| {
            let mut g = [0.0; DAYS];
            cost.smooth_grad_z(y, a, &mut g);
            g.iter().zip(&v).map(|(g, v)| g * v).sum::<f64>()
        };
        let (mut grad, mut smooth, mut on_y, mut cross) = ([0.0; DAYS], [0.0; DAYS], [0.0; 2 * DAYS], [0.0; 2 * DAYS]);
        let (mut smooth_on_y, mut hess) = ([0.0; 2 * DAYS], [0.0; DAYS * DAYS]);
        cost.grad_z(&y, &a, &mut grad);
        cost.smooth_grad_z(&y, &a, &mut smooth);
        cost.add_outcome_grad(&y, &a, 1.0, &mut on_y);
        cost.add_grad_y(&y, &a, 1.0, &mut smooth_on_y);
        cost.add_cross(&y, &a, 1.0, &v, &mut cross);
        cost.add_hess(&y, &a, 1.0, &mut hess);
        let of_v: Vec<f64> = hess.chunks(DAYS).map(|row| row.iter().zip(&v).map(|(h, v)| h * v).sum()).collect();
        let h = 1e-5;
        let errors = [
            gradient_error(&a, &grad, h, |a| cost.value(&y, a)),
            gradient_error(&a, &smooth, h, |a| cost.smooth(&y, a)),
            gradient_error(&y, &on_y, h, |y| cost.value(y, &a)),
            gradient_error(&y, &smooth_on_y, h, |y| cost.smooth(y, &a)),
            gradient_error(&y, &cross, h, |y| slope(y, &a)),
            gradient_error(&a, &of_v, h, |a| slope(&y, a)),
        ];
        assert!(errors.iter().all(|e| *e < 1e-6), "{errors:?}");
    }
}

/// The best beds of one day for equally likely patients, by halving: the mean cost is convex.
fn best(prices: BedPrices, patients: &[f64]) -> f64 {
    let slope = |a: f64| -> f64 {
        let of = |y: &f64| {
            let t = a - y;
            if t < 0.0 { -prices.missing[0] + 2.0 * prices.missing[1] * t } else { prices.empty[0] + 2.0 * prices.empty[1] * t }
        };
        patients.iter().map(of).sum()
    };
    let (mut low, mut high) = (0.0, 1e5);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        *(if slope(middle) < 0.0 { &mut low } else { &mut high }) = middle;
    }
    low
}

/// A week for 100 simulated paths, from tens to thousands of patients: the optimum of each day, found another way, to 1e-6 of its patients.
#[test]
fn a_stochastic_program_over_a_hundred_paths_finds_the_best_beds() {
    let (days, count, mut rng) = (7, 100, Rng::seeded(2));
    let prices = BedPrices::OURS;
    let feasible = Program::linear(vec![0.0; days]).with_bounds(vec![0.0; days], vec![2e6; days]);
    let cost = BedCost::new(days, 2 * days, prices).unwrap();
    let (scenarios, by_formula) = (Scenarios { count, outcome: 2 * days }, cost.clone());
    let program = StochasticProgram::new(cost, feasible, scenarios, StochasticOptions::default()).unwrap();
    let (mut workspace, mut seconds) = (program.workspace().unwrap(), 0.0);
    for size in [20.0, 800.0, 12_000.0] {
        let paths: Vec<f64> = (0..count * 2 * days).map(|_| size * (0.05 * rng.normal()).exp()).collect();
        let (mut out, begun) = (Solution::default(), Instant::now());
        let info = program.solve(&paths, None, &mut workspace, &mut out).unwrap();
        seconds += begun.elapsed().as_secs_f64();
        assert_eq!(info.status, Status::Optimal, "{size}");
        for day in 0..days {
            let patients: Vec<f64> = paths.chunks_exact(2 * days).map(|y| y[day]).collect();
            let expected = best(prices, &patients);
            assert!((out.x[day] - expected).abs() < 1e-6 * size, "{size}, day {day}: {} {expected}", out.x[day]);
            let exact = by_formula.best_beds(&mut patients.clone());
            assert!((exact - expected).abs() < 1e-10 * size, "{size}, day {day}: {exact} {expected}");
        }
    }
    println!("{:.2} ms for a decision over 100 paths", 1000.0 * seconds / 3.0);
}

/// One number: itself. Two, by hand: at 0 and 10, c_b = 10, c_h = 1, q_b = 2, q_h = 0.2: between them 1 + 0.4 a - 10 - 4 (10 - a) is zero at
/// 49 / 4.4 > 10, so that the larger one is best. Of 3 at 0 and one at 10: 3 + 1.2 a - 10 - 4 (10 - a) is zero at 47 / 5.2. Below 0 there are no beds.
#[test]
fn best_beds_by_hand() {
    let best = |patients: &[f64]| cost().best_beds(&mut patients.to_vec());
    assert_eq!((best(&[7.0]), best(&[10.0, 0.0]), best(&[-3.0, -2.0])), (7.0, 10.0, 0.0));
    assert!((best(&[0.0, 10.0, 0.0, 0.0]) - 47.0 / 5.2).abs() < 1e-14);
}

/// Against halving, for random prices and numbers, of which some are equal.
#[test]
fn best_beds_are_the_minimum() {
    let mut rng = Rng::seeded(3);
    for case in 0..200 {
        let mut price = || [0.1 + rng.uniform(), 0.1 * rng.uniform()];
        let prices = BedPrices { missing: price(), empty: price() };
        let patients: Vec<f64> = (0..1 + rng.below(12)).map(|_| (20.0 * rng.uniform()).round()).collect();
        let found = BedCost::new(1, 1, prices).unwrap().best_beds(&mut patients.clone());
        let mean = |a: f64| patients.iter().map(|&y| BedCost::new(1, 1, prices).unwrap().value(&[y], &[a])).sum::<f64>();
        let other = best(prices, &patients);
        assert!(mean(found) <= mean(other) + 1e-9, "case {case}: {found} costs {}, {other} {}", mean(found), mean(other));
    }
}

#[test]
fn what_is_no_cost_is_refused() {
    assert!(BedCost::new(7, 6, BedPrices::OURS).is_err());
    for ratio in [0.5, f64::NAN, f64::INFINITY] {
        assert!(BedPrices::with_ratio(ratio).is_err(), "{ratio}");
    }
    assert_eq!(BedPrices::with_ratio(10.0).unwrap(), BedPrices::OURS);
}
