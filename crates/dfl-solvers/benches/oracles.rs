//! One solve by each exact oracle, on costs as PyEPO generates them (5 features, degree 6, noise 1/2) and on probes of SPO+, `2 pred - truth`
//! with a linear prediction: the mean by criterion, and before it the median and the worst of 1000 instances.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::print_stdout, reason = "quantiles, which criterion does not report")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use dfl_core::{Batch, Rng, Solution, Solver};
use dfl_solvers::{Grid, Knapsack, KnapsackOptions, KnapsackProblem, ShortestPath, TopK};

const INSTANCES: usize = 1000;
const FEATURES: usize = 5;
const DEGREE: i32 = 6;

/// True values and predictions, one row per instance: `height ((t + 3)^6 + 1) / 3.5^6`, times noise, with `t` linear in the features; and
/// its tangent at `t = 0`.
struct Data {
    truth: Vec<Vec<f64>>,
    pred: Vec<Vec<f64>>,
}

impl Data {
    fn draw(len: usize, height: f64, rng: &mut Rng) -> Self {
        let mask: Vec<f64> = (0..len * FEATURES).map(|_| rng.below(2) as f64).collect();
        let scale = height / 3.5_f64.powi(DEGREE);
        let mut data = Self { truth: Vec::new(), pred: Vec::new() };
        for _ in 0..INSTANCES {
            let x: Vec<f64> = (0..FEATURES).map(|_| rng.normal()).collect();
            let t = |j: usize| (0..FEATURES).map(|k| mask[j * FEATURES + k] * x[k]).sum::<f64>() / (FEATURES as f64).sqrt();
            data.pred.push((0..len).map(|j| scale * (3.0_f64.powi(DEGREE - 1) * (3.0 + f64::from(DEGREE) * t(j)) + 1.0)).collect());
            data.truth.push((0..len).map(|j| scale * ((t(j) + 3.0).powi(DEGREE) + 1.0) * (0.5 + rng.uniform())).collect());
        }
        data
    }

    fn rounded_up(mut self) -> Self {
        self.truth.iter_mut().flatten().for_each(|v| *v = v.ceil());
        self
    }

    /// What a maximising task minimises.
    fn negated(mut self) -> Self {
        self.truth.iter_mut().chain(&mut self.pred).flatten().for_each(|v| *v = -*v);
        self
    }

    fn probes(&self) -> Vec<Vec<f64>> {
        let probe = |(pred, truth): (&Vec<f64>, &Vec<f64>)| pred.iter().zip(truth).map(|(p, y)| 2.0 * p - y).collect();
        self.pred.iter().zip(&self.truth).map(probe).collect()
    }
}

/// Times one oracle on both kinds of costs.
fn oracle<S: Solver>(c: &mut Criterion, name: &str, solver: &S, data: &Data) {
    let (mut ws, mut out) = (solver.workspace().expect("enough memory"), Solution::default());
    let mut solve = |theta: &[f64]| {
        let info = solver.solve(black_box(theta), None, &mut ws, &mut out).expect("well-formed input");
        black_box((info, &out));
    };
    for (kind, thetas) in [("truth", &data.truth), ("probe", &data.probes())] {
        report(&format!("{name}, {kind}"), thetas, &mut solve);
        let mut next = thetas.iter().cycle();
        c.bench_function(&format!("{name}, {kind}"), |b| b.iter(|| solve(next.next().expect("endless"))));
    }
}

/// The fastest of three solves of each instance.
fn report(name: &str, thetas: &[Vec<f64>], mut solve: impl FnMut(&[f64])) {
    let mut timed = |theta: &Vec<f64>| {
        let begin = Instant::now();
        solve(theta);
        begin.elapsed()
    };
    let mut times: Vec<Duration> = thetas.iter().map(|theta| (0..3).map(|_| timed(theta)).min().unwrap_or_default()).collect();
    times.sort_unstable();
    println!("{name}: median {:?}, worst {:?} of {}", times[times.len() / 2], times[times.len() - 1], times.len());
}

/// Weights in hundredths between 3 and 8 in two rows, half of each row's sum as the capacity.
fn knapsack(items: usize, rng: &mut Rng) -> Knapsack {
    let weights: Vec<f64> = (0..2 * items).map(|_| (300 + rng.below(500)) as f64 / 100.0).collect();
    let capacity = weights.chunks(items).map(|row| 0.5 * row.iter().sum::<f64>()).collect();
    let weights = Batch::from_vec(2, items, weights).expect("two rows");
    Knapsack::new(KnapsackProblem::new(weights, capacity).expect("a problem"), KnapsackOptions::default())
}

fn bench(c: &mut Criterion) {
    let mut rng = Rng::seeded(1);
    for size in [5, 10] {
        let grid = Grid::new(size, size).expect("enough nodes");
        let data = Data::draw(grid.arcs(), 1.0, &mut rng);
        oracle(c, &format!("path {size}x{size}"), &ShortestPath::new(grid), &data);
    }
    let data = Data::draw(100, 5.0, &mut rng).negated();
    oracle(c, "top 10 of 100", &TopK::new(100, 10).expect("fewer than there are"), &data);
    for items in [10, 20, 40] {
        let solver = knapsack(items, &mut rng);
        let data = Data::draw(items, 5.0, &mut rng).rounded_up().negated();
        oracle(c, &format!("knapsack {items}x2"), &solver, &data);
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
