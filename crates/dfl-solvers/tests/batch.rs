//! The layer between one instance and a batch: counters, named errors, masked rows, the solution cache.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dfl_core::testkit::check_masking;
use dfl_core::{
    Adjoint, Batch, Call, Cotangent, Counters, Counts, Csc, Decider, DifferentiableSolver, Dims, Entry, Error, Key, NoGradient, ParamMap,
    Pool, Program, Result, Rng, Solution, SolveInfo, Solver, Status, Stream,
};
use dfl_solvers::{
    ActiveSet, ActiveSetOptions, Barrier, BarrierOptions, Batched, Cached, Counted, Grid, Kkt, Owned, Perturbed, PerturbedOptions,
    ShortestPath,
};

/// x = theta; the first entry also says how the row ends: below 0 infeasible, 50 to 100 inexact, 100 and more an error, 1000 and more an error of the tape,
/// 10,000 and more one of the backward pass. Each backward pass takes two steps of refinement, each odd row is degenerate.
struct Echo;

fn fail(value: f64) -> Error {
    Error::Domain { what: "theta", value, need: "below 100" }
}

impl Solver for Echo {
    type Workspace = ();
    fn name(&self) -> &'static str {
        "echo"
    }
    fn dims(&self) -> Dims {
        Dims { theta: 2, x: 2, rows: 0 }
    }
    fn workspace(&self) -> Result<()> {
        Ok(())
    }
    fn solve(&self, theta: &[f64], from: Option<&Solution>, _ws: &mut (), out: &mut Solution) -> Result<SolveInfo> {
        if (100.0..1000.0).contains(&theta[0]) {
            return Err(fail(theta[0]));
        }
        out.x.copy_from_slice(theta);
        let status = match theta[0] {
            t if t < 0.0 => Status::Infeasible,
            t if t >= 50.0 => Status::Inexact { residual: 0.1 },
            _ => Status::Optimal,
        };
        let iterations = if from.is_some() { 1 } else { 5 };
        Ok(SolveInfo { status, iterations, degenerate: theta[0] % 2.0 == 1.0 })
    }
}

impl DifferentiableSolver for Echo {
    type Tape = f64;
    fn tape(&self, theta: &[f64], _solution: &Solution, _ws: &mut (), _info: &mut SolveInfo) -> Result<f64> {
        if (1000.0..10_000.0).contains(&theta[0]) { Err(fail(theta[0])) } else { Ok(theta[0]) }
    }
    fn vjp(&self, tape: &f64, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        if *tape >= 10_000.0 {
            return Err(fail(*tape));
        }
        u.refinements = 2;
        grad_theta.copy_from_slice(cotangent.x);
        Ok(())
    }
}

fn keys(n: u64) -> Vec<Key> {
    (0..n).map(|id| Key { id: id + 10, slot: 0 }).collect()
}

fn call(keys: &[Key]) -> Call<'_> {
    Call { keys, stream: Stream { seed: 4, step: 1 }, backward: true }
}

fn rows(first: &[f64]) -> Batch {
    Batch::from_rows(&first.iter().map(|&t| [t, 0.5]).collect::<Vec<_>>()).unwrap()
}

/// Both adapters over the same solver, counted together.
fn both(counters: &Arc<Counters>, warm: bool) -> [Box<dyn Decider>; 2] {
    let batched = Batched::new(Echo).warm_start(warm).counted(Arc::clone(counters));
    let owned = Owned::new(Echo, 3).unwrap().warm_start(warm).counted(Arc::clone(counters));
    [Box::new(batched), Box::new(owned)]
}

#[test]
fn every_row_is_counted_once() {
    let counters = Arc::new(Counters::default());
    let thetas = rows(&[0.0, 1.0, -1.0, 3.0, 4.0]);
    let once = Counts { solves: 5, iterations: 25, degenerate: 2, infeasible: 1, pullbacks: 4, refinements: 8, ..Counts::default() };
    for decider in both(&counters, false) {
        let before = counters.snapshot();
        let found = decider.forward(&thetas, &call(&keys(5))).unwrap();
        found.back.unwrap().pull(&thetas).unwrap();
        assert_eq!(counters.snapshot().since(before), once);
    }
    assert_eq!(counters.snapshot().solves, 10);
    assert_eq!(once.to_string(), "5 solves, 25 iterations, 2 degenerate, 1 infeasible, 4 pulled back, 8 refinements");
}

