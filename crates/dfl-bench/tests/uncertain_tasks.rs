//! Product allocation and inventory: generators against the moments of their distributions, costs against differences, and what each class
//! of predictions can reach against known values.

#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use dfl_bench::data::allocation::{AllocationData, Returns};
use dfl_bench::data::inventory::{Demand, InventoryData};
use dfl_bench::data::whiten;
use dfl_bench::inventory::{InventoryCost, Prices};
use dfl_bench::tasks::{AllocationCost, AllocationTask, Benchmark, InventoryTask};
use dfl_core::testkit::gradient_error;
use dfl_core::{Batch, Cost, CostCurvature, Program, Request, Risk, Rng, Solution, Solver, Splits, Status, Support, Task};
use dfl_solvers::{Scenarios, StochasticOptions, StochasticProgram};

/// Mean and standard deviation, and the mean's standard error.
fn moments(values: &[f64]) -> (f64, f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    (mean, deviation, deviation / n.sqrt())
}

fn column(batch: &Batch, j: usize) -> Vec<f64> {
    batch.iter().map(|row| row[j]).collect()
}

/// To the last digit that is known.
#[track_caller]
fn assert_digits(got: f64, known: f64, unit: f64) {
    assert!((got - known).abs() <= 0.5 * unit, "{got} instead of {known}");
}

#[test]
fn returns_have_the_published_moments() {
    let deviation = |returns: Returns| returns.variance().sqrt();
    assert_digits(Returns::CODE.mean(), 0.3, 1e-12);
    assert_digits(deviation(Returns::CODE), 0.604669, 1e-6);
    assert_digits(Returns::PAPER.mean(), 0.2, 1e-12);
    assert_digits(deviation(Returns::PAPER), 1.607, 1e-3);
}

/// 40000 draws within 5 standard errors of mean and variance; the features are standard normal and tell nothing.
#[test]
fn drawn_returns_have_these_moments() {
    for returns in [Returns::CODE, Returns::PAPER] {
        let (x, y) = AllocationData { products: 2, samples: 20_000, features: 2, returns, seed: 3 }.generate().unwrap();
        let (mean, _, error) = moments(y.as_slice());
        assert!((mean - returns.mean()).abs() < 5.0 * error, "{mean} +- {error}");
        let squares: Vec<f64> = y.as_slice().iter().map(|y| (y - returns.mean()).powi(2)).collect();
        let (variance, _, error) = moments(&squares);
        assert!((variance - returns.variance()).abs() < 5.0 * error, "{variance} +- {error}");
        for values in [column(&x, 0), column(&x, 1)] {
            let (mean, deviation, error) = moments(&values);
            assert!(mean.abs() < 5.0 * error && (deviation - 1.0).abs() < 5.0 * error, "{mean} {deviation}");
            let products: Vec<f64> = values.iter().zip(column(&y, 0)).map(|(x, y)| x * (y - returns.mean())).collect();
            let (covariance, _, error) = moments(&products);
            assert!(covariance.abs() < 5.0 * error, "{covariance} +- {error}");
        }
    }
}

/// Rows belong to the seed and their number: more of them leave the first as they are.
#[test]
fn rows_do_not_depend_on_how_many_there_are() {
    let first = |batch: &Batch| batch.select(&[0, 1, 2]);
    let allocation = |samples, seed| AllocationData { samples, seed, ..AllocationData::default() }.generate().unwrap();
    let inventory = |samples, seed| InventoryData { samples, seed, ..InventoryData::default() }.generate().unwrap();
    for (few, many, other) in
        [(allocation(3, 1), allocation(50, 1), allocation(3, 2)), (inventory(3, 1), inventory(50, 1), inventory(3, 2))]
    {
        assert_eq!((&few.0, &few.1), (&first(&many.0), &first(&many.1)));
        assert!(few.0 != other.0 && few.1 != other.1);
    }
}

