//! The barrier's derivative against central differences and against a dense Newton system built and solved here.

use dfl_core::testkit::{Parametric, gradient_error, jvp_error, random_qp, vjp_error};
use dfl_core::{Adjoint, Cotangent, Csc, DifferentiableSolver, Entry, ParamMap, Program, Rng, Solution, Solver};
use dfl_solvers::{Barrier, BarrierOptions, Grid};

use super::{solve, unit_box};

fn barrier(program: &Program, params: &ParamMap, mu: f64) -> Barrier {
    Barrier::new(program.clone(), params.clone(), BarrierOptions { mu, ..Default::default() }).unwrap()
}

/// Gradient of `cotangent' answer`, and whether it is flagged.
fn pull(solver: &Barrier, theta: &[f64], cotangent: Cotangent<'_>) -> (Vec<f64>, bool, Adjoint) {
    let (mut ws, mut out, mut u) = (solver.workspace().unwrap(), Solution::default(), Adjoint::default());
    let mut info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
    let tape = solver.tape(theta, &out, &mut ws, &mut info).unwrap();
    let mut gradient = vec![0.0; theta.len()];
    solver.vjp(&tape, cotangent, &mut u, &mut gradient).unwrap();
    (gradient, info.degenerate, u)
}

#[test]
fn a_box_has_a_closed_form() {
    let (program, params) = unit_box(1);
    for (c, mu) in [(0.7, 0.2), (-3.0, 1.0), (0.0, 5.0)] {
        let solver = barrier(&program, &params, mu);
        let x = solve(&solver, &[c]).1.x[0];
        let (gradient, _, _) = pull(&solver, &[c], Cotangent { x: &[1.0], ..Default::default() });
        let expected = -1.0 / (mu / (x * x) + mu / ((1.0 - x) * (1.0 - x)));
        assert!((gradient[0] - expected).abs() < 1e-11, "{} against {expected}", gradient[0]);
    }
}

/// Costs, matrices, sides of rows and of bounds at once, adjoint and forward. Differences at h = 1e-5 are off by 1e-10 of the third
/// derivative, which a mu of 1e-2 makes large.
#[test]
fn random_programs_match_central_differences() {
    let (mut rng, mut worst) = (Rng::seeded(12), 0.0_f64);
    for trial in 0..60 {
        let (n, m) = (1 + trial % 10, trial % 15);
        let Parametric { base, params, theta, .. } = random_qp(n, m, &mut rng);
        let (mu, h) = if trial % 2 == 0 { (1.0, 1e-5) } else { (1e-2, 1e-6) };
        let solver = barrier(&base, &params, mu);
        let errors = [vjp_error(&solver, &theta, h, &mut rng), jvp_error(&solver, &theta, h, &mut rng)];
        worst = worst.max(errors[0]).max(errors[1]);
        assert!(worst < 1e-6, "trial {trial}: {errors:?}");
    }
    println!("largest relative error: {worst:.1e}");
}

/// `H = P + sum mu / s^2 a a'` with the equalities, solved by elimination: gradients in `c`, and in the upper sides `-mu / s^2 a'u`.
#[test]
fn random_programs_match_a_dense_newton_system() {
    let mut rng = Rng::seeded(13);
    for trial in 0..40 {
        let (n, m, mu) = (2 + trial % 8, trial % 11, 0.3);
        let q = random_qp(n, m, &mut rng);
        // The construction's own theta is in the base, and theta is now c and every finite upper side of an inequality.
        let mut base = q.base.clone();
        q.params.push(&q.theta, &q.base, &mut base).unwrap();
        let mut entries: Vec<Entry> = (0..n).map(Entry::C).collect();
        entries.extend((0..n).filter(|&j| base.up[j].is_finite()).map(Entry::Up));
        entries.extend((0..m).filter(|&i| base.row_up[i].is_finite() && base.row_lo[i] < base.row_up[i]).map(Entry::RowUp));
        let params = entries.iter().enumerate().fold(ParamMap::new(entries.len()), |map, (k, &e)| map.link(e, k, 1.0));
        let (solver, theta) = (barrier(&base, &params, mu), vec![0.0; entries.len()]);
        let cotangent: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let (gradient, degenerate, _) = pull(&solver, &theta, Cotangent { x: &cotangent, ..Default::default() });
        let expected = by_elimination(&base, &solve(&solver, &theta).1.x, mu, &cotangent, &entries);
        for (e, (a, b)) in entries.iter().zip(gradient.iter().zip(&expected)) {
            assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "trial {trial}, {e:?}: {a} against {b}");
        }
        assert!(!degenerate, "trial {trial}");
    }
}

