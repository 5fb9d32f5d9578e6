//! Optima against closed forms, against linear and quadratic programs in slack form, and against other feasible points.

use dfl_core::{Constraint, CostCurvature, Csc, Curvature, Kink, ParamMap, Program, Risk, Rng, Solution, Solver, Status};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Scenarios, StochasticProgram};
use std::sync::Arc;

use crate::costs::{Allocation, Generation, Loss, Portfolio, Quadratic};
use crate::helpers::*;

fn mean_risk() -> dfl_solvers::StochasticOptions {
    options(Risk::Mean, Curvature::SampleAverage)
}

/// The newsvendor's optimum is the order statistic at the critical ratio; no curvature, so a linear program.
#[test]
fn newsvendor_is_a_quantile() {
    let mut rng = Rng::seeded(1);
    for count in [1, 2, 3, 7, 50, 501] {
        let theta = normals(count, 3.0, 2.0, &mut rng);
        let (under, over) = (7.1, 1.3);
        let solver = program(Generation::new(1, under, over, 0.0), free(1), count, 1, mean_risk());
        let (out, info) = solve(&solver, &theta);
        assert_eq!(info.status, Status::Optimal);
        let mut sorted = theta.clone();
        sorted.sort_by(f64::total_cmp);
        let expected = sorted[(count as f64 * under / (under + over)).ceil() as usize - 1];
        println!("M = {count}: {} quadratic programs", info.iterations);
        assert!((out.x[0] - expected).abs() < 1e-12, "M = {count}: {} against {expected}", out.x[0]);
    }
}

/// A quadratic cost decides the mean; on the ball of radius 1, its projection, with the multiplier `|mean| - 1`.
#[test]
fn quadratic_is_the_mean_and_its_projection() {
    struct Ball;
    impl Constraint for Ball {
        fn value(&self, z: &[f64]) -> f64 {
            0.5 * z.iter().map(|z| z * z).sum::<f64>() - 0.5
        }
        fn grad(&self, z: &[f64], out: &mut [f64]) {
            out.copy_from_slice(z);
        }
        fn add_hess(&self, z: &[f64], w: f64, out: &mut [f64]) {
            (0..z.len()).for_each(|i| out[i * z.len() + i] += w);
        }
    }
    let (n, count, mut rng) = (4, 9, Rng::seeded(2));
    let theta = normals(n * count, 1.0, 0.5, &mut rng);
    let mean: Vec<f64> = (0..n).map(|j| theta.iter().skip(j).step_by(n).sum::<f64>() / count as f64).collect();
    let (out, _) = solve(&program(Quadratic, free(n), count, n, mean_risk()), &theta);
    assert!(out.x.iter().zip(&mean).all(|(x, m)| (x - m).abs() < 1e-14));
    let solver =
        StochasticProgram::constrained(Quadratic, free(n), vec![Arc::new(Ball)], Scenarios { count, outcome: n }, mean_risk()).unwrap();
    let (out, info) = solve(&solver, &theta);
    let norm = mean.iter().map(|m| m * m).sum::<f64>().sqrt();
    assert_eq!(info.status, Status::Optimal);
    assert!(out.x.iter().zip(&mean).all(|(x, m)| (x - m / norm).abs() < 1e-12), "{info:?}");
    assert!((out.row_dual[0] - (norm - 1.0)).abs() < 1e-11);
}

/// `E exp(y'z)` of a Gaussian is `exp(mu z + sigma^2 z^2 / 2)`, so that the entropic risk of `-y z` is least at `T mu / sigma^2`. With the
/// first two moments of the samples exact, what is left is their skewness, below 0.3 % here.
#[test]
fn entropic_risk_of_a_gaussian() {
    let (count, mut rng) = (40_000, Rng::seeded(3));
    let (mu, sigma, t) = (0.3, 1.5, 2.0);
    let mut theta = normals(count, 0.0, 1.0, &mut rng);
    let mean = theta.iter().sum::<f64>() / count as f64;
    let deviation = (theta.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / count as f64).sqrt();
    theta.iter_mut().for_each(|y| *y = mu + sigma * (*y - mean) / deviation);
    let solver = program(Loss, free(1), count, 1, options(Risk::Entropic { temperature: t }, Curvature::SampleAverage));
    let (out, info) = solve(&solver, &theta);
    let exact = t * mu / (sigma * sigma);
    println!("entropic: {} against {exact}, {} quadratic programs", out.x[0], info.iterations);
    assert!((out.x[0] / exact - 1.0).abs() < 3e-3);
}

