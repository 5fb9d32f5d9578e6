//! The search for the multiplier of one quadratic row against Clarabel, closed forms and the optimality conditions.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed unwrap is a failed test; measured numbers are printed")]

use dfl_core::{Cone, Csc, Entry, Error, ParamMap, Program, Residuals, Rng, Side, Solution, SolveInfo, Solver, Status};
use dfl_solvers::{RiskBudget, RiskBudgetOptions};

const INF: f64 = f64::INFINITY;

/// The portfolio of PyEPO: maximise `r'x` within `sum x = 1` (or at most 1), `x >= 0` and `x' S x <= gamma`, with the covariance
/// `S = L L' + noise^2 I` of four factors and `gamma` a multiple of its mean.
fn portfolio(n: usize, level: f64, share: f64, whole: bool, rng: &mut Rng) -> Program {
    let factors = 4;
    let mut entries: Vec<_> = (0..factors * n).map(|k| (k / n, k % n, 0.0025 * level * (2.0 * rng.uniform() - 1.0))).collect();
    entries.extend((0..n).map(|j| (factors + j, j, 0.01 * level)));
    let f = Csc::from_triplets(factors + n, n, &entries).unwrap();
    let (mut ones, mut total) = (vec![0.0; factors + n], 0.0);
    f.mul_add(1.0, &vec![1.0; n], &mut ones);
    total += ones.iter().map(|v| v * v).sum::<f64>();
    let gamma = share * total / (n * n) as f64;
    let cone = Cone { g: vec![0.0; factors + n], d: vec![0.0; n], e: gamma.sqrt(), f };
    let row = Csc::from_triplets(1, n, &(0..n).map(|j| (0, j, 1.0)).collect::<Vec<_>>()).unwrap();
    let lo = if whole { 1.0 } else { -INF };
    Program {
        cones: vec![cone],
        ..Program::linear(vec![0.0; n]).with_rows(row, vec![lo], vec![1.0]).with_bounds(vec![0.0; n], vec![INF; n])
    }
}

/// Costs `-r` of random returns around a tenth.
fn costs(n: usize, rng: &mut Rng) -> Vec<f64> {
    (0..n).map(|_| -0.1 - 0.05 * rng.normal()).collect()
}

fn oracle(program: &Program) -> RiskBudget {
    RiskBudget::new(program.clone(), ParamMap::costs(program.n()), RiskBudgetOptions::default()).unwrap()
}

fn solve(solver: &impl Solver, theta: &[f64]) -> (SolveInfo, Solution) {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
    (info, out)
}

fn worst(program: &Program, theta: &[f64], out: &Solution) -> f64 {
    Residuals::of(&Program { c: theta.to_vec(), ..program.clone() }, out).worst()
}

/// Two assets of variance 1 and 4 without correlation, returns 0 and 1: all risk that is allowed goes into the second.
/// (1-s)^2 + 4 s^2 = 2 has the root s = (1 + sqrt 6) / 5; on x + y = 1: c + mu S x / |..| + l = 0 gives
/// mu = e / (4 s - (1 - s)) = e / (5 s - 1).
#[test]
fn two_assets_by_hand() {
    let cone = Cone { f: Csc::diagonal(&[1.0, 2.0]), g: vec![0.0; 2], d: vec![0.0; 2], e: 2.0_f64.sqrt() };
    let row = Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap();
    let program = Program {
        cones: vec![cone],
        ..Program::linear(vec![0.0; 2]).with_rows(row, vec![1.0], vec![1.0]).with_bounds(vec![0.0; 2], vec![INF; 2])
    };
    let (info, out) = solve(&oracle(&program), &[0.0, -1.0]);
    let s = (1.0 + 6.0_f64.sqrt()) / 5.0;
    assert_eq!((info.status, out.cone_side[0]), (Status::Optimal, Side::Upper));
    assert!((out.x[0] - (1.0 - s)).abs() < 1e-13 && (out.x[1] - s).abs() < 1e-13, "{:?}", out.x);
    assert!((out.cone_dual[0] - 2.0_f64.sqrt() / (5.0 * s - 1.0)).abs() < 1e-12);
    assert!((out.objective + s).abs() < 1e-13);
}