fn by_elimination(program: &Program, x: &[f64], mu: f64, cotangent: &[f64], entries: &[Entry]) -> Vec<f64> {
    let (n, m) = (program.n(), program.m());
    let mut rows = vec![vec![0.0; n]; m];
    program.a.triplets().for_each(|(i, j, v)| rows[i][j] = v);
    let value = |i: usize| rows[i].iter().zip(x).map(|(a, x)| a * x).sum::<f64>();
    let bend = |v: f64, lo: f64, up: f64| mu / (up - v).powi(2) + mu / (v - lo).powi(2);
    let equal: Vec<usize> = (0..m).filter(|&i| program.row_lo[i] == program.row_up[i]).collect();
    let size = n + equal.len();
    let mut k = vec![vec![0.0; size + 1]; size];
    for (i, j, v) in program.p.triplets() {
        k[i][j] = v;
        k[j][i] = v;
    }
    for j in 0..n {
        k[j][j] += bend(x[j], program.lo[j], program.up[j]);
        k[j][size] = -cotangent[j];
    }
    for i in (0..m).filter(|i| !equal.contains(i)) {
        let weight = bend(value(i), program.row_lo[i], program.row_up[i]);
        (0..n).for_each(|a| (0..n).for_each(|b| k[a][b] += weight * rows[i][a] * rows[i][b]));
    }
    for (e, &i) in equal.iter().enumerate() {
        (0..n).for_each(|j| (k[n + e][j], k[j][n + e]) = (rows[i][j], rows[i][j]));
    }
    let u = eliminate(k);
    let along = |i: usize| rows[i].iter().zip(&u).map(|(a, u)| a * u).sum::<f64>();
    let pulled = |entry: &Entry| match *entry {
        Entry::C(j) => u[j],
        Entry::Up(j) => -mu / (program.up[j] - x[j]).powi(2) * u[j],
        Entry::RowUp(i) => -mu / (program.row_up[i] - value(i)).powi(2) * along(i),
        other => panic!("{other:?} is not among the entries of this test"),
    };
    entries.iter().map(pulled).collect()
}

/// Gauss-Jordan with partial pivoting on `[K | rhs]`.
fn eliminate(mut k: Vec<Vec<f64>>) -> Vec<f64> {
    let n = k.len();
    for c in 0..n {
        let pivot = (c..n).max_by(|&a, &b| k[a][c].abs().total_cmp(&k[b][c].abs())).unwrap();
        k.swap(c, pivot);
        let row = k[c].clone();
        for r in (0..n).filter(|&r| r != c) {
            let factor = k[r][c] / row[c];
            k[r].iter_mut().zip(&row).for_each(|(a, b)| *a -= factor * b);
        }
    }
    (0..n).map(|i| k[i][n] / k[i][i]).collect()
}

/// Flow balance has one row too many: costs still have a derivative, right-hand sides do not.
#[test]
fn redundant_equalities() {
    let (grid, mut rng) = (Grid::new(4, 4).unwrap(), Rng::seeded(5));
    let costs = barrier(&grid.program(), &ParamMap::costs(grid.arcs()), 0.2);
    let theta: Vec<f64> = (0..grid.arcs()).map(|_| 1.0 + rng.uniform()).collect();
    let error = vjp_error(&costs, &theta, 1e-5, &mut rng);
    assert!(error < 1e-7, "{error:.1e}");
    let cotangent: Vec<f64> = (0..grid.arcs()).map(|_| rng.normal()).collect();
    let on_x = Cotangent { x: &cotangent, ..Default::default() };
    let (_, degenerate, u) = pull(&costs, &theta, on_x);
    assert!(!degenerate && u.residual < 1e-12, "{degenerate} {:.1e}", u.residual);

    let moved = (0..16).fold(ParamMap::new(16), |map, i| map.rhs(i, i, 1.0));
    let mut priced = grid.program();
    priced.c.copy_from_slice(&theta);
    let (gradient, degenerate, u) = pull(&barrier(&priced, &moved, 0.2), &[0.0; 16], on_x);
    assert!(degenerate, "dependent rows whose right-hand sides move");
    // The null space of A' is the constant vector, so least-norm multipliers sum to zero: up to rounding over the shift, 1e-16 / 1e-9.
    assert!(gradient.iter().sum::<f64>().abs() < 1e-6 * gradient.iter().fold(1.0_f64, |a, g| a.max(g.abs())), "{gradient:?}");
    assert!(u.residual < 1e-12 && gradient.iter().all(|g| g.is_finite()));
}

/// Cotangents on the duals, of inequalities, equalities and bounds, fixed ones included.
#[test]
fn duals_have_derivatives_too() {
    let mut rng = Rng::seeded(31);
    for trial in 0..10 {
        let mut q = random_qp(5, 7, &mut rng);
        let fixed = q.solution.x[2];
        (q.base.lo[2], q.base.up[2]) = (fixed, fixed);
        // Links to the sides of that variable would cross them.
        let params =
            (0..5).fold(ParamMap::new(6), |map, j| map.link(Entry::C(j), j, 1.0)).link(Entry::Lo(2), 5, 1.0).link(Entry::Up(2), 5, 1.0);
        let solver = barrier(&q.base, &params, 0.5);
        let theta = vec![0.0; 6];
        let random = |rng: &mut Rng, n: usize| (0..n).map(|_| rng.normal()).collect::<Vec<f64>>();
        let (x, rows, bounds) = (random(&mut rng, 5), random(&mut rng, 7), random(&mut rng, 5));
        let (gradient, _, _) = pull(&solver, &theta, Cotangent { x: &x, rows: &rows, bounds: &bounds });
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let value = |at: &[f64]| {
            let out = solve(&solver, at).1;
            dot(&x, &out.x) + dot(&rows, &out.row_dual) + dot(&bounds, &out.bound_dual)
        };
        let error = gradient_error(&theta, &gradient, 1e-5, value);
        assert!(error < 1e-6, "trial {trial}: {error:.1e}");
    }
}

