//! Starts from an earlier answer.

use dfl_core::{Csc, Entry, ParamMap, Program, Rng, Side, Solution, Solver, Status};
use dfl_solvers::{Grid, Separable};

use crate::{INF, close, known, solver, sparse};

fn run(s: &Separable, theta: &[f64], from: Option<&Solution>) -> (Solution, usize) {
    let (mut ws, mut out) = (s.workspace().unwrap(), Solution::default());
    let info = s.solve(theta, from, &mut ws, &mut out).unwrap();
    assert_eq!(info.status, Status::Optimal);
    (out, info.iterations)
}

fn costs(program: Program) -> (Separable, Vec<f64>) {
    let (n, c) = (program.n(), program.c.clone());
    (solver(Program { c: vec![0.0; n], ..program }, ParamMap::costs(n)), c)
}

/// From the optimum itself and from that of costs nearby: the cold optimum, without a step if the same constraints are tight.
#[test]
fn an_unchanged_pattern_needs_no_step() {
    let (mut rng, mut unchanged) = (Rng::seeded(53), 0);
    for k in 0..100 {
        let (program, expected) = known(1 + k % 40, k % 30, 0.7, &mut rng);
        let (s, theta) = costs(program);
        let near: Vec<f64> = theta.iter().map(|t| t + 1e-4 * rng.normal()).collect();
        let (before, _) = run(&s, &near, None);
        for from in [&expected, &before] {
            let (warm, steps) = run(&s, &theta, Some(from));
            close(&warm.x, &expected.x, 1e-10);
            if (&from.row_side, &from.bound_side) == (&expected.row_side, &expected.bound_side) {
                assert_eq!(steps, 0, "instance {k}");
                unchanged += 1;
            }
        }
    }
    assert!(unchanged > 180, "{unchanged} of 200");
}

/// Costs that move by a percent: fewer steps than from nothing, to the same answer.
#[test]
fn a_warm_path_takes_fewer_steps() {
    let (grid, mut rng) = (Grid::new(10, 10).unwrap(), Rng::seeded(54));
    let (s, _) = costs(grid.program().with_quadratic(Csc::diagonal(&vec![0.1; grid.arcs()])));
    let (mut cold_steps, mut warm_steps) = (0, 0);
    for _ in 0..20 {
        let theta: Vec<f64> = (0..grid.arcs()).map(|_| rng.uniform() + 0.5).collect();
        let near: Vec<f64> = theta.iter().map(|t| t * (1.0 + 0.01 * rng.normal())).collect();
        let ((cold, a), before) = (run(&s, &theta, None), run(&s, &near, None).0);
        let (warm, b) = run(&s, &theta, Some(&before));
        close(&warm.x, &cold.x, 1e-12);
        assert_eq!(run(&s, &theta, Some(&cold)).1, 0);
        (cold_steps, warm_steps) = (cold_steps + a, warm_steps + b);
    }
    println!("{cold_steps} cold steps, {warm_steps} warm ones");
    assert!(2 * warm_steps < cold_steps);
}

/// From sides and multipliers that are nonsense: the same optimum.
#[test]
fn any_start_leads_to_the_same_optimum() {
    let mut rng = Rng::seeded(55);
    for k in 0..100 {
        let (program, expected) = known(2 + k % 20, k % 20, 0.7, &mut rng);
        let (n, m) = (program.n(), program.m());
        let s = solver(program, ParamMap::new(0));
        let side = |rng: &mut Rng| [Side::Free, Side::Lower, Side::Upper][rng.below(3)];
        let draw = |rng: &mut Rng, len| (0..len).map(|_| 10.0 * rng.normal()).collect::<Vec<f64>>();
        let nonsense = Solution {
            x: draw(&mut rng, n),
            row_dual: draw(&mut rng, m),
            bound_dual: draw(&mut rng, n),
            row_side: (0..m).map(|_| side(&mut rng)).collect(),
            bound_side: (0..n).map(|_| side(&mut rng)).collect(),
            objective: f64::NAN,
            ..Solution::default()
        };
        close(&run(&s, &[], Some(&nonsense)).0.x, &expected.x, 1e-9);
        let broken = Solution { x: vec![f64::NAN; n], ..nonsense };
        close(&run(&s, &[], Some(&broken)).0.x, &expected.x, 1e-9);
    }
}

/// What the workspace solved before leaves no trace, not in a bit; matrices move too.
#[test]
fn answers_do_not_depend_on_the_workspace() {
    let mut rng = Rng::seeded(56);
    for k in 0..20 {
        let (program, _) = known(4 + k, 3 + k, 0.7, &mut rng);
        let params = (0..program.a.nnz()).fold(ParamMap::new(program.a.nnz()), |map, e| map.link(Entry::A(e), e, 1.0));
        let s = solver(program, params.link(Entry::P(0), 0, 0.01));
        let (mut ws, mut out) = (s.workspace().unwrap(), Solution::default());
        for _ in 0..5 {
            let theta: Vec<f64> = (0..s.dims().theta).map(|_| 1e-3 * rng.normal()).collect();
            let info = s.solve(&theta, None, &mut ws, &mut out).unwrap();
            if info.status == Status::Optimal {
                assert_eq!(out, run(&s, &theta, None).0);
            }
        }
    }
}

/// Slack rows, and sides of variables, keep nothing of the last solve: a cold one takes the same steps to the same bits, also after a start
/// that is not finite and after a program without a feasible point.
#[test]
fn a_used_workspace_begins_anew() {
    let mut rng = Rng::seeded(64);
    for k in 0..40 {
        let (n, m) = (3 + k % 12, 1 + k % 9);
        let base = sparse(n, m, 0.7, &mut rng);
        let (lo, a, c) = (base.row_lo.iter().map(|v| v.max(-50.0) - 3.0).collect(), base.a.clone(), base.c.clone());
        let base = base.with_rows(a, lo, vec![INF; m]).with_bounds(vec![-4.0; n], vec![4.0; n]);
        let params = (0..n).fold(ParamMap::new(n + 1), |map, j| map.link(Entry::C(j), j, 1.0)).link(Entry::RowLo(0), n, 1.0);
        let s = solver(Program { c: vec![0.0; n], ..base }, params);
        let theta: Vec<f64> = c.iter().copied().chain([0.0]).collect();
        let impossible: Vec<f64> = c.iter().copied().chain([1e4]).collect();
        let (fresh, steps) = run(&s, &theta, None);
        let (mut ws, mut out) = (s.workspace().unwrap(), Solution::default());
        let broken = Solution { x: vec![f64::NAN; n], ..fresh.clone() };
        for (before, from) in [(&theta, None), (&theta, Some(&broken)), (&impossible, None)] {
            let info = s.solve(before, from, &mut ws, &mut out).unwrap();
            assert_eq!(info.status == Status::Infeasible, before == &impossible, "instance {k}");
            let info = s.solve(&theta, None, &mut ws, &mut out).unwrap();
            assert_eq!((info.iterations, &out), (steps, &fresh), "instance {k}");
        }
    }
}
