//! The programs of the tests: relaxations as tasks have them.

use dfl_core::{Batch, Csc, Program, Rng};
use dfl_solvers::{Grid, KnapsackProblem, TopK, Tour, TourRelaxation};

pub(crate) const INF: f64 = f64::INFINITY;

/// Flows of one unit through a grid; one equation is redundant.
pub(crate) fn paths(size: usize) -> Program {
    Grid::new(size, size).expect("a well-formed program").program()
}

pub(crate) fn top_k(items: usize, k: usize) -> Program {
    TopK::new(items, k).expect("fewer than there are").program()
}

/// Fractional knapsacks with weights 3 to 8 and room for half of them; its costs are negative.
pub(crate) fn knapsack(items: usize, dimensions: usize, rng: &mut Rng) -> Program {
    let weights: Vec<f64> = (0..items * dimensions).map(|_| 3.0 + 5.0 * rng.uniform()).collect();
    let room = weights.chunks(items).map(|w| 0.5 * w.iter().sum::<f64>()).collect();
    let weights = Batch::from_vec(dimensions, items, weights).expect("whole rows");
    KnapsackProblem::new(weights, room).expect("a problem").relaxation()
}

/// Tours as Miller, Tucker and Zemlin have them: edges without bounds, arcs, positions of nodes.
pub(crate) fn tours(nodes: usize) -> Program {
    Tour::new(nodes).and_then(|tour| tour.relaxation(TourRelaxation::Mtz)).expect("enough nodes").program
}

/// Variables that are free, fixed, bounded on either side and on both; rows with one side, two, equal ones and none.
pub(crate) fn mixed(rng: &mut Rng) -> Program {
    let (n, m) = (9, 5);
    let places: Vec<usize> = (0..m * n).filter(|_| rng.uniform() < 0.6).collect();
    let entries: Vec<_> = places.into_iter().map(|k| (k / n, k % n, rng.normal())).collect();
    let a = Csc::from_triplets(m, n, &entries).expect("a well-formed program");
    let x: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let mut value = vec![0.0; m];
    a.mul_add(1.0, &x, &mut value);
    let room = [(0.5, INF), (0.0, 0.0), (INF, 0.3), (0.4, 0.7), (INF, INF), (INF, 0.0), (0.2, 0.1), (1.0, INF), (INF, INF)];
    let sides = |values: &[f64]| values.iter().zip(room).map(|(v, (below, above))| (v - below, v + above)).unzip();
    let ((lo, up), (row_lo, row_up)) = (sides(&x), sides(&value));
    Program::linear(vec![0.3; n]).with_rows(a, row_lo, row_up).with_bounds(lo, up)
}
