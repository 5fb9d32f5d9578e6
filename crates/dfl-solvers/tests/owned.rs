//! The pool of owned threads: order, errors, warm starts, hidden variables, the backward pass, and HiGHS under stress.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dfl_core::{
    Adjoint, Batch, Call, Cotangent, Decider, DifferentiableSolver, Dims, Error, Key, NoGradient, Result, Solution, SolveInfo, Solver,
    Status, Stream,
};
use dfl_solvers::Owned;

/// x = theta^2 entry by entry and a slack -1; infeasible where theta[0] < 0; an error naming theta[0] where it is above 100; a start
/// adds one iteration per earlier one. Its workspace cannot move between threads, and both its making and its end are counted.
#[derive(Default)]
struct Square {
    n: usize,
    refuse: bool,
    made: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

struct Here {
    dropped: Arc<AtomicUsize>,
    thread: PhantomData<Rc<()>>,
}

impl Drop for Here {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Solver for Square {
    type Workspace = Here;
    fn name(&self) -> &'static str {
        "square"
    }
    fn dims(&self) -> Dims {
        Dims { theta: self.n, x: self.n + 1, rows: 0 }
    }
    fn workspace(&self) -> Result<Here> {
        if self.refuse {
            return Err(Error::Unsupported { who: "square", what: "a workspace" });
        }
        self.made.fetch_add(1, Ordering::SeqCst);
        Ok(Here { dropped: Arc::clone(&self.dropped), thread: PhantomData })
    }
    fn solve(&self, theta: &[f64], from: Option<&Solution>, _ws: &mut Here, out: &mut Solution) -> Result<SolveInfo> {
        assert!(theta[0] != 55.0, "fifty-five");
        if theta[0] > 100.0 {
            return Err(Error::Domain { what: "theta", value: theta[0], need: "at most 100" });
        }
        for (x, t) in out.x.iter_mut().zip(theta) {
            *x = t * t;
        }
        out.x[self.n] = -1.0;
        out.objective = from.map_or(1.0, |from| from.objective + 1.0);
        let status = if theta[0] < 0.0 { Status::Infeasible } else { Status::Optimal };
        Ok(SolveInfo { status, iterations: out.objective as usize, degenerate: false })
    }
}

impl DifferentiableSolver for Square {
    type Tape = Vec<f64>;
    fn tape(&self, theta: &[f64], _solution: &Solution, _ws: &mut Here, _info: &mut SolveInfo) -> Result<Vec<f64>> {
        Ok(theta.to_vec())
    }
    fn vjp(&self, tape: &Vec<f64>, cotangent: Cotangent<'_>, _u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        assert_eq!((cotangent.x.len(), cotangent.x[self.n]), (self.n + 1, 0.0));
        for ((g, t), c) in grad_theta.iter_mut().zip(tape).zip(cotangent.x) {
            *g = 2.0 * t * c;
        }
        Ok(())
    }
}

fn keys(n: usize) -> Vec<Key> {
    (0..n as u64).map(|id| Key { id, slot: 0 }).collect()
}

fn call(keys: &[Key], backward: bool) -> Call<'_> {
    Call { keys, stream: Stream::default(), backward }
}

fn square(threads: usize) -> Owned<Square> {
    Owned::new(Square { n: 2, ..Default::default() }, threads).unwrap().visible(2).unwrap()
}

fn batch(first: &[f64]) -> Batch {
    Batch::from_rows(&first.iter().map(|&t| [t, 3.0]).collect::<Vec<_>>()).unwrap()
}

#[test]
fn rows_come_back_in_order_and_unusable_ones_are_zero() {
    let decider = square(3);
    let first: Vec<f64> = (0..50).map(|i| if i == 7 { -1.0 } else { f64::from(i) }).collect();
    let out = decider.forward(&batch(&first), &call(&keys(50), false)).unwrap();
    assert_eq!((decider.dims().x, out.x.cols()), (2, 2));
    for (i, t) in first.iter().enumerate() {
        let expected = if i == 7 { [0.0, 0.0] } else { [t * t, 9.0] };
        assert_eq!(out.x.row(i), expected);
        assert_eq!(out.info[i].status.usable(), i != 7);
    }
    assert!(out.back.is_none());
}