#[test]
fn warm_starts_are_counted() {
    let counters = Arc::new(Counters::default());
    for decider in both(&counters, true) {
        let before = counters.snapshot();
        let forward = |first: &[f64]| {
            let before = counters.snapshot();
            decider.forward(&rows(first), &call(&keys(first.len() as u64))).unwrap();
            counters.snapshot().since(before)
        };
        assert_eq!(forward(&[0.0, -1.0, 2.0]).warm_starts, 0);
        // The infeasible row left nothing to begin from, and the last is new.
        let second = forward(&[0.0, 0.0, 2.0, 2.0]);
        assert_eq!((second.warm_starts, second.iterations), (2, 1 + 5 + 1 + 5));
        assert_eq!(counters.snapshot().since(before).solves, 7);
    }
}

/// Totals are the same for any number of threads, on a real solver with iterations and refinements of its own.
#[test]
fn totals_do_not_depend_on_threads() {
    let grid = Grid::new(4, 4).unwrap();
    let mut rng = Rng::seeded(3);
    let thetas = Batch::from_vec(40, grid.arcs(), (0..40 * grid.arcs()).map(|_| rng.normal()).collect()).unwrap();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let counters = Arc::new(Counters::default());
            let solver = Barrier::new(grid.program(), ParamMap::costs(grid.arcs()), Default::default()).unwrap();
            let decider = Batched::new(solver).counted(Arc::clone(&counters));
            let found = decider.forward(&thetas, &call(&keys(40))).unwrap();
            found.back.unwrap().pull(&found.x).unwrap();
            counters.snapshot()
        })
    };
    let one = run(1);
    assert!(one.iterations > 40 && one.pullbacks == 40 && one.refinements > 0, "{one}");
    assert_eq!(run(2), one);
    assert_eq!(run(8), one);
}

/// Takes its time at a cost of 0, and else waits for another row to be solved beside it: `x` says whether there was one.
#[derive(Default)]
struct Meeting(AtomicUsize);

impl Solver for Meeting {
    type Workspace = ();
    fn name(&self) -> &'static str {
        "meeting"
    }
    fn dims(&self) -> Dims {
        Dims { theta: 1, x: 1, rows: 0 }
    }
    fn workspace(&self) -> Result<()> {
        Ok(())
    }
    fn solve(&self, theta: &[f64], _from: Option<&Solution>, _ws: &mut (), out: &mut Solution) -> Result<SolveInfo> {
        let begin = Instant::now();
        if theta[0] == 0.0 {
            std::thread::sleep(Duration::from_millis(2));
        } else {
            self.0.fetch_add(1, Ordering::SeqCst);
            while self.0.load(Ordering::SeqCst) < 2 && begin.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        out.x[0] = self.0.load(Ordering::SeqCst) as f64;
        Ok(SolveInfo { status: Status::Optimal, iterations: 1, degenerate: false })
    }
}

/// Once rows were slow, no thread makes the others wait for its first one.
#[test]
fn slow_rows_are_solved_side_by_side() {
    let decider = Batched::new(NoGradient(Meeting::default()));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let solve = |rows: &[[f64; 1]]| decider.forward(&Batch::from_rows(rows).unwrap(), &call(&keys(rows.len() as u64))).unwrap().x;
    pool.install(|| {
        solve(&[[0.0]]);
        assert_eq!(solve(&[[1.0], [1.0]]).as_slice(), [2.0, 2.0]);
    });
}

#[test]
fn any_decider_can_be_counted() {
    let counters = Arc::new(Counters::default());
    let decider = Counted::new(Batched::new(Echo), Arc::clone(&counters));
    let thetas = rows(&[0.0, -1.0, 3.0]);
    let found = decider.forward(&thetas, &call(&keys(3))).unwrap();
    assert_eq!(found.back.unwrap().pull(&thetas).unwrap().row(2), [3.0, 0.5]);
    let expected = Counts { solves: 3, iterations: 15, degenerate: 1, infeasible: 1, pullbacks: 2, ..Counts::default() };
    assert_eq!(counters.snapshot(), expected);
}