/// The optimal value's gradient in the cost is the decision.
#[test]
fn the_objective_has_the_decision_for_a_gradient() {
    let (grid, mut rng) = (Grid::new(3, 4).unwrap(), Rng::seeded(7));
    let solver = barrier(&grid.program(), &ParamMap::costs(grid.arcs()), 0.4);
    let theta: Vec<f64> = (0..grid.arcs()).map(|_| rng.normal()).collect();
    let x = solve(&solver, &theta).1.x;
    let error = gradient_error(&theta, &x, 1e-5, |at| solve(&solver, at).1.objective);
    assert!(error < 1e-8, "{error:.1e}");
}

#[test]
fn wrong_lengths_are_refused() {
    let (program, params) = unit_box(2);
    let solver = barrier(&program, &params, 1.0);
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut info = solver.solve(&[0.0, 1.0], None, &mut ws, &mut out).unwrap();
    let tape = solver.tape(&[0.0, 1.0], &out, &mut ws, &mut info).unwrap();
    let mut u = Adjoint::default();
    assert!(solver.vjp(&tape, Cotangent { x: &[1.0], ..Default::default() }, &mut u, &mut [0.0; 2]).is_err());
    assert!(solver.vjp(&tape, Cotangent { x: &[1.0; 2], ..Default::default() }, &mut u, &mut [0.0; 3]).is_err());
    assert!(solver.jvp(&tape, &[1.0], &mut u, &mut [0.0; 2]).is_err());
    assert!(solver.jvp(&tape, &[1.0; 2], &mut u, &mut [0.0; 1]).is_err());
}

/// Flow balance has one row too many, so that the multipliers of the equalities may all move together: of a cotangent on them only what is
/// left without its mean counts.
#[test]
fn cotangents_on_dependent_multipliers_get_the_nearest() {
    let (grid, mut rng) = (Grid::new(4, 4).unwrap(), Rng::seeded(6));
    let (arcs, nodes) = (grid.arcs(), 16);
    let params = (0..nodes).fold(ParamMap::new(arcs + nodes), |map, i| map.rhs(i, arcs + i, 1.0));
    let params = (0..arcs).fold(params, |map, j| map.link(Entry::C(j), j, 1.0));
    let solver = barrier(&grid.program(), &params, 0.2);
    let theta: Vec<f64> = (0..arcs + nodes).map(|k| if k < arcs { 1.0 + rng.uniform() } else { 0.0 }).collect();
    let rows: Vec<f64> = (0..nodes).map(|_| 3.0 + rng.normal()).collect();
    let mean = rows.iter().sum::<f64>() / nodes as f64;
    let centred: Vec<f64> = rows.iter().map(|r| r - mean).collect();
    let (got, _, u) = pull(&solver, &theta, Cotangent { rows: &rows, ..Default::default() });
    let (expected, _, v) = pull(&solver, &theta, Cotangent { rows: &centred, ..Default::default() });
    let size = expected.iter().fold(1.0_f64, |a, v| a.max(v.abs()));
    assert!(u.residual > 0.1 && v.residual < 1e-6, "{:.1e} {:.1e}", u.residual, v.residual);
    got.iter().zip(&expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-5 * size, "{a} against {b}"));
}

/// A system that was not solved is an error, forwards as backwards, whatever the cotangent is on.
#[test]
fn numbers_that_overflow_are_an_error() {
    let program = Program::linear(vec![0.0; 2]).with_quadratic(Csc::diagonal(&[1e-10, 1.0])).with_rows(
        Csc::from_triplets(2, 2, &[(0, 1, 1.0), (1, 1, 1.0)]).unwrap(),
        vec![1.0; 2],
        vec![1.0; 2],
    );
    let solver = barrier(&program, &ParamMap::costs(2), 1.0);
    let (mut ws, mut out, mut u) = (solver.workspace().unwrap(), Solution::default(), Adjoint::default());
    let mut info = solver.solve(&[0.0; 2], None, &mut ws, &mut out).unwrap();
    let tape = solver.tape(&[0.0; 2], &out, &mut ws, &mut info).unwrap();
    for bad in [[1e300, 0.0], [f64::NAN, 0.0]] {
        assert!(solver.jvp(&tape, &bad, &mut u, &mut [0.0; 2]).is_err(), "{bad:?}");
        let both = Cotangent { x: &bad, rows: &[1.0, 1.0], ..Default::default() };
        assert!(solver.vjp(&tape, both, &mut u, &mut [0.0; 2]).is_err(), "{bad:?}");
    }
}
