//! Clarabel with its polish: optima by hand and by construction, a second solver, published values, refusals and limits.
#![cfg(feature = "clarabel")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed unwrap is a failed test; measured numbers are printed")]

#[path = "support/maros_meszaros.rs"]
mod maros_meszaros;

use dfl_core::testkit::random_qp;
use dfl_core::{
    Batch, Call, Cone, Csc, Decider, Entry, Error, Key, ParamMap, Program, ProgramSolver, Residuals, Rng, Side, Solution, SolveInfo,
    Solver, Status, Stream,
};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Batched, Clarabel, ClarabelOptions, Kkt};

const INF: f64 = f64::INFINITY;

fn clarabel(program: Program, params: ParamMap) -> Clarabel {
    Clarabel::new(program, params, ClarabelOptions::default()).unwrap()
}

fn solve_with<S: Solver>(solver: &S, theta: &[f64]) -> (SolveInfo, Solution) {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
    (info, out)
}

/// Solves a program as it stands; an optimum has the residual that the core asks for.
fn solve(program: &Program) -> (SolveInfo, Solution) {
    let (info, out) = solve_with(&clarabel(program.clone(), ParamMap::new(0)), &[]);
    if info.status == Status::Optimal {
        let worst = Residuals::of(program, &out).worst();
        assert!(worst <= 1e-7, "residual {worst:.1e}");
    }
    (info, out)
}

fn status(program: &Program) -> Status {
    solve(program).0.status
}

fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// `||x|| <= radius`.
fn ball(n: usize, radius: f64) -> Cone {
    Cone { f: Csc::diagonal(&vec![1.0; n]), g: vec![0.0; n], d: vec![0.0; n], e: radius }
}

/// min 1/2 (x - 2)^2 + 1/2 (y + 1)^2, x + y = 0, x <= 1: (1, -1) with the multipliers 0 of the row and 1 of the bound.
#[test]
fn a_quadratic_program_by_hand() {
    let a = Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap();
    let mut program = Program::linear(vec![-2.0, 1.0])
        .with_quadratic(Csc::diagonal(&[1.0, 1.0]))
        .with_rows(a, vec![0.0], vec![0.0])
        .with_bounds(vec![-INF; 2], vec![1.0, INF]);
    program.r = 2.5;
    let (info, out) = solve(&program);
    assert_eq!(info.status, Status::Optimal);
    assert!(difference(&out.x, &[1.0, -1.0]) < 1e-14 && difference(&out.bound_dual, &[1.0, 0.0]) < 1e-13);
    assert!(out.row_dual[0].abs() < 1e-13 && (out.objective - 0.5).abs() < 1e-14);
    assert_eq!((out.row_side[0], out.bound_side[0], out.bound_side[1]), (Side::Upper, Side::Upper, Side::Free));
}

/// The optimum is known by construction, with rows and bounds on either side and on both.
#[test]
fn random_quadratic_programs_are_solved_to_rounding() {
    let (mut rng, mut worst, mut off) = (Rng::seeded(1), 0.0_f64, 0.0_f64);
    for _ in 0..300 {
        let (n, m) = (1 + rng.below(20), rng.below(30));
        let known = random_qp(n, m, &mut rng);
        let solver = clarabel(known.base, known.params);
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        let info = solver.solve(&known.theta, None, &mut ws, &mut out).unwrap();
        assert_eq!(info.status, Status::Optimal);
        worst = worst.max(Residuals::of(solver.program(&ws), &out).worst());
        off = off.max(difference(&out.x, &known.solution.x));
        assert_eq!((&out.row_side, &out.bound_side), (&known.solution.row_side, &known.solution.bound_side));
        off = off.max(difference(&out.row_dual, &known.solution.row_dual)).max(difference(&out.bound_dual, &known.solution.bound_dual));
    }
    println!("300 random QPs: residual {worst:.1e}, distance from the optimum and its duals {off:.1e}");
    assert!(worst < 1e-12 && off < 1e-9, "{worst} {off}");
}

