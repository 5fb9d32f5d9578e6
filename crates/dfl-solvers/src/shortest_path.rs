use dfl_core::{Csc, Dims, Error, Program, Result, Solution, SolveInfo, Solver, Status, check_len};

/// A grid of `height x width` nodes with arcs to the right and down; the way leads from the top left to the bottom right.
///
/// Arcs in PyEPO's order: for each grid row its `width - 1` horizontal arcs, then its `width` vertical ones (none for the last).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    height: usize,
    width: usize,
}

impl Grid {
    /// A grid.
    ///
    /// # Errors
    /// [`Error::Domain`] unless it has at least two nodes.
    pub fn new(height: usize, width: usize) -> Result<Self> {
        // Twice the nodes bounds the arcs, so no index below can overflow.
        let twice = height.checked_mul(width).and_then(|nodes| nodes.checked_mul(2));
        if twice.is_none_or(|t| t < 4) {
            let value = height as f64 * width as f64;
            return Err(Error::Domain {
                what: "number of grid nodes",
                value,
                need: "at least 2, as in a grid of 1x2, and few enough to count",
            });
        }
        Ok(Self { height, width })
    }

    /// Number of arcs, $(h-1)w + (w-1)h$.
    pub fn arcs(self) -> usize {
        (self.height - 1) * self.width + (self.width - 1) * self.height
    }

    /// Number of nodes.
    pub fn nodes(self) -> usize {
        self.height * self.width
    }

    /// The arc from `(i, j)` to its right neighbour.
    fn right(self, i: usize, j: usize) -> usize {
        i * (2 * self.width - 1) + j
    }

    /// The arc from `(i, j)` to the neighbour below.
    fn down(self, i: usize, j: usize) -> usize {
        i * (2 * self.width - 1) + self.width - 1 + j
    }

    /// Tail and head of each arc, nodes numbered row by row.
    pub fn ends(self) -> Vec<(usize, usize)> {
        let mut ends = vec![(0, 0); self.arcs()];
        for i in 0..self.height {
            for j in 0..self.width {
                let v = i * self.width + j;
                if j + 1 < self.width {
                    ends[self.right(i, j)] = (v, v + 1);
                }
                if i + 1 < self.height {
                    ends[self.down(i, j)] = (v, v + self.width);
                }
            }
        }
        ends
    }

    /// The linear program: flow balance in each node (+1 at the source, -1 at the sink), flows at least 0; costs are zero, to be
    /// predicted. Totally unimodular, so its vertices are paths.
    pub fn program(self) -> Program {
        let triplets: Vec<_> = self.ends().iter().enumerate().flat_map(|(k, &(from, to))| [(from, k, 1.0), (to, k, -1.0)]).collect();
        let a = Csc::from_triplets(self.nodes(), self.arcs(), &triplets).expect("ends() stays within the grid");
        let mut balance = vec![0.0; self.nodes()];
        (balance[0], balance[self.nodes() - 1]) = (1.0, -1.0);
        Program::linear(vec![0.0; self.arcs()])
            .with_rows(a, balance.clone(), balance)
            .with_bounds(vec![0.0; self.arcs()], vec![f64::INFINITY; self.arcs()])
    }
}

/// Exact shortest path by dynamic programming over the acyclic grid; costs may be negative. Minimises.
///
/// $$V(v) = \min_{(u, v)} V(u) + \theta_{uv}, \qquad V(\text{top left}) = 0$$
///
/// Cost $O(hw)$, no allocation. Of several shortest paths it takes the one whose last differing arc comes from the left.
///
/// # Shapes
/// `theta`: arc costs `[arcs]`; `x`: 1 on the arcs of the path, else 0, `[arcs]`. It offers no duals.
/// # References
/// Bellman (1958), Quarterly of Applied Mathematics 16; the grid of Elmachtoub & Grigas (2022), section 6.1.
#[derive(Clone, Debug)]
pub struct ShortestPath {
    grid: Grid,
}

impl ShortestPath {
    /// A solver for one grid.
    pub fn new(grid: Grid) -> Self {
        Self { grid }
    }
}

impl Solver for ShortestPath {
    /// Distance of each node from the source.
    type Workspace = Vec<f64>;