/// The same program with one slack per sample and kink, and for CVaR one more per sample, solved by the active set.
struct Slack {
    under: f64,
    over: f64,
    curve: f64,
    tail: Option<f64>,
}

impl Slack {
    fn solve(&self, feasible: &Program, theta: &[f64]) -> Solution {
        let n = feasible.n();
        let count = theta.len() / n;
        let share = 1.0 / count as f64;
        let extra = if self.tail.is_some() { 1 + count } else { 0 };
        let (eta, columns) = (n + count * n, n + count * n + extra);
        let (mut a, mut lo, mut up): (Vec<_>, _, _) = (feasible.a.triplets().collect(), feasible.row_lo.clone(), feasible.row_up.clone());
        let mut c = vec![0.0; columns];
        c[..n].copy_from_slice(&feasible.c);
        let mut row = |entries: &[(usize, f64)], least: f64, most: f64| {
            a.extend(entries.iter().map(|&(j, v)| (lo.len(), j, v)));
            lo.push(least);
            up.push(most);
        };
        let jump = self.under + self.over;
        for m in 0..count {
            let slack = |i: usize| n + m * n + i;
            (0..n).for_each(|i| row(&[(i, 1.0), (slack(i), -1.0)], f64::NEG_INFINITY, theta[m * n + i]));
            if let Some(tail) = self.tail {
                let constant: f64 = (0..n).map(|i| self.under * theta[m * n + i]).sum();
                let mut entries: Vec<_> = (0..n).flat_map(|i| [(i, -self.under), (slack(i), jump)]).collect();
                entries.extend([(eta, -1.0), (eta + 1 + m, -1.0)]);
                row(&entries, f64::NEG_INFINITY, -constant);
                (c[eta], c[eta + 1 + m]) = (1.0, share / tail);
            } else {
                for i in 0..n {
                    c[i] -= share * (self.under + self.curve * theta[m * n + i]);
                    c[slack(i)] += share * jump;
                }
            }
        }
        let p: Vec<_> = (0..n).map(|i| (i, i, self.curve)).chain(feasible.p.triplets()).collect();
        let bound = |own: &[f64], with: f64, last: f64| {
            let more = (n..columns).map(|j| if j == eta { last } else { with });
            own.iter().copied().chain(more).collect::<Vec<f64>>()
        };
        let (rows, p) = (lo.len(), Csc::from_triplets(columns, columns, &p).unwrap());
        let whole = Program::linear(c)
            .with_quadratic(p)
            .with_rows(Csc::from_triplets(rows, columns, &a).unwrap(), lo, up)
            .with_bounds(bound(&feasible.lo, 0.0, f64::NEG_INFINITY), bound(&feasible.up, f64::INFINITY, f64::INFINITY));
        let solver = ActiveSet::new(whole, ParamMap::new(0), ActiveSetOptions::default()).unwrap();
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        assert_eq!(solver.solve(&[], None, &mut ws, &mut out).unwrap().status, Status::Optimal);
        out
    }
}

/// The power cost with ramps, and a deterministic quadratic cost on top.
#[test]
fn generation_agrees_with_the_slack_form() {
    let mut rng = Rng::seeded(4);
    for (n, count) in [(1, 4), (3, 5), (5, 8), (8, 6)] {
        for seed in 0..6 {
            let theta = normals(n * count, 1.5, 0.4 + 0.3 * f64::from(seed % 2), &mut rng);
            let mut feasible = if n > 1 { ramps(n, 0.2) } else { free(1) };
            feasible.c = normals(n, 0.0, 1.0, &mut rng);
            let (under, over, curve) = (50.0, 0.5, 1.0);
            let solver = program(Generation::new(n, under, over, curve), feasible.clone(), count, n, mean_risk());
            let (out, info) = solve(&solver, &theta);
            assert_eq!(info.status, Status::Optimal);
            let reference = Slack { under, over, curve, tail: None }.solve(&feasible, &theta);
            let worst = out.x.iter().zip(&reference.x).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-9, "n = {n}, M = {count}: {worst:.1e} after {} quadratic programs", info.iterations);
        }
    }
}

