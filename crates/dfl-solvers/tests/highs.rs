//! HiGHS: optima by hand and by enumeration, duals by the optimality conditions, and answers that depend on `theta` alone.
#![cfg(feature = "highs")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_core::{Cone, Csc, Entry, Error, ParamMap, Program, Rng, Side, Solution, SolveInfo, Solver, Status};
use dfl_solvers::{Highs, HighsOptions};

const INF: f64 = f64::INFINITY;

fn highs(program: Program, params: ParamMap) -> Highs {
    Highs::new(program, params, HighsOptions::default()).unwrap()
}

fn solve(solver: &Highs, theta: &[f64]) -> (SolveInfo, Solution) {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
    (info, out)
}

fn status(program: Program) -> Status {
    solve(&highs(program, ParamMap::new(0)), &[]).0.status
}

/// min -3x - 5y, x <= 4, 2y <= 12, 3x + 2y <= 18, x, y >= 0.
fn factory() -> Program {
    let a = Csc::from_triplets(3, 2, &[(0, 0, 1.0), (1, 1, 2.0), (2, 0, 3.0), (2, 1, 2.0)]).unwrap();
    Program::linear(vec![-3.0, -5.0]).with_rows(a, vec![-INF; 3], vec![4.0, 12.0, 18.0]).with_bounds(vec![0.0; 2], vec![INF; 2])
}

/// x = (2, 6); stationarity by hand: 3 l3 = 3 and 2 l2 + 2 l3 = 5, so l = (0, 3/2, 1).
#[test]
fn a_linear_program_by_hand() {
    let (info, out) = solve(&highs(factory(), ParamMap::new(0)), &[]);
    assert_eq!(info.status, Status::Optimal);
    assert!(!info.degenerate);
    assert_eq!(out.x, [2.0, 6.0]);
    assert_eq!(out.row_dual, [0.0, 1.5, 1.0]);
    assert_eq!(out.row_side, [Side::Free, Side::Upper, Side::Upper]);
    assert_eq!((out.bound_dual, out.objective), (vec![0.0; 2], -36.0));
}

/// min x + y, x + y = 1, x >= 0, y >= 3/4, twice the same cost: the equality is `Upper`, and one bound has a zero dual.
#[test]
fn a_fixed_row_is_upper_and_a_zero_dual_is_degenerate() {
    let a = Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap();
    let program = Program::linear(vec![1.0, 1.0]).with_rows(a, vec![1.0], vec![1.0]).with_bounds(vec![0.0, 0.75], vec![INF; 2]);
    let (info, out) = solve(&highs(program, ParamMap::new(0)), &[]);
    assert_eq!((out.objective, out.row_side[0], out.row_dual[0]), (1.0, Side::Upper, -1.0));
    assert!(info.degenerate);
}

/// A random program with rows of every kind around a feasible point, bounded below by its box.
fn random_program(rng: &mut Rng) -> Program {
    let (n, m) = (2 + rng.below(8), 1 + rng.below(8));
    let mut triplets = Vec::new();
    for i in 0..m {
        for j in 0..n {
            if rng.uniform() < 0.6 {
                triplets.push((i, j, rng.normal()));
            }
        }
    }
    let a = Csc::from_triplets(m, n, &triplets).unwrap();
    let inside: Vec<f64> = (0..n).map(|_| rng.uniform()).collect();
    let mut ax = vec![0.0; m];
    a.mul_add(1.0, &inside, &mut ax);
    let (mut lo, mut up) = (vec![-INF; m], vec![INF; m]);
    for i in 0..m {
        match rng.below(4) {
            0 => (lo[i], up[i]) = (ax[i], ax[i]),
            1 => lo[i] = ax[i] - rng.uniform(),
            2 => up[i] = ax[i] + rng.uniform(),
            _ => (lo[i], up[i]) = (ax[i] - rng.uniform(), ax[i] + rng.uniform()),
        }
    }
    let c = (0..n).map(|_| rng.normal()).collect();
    Program::linear(c).with_rows(a, lo, up).with_bounds(vec![-1.0; n], (0..n).map(|_| 1.0 + rng.uniform()).collect())
}