/// The lowest bad row, by its id, from every part of a solve; a batch that failed is not counted.
#[test]
fn an_error_names_its_row() {
    let counters = Arc::new(Counters::default());
    for decider in both(&counters, false) {
        let before = counters.snapshot();
        for bad in [161.0, 1161.0] {
            let first: Vec<f64> = (0..90).map(|i| if i >= 60 { bad + f64::from(i - 60) } else { 1.0 }).collect();
            let error = decider.forward(&rows(&first), &call(&keys(90))).err().unwrap();
            assert!(
                matches!(&error, Error::Row { id: 70, source } if matches!(**source, Error::Domain { value, .. } if value == bad)),
                "{error}"
            );
            assert_eq!(error.to_string(), "instance 70 could not be solved or differentiated");
        }
        assert_eq!(counters.snapshot(), before);
        let found = decider.forward(&rows(&[1.0, 20_000.0, 30_000.0]), &call(&keys(3))).unwrap();
        let error = found.back.unwrap().pull(&rows(&[1.0; 3])).unwrap_err();
        assert!(matches!(error, Error::Row { id: 11, .. }), "{error}");
        let counted = counters.snapshot().since(before);
        assert_eq!((counted.solves, counted.pullbacks), (3, 0));
    }
}

const NONE: f64 = f64::INFINITY;

/// `min 1/2 |x|^2 - x1` on the unit box with `x1 + x2 = theta1` and `x2 <= theta2`.
fn balance() -> (Program, ParamMap) {
    let a = Csc::from_triplets(2, 2, &[(0, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0)]).unwrap();
    let program = Program::linear(vec![-1.0, 0.0])
        .with_quadratic(Csc::diagonal(&[1.0, 1.0]))
        .with_rows(a, vec![0.0, -NONE], vec![0.0, 0.0])
        .with_bounds(vec![0.0; 2], vec![1.0; 2]);
    (program, ParamMap::new(2).rhs(0, 0, 1.0).link(Entry::RowUp(1), 1, 1.0))
}

fn program_deciders((program, params): (Program, ParamMap)) -> Vec<Box<dyn Decider>> {
    let active = || ActiveSet::new(program.clone(), params.clone(), Default::default()).unwrap();
    let barrier = || Barrier::new(program.clone(), params.clone(), BarrierOptions { mu: 0.1, ..Default::default() }).unwrap();
    vec![
        Box::new(Batched::new(Kkt::new(active()))),
        Box::new(Owned::new(Kkt::new(active()), 2).unwrap()),
        Box::new(Batched::new(NoGradient(active()))),
        Box::new(Batched::new(barrier())),
        Box::new(Counted::new(Batched::new(barrier()), Arc::default())),
        #[cfg(feature = "osqp")]
        Box::new(Batched::new(Kkt::new(dfl_solvers::Osqp::new(program.clone(), params.clone(), Default::default()).unwrap()))),
    ]
}

#[test]
fn an_infeasible_row_leaves_the_others_alone() {
    let thetas = Batch::from_rows(&[[0.8, 0.7], [1.1, 0.5], [0.3, 0.9], [1.4, 0.8]]).unwrap();
    for decider in program_deciders(balance()) {
        // More than the box holds; and bounds of x2 that leave no room.
        assert_eq!(check_masking(&*decider, &thetas, &[2.5, 0.5]), Status::Infeasible);
        assert_eq!(check_masking(&*decider, &thetas, &[0.5, -0.5]), Status::Infeasible);
    }
}

#[test]
fn an_unbounded_row_leaves_the_others_alone() {
    let program = Program::linear(vec![0.0; 2]).with_bounds(vec![0.0; 2], vec![NONE, 1.0]);
    let thetas = Batch::from_rows(&[[0.8, -0.7], [1.1, 0.5], [0.3, 0.9]]).unwrap();
    for decider in program_deciders((program.clone(), ParamMap::costs(2))) {
        assert_eq!(check_masking(&*decider, &thetas, &[-1.0, 0.5]), Status::Unbounded);
    }
    let exact = || Batched::new(NoGradient(ActiveSet::new(program.clone(), ParamMap::costs(2), Default::default()).unwrap()));
    let noisy = Perturbed::new(exact(), PerturbedOptions { sigma: 0.01, ..Default::default() }).unwrap();
    assert_eq!(check_masking(&noisy, &thetas, &[-1.0, 0.5]), Status::Unbounded);
    let pool = Arc::new(Pool::new(&Batch::from_rows(&[[0.0, 0.0], [0.0, 1.0]]).unwrap()).unwrap());
    let cached = Cached::new(exact(), Arc::clone(&pool), 1.0).unwrap();
    assert_eq!(check_masking(&cached, &thetas, &[-1.0, 0.5]), Status::Unbounded);
    assert_eq!(pool.snapshot().rows(), 2, "a row without an answer adds nothing");
}