/// Values computed apart from this project's code; the last one in 40 digits.
#[test]
fn population_optima_are_the_known_ones() {
    let cases = [(Returns::CODE, 0.5452087, 0.9125712, (0.4005599, 1e-7)), (Returns::PAPER, 0.0713848, 0.9927025, (0.929375531, 1e-9))];
    for (returns, z, one, (ten, unit)) in cases {
        let best = returns.optimum(2.0);
        assert_digits(best, z, 1e-7);
        assert_digits(returns.expected_cost(best), one, 1e-7);
        assert_digits(AllocationTask::new(10, returns).unwrap().population_cost(&[best; 10]), ten, unit);
    }
    let code = Returns::CODE;
    assert_digits(code.gaussian_optimum(2.0), 0.8205, 1e-4);
    assert_digits(code.expected_cost(2.0), 2.36611, 1e-5);
    // The published 200 rows: the standard error that they leave at the best decision.
    let square = code.expected_cost(2.0 * code.optimum(2.0)).powi(10);
    assert_digits(((square - 0.4005599_f64.powi(2)) / 200.0).sqrt(), 0.08, 0.01);
}

/// Central differences of h = 1e-5 leave about 1e-10.
#[test]
fn derivatives_of_the_expected_cost_match_differences() {
    let h = 1e-5;
    for returns in [Returns::CODE, Returns::PAPER] {
        for z in [0.0, 0.3, 1.0, 1.9] {
            let (slope, curvature) = returns.derivatives(z);
            let values = (returns.expected_cost(z + h) - returns.expected_cost(z - h)) / (2.0 * h);
            let slopes = (returns.derivatives(z + h).0 - returns.derivatives(z - h).0) / (2.0 * h);
            assert!((values / slope - 1.0).abs() < 1e-7 && (slopes / curvature - 1.0).abs() < 1e-7, "{z}");
        }
    }
}

/// Gradient, Hessian, mixed derivative and gradient in the outcome of the smooth part, and the gradient of the whole, all against central
/// differences of values and gradients.
fn check_derivatives(cost: &dyn CostCurvature, y: &[f64], z: &[f64], tolerance: f64) {
    let (n, h, mut rng) = (z.len(), 1e-5, Rng::seeded(5));
    let smooth_slope = |y: &[f64], z: &[f64]| {
        let mut out = vec![f64::NAN; n];
        cost.smooth_grad_z(y, z, &mut out);
        out
    };
    let mut gradient = vec![f64::NAN; n];
    cost.grad_z(y, z, &mut gradient);
    let along = |slope: &[f64], v: &[f64]| slope.iter().zip(v).map(|(s, v)| s * v).sum::<f64>();
    let v: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let (mut hessian, mut cross, mut in_y) = (vec![0.0; n * n], vec![0.0; n], vec![0.0; n]);
    cost.add_hess(y, z, 0.7, &mut hessian);
    cost.add_cross(y, z, 0.7, &v, &mut cross);
    cost.add_grad_y(y, z, 0.7, &mut in_y);
    let product: Vec<f64> = hessian.chunks(n).map(|row| along(row, &v)).collect();
    let errors = [
        gradient_error(z, &gradient, h, |z| cost.value(y, z)),
        gradient_error(z, &smooth_slope(y, z), h, |z| cost.smooth(y, z)),
        gradient_error(z, &product, h, |z| 0.7 * along(&smooth_slope(y, z), &v)),
        gradient_error(y, &cross, h, |y| 0.7 * along(&smooth_slope(y, z), &v)),
        gradient_error(y, &in_y, h, |y| 0.7 * cost.smooth(y, z)),
    ];
    assert!(errors.iter().all(|e| *e < tolerance), "y = {y:?}, z = {z:?}: {errors:?}");
    let kinks: f64 = cost.kinks().iter().map(|k| k.value(k.argument(y, z))).sum();
    assert!((cost.smooth(y, z) + kinks - cost.value(y, z)).abs() < 1e-12 * (1.0 + cost.value(y, z)), "the parts add up");
}