    fn name(&self) -> &'static str {
        "exact"
    }

    fn dims(&self) -> Dims {
        Dims { theta: self.grid.arcs(), x: self.grid.arcs(), rows: 0 }
    }

    fn workspace(&self) -> Result<Vec<f64>> {
        Ok(vec![0.0; self.grid.nodes()])
    }

    fn solve(&self, theta: &[f64], _from: Option<&Solution>, distance: &mut Vec<f64>, out: &mut Solution) -> Result<SolveInfo> {
        check_len("theta", self.grid.arcs(), theta.len())?;
        out.x.resize(theta.len(), 0.0);
        out.x.fill(0.0);
        self.distances(theta, distance);
        self.trace(theta, distance, &mut out.x);
        out.objective = distance[self.grid.nodes() - 1];
        // Costs that are finite one by one may still overflow in a sum.
        let status = if out.objective.is_finite() { Status::Optimal } else { Status::Failed };
        Ok(SolveInfo { status, iterations: 1, degenerate: false })
    }
}

impl ShortestPath {
    fn distances(&self, theta: &[f64], distance: &mut [f64]) {
        let Grid { height, width } = self.grid;
        distance[0] = 0.0;
        for j in 1..width {
            distance[j] = distance[j - 1] + theta[self.grid.right(0, j - 1)];
        }
        for i in 1..height {
            let down = &theta[self.grid.down(i - 1, 0)..][..width];
            let right = &theta[self.grid.right(i, 0)..][..width - 1];
            let (above, here) = distance[(i - 1) * width..(i + 1) * width].split_at_mut(width);
            here[0] = above[0] + down[0];
            for j in 1..width {
                here[j] = (here[j - 1] + right[j - 1]).min(above[j] + down[j]);
            }
        }
    }

    fn trace(&self, theta: &[f64], distance: &[f64], x: &mut [f64]) {
        let Grid { height, width } = self.grid;
        let (mut i, mut j) = (height - 1, width - 1);
        while (i, j) != (0, 0) {
            let from_left = j > 0
                && (i == 0 || {
                    let left = distance[i * width + j - 1] + theta[self.grid.right(i, j - 1)];
                    left <= distance[(i - 1) * width + j] + theta[self.grid.down(i - 1, j)]
                });
            if from_left {
                j -= 1;
                x[self.grid.right(i, j)] = 1.0;
            } else {
                i -= 1;
                x[self.grid.down(i, j)] = 1.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Rng;

    fn solve(grid: Grid, theta: &[f64]) -> Solution {
        let solver = ShortestPath::new(grid);
        let mut out = Solution::default();
        solver.solve(theta, None, &mut solver.workspace().unwrap(), &mut out).unwrap();
        out
    }

    /// 2x2: arcs right(0,0), down(0,0), down(0,1), right(1,0); 1 + 5 against 2 + 3.
    #[test]
    fn smallest_square_by_hand() {
        let out = solve(Grid::new(2, 2).unwrap(), &[1.0, 2.0, 5.0, 3.0]);
        assert_eq!((out.x, out.objective), (vec![0.0, 1.0, 0.0, 1.0], 5.0));
    }

    /// Every path of a 4x3 grid enumerated, costs of both signs.
    #[test]
    fn agrees_with_enumeration() {
        let (grid, mut rng) = (Grid::new(4, 3).unwrap(), Rng::seeded(1));
        for _ in 0..200 {
            let theta: Vec<f64> = (0..grid.arcs()).map(|_| rng.normal()).collect();
            let out = solve(grid, &theta);
            let best = cheapest(grid, &theta, 0, 0);
            assert!((out.objective - best).abs() < 1e-12);
            let cost: f64 = theta.iter().zip(&out.x).map(|(c, x)| c * x).sum();
            assert!((cost - best).abs() < 1e-12);
        }
    }

    fn cheapest(grid: Grid, theta: &[f64], i: usize, j: usize) -> f64 {
        if (i, j) == (grid.height - 1, grid.width - 1) {
            return 0.0;
        }
        let right = if j + 1 < grid.width { theta[grid.right(i, j)] + cheapest(grid, theta, i, j + 1) } else { f64::INFINITY };
        let down = if i + 1 < grid.height { theta[grid.down(i, j)] + cheapest(grid, theta, i + 1, j) } else { f64::INFINITY };
        right.min(down)
    }

    #[test]
    fn the_path_is_feasible_for_the_program() {
        for (h, w) in [(1, 2), (2, 1), (5, 5), (3, 7)] {
            let grid = Grid::new(h, w).unwrap();
            let out = solve(grid, &vec![1.0; grid.arcs()]);
            assert_eq!(dfl_core::Residuals::feasibility(&grid.program(), &out.x), 0.0);
            grid.program().check().unwrap();
        }
    }

    #[test]
    fn a_grid_without_a_way_is_refused() {
        for (h, w) in [(0, 3), (3, 0), (1, 1), (usize::MAX, 2), (1 << 32, 1 << 32)] {
            assert!(Grid::new(h, w).is_err());
        }
    }
}
