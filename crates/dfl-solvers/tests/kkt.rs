//! The KKT derivative: against central differences of an independent solve, by hand, and where there is no derivative.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use dfl_core::testkit::{Parametric, gradient_error, jvp_error, random_qp, vjp_error};
use dfl_core::{
    Adjoint, Cotangent, Csc, DifferentiableSolver, Dims, Entry, ParamMap, Program, ProgramSolver, Result, Rng, Side, Solution, SolveInfo,
    Solver, Status,
};
use dfl_solvers::Kkt;

/// Solves a program whose tight constraints are known, by Gaussian elimination on the equations of that active set: an answer
/// that is right near the point where it was constructed, and shares no code with the library.
#[derive(Clone)]
struct KnownActiveSet(Parametric);

impl Solver for KnownActiveSet {
    type Workspace = Program;
    fn name(&self) -> &'static str {
        "known active set"
    }
    fn dims(&self) -> Dims {
        Dims { theta: self.0.theta.len(), x: self.0.base.n(), rows: self.0.base.m() }
    }
    fn workspace(&self) -> Result<Program> {
        Ok(self.0.base.clone())
    }
    fn solve(&self, theta: &[f64], _from: Option<&Solution>, program: &mut Program, out: &mut Solution) -> Result<SolveInfo> {
        self.0.params.push(theta, &self.0.base, program)?;
        *out = solve_on_active_set(program, &self.0.solution);
        Ok(SolveInfo { status: Status::Optimal, iterations: 1, degenerate: false })
    }
}

impl ProgramSolver for KnownActiveSet {
    fn params(&self) -> &ParamMap {
        &self.0.params
    }
    fn program<'a>(&'a self, ws: &'a Program) -> &'a Program {
        ws
    }
}

fn solve_on_active_set(program: &Program, like: &Solution) -> Solution {
    let (n, m) = (program.n(), program.m());
    let rows: Vec<usize> = (0..m).filter(|&i| like.row_side[i] != Side::Free).collect();
    let fixed: Vec<usize> = (0..n).filter(|&j| like.bound_side[j] != Side::Free).collect();
    let size = n + rows.len() + fixed.len();
    let mut k = vec![vec![0.0; size + 1]; size];
    for (i, j, v) in program.p.triplets() {
        k[i][j] = v;
        k[j][i] = v;
    }
    for (i, j, v) in program.a.triplets() {
        if let Some(r) = rows.iter().position(|&r| r == i) {
            k[n + r][j] = v;
            k[j][n + r] = v;
        }
    }
    for (b, &j) in fixed.iter().enumerate() {
        k[n + rows.len() + b][j] = 1.0;
        k[j][n + rows.len() + b] = 1.0;
    }
    let bound = |side: Side, lo: f64, up: f64| if side == Side::Upper { up } else { lo };
    (0..n).for_each(|j| k[j][size] = -program.c[j]);
    rows.iter().enumerate().for_each(|(r, &i)| k[n + r][size] = bound(like.row_side[i], program.row_lo[i], program.row_up[i]));
    fixed.iter().enumerate().for_each(|(b, &j)| k[n + rows.len() + b][size] = bound(like.bound_side[j], program.lo[j], program.up[j]));
    let answer = eliminate(k);
    let mut out = Solution { row_side: like.row_side.clone(), bound_side: like.bound_side.clone(), ..Solution::zeros(n, m) };
    out.x.copy_from_slice(&answer[..n]);
    rows.iter().enumerate().for_each(|(r, &i)| out.row_dual[i] = answer[n + r]);
    fixed.iter().enumerate().for_each(|(b, &j)| out.bound_dual[j] = answer[n + rows.len() + b]);
    out
}

/// Gauss-Jordan with partial pivoting on `[K | rhs]`.
fn eliminate(mut k: Vec<Vec<f64>>) -> Vec<f64> {
    let n = k.len();
    for c in 0..n {
        let pivot = (c..n).max_by(|&a, &b| k[a][c].abs().total_cmp(&k[b][c].abs())).unwrap();
        k.swap(c, pivot);
        let pivot_row = k[c].clone();
        for (r, row) in k.iter_mut().enumerate().filter(|(r, _)| *r != c) {
            let factor = row[c] / pivot_row[c];
            assert!(factor.is_finite(), "singular at column {c}, row {r}");
            row.iter_mut().zip(&pivot_row).for_each(|(v, p)| *v -= factor * p);
        }
    }
    (0..n).map(|c| k[c][n] / k[c][c]).collect()
}