#[test]
fn costs_match_differences() {
    let mut rng = Rng::seeded(4);
    for _ in 0..20 {
        let draw = |rng: &mut Rng, from: f64, to: f64| (0..3).map(|_| from + (to - from) * rng.uniform()).collect::<Vec<f64>>();
        let (y, z) = (draw(&mut rng, -1.5, 0.6), draw(&mut rng, 0.0, 2.0));
        check_derivatives(&AllocationCost, &y, &z, 1e-7);
        let (y, z) = (draw(&mut rng, 0.0, 25.0), draw(&mut rng, 0.0, 30.0));
        check_derivatives(&InventoryCost::new(3, Prices::OURS), &y, &z, 1e-7);
    }
}

/// One unit short of 6 at z = 5: 5 + 0.05 25 + 10 + 0.1/3; two over 3: 5 + 1.25 + 4 + 0.05 8/3. At z = y both linear parts vanish.
#[test]
fn inventory_costs_by_hand() {
    let cost = InventoryCost::new(1, Prices::OURS);
    let value = |y: f64| dfl_core::Cost::value(&cost, &[y], &[5.0]);
    assert_digits(value(6.0), 16.25 + 0.1 / 3.0, 1e-13);
    assert_digits(value(3.0), 10.25 + 0.4 / 3.0, 1e-13);
    assert_eq!(value(5.0), 6.25);
}

/// For demands on all four branches: at the demand, at the capacity, below a demand whose price is too high, and above one so far below
/// zero that holding is cheaper than the order's negative price. No order of a grid is better.
#[test]
fn known_demands_are_met_exactly() {
    let known = InventoryCost::new(1, Prices::OURS);
    let wide = InventoryCost::new(1, Prices { capacity: 300.0, ..Prices::OURS });
    let free = InventoryCost::new(1, Prices { order: [-20.0, 0.1], ..*wide.prices() });
    for (cost, y, at_demand) in [
        (&known, 7.5, true),
        (&known, 40.0, false),
        (&known, -3.0, false),
        (&wide, 120.0, false),
        (&free, 1.0, false),
        (&free, 190.0, true),
    ] {
        let best = cost.optimum(y);
        let value = |z: f64| dfl_core::Cost::value(cost, &[y], &[z]);
        assert_eq!(best == y, at_demand, "{y}: {best}");
        let grid = (0..=30_000).map(|k| value(cost.prices().capacity * f64::from(k) / 30_000.0)).fold(f64::INFINITY, f64::min);
        assert!(value(best) <= grid + 1e-12 && value(best) > grid - 1e-3, "{y}: {best} costs {}, of a grid {grid}", value(best));
    }
    assert_eq!((known.optimum(40.0), known.optimum(-3.0)), (30.0, 0.0));
}

/// 20000 rows: each mode's share and mean at given features, by the moments that remain when the expected value given the features is
/// subtracted.
#[test]
fn drawn_demands_follow_their_distribution() {
    let data = InventoryData { products: 3, samples: 20_000, features: 3, seed: 4 };
    let (x, y) = data.generate().unwrap();
    let (mean, deviation, error) = moments(x.as_slice());
    assert!(mean.abs() < 5.0 * error && (deviation - 1.0 / 3.0_f64.sqrt()).abs() < 5.0 * error, "uniform on [-1, 1)");
    for j in 0..3 {
        let demands: Vec<Demand> = x.iter().map(|x| data.demands(x).nth(j).unwrap()).collect();
        let residuals: Vec<f64> = demands.iter().zip(column(&y, j)).map(|(demand, y)| y - demand.mean()).collect();
        let squares: Vec<f64> = demands.iter().zip(&residuals).map(|(demand, r)| r * r - demand.gaussian().deviation.powi(2)).collect();
        let high: Vec<f64> = demands.iter().zip(column(&y, j)).map(|(d, y)| f64::from(u8::from(y > 12.0)) - d.0[1].weight).collect();
        let within = x.iter().zip(&residuals).map(|(x, r)| x[(j + 1) % 3] * r).collect();
        for values in [residuals, squares, high, within] {
            let (mean, _, error) = moments(&values);
            assert!(mean.abs() < 5.0 * error, "product {j}: {mean} +- {error}");
        }
    }
    assert!(y.as_slice().iter().all(|y| *y > -1.0 && *y < 31.0));
}

