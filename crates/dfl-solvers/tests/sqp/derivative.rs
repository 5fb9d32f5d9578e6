//! Each derivative against differences and a second computation.

use dfl_core::dense::{dot, solve_spd};
use dfl_core::testkit::{check_decider, gradient_error, vjp_error};
use dfl_core::{Batch, Call, Csc, Decider, DifferentiableSolver, Energy, EnergyCurvature, Key, Program, Rng, Side, Solver, Status, Stream};
use dfl_solvers::{BlockSqp, MultiStart, Sqp, SqpDerivative};

use crate::energies::*;
use crate::helpers::{boxed, free, ramps, simplex};

/// Against central differences; at a vertex, where as many constraints are tight as there are variables, the decision stays and the derivative is zero.
/// Returns whether it is one.
fn check<S: DifferentiableSolver>(solver: &S, phi: &[f64], rng: &mut Rng) -> bool {
    let (found, info) = solve(solver, phi);
    assert!(info.status == Status::Optimal && !info.degenerate, "{info:?}");
    let tight = found.row_side.iter().chain(&found.bound_side).filter(|side| **side != Side::Free).count();
    let vertex = tight == found.x.len();
    if vertex {
        assert!(pull(solver, phi, &normal(found.x.len(), rng)).0.iter().all(|g| g.abs() < 1e-12));
    } else {
        let error = vjp_error(solver, phi, 1e-6, rng);
        assert!(error < 1e-6, "{error:.1e} at {phi:?}");
    }
    vertex
}

/// Three Newton steps of rounding and h = 1e-6 leave 1e-9; 1e-6 has room. Points at which a bound has just become tight are not differentiable.
#[test]
fn exact_matches_central_differences_with_active_rows() {
    let mut rng = Rng::seeded(1);
    let (mut rows, mut bounds, mut vertices) = (0, 0, 0);
    for feasible in [free(5), ramps(5, 0.3), simplex(5), boxed(5, -0.5, 0.6)] {
        let solver = exact(Cosh::new(5), feasible);
        for _ in 0..10 {
            let phi = draw(5, &mut rng);
            let found = solve(&solver, &phi).0;
            rows += found.row_side.iter().filter(|side| **side != Side::Free).count();
            bounds += found.bound_side.iter().filter(|side| **side != Side::Free).count();
            vertices += usize::from(check(&solver, &phi, &mut rng));
        }
    }
    assert!(vertices < 15, "{vertices} of 40 were vertices");
    assert!(rows > 20 && bounds > 20, "{rows} rows and {bounds} bounds were tight");
}

/// At local minima with a budget and in a box; between the wells there is a stationary point that is none.
#[test]
fn exact_matches_central_differences_where_the_energy_is_not_convex() {
    let (mut rng, mut vertices) = (Rng::seeded(2), 0);
    let row: Vec<_> = (0..4).map(|j| (0, j, 1.0)).collect();
    let budget = boxed(4, 0.0, 1.2).with_rows(Csc::from_triplets(1, 4, &row).unwrap(), vec![2.6], vec![2.6]);
    for feasible in [budget, boxed(4, -1.4, 1.1)] {
        let solver = MultiStart::uniform(exact(wells(4), feasible), &[-1.4; 4], &[1.4; 4], 8, &mut rng).unwrap();
        for _ in 0..10 {
            let phi: Vec<f64> = normal(4, &mut rng).iter().map(|v| 0.4 * v).collect();
            vertices += usize::from(check(&solver, &phi, &mut rng));
        }
    }
    assert!(vertices < 10, "{vertices} of 20 were vertices");
    let (found, info) = solve(&exact(wells(2), boxed(2, -2.0, 2.0)), &[0.0; 2]);
    assert!(info.status == Status::Optimal && info.degenerate && found.x == [0.0, 0.0]);
}