#[test]
fn linear_programs_agree_with_the_active_set() {
    let (mut rng, mut worst) = (Rng::seeded(9), 0.0_f64);
    for k in 0..100 {
        let (n, m) = (2 + rng.below(8), 1 + rng.below(6));
        let triplets: Vec<_> = (0..m * n).map(|k| (k / n, k % n, rng.normal())).collect();
        let a = Csc::from_triplets(m, n, &triplets).unwrap();
        let (inside, mut up): (Vec<f64>, _) = ((0..n).map(|_| rng.uniform()).collect(), vec![0.0; m]);
        a.mul_add(1.0, &inside, &mut up);
        let lo = up.iter().enumerate().map(|(i, b)| if (i + k) % 3 == 0 { *b } else { -INF }).collect();
        up.iter_mut().enumerate().filter(|(i, _)| (i + k) % 3 != 0).for_each(|(_, b)| *b += 0.1 + rng.uniform());
        let c = (0..n).map(|_| rng.normal()).collect();
        let program = Program::linear(c).with_rows(a, lo, up).with_bounds(vec![0.0; n], vec![1.0; n]);
        let (info, out) = solve(&program);
        let exact = ActiveSet::new(program, ParamMap::new(0), ActiveSetOptions::default()).unwrap();
        let (other, vertex) = solve_with(&exact, &[]);
        assert_eq!((info.status, other.status), (Status::Optimal, Status::Optimal));
        worst = worst.max((out.objective - vertex.objective).abs());
    }
    println!("100 random LPs: objective off by {worst:.1e}");
    assert!(worst < 1e-10, "{worst}");
}

/// min c'x over a ball of radius r: -r c / |c|, with the multiplier |c| and w = -c.
#[test]
fn a_linear_cost_over_a_ball() {
    let program = Program { cones: vec![ball(3, 2.0)], ..Program::linear(vec![1.0, -2.0, 2.0]) };
    let (info, out) = solve(&program);
    assert_eq!((info.status, info.degenerate, out.cone_side[0]), (Status::Optimal, false, Side::Upper));
    assert!(difference(&out.x, &[-2.0 / 3.0, 4.0 / 3.0, -4.0 / 3.0]) < 1e-14);
    assert!(difference(&out.cone_dual, &[3.0, -1.0, 2.0, -2.0]) < 1e-13);
    assert!((out.objective + 6.0).abs() < 1e-13);
}

/// Distance of the point p from the plane a'x = b: |a'p - b| / |a| = |3 - 9| / 3, as min t with |x - p| <= t.
#[test]
fn a_distance_with_the_bound_as_a_variable() {
    let f = Csc::from_triplets(3, 4, &[(0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0)]).unwrap();
    let cone = Cone { f, g: vec![-1.0, -1.0, 0.0], d: vec![0.0, 0.0, 0.0, 1.0], e: 0.0 };
    let a = Csc::from_triplets(1, 4, &[(0, 0, 1.0), (0, 1, 2.0), (0, 2, 2.0)]).unwrap();
    let program = Program { cones: vec![cone], ..Program::linear(vec![0.0, 0.0, 0.0, 1.0]).with_rows(a, vec![9.0], vec![9.0]) };
    let (info, out) = solve(&program);
    assert_eq!(info.status, Status::Optimal);
    assert!((out.objective - 2.0).abs() < 1e-12);
    assert!(difference(&out.x, &[1.0 + 2.0 / 3.0, 1.0 + 4.0 / 3.0, 4.0 / 3.0, 2.0]) < 1e-12);
    assert!((out.cone_dual[0] - 1.0).abs() < 1e-12);
}

/// The point with the least sum of distances from the corners of an equilateral triangle is its centre.
#[test]
fn three_cones_at_once() {
    let corners = [[1.0, 0.0], [-0.5, 0.75_f64.sqrt()], [-0.5, -0.75_f64.sqrt()]];
    let cone = |k: usize| {
        let mut d = vec![0.0; 5];
        d[2 + k] = 1.0;
        Cone { f: Csc::from_triplets(2, 5, &[(0, 0, 1.0), (1, 1, 1.0)]).unwrap(), g: corners[k].map(|v| -v).to_vec(), d, e: 0.0 }
    };
    let program = Program { cones: (0..3).map(cone).collect(), ..Program::linear(vec![0.0, 0.0, 1.0, 1.0, 1.0]) };
    let (info, out) = solve(&program);
    assert_eq!(info.status, Status::Optimal);
    assert!(difference(&out.x, &[0.0, 0.0, 1.0, 1.0, 1.0]) < 1e-12, "{:?}", out.x);
}