/// Signs, sides and slackness of one family of constraints.
fn check_family(value: &[f64], lo: &[f64], up: &[f64], dual: &[f64], side: &[Side]) {
    for i in 0..value.len() {
        assert!(value[i] >= lo[i] - 1e-7 && value[i] <= up[i] + 1e-7);
        match side[i] {
            Side::Free => assert!(dual[i].abs() < 1e-9),
            Side::Lower => assert!(dual[i] < 1e-7 && (value[i] - lo[i]).abs() < 1e-7),
            Side::Upper => assert!((dual[i] > -1e-7 || lo[i] == up[i]) && (value[i] - up[i]).abs() < 1e-7),
        }
    }
}

/// For a linear program the optimality conditions are sufficient, so this needs no second solver.
#[test]
fn answers_of_random_programs_satisfy_the_optimality_conditions() {
    let mut rng = Rng::seeded(1);
    for _ in 0..300 {
        let program = random_program(&mut rng);
        let (info, out) = solve(&highs(program.clone(), ParamMap::new(0)), &[]);
        assert_eq!(info.status, Status::Optimal);
        let (mut gradient, mut ax) = (program.c.clone(), vec![0.0; program.m()]);
        program.a.mul_t_add(1.0, &out.row_dual, &mut gradient);
        program.a.mul_add(1.0, &out.x, &mut ax);
        assert!(gradient.iter().zip(&out.bound_dual).all(|(g, nu)| (g + nu).abs() < 1e-9));
        check_family(&ax, &program.row_lo, &program.row_up, &out.row_dual, &out.row_side);
        check_family(&out.x, &program.lo, &program.up, &out.bound_dual, &out.bound_side);
    }
}

/// min -values'x, weights'x <= capacity, x binary.
fn knapsack(values: &[f64], weights: &[f64], capacity: f64) -> Program {
    let n = values.len();
    let triplets: Vec<_> = weights.iter().enumerate().map(|(j, &w)| (0, j, w)).collect();
    Program::linear(values.iter().map(|v| -v).collect())
        .with_rows(Csc::from_triplets(1, n, &triplets).unwrap(), vec![-INF], vec![capacity])
        .with_bounds(vec![0.0; n], vec![1.0; n])
        .with_integers(vec![true; n])
}

fn enumerate(values: &[f64], weights: &[f64], capacity: f64) -> f64 {
    let sum = |set: u32, of: &[f64]| (0..of.len()).filter(|j| set >> j & 1 == 1).map(|j| of[j]).sum::<f64>();
    (0..1_u32 << values.len()).filter(|&s| sum(s, weights) <= capacity).map(|s| sum(s, values)).fold(0.0, f64::max)
}

#[test]
fn knapsacks_equal_enumeration() {
    let mut rng = Rng::seeded(2);
    for _ in 0..50 {
        let values: Vec<f64> = (0..10).map(|_| rng.uniform()).collect();
        let weights: Vec<f64> = (0..10).map(|_| 1.0 + rng.below(9) as f64).collect();
        let (info, out) = solve(&highs(knapsack(&values, &weights, 20.0), ParamMap::new(0)), &[]);
        assert_eq!(info.status, Status::Optimal);
        assert!(out.x.iter().all(|x| *x == 0.0 || *x == 1.0));
        assert!((-out.objective - enumerate(&values, &weights, 20.0)).abs() < 1e-9);
    }
}

/// Every kind of entry moved on a kept model gives what a new model of the moved program gives, to the last bit.
#[test]
fn a_kept_model_answers_like_a_new_one() {
    let mut rng = Rng::seeded(3);
    for _ in 0..40 {
        let program = random_program(&mut rng);
        let free = program.row_up.iter().position(|b| b.is_finite()).map_or(Entry::C(0), Entry::RowUp);
        let params = ParamMap::new(5)
            .link(Entry::C(0), 0, 1.0)
            .link(Entry::A(0), 1, 1.0)
            .link(Entry::Up(1), 2, 0.3)
            .link(Entry::Lo(0), 3, 0.3)
            .link(free, 4, 0.2);
        let solver = highs(program.clone(), params.clone());
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        let vanish = -program.a.values()[0];
        for k in 0..6 {
            let mut theta: Vec<f64> = (0..5).map(|_| rng.uniform()).collect();
            if k == 2 {
                theta[1] = vanish; // the coefficient is zero for once
            }
            let info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
            let (fresh_info, fresh) = solve(&solver, &theta);
            assert_eq!((info, &out), (fresh_info, &fresh));
            let mut moved = program.clone();
            params.push(&theta, &program, &mut moved).unwrap();
            let (_, direct) = solve(&highs(moved, ParamMap::new(0)), &[]);
            assert!((direct.objective - out.objective).abs() < 1e-8 * (1.0 + direct.objective.abs()));
        }
    }
}

