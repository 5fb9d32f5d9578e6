//! Time by span: a process of its own, since a subscriber is installed for good.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use dfl_bench::Timings;
use dfl_core::{
    Adjoint, Batch, Call, Cotangent, Decider, DifferentiableSolver, Dims, Key, Result, Solution, SolveInfo, Solver, Status, Stream,
};
use dfl_solvers::Batched;

const SOLVE: Duration = Duration::from_millis(8);
const FACTOR: Duration = Duration::from_millis(4);
const BACKWARD: Duration = Duration::from_millis(2);

/// Takes a known time for each part.
struct Slow;

impl Solver for Slow {
    type Workspace = ();
    fn name(&self) -> &'static str {
        "slow"
    }
    fn dims(&self) -> Dims {
        Dims { theta: 1, x: 1, rows: 0 }
    }
    fn workspace(&self) -> Result<()> {
        Ok(())
    }
    fn solve(&self, theta: &[f64], _from: Option<&Solution>, _ws: &mut (), out: &mut Solution) -> Result<SolveInfo> {
        sleep(SOLVE);
        out.x.copy_from_slice(theta);
        Ok(SolveInfo { status: Status::Optimal, iterations: 1, degenerate: false })
    }
}

impl DifferentiableSolver for Slow {
    type Tape = ();
    fn tape(&self, _theta: &[f64], _solution: &Solution, _ws: &mut (), _info: &mut SolveInfo) -> Result<()> {
        sleep(FACTOR);
        Ok(())
    }
    fn vjp(&self, _tape: &(), cotangent: Cotangent<'_>, _u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        sleep(BACKWARD);
        grad_theta.copy_from_slice(cotangent.x);
        Ok(())
    }
}

/// Each part takes at least its time for each of 20 rows, and all parts together no more than two threads had.
#[test]
fn each_part_is_summed_over_rows_and_threads() {
    let timings = Timings::install().expect("nobody else subscribes in this process");
    assert!(Timings::install().is_none());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let keys: Vec<Key> = (0..20).map(|id| Key { id, slot: 0 }).collect();
    let thetas = Batch::zeros(20, 1);
    let started = Instant::now();
    pool.install(|| {
        let decider = Batched::new(Slow);
        let found = decider.forward(&thetas, &Call { keys: &keys, stream: Stream::default(), backward: true }).unwrap();
        assert_eq!(timings.of("backward"), Duration::ZERO);
        found.back.unwrap().pull(&thetas).unwrap();
    });
    let wall = started.elapsed();
    for (span, each) in [("solve", SOLVE), ("factor", FACTOR), ("backward", BACKWARD)] {
        assert!(timings.of(span) >= 20 * each, "{span}: {:?}", timings.of(span));
    }
    let sum = timings.of("solve") + timings.of("factor") + timings.of("backward");
    assert!(sum <= 2 * wall, "{sum:?} in {wall:?} on two threads");
    assert_eq!(timings.of("something else"), Duration::ZERO);
    let seconds = |span: &str| timings.of(span).as_secs_f64();
    let expected = format!("solve {:.2} s, factor {:.2} s, backward {:.2} s", seconds("solve"), seconds("factor"), seconds("backward"));
    assert_eq!(timings.to_string(), expected);
}