/// min t with |x| <= t: the apex, where the row has no gradient. Clarabel's own accuracy.
#[test]
fn the_apex_of_a_cone_is_found() {
    let cone = Cone { f: Csc::from_triplets(1, 2, &[(0, 0, 1.0)]).unwrap(), g: vec![0.0], d: vec![0.0, 1.0], e: 0.0 };
    let (info, out) = solve(&Program { cones: vec![cone], ..Program::linear(vec![0.0, 1.0]) });
    assert_eq!(info.status, Status::Optimal);
    assert!(difference(&out.x, &[0.0, 0.0]) < 1e-8);
}

/// A random program whose optimum `x` is known: tight and slack rows, bounds and cones with chosen multipliers, and the cost that
/// makes these stationary. `P` is the unit matrix or zero.
fn random_cones(rng: &mut Rng, curved: bool) -> (Program, Vec<f64>) {
    let n = 4 + rng.below(8);
    let x: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let mut c = vec![0.0; n];
    let mut cones = Vec::new();
    for k in 0..1 + rng.below(3) {
        let rows = 1 + rng.below(n);
        let entries: Vec<_> = (0..rows * n).map(|i| (i / n, i % n, rng.normal())).collect();
        let f = Csc::from_triplets(rows, n, &entries).unwrap();
        let (g, d): (Vec<f64>, Vec<f64>) = ((0..rows).map(|_| rng.normal()).collect(), (0..n).map(|_| 0.3 * rng.normal()).collect());
        let mut value = g.clone();
        f.mul_add(1.0, &x, &mut value);
        let length = value.iter().map(|v| v * v).sum::<f64>().sqrt();
        let along: f64 = d.iter().zip(&x).map(|(d, x)| d * x).sum();
        let (mu, slack) = if k == 0 { (0.5 + rng.uniform(), 0.0) } else { (0.0, 0.5) };
        let w: Vec<f64> = value.iter().map(|v| -mu * v / length).collect();
        f.mul_t_add(1.0, &w, &mut c);
        c.iter_mut().zip(&d).for_each(|(c, d)| *c += mu * d);
        cones.push(Cone { f, g, e: length + slack - along, d });
    }
    let row: Vec<_> = (0..n).map(|j| (0, j, rng.normal())).collect();
    let a = Csc::from_triplets(1, n, &row).unwrap();
    let mut b = vec![0.0];
    a.mul_add(1.0, &x, &mut b);
    let lambda = 0.2 + rng.uniform();
    a.mul_t_add(-lambda, &[1.0], &mut c);
    let (mut lo, mut up) = (vec![-INF; n], vec![INF; n]);
    (lo[0], up[1]) = (x[0], x[1] + 1.0);
    c[0] += 0.3;
    if curved {
        c.iter_mut().zip(&x).for_each(|(c, x)| *c -= x);
    }
    let p = Csc::diagonal(&vec![f64::from(u8::from(curved)); n]);
    (Program { cones, ..Program::linear(c).with_quadratic(p).with_rows(a, vec![-INF], b).with_bounds(lo, up) }, x)
}

#[test]
fn random_cone_programs_are_solved() {
    let (mut rng, mut off, mut gap, mut worst) = (Rng::seeded(3), 0.0_f64, 0.0_f64, 0.0_f64);
    for k in 0..200 {
        let (program, x) = random_cones(&mut rng, k % 2 == 0);
        let (info, out) = solve(&program);
        assert_eq!(info.status, Status::Optimal, "{k}");
        let best = program.objective(&x);
        gap = gap.max((out.objective - best).abs() / (1.0 + best.abs()));
        worst = worst.max(Residuals::of(&program, &out).worst());
        if k % 2 == 0 {
            off = off.max(difference(&out.x, &x));
        }
    }
    println!("200 random SOCPs: residual {worst:.1e}, objective off by {gap:.1e}, x (where curved) by {off:.1e}");
    assert!(worst < 1e-9 && gap < 1e-9 && off < 1e-8);
}

