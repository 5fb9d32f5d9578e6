//! The iteration as plain numbers.

use dfl_core::{Batch, Entry, ParamMap, Rng, Solver, Splitting};
use dfl_solvers::{Dys, DysDerivative, DysOptions};

use crate::{cases, close, dot, programs::top_k, solve};

/// The sum of two variables is 1: the projection is along (1, -1), and the multiplier the mean.
#[test]
fn two_variables_by_hand() {
    let params = ParamMap::new(1).link(Entry::C(0), 0, 2.0).link(Entry::C(1), 0, -1.0);
    let options = DysOptions::fixed(0.25, 0.5, 7, DysDerivative::JacobianFree);
    let found = Dys::new(top_k(2, 1), params, options).unwrap().operator();
    let batch = |rows: &[&[f64]]| Batch::from_rows(rows).unwrap();
    let expected = Splitting {
        mu: 0.25,
        constant: 0.0,
        cost: vec![0.0; 2],
        cost_map: batch(&[&[2.0, -1.0]]),
        rows: batch(&[&[1.0, 1.0]]),
        sides: vec![1.0],
        lower: vec![0.0; 2],
        upper: vec![1.0; 2],
        projection: batch(&[&[0.5, -0.5], &[-0.5, 0.5]]),
        point: vec![0.5; 2],
        multipliers: batch(&[&[0.5, 0.5]]),
        step: Some(0.5),
        iterations: 7,
        tolerance: 0.0,
        derivative: DysDerivative::JacobianFree,
    };
    assert_eq!(found, expected);
}

/// The projection projects onto what the rows leave, whether or not they depend on each other.
#[test]
fn its_matrices_belong_together() {
    let mut rng = Rng::seeded(21);
    for case in cases(&mut rng) {
        let s = case.solver(DysOptions::default()).operator();
        s.check().unwrap();
        let n = s.cost.len();
        for (k, row) in s.rows.iter().enumerate() {
            close(&[dot(row, &s.point)], &[s.sides[k]], 1e-12, case.name);
            s.projection.iter().for_each(|column| close(&[dot(row, column)], &[0.0], 1e-12, case.name));
        }
        for i in 0..n {
            for j in 0..n {
                let p = s.projection.row(i)[j];
                close(&[dot(s.projection.row(i), s.projection.row(j))], &[p], 1e-12, "projected twice");
                let by_multipliers: f64 = s.rows.iter().zip(s.multipliers.iter()).map(|(a, m)| a[i] * m[j]).sum();
                close(&[p], &[f64::from(u8::from(i == j)) - by_multipliers], 1e-12, "multipliers");
            }
        }
    }
}

/// The steps of the documentation with these matrices lead where the solver goes.
#[test]
fn a_plain_iteration_with_it_is_the_solver() {
    let mut rng = Rng::seeded(22);
    for case in cases(&mut rng) {
        let solver = case.solver(DysOptions::fixed(0.5, 0.7, 60, DysDerivative::Implicit));
        let s = solver.operator();
        let clamp = |z: &[f64]| -> Vec<f64> { z.iter().enumerate().map(|(j, z)| z.max(s.lower[j]).min(s.upper[j])).collect() };
        let (n, mut z) = (solver.dims().x, s.point.clone());
        let cost = |j: usize| s.cost[j] + (0..case.theta.len()).map(|k| s.cost_map.row(k)[j] * case.theta[k]).sum::<f64>();
        let cost: Vec<f64> = (0..n).map(cost).collect();
        for _ in 0..60 {
            let x = clamp(&z);
            let q: Vec<f64> = (0..n).map(|j| (2.0 - 0.7 * 0.5) * x[j] - z[j] - 0.7 * cost[j]).collect();
            z = (0..n).map(|j| z[j] - x[j] + s.point[j] + dot(s.projection.row(j), &q)).collect();
        }
        close(&clamp(&z), &solve(&solver, &case.theta, None).0.x, 1e-12, case.name);
    }
}