/// d(t^2) = 2 t dt, hidden variables get no cotangent, unusable rows no gradient.
#[test]
fn the_pullback_applies_each_tape() {
    let decider = square(2);
    let out = decider.forward(&batch(&[5.0, -1.0, 2.0]), &call(&keys(3), true)).unwrap();
    let back = out.back.unwrap();
    let cotangent = Batch::from_rows(&[[1.0, 10.0]; 3]).unwrap();
    let expected = Batch::from_rows(&[[10.0, 60.0], [0.0, 0.0], [4.0, 60.0]]).unwrap();
    assert_eq!(back.pull(&cotangent).unwrap(), expected);
    assert!(matches!(back.pull(&Batch::zeros(3, 3)), Err(Error::Dimension { what: "cotangent", expected: 2, got: 3 })));
    assert!(matches!(back.pull(&Batch::zeros(2, 2)), Err(Error::Dimension { what: "cotangent rows", .. })));
    assert!(matches!(back.score_weights(&cotangent), Err(Error::Unsupported { who: "square", .. })));
}

#[test]
fn a_black_box_has_no_pullback() {
    let decider = Owned::new(NoGradient(Square { n: 2, ..Default::default() }), 2).unwrap();
    assert!(!decider.differentiable());
    let out = decider.forward(&batch(&[1.0]), &call(&keys(1), true)).unwrap();
    assert!(out.back.is_none());
    assert_eq!(out.x.row(0), [1.0, 9.0, -1.0]);
}

#[test]
fn the_error_of_the_lowest_row_is_returned() {
    let decider = square(4);
    let first: Vec<f64> = (0..200).map(|i| if i >= 60 { 101.0 + f64::from(i) } else { 1.0 }).collect();
    for _ in 0..20 {
        let error = decider.forward(&batch(&first), &call(&keys(200), false)).err().unwrap();
        assert!(matches!(&error, Error::Row { id: 60, source } if matches!(**source, Error::Domain { value: 161.0, .. })), "{error:?}");
    }
}

#[test]
fn malformed_batches_are_refused_before_any_row_is_solved() {
    let decider = square(1);
    let refuse = |thetas: &Batch, n: usize| decider.forward(thetas, &call(&keys(n), false)).err().unwrap().to_string();
    let nan = Batch::from_rows(&[[1.0, 1.0], [1.0, f64::NAN]]).unwrap();
    assert!(refuse(&nan, 2).starts_with("theta, row 1, column 1: NaN"));
    assert_eq!(refuse(&Batch::zeros(2, 3), 2), "theta: expected length 2, got 3");
    assert_eq!(refuse(&Batch::zeros(2, 2), 1), "keys: expected length 2, got 1");
}

#[test]
fn warm_starts_belong_to_keys_and_are_off_by_default() {
    let (cold, warm) = (square(2), square(2).warm_start(true));
    let solves = |decider: &Owned<Square>, keys: &[Key]| {
        let out = decider.forward(&batch(&vec![1.0; keys.len()]), &call(keys, false)).unwrap();
        out.info.iter().map(|i| i.iterations).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!(solves(&cold, &keys(3)), [1, 1, 1]);
    }
    assert_eq!(solves(&warm, &keys(2)), [1, 1]);
    assert_eq!(solves(&warm, &keys(3)), [2, 2, 1]);
    // One key twice in a batch: both start from what was there before it, whoever is first.
    let twice = [keys(3)[2], keys(3)[2]];
    assert_eq!(solves(&warm, &twice), [2, 2]);
    assert_eq!(solves(&warm, &[Key { id: 0, slot: 1 }]), [1]);
}

#[test]
fn workspaces_are_made_once_and_dropped_with_the_pool() {
    let (made, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let solver = Square { n: 2, made: Arc::clone(&made), dropped: Arc::clone(&dropped), ..Default::default() };
    let count = || (made.load(Ordering::SeqCst), dropped.load(Ordering::SeqCst));
    let decider = Owned::new(solver, 3).unwrap();
    assert_eq!(count(), (3, 0));
    for _ in 0..10 {
        decider.forward(&batch(&[1.0; 20]), &call(&keys(20), true)).unwrap();
    }
    assert_eq!(count(), (3, 0));
    drop(decider);
    assert_eq!(count(), (3, 3));
}

#[test]
fn an_empty_batch_is_no_special_case() {
    let decider = square(2);
    let out = decider.forward(&Batch::zeros(0, 2), &call(&[], true)).unwrap();
    assert_eq!(out.x.rows(), 0);
    assert_eq!(out.back.unwrap().pull(&Batch::zeros(0, 2)).unwrap().rows(), 0);
}

#[test]
fn a_pool_that_cannot_start_says_why() {
    let refused = Owned::new(Square { n: 2, refuse: true, ..Default::default() }, 4).err().unwrap();
    assert_eq!(refused.to_string(), "square does not offer a workspace");
    assert!(matches!(Owned::new(Square { n: 2, ..Default::default() }, 0), Err(Error::Domain { what: "threads", .. })));
    assert!(matches!(square(1).visible(4), Err(Error::Dimension { what: "visible variables", expected: 3, got: 4 })));
}

/// A panic is a bug: it reaches the caller, and the pool still answers and ends.
#[test]
fn a_panic_reaches_the_caller_and_the_pool_survives() {
    let decider = square(2);
    let first: Vec<f64> = (0..80).map(f64::from).collect();
    let solve = || decider.forward(&batch(&first), &call(&keys(80), false)).map(|out| out.x);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(solve)).unwrap_err();
    assert!(panic.downcast_ref::<&str>().is_some_and(|text| text.contains("fifty-five")) || panic.downcast_ref::<String>().is_some());
    let out = decider.forward(&batch(&first[..50]), &call(&keys(50), false)).unwrap();
    assert_eq!(out.x.row(49), [49.0 * 49.0, 9.0]);
}