#[test]
fn infeasible_and_unbounded_are_told_apart() {
    let line = |p: f64, c: f64, lo: f64, up: f64, bounds: (f64, f64)| {
        Program::linear(vec![c])
            .with_quadratic(Csc::diagonal(&[p]))
            .with_rows(Csc::from_triplets(1, 1, &[(0, 0, 1.0)]).unwrap(), vec![lo], vec![up])
            .with_bounds(vec![bounds.0], vec![bounds.1])
    };
    assert_eq!(status(&line(1.0, 1.0, 2.0, 3.0, (0.0, 1.0))), Status::Infeasible);
    assert_eq!(status(&line(0.0, -1.0, 0.0, INF, (0.0, INF))), Status::Unbounded);
    assert_eq!(status(&line(1.0, -1.0, 0.0, INF, (0.0, INF))), Status::Optimal);
    // A gap of 1e-3 between two rows.
    assert_eq!(status(&line(1.0, 1.0, 1.001, 3.0, (0.0, 1.0))), Status::Infeasible);
    // Infeasible, with a free direction in which the cost falls.
    let a = Csc::from_triplets(2, 3, &[(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0)]).unwrap();
    assert_eq!(status(&Program::linear(vec![0.0, 0.0, -1.0]).with_rows(a, vec![-INF, 2.0], vec![1.0, INF])), Status::Infeasible);
}

#[test]
fn cones_too_are_infeasible_and_unbounded() {
    let in_ball =
        |lo: f64| Program { cones: vec![ball(2, 1.0)], ..Program::linear(vec![1.0; 2]) }.with_bounds(vec![lo, -INF], vec![INF; 2]);
    assert_eq!(status(&in_ball(1.01)), Status::Infeasible);
    assert_eq!(status(&in_ball(0.99)), Status::Optimal);
    // |y| <= x, and x as large as one likes.
    let cone = Cone { f: Csc::from_triplets(1, 2, &[(0, 1, 1.0)]).unwrap(), g: vec![0.0], d: vec![1.0, 0.0], e: 0.0 };
    let open = |c: Vec<f64>| Program { cones: vec![cone.clone()], ..Program::linear(c) };
    assert_eq!(status(&open(vec![-1.0, 0.0])), Status::Unbounded);
    assert_eq!(status(&open(vec![0.9, 1.0])), Status::Unbounded);
    assert_eq!(status(&open(vec![1.1, 1.0])), Status::Optimal);
    // The same ray, and no point at all.
    assert_eq!(status(&open(vec![-1.0, 0.0]).with_bounds(vec![-INF; 2], vec![-0.5, INF])), Status::Infeasible);
}

#[test]
fn what_it_does_not_take_is_refused() {
    let refuse = |program| Clarabel::new(program, ParamMap::new(0), ClarabelOptions::default()).unwrap_err();
    let good = || Program::linear(vec![1.0]).with_quadratic(Csc::diagonal(&[1.0])).with_bounds(vec![0.0], vec![1.0]);
    assert_eq!(refuse(good().with_integers(vec![true])).to_string(), "clarabel does not offer integer variables");
    let saddle = Program::linear(vec![0.0; 2]).with_quadratic(Csc::from_triplets(2, 2, &[(0, 1, 1.0)]).unwrap());
    assert!(matches!(refuse(saddle), Error::NotConvex { .. }));
    assert!(matches!(refuse(Program { c: vec![f64::NAN], ..good() }), Error::NotFinite { what: "c", .. }));
    let cone = Cone { g: vec![f64::NAN; 2], ..ball(2, 1.0) };
    let bad = Program { cones: vec![cone], ..Program::linear(vec![1.0; 2]) };
    assert!(matches!(refuse(bad), Error::NotFinite { what: "cone g", .. }));
    let predicted = clarabel(good(), ParamMap::new(2).link(Entry::P(0), 0, 1.0).link(Entry::C(0), 1, 1.0));
    let (mut ws, mut out) = (predicted.workspace().unwrap(), Solution::default());
    let mut at = |theta: &[f64]| predicted.solve(theta, None, &mut ws, &mut out);
    assert!(matches!(at(&[-2.0, 0.0]), Err(Error::NotConvex { .. })));
    assert!(matches!(at(&[0.0, f64::NAN]), Err(Error::NotFinite { what: "theta", column: 1, .. })));
    assert_eq!(at(&[1.0, -2.0]).unwrap().status, Status::Optimal);
    assert_eq!(out.x, [0.5]);
    for tolerance in [0.0, f64::NAN, 0.1] {
        assert!(Clarabel::new(good(), ParamMap::new(0), ClarabelOptions { tolerance, ..Default::default() }).is_err());
    }
}