/// CVaR of linear costs and of the newsvendor: linear programs, whose optimum need not be unique, but its value is.
#[test]
fn cvar_agrees_with_its_linear_program() {
    let mut rng = Rng::seeded(5);
    for (n, count) in [(2, 5), (4, 10), (6, 25)] {
        for tail in [0.07, 0.3, 0.5, 1.0] {
            let theta = normals(n * count, 1.0, 2.0, &mut rng);
            let risk = options(Risk::Cvar { tail }, Curvature::SampleAverage);
            let feasible = simplex(n);
            let (out, info) = solve(&program(Loss, feasible.clone(), count, n, risk.clone()), &theta);
            assert_eq!(info.status, Status::Optimal, "n = {n}, M = {count}, tail {tail}");
            // `-y'z` is the generation cost with slopes `under = y`; here the linear program directly.
            let reference = linear_cvar(&feasible, &theta, tail);
            assert!((out.objective - reference).abs() < 1e-10 * (1.0 + reference.abs()), "{} against {reference}", out.objective);
            let feasible = boxed(n, 0.0, 3.0);
            let (out, info) = solve(&program(Generation::new(n, 3.0, 1.0, 0.0), feasible.clone(), count, n, risk), &theta);
            assert_eq!(info.status, Status::Optimal, "newsvendor, n = {n}, M = {count}, tail {tail}");
            let reference = Slack { under: 3.0, over: 1.0, curve: 0.0, tail: Some(tail) }.solve(&feasible, &theta).objective;
            let gap = (out.objective - reference).abs() / (1.0 + reference.abs());
            println!("newsvendor n = {n}, M = {count}, tail {tail}: {gap:.1e}, {} quadratic programs", info.iterations);
            assert!(gap < 1e-9, "{} against {reference}", out.objective);
        }
    }
}

fn linear_cvar(feasible: &Program, theta: &[f64], tail: f64) -> f64 {
    let n = feasible.n();
    let count = theta.len() / n;
    let columns = n + 1 + count;
    let (mut a, mut lo, mut up): (Vec<_>, _, _) = (feasible.a.triplets().collect(), feasible.row_lo.clone(), feasible.row_up.clone());
    for m in 0..count {
        a.extend((0..n).map(|j| (lo.len(), j, -theta[m * n + j])));
        a.extend([(lo.len(), n, -1.0), (lo.len(), n + 1 + m, -1.0)]);
        lo.push(f64::NEG_INFINITY);
        up.push(0.0);
    }
    let mut c = vec![1.0 / (tail * count as f64); columns];
    c[..n].fill(0.0);
    c[n] = 1.0;
    let (mut low, mut high) = (vec![0.0; columns], vec![f64::INFINITY; columns]);
    low[..n].copy_from_slice(&feasible.lo);
    high[..n].copy_from_slice(&feasible.up);
    low[n] = f64::NEG_INFINITY;
    let rows = lo.len();
    let whole = Program::linear(c).with_rows(Csc::from_triplets(rows, columns, &a).unwrap(), lo, up).with_bounds(low, high);
    let solver = ActiveSet::new(whole, ParamMap::new(0), ActiveSetOptions::default()).unwrap();
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    assert_eq!(solver.solve(&[], None, &mut ws, &mut out).unwrap().status, Status::Optimal);
    out.objective
}

/// The objective by its definition.
fn objective<C: CostCurvature>(cost: &C, feasible: &Program, risk: Risk, theta: &[f64], count: usize, z: &[f64]) -> f64 {
    let costs: Vec<f64> = theta.chunks(theta.len() / count).map(|y| cost.value(y, z)).collect();
    risk.gradient(&costs, &mut vec![0.0; count]) + feasible.objective(z)
}

