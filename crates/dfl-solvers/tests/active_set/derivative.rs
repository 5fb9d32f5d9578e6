//! Derivatives of the answers, and batches of them.

use dfl_core::testkit::{check_decider, jvp_error, random_qp, vjp_error};
use dfl_core::{
    Adjoint, Batch, Call, Cotangent, Decider, DifferentiableSolver, Entry, Key, ParamMap, Program, Rng, Solution, Solver, Status, Stream,
};
use dfl_solvers::{Batched, Kkt};

use crate::{identity, matrix, solver};

/// theta in costs, matrix entries, right-hand sides and bounds. Answers are exact to about 1e-13, so a step of 1e-5 leaves 1e-7 in the
/// worst-conditioned ones.
#[test]
fn derivatives_match_central_differences_on_200_random_qps() {
    let (mut rng, mut worst) = (Rng::seeded(22), 0.0_f64);
    for k in 0..200 {
        let q = random_qp(2 + k % 9, k % 12, &mut rng);
        let kkt = Kkt::new(solver(q.base, q.params));
        let error = vjp_error(&kkt, &q.theta, 1e-5, &mut rng).max(jvp_error(&kkt, &q.theta, 1e-5, &mut rng));
        assert!(error < 1e-6, "instance {k}: {error:.1e}");
        worst = worst.max(error);
    }
    println!("largest relative error of 400 derivatives: {worst:.1e}");
}

/// Costs, rows and bounds move; the matrices stay, and with them the factor that threads share.
fn decider() -> (Batched<Kkt<dfl_solvers::ActiveSet>>, Batch) {
    let mut rng = Rng::seeded(23);
    let q = random_qp(12, 20, &mut rng);
    let params = (0..12).fold(ParamMap::new(12), |map, j| map.link(Entry::C(j), j, 1.0));
    let thetas = Batch::from_vec(64, 12, (0..64 * 12).map(|_| rng.normal()).collect()).unwrap();
    (Batched::new(Kkt::new(solver(q.base, params))), thetas)
}

#[test]
fn the_contract_of_a_decider() {
    let (decider, thetas) = decider();
    check_decider(&decider, &thetas);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (decider, thetas) = decider();
            let keys: Vec<Key> = (0..64).map(|id| Key { id, slot: 0 }).collect();
            let found = decider.forward(&thetas, &Call { keys: &keys, stream: Stream::default(), backward: true }).unwrap();
            assert!(found.info.iter().all(|i| i.status == Status::Optimal));
            let pulled = found.back.as_ref().unwrap().pull(&found.x).unwrap();
            (found.x.clone(), found.objective.clone(), pulled)
        })
    };
    let one = run(1);
    for threads in [2, 8] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

/// A cotangent that is no number is refused; it was once taken for zero.
#[test]
fn a_cotangent_that_is_no_number_is_an_error() {
    let program = Program::linear(vec![1.0; 2]).with_quadratic(identity(2)).with_rows(matrix(&[&[1.0, 1.0]]), vec![1.0], vec![1.0]);
    let s = solver(program, ParamMap::costs(2));
    let (mut ws, mut out, mut u) = (s.workspace().unwrap(), Solution::default(), Adjoint::default());
    let mut info = s.solve(&[0.0; 2], None, &mut ws, &mut out).unwrap();
    let tape = s.tape(&[0.0; 2], &out, &mut ws, &mut info).unwrap();
    for (x, row) in [([f64::NAN; 2], 0.0), ([f64::NAN, 1.0], 1.0), ([0.0; 2], f64::NAN)] {
        let cotangent = Cotangent { x: &x, rows: &[row], ..Default::default() };
        assert!(s.vjp(&tape, cotangent, &mut u, &mut [0.0; 2]).is_err(), "{x:?} {row}");
    }
}
