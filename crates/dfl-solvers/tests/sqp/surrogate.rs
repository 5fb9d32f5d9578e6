//! Decisions that few variables describe.

use dfl_core::testkit::{check_decider, vjp_error};
use dfl_core::{Batch, DifferentiableSolver, Error, Rng, Side, Solution, Solver, Status};
use dfl_solvers::{Batched, SqpOptions, Surrogate};

use crate::energies::*;
use crate::helpers::{boxed, free, ramps, simplex};

/// Non-negative columns that sum to 1, row-major `[m, k]`.
fn description(m: usize, k: usize, rng: &mut Rng) -> Vec<f64> {
    let mut t: Vec<f64> = (0..m * k).map(|_| rng.uniform()).collect();
    for j in 0..k {
        let sum: f64 = t.iter().skip(j).step_by(k).sum();
        t.iter_mut().skip(j).step_by(k).for_each(|t| *t /= sum);
    }
    t
}

fn surrogate(m: usize, k: usize, feasible: dfl_core::Program) -> Surrogate<Cosh> {
    Surrogate::new(Cosh::new(m), feasible, k, SqpOptions::default()).unwrap()
}

/// With one variable for each, every non-negative decision is described: that of the whole program over the positive orthant.
#[test]
fn the_identity_describes_everything() {
    let mut rng = Rng::seeded(1);
    let identity: Vec<f64> = (0..25).map(|k| f64::from(k % 6 == 0)).collect();
    for feasible in [simplex(5), boxed(5, 0.0, 0.4)] {
        let phi = draw(5, &mut rng);
        let (whole, _) = solve(&exact(Cosh::new(5), feasible.clone()), &phi);
        let (found, info) = solve(&surrogate(5, 5, feasible), &[phi, identity.clone()].concat());
        assert!(info.status == Status::Optimal && largest_gap(&found.x, &whole.x) < 1e-9, "{:?} {:?}", found.x, whole.x);
        assert!((found.objective - whole.objective).abs() < 1e-12);
    }
}

/// In $\phi$ and in every entry of the description, with rows and sides that are tight, and an own cost.
#[test]
fn both_derivatives_match_central_differences() {
    let (m, k, mut rng) = (6, 3, Rng::seeded(2));
    let mut tight = 0;
    let curved = dfl_core::Csc::diagonal(&[0.3; 6]);
    for feasible in [simplex(m), boxed(m, 0.0, 0.25), ramps(m, 0.15).with_quadratic(curved), free(m)] {
        let solver = surrogate(m, k, dfl_core::Program { c: normal(m, &mut rng), ..feasible });
        let mut used = 0;
        while used < 6 {
            let theta = [draw(m, &mut rng), description(m, k, &mut rng)].concat();
            let (found, info) = solve(&solver, &theta);
            assert_eq!(info.status, Status::Optimal);
            if info.degenerate {
                continue;
            }
            used += 1;
            tight += found.row_side.iter().chain(&found.bound_side).filter(|side| **side != Side::Free).count();
            let error = vjp_error(&solver, &theta, 1e-6, &mut rng);
            assert!(error < 1e-6, "{error:.1e}");
        }
    }
    assert!(tight > 15, "only {tight} constraints were tight");
}

#[test]
fn keeps_the_contract_of_deciders() {
    let mut rng = Rng::seeded(3);
    let t = description(5, 2, &mut rng);
    let rows: Vec<Vec<f64>> = (0..4).map(|_| [draw(5, &mut rng), t.clone()].concat()).collect();
    check_decider(&Batched::new(surrogate(5, 2, simplex(5))), &Batch::from_rows(&rows).unwrap());
}

/// Columns that share out over both variables do not reach `(1, 0)`; no variables describe nothing.
#[test]
fn what_is_not_described_is_infeasible() {
    let row = dfl_core::Csc::from_triplets(2, 2, &[(0, 0, 1.0), (1, 1, 1.0)]).unwrap();
    let corner = free(2).with_rows(row, vec![1.0, 0.0], vec![1.0, 0.0]);
    let solver = surrogate(2, 1, corner);
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let info = solver.solve(&[0.1, 0.2, 0.3, 0.5, 0.5], None, &mut ws, &mut out).unwrap();
    assert_eq!(info.status, Status::Infeasible);
    assert!(solver.differentiable());
    assert!(matches!(Surrogate::new(Cosh::new(2), free(2), 0, SqpOptions::default()), Err(Error::Domain { .. })));
    assert!(solver.solve(&[0.1, 0.2, 0.3, f64::NAN, 0.5], None, &mut ws, &mut out).is_err());
}