fn load(task: &dyn Task, train: usize, test: usize) -> Splits {
    task.source().load(&Request { train, valid: 10, test, seed: 7 }).unwrap()
}

/// A figure of a baseline's decisions.
fn figure(task: &dyn Benchmark, data: &Splits, method: &str, metric: &str) -> f64 {
    let decisions = task.baseline(method, data).unwrap();
    task.figures(&data.test, &decisions).unwrap().iter().find(|f| f.metric == metric).unwrap().value
}

/// What each class can reach at best, by the code's constants: deterministic predictions 1, Gaussians of exact moments 0.5461.
#[test]
fn baselines_of_the_allocation_are_the_known_ones() {
    let known = [
        (1, Returns::CODE, 0.9125712, 1e-7, 2.36611, 1e-5),
        (10, Returns::CODE, 0.4005599, 1e-7, 5499.9, 0.1),
        (1, Returns::PAPER, 0.9927025, 1e-7, f64::NAN, 0.0),
    ];
    for (products, returns, optimum, unit, mean, mean_unit) in known {
        let task = AllocationTask::new(products, returns).unwrap();
        let data = load(&task, 2000, 20);
        let population = |method: &str| figure(&task, &data, method, "population_cost");
        assert_digits(population("population_optimum"), optimum, unit);
        assert_eq!(population("zero"), 1.0);
        assert!(mean.is_nan() || (population("exact_mean") - mean).abs() <= 0.5 * mean_unit);
        // M times the excess of a sample average is about a chi-square of d degrees of freedom times the variance of its gradient over
        // twice the curvature, here with 1e-4 in its tail.
        let (d, z) = (products as i32, returns.optimum(2.0));
        let variance = returns.derivatives(2.0 * z).1 * returns.expected_cost(2.0 * z).powi(d - 1);
        let curvature = returns.derivatives(z).1 * returns.expected_cost(z).powi(d - 1);
        let (excess, unit) = (population("saa") - optimum, variance / (2.0 * curvature * 2000.0));
        println!("d = {d}: excess {excess:.5}, expected {:.5}", unit * f64::from(d));
        assert!(excess > 0.0 && excess < unit * if d == 1 { 15.1 } else { 35.6 }, "{products}: {excess}, unit {unit}");
        let best = task.baselines().iter().map(|method| population(method)).fold(f64::INFINITY, f64::min);
        assert_eq!(best, population("population_optimum"));
    }
    let task = AllocationTask::new(10, Returns::CODE).unwrap();
    assert_digits(figure(&task, &load(&task, 10, 5), "exact_gaussian", "population_cost"), 0.5461, 1e-4);
}

/// The mean over 20000 rows of a decision's cost is its population cost, within 5 standard errors; the first figure is the one of the rows.
#[test]
fn the_population_cost_is_what_rows_cost_in_the_mean() {
    let allocation = AllocationTask::new(2, Returns::CODE).unwrap();
    let inventory = InventoryTask::new(InventoryData { products: 2, seed: 7, ..InventoryData::default() }).unwrap();
    let tasks: [(&dyn Benchmark, &str); 2] = [(&allocation, "exact_gaussian"), (&inventory, "exact_gaussian")];
    for (task, method) in tasks {
        let data = load(task, 10, 20_000);
        let figures = task.figures(&data.test, &task.baseline(method, &data).unwrap()).unwrap();
        assert_eq!([figures[0].metric, figures[1].metric], ["task_loss", "population_cost"]);
        let error = (figures[0].value - figures[1].value).abs() / figures[0].se.unwrap();
        assert!(error < 5.0, "{}: {figures:?}", task.name());
    }
}

