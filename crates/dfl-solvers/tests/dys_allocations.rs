//! A solve of three-operator splitting allocates nothing: counted by an allocator of this test's own, alone in its program.

#![allow(clippy::unwrap_used, reason = "helpers may fail their test")]

#[path = "support/counting.rs"]
mod counting;

use dfl_core::{Adjoint, Cotangent, DifferentiableSolver, ParamMap, Rng, Solution, Solver};
use dfl_solvers::{Dys, DysDerivative, DysOptions, DysProjection, Grid};

/// Cold and warm, whatever is recorded, the first solve of a workspace included; nor does a backward pass whose adjoint has its size.
#[test]
fn no_solve_allocates() {
    let (grid, mut rng) = (Grid::new(5, 5).unwrap(), Rng::seeded(1));
    let thetas: Vec<Vec<f64>> = (0..20).map(|_| (0..grid.arcs()).map(|_| rng.uniform()).collect()).collect();
    for derivative in [DysDerivative::Implicit, DysDerivative::JacobianFree, DysDerivative::Unrolled] {
        for projection in [DysProjection::Sparse, DysProjection::Dense] {
            let options = DysOptions { iterations: 300, derivative, projection, ..Default::default() };
            let solver = Dys::new(grid.program(), ParamMap::costs(grid.arcs()), options).unwrap();
            let (mut ws, dims) = (solver.workspace().unwrap(), solver.dims());
            let (mut out, mut from) = (Solution::zeros(dims.x, dims.rows), Solution::zeros(dims.x, dims.rows));
            let before = counting::allocations();
            for pair in thetas.windows(2) {
                solver.solve(&pair[0], None, &mut ws, &mut out).unwrap();
                std::mem::swap(&mut from, &mut out);
                solver.solve(&pair[1], Some(&from), &mut ws, &mut out).unwrap();
            }
            assert_eq!(counting::allocations() - before, 0, "{derivative:?}, {projection:?}");

            let mut info = solver.solve(&thetas[0], None, &mut ws, &mut out).unwrap();
            let tape = solver.tape(&thetas[0], &out, &mut ws, &mut info).unwrap();
            let (mut u, mut gradient) = (Adjoint::default(), vec![0.0; grid.arcs()]);
            let mut pull = || solver.vjp(&tape, Cotangent { x: &thetas[1], ..Cotangent::default() }, &mut u, &mut gradient).unwrap();
            pull();
            let before = counting::allocations();
            pull();
            assert_eq!(counting::allocations() - before, 0, "{derivative:?}, {projection:?}");
        }
    }
}
