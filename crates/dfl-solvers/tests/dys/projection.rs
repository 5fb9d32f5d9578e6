//! The two ways to project agree.

use dfl_core::{Rng, Status};
use dfl_solvers::{DysDerivative, DysOptions, DysProjection};

use crate::{cases, close, draw, pull};

/// Decisions and derivatives of all kinds after the same number of steps, redundant equations and free rows included.
#[test]
fn the_factor_and_the_matrix_give_the_same() {
    let mut rng = Rng::seeded(5);
    for case in cases(&mut rng) {
        for derivative in [DysDerivative::Implicit, DysDerivative::JacobianFree, DysDerivative::Unrolled] {
            let by = |projection| case.solver(DysOptions { projection, ..DysOptions::fixed(0.5, 0.7, 40, derivative) });
            let (sparse, dense) = (by(DysProjection::Sparse), by(DysProjection::Dense));
            let cotangent = draw(dfl_core::Solver::dims(&sparse).x, &mut rng);
            let ((a, end, g), (b, _, h)) = (pull(&sparse, &case.theta, None, &cotangent), pull(&dense, &case.theta, None, &cotangent));
            assert!(matches!(end.status, Status::Inexact { .. }), "{}: {}", case.name, end.status);
            close(&a.x, &b.x, 1e-12, case.name);
            close(&g, &h, 1e-11, case.name);
        }
    }
}