/// Risk that is never binding leaves the linear program: everything into the best asset. It is told from a binding one by its
/// multiplier.
#[test]
fn a_budget_that_is_not_spent() {
    let mut rng = Rng::seeded(1);
    for n in [1, 2, 7, 50] {
        let program = portfolio(n, 1.0, 1e3, true, &mut rng);
        let theta = costs(n, &mut rng);
        let best = theta.iter().copied().fold(INF, f64::min);
        let (info, out) = solve(&oracle(&program), &theta);
        assert_eq!((info.status, out.cone_side[0], info.degenerate), (Status::Optimal, Side::Free, false), "n = {n}");
        assert!((out.objective - best).abs() < 1e-14 && out.cone_dual.iter().all(|v| *v == 0.0));
        assert!(worst(&program, &theta, &out) < 1e-12);
    }
}

/// Nothing pays: at most the whole is invested, so nothing is; if all must be, the least bad mix is found.
#[test]
fn returns_that_are_all_negative() {
    let mut rng = Rng::seeded(2);
    for whole in [false, true] {
        let program = portfolio(20, 1.0, 2.25, whole, &mut rng);
        let theta: Vec<f64> = costs(20, &mut rng).iter().map(|c| c.abs()).collect();
        let (info, out) = solve(&oracle(&program), &theta);
        assert_eq!(info.status, Status::Optimal);
        assert!(worst(&program, &theta, &out) < 1e-10);
        assert_eq!(out.x.iter().all(|x| x.abs() < 1e-12), !whole);
    }
}

/// Less than the least risk there is, exactly that much plus a little, and no risk while nothing need be invested.
#[test]
fn a_tiny_budget() {
    let mut rng = Rng::seeded(3);
    let program = portfolio(10, 1.0, 1.0, true, &mut rng);
    let theta = costs(10, &mut rng);
    let least = {
        // The point of least risk minimises over t = 0: all costs zero and a budget that is not spent.
        let (_, out) = solve(&oracle(&program), &[0.0; 10]);
        let mut value = program.cones[0].g.clone();
        program.cones[0].f.mul_add(1.0, &out.x, &mut value);
        value.iter().map(|v| v * v).sum::<f64>().sqrt()
    };
    let with = |e: f64| {
        let mut program = program.clone();
        program.cones[0].e = e;
        let (info, out) = solve(&oracle(&program), &theta);
        (info.status, worst(&program, &theta, &out))
    };
    assert_eq!(with(0.999 * least).0, Status::Infeasible);
    let (status, residual) = with((1.0 + 1e-6) * least);
    assert!(status == Status::Optimal && residual < 1e-10, "{status} {residual}");
    let mut open = portfolio(10, 1.0, 1.0, false, &mut rng);
    open.cones[0].e = 1e-9;
    let (info, out) = solve(&oracle(&open), &theta);
    assert_eq!(info.status, Status::Optimal);
    assert!(worst(&open, &theta, &out) < 1e-10 && out.x.iter().sum::<f64>() < 1e-6 && out.objective < 0.0);
}

/// Costs that are all zero make every point within the budget optimal, and the derivative one of many.
#[test]
fn no_costs_are_degenerate() {
    let program = portfolio(5, 1.0, 2.25, true, &mut Rng::seeded(4));
    let (info, out) = solve(&oracle(&program), &[0.0; 5]);
    assert!(info.status == Status::Optimal && info.degenerate);
    assert_eq!((out.objective, worst(&program, &[0.0; 5], &out) < 1e-12), (0.0, true));
}

/// A budget that the least risk exceeds by an ulp is kept up to rounding; by a thousandth, it is not.
#[test]
fn a_budget_that_only_the_least_risk_keeps() {
    let program = portfolio(5, 1.0, 2.25, true, &mut Rng::seeded(4));
    let (_, least) = solve(&oracle(&program), &[0.0; 5]);
    let mut value = vec![0.0; program.cones[0].g.len()];
    program.cones[0].f.mul_add(1.0, &least.x, &mut value);
    let norm = value.iter().map(|v| v * v).sum::<f64>().sqrt();
    let with = |e: f64| {
        let mut program = program.clone();
        program.cones[0].e = e;
        solve(&oracle(&program), &[0.0; 5])
    };
    let (info, out) = with(norm * (1.0 - 4.0 * f64::EPSILON));
    assert_eq!((info.status, info.degenerate), (Status::Optimal, true));
    assert!(out.x.iter().zip(&least.x).all(|(a, b)| (a - b).abs() < 1e-12));
    assert_eq!(with(0.999 * norm).0.status, Status::Infeasible);
}