/// Several callers share a pool: each gets its own rows.
#[test]
fn callers_from_several_threads_take_turns() {
    let decider = square(2);
    std::thread::scope(|scope| {
        for k in 0..4 {
            let decider = &decider;
            scope.spawn(move || {
                for _ in 0..50 {
                    let t = f64::from(k);
                    let out = decider.forward(&batch(&[t, t + 0.5]), &call(&keys(2), false)).unwrap();
                    assert_eq!((out.x.row(0)[0], out.x.row(1)[0]), (t * t, (t + 0.5) * (t + 0.5)));
                }
            });
        }
    });
}

#[cfg(feature = "highs")]
mod highs {
    use super::*;
    use dfl_core::{Csc, Entry, ParamMap, Program, Rng};
    use dfl_solvers::{Grid, Highs, HighsOptions, Kkt, ShortestPath};

    /// The shortest path on a grid as a linear program; its value has an exact oracle.
    fn path(grid: usize, integer: bool) -> NoGradient<Highs> {
        NoGradient(highs(grid, integer, HighsOptions::default()))
    }

    fn highs(grid: usize, integer: bool, options: HighsOptions) -> Highs {
        let arcs = arcs(grid);
        let triplets: Vec<_> = arcs.iter().enumerate().flat_map(|(k, &(from, to))| [(from, k, -1.0), (to, k, 1.0)]).collect();
        let mut balance = vec![0.0; grid * grid];
        (balance[0], balance[grid * grid - 1]) = (-1.0, 1.0);
        let a = Csc::from_triplets(grid * grid, arcs.len(), &triplets).unwrap();
        let n = arcs.len();
        let program = Program::linear(vec![0.0; n])
            .with_rows(a, balance.clone(), balance)
            .with_bounds(vec![0.0; n], vec![1.0; n])
            .with_integers(vec![integer; n]);
        Highs::new(program, ParamMap::costs(n), options).unwrap()
    }

    /// Arcs to the right of a row, then those down from it, as the generator of the benchmark orders them.
    fn arcs(grid: usize) -> Vec<(usize, usize)> {
        let mut arcs = Vec::new();
        for i in 0..grid {
            for j in 0..grid.saturating_sub(1) {
                arcs.push((i * grid + j, i * grid + j + 1));
            }
            if i + 1 < grid {
                for j in 0..grid {
                    arcs.push((i * grid + j, (i + 1) * grid + j));
                }
            }
        }
        arcs
    }

    /// Values by dynamic programming, in this file.
    fn shortest(grid: usize, cost: &[f64]) -> f64 {
        let mut at = vec![f64::INFINITY; grid * grid];
        at[0] = 0.0;
        let mut order: Vec<usize> = (0..cost.len()).collect();
        let arcs = arcs(grid);
        order.sort_by_key(|&k| arcs[k]);
        for k in order {
            let (from, to) = arcs[k];
            at[to] = at[to].min(at[from] + cost[k]);
        }
        at[grid * grid - 1]
    }

    fn costs(rows: usize, n: usize, seed: u64) -> Batch {
        let mut rng = Rng::seeded(seed);
        Batch::from_vec(rows, n, (0..rows * n).map(|_| rng.uniform() - 0.1).collect()).unwrap()
    }

    #[test]
    fn the_same_bits_for_1_2_and_8_threads() {
        for integer in [false, true] {
            let thetas = costs(200, 40, 1);
            let solve = |threads| {
                let decider = Owned::new(path(5, integer), threads).unwrap();
                let out = decider.forward(&thetas, &call(&keys(200), false)).unwrap();
                (out.x, out.objective, out.info)
            };
            let one = solve(1);
            assert_eq!(one, solve(2));
            assert_eq!(one, solve(8));
            for (theta, value) in thetas.iter().zip(&one.1) {
                assert!((value - shortest(5, theta)).abs() < 1e-9);
            }
        }
    }

