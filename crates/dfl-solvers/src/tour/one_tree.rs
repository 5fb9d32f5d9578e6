//! The lower bound: cheapest 1-trees under node potentials.

use super::fixed::Fixed;

/// A spanning tree of the nodes but 0, and two edges from 0.
#[derive(Clone, Debug)]
pub(super) struct OneTree {
    n: usize,
    /// The nodes but 0 as they joined the tree, and where each was joined.
    order: Vec<usize>,
    parent: Vec<usize>,
    /// The neighbours of 0, the nearer one first.
    pub(super) pair: [usize; 2],
    /// Number of edges at each node, less 2: zero everywhere means a tour.
    pub(super) excess: Vec<f64>,
    rest: Vec<usize>,
    key: Vec<f64>,
    /// Of each two nodes but 0 the largest reduced cost on the path between them.
    widest: Vec<f64>,
}

impl OneTree {
    pub(super) fn new(n: usize) -> Self {
        Self {
            n,
            order: Vec::with_capacity(n),
            parent: vec![0; n],
            pair: [1, 2],
            excess: vec![0.0; n],
            rest: Vec::with_capacity(n),
            key: vec![0.0; n],
            widest: vec![0.0; n * n],
        }
    }

    /// Finds a 1-tree of least reduced cost $c_{ij} + \pi_i + \pi_j$ with every required and no forbidden edge, by Prim's algorithm, and
    /// returns the bound on tours that it gives, infinite if there is none:
    ///
    /// $$L(\pi) = \min_T \sum_{ij \in T} (c_{ij} + \pi_i + \pi_j) - 2 \sum_i \pi_i$$
    pub(super) fn build(&mut self, cost: &[f64], fixed: &Fixed, pi: &[f64]) -> f64 {
        let n = self.n;
        self.excess.fill(-1.0);
        self.excess[0] = 0.0;
        self.order.clear();
        self.rest.clear();
        self.rest.extend(2..n);
        self.key.fill(f64::INFINITY);
        let (mut at, mut bound) = (1, 0.0);
        loop {
            self.order.push(at);
            let Some((place, key)) = self.join(at, &fixed.cost[at * n..][..n], pi) else { break };
            if key == f64::INFINITY {
                return f64::INFINITY;
            }
            at = self.rest.swap_remove(place);
            let parent = self.parent[at];
            bound += cost[parent * n + at];
            self.excess[parent] += 1.0;
        }
        // A tree has one edge less than nodes: each node but the first has one to its parent, which -1 above counts.
        self.excess[1] -= 1.0;
        let far = self.join_first(&fixed.cost[..n], pi);
        if far == f64::INFINITY {
            return f64::INFINITY;
        }
        for v in self.pair {
            bound += cost[v];
            self.excess[v] += 1.0;
        }
        bound + self.excess.iter().zip(pi).map(|(e, p)| e * p).sum::<f64>()
    }

    /// Offers the edges of `at` to the nodes that are not in the tree; where the nearest of them stands, and how near it is.
    fn join(&mut self, at: usize, row: &[f64], pi: &[f64]) -> Option<(usize, f64)> {
        let mut best = None;
        for (place, &v) in self.rest.iter().enumerate() {
            let near = row[v] + (pi[at] + pi[v]);
            if near < self.key[v] {
                self.key[v] = near;
                self.parent[v] = at;
            }
            if best.is_none_or(|(_, key)| self.key[v] < key) {
                best = Some((place, self.key[v]));
            }
        }
        best
    }

    /// The two nearest neighbours of node 0; returns how far the farther one is.
    fn join_first(&mut self, row: &[f64], pi: &[f64]) -> f64 {
        let (mut near, mut far) = (f64::INFINITY, f64::INFINITY);
        for v in 1..self.n {
            let d = row[v] + pi[v];
            if d < near {
                (far, self.pair[1]) = (near, self.pair[0]);
                (near, self.pair[0]) = (d, v);
            } else if d < far {
                (far, self.pair[1]) = (d, v);
            }
        }
        far
    }

    /// Its edges.
    pub(super) fn edges(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let tree = self.order[1..].iter().map(|&v| (self.parent[v], v));
        tree.chain(self.pair.into_iter().map(|v| (0, v)))
    }

    pub(super) fn has(&self, i: usize, j: usize) -> bool {
        match (i, j) {
            (0, v) | (v, 0) => self.pair.contains(&v),
            _ => self.order[0] != i && self.parent[i] == j || self.order[0] != j && self.parent[j] == i,
        }
    }

    pub(super) fn is_tour(&self) -> bool {
        self.excess.iter().all(|&e| e == 0.0)
    }

    /// Writes the order in which it visits the nodes, if it is a tour.
    pub(super) fn visit(&self, order: &mut [usize]) {
        let (mut before, mut at) = (0, self.pair[0]);
        order[0] = 0;
        for node in &mut order[1..] {
            *node = at;
            let next = self.edges().filter(|&(a, b)| a == at || b == at).map(|(a, b)| a + b - at).find(|&w| w != before);
            (before, at) = (at, next.expect("every node of a tour has two neighbours"));
        }
    }

    /// Forbids each free edge that would raise the bound by more than `slack`: with it, a 1-tree costs at least as much more as the
    /// edge does than the dearest other one on the cycle it closes. `false` if no tour is left.
    #[must_use]
    pub(super) fn forbid_dear(&mut self, fixed: &mut Fixed, pi: &[f64], slack: f64) -> bool {
        let n = self.n;
        let reduced = |fixed: &Fixed, i: usize, j: usize| fixed.cost[i * n + j] + (pi[i] + pi[j]);
        for (k, &v) in self.order.iter().enumerate().skip(1) {
            let parent = self.parent[v];
            let edge = reduced(fixed, parent, v);
            for &u in &self.order[..k] {
                let widest = if u == parent { edge } else { edge.max(self.widest[u * n + parent]) };
                (self.widest[u * n + v], self.widest[v * n + u]) = (widest, widest);
                if u != parent && fixed.is_free(u, v) && reduced(fixed, u, v) - widest > slack && !fixed.forbid(u, v) {
                    return false;
                }
            }
        }
        let far = reduced(fixed, 0, self.pair[1]);
        (1..n).all(|v| self.pair.contains(&v) || !fixed.is_free(0, v) || reduced(fixed, 0, v) - far <= slack || fixed.forbid(0, v))
    }
}
