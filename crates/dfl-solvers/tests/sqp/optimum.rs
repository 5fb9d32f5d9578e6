//! Decisions, statuses and refusals.

use dfl_core::testkit::{check_decider, check_masking};
use dfl_core::{Batch, Csc, Energy, EnergyCurvature, Error, Program, Result, Rng, SampleEnergy, Side, Solution, Solver, Status};
use dfl_solvers::{Batched, Scenarios, Sqp, SqpDerivative, SqpOptions, SqpStart, StochasticOptions, StochasticProgram};

use crate::costs::{Allocation, Portfolio};
use crate::counting;
use crate::energies::*;
use crate::helpers::{boxed, free, normals, ramps, simplex};

/// Polyhedra of five variables: no rows, ramps, a simplex, a box.
fn polyhedra() -> [Program; 4] {
    [free(5), ramps(5, 0.3), simplex(5), boxed(5, -0.5, 0.6)]
}

/// No random feasible neighbour is better, and the energy is convex.
#[test]
fn no_feasible_neighbour_is_better() {
    let mut rng = Rng::seeded(1);
    let mut tight = 0;
    for feasible in polyhedra() {
        let (solver, whole) = (exact(Cosh::new(5), feasible.clone()), exact(shared(5), feasible));
        for _ in 0..10 {
            let phi = draw(5, &mut rng);
            let (found, info) = solve(&solver, &phi);
            assert!(info.status == Status::Optimal && info.iterations < 30, "{info:?}");
            assert_eq!(found, solve(&whole, &phi).0);
            tight += found.row_side.iter().chain(&found.bound_side).filter(|side| **side != Side::Free).count();
            // A random point, brought into the set by another energy's answer, and the way from here to there.
            let other = solve(&solver, &draw(5, &mut rng)).0.x;
            for k in 1..=20 {
                let t = f64::from(k) / 20.0;
                let z: Vec<f64> = found.x.iter().zip(&other).map(|(a, b)| a + t * t * (b - a)).collect();
                let mut value = [0.0];
                solver.energy().values(&phi, &z, &mut value).unwrap();
                assert!(value[0] >= found.objective - 1e-12);
            }
        }
    }
    assert!(tight > 60, "only {tight} constraints were tight");
}

/// A second implementation, with the program's own cost: decisions for samples of smooth costs.
#[test]
fn agrees_with_the_stochastic_program() {
    let mut rng = Rng::seeded(2);
    let (n, count) = (4, 6);
    let own = Csc::from_triplets(n, n, &[(0, 0, 0.5), (0, 1, 0.2), (1, 1, 0.7), (3, 3, 0.1)]).unwrap();
    for feasible in [boxed(n, -1.0, 1.0), simplex(n), ramps(n, 0.2)] {
        let feasible = Program { c: normals(n, 0.0, 0.3, &mut rng), ..feasible.with_quadratic(own.clone()) };
        for _ in 0..5 {
            let theta = normals(n * count, 0.3, 0.5, &mut rng);
            fn check<C: dfl_core::CostCurvature + Clone>(cost: C, feasible: &Program, theta: &[f64], count: usize, rng: &mut Rng) {
                let n = feasible.n();
                let reference =
                    StochasticProgram::new(cost.clone(), feasible.clone(), Scenarios { count, outcome: n }, StochasticOptions::default());
                let sqp = exact(SampleEnergy::new(cost, count, n, n).unwrap(), feasible.clone());
                let cotangent = normal(n, rng);
                let ((g, x), (expected, y)) = (pull(&sqp, theta, &cotangent), pull(&reference.unwrap(), theta, &cotangent));
                let gaps = [largest_gap(&x.x, &y.x), largest_gap(&x.row_dual, &y.row_dual), largest_gap(&g, &expected)];
                assert!(gaps.iter().all(|gap| *gap < 1e-9) && (x.objective - y.objective).abs() < 1e-11, "{gaps:?}");
            }
            check(Allocation, &feasible, &theta, count, &mut rng);
            check(Portfolio(2.0), &feasible, &theta, count, &mut rng);
        }
    }
}

/// Of a convex energy there is one optimum, wherever the method begins.
#[test]
fn starts_do_not_matter() {
    let mut rng = Rng::seeded(3);
    let (phi, reference) = (draw(5, &mut rng), exact(Cosh::new(5), simplex(5)));
    let (best, _) = solve(&reference, &phi);
    for start in [SqpStart::Mean, SqpStart::At(vec![3.0; 5]), SqpStart::At(vec![0.0, 0.0, 1.0, 0.0, 0.0])] {
        let solver = Sqp::new(Cosh::new(5), simplex(5), SqpOptions { start, ..SqpOptions::default() }).unwrap();
        assert!(largest_gap(&solve(&solver, &phi).0.x, &best.x) < 1e-9);
    }
    let (mut ws, mut out) = (reference.workspace().unwrap(), Solution::default());
    let info = reference.solve(&phi, Some(&best), &mut ws, &mut out).unwrap();
    assert!(info.iterations <= 2 && largest_gap(&out.x, &best.x) < 1e-12, "{info:?}");
}

/// $\phi^\top z$, without curvature.
#[derive(Clone)]
struct Linear;

