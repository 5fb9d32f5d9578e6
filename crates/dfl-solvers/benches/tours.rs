//! Shortest tours over 100 instances of each size and kind of costs: the time of one solve, and before that, since they differ, the median
//! and the worst of the instances, with nodes of branch and bound.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::print_stdout, reason = "a median over instances is not what criterion measures")]

#[path = "../tests/support/tours.rs"]
mod tours;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use dfl_core::{Rng, Solution, SolveInfo, Solver};
use dfl_solvers::{ShortestTour, Tour, TourOptions, TourWorkspace};
use tours::{KINDS, costs};

const INSTANCES: usize = 100;

fn solve(solver: &ShortestTour, theta: &[f64], (ws, out): &mut (TourWorkspace, Solution)) -> SolveInfo {
    solver.solve(black_box(theta), None, ws, out).expect("well-formed input")
}

/// The fastest of three solves of each instance.
fn report(name: &str, solver: &ShortestTour, thetas: &[Vec<f64>], memory: &mut (TourWorkspace, Solution)) {
    let mut time = |theta: &Vec<f64>| {
        let one = |_| {
            let begin = Instant::now();
            let info = solve(solver, theta, memory);
            (begin.elapsed(), info.iterations)
        };
        (0..3).map(one).min().expect("three of them")
    };
    let mut all: Vec<(Duration, usize)> = thetas.iter().map(&mut time).collect();
    all.sort_unstable();
    let ((median, nodes), (worst, most)) = (all[all.len() / 2], all[all.len() - 1]);
    println!("{name}: median {median:.1?} ({nodes} nodes), worst {worst:.1?} ({most} nodes)");
}

fn bench(c: &mut Criterion) {
    // As by default, and each method on the other's side of where they change.
    let default = TourOptions::default().dynamic;
    let chosen = [5, 8, 11, 13, 15, 20, 25].map(|nodes| (nodes, default));
    for (nodes, dynamic) in chosen.into_iter().chain([(15, 15), (11, 0), (13, 0)]) {
        let tour = Tour::new(nodes).expect("enough nodes");
        let solver = ShortestTour::new(tour, TourOptions { dynamic, ..Default::default() }).expect("valid options");
        let mut memory = (solver.workspace().expect("enough memory"), Solution::default());
        for kind in KINDS {
            let mut rng = Rng::seeded(nodes as u64);
            let thetas: Vec<Vec<f64>> = (0..INSTANCES).map(|_| costs(tour, kind, &mut rng)).collect();
            let method = if nodes <= dynamic { "dynamic program" } else { "branch and bound" };
            let name = format!("{nodes} nodes, {kind:?}, {method}");
            report(&name, &solver, &thetas, &mut memory);
            let mut next = thetas.iter().cycle();
            c.bench_function(&name, |b| b.iter(|| solve(&solver, next.next().expect("a cycle does not end"), &mut memory)));
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = bench
}
criterion_main!(benches);
