//! The programs of the tests: relaxations as tasks have them.

use dfl_core::{Csc, Program, Rng};
use dfl_solvers::Grid;

pub(crate) const INF: f64 = f64::INFINITY;

/// Flows of one unit through a grid; one equation is redundant.
pub(crate) fn paths(size: usize) -> Program {
    Grid::new(size, size).expect("a well-formed program").program()
}

/// $\sum_j x_j = k$ and $0 \le x \le 1$.
pub(crate) fn top_k(items: usize, k: f64) -> Program {
    let row = Csc::from_triplets(1, items, &(0..items).map(|j| (0, j, 1.0)).collect::<Vec<_>>()).expect("a well-formed program");
    Program::linear(vec![0.0; items]).with_rows(row, vec![k], vec![k]).with_bounds(vec![0.0; items], vec![1.0; items])
}

/// Fractional knapsacks with weights 3 to 8 and room for half of them; its costs are negative.
pub(crate) fn knapsack(items: usize, dimensions: usize, rng: &mut Rng) -> Program {
    let weights: Vec<f64> = (0..items * dimensions).map(|_| 3.0 + 5.0 * rng.uniform()).collect();
    let entries: Vec<_> = weights.iter().enumerate().map(|(k, &w)| (k / items, k % items, w)).collect();
    let room = weights.chunks(items).map(|w| 0.5 * w.iter().sum::<f64>()).collect();
    Program::linear(vec![0.0; items])
        .with_rows(Csc::from_triplets(dimensions, items, &entries).expect("a well-formed program"), vec![-INF; dimensions], room)
        .with_bounds(vec![0.0; items], vec![1.0; items])
}

/// Tours of `n` nodes, as Miller, Tucker and Zemlin have them: each node has one way out and one way in, and the position `u` of nodes
/// but the first rises along every arc that is taken. Arcs `(i, j)` in order, then `u`.
pub(crate) fn tours(n: usize) -> Program {
    let arcs: Vec<(usize, usize)> = (0..n * n).map(|k| (k / n, k % n)).filter(|(i, j)| i != j).collect();
    let (count, high) = (arcs.len(), (n - 1) as f64);
    let mut entries: Vec<_> = arcs.iter().enumerate().flat_map(|(k, &(i, j))| [(i, k, 1.0), (n + j, k, 1.0)]).collect();
    let (mut lo, mut up) = (vec![1.0; 2 * n], vec![1.0; 2 * n]);
    for (k, &(i, j)) in arcs.iter().enumerate().filter(|(_, (i, j))| *i > 0 && *j > 0) {
        entries.extend([(lo.len(), count + i - 1, 1.0), (lo.len(), count + j - 1, -1.0), (lo.len(), k, high)]);
        lo.push(-INF);
        up.push(high - 1.0);
    }
    let (rows, size) = (lo.len(), count + n - 1);
    let bounds = |arc: f64, place: f64| [vec![arc; count], vec![place; n - 1]].concat();
    Program::linear(vec![0.0; size])
        .with_rows(Csc::from_triplets(rows, size, &entries).expect("a well-formed program"), lo, up)
        .with_bounds(bounds(0.0, 2.0), bounds(1.0, n as f64))
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