/// `program` with each row in units of its own, 1e-3 to 1e3.
fn badly_scaled(mut program: Program, rng: &mut Rng) -> Program {
    let units: Vec<f64> = (0..program.m()).map(|_| 10_f64.powf(6.0 * rng.uniform() - 3.0)).collect();
    let rows = program.a.row_idx().to_vec();
    for (value, &i) in program.a.values_mut().iter_mut().zip(&rows) {
        *value *= units[i];
    }
    for (bound, unit) in program.row_lo.iter_mut().chain(&mut program.row_up).zip(units.iter().cycle()) {
        *bound *= unit;
    }
    program
}

/// One parameter for each cost, bound and row, in units of one, a hundredth, and a hundredth of the row's largest coefficient.
fn everything_but_the_matrix(program: &Program) -> ParamMap {
    let (n, m) = (program.n(), program.m());
    let mut largest = vec![0.0_f64; m];
    for (value, &i) in program.a.values().iter().zip(program.a.row_idx()) {
        largest[i] = largest[i].max(value.abs());
    }
    let mut map = ParamMap::new(2 * n + m);
    for j in 0..n {
        map = map.link(Entry::C(j), j, 1.0).link(if j % 2 == 0 { Entry::Lo(j) } else { Entry::Up(j) }, n + j, 0.01);
    }
    for (i, unit) in largest.into_iter().enumerate() {
        let finite =
            [(Entry::RowLo(i), program.row_lo[i]), (Entry::RowUp(i), program.row_up[i])].into_iter().filter(|(_, v)| v.is_finite());
        map = finite.fold(map, |map, (entry, _)| map.link(entry, 2 * n + i, 0.01 * unit));
    }
    map
}

/// Rows of 1e-3 to 1e3 and costs of all sizes, by which HiGHS itself would choose a scaling and keep it: kept models give the bits
/// of new ones, also after a program without an answer, and with or without presolve and integers.
#[test]
fn updates_of_a_badly_scaled_model_leave_no_trace() {
    let (mut rng, mut answers) = (Rng::seeded(8), 0);
    for k in 0..60 {
        let mut program = random_program(&mut rng);
        program = badly_scaled(program, &mut rng);
        if k % 4 == 3 {
            program.integer = (0..program.n()).map(|j| j % 2 == 0).collect();
        }
        let (params, options) = (everything_but_the_matrix(&program), HighsOptions { presolve: Some(k % 2 == 1), ..Default::default() });
        let solver = Highs::new(program, params.clone(), options).unwrap();
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        for size in [1e-4, 3.0, 1e-2, 10.0, 0.3, 1e-3] {
            let theta: Vec<f64> = (0..params.theta()).map(|_| size * rng.normal()).collect();
            let info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
            assert_eq!((info, &out), (solve(&solver, &theta).0, &solve(&solver, &theta).1), "program {k}, size {size}");
            answers += usize::from(info.status == Status::Optimal);
        }
    }
    assert!(answers > 100, "{answers} of 360 have an answer");
}

#[test]
fn the_answer_does_not_depend_on_what_was_solved_before() {
    let mut rng = Rng::seeded(4);
    let program = random_program(&mut rng);
    let (n, solver) = (program.n(), highs(program.clone(), ParamMap::costs(program.n())));
    let thetas: Vec<Vec<f64>> = (0..30).map(|_| (0..n).map(|_| rng.normal()).collect()).collect();
    let all = |order: &mut dyn Iterator<Item = usize>| {
        let mut ws = solver.workspace().unwrap();
        let mut found = vec![Solution::default(); thetas.len()];
        for i in order {
            solver.solve(&thetas[i], None, &mut ws, &mut found[i]).unwrap();
        }
        found
    };
    assert_eq!(all(&mut (0..30)), all(&mut (0..30).rev()));
}