/// Without variables, without constraints, and with nothing but a fixed variable.
#[test]
fn the_smallest_programs() {
    let empty = Program { r: 3.0, ..Program::linear(vec![]) };
    let (info, out) = solve(&empty);
    assert_eq!((info.status, out.objective), (Status::Optimal, 3.0));
    assert_eq!(status(&empty.with_rows(Csc::empty(1, 0), vec![1.0], vec![2.0])), Status::Infeasible);
    let (info, out) = solve(&Program::linear(vec![-3.0, 1.0]).with_quadratic(Csc::diagonal(&[1.0, 1.0])));
    assert!(info.status == Status::Optimal && difference(&out.x, &[3.0, -1.0]) < 1e-14);
    let (info, out) = solve(&Program::linear(vec![1.0]).with_bounds(vec![2.0], vec![2.0]));
    assert_eq!((info.status, out.x.as_slice()), (Status::Optimal, &[2.0][..]));
    assert!(difference(&out.bound_dual, &[-1.0]) < 1e-14);
    assert_eq!(status(&Program::linear(vec![1.0])), Status::Unbounded);
}

#[test]
fn limits_leave_no_answer() {
    let (mut rng, mut stopped) = (Rng::seeded(4), 0);
    for _ in 0..20 {
        let (program, x) = random_cones(&mut rng, true);
        let with = |options| solve_with(&Clarabel::new(program.clone(), ParamMap::new(0), options).unwrap(), &[]);
        let (info, out) = with(ClarabelOptions { seconds: Some(0.0), ..Default::default() });
        assert_eq!((info.status, out), (Status::Limit, Solution::like(&program)));
        // After two steps the guess may be right, and the polished answer then is one.
        let (info, out) = with(ClarabelOptions { iterations: 2, ..Default::default() });
        match info.status {
            Status::Optimal => assert!(difference(&out.x, &x) < 1e-8),
            Status::Limit => assert_eq!(out, Solution::like(&program)),
            other => panic!("{other}"),
        }
        stopped += usize::from(info.status == Status::Limit);
    }
    assert!(stopped > 0);
    assert!(
        Clarabel::new(Program::linear(vec![]), ParamMap::new(0), ClarabelOptions { seconds: Some(-1.0), ..Default::default() }).is_err()
    );
}

/// A workspace that has solved other things, among them one without an answer, gives the same bits as a new one.
#[test]
fn the_answer_depends_on_theta_alone() {
    let mut rng = Rng::seeded(6);
    let (program, _) = random_cones(&mut rng, true);
    let solver = clarabel(program.clone(), ParamMap::costs(program.n()).link(Entry::Lo(0), 0, 50.0));
    let thetas: Vec<Vec<f64>> = (0..20).map(|_| (0..program.n()).map(|_| 0.1 * rng.normal()).collect()).collect();
    let (mut ws, mut out, mut without) = (solver.workspace().unwrap(), Solution::default(), 0);
    for theta in thetas.iter().chain(thetas.iter().rev()) {
        let info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
        assert_eq!((info, &out), (solve_with(&solver, theta).0, &solve_with(&solver, theta).1));
        without += usize::from(info.status == Status::Infeasible);
    }
    assert!(without > 0 && without < 40, "{without} infeasible");
}

