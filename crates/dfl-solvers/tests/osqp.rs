//! OSQP with its polish: optima by hand, the optimality conditions, a second solver, and answers that depend on `theta` alone.
#![cfg(feature = "osqp")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_core::testkit::{random_qp, vjp_error};
use dfl_core::{Cone, Csc, Entry, Error, ParamMap, Program, ProgramSolver, Residuals, Rng, Side, Solution, SolveInfo, Solver, Status};
use dfl_solvers::{Kkt, Osqp, OsqpOptions};

const INF: f64 = f64::INFINITY;

fn osqp(program: Program, params: ParamMap) -> Osqp {
    Osqp::new(program, params, OsqpOptions::default()).unwrap()
}

fn solve(solver: &Osqp, theta: &[f64]) -> (SolveInfo, Solution) {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
    (info, out)
}

fn status(program: Program) -> Status {
    solve(&osqp(program, ParamMap::new(0)), &[]).0.status
}

/// Scheduling of `hours` with generation `z`, shortage `s` and excess `t`: `z - t + s = y`, ramps of at most 0.4,
/// minimise `50 s + 0.5 t + 1/2 (z - y)^2` without its constant. `y` is theta.
fn power(hours: usize) -> Osqp {
    let mut triplets = Vec::new();
    for i in 0..hours {
        triplets.extend([(i, i, 1.0), (i, hours + i, -1.0), (i, 2 * hours + i, 1.0)]);
    }
    for i in 1..hours {
        triplets.extend([(hours + i - 1, i, 1.0), (hours + i - 1, i - 1, -1.0)]);
    }
    let rows = 2 * hours - 1;
    let with = |n: usize, head: f64, tail: f64| (0..rows).map(|i| if i < n { head } else { tail }).collect::<Vec<_>>();
    let cost = (0..3 * hours).map(|j| [0.0, 0.5, 50.0][j / hours]).collect();
    let mut lo = vec![-INF; hours];
    lo.extend(vec![0.0; 2 * hours]);
    let curvature: Vec<_> = (0..hours).map(|j| (j, j, 1.0)).collect();
    let program = Program::linear(cost)
        .with_quadratic(Csc::from_triplets(3 * hours, 3 * hours, &curvature).unwrap())
        .with_rows(Csc::from_triplets(rows, 3 * hours, &triplets).unwrap(), with(hours, 0.0, -0.4), with(hours, 0.0, 0.4))
        .with_bounds(lo, vec![INF; 3 * hours]);
    let params = (0..hours).fold(ParamMap::new(hours), |map, i| map.rhs(i, i, 1.0).link(Entry::C(i), i, -1.0));
    osqp(program, params)
}

/// A day with a peak in the evening and noise, as the real ones have.
fn demand(hours: usize, rng: &mut Rng) -> Vec<f64> {
    (0..hours).map(|i| 1.5 + 0.6 * (i as f64 / 3.8).sin() + 0.3 * rng.normal()).collect()
}

/// min 1/2 (x - 2)^2 + 1/2 (y + 1)^2, x + y = 0, x <= 1: (1, -1); with multipliers l of the row and n of the bound,
/// -1 + l + n = 0 and 0 + l = 0, so l = 0 and n = 1. The constant 5/2 counts.
#[test]
fn a_quadratic_program_by_hand() {
    let a = Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap();
    let mut program = Program::linear(vec![-2.0, 1.0])
        .with_quadratic(Csc::diagonal(&[1.0, 1.0]))
        .with_rows(a, vec![0.0], vec![0.0])
        .with_bounds(vec![-INF; 2], vec![1.0, INF]);
    program.r = 2.5;
    let (info, out) = solve(&osqp(program, ParamMap::new(0)), &[]);
    assert_eq!(info.status, Status::Optimal);
    assert!(out.x[0] == 1.0 && (out.x[1] + 1.0).abs() < 1e-14, "{:?}", out.x);
    assert!(out.row_dual[0].abs() < 1e-13 && (out.bound_dual[0] - 1.0).abs() < 1e-13);
    assert_eq!((out.row_side[0], out.bound_side[0], out.bound_side[1]), (Side::Upper, Side::Upper, Side::Free));
    assert!((out.objective - 0.5).abs() < 1e-14);
}

