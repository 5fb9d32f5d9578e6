//! Three-operator splitting against answers found in other ways: by hand, by the active set, by the separable solver, by differences.
#![allow(clippy::unwrap_used, reason = "helpers may fail their test")]

mod derivative;
mod fixture;
mod layer;
mod operator;
mod optimum;
mod programs;
mod projection;
mod refusals;
mod warm;

use dfl_core::{Adjoint, Cotangent, DifferentiableSolver, Entry, Formulation, ParamMap, Program, Residuals, Rng, Solution, SolveInfo};
use dfl_core::{ProgramSolver, Solver};
use dfl_solvers::{Dys, DysOptions, Separable, smooth_quadratic_with_slacks};

/// A program and a cost for each of its first variables.
struct Case {
    name: &'static str,
    program: Program,
    theta: Vec<f64>,
}

impl Case {
    fn new(name: &'static str, program: Program, sign: f64, predicted: usize, rng: &mut Rng) -> Self {
        Self { name, program, theta: (0..predicted).map(|_| sign * (0.2 + rng.uniform())).collect() }
    }

    fn params(&self) -> ParamMap {
        (0..self.theta.len()).fold(ParamMap::new(self.theta.len()), |map, j| map.link(Entry::C(j), j, 1.0))
    }

    fn solver(&self, options: DysOptions) -> Dys {
        Dys::new(self.program.clone(), self.params(), options).unwrap()
    }

    /// The exact solver of the same smoothed program.
    fn reference(&self, mu: f64) -> Separable {
        let plain = Formulation { program: self.program.clone(), params: self.params(), visible: self.program.n() };
        let smoothed = smooth_quadratic_with_slacks(plain, mu).unwrap();
        Separable::new(smoothed.program, smoothed.params, Default::default()).unwrap()
    }
}

/// One of each kind of program.
fn cases(rng: &mut Rng) -> Vec<Case> {
    let size = 3 + rng.below(3);
    let nodes = 4 + rng.below(2);
    let grid = programs::paths(size);
    let arcs = grid.n();
    vec![
        Case::new("paths", grid, 1.0, arcs, rng),
        Case::new("top k", programs::top_k(12, 3), -1.0, 12, rng),
        Case::new("knapsack", programs::knapsack(10, 2, rng), -1.0, 10, rng),
        Case::new("tours", programs::tours(nodes), 1.0, nodes * (nodes - 1) / 2, rng),
        Case::new("mixed", programs::mixed(rng), 1.0, 6, rng),
    ]
}

fn solve<S: Solver>(solver: &S, theta: &[f64], from: Option<&Solution>) -> (Solution, SolveInfo) {
    let mut out = Solution::default();
    let info = solver.solve(theta, from, &mut solver.workspace().unwrap(), &mut out).unwrap();
    (out, info)
}

/// The answer, and `J' cotangent`.
fn pull<S: DifferentiableSolver>(solver: &S, theta: &[f64], from: Option<&Solution>, on_x: &[f64]) -> (Solution, SolveInfo, Vec<f64>) {
    let (mut ws, mut out, mut u, mut gradient) =
        (solver.workspace().unwrap(), Solution::default(), Adjoint::default(), vec![0.0; theta.len()]);
    let mut info = solver.solve(theta, from, &mut ws, &mut out).unwrap();
    let tape = solver.tape(theta, &out, &mut ws, &mut info).unwrap();
    solver.vjp(&tape, Cotangent { x: on_x, ..Default::default() }, &mut u, &mut gradient).unwrap();
    (out, info, gradient)
}

/// The KKT residual of an answer, by the definition of the core.
fn residual(solver: &Dys, theta: &[f64], answer: &Solution) -> f64 {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    solver.solve(theta, None, &mut ws, &mut out).unwrap();
    Residuals::of(solver.program(&ws), answer).worst()
}

fn draw(n: usize, rng: &mut Rng) -> Vec<f64> {
    (0..n).map(|_| rng.normal()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[track_caller]
fn close(got: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (k, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}, entry {k}: {a} against {b}");
    }
}
