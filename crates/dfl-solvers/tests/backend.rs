//! Backends by name and by structure.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed unwrap is a failed test; measured numbers are printed")]

use dfl_core::testkit::random_qp;
use dfl_core::{Batch, Call, Cone, Csc, Decider, Entry, Error, Key, ParamMap, Program, Rng, Status, Stream};
use dfl_solvers::{Backend, Deciding, Limits};

const INF: f64 = f64::INFINITY;

/// min -x - y over x + 2y <= 4, 3x + y <= 6, x, y >= 0: (8/5, 6/5), value -14/5.
fn linear() -> Program {
    let a = Csc::from_triplets(2, 2, &[(0, 0, 1.0), (0, 1, 2.0), (1, 0, 3.0), (1, 1, 1.0)]).unwrap();
    Program::linear(vec![-1.0, -1.0]).with_rows(a, vec![-INF; 2], vec![4.0, 6.0]).with_bounds(vec![0.0; 2], vec![INF; 2])
}

fn disc() -> Program {
    let cone = Cone { f: Csc::diagonal(&[1.0, 1.0]), g: vec![0.0; 2], d: vec![0.0; 2], e: 1.0 };
    Program { cones: vec![cone], ..Program::linear(vec![-3.0, -4.0]) }
}

fn large(p: f64) -> Program {
    let n = 700;
    let coupled: Vec<_> = (0..n).map(|j| (j, j, p)).chain([(0, 1, 0.1 * p)]).collect();
    Program::linear(vec![-1.0; n]).with_quadratic(Csc::from_triplets(n, n, &coupled).unwrap()).with_bounds(vec![0.0; n], vec![2.0; n])
}

#[test]
fn ids_are_read_and_written() {
    for backend in Backend::ALL {
        assert_eq!(backend.to_string().parse::<Backend>().unwrap(), backend);
        assert_eq!(backend.id().replace('_', "-").parse::<Backend>().unwrap(), backend);
    }
    let error = "gurobi".parse::<Backend>().unwrap_err().to_string();
    assert!(error.starts_with("unknown backend `gurobi`; known are auto, active_set"), "{error}");
}

/// The first of the table's row that is built in.
#[test]
fn the_choice_goes_by_structure() {
    let none = ParamMap::new(0);
    let choose = |program: &Program| Backend::Auto.choose(program, &none);
    let first = |of: &[Backend]| of.iter().copied().find(|b| b.built_in()).unwrap();
    assert_eq!(choose(&linear()).unwrap(), Backend::ActiveSet);
    assert_eq!(choose(&linear().with_quadratic(Csc::diagonal(&[1.0, 0.0]))).unwrap(), Backend::ActiveSet);
    assert_eq!(choose(&large(0.0)).unwrap(), first(&[Backend::Highs, Backend::Clarabel, Backend::Osqp, Backend::ActiveSet]));
    assert_eq!(choose(&large(1.0)).unwrap(), first(&[Backend::Osqp, Backend::Clarabel, Backend::ActiveSet]));
    for curved in [linear(), large(0.0)] {
        let diagonal = curved.clone().with_quadratic(Csc::diagonal(&vec![1.0; curved.n()]));
        assert_eq!(choose(&diagonal).unwrap(), Backend::Separable);
        let moved = ParamMap::new(1).link(Entry::P(0), 0, 1.0);
        assert_ne!(Backend::Auto.choose(&diagonal, &moved).unwrap(), Backend::Separable, "it may not stay positive");
    }
    let n = 410;
    let full: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j, if i == j { 2.0 } else { 1e-3 }))).collect();
    let dense = Program { p: Csc::from_triplets(n, n, &full).unwrap(), ..Program::linear(vec![-1.0; n]) };
    assert_eq!(choose(&dense.with_bounds(vec![0.0; n], vec![2.0; n])).unwrap(), Backend::ActiveSet);
    // A predicted curvature makes a program quadratic whatever it is now.
    let curved = Backend::Auto.choose(&large(0.0), &ParamMap::new(1).link(Entry::P(0), 0, 1.0)).unwrap();
    assert_eq!(curved, first(&[Backend::Osqp, Backend::Clarabel, Backend::ActiveSet]));
    for (program, only) in [(disc(), Backend::Clarabel), (linear().with_integers(vec![true; 2]), Backend::Highs)] {
        match choose(&program) {
            Ok(chosen) => assert_eq!(chosen, only),
            Err(error) => assert!(!only.built_in() && error.to_string().contains(only.id()), "{error}"),
        }
    }
    let nobody = Program { integer: vec![true, false], ..disc() };
    assert!(matches!(choose(&nobody), Err(Error::Unsupported { who: "auto", .. })));
}