/// min 1/2 x^2 - x, x >= 1: the bound is tight and its multiplier zero.
#[test]
fn a_zero_dual_is_degenerate() {
    let program = Program::linear(vec![-1.0]).with_quadratic(Csc::diagonal(&[1.0])).with_bounds(vec![1.0], vec![INF]);
    let (info, out) = solve(&osqp(program, ParamMap::new(0)), &[]);
    assert_eq!(info.status, Status::Optimal);
    assert!(info.degenerate && (out.x[0] - 1.0).abs() < 1e-10);
}

/// min 1/2 x'x - c'x over no constraint at all, and over one that is not tight.
#[test]
fn an_unconstrained_optimum() {
    let program = Program::linear(vec![-3.0, 1.0]).with_quadratic(Csc::diagonal(&[1.0, 1.0]));
    assert_eq!(solve(&osqp(program.clone(), ParamMap::new(0)), &[]).1.x, [3.0, -1.0]);
    let (info, out) = solve(&osqp(program.with_bounds(vec![-9.0; 2], vec![9.0; 2]), ParamMap::new(0)), &[]);
    assert!((out.x[0] - 3.0).abs() + (out.x[1] + 1.0).abs() < 1e-14);
    assert!(!info.degenerate);
}

/// The optimum is known by construction; a residual of 1e-12 shows that the polish got to rounding.
#[test]
fn random_programs_are_solved_to_rounding() {
    let (mut rng, mut worst, mut off) = (Rng::seeded(1), 0.0_f64, 0.0_f64);
    for _ in 0..400 {
        let (n, m) = (2 + rng.below(20), 1 + rng.below(30));
        let parametric = random_qp(n, m, &mut rng);
        let solver = osqp(parametric.base, parametric.params);
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        let info = solver.solve(&parametric.theta, None, &mut ws, &mut out).unwrap();
        assert_eq!(info.status, Status::Optimal);
        let program = solver.program(&ws);
        worst = worst.max(Residuals::of(program, &out).worst());
        off = out.x.iter().zip(&parametric.solution.x).fold(off, |a, (x, known)| a.max((x - known).abs()));
        check_signs(program, &out);
    }
    assert!(worst < 1e-12 && off < 1e-10, "{worst} {off}");
}

/// Signs, sides and feasibility, written out.
fn check_signs(program: &Program, out: &Solution) {
    let mut ax = vec![0.0; program.m()];
    program.a.mul_add(1.0, &out.x, &mut ax);
    let rows = (&ax, &program.row_lo, &program.row_up, &out.row_dual, &out.row_side);
    for (value, lo, up, dual, side) in [rows, (&out.x, &program.lo, &program.up, &out.bound_dual, &out.bound_side)] {
        for i in 0..value.len() {
            assert!(value[i] >= lo[i] - 1e-9 && value[i] <= up[i] + 1e-9);
            match side[i] {
                Side::Free => assert_eq!(dual[i], 0.0),
                Side::Lower => assert!(dual[i] < 1e-8 && (value[i] - lo[i]).abs() < 1e-9 && lo[i] < up[i]),
                Side::Upper => assert!((dual[i] > -1e-8 || lo[i] == up[i]) && (value[i] - up[i]).abs() < 1e-9),
            }
        }
    }
}

/// Semidefinite P of low rank and redundant rows: several multipliers, maybe several optima, one value.
#[test]
fn semidefinite_and_redundant_programs_are_solved() {
    let mut rng = Rng::seeded(2);
    for _ in 0..100 {
        let (n, v): (usize, Vec<f64>) = (6, (0..6).map(|_| rng.normal()).collect());
        let p: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, v[i] * v[j])).collect();
        let row: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let a: Vec<_> = (0..2 * n).map(|k| (k / n, k % n, row[k % n])).collect();
        let program = Program::linear((0..n).map(|_| rng.normal()).collect())
            .with_quadratic(Csc::from_triplets(n, n, &p).unwrap())
            .with_rows(Csc::from_triplets(2, n, &a).unwrap(), vec![0.1; 2], vec![0.1; 2])
            .with_bounds(vec![-1.0; n], vec![1.0; n]);
        let (info, out) = solve(&osqp(program.clone(), ParamMap::new(0)), &[]);
        assert_eq!(info.status, Status::Optimal);
        assert!(Residuals::of(&program, &out).worst() < 1e-9);
    }
}

