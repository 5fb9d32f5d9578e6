//! Derivatives of a portfolio within a budget of risk: the search of its multiplier and Clarabel, by their answers alone, against central
//! differences and each other.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed unwrap is a failed test; measured numbers are printed")]

use dfl_core::testkit::{jvp_error, vjp_error};
#[cfg(feature = "clarabel")]
use dfl_core::{Adjoint, Cotangent, DifferentiableSolver};
use dfl_core::{Cone, Csc, ParamMap, Program, Rng, Side, Solution, Solver};
use dfl_solvers::{Kkt, RiskBudget, RiskBudgetOptions};

/// Maximise `-c'x` over the simplex within `x'(L L' + I) x <= e^2`; as PyEPO's portfolio, in other units.
fn portfolio(n: usize, rng: &mut Rng) -> Program {
    let factors = 3;
    let mut entries: Vec<_> = (0..factors * n).map(|k| (k / n, k % n, 0.5 * rng.normal())).collect();
    entries.extend((0..n).map(|j| (factors + j, j, 1.0)));
    let f = Csc::from_triplets(factors + n, n, &entries).unwrap();
    let mut even = vec![0.0; factors + n];
    f.mul_add(1.0 / n as f64, &vec![1.0; n], &mut even);
    let e = 1.5 * even.iter().map(|v| v * v).sum::<f64>().sqrt();
    let cone = Cone { g: vec![0.0; factors + n], d: vec![0.0; n], e, f };
    let row = Csc::from_triplets(1, n, &(0..n).map(|j| (0, j, 1.0)).collect::<Vec<_>>()).unwrap();
    let simplex = Program::linear(vec![0.0; n]).with_rows(row, vec![1.0], vec![1.0]).with_bounds(vec![0.0; n], vec![f64::INFINITY; n]);
    Program { cones: vec![cone], ..simplex }
}

/// Portfolios, and costs at which the budget is spent and more assets are held than there are equations: at a vertex the derivative is
/// zero, and differences are rounding.
fn curved_instances(count: usize) -> Vec<(Program, Vec<f64>)> {
    let (mut rng, mut found) = (Rng::seeded(1), Vec::new());
    for k in 0.. {
        let n = 5 + k % 18;
        let (program, theta) = (portfolio(n, &mut rng), (0..n).map(|_| -0.1 - 0.05 * rng.normal()).collect::<Vec<_>>());
        let solver = search(&program);
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        let info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
        if out.cone_side[0] == Side::Upper && out.x.iter().filter(|x| **x > 0.0).count() > 2 && !info.degenerate {
            found.push((program, theta));
        }
        if found.len() == count {
            break;
        }
    }
    found
}

fn search(program: &Program) -> RiskBudget {
    RiskBudget::new(program.clone(), ParamMap::costs(program.n()), RiskBudgetOptions::default()).unwrap()
}

#[test]
fn the_search_differentiates_like_central_differences() {
    let (mut rng, mut adjoint, mut forward) = (Rng::seeded(2), 0.0_f64, 0.0_f64);
    for (program, theta) in curved_instances(100) {
        let solver = Kkt::new(search(&program));
        adjoint = adjoint.max(vjp_error(&solver, &theta, 1e-6, &mut rng));
        forward = forward.max(jvp_error(&solver, &theta, 1e-6, &mut rng));
    }
    println!("100 portfolios against central differences: vjp {adjoint:.1e}, jvp {forward:.1e}");
    assert!(adjoint < 1e-6 && forward < 1e-6, "{adjoint:.1e} {forward:.1e}");
}

#[cfg(feature = "clarabel")]
#[test]
fn clarabel_differentiates_alike() {
    use dfl_solvers::{Clarabel, ClarabelOptions};
    let (mut rng, mut adjoint, mut apart) = (Rng::seeded(3), 0.0_f64, 0.0_f64);
    for (program, theta) in curved_instances(30) {
        let conic = Clarabel::new(program.clone(), ParamMap::costs(program.n()), ClarabelOptions::default()).unwrap();
        let (conic, ours) = (Kkt::new(conic), Kkt::new(search(&program)));
        adjoint = adjoint.max(vjp_error(&conic, &theta, 1e-6, &mut rng));
        let cotangent: Vec<f64> = theta.iter().map(|_| rng.normal()).collect();
        let (a, b) = (gradient(&conic, &theta, &cotangent), gradient(&ours, &theta, &cotangent));
        let size = b.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        apart = a.iter().zip(&b).fold(apart, |worst, (a, b)| worst.max((a - b).abs() / size));
    }
    println!("30 portfolios by Clarabel: vjp against central differences {adjoint:.1e}, against that of the search {apart:.1e}");
    assert!(adjoint < 1e-6 && apart < 1e-8, "{adjoint:.1e} {apart:.1e}");
}

#[cfg(feature = "clarabel")]
fn gradient<S: DifferentiableSolver>(solver: &S, theta: &[f64], cotangent: &[f64]) -> Vec<f64> {
    let (mut ws, mut out, mut grad) = (solver.workspace().unwrap(), Solution::default(), vec![f64::NAN; theta.len()]);
    let mut info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
    let tape = solver.tape(theta, &out, &mut ws, &mut info).unwrap();
    solver.vjp(&tape, Cotangent { x: cotangent, ..Cotangent::default() }, &mut Adjoint::default(), &mut grad).unwrap();
    grad
}