/// Without costs too, a warm solve begins at the answer that it is given, not at what the workspace solved before.
#[test]
fn a_warm_start_without_costs_forgets_the_workspace() {
    let mut rng = Rng::seeded(9);
    let program = portfolio(20, 1.0, 2.25, true, &mut rng);
    let solver = oracle(&program);
    let (other, from) = (costs(20, &mut rng), solve(&solver, &costs(20, &mut rng)).1);
    let warm = |before: Option<&[f64]>| {
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        before.map(|theta| solver.solve(theta, None, &mut ws, &mut out).unwrap());
        (solver.solve(&[0.0; 20], Some(&from), &mut ws, &mut out).unwrap(), out)
    };
    assert_eq!(warm(None), warm(Some(&other)));
}

/// From the answer to a neighbour: the same point, and fewer inner programs and steps in them.
#[test]
fn a_warm_start_gives_the_same_point() {
    let (mut rng, mut cold_steps, mut warm_steps) = (Rng::seeded(5), 0, 0);
    let program = portfolio(50, 1.0, 2.25, true, &mut rng);
    let solver = oracle(&program);
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    for _ in 0..50 {
        let theta = costs(50, &mut rng);
        let near: Vec<f64> = theta.iter().map(|c| c + 1e-4 * rng.normal()).collect();
        let (cold, expected) = solve(&solver, &theta);
        let (_, from) = solve(&solver, &near);
        let warm = solver.solve(&theta, Some(&from), &mut ws, &mut out).unwrap();
        assert_eq!(warm.status, Status::Optimal);
        let off = out.x.iter().zip(&expected.x).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-10, "{off}");
        (cold_steps, warm_steps) = (cold_steps + cold.iterations, warm_steps + warm.iterations);
        let bad = Solution { x: vec![f64::NAN; 50], ..from };
        assert_eq!(solver.solve(&theta, Some(&bad), &mut ws, &mut out).unwrap(), cold);
        assert_eq!(out, expected);
    }
    println!("iterations of 50: {cold_steps} cold, {warm_steps} warm");
    assert!(2 * warm_steps < cold_steps);
}

/// The derivative of the optimal value in the costs is the decision, and in the bound of the norm minus the multiplier: central
/// differences of the oracle alone.
#[test]
fn multipliers_are_derivatives_of_the_value() {
    let (mut rng, step, mut off) = (Rng::seeded(6), 1e-6, 0.0_f64);
    for _ in 0..20 {
        let program = portfolio(12, 1.0, 2.25, true, &mut rng);
        let theta = costs(12, &mut rng);
        let (_, out) = solve(&oracle(&program), &theta);
        for j in 0..12 {
            let at = |h: f64| {
                let mut moved = theta.clone();
                moved[j] += h;
                solve(&oracle(&program), &moved).1.objective
            };
            off = off.max(((at(step) - at(-step)) / (2.0 * step) - out.x[j]).abs());
        }
        let at = |h: f64| {
            let mut moved = program.clone();
            moved.cones[0].e *= 1.0 + h;
            solve(&oracle(&moved), &theta).1.objective
        };
        let slope = (at(step) - at(-step)) / (2.0 * step * program.cones[0].e);
        off = off.max((slope + out.cone_dual[0]).abs() / (1.0 + slope.abs()));
    }
    println!("envelope against central differences: {off:.1e}");
    assert!(off < 1e-6, "{off}");
}

#[test]
fn what_it_does_not_take_is_refused() {
    let good = || portfolio(3, 1.0, 2.25, true, &mut Rng::seeded(7));
    let refuse = |program: Program| RiskBudget::new(program, ParamMap::costs(3), RiskBudgetOptions::default()).unwrap_err().to_string();
    assert!(refuse(good().with_integers(vec![true; 3])).contains("integer variables"));
    assert!(refuse(good().with_quadratic(Csc::diagonal(&[1.0; 3]))).contains("a quadratic objective"));
    assert!(refuse(Program { cones: vec![], ..good() }).contains("another number of cone rows than one"));
    let spoiled = |spoil: fn(&mut Cone)| {
        let mut program = good();
        spoil(&mut program.cones[0]);
        refuse(program)
    };
    assert!(spoiled(|c| c.d[0] = 1.0).contains("not constant"));
    assert!(spoiled(|c| c.e = 0.0).contains("above 0"));
    assert!(spoiled(|c| c.g[1] = f64::NAN).contains("cone g"));
    let single = |c: &mut Cone| (c.f, c.g) = (Csc::from_triplets(1, 3, &[(0, 0, 1.0)]).unwrap(), vec![0.0]);
    assert!(spoiled(single).contains("dependent columns"));
    let moved = ParamMap::new(1).link(Entry::RowUp(0), 0, 1.0);
    assert!(matches!(RiskBudget::new(good(), moved, RiskBudgetOptions::default()), Err(Error::Unsupported { .. })));
    let (solver, mut out) = (oracle(&good()), Solution::default());
    let mut ws = solver.workspace().unwrap();
    let nan = solver.solve(&[0.0, f64::NAN, 0.0], None, &mut ws, &mut out);
    assert!(matches!(nan, Err(Error::NotFinite { what: "theta", column: 1, .. })));
}