#[test]
fn the_power_program_is_solved_to_rounding() {
    let (solver, mut rng) = (power(24), Rng::seeded(3));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    for _ in 0..200 {
        let y = demand(24, &mut rng);
        let info = solver.solve(&y, None, &mut ws, &mut out).unwrap();
        assert_eq!(info.status, Status::Optimal);
        assert!(Residuals::of(solver.program(&ws), &out).worst() < 1e-12);
    }
}

/// A workspace that has solved other things, in another order, gives the same bits; so does a new one.
#[test]
fn the_answer_depends_on_theta_alone() {
    let (solver, mut rng) = (power(24), Rng::seeded(4));
    let thetas: Vec<Vec<f64>> = (0..40).map(|_| demand(24, &mut rng)).collect();
    let all = |order: &mut dyn Iterator<Item = usize>| {
        let mut ws = solver.workspace().unwrap();
        let mut found = vec![Solution::default(); thetas.len()];
        for i in order {
            solver.solve(&thetas[i], None, &mut ws, &mut found[i]).unwrap();
        }
        found
    };
    let forwards = all(&mut (0..40));
    assert_eq!(forwards, all(&mut (0..40).rev()));
    for (theta, out) in thetas.iter().zip(&forwards) {
        assert_eq!(out, &solve(&solver, theta).1);
    }
}

/// The same with every kind of entry moved, failures and warm solves in between.
#[test]
fn moved_matrices_and_failures_leave_no_trace() {
    let mut rng = Rng::seeded(5);
    for _ in 0..30 {
        let parametric = random_qp(6, 8, &mut rng);
        let mut program = parametric.base.clone();
        parametric.params.push(&parametric.theta, &parametric.base, &mut program).unwrap();
        let last = program.p.nnz() - 1;
        let row = (0..program.m()).find(|&i| program.row_up[i].is_finite()).unwrap();
        let params = ParamMap::new(4).link(Entry::P(last), 0, 1.0).link(Entry::A(0), 1, 1.0).link(Entry::RowUp(row), 2, 1.0).link(
            Entry::C(1),
            3,
            1.0,
        );
        let solver = osqp(program.clone(), params.clone());
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        for k in 0..6 {
            let mut theta: Vec<f64> = (0..4).map(|_| 0.3 * rng.uniform()).collect();
            if k == 2 {
                theta[2] = -1e4; // no point satisfies the row
            }
            let info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
            let (fresh_info, fresh) = solve(&solver, &theta);
            assert_eq!((info, &out), (fresh_info, &fresh));
            if info.status == Status::Optimal {
                let mut moved = program.clone();
                params.push(&theta, &program, &mut moved).unwrap();
                assert!(Residuals::of(&moved, &out).worst() < 1e-12);
                let start = Solution { x: vec![1.0; 6], ..fresh };
                solver.solve(&theta, Some(&start), &mut ws, &mut out).unwrap();
            }
        }
    }
}

/// From a neighbour's answer: the same point to rounding, and no first-order step for most.
#[test]
fn a_warm_start_gives_the_same_point() {
    let (solver, mut rng) = (power(24), Rng::seeded(6));
    let (mut ws, mut warm) = (solver.workspace().unwrap(), Solution::default());
    let (mut cold_steps, mut warm_steps) = (0, 0);
    for _ in 0..100 {
        let y = demand(24, &mut rng);
        let near: Vec<f64> = y.iter().map(|v| v + 0.02 * rng.normal()).collect();
        let (_, from) = solve(&solver, &near);
        let (cold_info, cold) = solve(&solver, &y);
        let info = solver.solve(&y, Some(&from), &mut ws, &mut warm).unwrap();
        assert_eq!(info.status, Status::Optimal);
        assert!(warm.x.iter().zip(&cold.x).all(|(a, b)| (a - b).abs() < 1e-10));
        cold_steps += cold_info.iterations;
        warm_steps += info.iterations;
    }
    assert!(10 * warm_steps < cold_steps, "{warm_steps} warm, {cold_steps} cold");
}