/// From a neighbour's answer the polish alone is enough for most; a start that is none does no harm.
#[test]
fn a_warm_start_gives_the_same_point() {
    let (mut rng, mut cold_steps, mut warm_steps) = (Rng::seeded(7), 0, 0);
    for k in 0..40 {
        let (program, _) = random_cones(&mut rng, true);
        let program = if k % 2 == 0 { program } else { Program { cones: vec![], ..program } };
        let solver = clarabel(program.clone(), ParamMap::costs(program.n()));
        let theta: Vec<f64> = (0..program.n()).map(|_| 1e-3 * rng.normal()).collect();
        let (_, from) = solve_with(&solver, &vec![0.0; program.n()]);
        let (cold_info, cold) = solve_with(&solver, &theta);
        let (mut ws, mut warm) = (solver.workspace().unwrap(), Solution::default());
        let info = solver.solve(&theta, Some(&from), &mut ws, &mut warm).unwrap();
        assert_eq!((cold_info.status, info.status), (Status::Optimal, Status::Optimal));
        assert!(difference(&warm.x, &cold.x) < 1e-8);
        (cold_steps, warm_steps) = (cold_steps + cold_info.iterations, warm_steps + info.iterations);
        for value in [f64::NAN, 1e6] {
            let bad = Solution { x: vec![value; program.n()], bound_side: vec![Side::Upper; program.n()], ..from.clone() };
            assert_eq!(solver.solve(&theta, Some(&bad), &mut ws, &mut warm).unwrap().status, Status::Optimal);
            assert!(difference(&warm.x, &cold.x) < 1e-8);
        }
    }
    println!("iterations: {cold_steps} cold, {warm_steps} warm");
    assert!(2 * warm_steps < cold_steps);
}

/// The row of a batch that has no answer has a status and no gradient; the others have theirs.
#[test]
fn a_bad_row_does_not_spoil_a_batch() {
    let a = Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap();
    let program = Program::linear(vec![-1.0, -2.0])
        .with_quadratic(Csc::diagonal(&[1.0, 1.0]))
        .with_rows(a, vec![0.0], vec![0.0])
        .with_bounds(vec![-1.0; 2], vec![1.0; 2]);
    let decider = Batched::new(Kkt::new(clarabel(program, ParamMap::new(1).rhs(0, 0, 1.0))));
    let thetas = Batch::from_rows(&[[0.5], [9.0], [-0.5]]).unwrap();
    let keys: Vec<Key> = (0..3).map(|id| Key { id, slot: 0 }).collect();
    let found = decider.forward(&thetas, &Call { keys: &keys, stream: Stream::default(), backward: true }).unwrap();
    let statuses: Vec<Status> = found.info.iter().map(|i| i.status).collect();
    assert_eq!(statuses, [Status::Optimal, Status::Infeasible, Status::Optimal]);
    // x + y = b: (b - 1, b + 1) / 2.
    assert!(difference(found.x.as_slice(), &[-0.25, 0.75, 0.0, 0.0, -0.75, 0.25]) < 1e-13);
    let gradient = found.back.unwrap().pull(&Batch::from_rows(&[[1.0, 3.0]; 3]).unwrap()).unwrap();
    assert!(difference(gradient.as_slice(), &[2.0, 0.0, 2.0]) < 1e-12);
}

#[test]
fn published_optima_to_1e_6() {
    let (mut missed, mut worst) = (Vec::new(), 0.0_f64);
    for (name, n, best) in maros_meszaros::instances().into_iter().filter(|i| i.0 != "VALUES") {
        let program = maros_meszaros::read(&name);
        let start = std::time::Instant::now();
        let (info, out) = solve(&program);
        let (error, seconds) = (maros_meszaros::error(out.objective, best), start.elapsed().as_secs_f64());
        let residual = Residuals::of(&program, &out).worst();
        println!(
            "{name}: n = {n}, {} after {} steps, {seconds:.3} s, error {error:.1e}, residual {residual:.1e}",
            info.status, info.iterations
        );
        worst = worst.max(error);
        if info.status != Status::Optimal || error > 1e-6 {
            missed.push(name);
        }
    }
    println!("largest error {worst:.1e}");
    assert!(missed.is_empty(), "missed: {missed:?}");
}

#[test]
fn the_one_that_is_not_convex_is_refused() {
    if maros_meszaros::instances().iter().any(|i| i.0 == "VALUES") {
        let refused = Clarabel::new(maros_meszaros::read("VALUES"), ParamMap::new(0), ClarabelOptions::default());
        assert!(matches!(refused, Err(Error::NotConvex { .. })));
    }
}
