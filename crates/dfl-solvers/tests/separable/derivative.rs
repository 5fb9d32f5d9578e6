//! Derivatives against central differences and against `Kkt` on the same answers.

use dfl_core::testkit::{check_decider, jvp_error, vjp_error};
use dfl_core::{
    Adjoint, Batch, Cotangent, Csc, DifferentiableSolver, Entry, ParamMap, Program, ProgramSolver, Residuals, Rng, Solution, Solver,
};
use dfl_solvers::{ActiveSet, Batched, Grid, Kkt};

use crate::{INF, close, everything, identity, known, matrix, solver, sparse};

/// theta in every entry of `P`, `c` and `A` and every side that may move. Answers are exact to about 1e-14, so a step of 1e-5 leaves
/// 1e-8 of rounding, and 1e-7 of truncation in the most curved.
#[test]
fn derivatives_match_central_differences_on_200_programs() {
    let (mut rng, mut worst) = (Rng::seeded(57), 0.0_f64);
    for k in 0..200 {
        let (program, optimum) = known(2 + k % 9, k % 12, 0.5, &mut rng);
        let params = everything(&program, &optimum);
        let (s, theta) = (solver(program, params.clone()), vec![0.0; params.theta()]);
        let error = vjp_error(&s, &theta, 1e-5, &mut rng).max(jvp_error(&s, &theta, 1e-5, &mut rng));
        assert!(error < 1e-6, "instance {k}: {error:.1e}");
        worst = worst.max(error);
    }
    println!("largest relative error of 400 derivatives: {worst:.1e}");
}

#[test]
fn derivatives_of_a_smoothed_path_match_central_differences() {
    let (grid, mut rng) = (Grid::new(6, 6).unwrap(), Rng::seeded(58));
    for mu in [0.1, 1.0] {
        let program = grid.program().with_quadratic(Csc::diagonal(&vec![mu; grid.arcs()]));
        let s = solver(program, ParamMap::costs(grid.arcs()));
        let theta: Vec<f64> = (0..grid.arcs()).map(|_| rng.uniform() + 0.5).collect();
        let error = vjp_error(&s, &theta, 1e-6, &mut rng).max(jvp_error(&s, &theta, 1e-6, &mut rng));
        assert!(error < 1e-7, "mu = {mu}: {error:.1e}");
    }
}

struct Derivatives {
    gradient: Vec<f64>,
    adjoint: Adjoint,
    tangent: Vec<f64>,
    degenerate: bool,
}

fn derivatives<S: DifferentiableSolver>(s: &S, from: Option<&Solution>, cotangent: Cotangent<'_>, direction: &[f64]) -> Derivatives {
    let (theta, mut ws, mut out) = (vec![0.0; s.dims().theta], s.workspace().unwrap(), Solution::default());
    let mut info = s.solve(&theta, from, &mut ws, &mut out).unwrap();
    let tape = s.tape(&theta, &out, &mut ws, &mut info).unwrap();
    let (mut gradient, mut tangent, mut adjoint) = (vec![f64::NAN; theta.len()], vec![f64::NAN; s.dims().x], Adjoint::default());
    s.jvp(&tape, direction, &mut Adjoint::default(), &mut tangent).unwrap();
    s.vjp(&tape, cotangent, &mut adjoint, &mut gradient).unwrap();
    Derivatives { gradient, adjoint, tangent, degenerate: info.degenerate }
}

/// Against `Kkt` on the same answer, for cotangents on `x` and on all duals; returns whether it was degenerate.
fn compare(program: Program, params: ParamMap, tolerance: f64, rng: &mut Rng) -> bool {
    let (n, m, size) = (program.n(), program.m(), params.theta());
    let mut draw = |len: usize| (0..len).map(|_| rng.normal()).collect::<Vec<f64>>();
    let (x, rows, bounds, direction) = (draw(n), draw(m), draw(n), draw(size));
    let s = solver(program, params);
    let kkt = Kkt::new(s.clone());
    let mut flag = false;
    for cotangent in [Cotangent { x: &x, ..Default::default() }, Cotangent { x: &x, rows: &rows, bounds: &bounds }] {
        let (ours, theirs) = (derivatives(&s, None, cotangent, &direction), derivatives(&kkt, None, cotangent, &direction));
        for (a, b) in [
            (&ours.adjoint.x, &theirs.adjoint.x),
            (&ours.adjoint.rows, &theirs.adjoint.rows),
            (&ours.adjoint.bounds, &theirs.adjoint.bounds),
            (&ours.gradient, &theirs.gradient),
            (&ours.tangent, &theirs.tangent),
        ] {
            let scale = b.iter().fold(1.0_f64, |a, v| a.max(v.abs()));
            let error = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / scale;
            assert!(error <= tolerance, "{error:.1e}");
        }
        assert_eq!(ours.degenerate, theirs.degenerate);
        assert!(ours.degenerate || ours.adjoint.residual < 1e-11, "{:.1e}", ours.adjoint.residual);
        assert!((ours.adjoint.residual - theirs.adjoint.residual).abs() < 1e-7, "{}, {}", ours.adjoint.residual, theirs.adjoint.residual);
        flag = ours.degenerate;
    }
    flag
}

