//! Bad input, and programs without an optimum.

use dfl_core::testkit::check_decider;
use dfl_core::{
    Adjoint, Batch, Call, Cost, CostCurvature, CostGrad, Cotangent, Csc, Curvature, Decider, DifferentiableSolver, Error, Key, Kink,
    Program, Risk, Rng, Solution, Solver, Status, Stream,
};
use dfl_solvers::{Batched, Scenarios, StochasticOptions, StochasticProgram};

use crate::costs::{Generation, Loss, Quadratic};
use crate::helpers::*;

fn power(count: usize, curvature: Curvature) -> StochasticProgram<Generation> {
    program(Generation::new(3, 50.0, 0.5, 1.0), ramps(3, 0.4), count, 3, options(Risk::Mean, curvature))
}

fn message(result: dfl_core::Result<impl Sized>) -> String {
    result.err().expect("it is refused").to_string()
}

#[test]
fn bad_programs_are_refused() {
    let make = |cost: Generation, feasible: Program, count: usize, options: StochasticOptions| {
        message(StochasticProgram::new(cost, feasible, Scenarios { count, outcome: 1 }, options))
    };
    let cost = || Generation::new(1, 1.0, 1.0, 1.0);
    let fine = StochasticOptions::default;
    assert!(make(cost(), free(1), 0, fine()).starts_with("Scenarios::count: 0"));
    for tail in [0.0, -0.1, 1.5, f64::NAN] {
        assert!(make(cost(), free(1), 3, options(Risk::Cvar { tail }, Curvature::Ignored)).starts_with("Risk::Cvar tail"));
    }
    let narrow = options(Risk::Mean, Curvature::Density { bandwidth: 0.0 });
    assert!(make(cost(), free(1), 3, narrow).starts_with("bandwidth of Curvature::Density"));
    let loose = StochasticOptions { tolerance: 1.0, ..fine() };
    assert!(make(cost(), free(1), 3, loose).starts_with("StochasticOptions::tolerance"));
    assert!(make(cost(), free(2), 3, fine()).starts_with("kink a: expected length 2"));
    let falling = Kink { a: vec![1.0], b: vec![1.0], offset: 0.0, below: 1.0, above: 0.0 };
    assert!(make(cost().with(&[falling]), free(1), 3, fine()).starts_with("jump of a kink's slope"));
    assert!(make(cost(), free(1).with_quadratic(Csc::diagonal(&[-1.0])), 3, fine()).contains("not convex"));
    assert!(make(cost(), free(1).with_integers(vec![true]), 3, fine()).contains("integer"));
    assert!(make(cost(), boxed(1, 2.0, 1.0), 3, fine()).contains("exceeds upper bound"));
}

#[test]
fn bad_samples_are_named() {
    let solver = power(4, Curvature::SampleAverage);
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut theta = vec![1.0; 12];
    assert!(message(solver.solve(&theta[1..], None, &mut ws, &mut out)).contains("theta: expected length 12, got 11"));
    for bad in [f64::NAN, f64::INFINITY] {
        theta[7] = bad;
        assert!(message(solver.solve(&theta, None, &mut ws, &mut out)).starts_with("sample, row 2, column 1"));
    }
}

#[test]
fn no_optimum_is_a_status() {
    let mut rng = Rng::seeded(1);
    let theta = normals(5, 1.0, 0.1, &mut rng);
    let rows = Csc::from_triplets(1, 1, &[(0, 0, 1.0)]).unwrap();
    let nowhere = boxed(1, 0.0, 1.0).with_rows(rows, vec![2.0], vec![3.0]);
    for risk in [Risk::Mean, Risk::Cvar { tail: 0.5 }] {
        let status = |cost, feasible| solve(&program(cost, feasible, 5, 1, options(risk, Curvature::SampleAverage)), &theta).1.status;
        assert_eq!(status(Generation::new(1, 1.0, 1.0, 1.0), nowhere.clone()), Status::Infeasible, "{risk:?}");
        // Both slopes fall to the right.
        assert_eq!(status(Generation::new(1, 3.0, -1.0, 0.0), free(1)), Status::Unbounded, "{risk:?}");
        let linear = solve(&program(Loss, free(1), 5, 1, options(risk, Curvature::SampleAverage)), &theta).1.status;
        assert_eq!(linear, Status::Unbounded, "{risk:?}");
    }
    let few = StochasticOptions { iterations: 1, ..StochasticOptions::default() };
    let limited = StochasticProgram::new(crate::costs::Allocation, free(1), Scenarios { count: 5, outcome: 1 }, few).unwrap();
    assert_eq!(solve(&limited, &[1.0, -1.0, 2.0, 0.5, -2.0]).1.status, Status::Limit);
}

/// An optimum that is merely far away.
#[test]
fn a_distant_optimum_is_an_optimum() {
    let far = |risk| solve(&program(Quadratic, free(1), 2, 1, options(risk, Curvature::SampleAverage)), &[1e9; 2]);
    let (out, info) = far(Risk::Mean);
    assert_eq!((info.status, out.x), (Status::Optimal, vec![1e9]));
    // Costs of 1e18 have too few digits for the rows of CVaR, but they are no ray either.
    assert_eq!(far(Risk::Cvar { tail: 0.5 }).1.status, Status::Failed);
}

