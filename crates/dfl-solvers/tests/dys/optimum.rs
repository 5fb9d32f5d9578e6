//! Run to a tolerance, the answer is the optimum of the smoothed program; else it says how far it is from that.

use dfl_core::{Csc, ParamMap, Program, Rng, Status};
use dfl_solvers::{ActiveSet, Dys, DysDerivative, DysOptions, DysProjection, smooth_quadratic_with_slacks};

use crate::programs::INF;
use crate::{Case, cases, close, residual, solve};

fn options(mu: f64) -> DysOptions {
    DysOptions { mu, tolerance: 1e-11, iterations: 200_000, ..Default::default() }
}

/// Decisions, values and multipliers of rows, against Newton's method on the dual.
#[test]
fn the_optimum_is_that_of_the_smoothed_program() {
    let mut rng = Rng::seeded(1);
    for _ in 0..8 {
        for case in cases(&mut rng) {
            for mu in [0.05, 0.5, 5.0] {
                let (solver, reference) = (case.solver(options(mu)), case.reference(mu));
                let (out, info) = solve(&solver, &case.theta, None);
                let (expected, exact) = solve(&reference, &case.theta, None);
                assert_eq!((info.status, exact.status), (Status::Optimal, Status::Optimal), "{}, mu {mu}", case.name);
                close(&out.x, &expected.x, 1e-8, case.name);
                close(&[out.objective], &[expected.objective], 1e-9, case.name);
                assert!(residual(&solver, &case.theta, &out) <= 1e-11);
            }
        }
    }
}

/// The same by an active-set method, and with plain steps of a fixed length.
#[test]
fn the_active_set_agrees_with_plain_steps() {
    let mut rng = Rng::seeded(2);
    for case in cases(&mut rng) {
        let (visible, program) = (case.program.n(), case.program.clone());
        let smoothed = smooth_quadratic_with_slacks(dfl_core::Formulation { program, params: case.params(), visible }, 1.0).unwrap();
        let (expected, _) = solve(&ActiveSet::new(smoothed.program, smoothed.params, Default::default()).unwrap(), &case.theta, None);
        let (out, info) = solve(&case.solver(DysOptions { step: Some(0.8), memory: 0, ..options(1.0) }), &case.theta, None);
        assert_eq!(info.status, Status::Optimal, "{}", case.name);
        close(&out.x, &expected.x, 1e-8, case.name);
    }
}

/// After any number of steps, whichever way they are taken, the residual that is told is the one of the core's definition.
#[test]
fn an_inexact_answer_says_how_far_it_is() {
    let mut rng = Rng::seeded(3);
    for case in cases(&mut rng) {
        for (iterations, memory) in [(1, 0), (7, 0), (60, 0), (23, 6)] {
            let solver = case.solver(DysOptions { mu: 0.2, tolerance: 0.0, iterations, memory, ..Default::default() });
            let (out, info) = solve(&solver, &case.theta, None);
            assert_eq!(info.iterations, iterations);
            let Status::Inexact { residual: told } = info.status else { panic!("{}: {}", case.name, info.status) };
            let expected = residual(&solver, &case.theta, &out);
            assert!((told - expected).abs() <= 1e-12 * (1.0 + expected), "{}: {told} against {expected}", case.name);
        }
    }
}

/// Without a quadratic term a vertex: the shortest path, found to a tolerance.
#[test]
fn a_linear_program_is_solved_too() {
    let mut rng = Rng::seeded(4);
    for _ in 0..5 {
        let case = cases(&mut rng).swap_remove(0);
        let solver = case.solver(DysOptions { derivative: DysDerivative::JacobianFree, ..options(0.0) });
        let (out, info) = solve(&solver, &case.theta, None);
        assert_eq!(info.status, Status::Optimal);
        let linear = ActiveSet::new(case.program.clone(), case.params(), Default::default()).unwrap();
        close(&[out.objective], &[solve(&linear, &case.theta, None).0.objective], 1e-9, "length of the path");
    }
}

/// Equations that contradict each other, and equations that the bounds do not admit; also through a slack.
#[test]
fn infeasibility_is_proven() {
    let matrix = |rows: &[[f64; 2]]| {
        let entries: Vec<_> = rows.iter().enumerate().flat_map(|(i, r)| r.iter().enumerate().map(move |(j, &v)| (i, j, v))).collect();
        Csc::from_triplets(rows.len(), 2, &entries).unwrap()
    };
    let program = |rows: &[[f64; 2]], lo: &[f64], up: &[f64]| {
        Program::linear(vec![0.0; 2]).with_rows(matrix(rows), lo.to_vec(), up.to_vec()).with_bounds(vec![0.0; 2], vec![1.0; 2])
    };
    let cases = [
        program(&[[1.0, 1.0], [2.0, 2.0]], &[1.0, 3.0], &[1.0, 3.0]),
        program(&[[1.0, 1.0]], &[2.5], &[2.5]),
        program(&[[1.0, 2.0]], &[3.5], &[INF]),
        program(&[[1.0, 1.0], [1.0, -1.0]], &[-INF, 1.5], &[1.0, INF]),
    ];
    for program in cases {
        for projection in [DysProjection::Sparse, DysProjection::Dense] {
            let options = DysOptions { projection, iterations: 500, ..options(0.5) };
            let solver = Dys::new(program.clone(), ParamMap::costs(2), options).unwrap();
            let (out, info) = solve(&solver, &[0.3, -0.2], None);
            assert_eq!(info.status, Status::Infeasible);
            assert!(out.x.iter().all(|&x| x == 0.0));
        }
    }
    let touching = program(&[[1.0, 1.0]], &[2.0], &[2.0]);
    let (out, info) = solve(&Dys::new(touching, ParamMap::costs(2), options(0.5)).unwrap(), &[0.3, -0.2], None);
    assert_eq!(info.status, Status::Optimal);
    close(&out.x, &[1.0, 1.0], 1e-9, "the only point");
}

/// Without rows: each variable for itself. And nothing at all.
#[test]
fn programs_without_rows_or_variables() {
    let box_ = Program::linear(vec![0.0; 3]).with_bounds(vec![0.0, -INF, 0.0], vec![1.0, INF, INF]);
    let case = Case { name: "box", program: box_, theta: vec![-3.0, 0.5, 0.4] };
    let (out, info) = solve(&case.solver(options(0.5)), &case.theta, None);
    assert_eq!(info.status, Status::Optimal);
    close(&out.x, &[1.0, -1.0, 0.0], 1e-10, "clamps");
    let empty = Dys::new(Program::linear(Vec::new()), ParamMap::costs(0), options(0.5)).unwrap();
    assert_eq!(solve(&empty, &[], None).1.status, Status::Optimal);
}

/// Two equations that are almost the same one have a solution where they cross, which is not to be called infeasible.
#[test]
fn almost_parallel_equations_cross() {
    for angle in [1e-3, 1e-5, 1e-6, 1e-7] {
        let a = Csc::from_triplets(2, 2, &[(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0 + angle)]).unwrap();
        let b = vec![1.0, 1.0 + angle];
        let program = Program::linear(vec![0.0; 2]).with_rows(a, b.clone(), b).with_bounds(vec![0.0; 2], vec![INF; 2]);
        let (out, info) = solve(&Dys::new(program, ParamMap::costs(2), options(0.5)).unwrap(), &[0.3, -0.2], None);
        println!("{angle:e}: {} {:?}", info.status, out.x);
        assert_ne!(info.status, Status::Infeasible, "angle {angle:e}");
    }
}
