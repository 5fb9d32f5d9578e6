//! Optima that are known by construction, and those of the active-set method.

use dfl_core::{Rng, Status};

use crate::{INF, close, known, reference, solve, sparse};

/// Curvatures within a factor of 3, and within one of 1000.
#[test]
fn finds_400_constructed_optima() {
    let (mut rng, mut most) = (Rng::seeded(40), 0);
    for k in 0..400 {
        let (n, m) = (1 + k % 40, k % 31);
        let (program, expected) = known(n, m, if k % 2 == 0 { 0.5 } else { 3.0 }, &mut rng);
        let (out, info) = solve(&program);
        assert_eq!(info.status, Status::Optimal, "instance {k}");
        close(&out.x, &expected.x, 1e-10);
        close(&[out.objective], &[expected.objective], 1e-11);
        assert_eq!((&out.row_side, &out.bound_side), (&expected.row_side, &expected.bound_side), "instance {k}");
        most = most.max(info.iterations);
    }
    println!("most iterations: {most}");
}

/// Sparse and dense rows, more rows than variables, bounds that are mostly tight.
#[test]
fn agrees_with_the_active_set_on_400_programs() {
    let (mut rng, mut most, mut worst) = (Rng::seeded(41), 0, 0.0_f64);
    for k in 0..400 {
        let (n, m) = (1 + k % 50, k % 61);
        let program = sparse(n, m, [0.1, 0.3, 1.0][k % 3], &mut rng);
        let ((out, info), (theirs, _)) = (solve(&program), reference(&program));
        assert_eq!(info.status, Status::Optimal, "instance {k}, n = {n}, m = {m}");
        close(&out.x, &theirs.x, 1e-9);
        close(&[out.objective], &[theirs.objective], 1e-10);
        most = most.max(info.iterations);
        worst = out.x.iter().zip(&theirs.x).fold(worst, |w, (a, b)| w.max((a - b).abs()));
    }
    println!("most iterations: {most}, largest difference {worst:.1e}");
}

/// Multipliers too, where they are unique.
#[test]
fn multipliers_agree_with_the_construction() {
    let mut rng = Rng::seeded(42);
    for k in 0..200 {
        let (program, expected) = known(2 + k % 30, k % 20, 1.0, &mut rng);
        let (out, info) = solve(&program);
        close(&out.row_dual, &expected.row_dual, 1e-9);
        close(&out.bound_dual, &expected.bound_dual, 1e-9);
        assert!(!info.degenerate, "instance {k}");
    }
}

/// The scale of costs and curvature does not matter, nor that of the rows.
#[test]
fn programs_of_every_scale() {
    let mut rng = Rng::seeded(43);
    for scale in [1e-6, 1e-3, 1e3, 1e6] {
        for k in 0..20 {
            let (mut program, expected) = known(5 + k, 2 + k, 0.5, &mut rng);
            if k % 2 == 0 {
                program.p.values_mut().iter_mut().chain(&mut program.c).for_each(|v| *v *= scale);
            } else {
                program.a.values_mut().iter_mut().chain(&mut program.row_lo).chain(&mut program.row_up).for_each(|v| *v *= scale);
            }
            let (out, info) = solve(&program);
            assert_eq!(info.status, Status::Optimal, "scale {scale}, instance {k}");
            close(&out.x, &expected.x, 1e-9);
        }
    }
}

/// `x_j = clamp(-c_j / P_j)`, without a step.
#[test]
fn without_rows_a_clamp() {
    let program = dfl_core::Program::linear(vec![1.0, -4.0, 2.0])
        .with_quadratic(dfl_core::Csc::diagonal(&[2.0, 1.0, 4.0]))
        .with_bounds(vec![-INF, 0.0, 0.0], vec![INF, 3.0, 1.0]);
    let (out, info) = solve(&program);
    assert_eq!((out.x, out.bound_dual, info.iterations), (vec![-0.5, 3.0, 0.0], vec![0.0, 1.0, -2.0], 0));
}