/// The same program by everyone who takes it, and by no one who does not.
#[test]
fn every_backend_solves_once() {
    for backend in Backend::ALL {
        let solved = backend.solve(&linear(), &Limits::default());
        if !backend.built_in() {
            assert!(matches!(solved, Err(Error::Unsupported { who: "this build", .. })), "{backend}");
            continue;
        }
        if backend == Backend::Separable {
            assert!(matches!(solved, Err(Error::Unsupported { who: "separable", .. })), "it takes no linear program");
            continue;
        }
        let answer = solved.unwrap();
        assert_eq!((answer.info.status, answer.before.len()), (Status::Optimal, 0));
        assert!((answer.solution.objective + 2.8).abs() < 1e-9, "{backend}");
        assert!(answer.residuals.unwrap().worst() < 1e-7 && answer.backend != Backend::Auto);
    }
    assert!(Backend::ActiveSet.solve(&disc(), &Limits::default()).is_err());
}

#[cfg(feature = "clarabel")]
#[test]
fn cones_and_large_programs_are_solved() {
    let answer = Backend::Auto.solve(&disc(), &Limits::default()).unwrap();
    assert_eq!(answer.backend, Backend::Clarabel);
    assert!((answer.solution.objective + 5.0).abs() < 1e-12);
    let answer = Backend::Auto.solve(&large(1.0), &Limits::default()).unwrap();
    // Two variables hold each other back: 1 / 1.1 each.
    assert!((answer.solution.objective + 349.0 + 1.0 / 1.1).abs() < 1e-9);
}

#[test]
fn programs_without_an_answer_have_a_status_and_no_residuals() {
    let infeasible = linear().with_bounds(vec![5.0; 2], vec![INF; 2]);
    let answer = Backend::Auto.solve(&infeasible, &Limits::default()).unwrap();
    assert_eq!((answer.info.status, answer.residuals), (Status::Infeasible, None));
    let free = Program::linear(vec![1.0]);
    assert_eq!(Backend::Auto.solve(&free, &Limits::default()).unwrap().info.status, Status::Unbounded);
    let saddle = Program::linear(vec![0.0; 2]).with_quadratic(Csc::from_triplets(2, 2, &[(0, 1, 1.0)]).unwrap());
    assert!(matches!(Backend::Auto.solve(&saddle, &Limits::default()), Err(Error::NotConvex { .. })));
}

/// No variables: the constant is the optimum, if all rows take zero. OSQP says that it takes no such program.
#[test]
fn a_program_without_variables_has_a_status() {
    let row = |lo: f64| Program { r: 2.5, ..Program::linear(Vec::new()).with_rows(Csc::empty(1, 0), vec![lo], vec![4.0]) };
    for backend in Backend::ALL.into_iter().filter(|b| b.built_in()) {
        if backend == Backend::Osqp {
            let refused = backend.solve(&row(-1.0), &Limits::default()).unwrap_err().to_string();
            assert_eq!(refused, "osqp does not offer a program without variables");
            continue;
        }
        for (program, value) in [(Program::default(), 0.0), (Program::linear(Vec::new()), 0.0), (row(-1.0), 2.5)] {
            let answer = backend.solve(&program, &Limits::default()).unwrap_or_else(|e| panic!("{backend}: {e}"));
            assert_eq!((answer.info.status, answer.solution.objective), (Status::Optimal, value), "{backend}");
            assert_eq!((answer.solution.x.len(), answer.solution.row_dual.len()), (0, program.m()), "{backend}");
            assert_eq!(answer.residuals.unwrap().worst(), 0.0, "{backend}");
        }
        let answer = backend.solve(&row(3.0), &Limits::default()).unwrap_or_else(|e| panic!("{backend}: {e}"));
        assert_eq!((answer.info.status, answer.residuals), (Status::Infeasible, None), "{backend}");
    }
}