#[test]
fn a_warm_start_finds_the_same_value_in_fewer_pivots() {
    let mut rng = Rng::seeded(5);
    let (mut cold_pivots, mut warm_pivots) = (0, 0);
    for _ in 0..50 {
        let program = random_program(&mut rng);
        let n = program.n();
        let solver = Highs::new(program, ParamMap::costs(n), HighsOptions { presolve: Some(false), ..Default::default() }).unwrap();
        let theta: Vec<f64> = (0..n).map(|_| 0.01 * rng.normal()).collect();
        let (_, first) = solve(&solver, &vec![0.0; n]);
        let (mut ws, mut warm) = (solver.workspace().unwrap(), Solution::default());
        let info = solver.solve(&theta, Some(&first), &mut ws, &mut warm).unwrap();
        let (cold_info, cold) = solve(&solver, &theta);
        assert_eq!(info.status, Status::Optimal);
        assert!((warm.objective - cold.objective).abs() < 1e-9 * (1.0 + cold.objective.abs()));
        cold_pivots += cold_info.iterations;
        warm_pivots += info.iterations;
    }
    assert!(4 * warm_pivots < cold_pivots, "{warm_pivots} warm, {cold_pivots} cold");
}

#[test]
fn a_start_that_is_no_basis_does_no_harm() {
    let solver = highs(factory(), ParamMap::new(0));
    for side in [Side::Free, Side::Lower, Side::Upper] {
        let mut from = Solution::zeros(2, 3);
        (from.row_side, from.bound_side) = (vec![side; 3], vec![side; 2]);
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        let info = solver.solve(&[], Some(&from), &mut ws, &mut out).unwrap();
        assert_eq!((info.status, out.objective), (Status::Optimal, -36.0));
    }
}

/// One variable and `lo <= x <= up` as a row, minimising `c x`.
fn line(c: f64, lo: f64, up: f64, bounds: (f64, f64)) -> Program {
    let a = Csc::from_triplets(1, 1, &[(0, 0, 1.0)]).unwrap();
    Program::linear(vec![c]).with_rows(a, vec![lo], vec![up]).with_bounds(vec![bounds.0], vec![bounds.1])
}

#[test]
fn infeasible_and_unbounded_are_told_apart() {
    assert_eq!(status(line(1.0, 2.0, 3.0, (0.0, 1.0))), Status::Infeasible);
    assert_eq!(status(line(-1.0, 0.0, INF, (0.0, INF))), Status::Unbounded);
    // Infeasible, and unbounded without the rows: x1 + x2 <= 1 and >= 2, a free direction in x3.
    let a = Csc::from_triplets(2, 3, &[(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0)]).unwrap();
    let both = Program::linear(vec![0.0, 0.0, -1.0]).with_rows(a, vec![-INF, 2.0], vec![1.0, INF]).with_bounds(vec![-INF; 3], vec![INF; 3]);
    assert_eq!(status(both.clone()), Status::Infeasible);
    assert_eq!(status(both.with_integers(vec![true; 3])), Status::Infeasible);
    let whole = line(-1.0, 0.0, INF, (0.0, INF)).with_integers(vec![true]);
    assert_eq!(status(whole), Status::Unbounded);
    // 0.2 <= x <= 0.8 has no whole number.
    assert_eq!(status(line(1.0, 0.2, 0.8, (-5.0, 5.0)).with_integers(vec![true])), Status::Infeasible);
}

/// After a status without an answer the kept model still has its costs.
#[test]
fn an_unbounded_row_does_not_spoil_the_next() {
    let solver = highs(line(0.0, 0.0, INF, (0.0, INF)), ParamMap::costs(1));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut status = |theta: f64| solver.solve(&[theta], None, &mut ws, &mut out).unwrap().status;
    assert_eq!([status(1.0), status(-1.0), status(1.0)], [Status::Optimal, Status::Unbounded, Status::Optimal]);
}

#[test]
fn bounds_that_theta_crosses_are_infeasible_and_leave_no_trace() {
    let solver = highs(line(1.0, 0.0, 1.0, (-5.0, 5.0)), ParamMap::new(1).link(Entry::RowLo(0), 0, 1.0));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut at = |theta: f64| {
        let info = solver.solve(&[theta], None, &mut ws, &mut out).unwrap();
        (info.status, out.x[0])
    };
    assert_eq!(at(0.5), (Status::Optimal, 0.5));
    assert_eq!(at(1.5), (Status::Infeasible, 0.0));
    assert_eq!(at(0.25), (Status::Optimal, 0.25));
}

#[test]
fn a_program_without_rows_goes_to_its_bounds() {
    let program = Program::linear(vec![1.0, -1.0]).with_bounds(vec![-2.0; 2], vec![3.0; 2]);
    let (info, out) = solve(&highs(program, ParamMap::new(0)), &[]);
    assert_eq!((info.status, out.x, out.bound_dual), (Status::Optimal, vec![-2.0, 3.0], vec![-1.0, 1.0]));
    assert_eq!(status(Program::linear(vec![1.0])), Status::Unbounded);
    assert_eq!(status(Program::linear(vec![])), Status::Optimal);
}