/// Every risk with every kind of cost: no feasible point nearby or far is better.
#[test]
fn no_other_feasible_point_is_better() {
    let (n, count, mut rng) = (4, 12, Rng::seeded(6));
    let risks = [Risk::Mean, Risk::Cvar { tail: 0.35 }, Risk::MeanVariance { weight: 0.05 }, Risk::Entropic { temperature: 2.0 }];
    let total = Kink { a: vec![1.0; n], b: vec![0.5; n], offset: 0.1, below: -1.0, above: 2.0 };
    let again = Kink { a: vec![-2.0; n], b: vec![0.3; n], offset: 0.0, below: -0.5, above: 0.7 };
    for risk in risks {
        let theta = normals(n * count, 0.5, 1.0, &mut rng);
        let feasible = boxed(n, -1.0, 2.0);
        check_best(&Allocation, &feasible, risk, &theta, count, &mut rng);
        check_best(&Portfolio(1.5), &feasible, risk, &theta, count, &mut rng);
        check_best(&Quadratic, &feasible, risk, &theta, count, &mut rng);
        let bent = Generation::new(n, 3.0, 1.0, 0.4).with(&[total.clone(), again.clone()]);
        check_best(&bent, &feasible, risk, &theta, count, &mut rng);
    }
}

fn check_best<C: CostCurvature + Clone>(cost: &C, feasible: &Program, risk: Risk, theta: &[f64], count: usize, rng: &mut Rng) {
    let n = feasible.n();
    let solver = program(cost.clone(), feasible.clone(), count, n, options(risk, Curvature::SampleAverage));
    let (out, info) = solve(&solver, theta);
    assert_eq!(info.status, Status::Optimal, "{risk:?}");
    let best = objective(cost, feasible, risk, theta, count, &out.x);
    assert!((best - out.objective).abs() < 1e-11 * (1.0 + best.abs()));
    for k in 0..400 {
        let share = 0.3_f64.powi(k % 12);
        let other: Vec<f64> = out
            .x
            .iter()
            .zip(&feasible.lo)
            .zip(&feasible.up)
            .map(|((x, lo), up)| x + share * (lo + (up - lo) * rng.uniform() - x))
            .collect();
        let value = objective(cost, feasible, risk, theta, count, &other);
        assert!(value >= best - 1e-12 * (1.0 + best.abs()), "{risk:?}: {value} < {best} at share {share}");
    }
}

/// From an earlier answer the same optimum, in fewer steps; a start outside the polyhedron is projected.
#[test]
fn warm_starts_reach_the_same_optimum() {
    let (n, count, mut rng) = (8, 30, Rng::seeded(7));
    let theta = normals(n * count, 1.5, 0.3, &mut rng);
    let near: Vec<f64> = theta.iter().map(|y| y + 1e-3 * rng.normal()).collect();
    let solver = program(Generation::new(n, 50.0, 0.5, 1.0), ramps(n, 0.4), count, n, mean_risk());
    let (first, _) = solve(&solver, &theta);
    let (cold, cold_info) = solve(&solver, &near);
    let (mut ws, mut warm) = (solver.workspace().unwrap(), Solution::default());
    let info = solver.solve(&near, Some(&first), &mut ws, &mut warm).unwrap();
    println!("{} quadratic programs cold, {} warm", cold_info.iterations, info.iterations);
    assert!(warm.x.iter().zip(&cold.x).all(|(a, b)| (a - b).abs() < 1e-11) && info.iterations <= cold_info.iterations);
    let far = Solution { x: (0..n).map(|j| if j % 2 == 0 { 100.0 } else { -100.0 }).collect(), ..first };
    solver.solve(&near, Some(&far), &mut ws, &mut warm).unwrap();
    assert!(warm.x.iter().zip(&cold.x).all(|(a, b)| (a - b).abs() < 1e-10));
}