/// theta in costs, matrix entries, right-hand sides and bounds of 200 random QPs; the answers are exact to about 1e-13, so a step of
/// 1e-5 leaves 1e-8 from rounding and, in the most curved of them, 1e-7 from truncation.
#[test]
fn vjp_and_jvp_match_central_differences_on_200_random_qps() {
    let (mut rng, mut worst) = (Rng::seeded(2), 0.0_f64);
    for k in 0..200 {
        let (n, m) = (2 + k % 9, k % 12);
        let solver = Kkt::new(KnownActiveSet(random_qp(n, m, &mut rng)));
        let theta = solver_theta(&solver);
        let error = vjp_error(&solver, &theta, 1e-5, &mut rng).max(jvp_error(&solver, &theta, 1e-5, &mut rng));
        assert!(error < 1e-6, "instance {k} (n = {n}, m = {m}): {error:.1e}");
        worst = worst.max(error);
    }
    println!("largest relative error of 400 derivatives: {worst:.1e}");
}

fn solver_theta(solver: &Kkt<KnownActiveSet>) -> Vec<f64> {
    solver.inner().0.theta.clone()
}

/// The same through OSQP, which finds the active set by itself.
#[cfg(feature = "osqp")]
#[test]
fn the_derivative_of_osqp_answers_matches_central_differences() {
    use dfl_solvers::Osqp;
    let (mut rng, mut worst) = (Rng::seeded(3), 0.0_f64);
    for k in 0..200 {
        let q = random_qp(2 + k % 9, k % 12, &mut rng);
        let solver = Kkt::new(Osqp::new(q.base, q.params, Default::default()).unwrap());
        let error = vjp_error(&solver, &q.theta, 1e-5, &mut rng).max(jvp_error(&solver, &q.theta, 1e-5, &mut rng));
        assert!(error < 1e-6, "instance {k}: {error:.1e}");
        worst = worst.max(error);
    }
    println!("largest relative error of 400 derivatives through OSQP: {worst:.1e}");
}

struct Fixed {
    program: Program,
    params: ParamMap,
    solution: Solution,
}

impl Solver for Fixed {
    type Workspace = ();
    fn name(&self) -> &'static str {
        "fixed"
    }
    fn dims(&self) -> Dims {
        Dims { theta: self.params.theta(), x: self.program.n(), rows: self.program.m() }
    }
    fn workspace(&self) -> Result<()> {
        Ok(())
    }
    fn solve(&self, _theta: &[f64], _from: Option<&Solution>, (): &mut (), out: &mut Solution) -> Result<SolveInfo> {
        out.clone_from(&self.solution);
        Ok(SolveInfo { status: Status::Optimal, iterations: 1, degenerate: false })
    }
}

impl ProgramSolver for Fixed {
    fn params(&self) -> &ParamMap {
        &self.params
    }
    fn program<'a>(&'a self, (): &'a ()) -> &'a Program {
        &self.program
    }
}

fn gradient(fixed: Fixed, cotangent: Cotangent<'_>) -> (Vec<f64>, Adjoint, bool) {
    let solver = Kkt::new(fixed);
    let (mut out, mut u, mut g) = (Solution::default(), Adjoint::default(), vec![f64::NAN; solver.dims().theta]);
    let mut info = solver.solve(&[], None, &mut (), &mut out).unwrap();
    let tape = solver.tape(&[], &out, &mut (), &mut info).unwrap();
    solver.vjp(&tape, cotangent, &mut u, &mut g).unwrap();
    (g, u, info.degenerate)
}

