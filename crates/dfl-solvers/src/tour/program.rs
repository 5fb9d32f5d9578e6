//! The travelling salesman as a program, and relaxations of it to smooth.

use dfl_core::{Csc, Error, Formulation, ParamMap, Program, Result};

use super::Tour;

/// Most nodes of [`TourRelaxation::Subtour`], which has about $2^{n-1}$ rows.
const SUBTOUR_NODES: usize = 12;

/// A polytope that holds every tour: what a smoothed solver smooths. From the loosest to the tightest,
/// `Mtz` $\supseteq$ `Flow` $\supseteq$ `Subtour` $\supseteq$ the convex hull of all tours, in the edges $x$.
///
/// `Mtz` and `Flow` have auxiliary variables behind the edges: the arcs $X_{ij}$ for $i = 0, 1, \dots$ and each $j \ne i$, then those named
/// below. A smoothing term on every variable is a term on these too: it is part of the smoothed problem, and so the smoothed decisions of
/// two relaxations differ even where the relaxations do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TourRelaxation {
    /// The rows of Miller, Tucker and Zemlin, the published class of smoothed tours, with positions $u_1, \dots, u_{n-1}$ of the nodes:
    ///
    /// $$\sum_j X_{ij} = \sum_j X_{ji} = 1,\quad 0 \le X \le 1,\quad x_{ij} = X_{ij} + X_{ji},\quad
    /// u_i - u_j + (n-1) X_{ij} \le n - 2 \ (i, j \ge 1),\quad 2 \le u \le n$$
    ///
    /// Edges may exceed 1 in it: it forbids no cycle of two arcs through node 0.
    Mtz,
    /// One commodity: node 0 sends a unit to each other node along the arcs of the tour. With the flow $f_{ij}$ between nodes other than 0
    /// ($i$ by $i$), since that on arcs of node 0 is given by them:
    ///
    /// $$\text{arcs as above},\quad x \le 1,\quad (n-1) X_{0j} + \sum_i f_{ij} - \sum_k f_{jk} = 1,\quad 0 \le f_{ij} \le (n-2) X_{ij}$$
    Flow,
    /// Degrees and every subtour row, in the edges alone; at most 12 nodes. Its optimum is the bound that 1-trees reach.
    ///
    /// $$x(\delta(i)) = 2,\quad 0 \le x \le 1,\quad x(E(S)) \le |S| - 1 \quad (3 \le |S| \le n/2)$$
    Subtour,
}

impl Tour {
    /// The mixed-integer program: [`TourRelaxation::Flow`] with integer edges, the first `edges()` variables. Costs are zero, to be
    /// predicted.
    ///
    /// # References
    /// Gavish & Graves (1978), The travelling salesman problem and related problems.
    pub fn program(self) -> Program {
        let mut program = self.flow();
        program.lo[..self.edges()].fill(0.0);
        let integer = (0..program.n()).map(|j| j < self.edges()).collect();
        program.with_integers(integer)
    }

    /// A linear program that every tour satisfies; `theta` is the cost of its first `edges()` variables, the visible ones. With 3 nodes
    /// `Flow` and `Subtour` hold a single point, so that a barrier has no inside.
    ///
    /// # Errors
    /// [`Error::Domain`] for `Subtour` with more than 12 nodes.
    ///
    /// # References
    /// Miller, Tucker & Zemlin (1960), J. ACM 7; Gavish & Graves (1978); Dantzig, Fulkerson & Johnson (1954), Oper. Res. 2; their order:
    /// Padberg & Sung (1991), Math. Prog. 52.
    pub fn relaxation(self, relaxation: TourRelaxation) -> Result<Formulation> {
        let program = match relaxation {
            TourRelaxation::Mtz => self.positions(),
            TourRelaxation::Flow => self.flow(),
            TourRelaxation::Subtour => self.subtours()?,
        };
        Ok(Formulation { program, params: ParamMap::costs(self.edges()), visible: self.edges() })
    }

    fn positions(self) -> Program {
        let (n, most) = (self.nodes(), self.nodes() as f64);
        let mut rows = self.arc_rows();
        let u = |i: usize| self.edges() + n * (n - 1) + i - 1;
        for i in 1..n {
            for j in (1..n).filter(|&j| j != i) {
                rows.push(&[(u(i), 1.0), (u(j), -1.0), (self.arc(i, j), most - 1.0)], f64::NEG_INFINITY, most - 2.0);
            }
        }
        let edges = (self.edges(), f64::NEG_INFINITY, f64::INFINITY);
        rows.program(&[edges, (n * (n - 1), 0.0, 1.0), (n - 1, 2.0, most)])
    }

