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
use tours::{KINDS, instances};

const INSTANCES: usize = 100;

/// One number of nodes, by the method of the default options or always by branch and bound.
struct Case {
    nodes: usize,
    dynamic: usize,
}

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
    let default = TourOptions::default().dynamic;
    let searched = [8, 11, 13, 15, 16, 17].map(|nodes| Case { nodes, dynamic: 0 });
    let cases = [5, 8, 11, 13, 15, 16, 17, 20, 25].map(|nodes| Case { nodes, dynamic: 17.max(default) });
    for Case { nodes, dynamic } in cases.into_iter().chain(searched) {
        let tour = Tour::new(nodes).expect("enough nodes");
        let solver = ShortestTour::new(tour, TourOptions { dynamic, ..Default::default() }).expect("valid options");
        let mut memory = (solver.workspace().expect("enough memory"), Solution::default());
        for kind in KINDS {
            let thetas = instances(tour, kind, INSTANCES, &mut Rng::seeded(nodes as u64));
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
