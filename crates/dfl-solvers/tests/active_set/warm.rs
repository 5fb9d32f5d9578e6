//! Starts from an earlier answer.

use dfl_core::testkit::random_qp;
use dfl_core::{Entry, ParamMap, Program, Rng, Side, Solution, Solver, Status};
use dfl_solvers::ActiveSet;

use crate::{INF, close, identity, matrix, solver};

fn run(s: &ActiveSet, theta: &[f64], from: Option<&Solution>) -> (Solution, usize) {
    let (mut ws, mut out) = (s.workspace().unwrap(), Solution::default());
    let info = s.solve(theta, from, &mut ws, &mut out).unwrap();
    assert_eq!(info.status, Status::Optimal);
    (out, info.iterations)
}

/// From the optimum itself, and from that of costs, bounds and matrices nearby: the cold optimum, without an iteration if the same
/// constraints are tight there, which is mostly so.
#[test]
fn an_unchanged_active_set_needs_no_iteration() {
    let (mut rng, mut unchanged) = (Rng::seeded(19), 0);
    for k in 0..100 {
        let q = random_qp(1 + k % 40, k % 50, &mut rng);
        let s = solver(q.base, q.params);
        let near: Vec<f64> = q.theta.iter().map(|t| t + 1e-4 * rng.normal()).collect();
        let (before, _) = run(&s, &near, None);
        for from in [&q.solution, &before] {
            let (warm, iterations) = run(&s, &q.theta, Some(from));
            close(&warm.x, &q.solution.x, 1e-11);
            if (&from.row_side, &from.bound_side) == (&q.solution.row_side, &q.solution.bound_side) {
                assert_eq!(iterations, 0, "instance {k}");
                unchanged += 1;
            }
        }
    }
    assert!(unchanged > 180, "{unchanged} of 200");
}

/// From the answer of other costs, and from sides and multipliers that are nonsense: the same optimum.
#[test]
fn any_start_leads_to_the_same_optimum() {
    let mut rng = Rng::seeded(20);
    for k in 0..100 {
        let q = random_qp(2 + k % 20, k % 30, &mut rng);
        let (n, m) = (q.base.n(), q.base.m());
        let s = solver(q.base, q.params);
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
        let (out, _) = run(&s, &q.theta, Some(&nonsense));
        close(&out.x, &q.solution.x, 1e-10);
        let broken = Solution { x: vec![f64::NAN; n], ..nonsense };
        close(&run(&s, &q.theta, Some(&broken)).0.x, &q.solution.x, 1e-10);
    }
}

/// A linear program along a path of costs: the value is that of a cold solve, and few pivots are needed.
#[test]
fn a_linear_program_follows_its_costs() {
    let mut rng = Rng::seeded(21);
    let rows: Vec<Vec<f64>> = (0..12).map(|_| (0..6).map(|_| rng.uniform()).collect()).collect();
    let dense: Vec<&[f64]> = rows.iter().map(|r| &r[..]).collect();
    let p = Program::linear(vec![0.0; 6]).with_rows(matrix(&dense), vec![-INF; 12], vec![1.0; 12]).with_bounds(vec![0.0; 6], vec![INF; 6]);
    let s = solver(p, ParamMap::costs(6));
    let mut costs: Vec<f64> = (0..6).map(|_| -1.0 - rng.uniform()).collect();
    let (mut last, _) = run(&s, &costs, None);
    let (mut warm_total, mut cold_total) = (0, 0);
    for _ in 0..50 {
        costs.iter_mut().for_each(|c| *c += 0.02 * rng.normal());
        let (cold, cold_iterations) = run(&s, &costs, None);
        let (warm, iterations) = run(&s, &costs, Some(&last));
        close(&[warm.objective], &[cold.objective], 1e-11);
        (warm_total, cold_total) = (warm_total + iterations, cold_total + cold_iterations);
        last = warm;
    }
    assert!(3 * warm_total < cold_total, "{warm_total} iterations warm, {cold_total} cold");
}

/// A bound that moves past the answer: one constraint enters.
#[test]
fn a_new_tight_bound_is_one_iteration() {
    let p = Program::linear(vec![-1.0, -1.0]).with_quadratic(identity(2)).with_bounds(vec![-INF; 2], vec![2.0; 2]);
    let s = solver(p, ParamMap::new(1).link(Entry::Up(0), 0, 1.0));
    let (before, _) = run(&s, &[0.0], None);
    let (after, iterations) = run(&s, &[-1.5], Some(&before));
    assert_eq!((after.x, iterations), (vec![0.5, 1.0], 1));
}
