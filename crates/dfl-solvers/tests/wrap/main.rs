//! Deciders that give a black box a backward, and the solution cache.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod cache;
mod difference;
mod frank_wolfe;
mod identity;
mod imle;
mod perturbed;
mod pyepo;
mod sampled_costs;

use dfl_core::{Batch, Call, Decider, Dims, Key, NoGradient, Result, Rng, Solution, SolveInfo, Solver, Status, Stream};
use dfl_solvers::{Batched, Grid, ShortestPath};

/// The cheapest of given points, the first of equals; a cost below -1000 has none.
#[derive(Clone)]
struct Cheapest {
    points: Batch,
}

impl Solver for Cheapest {
    type Workspace = ();
    fn name(&self) -> &'static str {
        "cheapest"
    }
    fn dims(&self) -> Dims {
        Dims { theta: self.points.cols(), x: self.points.cols(), rows: 0 }
    }
    fn workspace(&self) -> Result<()> {
        Ok(())
    }
    fn solve(&self, theta: &[f64], _from: Option<&Solution>, _ws: &mut (), out: &mut Solution) -> Result<SolveInfo> {
        let values: Vec<f64> = self.points.iter().map(|x| value(x, theta)).collect();
        out.objective = values.iter().copied().fold(f64::INFINITY, f64::min);
        out.x = self.points.row(values.iter().position(|&v| v == out.objective).unwrap()).to_vec();
        let status = if theta.iter().any(|&t| t < -1000.0) { Status::Unbounded } else { Status::Optimal };
        Ok(SolveInfo { status, iterations: 1, degenerate: false })
    }
}

fn cheapest<R: AsRef<[f64]>>(points: &[R]) -> Batched<NoGradient<Cheapest>> {
    Batched::new(NoGradient(Cheapest { points: Batch::from_rows(points).unwrap() }))
}

/// One of `n` items.
fn items(n: usize) -> Batched<NoGradient<Cheapest>> {
    let units: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    cheapest(&units)
}

fn paths(height: usize, width: usize) -> Batched<NoGradient<ShortestPath>> {
    Batched::new(NoGradient(ShortestPath::new(Grid::new(height, width).unwrap())))
}

fn value(x: &[f64], c: &[f64]) -> f64 {
    x.iter().zip(c).map(|(x, c)| x * c).sum()
}

fn keys(n: usize) -> Vec<Key> {
    (0..n as u64).map(|id| Key { id, slot: 0 }).collect()
}

fn call(keys: &[Key]) -> Call<'_> {
    Call { keys, stream: Stream { seed: 4, step: 1 }, backward: true }
}

fn normal(rows: usize, cols: usize, seed: u64) -> Batch {
    let mut rng = Rng::seeded(seed);
    Batch::from_vec(rows, cols, (0..rows * cols).map(|_| rng.normal()).collect()).unwrap()
}

/// Decisions, and the cotangents pulled back.
fn both(decider: &dyn Decider, thetas: &Batch, cotangent: &Batch) -> (Batch, Batch) {
    let keys = keys(thetas.rows());
    let found = decider.forward(thetas, &call(&keys)).unwrap();
    let pulled = found.back.unwrap().pull(cotangent).unwrap();
    (found.x, pulled)
}