    fn flow(self) -> Program {
        let (n, most) = (self.nodes(), self.nodes() as f64);
        let mut rows = self.arc_rows();
        let f = |i: usize, j: usize| self.edges() + n * (n - 1) + (i - 1) * (n - 2) + j - 1 - usize::from(j > i);
        for j in 1..n {
            let others = (1..n).filter(|&i| i != j);
            let through = others.flat_map(|i| [(f(i, j), 1.0), (f(j, i), -1.0)]);
            rows.push(&through.chain([(self.arc(0, j), most - 1.0)]).collect::<Vec<_>>(), 1.0, 1.0);
        }
        for i in 1..n {
            for j in (1..n).filter(|&j| j != i) {
                rows.push(&[(f(i, j), 1.0), (self.arc(i, j), 2.0 - most)], f64::NEG_INFINITY, 0.0);
            }
        }
        let edges = (self.edges(), f64::NEG_INFINITY, 1.0);
        rows.program(&[edges, (n * (n - 1), 0.0, 1.0), ((n - 1) * (n - 2), 0.0, most - 2.0)])
    }

    fn subtours(self) -> Result<Program> {
        let n = self.nodes();
        if n > SUBTOUR_NODES {
            let need = "at most 12, since the rows double with each node; take Flow or cut subtours as they come";
            return Err(Error::Domain { what: "number of nodes of the subtour relaxation", value: n as f64, need });
        }
        let mut rows = self.degree_rows();
        // A set and the rest say the same, so the half with node 0 is left out where both are as large.
        let sizes = |set: u32| 3 <= set.count_ones() && (2 * set.count_ones() as usize) < n + usize::from(set & 1 == 0);
        for set in (0..1_u32 << n).filter(|&set| sizes(set)) {
            let inside: Vec<usize> = (0..n).filter(|i| set >> i & 1 == 1).collect();
            rows.push(&self.inside(&inside), f64::NEG_INFINITY, inside.len() as f64 - 1.0);
        }
        Ok(rows.program(&[(self.edges(), 0.0, 1.0)]))
    }

    /// The edges between nodes of a set, each once.
    pub(crate) fn inside(self, set: &[usize]) -> Vec<(usize, f64)> {
        let pairs = set.iter().enumerate().flat_map(|(k, &i)| set[k + 1..].iter().map(move |&j| (self.edge(i, j), 1.0)));
        pairs.collect()
    }

    /// Two edges at each node.
    pub(crate) fn degree_rows(self) -> Rows {
        let mut rows = Rows::default();
        for i in 0..self.nodes() {
            let around: Vec<_> = (0..self.nodes()).filter(|&j| j != i).map(|j| (self.edge(i, j), 1.0)).collect();
            rows.push(&around, 2.0, 2.0);
        }
        rows
    }

    /// Where the arc from `i` to `j` is among the variables.
    fn arc(self, i: usize, j: usize) -> usize {
        self.edges() + i * (self.nodes() - 1) + j - usize::from(j > i)
    }

    /// An edge is its two arcs; one arc leaves each node and one arrives.
    fn arc_rows(self) -> Rows {
        let mut rows = Rows::default();
        for (e, (i, j)) in self.ends().into_iter().enumerate() {
            rows.push(&[(e, 1.0), (self.arc(i, j), -1.0), (self.arc(j, i), -1.0)], 0.0, 0.0);
        }
        for i in 0..self.nodes() {
            let others = (0..self.nodes()).filter(|&j| j != i);
            rows.push(&others.clone().map(|j| (self.arc(i, j), 1.0)).collect::<Vec<_>>(), 1.0, 1.0);
            rows.push(&others.map(|j| (self.arc(j, i), 1.0)).collect::<Vec<_>>(), 1.0, 1.0);
        }
        rows
    }
}

/// Rows of a program, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    entries: Vec<(usize, usize, f64)>,
    lo: Vec<f64>,
    up: Vec<f64>,
}

impl Rows {
    fn push(&mut self, row: &[(usize, f64)], lo: f64, up: f64) {
        let i = self.lo.len();
        self.entries.extend(row.iter().map(|&(j, v)| (i, j, v)));
        self.lo.push(lo);
        self.up.push(up);
    }

    /// The program of these rows, with groups of so many variables between two bounds.
    pub(crate) fn program(self, groups: &[(usize, f64, f64)]) -> Program {
        let bound = |of: fn(&(usize, f64, f64)) -> f64| groups.iter().flat_map(|g| vec![of(g); g.0]).collect::<Vec<_>>();
        let (lo, up) = (bound(|g| g.1), bound(|g| g.2));
        let a = Csc::from_triplets(self.lo.len(), lo.len(), &self.entries).expect("every variable is in a group");
        Program::linear(vec![0.0; lo.len()]).with_rows(a, self.lo, self.up).with_bounds(lo, up)
    }
}
