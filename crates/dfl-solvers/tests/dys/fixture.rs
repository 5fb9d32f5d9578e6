//! The example of five variables and two equations whose numbers are known.

use dfl_core::{Csc, ParamMap, Program, Status};
use dfl_solvers::{Dys, DysDerivative, DysOptions};

use crate::{close, dot, programs::INF, pull};

const COST: [f64; 5] = [0.3, 0.2, 0.15, 0.9, 0.25];
const OPTIMUM: [f64; 5] = [0.525, 0.35, 0.125, 0.0, 0.0];
const COTANGENT: [f64; 5] = [1.0, 2.0, -1.0, 0.5, 0.7];
const EXACT: [f64; 5] = [2.0 / 3.0, -4.0 / 3.0, 2.0 / 3.0, 0.0, 0.0];

fn solver(options: DysOptions) -> Dys {
    let rows = [[1.0, 1.0, 1.0, 1.0, 0.0], [0.0, 1.0, 2.0, 0.0, 1.0]];
    let entries: Vec<_> = (0..10).map(|k| (k / 5, k % 5, rows[k / 5][k % 5])).collect();
    let (a, b) = (Csc::from_triplets(2, 5, &entries).unwrap(), vec![1.0, 0.6]);
    let program = Program::linear(vec![0.0; 5]).with_rows(a, b.clone(), b).with_bounds(vec![0.0; 5], vec![INF; 5]);
    Dys::new(program, ParamMap::costs(5), options).unwrap()
}

fn converged(derivative: DysDerivative) -> DysOptions {
    DysOptions { mu: 1.0, step: Some(0.5), tolerance: 1e-14, derivative, ..Default::default() }
}

/// Decision, exact derivative and its central differences.
#[test]
fn the_optimum_and_its_derivative() {
    let s = solver(converged(DysDerivative::Implicit));
    let (out, info, g) = pull(&s, &COST, None, &COTANGENT);
    assert_eq!((info.status, info.degenerate), (Status::Optimal, false));
    close(&out.x, &OPTIMUM, 1e-13, "decision");
    close(&g, &EXACT, 1e-13, "derivative");
    for j in 0..5 {
        let at = |h: f64| {
            let mut theta = COST;
            theta[j] += h;
            dot(&pull(&s, &theta, None, &COTANGENT).0.x, &COTANGENT)
        };
        assert!((g[j] - (at(1e-4) - at(-1e-4)) / 2e-4).abs() < 1e-9);
    }
}

/// One step of length 1/2 back from the optimum, and the whole way.
#[test]
fn the_last_step_and_all_steps() {
    let (out, _, g) = pull(&solver(converged(DysDerivative::JacobianFree)), &COST, None, &COTANGENT);
    close(&out.x, &OPTIMUM, 1e-13, "decision");
    close(&g, &[-0.1, -0.8, 0.5, 0.4, -0.2], 1e-13, "Jacobian-free");
    let (_, info, g) = pull(&solver(DysOptions::fixed(1.0, 0.5, 200, DysDerivative::Unrolled)), &COST, None, &COTANGENT);
    assert!(matches!(info.status, Status::Inexact { residual } if residual < 1e-14) || info.status == Status::Optimal, "{}", info.status);
    assert_eq!(info.iterations, 200);
    close(&g, &EXACT, 1e-13, "unrolled");
}