/// A quadratic smooth part and kinks along coordinates, no row tight: the descent along coordinates ends at the answer, which one quadratic
/// program confirms, warm or cold, whichever way kinks look and whether or not the coordinates are coupled.
#[test]
fn coordinates_lead_to_the_answer() {
    let (n, count, mut rng) = (6, 40, Rng::seeded(10));
    let theta = normals(n * count, 1.5, 0.3, &mut rng);
    let unit = |j: usize, a: f64| (0..n).map(|i| if i == j { a } else { 0.0 }).collect::<Vec<f64>>();
    let mirrored = |j: usize| Kink { a: unit(j, -2.0), b: unit(j, -2.0), offset: 0.3, below: -1.0, above: 4.0 };
    let kinks: Vec<Kink> = (0..n).map(mirrored).collect();
    let upper: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j, if i == j { 2.0 } else { 0.3 }))).collect();
    let coupled = boxed(n, 0.0, 1.9).with_quadratic(Csc::from_triplets(n, n, &upper).unwrap());
    let generation = |hours| Generation::new(hours, 50.0, 0.5, 1.0);
    for cost in [generation(n), generation(n).with(&kinks), generation(0).with(&kinks)] {
        for feasible in [boxed(n, 0.0, 1.9), coupled.clone()] {
            let solver = program(cost.clone(), feasible.clone(), count, n, mean_risk());
            let (out, info) = solve(&solver, &theta);
            assert_eq!((info.status, info.iterations), (Status::Optimal, 1));
            check_best(&cost, &feasible, Risk::Mean, &theta, count, &mut rng);
            let (mut ws, mut warm) = (solver.workspace().unwrap(), Solution::default());
            let from = Solution { x: vec![0.2; n], ..out.clone() };
            assert_eq!(solver.solve(&theta, Some(&from), &mut ws, &mut warm).unwrap().iterations, 1);
            assert!(warm.x.iter().zip(&out.x).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }
}

/// Breakpoints that coincide with bounds, with each other and over all samples.
#[test]
fn coinciding_breakpoints() {
    let theta = [0.0, 1.0, 0.0, 1.0, 2.0, 2.0, 0.0, 0.0, 1.0, 1.0];
    let solver = program(Generation::new(2, 2.0, 1.0, 0.1), boxed(2, 0.0, 1.0), 5, 2, mean_risk());
    let (out, info) = solve(&solver, &theta);
    let mut rng = Rng::seeded(8);
    assert_eq!(info.status, Status::Optimal);
    check_best(&Generation::new(2, 2.0, 1.0, 0.1), &boxed(2, 0.0, 1.0), Risk::Mean, &theta, 5, &mut rng);
    let same = [0.7; 6];
    let (out2, _) = solve(&program(Generation::new(2, 2.0, 1.0, 0.1), free(2), 3, 2, mean_risk()), &same);
    assert!(out.x.iter().all(|x| x.is_finite()) && out2.x.iter().all(|x| (x - 0.7).abs() < 1e-13));
}

/// The size of the published task, many days: every one is solved, and what is pinned is stationary to rounding.
#[test]
fn every_day_of_24_hours_and_50_samples_is_solved() {
    let (n, count, mut rng) = (24, 50, Rng::seeded(9));
    for risk in [Risk::Mean, Risk::Cvar { tail: 0.2 }, Risk::Entropic { temperature: 20.0 }, Risk::MeanVariance { weight: 1e-3 }] {
        let solver = program(Generation::new(n, 50.0, 0.5, 1.0), ramps(n, 0.4), count, n, options(risk, Curvature::SampleAverage));
        let (mut ws, mut out, mut steps) = (solver.workspace().unwrap(), Solution::default(), 0);
        let days = if risk == Risk::Mean { 60 } else { 8 };
        for day in 0..days {
            let sigma = 0.02 * 2_f64.powi(day % 6);
            let theta: Vec<f64> = (0..n * count).map(|k| 1.5 + 0.5 * (0.26 * (k % n) as f64).sin() + sigma * rng.normal()).collect();
            let info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
            assert_eq!(info.status, Status::Optimal, "{risk:?}, day {day}");
            steps += info.iterations;
        }
        println!("{risk:?}: {:.1} quadratic programs a day", f64::from(steps as u32) / f64::from(days));
    }
}
