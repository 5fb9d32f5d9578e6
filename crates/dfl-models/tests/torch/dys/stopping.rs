use dfl_core::{Batch, Rng, Status};
use dfl_models::torch::Precision;
use dfl_solvers::{DysDerivative, DysOptions};

use super::{Case, cases, knapsack, tell};
use crate::common::{assert_close, normals};

fn plain(tolerance: f64, iterations: usize, derivative: DysDerivative) -> DysOptions {
    DysOptions { tolerance, ..DysOptions::fixed(0.5, 1.0, iterations, derivative) }
}

/// Some rows have larger costs than others, which take more steps.
fn uneven(case: Case) -> Case {
    let mut thetas = case.thetas.clone();
    (0..12).for_each(|i| thetas.row_mut(i).iter_mut().for_each(|t| *t *= 0.2 + i as f64));
    Case { thetas, ..case }
}

fn cotangent(case: &Case) -> Batch {
    normals(12, case.formulation.visible, 3)
}

/// Each row ends by itself, with what it has alone, where a run of just so many steps ends; and at the optimum of the solver.
#[test]
fn a_row_that_has_arrived_stays_put() {
    for case in cases(&mut Rng::seeded(41)).into_iter().map(uneven) {
        for derivative in [DysDerivative::Implicit, DysDerivative::Unrolled] {
            let options = plain(1e-7, 20_000, derivative);
            let decider = case.decider(&options, Precision::Double);
            let cotangent = cotangent(&case);
            let all = tell(&decider, &case.thetas, &cotangent);
            let optimum = tell(&case.host(&plain(1e-11, 200_000, DysDerivative::Implicit)), &case.thetas, &cotangent);
            assert_close(all.x.as_slice(), optimum.x.as_slice(), 0.0, 1e-5);
            for i in 0..12 {
                let (row, on_x) = (case.thetas.select(&[i]), cotangent.select(&[i]));
                let alone = tell(&decider, &row, &on_x);
                let steps = all.info[i].iterations;
                assert_eq!((all.info[i].status, alone.info[0].iterations), (Status::Optimal, steps), "{}", case.name);
                let fixed = tell(&case.decider(&plain(0.0, steps, derivative), Precision::Double), &row, &on_x);
                for other in [&alone, &fixed] {
                    assert_close(all.x.row(i), other.x.as_slice(), 1e-12, 1e-12);
                    assert_close(all.gradient.row(i), other.gradient.as_slice(), 1e-9, 1e-9);
                }
            }
            let steps: Vec<usize> = all.info.iter().map(|info| info.iterations).collect();
            assert!(steps.iter().min() < steps.iter().max(), "{}: rows must differ to be told apart: {steps:?}", case.name);
        }
    }
}

/// Rows that the limit stops say how far they are; the others are as they were.
#[test]
fn the_limit_stops_some_rows_only() {
    let case = uneven(knapsack(&mut Rng::seeded(42)));
    let told = |iterations| {
        tell(&case.decider(&plain(1e-7, iterations, DysDerivative::Implicit), Precision::Double), &case.thetas, &cotangent(&case))
    };
    let free = told(20_000);
    let mut steps: Vec<usize> = free.info.iter().map(|info| info.iterations).collect();
    steps.sort_unstable();
    let limit = steps[5];
    let limited = told(limit);
    for (i, info) in limited.info.iter().enumerate() {
        match info.status {
            Status::Optimal => {
                assert_eq!(info.iterations, free.info[i].iterations);
                assert_close(limited.x.row(i), free.x.row(i), 1e-12, 1e-12);
            }
            Status::Inexact { residual } => assert!(info.iterations == limit && residual > 1e-7, "{residual}"),
            other => panic!("{other}"),
        }
    }
    assert!(steps[0] < limit && limit < steps[11], "{steps:?}");
}

/// A cost that no number can be added to ends its row and no other.
#[test]
fn a_row_that_overflows_has_failed_alone() {
    let case = knapsack(&mut Rng::seeded(43));
    let mut thetas = case.thetas.clone();
    thetas.row_mut(4).iter_mut().for_each(|t| *t *= 1e308);
    for derivative in [DysDerivative::Implicit, DysDerivative::JacobianFree, DysDerivative::Unrolled] {
        let options = DysOptions::fixed(0.5, 3.0, 50, derivative);
        let expected = tell(&case.host(&options), &thetas, &cotangent(&case));
        let found = tell(&case.decider(&options, Precision::Double), &thetas, &cotangent(&case));
        assert_eq!((found.info[4].status, expected.info[4].status), (Status::Failed, Status::Failed));
        assert_eq!((found.objective[4], found.x.row(4), found.gradient.row(4)), (0.0, [0.0; 40].as_slice(), [0.0; 40].as_slice()));
        assert_close(found.x.as_slice(), expected.x.as_slice(), 1e-10, 1e-10);
        assert_close(found.gradient.as_slice(), expected.gradient.as_slice(), 1e-10, 1e-10);
    }
}