/// By the true distribution no row decides better in expectation; a transformation of the features does not change what is true. The order
/// of the classes is that of what they know.
#[test]
fn baselines_of_the_inventory_are_in_order() {
    let task = InventoryTask::new(InventoryData { seed: 7, ..InventoryData::default() }).unwrap();
    let mut data = load(&task, 1000, 2000);
    let population = |data: &Splits, method: &str| figure(&task, data, method, "population_cost");
    let values: Vec<f64> = task.baselines().iter().map(|method| population(&data, method)).collect();
    println!("{:?}: {values:?}", task.baselines());
    let best = task.population_costs(&data.test.ids, &task.baseline("true_distribution", &data).unwrap()).unwrap();
    for method in &task.baselines()[1..] {
        let costs = task.population_costs(&data.test.ids, &task.baseline(method, &data).unwrap()).unwrap();
        assert!(costs.iter().zip(&best).all(|(cost, best)| *cost >= best - 1e-12), "{method}");
    }
    let before = values[0];
    whiten(&mut data).unwrap();
    assert_eq!(population(&data, "true_distribution"), before);
}

/// What a stochastic program decides for many samples of a row's true distribution is what the closed form decides: its cost exceeds the
/// least one by about (spread of the decision)^2 F''/2, of order 1/M.
#[test]
fn the_closed_form_is_the_limit_of_samples() {
    use dfl_solvers::{Batched, Scenarios, StochasticOptions, StochasticProgram};
    let data = InventoryData { seed: 7, ..InventoryData::default() };
    let (task, cost, count) = (InventoryTask::new(data.clone()).unwrap(), InventoryCost::new(1, Prices::OURS), 4000);
    let uncertain = task.uncertain().unwrap();
    let scenarios = Scenarios { count, outcome: 1 };
    let decider =
        Batched::new(StochasticProgram::new(uncertain.cost, uncertain.feasible, scenarios, StochasticOptions::default()).unwrap());
    for row in 0..3 {
        let demand = data.demands(&data.features_of(row)).next().unwrap();
        let mut rng = Rng::seeded(row);
        let samples: Vec<f64> = (0..count)
            .map(|_| {
                let mode = demand.0[usize::from(rng.uniform() >= demand.0[0].weight)];
                mode.mean + mode.deviation * rng.normal()
            })
            .collect();
        let z = dfl_core::decide(&decider, &Batch::from_rows(&[samples]).unwrap(), &[0]).unwrap().0.row(0)[0];
        let (found, least) = (cost.expected(z, &demand.0)[0], cost.expected(cost.expected_optimum(&demand.0), &demand.0)[0]);
        assert!(found >= least && found < least * 1.003, "row {row}: {z} costs {found}, {least} is least");
    }
}

/// With 50 samples of the true distribution decisions of ten products are worse than none at all (cost 1), with 4000 they are within 3 % of
/// the optimum: 1.7 % expected, as measured with a second implementation, whose standard deviation over decisions is 1.2 %, hence 0.3 %
/// over 20.
#[test]
fn decisions_need_thousands_of_samples() {
    use dfl_solvers::{Batched, Scenarios, StochasticOptions, StochasticProgram};
    let task = AllocationTask::new(10, Returns::CODE).unwrap();
    let mean_cost = |count: usize| {
        let (uncertain, scenarios) = (task.uncertain().unwrap(), Scenarios { count, outcome: 10 });
        let program = StochasticProgram::new(uncertain.cost, uncertain.feasible, scenarios, StochasticOptions::default()).unwrap();
        let (_, y) = AllocationData { samples: 20 * count, seed: 8, ..AllocationData::default() }.generate().unwrap();
        let decided = dfl_core::decide(&Batched::new(program), &y.reshape(10 * count).unwrap(), &(0..20).collect::<Vec<_>>()).unwrap().0;
        moments(&decided.iter().map(|z| task.population_cost(z)).collect::<Vec<_>>())
    };
    let (few, many) = (mean_cost(50), mean_cost(4000));
    println!("50 samples: {:.1} ± {:.1}; 4000: {:.4} ± {:.4}", few.0, few.2, many.0, many.2);
    assert!(few.0 > 1.0 && many.0 > 0.4005599 && many.0 < 1.03 * 0.4005599);
}