#[test]
fn regular_derivatives_are_those_of_kkt() {
    let mut rng = Rng::seeded(59);
    for k in 0..100 {
        let (program, optimum) = known(2 + k % 20, k % 15, 0.7, &mut rng);
        let params = everything(&program, &optimum);
        assert!(!compare(program, params, 1e-9, &mut rng), "instance {k}");
    }
}

/// Against the active set's answers, which are found in another way.
#[test]
fn derivatives_are_those_of_the_active_set() {
    let mut rng = Rng::seeded(60);
    for k in 0..50 {
        let (program, optimum) = known(2 + k % 20, k % 15, 0.7, &mut rng);
        let params = everything(&program, &optimum);
        let draw = |rng: &mut Rng, len: usize| (0..len).map(|_| rng.normal()).collect::<Vec<f64>>();
        let (x, direction) = (draw(&mut rng, program.n()), draw(&mut rng, params.theta()));
        let cotangent = Cotangent { x: &x, ..Default::default() };
        let ours = derivatives(&solver(program.clone(), params.clone()), None, cotangent, &direction);
        let theirs = Kkt::new(ActiveSet::new(program, params, Default::default()).unwrap());
        let theirs = derivatives(&theirs, None, cotangent, &direction);
        let scale = theirs.gradient.iter().fold(1.0_f64, |a, v| a.max(v.abs()));
        ours.gradient.iter().zip(&theirs.gradient).for_each(|(a, b)| assert!((a - b).abs() < 1e-9 * scale));
        let scale = theirs.tangent.iter().fold(1.0_f64, |a, v| a.max(v.abs()));
        ours.tangent.iter().zip(&theirs.tangent).for_each(|(a, b)| assert!((a - b).abs() < 1e-9 * scale));
    }
}

/// Redundant rows, and nodes that no free arc touches: the least-norm solution, for predicted costs, matrices and sides alike.
#[test]
fn dependent_constraints_give_the_least_norm_solution() {
    let mut rng = Rng::seeded(61);
    for size in [2, 3, 4] {
        for mu in [0.01, 0.5, 5.0] {
            let grid = Grid::new(size, size + 1).unwrap();
            let program = Program { c: (0..grid.arcs()).map(|_| rng.uniform() + 0.5).collect(), ..grid.program() }
                .with_quadratic(Csc::diagonal(&vec![mu; grid.arcs()]));
            let mut out = Solution::default();
            let s = solver(program.clone(), ParamMap::new(0));
            s.solve(&[], None, &mut s.workspace().unwrap(), &mut out).unwrap();
            let params = everything(&program, &out);
            assert!(compare(program, params, 1e-9, &mut rng), "{size} {mu}");
        }
    }
}

#[test]
fn repeated_rows_and_vertices_give_the_least_norm_solution() {
    let (mut rng, mut degenerate) = (Rng::seeded(62), 0);
    for k in 0..100 {
        let program = if k % 2 == 0 {
            let (program, _) = known(3 + k % 9, 2 + k % 5, 0.5, &mut rng);
            let m = program.m();
            let twice: Vec<_> = program.a.triplets().flat_map(|(i, j, v)| [(i, j, v), (m + i, j, -2.0 * v)]).collect();
            let lo = program.row_lo.iter().copied().chain(program.row_up.iter().map(|v| -2.0 * v)).collect();
            let up = program.row_up.iter().copied().chain(program.row_lo.iter().map(|v| -2.0 * v)).collect();
            let a = Csc::from_triplets(2 * m, program.n(), &twice).unwrap();
            program.with_rows(a, lo, up)
        } else {
            sparse(2 + k % 9, 1 + k % 11, 0.6, &mut rng)
        };
        let s = solver(program.clone(), ParamMap::new(0));
        let mut out = Solution::default();
        s.solve(&[], None, &mut s.workspace().unwrap(), &mut out).unwrap();
        assert!(Residuals::of(&program, &out).worst() < 1e-13);
        let params = everything(&program, &out);
        degenerate += usize::from(compare(program, params, 1e-8, &mut rng));
    }
    println!("{degenerate} of 100 degenerate");
    assert!(degenerate > 30);
}

/// The same plane written twice, by hand: the multiplier's derivative is shared.
#[test]
fn a_duplicate_row_by_hand() {
    let program = Program::linear(vec![0.0; 2]).with_quadratic(identity(2)).with_rows(
        matrix(&[&[1.0, 1.0], &[1.0, 1.0]]),
        vec![2.0; 2],
        vec![2.0; 2],
    );
    let params = (0..2).fold(ParamMap::new(4), |map, j| map.link(Entry::C(j), j, 1.0).rhs(j, 2 + j, 1.0));
    let found = derivatives(&solver(program, params), None, Cotangent { x: &[1.0, 0.0], ..Default::default() }, &[0.0, 0.0, 1.0, 1.0]);
    assert!(found.degenerate);
    close(&found.gradient, &[-0.5, 0.5, 0.25, 0.25], 1e-14);
    close(&found.tangent, &[0.5, 0.5], 1e-14);
}

