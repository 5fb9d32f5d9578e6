//! Random strictly convex QPs away from kinks: one derivative, found three ways.

use dfl_core::testkit::{gradient_error, jvp_error, random_qp, vjp_error};
use dfl_core::{Cotangent, Rng, Solution, Solver};
use dfl_solvers::Kkt;

use crate::{active_set, both, draw, error};

/// theta in costs, matrix entries, right-hand sides and bounds. Answers are exact to about 1e-13, so a step of 1e-5 leaves 1e-7 in the
/// worst-conditioned ones; the two tapes differ by rounding alone.
#[test]
fn both_tapes_match_central_differences_on_1000_random_qps() {
    let mut rng = Rng::seeded(31);
    let (mut own, mut general, mut apart, mut residual) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    for k in 0..1000 {
        let q = random_qp(1 + k % 12, k % 17, &mut rng);
        let solver = active_set(q.base.clone(), q.params.clone());
        own = own.max(vjp_error(&solver, &q.theta, 1e-5, &mut rng)).max(jvp_error(&solver, &q.theta, 1e-5, &mut rng));
        let kkt = Kkt::new(solver);
        general = general.max(vjp_error(&kkt, &q.theta, 1e-5, &mut rng)).max(jvp_error(&kkt, &q.theta, 1e-5, &mut rng));
        let (a, b) = both(&q.base, &q.params, &q.theta);
        assert!(!a.degenerate && !b.degenerate, "instance {k}");
        let (x, rows, bounds) = (draw(&mut rng, q.base.n()), draw(&mut rng, q.base.m()), draw(&mut rng, q.base.n()));
        let cotangent = Cotangent { x: &x, rows: &rows, bounds: &bounds };
        let ((ga, ua), (gb, ub)) = (a.vjp(cotangent), b.vjp(cotangent));
        let direction = draw(&mut rng, q.theta.len());
        let ((da, ta), (db, tb)) = (a.jvp(&direction), b.jvp(&direction));
        for (got, expected) in [(&ga, &gb), (&da, &db), (&ua.rows, &ub.rows), (&ua.bounds, &ub.bounds), (&ta.rows, &tb.rows)] {
            apart = apart.max(error(got, expected));
        }
        for u in [&ua, &ub, &ta, &tb] {
            // Of terms as large as the adjoint rounding leaves this much.
            let size = [&u.x, &u.rows, &u.bounds].into_iter().flatten().fold(1.0_f64, |a, v| a.max(v.abs()));
            residual = residual.max(u.residual / size);
        }
    }
    println!("largest errors of 1000: own tape {own:.1e}, general {general:.1e}, apart {apart:.1e}, residual {residual:.1e}");
    assert!(own < 1e-6 && general < 1e-6, "{own:.1e}, {general:.1e}");
    assert!(apart < 1e-9 && residual < 1e-14, "{apart:.1e}, {residual:.1e}");
}

/// Tangents of the duals (a jvp leaves them in the adjoint) and cotangents on them, against differences of the duals, with both tapes.
#[test]
fn derivatives_of_the_duals_match_central_differences() {
    let (mut rng, mut worst) = (Rng::seeded(32), 0.0_f64);
    for k in 0..100 {
        let q = random_qp(2 + k % 9, 1 + k % 12, &mut rng);
        let (own, general) = both(&q.base, &q.params, &q.theta);
        let (rows, bounds, direction) = (draw(&mut rng, q.base.m()), draw(&mut rng, q.base.n()), draw(&mut rng, q.theta.len()));
        let (mut ws, mut out) = (own.solver.workspace().unwrap(), Solution::default());
        let mut duals = |at: &[f64]| {
            own.solver.solve(at, None, &mut ws, &mut out).unwrap();
            [out.row_dual.clone(), out.bound_dual.clone()].concat()
        };
        let weights = [rows.clone(), bounds.clone()].concat();
        let cotangent = Cotangent { rows: &rows, bounds: &bounds, ..Cotangent::default() };
        for gradient in [own.vjp(cotangent).0, general.vjp(cotangent).0] {
            let value = |at: &[f64]| duals(at).iter().zip(&weights).map(|(d, w)| d * w).sum();
            worst = worst.max(gradient_error(&q.theta, &gradient, 1e-5, value));
        }
        let step = |t: f64| -> Vec<f64> { q.theta.iter().zip(&direction).map(|(a, d)| a + t * d).collect() };
        let (above, below) = (duals(&step(1e-5)), duals(&step(-1e-5)));
        let difference: Vec<f64> = above.iter().zip(&below).map(|(a, b)| (a - b) / 2e-5).collect();
        for u in [own.jvp(&direction).1, general.jvp(&direction).1] {
            worst = worst.max(error(&[u.rows, u.bounds].concat(), &difference));
        }
    }
    println!("largest relative error of the duals' derivatives: {worst:.1e}");
    assert!(worst < 1e-6, "{worst:.1e}");
}