#[test]
fn limits_leave_no_answer() {
    let mut rng = Rng::seeded(8);
    let (program, theta) = (portfolio(20, 1.0, 2.25, true, &mut rng), costs(20, &mut rng));
    let one = RiskBudgetOptions { iterations: 1, ..Default::default() };
    let none = RiskBudgetOptions { seconds: Some(0.0), ..Default::default() };
    for options in [one, none] {
        let (info, out) = solve(&RiskBudget::new(program.clone(), ParamMap::costs(20), options).unwrap(), &theta);
        assert_eq!((info.status, out), (Status::Limit, Solution::like(&program)));
    }
}

#[cfg(feature = "clarabel")]
mod against_clarabel {
    use super::*;
    use dfl_solvers::{Clarabel, ClarabelOptions};

    /// 300 instances of all sizes and budgets, and both kinds of them: values, points and multipliers.
    #[test]
    fn values_points_and_multipliers_agree() {
        let mut rng = Rng::seeded(9);
        let (mut value, mut point, mut multiplier, mut own, mut tight, mut steps) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64, 0, 0);
        for k in 0..300 {
            let (n, level) = ([2, 5, 10, 25, 50][k % 5], [0.1, 1.0, 5.0][k % 3]);
            let program = portfolio(n, level, 1.0 + 4.0 * rng.uniform(), k % 2 == 0, &mut rng);
            let theta = costs(n, &mut rng);
            let (info, ours) = solve(&oracle(&program), &theta);
            let conic = Clarabel::new(program.clone(), ParamMap::costs(n), ClarabelOptions::default()).unwrap();
            let (other, theirs) = solve(&conic, &theta);
            assert_eq!((info.status, other.status), (Status::Optimal, Status::Optimal), "instance {k}");
            value = value.max((ours.objective - theirs.objective).abs() / ours.objective.abs());
            let off = ours.x.iter().zip(&theirs.x).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            point = point.max(off);
            multiplier = multiplier.max((ours.cone_dual[0] - theirs.cone_dual[0]).abs() / (1.0 + ours.cone_dual[0]));
            own = own.max(worst(&program, &theta, &ours));
            tight += usize::from(ours.cone_side[0] == Side::Upper);
            steps += info.iterations;
        }
        println!("300 portfolios, {tight} with the budget spent: value {value:.1e}, x {point:.1e}, multiplier {multiplier:.1e}");
        println!("own residual {own:.1e}, iterations {:.1} each", steps as f64 / 300.0);
        assert!(tight > 200 && tight < 300, "{tight}");
        assert!(value < 1e-8 && own < 1e-10, "{value:.1e} {own:.1e}");
        assert!(point < 1e-6 && multiplier < 1e-6, "{point:.1e} {multiplier:.1e}");
    }

    /// Milliseconds of both on the portfolio of 50 assets: `cargo test --release ... -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn time_of_both() {
        let mut rng = Rng::seeded(10);
        let program = portfolio(50, 1.0, 2.25, true, &mut rng);
        let thetas: Vec<Vec<f64>> = (0..200).map(|_| costs(50, &mut rng)).collect();
        let conic = Clarabel::new(program.clone(), ParamMap::costs(50), ClarabelOptions::default()).unwrap();
        let search = oracle(&program);
        let milliseconds = |run: &mut dyn FnMut(&[f64])| {
            let start = std::time::Instant::now();
            thetas.iter().for_each(|theta| run(theta));
            start.elapsed().as_secs_f64() * 1e3 / thetas.len() as f64
        };
        let (mut ws, mut out) = (search.workspace().unwrap(), Solution::default());
        let ours = milliseconds(&mut |theta| assert!(search.solve(theta, None, &mut ws, &mut out).unwrap().status.usable()));
        let mut from = out.clone();
        let warm = milliseconds(&mut |theta| {
            search.solve(theta, Some(&from), &mut ws, &mut out).unwrap();
            from.clone_from(&out);
        });
        let (mut ws, mut out) = (conic.workspace().unwrap(), Solution::default());
        let theirs = milliseconds(&mut |theta| assert!(conic.solve(theta, None, &mut ws, &mut out).unwrap().status.usable()));
        println!("50 assets: search {ours:.3} ms, from another instance's answer {warm:.3} ms, Clarabel {theirs:.3} ms");
    }
}