/// Variables that two equalities fix: the multipliers are not unique, the decision is, and the row is flagged.
#[test]
fn dependent_rows_are_flagged() {
    let rows = Csc::from_triplets(2, 3, &[(0, 0, 1.0), (0, 1, 1.0), (1, 0, 2.0), (1, 1, 2.0)]).unwrap();
    let solver = exact(Cosh::new(3), free(3).with_rows(rows, vec![1.0, 2.0], vec![1.0, 2.0]));
    let phi = [0.3, -0.2, 0.5, 0.4];
    assert!(solve(&solver, &phi).1.degenerate);
    assert!(vjp_error(&solver, &phi, 1e-6, &mut Rng::seeded(3)) < 1e-6);
}

/// One Newton step of an energy without constraints from a point that is held.
fn step<E: EnergyCurvature>(energy: &E, phi: &[f64], from: &[f64]) -> Vec<f64> {
    let n = from.len();
    let (mut grad, mut hess) = (vec![0.0; n], vec![0.0; n * n]);
    energy.grad_decision(phi, from, &mut grad).unwrap();
    energy.add_hess(phi, from, &mut hess).unwrap();
    assert!(solve_spd(&mut hess, &mut grad));
    from.iter().zip(&grad).map(|(z, d)| z - d).collect()
}

/// The last step differentiated by differences of the step itself, with the point that it begins at held; and what [`SqpDerivative::Exact`] says.
#[test]
fn the_last_step_is_differentiated_with_its_start_held() {
    let mut rng = Rng::seeded(4);
    let energy = Cosh::new(5);
    let solver = Sqp::new(energy.clone(), free(5), with(SqpDerivative::LastStep)).unwrap();
    for _ in 0..10 {
        let (phi, cotangent) = (draw(5, &mut rng), normal(5, &mut rng));
        let (gradient, found) = pull(&solver, &phi, &cotangent);
        let error = gradient_error(&phi, &gradient, 1e-6, |phi| dot(&step(&energy, phi, &found.x), &cotangent));
        assert!(error < 1e-6, "{error:.1e}");
        let whole = pull(&exact(energy.clone(), free(5)), &phi, &cotangent).0;
        assert!(largest_gap(&gradient, &whole) < 1e-12);
    }
}

/// With tight rows too, a convex energy's last step says what the KKT conditions do. At a stationary point that is no minimum the shifted Hessian
/// of the last quadratic program does not: with $z^2/2$ turned into $-z^2/2$ even the sign differs.
#[test]
fn where_the_last_step_differs_from_the_kkt_conditions() {
    let mut rng = Rng::seeded(5);
    for feasible in [ramps(5, 0.3), simplex(5)] {
        let solvers = [SqpDerivative::LastStep, SqpDerivative::Exact].map(|d| Sqp::new(Cosh::new(5), feasible.clone(), with(d)).unwrap());
        let (phi, cotangent) = (draw(5, &mut rng), normal(5, &mut rng));
        let [last, exact] = solvers.map(|solver| pull(&solver, &phi, &cotangent).0);
        assert!(largest_gap(&last, &exact) < 1e-12);
    }
    let at = |derivative| pull(&Sqp::new(wells(1), boxed(1, -2.0, 2.0), with(derivative)).unwrap(), &[0.0], &[1.0]).0[0];
    let (last, exact) = (at(SqpDerivative::LastStep), at(SqpDerivative::Exact));
    println!("between two wells: the last step says {last:.3}, the KKT conditions {exact:.3}");
    assert!((exact - 1.0).abs() < 1e-12 && last < 0.0);
}

/// Entries above the clamp stay: the same as exact. An indefinite `[-1]` becomes 0.1, by hand: `dz/dphi = -1 / 0.1`.
#[test]
fn a_clamped_hessian() {
    let mut rng = Rng::seeded(6);
    let (phi, cotangent) = (draw(5, &mut rng), normal(5, &mut rng));
    let solve = |derivative| pull(&Sqp::new(Cosh::new(5), simplex(5), with(derivative)).unwrap(), &phi, &cotangent).0;
    assert!(largest_gap(&solve(SqpDerivative::Clamped), &solve(SqpDerivative::Exact)) < 1e-12);
    let flat = Sqp::new(wells(1), boxed(1, -2.0, 2.0), with(SqpDerivative::Clamped)).unwrap();
    assert!((pull(&flat, &[0.0], &[1.0]).0[0] + 10.0).abs() < 1e-12);
}