/// Rows that need no step, and one that needs more than allowed.
#[test]
fn a_row_at_its_limit_leaves_the_others_alone() {
    let program = Program::linear(vec![0.0; 3]).with_quadratic(Csc::diagonal(&[1.0; 3])).with_bounds(vec![-1.0; 3], vec![1.0; 3]);
    let thetas = Batch::from_rows(&[[0.1, 0.2, 0.3], [-0.5, 0.5, 0.0], [0.9, 0.0, -0.4]]).unwrap();
    let active = ActiveSet::new(program.clone(), ParamMap::costs(3), ActiveSetOptions { iterations: 1, ..Default::default() }).unwrap();
    assert_eq!(check_masking(&Batched::new(Kkt::new(active)), &thetas, &[5.0, -5.0, 5.0]), Status::Limit);
    let easy = Barrier::new(program.clone(), ParamMap::costs(3), Default::default()).unwrap();
    let needs = |theta: &[f64]| easy.solve(theta, None, &mut easy.workspace().unwrap(), &mut Solution::default()).unwrap().iterations;
    let (least, hard) = (thetas.iter().map(needs).max().unwrap(), [30.0, -20.0, 7.0]);
    assert!(needs(&hard) > least, "{} against {least}", needs(&hard));
    let hurried = Barrier::new(program, ParamMap::costs(3), BarrierOptions { iterations: least, ..Default::default() }).unwrap();
    assert_eq!(check_masking(&Batched::new(hurried), &thetas, &hard), Status::Limit);
}

fn grid() -> Grid {
    Grid::new(4, 4).unwrap()
}

fn paths() -> Batched<NoGradient<ShortestPath>> {
    Batched::new(NoGradient(ShortestPath::new(grid())))
}

fn costs(rows: usize, seed: u64) -> Batch {
    let mut rng = Rng::seeded(seed);
    Batch::from_vec(rows, grid().arcs(), (0..rows * grid().arcs()).map(|_| rng.uniform()).collect()).unwrap()
}

fn pool_of(thetas: &Batch) -> Arc<Pool> {
    Arc::new(Pool::new(&paths().forward(thetas, &call(&keys(thetas.rows() as u64))).unwrap().x).unwrap())
}

fn value(w: &[f64], c: &[f64]) -> f64 {
    w.iter().zip(c).map(|(w, c)| w * c).sum()
}

#[test]
fn without_solves_the_best_of_the_pool_is_taken() {
    let (pool, thetas) = (pool_of(&costs(6, 1)), costs(30, 2));
    let counters = Arc::new(Counters::default());
    let cached = Cached::new(paths(), Arc::clone(&pool), 0.0).unwrap().counted(Arc::clone(&counters));
    let found = cached.forward(&thetas, &call(&keys(30))).unwrap();
    let decisions = pool.snapshot();
    for (i, theta) in thetas.iter().enumerate() {
        let least = decisions.iter().map(|w| value(w, theta)).fold(NONE, f64::min);
        assert_eq!((value(found.x.row(i), theta), found.objective[i]), (least, least));
        assert_eq!(found.info[i].status, Status::Feasible { gap: NONE });
    }
    assert!(found.back.is_none() && !cached.differentiable());
    assert_eq!(counters.snapshot(), Counts { cache_hits: 30, ..Counts::default() });
    assert_eq!(pool.snapshot(), decisions);
}