    /// Thousands of solves on 8 threads, while other pools are made, used and dropped beside it. That the process also ends
    /// cleanly is seen by running this binary.
    #[test]
    fn pools_come_and_go_while_others_solve() {
        std::thread::scope(|scope| {
            let long = scope.spawn(|| {
                let decider = Owned::new(path(4, false), 8).unwrap();
                for epoch in 0..10 {
                    let thetas = costs(400, 24, epoch);
                    let out = decider.forward(&thetas, &call(&keys(400), false)).unwrap();
                    for (theta, value) in thetas.iter().zip(&out.objective) {
                        assert!((value - shortest(4, theta)).abs() < 1e-9);
                    }
                }
            });
            for k in 0..3 {
                scope.spawn(move || {
                    for round in 0..8 {
                        let decider = Owned::new(path(3, k == 0), 3).unwrap();
                        let thetas = costs(20, 12, 1000 * k + round);
                        let out = decider.forward(&thetas, &call(&keys(20), false)).unwrap();
                        for (theta, value) in thetas.iter().zip(&out.objective) {
                            assert!((value - shortest(3, theta)).abs() < 1e-9);
                        }
                    }
                });
            }
            long.join().unwrap();
        });
    }

    /// min -3x - 5y, 2y <= 12 + theta, 3x + 2y <= 18, x, y >= 0: y = 6 + theta/2, x = 2 - theta/3, so d(x + y) = dtheta / 6.
    #[test]
    fn the_derivative_of_a_linear_program_through_the_pool() {
        let a = Csc::from_triplets(2, 2, &[(0, 1, 2.0), (1, 0, 3.0), (1, 1, 2.0)]).unwrap();
        let program = Program::linear(vec![-3.0, -5.0])
            .with_rows(a, vec![f64::NEG_INFINITY; 2], vec![12.0, 18.0])
            .with_bounds(vec![0.0; 2], vec![f64::INFINITY; 2]);
        let params = ParamMap::new(1).link(Entry::RowUp(0), 0, 1.0);
        let decider = Owned::new(Kkt::new(Highs::new(program, params, HighsOptions::default()).unwrap()), 2).unwrap();
        let thetas = Batch::from_rows(&[[0.0], [1.5], [-3.0]]).unwrap();
        let out = decider.forward(&thetas, &call(&keys(3), true)).unwrap();
        let pulled = out.back.unwrap().pull(&Batch::from_rows(&[[1.0, 1.0]; 3]).unwrap()).unwrap();
        assert!(pulled.as_slice().iter().all(|g| (g - 1.0 / 6.0).abs() < 1e-12), "{pulled:?}");
    }

    /// Microseconds per solve of the 5x5 grid on one thread: `cargo test ... -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn time_of_the_grid() {
        for presolve in [true, false] {
            let solver = highs(5, false, HighsOptions { presolve: Some(presolve), ..Default::default() });
            println!("presolve {presolve}");
            let (mut ws, mut found) = (solver.workspace().unwrap(), vec![Solution::default(); 500]);
            for (what, seed, warm) in
                [("cold", 1, false), ("cold", 1, false), ("warm, same costs", 1, true), ("warm, other costs", 2, true)]
            {
                let thetas = costs(500, 40, seed);
                let (mut pivots, start) = (0, std::time::Instant::now());
                for (theta, out) in thetas.iter().zip(&mut found) {
                    let from = warm.then(|| out.clone());
                    pivots += solver.solve(theta, from.as_ref(), &mut ws, out).unwrap().iterations;
                }
                println!("{what}: {:.0} us, {:.1} pivots", start.elapsed().as_secs_f64() * 1e6 / 500.0, pivots as f64 / 500.0);
            }
        }
    }

    /// Two solvers of the same problem: the exact oracle and HiGHS through the pool.
    #[test]
    fn the_exact_oracle_and_highs_agree_in_value() {
        let grid = Grid::new(5, 5).unwrap();
        let oracle = ShortestPath::new(grid);
        let decider = Owned::new(path(5, false), 2).unwrap().warm_start(true);
        for epoch in 0..3 {
            let thetas = costs(100, 40, 77 + epoch);
            let out = decider.forward(&thetas, &call(&keys(100), false)).unwrap();
            let (mut ws, mut exact) = (oracle.workspace().unwrap(), Solution::zeros(40, 0));
            for (theta, value) in thetas.iter().zip(&out.objective) {
                oracle.solve(theta, None, &mut ws, &mut exact).unwrap();
                assert!((value - exact.objective).abs() < 1e-9);
            }
        }
    }
}
