//! Shortest paths with a quadratic term: one row too many, and most variables at their bound.

use dfl_core::{Csc, Program, Rng, Solver, Status};
use dfl_solvers::{Grid, ShortestPath};

use crate::{close, reference, solve};

fn smoothed(size: usize, mu: f64, rng: &mut Rng) -> Program {
    let grid = Grid::new(size, size).unwrap();
    Program { c: (0..grid.arcs()).map(|_| rng.uniform() + 0.5).collect(), ..grid.program() }
        .with_quadratic(Csc::diagonal(&vec![mu; grid.arcs()]))
}

#[test]
fn small_grids_agree_with_the_active_set() {
    let mut rng = Rng::seeded(47);
    for mu in [1e-3, 0.1, 1.0, 10.0] {
        for _ in 0..20 {
            let program = smoothed(5, mu, &mut rng);
            let ((out, info), (theirs, _)) = (solve(&program), reference(&program));
            assert_eq!(info.status, Status::Optimal);
            close(&out.x, &theirs.x, 1e-10);
            close(&[out.objective], &[theirs.objective], 1e-12);
        }
    }
}

/// Residuals are checked by `solve`; the number of steps hardly grows with the size or the smoothing.
#[test]
fn large_grids_take_few_steps() {
    let mut rng = Rng::seeded(48);
    for (size, runs) in [(10, 20), (30, 3)] {
        for mu in [1e-6, 1e-3, 0.1, 1.0, 10.0] {
            let steps: Vec<usize> = (0..runs).map(|_| solve(&smoothed(size, mu, &mut rng)).1.iterations).collect();
            println!("{size}x{size}, mu = {mu}: {steps:?} steps");
            assert!(steps.iter().all(|&s| (1..40).contains(&s)), "{size}x{size}, mu = {mu}: {steps:?}");
        }
    }
}

/// With little smoothing the answer is the shortest path itself.
#[test]
fn without_smoothing_the_path() {
    let (grid, mut rng) = (Grid::new(8, 8).unwrap(), Rng::seeded(49));
    for _ in 0..20 {
        let program = smoothed(8, 1e-5, &mut rng);
        let mut path = dfl_core::Solution::default();
        ShortestPath::new(grid).solve(&program.c, None, &mut vec![0.0; grid.nodes()], &mut path).unwrap();
        close(&solve(&program).0.x, &path.x, 1e-9);
    }
}