/// A bound that is tight without a multiplier is flagged, and so is a row.
#[test]
fn weakly_tight_constraints_are_flagged() {
    let at = |c: f64| {
        let program = Program::linear(vec![c]).with_quadratic(identity(1)).with_bounds(vec![0.0], vec![INF]);
        derivatives(&solver(program, ParamMap::costs(1)), None, Cotangent { x: &[1.0], ..Default::default() }, &[1.0]).degenerate
    };
    assert_eq!([at(-1.0), at(0.0), at(1.0)], [false, true, false]);
}

#[test]
fn wrong_lengths_are_refused() {
    let s = solver(Program::linear(vec![1.0; 2]).with_quadratic(identity(2)), ParamMap::costs(2));
    let (mut ws, mut out, mut u) = (s.workspace().unwrap(), Solution::default(), Adjoint::default());
    let mut info = s.solve(&[0.0; 2], None, &mut ws, &mut out).unwrap();
    let tape = s.tape(&[0.0; 2], &out, &mut ws, &mut info).unwrap();
    assert!(s.vjp(&tape, Cotangent { x: &[1.0], ..Default::default() }, &mut u, &mut [0.0; 2]).is_err());
    assert!(s.vjp(&tape, Cotangent::default(), &mut u, &mut [0.0; 3]).is_err());
    assert!(s.jvp(&tape, &[1.0], &mut u, &mut [0.0; 2]).is_err());
    assert!(s.jvp(&tape, &[1.0; 2], &mut u, &mut [0.0; 1]).is_err());
}

/// A tape of an answer that the workspace did not solve last has that answer's sides.
#[test]
fn the_tape_belongs_to_the_answer() {
    let program = Program::linear(vec![0.0; 2]).with_quadratic(identity(2)).with_bounds(vec![0.0; 2], vec![1.0; 2]);
    let s = solver(program, ParamMap::costs(2));
    let (mut ws, mut first, mut second) = (s.workspace().unwrap(), Solution::default(), Solution::default());
    let mut info = s.solve(&[-0.5, 1.0], None, &mut ws, &mut first).unwrap();
    s.solve(&[1.0, -0.5], None, &mut ws, &mut second).unwrap();
    let tape = s.tape(&[-0.5, 1.0], &first, &mut ws, &mut info).unwrap();
    let mut gradient = [0.0; 2];
    s.vjp(&tape, Cotangent { x: &[1.0; 2], ..Default::default() }, &mut Adjoint::default(), &mut gradient).unwrap();
    assert_eq!(gradient, [-1.0, 0.0]);
    assert_eq!(s.program(&ws).n(), 2);
}

#[test]
fn the_contract_of_a_decider() {
    let mut rng = Rng::seeded(63);
    let (program, _) = known(12, 10, 0.5, &mut rng);
    let thetas = Batch::from_vec(20, 12, (0..240).map(|_| rng.normal()).collect()).unwrap();
    check_decider(&Batched::new(solver(program, ParamMap::costs(12))), &thetas);
}

/// Where rows are dependent, only what no solution can have is forgiven: numbers that overflow, or are none, are an error.
#[test]
fn a_dependent_system_that_was_not_solved_is_an_error() {
    let program = Program::linear(vec![0.0; 3]).with_quadratic(Csc::diagonal(&[1.0, 1.0, 1e-10])).with_rows(
        matrix(&[&[1.0, 1.0, 0.0], &[1.0, 1.0, 0.0]]),
        vec![2.0; 2],
        vec![2.0; 2],
    );
    let s = solver(program, ParamMap::costs(3));
    let (mut ws, mut out, mut u) = (s.workspace().unwrap(), Solution::default(), Adjoint::default());
    let mut info = s.solve(&[0.0; 3], None, &mut ws, &mut out).unwrap();
    let tape = s.tape(&[0.0; 3], &out, &mut ws, &mut info).unwrap();
    assert!(info.degenerate);
    for bad in [[f64::NAN, 0.0, 0.0], [f64::NAN; 3], [1.0, 0.0, 1e300]] {
        assert!(s.vjp(&tape, Cotangent { x: &bad, ..Default::default() }, &mut u, &mut [0.0; 3]).is_err(), "{bad:?}");
        assert!(s.jvp(&tape, &bad, &mut u, &mut [0.0; 3]).is_err(), "{bad:?}");
    }
    let rows = Cotangent { rows: &[f64::NAN, 1.0], ..Default::default() };
    assert!(s.vjp(&tape, rows, &mut u, &mut [0.0; 3]).is_err());
    // One that no multipliers can have gets the nearest.
    s.vjp(&tape, Cotangent { rows: &[1.0, -1.0], ..Default::default() }, &mut u, &mut [0.0; 3]).unwrap();
    assert_eq!(u.residual, 1.0);
}