/// The smoothing stage of a cold start counts too (tight ramps keep the descent along coordinates from ending at the answer), and what an
/// earlier solve has left in the answer goes.
#[test]
fn a_limit_holds_from_the_first_step_and_leaves_zeros() {
    let theta = normals(60, 1.0, 0.5, &mut Rng::seeded(4));
    for iterations in [1, 3] {
        let few = StochasticOptions { iterations, ..StochasticOptions::default() };
        let solver = program(Generation::new(3, 50.0, 0.5, 1.0), ramps(3, 0.01), 20, 3, few);
        let mut out = Solution { x: vec![7.0; 5], objective: 7.0, row_dual: vec![7.0; 9], ..Solution::default() };
        let info = solver.solve(&theta, None, &mut solver.workspace().unwrap(), &mut out).unwrap();
        assert_eq!((info.status, info.iterations), (Status::Limit, iterations));
        assert_eq!(out, Solution::zeros(3, 2));
    }
}

/// The three scores that would be wrong.
#[test]
fn score_weights_that_would_vanish_are_refused() {
    let ask = |solver: &dyn Fn() -> StochasticProgram<Generation>, theta: &[f64], weights: usize| {
        let (solver, mut out) = (solver(), Solution::default());
        let mut ws = solver.workspace().unwrap();
        let mut info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
        let tape = solver.tape(theta, &out, &mut ws, &mut info).unwrap();
        solver.score_weights(&tape, Cotangent { x: &[1.0; 3], ..Cotangent::default() }, &mut Adjoint::default(), &mut vec![0.0; weights])
    };
    let theta = normals(12, 1.5, 0.3, &mut Rng::seeded(2));
    let text = message(ask(&|| power(4, Curvature::SampleAverage), &theta, 4));
    assert!(text.contains("a kink pins the decision") && text.contains("use Curvature::Density"), "{text}");
    ask(&|| power(4, Curvature::rule_of_thumb(4)), &theta, 4).unwrap();
    assert!(message(ask(&|| power(4, Curvature::Ignored), &theta, 5)).contains("score weights: expected length 4"));
    assert!(message(ask(&|| power(1, Curvature::rule_of_thumb(1)), &theta[..3], 1)).contains("at least 2"));
    let cvar = || {
        program(
            Generation::new(3, 50.0, 0.5, 1.0).clone(),
            ramps(3, 0.4),
            4,
            3,
            options(Risk::Cvar { tail: 0.6 }, Curvature::SampleAverage),
        )
    };
    assert!(matches!(ask(&cvar, &theta, 4), Err(Error::Unsupported { .. })));
}

/// A cost that forgets to take its kink out of the smooth part.
#[test]
fn a_cost_that_is_not_its_parts_is_refused() {
    struct Forgetful(Vec<Kink>);
    impl Cost for Forgetful {
        fn value(&self, y: &[f64], z: &[f64]) -> f64 {
            Quadratic.value(y, z) + self.0[0].value(self.0[0].argument(y, z))
        }
    }
    impl CostGrad for Forgetful {
        fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
            Quadratic.grad_z(y, z, out);
        }
    }
    impl CostCurvature for Forgetful {
        fn add_hess(&self, y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
            Quadratic.add_hess(y, z, w, h);
        }
        fn add_cross(&self, y: &[f64], z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
            Quadratic.add_cross(y, z, w, v, out);
        }
        fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
            Quadratic.add_grad_y(y, z, w, out);
        }
        fn kinks(&self) -> &[Kink] {
            &self.0
        }
    }
    let cost = Forgetful(vec![Kink { a: vec![1.0], b: vec![1.0], offset: 0.0, below: -1.0, above: 1.0 }]);
    let solver = program(cost, free(1), 2, 1, StochasticOptions::default());
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    assert!(message(solver.solve(&[1.0, 2.0], None, &mut ws, &mut out)).starts_with("cost less its smooth part and its kinks"));
}

/// The contract of every decider, and the same bits for any number of threads, score weights included.
#[test]
fn the_contract_of_deciders() {
    let (rows, count, mut rng) = (9, 20, Rng::seeded(3));
    let thetas = Batch::from_vec(rows, 3 * count, normals(rows * 3 * count, 1.5, 0.3, &mut rng)).unwrap();
    let keys: Vec<Key> = (0..rows as u64).map(|id| Key { id, slot: 0 }).collect();
    let call = Call { keys: &keys, stream: Stream::default(), backward: true };
    for risk in [Risk::Mean, Risk::Cvar { tail: 0.3 }, Risk::Entropic { temperature: 3.0 }] {
        let make = || {
            let cost = Generation::new(3, 50.0, 0.5, 1.0);
            Batched::new(program(cost, ramps(3, 0.4), count, 3, options(risk, Curvature::rule_of_thumb(count))))
        };
        check_decider(&make(), &thetas);
        let run = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let decider = make();
                let found = decider.forward(&thetas, &call).unwrap();
                let back = found.back.as_ref().unwrap();
                (found.x.clone(), back.pull(&found.x).unwrap(), back.score_weights(&found.x).unwrap())
            })
        };
        assert!(run(1) == run(3), "{risk:?}");
    }
}