impl Energy for Linear {
    fn prediction(&self) -> usize {
        2
    }
    fn decision(&self) -> usize {
        2
    }
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        out.iter_mut().zip(candidates.chunks(2)).for_each(|(out, z)| *out = phi[0] * z[0] + phi[1] * z[1]);
        Ok(())
    }
    fn add_grad_prediction(&self, _phi: &[f64], _candidates: &[f64], _weights: &[f64], _out: &mut [f64]) -> Result<()> {
        unreachable!("a solver does not ask for it")
    }
    fn grad_decision(&self, phi: &[f64], _z: &[f64], out: &mut [f64]) -> Result<()> {
        out.copy_from_slice(phi);
        Ok(())
    }
}

impl EnergyCurvature for Linear {
    fn add_hess(&self, _phi: &[f64], _z: &[f64], _out: &mut [f64]) -> Result<()> {
        Ok(())
    }
    fn add_cross(&self, _phi: &[f64], _z: &[f64], v: &[f64], out: &mut [f64]) -> Result<()> {
        out.iter_mut().zip(v).for_each(|(out, v)| *out += v);
        Ok(())
    }
}

#[test]
fn a_program_without_an_optimum_has_a_status() {
    let vertex = solve(&exact(Linear, boxed(2, -1.0, 2.0)), &[1.0, -3.0]);
    assert_eq!((vertex.1.status, &vertex.0.x[..]), (Status::Optimal, &[-1.0, 2.0][..]));
    assert_eq!(solve(&exact(Linear, free(2)), &[1.0, -3.0]).1.status, Status::Unbounded);
    let rows = Csc::from_triplets(2, 2, &[(0, 0, 1.0), (1, 0, 1.0)]).unwrap();
    let none = free(2).with_rows(rows, vec![1.0, f64::NEG_INFINITY], vec![f64::INFINITY, 0.0]);
    assert_eq!(solve(&exact(Linear, none), &[1.0, 1.0]).1.status, Status::Infeasible);
    let options = SqpOptions { iterations: 2, ..SqpOptions::default() };
    let short = Sqp::new(Cosh::new(3), free(3), options).unwrap();
    assert_eq!(solve(&short, &[9.0, -8.0, 7.0, 0.0]).1.status, Status::Limit);
}

/// Rows of a batch do not depend on each other; one whose optimum does not exist is masked.
#[test]
fn keeps_the_contract_of_deciders() {
    let mut rng = Rng::seeded(4);
    let rows: Vec<Vec<f64>> = (0..5).map(|_| draw(5, &mut rng)).collect();
    check_decider(&Batched::new(exact(Cosh::new(5), ramps(5, 0.3))), &Batch::from_rows(&rows).unwrap());
    let half = boxed(2, -1.0, f64::INFINITY);
    let status = check_masking(&Batched::new(exact(Linear, half)), &Batch::from_rows(&[[1.0, 2.0], [0.5, 0.1]]).unwrap(), &[1.0, -1.0]);
    assert_eq!(status, Status::Unbounded);
}

#[test]
fn bad_input_is_named() {
    let solver = exact(Cosh::new(2), free(2));
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut text = |theta: &[f64]| solver.solve(theta, None, &mut ws, &mut out).unwrap_err().to_string();
    assert!(text(&[0.0, f64::NAN, 1.0]).starts_with("theta, row 0, column 1: NaN"));
    assert!(text(&[0.0, 1.0]).starts_with("theta: expected length 3, got 2"));
    assert!(text(&[0.0, 1.0, -2.0]).starts_with("level of the energy: -2"));
    let refusal = |feasible: Program, options: SqpOptions| Sqp::new(Cosh::new(2), feasible, options).unwrap_err();
    assert!(matches!(refusal(free(3), SqpOptions::default()), Error::Dimension { what: "decision of the energy", .. }));
    assert!(matches!(refusal(free(2).with_integers(vec![true; 2]), SqpOptions::default()), Error::Unsupported { .. }));
    assert!(matches!(refusal(free(2).with_quadratic(Csc::diagonal(&[1.0, -1.0])), SqpOptions::default()), Error::NotConvex { .. }));
    assert!(matches!(refusal(free(2), SqpOptions { tolerance: 0.0, ..SqpOptions::default() }), Error::Domain { .. }));
    assert!(matches!(refusal(free(2), SqpOptions { start: SqpStart::At(vec![0.0]), ..SqpOptions::default() }), Error::Dimension { .. }));
    for share in [0.0, 1.5, f64::NAN] {
        assert!(matches!(refusal(free(2), with(SqpDerivative::Block { share })), Error::Domain { what: "share of a block", .. }));
    }
}

#[test]
fn a_solve_allocates_nothing() {
    let mut rng = Rng::seeded(5);
    for feasible in polyhedra() {
        let solver = exact(Cosh::new(5), feasible);
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::zeros(5, solver.dims().rows));
        let thetas: Vec<_> = (0..20).map(|_| draw(5, &mut rng)).collect();
        let before = counting::allocations();
        for theta in &thetas {
            solver.solve(theta, None, &mut ws, &mut out).unwrap();
        }
        assert_eq!(counting::allocations() - before, 0);
    }
}