/// Limits that the user has set are the end: no other backend is tried.
#[test]
fn a_limit_is_kept_by_every_backend() {
    let known = random_qp(20, 30, &mut Rng::seeded(1));
    let mut program = known.base.clone();
    known.params.push(&known.theta, &known.base, &mut program).unwrap();
    for backend in [Backend::Auto, Backend::ActiveSet, Backend::Osqp, Backend::Clarabel].into_iter().filter(|b| b.built_in()) {
        let answer = backend.solve(&program, &Limits { seconds: Some(0.0), ..Limits::default() }).unwrap();
        assert_eq!((answer.info.status, answer.before.len()), (Status::Limit, 0), "{backend}");
    }
    let answer = Backend::Auto.solve(&program, &Limits { iterations: Some(1), ..Limits::default() }).unwrap();
    assert_eq!((answer.info.status, answer.before.len()), (Status::Limit, 0));
    let wrong = Limits { seconds: Some(f64::NAN), ..Limits::default() };
    assert!(matches!(Backend::Auto.solve(&program, &wrong), Err(Error::Domain { .. })));
}

/// Deciders of all backends give the same decisions and gradients.
#[test]
fn deciders_agree() {
    let known = random_qp(6, 9, &mut Rng::seeded(2));
    let thetas = Batch::from_rows(&[known.theta.clone(), known.theta.iter().map(|t| 1.01 * t).collect()]).unwrap();
    let keys: Vec<Key> = (0..2).map(|id| Key { id, slot: 0 }).collect();
    let call = Call { keys: &keys, stream: Stream::default(), backward: true };
    let mut first: Option<(Vec<f64>, Vec<f64>)> = None;
    for backend in [Backend::Auto, Backend::ActiveSet, Backend::Osqp, Backend::Clarabel] {
        if !backend.built_in() {
            continue;
        }
        let deciding = Deciding { visible: Some(4), warm: true, ..Deciding::default() };
        let decider = backend.decider(known.base.clone(), known.params.clone(), &deciding).unwrap();
        let found = decider.forward(&thetas, &call).unwrap();
        let gradient = found.back.unwrap().pull(&Batch::from_rows(&[[1.0, -1.0, 2.0, 0.5]; 2]).unwrap()).unwrap();
        let (x, gradient) = (found.x.into_vec(), gradient.into_vec());
        let (known_x, known_gradient) = first.get_or_insert_with(|| (x.clone(), gradient.clone()));
        let close = |a: &[f64], b: &[f64], to: f64| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= to * (1.0 + b.abs()));
        assert!(close(&x, known_x, 1e-10) && close(&gradient, known_gradient, 1e-8), "{backend}");
    }
    let hidden = Deciding { visible: Some(7), ..Deciding::default() };
    assert!(Backend::Auto.decider(known.base, known.params, &hidden).is_err());
}

/// Seconds of one solve, setting up included, by size: `cargo test ... -- --ignored --nocapture`.
#[cfg(feature = "clarabel")]
#[test]
#[ignore = "a measurement"]
fn time_by_size() {
    use dfl_solvers::Grid;
    let mut programs = Vec::new();
    for (n, m) in [(50, 100), (100, 200), (200, 400), (400, 800)] {
        let known = random_qp(n, m, &mut Rng::seeded(3));
        let mut program = known.base.clone();
        known.params.push(&known.theta, &known.base, &mut program).unwrap();
        programs.push((format!("dense QP, n = {n}, m = {m}"), program));
    }
    let mut rng = Rng::seeded(4);
    for side in [10, 15, 20, 30] {
        let grid = Grid::new(side, side).unwrap();
        let costs: Vec<f64> = (0..grid.arcs()).map(|_| 1.0 + rng.uniform()).collect();
        let linear = Program { c: costs, ..grid.program() };
        let smooth = linear.clone().with_quadratic(Csc::diagonal(&vec![0.5; grid.arcs()]));
        programs.push((format!("path {side}x{side}, LP, n = {}, m = {}", linear.n(), linear.m()), linear));
        programs.push((format!("path {side}x{side}, QP, n = {}", smooth.n()), smooth));
    }
    for (name, program) in programs {
        let seconds = |backend: Backend| {
            let start = std::time::Instant::now();
            let solved = backend.solve(&program, &Limits { seconds: Some(20.0), ..Limits::default() });
            solved.map_or("-".to_owned(), |answer| format!("{:.4} s ({})", start.elapsed().as_secs_f64(), answer.info.status))
        };
        println!(
            "{name}: {}",
            [Backend::ActiveSet, Backend::Separable, Backend::Clarabel].map(|b| format!("{b} {}", seconds(b))).join(", ")
        );
    }
}