/// min 1/2 |x|^2 + c'x, x1 + x2 = b at c = 0, b = 2: x = (1, 1), dual -1. dx/dc = -(I - 11'/2), dx/db = (1/2, 1/2), and the dual
/// -(b + c1 + c2)/2 has the gradient (-1/2, -1/2 | -1/2).
#[test]
fn projection_onto_a_plane_by_hand() {
    let make = || Fixed {
        program: Program::linear(vec![0.0; 2]).with_quadratic(Csc::diagonal(&[1.0, 1.0])).with_rows(
            Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap(),
            vec![2.0],
            vec![2.0],
        ),
        params: ParamMap::new(3).link(Entry::C(0), 0, 1.0).link(Entry::C(1), 1, 1.0).rhs(0, 2, 1.0),
        solution: Solution { x: vec![1.0, 1.0], row_dual: vec![-1.0], row_side: vec![Side::Upper], ..Solution::zeros(2, 1) },
    };
    let close = |g: &[f64], expected: [f64; 3]| assert!(g.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-14), "{g:?}");
    let (on_x, u, degenerate) = gradient(make(), Cotangent { x: &[1.0, 0.0], ..Default::default() });
    close(&on_x, [-0.5, 0.5, 0.5]);
    assert!(!degenerate && u.residual < 1e-15 && u.x == on_x[..2]);
    close(&gradient(make(), Cotangent { rows: &[1.0], ..Default::default() }).0, [-0.5, -0.5, -0.5]);
}

/// The same plane written twice: K is singular, the derivative in c is still the projection, and the least-norm multiplier shares
/// the derivative in b between the two copies.
#[test]
fn a_duplicate_row_gives_the_least_norm_solution_and_a_flag() {
    let a = Csc::from_triplets(2, 2, &[(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0)]).unwrap();
    let fixed = Fixed {
        program: Program::linear(vec![0.0; 2]).with_quadratic(Csc::diagonal(&[1.0, 1.0])).with_rows(a, vec![2.0; 2], vec![2.0; 2]),
        params: ParamMap::new(4).link(Entry::C(0), 0, 1.0).link(Entry::C(1), 1, 1.0).rhs(0, 2, 1.0).rhs(1, 3, 1.0),
        solution: Solution { x: vec![1.0, 1.0], row_dual: vec![-0.5, -0.5], row_side: vec![Side::Upper; 2], ..Solution::zeros(2, 2) },
    };
    let (g, u, degenerate) = gradient(fixed, Cotangent { x: &[1.0, 0.0], ..Default::default() });
    assert!(degenerate);
    assert!(u.residual < 1e-12, "{}", u.residual);
    for (a, b) in g.iter().zip([-0.5, 0.5, 0.25, 0.25]) {
        assert!((a - b).abs() < 1e-12, "{g:?}");
    }
}

/// x = max(0, -c) at c = 0: tight with a zero dual. The derivative of the side the solver reports, and a flag.
#[test]
fn a_weakly_active_bound_is_flagged() {
    let fixed = |side| Fixed {
        program: Program::linear(vec![0.0]).with_quadratic(Csc::diagonal(&[1.0])).with_bounds(vec![0.0], vec![f64::INFINITY]),
        params: ParamMap::costs(1),
        solution: Solution { bound_side: vec![side], ..Solution::zeros(1, 0) },
    };
    let on_x = Cotangent { x: &[1.0], ..Default::default() };
    let (g, _, degenerate) = gradient(fixed(Side::Lower), on_x);
    assert_eq!((g[0], degenerate), (0.0, true));
    let (g, _, degenerate) = gradient(fixed(Side::Free), on_x);
    assert_eq!((g[0], degenerate), (-1.0, false));
}

/// A vertex of an LP does not move with the cost, and follows its constraints: x = (b, 0).
#[test]
fn an_lp_vertex_by_hand() {
    let fixed = Fixed {
        program: Program::linear(vec![1.0, 2.0])
            .with_rows(Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap(), vec![3.0], vec![f64::INFINITY])
            .with_bounds(vec![0.0; 2], vec![f64::INFINITY; 2]),
        params: ParamMap::new(3).link(Entry::C(0), 0, 1.0).link(Entry::C(1), 1, 1.0).link(Entry::RowLo(0), 2, 1.0),
        solution: Solution {
            x: vec![3.0, 0.0],
            row_dual: vec![-1.0],
            bound_dual: vec![0.0, -1.0],
            row_side: vec![Side::Lower],
            bound_side: vec![Side::Free, Side::Lower],
            objective: 3.0,
            ..Solution::default()
        },
    };
    let (g, _, degenerate) = gradient(fixed, Cotangent { x: &[1.0, 1.0], ..Default::default() });
    assert_eq!((g, degenerate), (vec![0.0, 0.0, 1.0], false));
}