#[test]
fn with_a_ratio_of_one_every_row_is_solved() {
    let (pool, thetas) = (pool_of(&costs(2, 1)), costs(30, 2));
    let before = pool.snapshot().rows();
    let (cached, oracle, keys) = (Cached::new(paths(), Arc::clone(&pool), 1.0).unwrap(), paths(), keys(30));
    let (found, exact) = (cached.forward(&thetas, &call(&keys)).unwrap(), oracle.forward(&thetas, &call(&keys)).unwrap());
    assert!(found.x == exact.x && found.objective == exact.objective && found.info == exact.info);
    let after = pool.snapshot();
    assert!(after.rows() > before, "new paths join the pool");
    assert!(exact.x.iter().all(|x| after.iter().any(|w| w == x)));
}

#[test]
fn only_feasible_decisions_join_the_pool() {
    let pool = Arc::new(Pool::new(&rows(&[0.0])).unwrap());
    let cached = Cached::new(Batched::new(NoGradient(Echo)), Arc::clone(&pool), 1.0).unwrap();
    let found = cached.forward(&rows(&[2.0, -1.0, 60.0, 3.0]), &call(&keys(4))).unwrap();
    assert_eq!(found.info[2].status, Status::Inexact { residual: 0.1 });
    assert_eq!(*pool.snapshot(), rows(&[0.0, 2.0, 3.0]));
}

/// The share that is solved, over 2000 rows: 0.3 within four standard errors of 0.0102; the coin is the key's, so batches may be cut anywhere.
#[test]
fn the_ratio_is_drawn_by_key() {
    let (labels, thetas) = (costs(5, 1), costs(2000, 2));
    let counters = Arc::new(Counters::default());
    let cached = |counters: &Arc<Counters>| -> Cached<Batched<NoGradient<ShortestPath>>> {
        Cached::new(paths().counted(Arc::clone(counters)), pool_of(&labels), 0.3).unwrap().counted(Arc::clone(counters))
    };
    let all = keys(2000);
    let whole = cached(&counters).forward(&thetas, &call(&all)).unwrap().info;
    let Counts { solves, cache_hits, .. } = counters.snapshot();
    assert_eq!(solves + cache_hits, 2000);
    assert!((solves as f64 / 2000.0 - 0.3).abs() < 0.041, "{solves} of 2000");
    let halves = cached(&Arc::default());
    for part in [0..700, 700..2000] {
        let index: Vec<usize> = part.clone().collect();
        let info = halves.forward(&thetas.select(&index), &call(&all[part.clone()])).unwrap().info;
        assert!(info.iter().zip(&whole[part]).all(|(a, b)| a.status == b.status));
    }
}

/// A row sees the pool of before its batch; what a batch found serves the next, in the order of rows, for any number of threads.
#[test]
fn new_decisions_join_after_the_batch_in_row_order() {
    let (labels, thetas) = (costs(1, 1), costs(200, 2));
    let run = |threads: usize| {
        let workers = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        workers.install(|| {
            let pool = pool_of(&labels);
            let cached = Cached::new(paths(), Arc::clone(&pool), 0.5).unwrap();
            let forward = || cached.forward(&thetas, &call(&keys(200))).unwrap();
            let (first, second) = (forward(), forward());
            (first.x, second.x, pool.snapshot())
        })
    };
    let (first, second, pool) = run(1);
    let exact = paths().forward(&thetas, &call(&keys(200))).unwrap().x;
    let label = paths().forward(&labels, &call(&keys(1))).unwrap().x;
    assert!(first.iter().zip(exact.iter()).all(|(x, best)| x == best || x == label.row(0)), "only the label was in the pool");
    assert!(second != first, "the pool has grown");
    let mut order: Vec<&[f64]> = vec![label.row(0)];
    for x in first.iter() {
        if !order.contains(&x) {
            order.push(x);
        }
    }
    assert!(pool.iter().eq(order), "the pool is in the order of rows");
    for threads in [2, 8] {
        assert!(run(threads) == (first.clone(), second.clone(), Arc::clone(&pool)), "{threads} threads");
    }
}

#[test]
fn bad_caches_are_refused() {
    let pool = pool_of(&costs(2, 1));
    for ratio in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(Cached::new(paths(), Arc::clone(&pool), ratio), Err(Error::Domain { what: "solve ratio", .. })));
    }
    let other = Arc::new(Pool::new(&Batch::zeros(1, 3)).unwrap());
    assert!(matches!(Cached::new(paths(), other, 0.5), Err(Error::Dimension { what: "decision of the pool", .. })));
}