fn key(id: u64) -> Key {
    Key { id, slot: 0 }
}

/// Gradients of one row over `count` draws of its block.
fn gradients(decider: &dyn Decider, phi: &[f64], cotangent: &[f64], count: u64) -> Vec<Vec<f64>> {
    let (row, on_x) = (Batch::from_rows(&[phi]).unwrap(), Batch::from_rows(&[cotangent]).unwrap());
    let one = |step| {
        let found = decider.forward(&row, &Call { keys: &[key(7)], stream: Stream { seed: 1, step }, backward: true }).unwrap();
        found.back.unwrap().pull(&on_x).unwrap().into_vec()
    };
    (0..count).map(one).collect()
}

fn blocks(n: usize, feasible: Program, share: f64) -> BlockSqp<Cosh> {
    BlockSqp::new(Sqp::new(Cosh::new(n), feasible, with(SqpDerivative::Block { share })).unwrap()).unwrap()
}

#[test]
fn a_block_of_all_variables_is_the_whole() {
    let mut rng = Rng::seeded(7);
    let (phi, cotangent) = (draw(5, &mut rng), normal(5, &mut rng));
    let whole = pull(&Sqp::new(Cosh::new(5), simplex(5), with(SqpDerivative::Clamped)).unwrap(), &phi, &cotangent).0;
    for gradient in gradients(&blocks(5, simplex(5), 1.0), &phi, &cotangent, 3) {
        assert!(largest_gap(&gradient, &whole) < 1e-12);
    }
}

/// By hand for two of six variables on a simplex where all six are positive: their sum is held, so that one moves against the other,
/// `u = -(g_i - g_j) / (H_ii + H_jj - 2 H_ij) (e_i - e_j)`, three times that, and what other variables read has no gradient.
#[test]
fn a_block_moves_with_its_sum_held() {
    let (n, mut rng) = (6, Rng::seeded(8));
    let phi: Vec<f64> = (0..n).map(|_| 0.2 * rng.uniform()).chain([0.3]).collect();
    let (cotangent, energy) = (normal(n, &mut rng), Cosh::new(n));
    let found = solve(&exact(energy.clone(), simplex(n)), &phi).0;
    assert!(found.bound_side.iter().all(|side| *side == Side::Free));
    let mut hess = vec![0.0; n * n];
    energy.add_hess(&phi, &found.x, &mut hess).unwrap();
    let mut pairs = std::collections::BTreeSet::new();
    for gradient in gradients(&blocks(n, simplex(n), 1.0 / 3.0), &phi, &cotangent, 40) {
        let moved: Vec<usize> = (0..n).filter(|&j| gradient[j] != 0.0).collect();
        let [i, j] = moved[..] else { panic!("{moved:?}") };
        pairs.insert((i, j));
        let u = -3.0 * (cotangent[i] - cotangent[j]) / (hess[i * n + i] + hess[j * n + j] - 2.0 * hess[i * n + j]);
        let (mut direction, mut expected) = (vec![0.0; n], vec![0.0; n + 1]);
        (direction[i], direction[j]) = (u, -u);
        energy.add_cross(&phi, &found.x, &direction, &mut expected).unwrap();
        assert!(largest_gap(&gradient, &expected) < 1e-9, "{gradient:?} {expected:?}");
    }
    assert!(pairs.len() > 5, "the same blocks over and over: {pairs:?}");
}

#[test]
fn blocks_keep_the_contract_of_deciders() {
    let mut rng = Rng::seeded(9);
    let rows: Vec<Vec<f64>> = (0..4).map(|_| draw(5, &mut rng)).collect();
    check_decider(&blocks(5, simplex(5), 0.5), &Batch::from_rows(&rows).unwrap());
    assert!(BlockSqp::new(exact(Cosh::new(5), simplex(5))).is_err());
    let named = Sqp::new(Cosh::new(5), simplex(5), with(SqpDerivative::Block { share: 0.5 })).unwrap();
    assert_eq!(named.dims().theta, named.energy().prediction() + 1);
}