/// No variable is free and no row tight: K is empty and the derivative of everything but the bound is zero.
#[test]
fn an_empty_system_has_zero_derivative() {
    let fixed = Fixed {
        program: Program::linear(vec![1.0]).with_bounds(vec![0.0], vec![1.0]),
        params: ParamMap::new(2).link(Entry::C(0), 0, 1.0).link(Entry::Lo(0), 1, 1.0),
        solution: Solution { bound_dual: vec![-1.0], bound_side: vec![Side::Lower], ..Solution::zeros(1, 0) },
    };
    assert_eq!(gradient(fixed, Cotangent { x: &[1.0], ..Default::default() }).0, [0.0, 1.0]);
}

/// Cotangents on the duals, against central differences of the constructed answers.
#[test]
fn dual_cotangents_match_central_differences() {
    let mut rng = Rng::seeded(9);
    for _ in 0..20 {
        let solver = Kkt::new(KnownActiveSet(random_qp(5, 6, &mut rng)));
        let theta = solver_theta(&solver);
        let draw = |rng: &mut Rng, n: usize| -> Vec<f64> { (0..n).map(|_| rng.normal()).collect() };
        let (rows, bounds) = (draw(&mut rng, 6), draw(&mut rng, 5));
        let (mut ws, mut out, mut u, mut g) =
            (solver.workspace().unwrap(), Solution::default(), Adjoint::default(), vec![0.0; theta.len()]);
        let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
        let tape = solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
        solver.vjp(&tape, Cotangent { rows: &rows, bounds: &bounds, ..Default::default() }, &mut u, &mut g).unwrap();
        let error = gradient_error(&theta, &g, 1e-5, |at| {
            solver.solve(at, None, &mut ws, &mut out).unwrap();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            dot(&out.row_dual, &rows) + dot(&out.bound_dual, &bounds)
        });
        assert!(error < 1e-6, "{error:.1e}");
    }
}

/// A tape needs nothing that only the wrapper it was made by has seen.
#[test]
fn a_tape_serves_a_clone_that_has_made_none() {
    let solver = Kkt::new(KnownActiveSet(random_qp(5, 6, &mut Rng::seeded(10))));
    let (clone, theta) = (solver.clone(), solver_theta(&solver));
    let (mut ws, mut out, mut u) = (solver.workspace().unwrap(), Solution::default(), Adjoint::default());
    let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
    let tape = solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
    let on_x = Cotangent { x: &[1.0, -2.0, 3.0, 0.5, 1.5], ..Default::default() };
    let mut pull = |by: &Kkt<KnownActiveSet>| {
        let mut grad = vec![f64::NAN; theta.len()];
        by.vjp(&tape, on_x, &mut u, &mut grad).unwrap();
        grad
    };
    assert_eq!(pull(&clone), pull(&solver));
    let mut push = |by: &Kkt<KnownActiveSet>| {
        let mut dx = vec![f64::NAN; 5];
        by.jvp(&tape, &vec![1.0; theta.len()], &mut u, &mut dx).unwrap();
        dx
    };
    assert_eq!(push(&clone), push(&solver));
}

/// The vertex of a linear program does not move with its costs: that is no derivative to train with.
#[test]
fn a_linear_program_with_predicted_costs_is_not_differentiable() {
    let make = |params, p| Fixed {
        program: Program::linear(vec![1.0]).with_quadratic(p).with_bounds(vec![0.0], vec![1.0]),
        params,
        solution: Solution { bound_dual: vec![-1.0], bound_side: vec![Side::Lower], ..Solution::zeros(1, 0) },
    };
    assert!(!Kkt::new(make(ParamMap::costs(1), Csc::empty(1, 1))).differentiable());
    assert!(Kkt::new(make(ParamMap::costs(1), Csc::diagonal(&[1.0]))).differentiable());
    assert!(Kkt::new(make(ParamMap::new(1).link(Entry::Lo(0), 0, 1.0), Csc::empty(1, 1))).differentiable());
}
