//! Kernels whose instructions are counted under callgrind: `kernels NAME RUNS`, `--list` their names, `--features` the processor's.
//!
//! Deterministic and silent; a run more costs one run of the kernel and nothing else, so that two counts of runs tell what one costs.
#![allow(clippy::print_stdout, reason = "lists are printed for whoever counts")]

use std::hint::black_box;

use dfl_core::testkit::dense_qp;
use dfl_core::{Adjoint, Cotangent, Csc, DifferentiableSolver, ParamMap, Program, Rng, Solution, Solver};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Grid, Kkt, Separable, SeparableOptions, ShortestPath};

/// Instances of a kernel, solved one after the other in one run.
const INSTANCES: usize = 8;

/// A run of a kernel.
type Run = Box<dyn FnMut()>;

/// Prepares a kernel.
type Make = fn() -> Run;

const KERNELS: &[(&str, Make)] = &[
    ("active_set_cold_n24_m96", || active_set(24, 96, false)),
    ("active_set_cold_n50_m100", || active_set(50, 100, false)),
    ("active_set_warm_n24_m96", || active_set(24, 96, true)),
    ("active_set_warm_n50_m100", || active_set(50, 100, true)),
    ("active_set_backward_n24_m96", || differentiating_dense(24, 96, |solver| solver)),
    ("active_set_backward_n50_m100", || differentiating_dense(50, 100, |solver| solver)),
    ("kkt_backward_n24_m96", || differentiating_dense(24, 96, Kkt::new)),
    ("kkt_backward_n50_m100", || differentiating_dense(50, 100, Kkt::new)),
    ("layer_power24", power),
    ("layer_sp10x10", smoothed_path),
    ("shortest_path_10x10", shortest_path),
];

/// Runs `S` on costs, from earlier answers if there are any.
fn solving<S: Solver<Workspace: 'static> + 'static>(solver: S, costs: Vec<Vec<f64>>, from: Vec<Option<Solution>>) -> Run {
    let (mut ws, mut out) = (solver.workspace().expect("enough memory"), Solution::zeros(solver.dims().x, solver.dims().rows));
    Box::new(move || {
        for (cost, from) in costs.iter().zip(&from) {
            let info = solver.solve(black_box(cost), from.as_ref(), &mut ws, &mut out).expect("well-formed input");
            assert!(info.status.usable(), "{}", info.status);
        }
    })
}

/// Costs under one random program.
fn dense(n: usize, m: usize) -> (ActiveSet, Vec<Vec<f64>>) {
    let mut rng = Rng::seeded(1);
    let (program, _) = dense_qp(n, m, &mut rng);
    let costs = (0..INSTANCES).map(|_| (0..n).map(|_| 3.0 * rng.normal()).collect()).collect();
    (ActiveSet::new(program, ParamMap::costs(n), ActiveSetOptions::default()).expect("a convex program"), costs)
}

fn answer(solver: &ActiveSet, cost: &[f64]) -> Solution {
    let (mut ws, mut out) = (solver.workspace().expect("enough memory"), Solution::default());
    solver.solve(cost, None, &mut ws, &mut out).expect("well-formed input");
    out
}

fn active_set(n: usize, m: usize, warm: bool) -> Run {
    let (solver, costs) = dense(n, m);
    let from = costs.iter().map(|cost| warm.then(|| answer(&solver, cost))).collect();
    solving(solver, costs, from)
}

/// Solve, tape and one backward pass of each instance.
fn differentiating<S: DifferentiableSolver<Workspace: 'static> + 'static>(solver: S, costs: Vec<Vec<f64>>) -> Run {
    let dims = solver.dims();
    let (mut ws, mut out) = (solver.workspace().expect("enough memory"), Solution::zeros(dims.x, dims.rows));
    let (mut adjoint, mut gradient) = (Adjoint::default(), vec![0.0; dims.theta]);
    let cotangent: Vec<f64> = (0..dims.x).map(|j| 1.0 / (1 + j) as f64).collect();
    Box::new(move || {
        for cost in &costs {
            let mut info = solver.solve(black_box(cost), None, &mut ws, &mut out).expect("well-formed input");
            let tape = solver.tape(cost, &out, &mut ws, &mut info).expect("an optimum");
            solver.vjp(&tape, Cotangent { x: &cotangent, ..Cotangent::default() }, &mut adjoint, &mut gradient).expect("a derivative");
            black_box(&gradient);
        }
    })
}

fn differentiating_dense<S: DifferentiableSolver<Workspace: 'static> + 'static>(n: usize, m: usize, by: fn(ActiveSet) -> S) -> Run {
    let (solver, costs) = dense(n, m);
    differentiating(by(solver), costs)
}

/// `z'z + p'z` of 24 hours under ramps, `z >= 0`.
fn power() -> Run {
    const HOURS: usize = 24;
    let rows: Vec<_> = (1..HOURS).flat_map(|i| [(i - 1, i - 1, -1.0), (i - 1, i, 1.0)]).collect();
    let program = Program::linear(vec![0.0; HOURS])
        .with_quadratic(Csc::diagonal(&[2.0; HOURS]))
        .with_rows(Csc::from_triplets(HOURS - 1, HOURS, &rows).expect("indices are in range"), vec![-0.4; HOURS - 1], vec![0.4; HOURS - 1])
        .with_bounds(vec![0.0; HOURS], vec![f64::INFINITY; HOURS]);
    let mut rng = Rng::seeded(1);
    let costs = (0..INSTANCES).map(|_| (0..HOURS).map(|_| 1.4 * rng.normal() - 3.0).collect()).collect();
    let solver = ActiveSet::new(program, ParamMap::costs(HOURS), ActiveSetOptions::default()).expect("a convex program");
    differentiating(solver, costs)
}

fn path_costs(grid: Grid) -> Vec<Vec<f64>> {
    let mut rng = Rng::seeded(1);
    (0..INSTANCES).map(|_| (0..grid.arcs()).map(|_| rng.uniform()).collect()).collect()
}

/// The path as a linear program with a quadratic term.
fn smoothed_path() -> Run {
    let grid = Grid::new(10, 10).expect("a grid");
    let program = grid.program().with_quadratic(Csc::diagonal(&vec![0.1; grid.arcs()]));
    let solver = Separable::new(program, ParamMap::costs(grid.arcs()), SeparableOptions::default()).expect("a convex program");
    differentiating(solver, path_costs(grid))
}

fn shortest_path() -> Run {
    let grid = Grid::new(10, 10).expect("a grid");
    let costs = path_costs(grid);
    solving(ShortestPath::new(grid), costs, vec![None; INSTANCES])
}

/// Features that choose a code path here or in the linear algebra below.
fn features() -> String {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let found: [(&str, bool); 0] = [];
    let present = found.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name);
    std::iter::once(std::env::consts::ARCH).chain(present).collect::<Vec<_>>().join(" ")
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list"] => KERNELS.iter().for_each(|(name, _)| println!("{name}")),
        ["--features"] => println!("{}", features()),
        [name, runs] => {
            let (_, make) = KERNELS.iter().find(|kernel| kernel.0 == name).expect("a name that --list prints");
            let mut run = make();
            (0..runs.parse().expect("a number of runs")).for_each(|_: u32| run());
        }
        _ => panic!("usage: kernels NAME RUNS | --list | --features"),
    }
}