/// A policy's output is squashed into the box; a decision's wrong width is refused.
#[test]
fn decisions_of_policies_are_in_the_box() {
    let allocation = AllocationTask::new(2, Returns::CODE).unwrap();
    let inventory = InventoryTask::new(InventoryData { products: 2, seed: 7, ..InventoryData::default() }).unwrap();
    let outputs = Batch::from_rows(&[[-800.0, 0.0], [800.0, 1.0]]).unwrap();
    let tasks: [(&dyn Benchmark, f64); 2] = [(&allocation, 2.0), (&inventory, 30.0)];
    for (task, capacity) in tasks {
        let x = dfl_core::decide(&*task.policy().unwrap().unwrap(), &outputs, &[0, 1]).unwrap().0;
        assert_eq!((x.row(0)[0], x.row(0)[1], x.row(1)[0]), (0.0, capacity / 2.0, capacity), "{}", task.name());
    }
    assert!(inventory.population_costs(&[0], &Batch::zeros(1, 3)).is_err());
    assert!(inventory.population_costs(&[0], &Batch::zeros(2, 2)).is_err());
}

/// An energy model integrates over what the stochastic program decides within.
#[test]
fn energies_are_normalised_over_the_feasible_decisions() {
    let inventory = InventoryTask::new(InventoryData { products: 3, ..InventoryData::default() }).unwrap();
    let tasks: [&dyn Benchmark; 2] = [&AllocationTask::new(3, Returns::CODE).unwrap(), &inventory];
    for task in tasks {
        let feasible = task.uncertain().unwrap().feasible;
        assert_eq!(
            (task.support(), feasible.m()),
            (Support::Box { lower: feasible.lo.clone(), upper: feasible.up.clone() }, 0),
            "{}",
            task.name()
        );
    }
}

/// Mean of the worst tenth of the costs of an order, by sorting.
fn worst_tenth(cost: &InventoryCost, demands: &[f64], order: f64) -> f64 {
    let mut costs: Vec<f64> = demands.iter().map(|y| cost.value(&[*y], &[order])).collect();
    costs.sort_by(f64::total_cmp);
    let tenth = costs.len() / 10;
    costs[costs.len() - tenth..].iter().sum::<f64>() / tenth as f64
}

/// The least of a convex function on `[0, 30]`, by ternary search.
fn least(of: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 30.0);
    for _ in 0..200 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if of(a) <= of(b) { high = b } else { low = a }
    }
    of(0.5 * (low + high))
}

/// 200 demands of two modes, where the scenarios that are worst change altogether within one step: seeds 66, 133, 172, 218 and 229 once went
/// round in circles.
#[test]
fn the_worst_tenth_of_two_modes_is_minimised() {
    let (count, cost) = (200, InventoryCost::new(1, Prices::OURS));
    let feasible = Program::linear(vec![0.0]).with_bounds(vec![0.0], vec![30.0]);
    let options = StochasticOptions { risk: Risk::Cvar { tail: 0.1 }, ..StochasticOptions::default() };
    let program = StochasticProgram::new(cost.clone(), feasible, Scenarios { count, outcome: 1 }, options).unwrap();
    let (mut workspace, mut found) = (program.workspace().unwrap(), Solution::default());
    for seed in 0..300 {
        let mut rng = Rng::seeded(seed);
        let low = 3.0 + 10.0 * rng.uniform();
        let high = low + 8.0 * rng.uniform();
        let spread = [0.3 + rng.uniform(), 0.3 + 2.0 * rng.uniform()];
        let mut demand = || if rng.uniform() < 0.6 { low + spread[0] * rng.normal() } else { high + spread[1] * rng.normal() };
        let demands: Vec<f64> = (0..count).map(|_| demand()).collect();
        let info = program.solve(&demands, None, &mut workspace, &mut found).unwrap();
        assert_eq!(info.status, Status::Optimal, "seed {seed}");
        let best = least(|order| worst_tenth(&cost, &demands, order));
        assert!((found.objective - best).abs() < 1e-9 * best, "seed {seed}: {} instead of {best}", found.objective);
    }
}