#[test]
fn a_bad_start_does_no_harm() {
    let (solver, mut rng) = (power(12), Rng::seeded(7));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    for side in [Side::Free, Side::Lower, Side::Upper] {
        for value in [0.0, 1e6, f64::NAN] {
            let y = demand(12, &mut rng);
            let mut from = Solution::zeros(36, 23);
            (from.x, from.row_side, from.bound_side) = (vec![value; 36], vec![side; 23], vec![side; 36]);
            let info = solver.solve(&y, Some(&from), &mut ws, &mut out).unwrap();
            assert_eq!(info.status, Status::Optimal);
            let (_, cold) = solve(&solver, &y);
            assert!(out.x.iter().zip(&cold.x).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }
}

/// `c x` over `lo <= x <= up` as a row, with the curvature `p`.
fn line(p: f64, c: f64, lo: f64, up: f64, bounds: (f64, f64)) -> Program {
    Program::linear(vec![c])
        .with_quadratic(Csc::diagonal(&[p]))
        .with_rows(Csc::from_triplets(1, 1, &[(0, 0, 1.0)]).unwrap(), vec![lo], vec![up])
        .with_bounds(vec![bounds.0], vec![bounds.1])
}

#[test]
fn infeasible_and_unbounded_are_told_apart() {
    assert_eq!(status(line(1.0, 1.0, 2.0, 3.0, (0.0, 1.0))), Status::Infeasible);
    assert_eq!(status(line(0.0, -1.0, 0.0, INF, (0.0, INF))), Status::Unbounded);
    assert_eq!(status(line(1.0, -1.0, 0.0, INF, (0.0, INF))), Status::Optimal);
    // A gap of 1e-3 between two rows.
    assert_eq!(status(line(1.0, 1.0, 1.001, 3.0, (0.0, 1.0))), Status::Infeasible);
    // Infeasible, with a free direction in which the cost falls.
    let a = Csc::from_triplets(2, 3, &[(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0)]).unwrap();
    let both = Program::linear(vec![0.0, 0.0, -1.0]).with_rows(a, vec![-INF, 2.0], vec![1.0, INF]);
    assert_eq!(status(both), Status::Infeasible);
}

#[test]
fn a_row_without_an_answer_does_not_spoil_the_next() {
    let params = ParamMap::new(2).link(Entry::C(0), 0, 1.0).link(Entry::RowLo(0), 1, 1.0);
    let solver = osqp(line(0.0, 0.0, 0.0, INF, (-INF, 10.0)), params);
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut at = |c: f64, lo: f64| (solver.solve(&[c, lo], None, &mut ws, &mut out).unwrap().status, out.x[0].round());
    assert_eq!(at(1.0, 0.0), (Status::Optimal, 0.0));
    assert_eq!(at(1.0, 20.0), (Status::Infeasible, 0.0));
    assert_eq!(at(-1.0, 3.0), (Status::Optimal, 10.0));
    assert_eq!(at(1.0, 3.0), (Status::Optimal, 3.0));
}

/// After one first-order step the guess may be far off: what is called optimal still is, and the rest has no answer.
#[test]
fn a_limit_gives_no_unchecked_answer() {
    let (full, mut rng, mut stopped_short) = (power(24), Rng::seeded(8), 0);
    for _ in 0..50 {
        let (mut ws, mut out) = (full.workspace().unwrap(), Solution::default());
        full.solve(&demand(24, &mut rng), None, &mut ws, &mut out).unwrap();
        let program = full.program(&ws).clone();
        let stopped = Osqp::new(program, ParamMap::new(0), OsqpOptions { iterations: 1, ..Default::default() }).unwrap();
        let (info, short) = solve(&stopped, &[]);
        match info.status {
            Status::Optimal => assert!(short.x.iter().zip(&out.x).all(|(a, b)| (a - b).abs() < 1e-9)),
            Status::Limit => assert!(short.x.iter().all(|x| *x == 0.0)),
            other => panic!("{other}"),
        }
        stopped_short += usize::from(info.status == Status::Limit);
    }
    assert!(stopped_short > 0);
}

#[test]
fn no_time_leaves_no_answer() {
    let (full, mut rng) = (power(24), Rng::seeded(8));
    let (mut ws, mut out) = (full.workspace().unwrap(), Solution::default());
    full.solve(&demand(24, &mut rng), None, &mut ws, &mut out).unwrap();
    let options = |seconds| OsqpOptions { seconds, ..Default::default() };
    let limited = |seconds| Osqp::new(full.program(&ws).clone(), ParamMap::new(0), options(Some(seconds)));
    let (info, short) = solve(&limited(0.0).unwrap(), &[]);
    assert_eq!((info.status, short), (Status::Limit, Solution::zeros(72, 47)));
    assert_eq!(solve(&limited(1e9).unwrap(), &[]).1, out);
    assert!(matches!(limited(-1.0), Err(Error::Domain { what: "OsqpOptions::seconds", .. })));
}

/// Answers are accurate enough for derivatives: with a step of 1e-5 their error is divided by that.
#[test]
fn derivatives_by_the_answer_match_central_differences() {
    let mut rng = Rng::seeded(12);
    for _ in 0..60 {
        let (n, m) = (2 + rng.below(12), 1 + rng.below(12));
        let parametric = random_qp(n, m, &mut rng);
        let solver = Kkt::new(osqp(parametric.base, parametric.params));
        let error = vjp_error(&solver, &parametric.theta, 1e-5, &mut rng);
        assert!(error < 1e-6, "{error}");
    }
}

/// Costs beyond what can be squared: whatever the status, no panic, and the next row is right.
#[test]
fn absurd_numbers_end_without_a_panic() {
    let (solver, mut rng) = (power(6), Rng::seeded(13));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    for size in [1e20, 1e100, 1e300] {
        let absurd: Vec<f64> = (0..6).map(|_| size * rng.normal()).collect();
        let info = solver.solve(&absurd, None, &mut ws, &mut out).unwrap();
        assert!(info.status.usable() || out.x.iter().all(|x| *x == 0.0));
        assert!(out.x.iter().all(|x| x.is_finite()));
        let y = demand(6, &mut rng);
        solver.solve(&y, None, &mut ws, &mut out).unwrap();
        assert_eq!(out, solve(&solver, &y).1);
    }
}

#[test]
fn malformed_input_is_named() {
    let solver = power(4);
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut message = |theta: &[f64]| solver.solve(theta, None, &mut ws, &mut out).unwrap_err().to_string();
    assert!(message(&[1.0, f64::NAN, 1.0, 1.0]).starts_with("theta, row 0, column 1: NaN"));
    assert!(message(&[1.0]).starts_with("theta: expected length 4, got 1"));
}

#[test]
fn what_it_does_not_take_is_refused() {
    let refuse = |program| Osqp::new(program, ParamMap::new(0), OsqpOptions::default()).unwrap_err();
    let good = || line(1.0, 1.0, 0.0, 1.0, (0.0, 1.0));
    assert_eq!(refuse(good().with_integers(vec![true])).to_string(), "osqp does not offer integer variables");
    let cone = Program { cones: vec![Cone { f: Csc::empty(0, 1), g: vec![], d: vec![0.0], e: 1.0 }], ..good() };
    assert_eq!(refuse(cone).to_string(), "osqp does not offer second-order cones");
    assert!(matches!(refuse(line(-1.0, 1.0, 0.0, 1.0, (0.0, 1.0))), Error::NotConvex { row: 0, pivot }  if pivot == -1.0));
    let saddle = Program::linear(vec![0.0; 2]).with_quadratic(Csc::from_triplets(2, 2, &[(0, 1, 1.0)]).unwrap());
    assert!(matches!(refuse(saddle), Error::NotConvex { .. }));
    assert!(matches!(refuse(Program { c: vec![f64::NAN], ..good() }), Error::NotFinite { what: "c", .. }));
}

/// A curvature that `theta` makes negative is refused when it happens.
#[test]
fn a_predicted_curvature_is_checked_each_time() {
    let solver = osqp(line(1.0, -1.0, -5.0, 5.0, (-5.0, 5.0)), ParamMap::new(1).link(Entry::P(0), 0, 1.0));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    solver.solve(&[1.0], None, &mut ws, &mut out).unwrap();
    assert!((out.x[0] - 0.5).abs() < 1e-14);
    assert!(matches!(solver.solve(&[-2.0], None, &mut ws, &mut out), Err(Error::NotConvex { .. })));
    solver.solve(&[0.0], None, &mut ws, &mut out).unwrap();
    assert!((out.x[0] - 1.0).abs() < 1e-14);
}

/// Linear programs that both solvers take: the same value, though the optimum may not be unique.
#[cfg(feature = "highs")]
#[test]
fn osqp_and_highs_agree_on_linear_programs() {
    use dfl_solvers::{Highs, HighsOptions};
    let mut rng = Rng::seeded(9);
    for _ in 0..100 {
        let (n, m) = (2 + rng.below(8), 1 + rng.below(6));
        let triplets: Vec<_> = (0..m * n).map(|k| (k / n, k % n, rng.normal())).collect();
        let a = Csc::from_triplets(m, n, &triplets).unwrap();
        let (inside, mut up): (Vec<f64>, _) = ((0..n).map(|_| rng.uniform()).collect(), vec![0.0; m]);
        a.mul_add(1.0, &inside, &mut up);
        up.iter_mut().for_each(|b| *b += 0.1 + rng.uniform());
        let program =
            Program::linear((0..n).map(|_| rng.normal()).collect()).with_rows(a, vec![-INF; m], up).with_bounds(vec![0.0; n], vec![1.0; n]);
        let highs = Highs::new(program.clone(), ParamMap::new(0), HighsOptions::default()).unwrap();
        let (mut ws, mut vertex) = (highs.workspace().unwrap(), Solution::default());
        highs.solve(&[], None, &mut ws, &mut vertex).unwrap();
        let (info, out) = solve(&osqp(program, ParamMap::new(0)), &[]);
        assert_eq!(info.status, Status::Optimal);
        assert!((out.objective - vertex.objective).abs() < 1e-9 * (1.0 + vertex.objective.abs()));
    }
}

/// Microseconds per solve of the power program: `cargo test --release ... -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn time_of_the_power_program() {
    let (solver, mut rng) = (power(24), Rng::seeded(10));
    let thetas: Vec<Vec<f64>> = (0..500).map(|_| demand(24, &mut rng)).collect();
    let (mut ws, mut found) = (solver.workspace().unwrap(), vec![Solution::default(); 500]);
    let mut run = |what: &str, noise: f64, warm: bool, found: &mut [Solution]| {
        let mut noise_rng = Rng::seeded(11);
        let moved: Vec<Vec<f64>> = thetas.iter().map(|y| y.iter().map(|v| v + noise * noise_rng.normal()).collect()).collect();
        let (mut steps, start) = (0, std::time::Instant::now());
        for (y, out) in moved.iter().zip(found) {
            let from = warm.then(|| out.clone());
            steps += solver.solve(y, from.as_ref(), &mut ws, out).unwrap().iterations;
        }
        println!("{what}: {:.0} us, {:.1} iterations", start.elapsed().as_secs_f64() * 1e6 / 500.0, steps as f64 / 500.0);
    };
    run("cold", 0.0, false, &mut found);
    run("cold", 0.0, false, &mut found);
    run("warm, same theta", 0.0, true, &mut found);
    run("warm, noise 0.001", 0.001, true, &mut found);
    run("warm, noise 0.01", 0.01, true, &mut found);
    run("warm, noise 0.1", 0.1, true, &mut found);
}