#[test]
fn limits_stop_with_the_incumbent_or_without_an_answer() {
    // A knapsack with ten capacities, which one node does not settle.
    let (mut rng, n, m) = (Rng::seeded(6), 50, 10);
    let triplets: Vec<_> = (0..m * n).map(|k| (k / n, k % n, 1.0 + rng.below(100) as f64)).collect();
    let program = Program::linear((0..n).map(|_| -50.0 - rng.below(50) as f64).collect())
        .with_rows(Csc::from_triplets(m, n, &triplets).unwrap(), vec![-INF; m], vec![25.0 * n as f64; m])
        .with_bounds(vec![0.0; n], vec![1.0; n])
        .with_integers(vec![true; n]);
    let options = HighsOptions { nodes: Some(1), ..Default::default() };
    let (info, out) = solve(&Highs::new(program.clone(), ParamMap::new(0), options).unwrap(), &[]);
    let Status::Feasible { gap } = info.status else { panic!("{:?}", info.status) };
    assert!(gap > 0.0 && gap < 0.1 && out.objective < 0.0);

    let options = HighsOptions { iterations: Some(0), presolve: Some(false), ..Default::default() };
    let (info, out) = solve(&Highs::new(factory(), ParamMap::new(0), options).unwrap(), &[]);
    assert!(matches!(info.status, Status::Feasible { .. } | Status::Limit), "{:?}", info.status);
    assert_eq!(out.row_dual, [0.0; 3]);

    let within = |program: &Program, seconds| {
        let options = HighsOptions { seconds, ..Default::default() };
        solve(&Highs::new(program.clone(), ParamMap::new(0), options).unwrap(), &[])
    };
    let status = within(&program, Some(0.0)).0.status;
    assert!(matches!(status, Status::Feasible { .. } | Status::Limit), "{status:?}");
    assert_eq!(within(&factory(), Some(1e6)), within(&factory(), None));
}

/// HiGHS takes a cost of 1e20 for infinite: whatever the status, the answer is finite, and the next row is right.
#[test]
fn absurd_numbers_end_without_a_wrong_answer() {
    let solver = highs(factory(), ParamMap::costs(2));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    for size in [1e15, 1e20, 1e300] {
        if let Ok(info) = solver.solve(&[size, -size], None, &mut ws, &mut out) {
            assert!(!info.status.usable() || (out.x[0] == 0.0 && out.x[1] == 6.0), "{info:?} {out:?}");
        }
        let info = solver.solve(&[0.0, 0.0], None, &mut ws, &mut out).unwrap();
        assert_eq!((info.status, out.objective), (Status::Optimal, -36.0));
    }
}

#[test]
fn malformed_input_is_named() {
    let solver = highs(factory(), ParamMap::costs(2));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut message = |theta: &[f64]| solver.solve(theta, None, &mut ws, &mut out).unwrap_err().to_string();
    assert!(message(&[1.0, f64::NAN]).starts_with("theta, row 0, column 1: NaN"));
    assert!(message(&[f64::INFINITY, 0.0]).starts_with("theta, row 0, column 0: inf"));
    assert!(message(&[1.0]).starts_with("theta: expected length 2, got 1"));
    let from = Solution::zeros(1, 3);
    assert!(matches!(solver.solve(&[1.0, 1.0], Some(&from), &mut ws, &mut out), Err(Error::Dimension { what: "from.x", .. })));
}

#[test]
fn what_is_not_linear_is_refused() {
    let refuse = |program, params| Highs::new(program, params, HighsOptions::default()).unwrap_err().to_string();
    let quadratic = factory().with_quadratic(Csc::diagonal(&[1.0, 0.0]));
    assert_eq!(refuse(quadratic, ParamMap::new(0)), "highs does not offer a quadratic term");
    let predicted = factory().with_quadratic(Csc::diagonal(&[0.0, 0.0]));
    assert_eq!(refuse(predicted, ParamMap::new(1).link(Entry::P(0), 0, 1.0)), "highs does not offer a quadratic term");
    let cone = Program { cones: vec![Cone { f: Csc::empty(0, 2), g: vec![], d: vec![0.0; 2], e: 1.0 }], ..factory() };
    assert_eq!(refuse(cone, ParamMap::new(0)), "highs does not offer second-order cones");
}
