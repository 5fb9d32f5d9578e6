//! One-sided derivatives where there is no linear one.

use dfl_core::testkit::random_qp;
use dfl_core::{Csc, Entry, ParamMap, Program, ProgramSolver, Rng, Solution, Solver, Status};
use dfl_solvers::directional;

use crate::{active_set, both, close, draw, error, matrix};

/// The derivative at `theta` along `d`, and the difference quotient of a small step; of the decision and the duals.
fn compare(program: &Program, params: &ParamMap, theta: &[f64], d: &[f64], step: f64) -> (Solution, f64, f64) {
    let solver = active_set(program.clone(), params.clone());
    let (mut ws, mut here, mut out) = (solver.workspace().unwrap(), Solution::default(), Solution::default());
    assert_eq!(solver.solve(theta, None, &mut ws, &mut here).unwrap().status, Status::Optimal);
    let info = directional(solver.program(&ws), params, &here, d, &mut out).unwrap();
    assert_eq!(info.status, Status::Optimal);
    let ahead: Vec<f64> = theta.iter().zip(d).map(|(t, d)| t + step * d).collect();
    let mut there = Solution::default();
    solver.solve(&ahead, None, &mut ws, &mut there).unwrap();
    let quotient = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| (a - b) / step).collect() };
    let on_x = error(&out.x, &quotient(&there.x, &here.x));
    let on_duals = error(&out.row_dual, &quotient(&there.row_dual, &here.row_dual))
        .max(error(&out.bound_dual, &quotient(&there.bound_dual, &here.bound_dual)));
    (out, on_x, on_duals)
}

/// x = max(0, -c) at c = 0: it rises with -c and stays with c, by hand.
#[test]
fn the_orthant_at_its_apex_in_both_directions() {
    let program = Program::linear(vec![0.0; 2]).with_quadratic(Csc::diagonal(&[1.0; 2])).with_bounds(vec![0.0; 2], vec![f64::INFINITY; 2]);
    for (d, expected) in [([-1.0, 2.0], [1.0, 0.0]), ([1.0, -2.0], [0.0, 2.0]), ([1.0, 1.0], [0.0, 0.0]), ([-1.0, -1.0], [1.0, 1.0])] {
        let (out, on_x, on_duals) = compare(&program, &ParamMap::costs(2), &[0.0; 2], &d, 1e-3);
        close(&out.x, &expected, 1e-12);
        assert!(on_x < 1e-9 && on_duals < 1e-9, "{on_x:.1e}, {on_duals:.1e}");
    }
}

/// The bound itself moves: away from the point, and into it.
#[test]
fn a_moving_bound_without_a_dual() {
    let program = Program::linear(vec![0.0]).with_quadratic(Csc::diagonal(&[1.0])).with_bounds(vec![0.0], vec![f64::INFINITY]);
    let params = ParamMap::new(1).link(Entry::Lo(0), 0, 1.0);
    close(&compare(&program, &params, &[0.0], &[1.0], 1e-3).0.x, &[1.0], 1e-12);
    close(&compare(&program, &params, &[0.0], &[-1.0], 1e-3).0.x, &[0.0], 1e-12);
}

/// Away from kinks it is the jvp, duals included.
#[test]
fn it_is_the_jvp_where_there_is_one() {
    let (mut rng, mut worst) = (Rng::seeded(71), 0.0_f64);
    for k in 0..100 {
        let q = random_qp(1 + k % 9, k % 12, &mut rng);
        let d = draw(&mut rng, q.theta.len());
        let (out, ..) = compare(&q.base, &q.params, &q.theta, &d, 1e-6);
        let (dx, u) = both(&q.base, &q.params, &q.theta).0.jvp(&d);
        worst = worst.max(error(&out.x, &dx)).max(error(&out.row_dual, &u.rows)).max(error(&out.bound_dual, &u.bounds));
    }
    println!("directional against jvp: {worst:.1e}");
    assert!(worst < 1e-8, "{worst:.1e}");
}

/// Random programs with the duals of half of their tight inequalities removed, so that these are at their side without one; then
/// theta moves everything along a random direction. Between kinks the optimum is smooth: a step of 1e-6 leaves 1e-6 times curvature.
#[test]
fn random_programs_without_strict_complementarity() {
    let (mut rng, mut worst, mut weak) = (Rng::seeded(72), 0.0_f64, 0);
    for k in 0..200 {
        let q = random_qp(2 + k % 9, 1 + k % 12, &mut rng);
        let (mut base, mut at) = (q.base.clone(), q.base.clone());
        q.params.push(&q.theta, &q.base, &mut at).unwrap();
        let s = &q.solution;
        for i in (0..base.m()).filter(|&i| base.row_lo[i] < base.row_up[i]).step_by(2) {
            weak += usize::from(s.row_dual[i] != 0.0);
            at.a.triplets().filter(|t| t.0 == i).for_each(|(_, j, v)| base.c[j] += v * s.row_dual[i]);
        }
        for j in (0..base.n()).step_by(2) {
            weak += usize::from(s.bound_dual[j] != 0.0);
            base.c[j] += s.bound_dual[j];
        }
        let (_, on_x, on_duals) = compare(&base, &q.params, &q.theta, &draw(&mut rng, q.theta.len()), 1e-6);
        worst = worst.max(on_x).max(on_duals);
    }
    println!("{weak} weakly active constraints in 200 programs: largest error {worst:.1e}");
    assert!(weak > 200 && worst < 1e-4, "{worst:.1e}");
}

/// Two equalities that are one, moved apart: there is no point, and so no derivative.
#[test]
fn contradicting_changes_have_a_status() {
    let program =
        Program::linear(vec![0.0]).with_quadratic(Csc::diagonal(&[1.0])).with_rows(matrix(&[&[1.0], &[1.0]]), vec![1.0; 2], vec![1.0; 2]);
    let params = ParamMap::new(1).rhs(0, 0, 1.0);
    let solver = active_set(program.clone(), params.clone());
    let (mut ws, mut here, mut out) = (solver.workspace().unwrap(), Solution::default(), Solution::default());
    solver.solve(&[0.0], None, &mut ws, &mut here).unwrap();
    assert_eq!(directional(&program, &params, &here, &[1.0], &mut out).unwrap().status, Status::Infeasible);
    assert!(directional(&program, &params, &here, &[], &mut out).is_err());
}
