//! The barrier problem's minimiser against closed forms, conditions written out here, and other solvers.

use dfl_core::testkit::random_qp;
use dfl_core::{Csc, ParamMap, Program, Rng, Solution, Status};
use dfl_solvers::{ActiveSet, Barrier, BarrierOptions, Grid, ShortestPath};

use super::{simplex, solve, unit_box};

fn options(mu: f64) -> BarrierOptions {
    BarrierOptions { mu, ..Default::default() }
}

fn optimum(program: Program, params: ParamMap, mu: f64, theta: &[f64]) -> Solution {
    let (info, out) = solve(&Barrier::new(program, params, options(mu)).unwrap(), theta);
    assert_eq!(info.status, Status::Optimal);
    out
}

/// Root in (0, 1) of `c + mu / (1 - x) - mu / x`, without cancellation for `c >= 0`; mirrored below.
fn in_unit_interval(c: f64, mu: f64) -> f64 {
    let x = 2.0 * mu / (c.abs() + 2.0 * mu + (c * c + 4.0 * mu * mu).sqrt());
    if c >= 0.0 { x } else { 1.0 - x }
}

#[test]
fn a_box_has_a_closed_form() {
    for mu in [1e-6, 0.1, 1.0, 30.0] {
        for c in [-1e3, -1.0, -1e-3, 0.0, 0.4, 2.0, 1e3] {
            let (program, params) = unit_box(2);
            let found = optimum(program, params, mu, &[c, 0.5 * c]);
            for (x, expected) in found.x.iter().zip([in_unit_interval(c, mu), in_unit_interval(0.5 * c, mu)]) {
                let room = expected.min(1.0 - expected);
                assert!((x - expected).abs() <= 1e-9 * room + 4e-16, "mu = {mu}, c = {c}: {x} against {expected}");
            }
            let value = |x: f64, c: f64| c * x - mu * (x.ln() + (1.0 - x).ln());
            // Of a slack below 1e-6 the logarithm is known to 1e-10 only, since x near 1 is.
            let expected = value(in_unit_interval(c.abs(), mu), c.abs())
                + value(in_unit_interval(0.5 * c.abs(), mu), 0.5 * c.abs())
                + 1.5 * c.min(0.0);
            assert!((found.objective - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{} against {expected}", found.objective);
        }
    }
}

/// On the simplex of two, x2 = 1 - x1: the box with the difference of the costs.
#[test]
fn a_simplex_of_two_is_a_box() {
    for (mu, theta) in [(0.3, [1.0, 2.0]), (1e-4, [5.0, 4.9]), (7.0, [-1.0, 3.0])] {
        let (program, params) = simplex(2);
        let x = optimum(program, params, mu, &theta).x;
        let expected = in_unit_interval(theta[0] - theta[1], mu);
        assert!((x[0] - expected).abs() < 1e-11 && (x[0] + x[1] - 1.0).abs() < 1e-12, "{x:?} against {expected}");
    }
}

/// `min c x` with `2 x >= 6` as a row, and `x >= 3` as a bound: slack `s` of the row has `c / 2 = mu / s`, that of the bound `c = mu / s`.
#[test]
fn one_side_as_a_row_and_as_a_bound() {
    let (c, mu) = (4.0, 0.5);
    let row = Program::linear(vec![c]).with_rows(Csc::from_triplets(1, 1, &[(0, 0, 2.0)]).unwrap(), vec![6.0], vec![f64::INFINITY]);
    let found = optimum(row, ParamMap::new(0), mu, &[]);
    assert!((found.x[0] - (3.0 + mu / c)).abs() < 1e-12 && (found.row_dual[0] + c / 2.0).abs() < 1e-10, "{found:?}");
    let bound = Program::linear(vec![c]).with_bounds(vec![3.0], vec![f64::INFINITY]);
    let found = optimum(bound, ParamMap::new(0), mu, &[]);
    assert!((found.x[0] - (3.0 + mu / c)).abs() < 1e-12 && (found.bound_dual[0] + c).abs() < 1e-10, "{found:?}");
    assert!((found.objective - (c * (3.0 + mu / c) - mu * (mu / c).ln())).abs() < 1e-10);
}

/// The gradient of `1/2 x'Px + c'x - mu sum log s` plus `A_E' y`, written out here, vanishes at answers of random programs.
#[test]
fn random_programs_satisfy_the_conditions() {
    let mut rng = Rng::seeded(8);
    for trial in 0..60 {
        let (n, m, mu) = (1 + trial % 12, trial % 19, [1.0, 1e-2, 1e-5][trial % 3]);
        let q = random_qp(n, m, &mut rng);
        let found = optimum(q.base.clone(), q.params.clone(), mu, &q.theta);
        let mut program = q.base.clone();
        q.params.push(&q.theta, &q.base, &mut program).unwrap();
        let (mut gradient, mut ax) = (program.c.clone(), vec![0.0; m]);
        program.p.symmetric_mul_add(1.0, &found.x, &mut gradient);
        program.a.mul_add(1.0, &found.x, &mut ax);
        let force = |v: f64, lo: f64, up: f64| mu / (up - v) - mu / (v - lo);
        let equal = |i: usize| program.row_lo[i] == program.row_up[i];
        let duals: Vec<f64> =
            (0..m).map(|i| if equal(i) { found.row_dual[i] } else { force(ax[i], program.row_lo[i], program.row_up[i]) }).collect();
        program.a.mul_t_add(1.0, &duals, &mut gradient);
        (0..n).for_each(|j| gradient[j] += force(found.x[j], program.lo[j], program.up[j]));
        let size = duals.iter().fold(1.0_f64, |a, d| a.max(d.abs()));
        // A slack s known to 1e-15 gives a force known to mu 1e-15 / s^2.
        let tight = |v: f64, lo: f64, up: f64| mu / (up - v).min(v - lo).powi(2);
        let bend = (0..n).map(|j| tight(found.x[j], program.lo[j], program.up[j])).fold(0.0, f64::max);
        let bend = (0..m).filter(|&i| !equal(i)).map(|i| tight(ax[i], program.row_lo[i], program.row_up[i])).fold(bend, f64::max);
        for (j, g) in gradient.iter().enumerate() {
            assert!(g.abs() <= 1e-11 * size + 1e-13 * bend, "trial {trial}, mu {mu}: gradient {g:.1e} in {j}, bend {bend:.1e}");
        }
        for i in (0..m).filter(|&i| equal(i)) {
            assert!((ax[i] - program.row_lo[i]).abs() < 1e-11, "trial {trial}: row {i}");
        }
    }
}

/// As mu falls the decision's cost comes within mu times the number of sides of the shortest path.
#[test]
fn a_small_mu_finds_the_shortest_path() {
    let grid = Grid::new(5, 5).unwrap();
    let (mut rng, sides) = (Rng::seeded(3), 2.0 * grid.arcs() as f64);
    let exact = ShortestPath::new(grid);
    for mu in [1e-2, 1e-5, 1e-8] {
        let barrier = Barrier::new(grid.program(), ParamMap::costs(grid.arcs()), options(mu)).unwrap();
        for _ in 0..5 {
            let theta: Vec<f64> = (0..grid.arcs()).map(|_| 0.1 + rng.uniform()).collect();
            let (info, found) = solve(&barrier, &theta);
            assert_eq!(info.status, Status::Optimal, "mu = {mu}");
            let cost: f64 = theta.iter().zip(&found.x).map(|(c, x)| c * x).sum();
            let best = solve(&exact, &theta).1.objective;
            assert!(cost >= best - 1e-9 && cost <= best + mu * sides, "mu = {mu}: {cost} against {best}");
        }
    }
}

/// Where nothing has a side the barrier is nothing: the QP with equalities alone.
#[test]
fn without_inequalities_it_is_the_quadratic_program() {
    let rows = Csc::from_triplets(1, 3, &[(0, 0, 1.0), (0, 1, 2.0), (0, 2, -1.0)]).unwrap();
    let program = Program::linear(vec![0.0; 3]).with_quadratic(Csc::diagonal(&[1.0, 3.0, 2.0])).with_rows(rows, vec![4.0], vec![4.0]);
    let theta = [0.3, -1.0, 2.0];
    let found = optimum(program.clone(), ParamMap::costs(3), 1.0, &theta);
    let (_, exact) = solve(&ActiveSet::new(program, ParamMap::costs(3), Default::default()).unwrap(), &theta);
    assert!(found.x.iter().zip(&exact.x).all(|(a, b)| (a - b).abs() < 1e-12), "{:?} against {:?}", found.x, exact.x);
    assert!((found.row_dual[0] - exact.row_dual[0]).abs() < 1e-12 && (found.objective - exact.objective).abs() < 1e-12);
}

/// A fixed variable and a row without sides change nothing but themselves.
#[test]
fn fixed_variables_and_rows_without_sides() {
    let rows = Csc::from_triplets(2, 2, &[(0, 0, 5.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0)]).unwrap();
    let none = f64::INFINITY;
    let program =
        Program::linear(vec![2.0, 7.0]).with_rows(rows, vec![-none, -none], vec![none, 1.5]).with_bounds(vec![0.0, 0.5], vec![none, 0.5]);
    let found = optimum(program, ParamMap::new(0), 0.3, &[]);
    // x2 = 1/2, and x1 in [0, 1] with cost 2.
    assert!((found.x[0] - in_unit_interval(2.0, 0.3)).abs() < 1e-12 && found.x[1] == 0.5, "{:?}", found.x);
    assert_eq!(found.row_dual[0], 0.0);
    assert!((7.0 + found.row_dual[1] + found.bound_dual[1]).abs() < 1e-12);
}

/// A start, even a foreign or wild one, and what the workspace solved before do not change a bit; not even programs that overflow.
#[test]
fn nothing_earlier_changes_an_answer() {
    use dfl_core::Solver as _;
    let (program, params) = simplex(4);
    let barrier = Barrier::new(program, params, options(0.1)).unwrap();
    let theta = [0.3, 1.0, -0.2, 0.4];
    let (cold, mut ws) = (solve(&barrier, &theta), barrier.workspace().unwrap());
    let wild = Solution { x: vec![1e9, f64::NAN, 0.0, -1.0], ..Solution::zeros(4, 1) };
    for from in [&wild, &cold.1] {
        let mut out = Solution::default();
        let info = barrier.solve(&theta, Some(from), &mut ws, &mut out).unwrap();
        assert_eq!((info, &out), (cold.0, &cold.1));
        barrier.solve(&[1e300, -1e300, 1e308, 0.0], None, &mut ws, &mut out).unwrap();
    }
}
