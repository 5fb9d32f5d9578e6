//! Strictly convex programs whose optimum is known.

use dfl_core::testkit::random_qp;
use dfl_core::{Csc, Entry, ParamMap, Program, Rng, Side, Solution, Solver, Status};

use crate::{INF, close, identity, matrix, solve, solver};

/// min 1/2 x^2 - 2x, x <= 1: x = 1 with the multiplier 1.
#[test]
fn one_bound_by_hand() {
    let p = Program::linear(vec![-2.0]).with_quadratic(identity(1)).with_bounds(vec![-INF], vec![1.0]);
    let (out, info) = solve(&p);
    assert_eq!((out.x, out.bound_dual, out.bound_side, out.objective), (vec![1.0], vec![1.0], vec![Side::Upper], -1.5));
    assert_eq!((info.status, info.iterations, info.degenerate), (Status::Optimal, 1, false));
}

/// Projection of (1, 1/2, -1) onto the unit simplex: threshold (1.5 - 1)/2 = 1/4, so (3/4, 1/4, 0); multipliers 1/4 and -(1 + 1/4).
#[test]
fn projection_onto_the_simplex_by_hand() {
    let p = Program::linear(vec![-1.0, -0.5, 1.0])
        .with_quadratic(identity(3))
        .with_rows(matrix(&[&[1.0, 1.0, 1.0]]), vec![1.0], vec![1.0])
        .with_bounds(vec![0.0; 3], vec![INF; 3]);
    let (out, _) = solve(&p);
    close(&out.x, &[0.75, 0.25, 0.0], 1e-15);
    close(&out.row_dual, &[0.25], 1e-15);
    close(&out.bound_dual, &[0.0, 0.0, -1.25], 1e-15);
    assert_eq!(out.bound_side, [Side::Free, Side::Free, Side::Lower]);
}

#[test]
fn without_constraints_it_is_a_linear_system() {
    let p = Program::linear(vec![-3.0, 1.0]).with_quadratic(Csc::from_triplets(2, 2, &[(0, 0, 2.0), (0, 1, 1.0), (1, 1, 1.0)]).unwrap());
    let (out, info) = solve(&p);
    close(&out.x, &[4.0, -5.0], 1e-14);
    assert_eq!(info.iterations, 0);
}

/// Sizes from 1 to 60 with up to twice as many rows: point, multipliers and sides are those the instance was built from.
#[test]
fn hundreds_of_constructed_programs() {
    let (mut rng, mut worst) = (Rng::seeded(11), 0.0_f64);
    for k in 0..400 {
        let n = 1 + k % 60;
        let q = random_qp(n, rng.below(2 * n + 1), &mut rng);
        let s = solver(q.base, q.params);
        let (mut ws, mut out) = (s.workspace().unwrap(), Solution::default());
        let info = s.solve(&q.theta, None, &mut ws, &mut out).unwrap();
        assert_eq!((info.status, info.degenerate), (Status::Optimal, false), "instance {k}");
        assert_eq!((&out.row_side, &out.bound_side), (&q.solution.row_side, &q.solution.bound_side), "instance {k}");
        for (a, b) in out
            .x
            .iter()
            .chain(&out.row_dual)
            .chain(&out.bound_dual)
            .zip(q.solution.x.iter().chain(&q.solution.row_dual).chain(&q.solution.bound_dual))
        {
            worst = worst.max((a - b).abs() / (1.0 + b.abs()));
        }
    }
    println!("largest error of 400 answers: {worst:.1e}");
    assert!(worst < 1e-10, "{worst:.1e}");
}

/// The answer for one `theta` has the same bits in a fresh workspace and in one that has solved other things, with and without moving
/// matrices.
#[test]
fn a_workspace_has_no_memory_of_earlier_answers() {
    let mut rng = Rng::seeded(12);
    for k in 0..20 {
        let q = random_qp(4 + k, 2 * k, &mut rng);
        let costs = (0..q.base.n()).fold(ParamMap::new(q.theta.len()), |map, j| map.link(Entry::C(j), j, 1.0));
        for params in [q.params.clone(), costs] {
            let s = solver(q.base.clone(), params);
            let other: Vec<f64> = q.theta.iter().map(|t| t + 0.01 * rng.normal()).collect();
            let (mut fresh, mut used) = (s.workspace().unwrap(), s.workspace().unwrap());
            let (mut a, mut b) = (Solution::default(), Solution::default());
            s.solve(&other, None, &mut used, &mut b).unwrap();
            let one = s.solve(&q.theta, None, &mut fresh, &mut a).unwrap();
            let two = s.solve(&q.theta, None, &mut used, &mut b).unwrap();
            assert_eq!((one, a), (two, b));
        }
    }
}
