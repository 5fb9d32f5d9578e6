//! Branch and bound with the bound of 1-trees under node potentials.

use super::fixed::Fixed;
use super::local::{improve, length, nearest};
use super::one_tree::OneTree;

/// A tour is optimal if none is shorter by more than this part of the sum of the absolute costs of its edges.
const TOLERANCE: f64 = 1e-9;
/// Rounding of a bound, relative to the sum of the absolute entries of the cost matrix, with room.
const ROUNDING: f64 = 1e-11;
/// Steps of the subgradient method per node of the tour, in the first subproblem and in the others.
const FIRST_STEPS: usize = 4;
const STEPS: usize = 1;
/// Potentials are kept for so many subproblems per node of the tour; deeper ones share the last place.
const KEPT: usize = 8;

/// A subproblem whose bound is known, and how it is split: at node `v`, which has more than two edges in the 1-tree, by two of them.
#[derive(Clone, Copy, Debug)]
struct Split {
    mark: usize,
    bound: f64,
    v: usize,
    a: usize,
    b: usize,
    /// Children that are left, the last one first.
    left: usize,
}

/// Memory of one search.
#[derive(Clone, Debug)]
pub(super) struct Search {
    n: usize,
    pub(super) cost: Vec<f64>,
    fixed: Fixed,
    tree: OneTree,
    /// Potentials of the subproblems on the way to the present one.
    kept: Vec<f64>,
    pi: Vec<f64>,
    last: Vec<f64>,
    splits: Vec<Split>,
    /// The best tour so far.
    pub(super) order: Vec<usize>,
    upper: f64,
    tolerance: f64,
    /// By how much a better tour is shorter, if the costs say so.
    least_gain: f64,
    trial: Vec<usize>,
}

/// How a search ended.
pub(super) struct Ended {
    /// Subproblems whose bound was computed.
    pub(super) nodes: usize,
    /// A lower bound if the limit stopped it; else the tour is optimal.
    pub(super) lower: Option<f64>,
}

impl Search {
    pub(super) fn new(n: usize) -> Self {
        let edges = n * (n - 1) / 2;
        Self {
            n,
            cost: vec![0.0; n * n],
            fixed: Fixed::new(n),
            tree: OneTree::new(n),
            kept: vec![0.0; n * (1 + edges.min(KEPT * n))],
            pi: vec![0.0; n],
            last: vec![0.0; n],
            splits: Vec::with_capacity(edges + 1),
            order: vec![0; n],
            upper: 0.0,
            tolerance: 0.0,
            least_gain: 0.0,
            trial: vec![0; n],
        }
    }

    /// Finds a shortest tour under `cost`, or the best one of so many subproblems.
    pub(super) fn run(&mut self, limit: Option<usize>) -> Ended {
        self.begin();
        let mut nodes = 1;
        self.explore(f64::NEG_INFINITY, FIRST_STEPS * self.n);
        while let Some(split) = self.splits.last().copied() {
            self.fixed.undo(split.mark, &self.cost);
            if split.left == 0 || split.bound >= self.cut() {
                self.splits.pop();
                continue;
            }
            if limit.is_some_and(|most| nodes >= most) {
                return Ended { nodes, lower: Some(self.lower()) };
            }
            let depth = self.splits.len();
            self.splits[depth - 1].left -= 1;
            if self.enter(split) && self.fixed.propagate() {
                nodes += 1;
                self.explore(split.bound, STEPS * self.n);
            }
        }
        Ended { nodes, lower: None }
    }

    /// Starts from a tour of the nearest neighbours.
    fn begin(&mut self) {
        let Self { n, cost, trial, .. } = self;
        self.fixed.reset(cost);
        self.splits.clear();
        self.kept[..*n].fill(0.0);
        nearest(|i, j| cost[i * *n + j], trial);
        improve(cost, trial);
        self.least_gain = least_gain(cost);
        self.upper = f64::INFINITY;
        self.keep_trial();
    }

    /// Takes the tour in `trial` if it is the best.
    fn keep_trial(&mut self) {
        let found = length(&self.cost, &self.trial);
        if found < self.upper {
            self.upper = found;
            self.order.copy_from_slice(&self.trial);
            let (n, order) = (self.n, &self.order);
            let sizes = (0..n).map(|k| self.cost[order[k] * n + order[(k + 1) % n]].abs());
            self.tolerance = if self.least_gain > 0.0 { self.least_gain } else { TOLERANCE * sizes.sum::<f64>() };
        }
    }

    /// Subproblems with this bound have no tour that counts as better.
    fn cut(&self) -> f64 {
        self.upper - self.tolerance
    }

    /// No tour is shorter than this.
    fn lower(&self) -> f64 {
        let open = self.splits.iter().filter(|split| split.left > 0);
        open.map(|split| split.bound).fold(self.upper, f64::min)
    }

    /// Decides what the next child of `split` does; `false` if it has no tour.
    fn enter(&mut self, Split { v, a, b, left, .. }: Split) -> bool {
        let fixed = &mut self.fixed;
        match (fixed.degree(v), left) {
            (_, 1) => fixed.forbid(v, a),
            (0, 2) => fixed.require(v, a) && fixed.forbid(v, b),
            (0, _) => fixed.require(v, a) && fixed.require(v, b),
            _ => fixed.require(v, a),
        }
    }

    /// Computes the bound of the present subproblem and pushes how to split it, unless it is done with.
    fn explore(&mut self, mut bound: f64, steps: usize) {
        let (n, depth) = (self.n, self.splits.len());
        let place = |depth: usize| depth.min(self.kept.len() / n - 1) * n;
        let (parent, own) = (place(depth.saturating_sub(1)), place(depth));
        self.pi.copy_from_slice(&self.kept[parent..parent + n]);
        loop {
            let raised = self.ascend(own, steps);
            bound = bound.max(raised);
            if bound >= self.cut() {
                return;
            }
            if self.tree.is_tour() {
                self.tree.visit(&mut self.trial);
                return self.keep_trial();
            }
            if depth == 0 {
                self.improve_reduced();
            }
            // What an edge adds, it adds to the bound of this 1-tree, which where places are shared may be below its parent's.
            let (mark, slack) = (self.fixed.mark(), self.cut() - raised);
            if !self.tree.forbid_dear(&mut self.fixed, &self.pi, slack) || !self.fixed.propagate() {
                return;
            }
            let as_before = |&(i, j): &(usize, usize)| self.fixed.is_required(i, j) == self.tree.has(i, j);
            if self.fixed.since(mark).iter().all(as_before) {
                break;
            }
        }
        let split = self.split(bound);
        self.splits.push(split);
    }

    /// A tour of neighbours that are nearest under reduced costs: better ones than at the beginning, as a rule.
    fn improve_reduced(&mut self) {
        let Self { n, cost, pi, trial, .. } = self;
        nearest(|i, j| cost[i * *n + j] + pi[j], trial);
        improve(cost, trial);
        self.keep_trial();
    }

    /// Raises the bound by steps along the excess degrees (Polyak's step length, with a part of the last direction), from the potentials
    /// in `pi`. Leaves the best ones there and in `kept[own..]`, with their 1-tree, and returns their bound.
    fn ascend(&mut self, own: usize, steps: usize) -> f64 {
        let (n, cut, upper) = (self.n, self.cut(), self.upper);
        let Self { cost, fixed, tree, kept, pi, last, .. } = self;
        let best_pi = &mut kept[own..own + n];
        let (mut best, mut scale, mut stalled, mut at_best) = (f64::NEG_INFINITY, 1.0, 0, false);
        last.fill(0.0);
        for _ in 0..steps {
            let bound = tree.build(cost, fixed, pi);
            at_best = bound > best || tree.is_tour();
            if at_best {
                best = bound;
                best_pi.copy_from_slice(pi);
                stalled = 0;
            } else {
                stalled += 1;
            }
            if best >= cut || tree.is_tour() {
                return best;
            }
            if stalled == 3 {
                (scale, stalled) = (0.5 * scale, 0);
            }
            let norm: f64 = tree.excess.iter().map(|e| e * e).sum();
            let step = scale * (upper - bound) / norm;
            for ((p, last), e) in pi.iter_mut().zip(&mut *last).zip(&tree.excess) {
                *p += step * (0.7 * e + 0.3 * *last);
                *last = *e;
            }
        }
        pi.copy_from_slice(best_pi);
        if !at_best {
            tree.build(cost, fixed, pi);
        }
        best
    }

    /// How to split at a node with too many edges in the 1-tree: one with a required edge if there is one, which makes two children
    /// instead of three.
    fn split(&self, bound: f64) -> Split {
        let (fixed, n) = (&self.fixed, self.n);
        let crowded = (0..n).filter(|&v| self.tree.excess[v] > 0.0);
        let v = crowded.max_by_key(|&v| fixed.degree(v)).expect("a 1-tree that is no tour has such a node");
        let reduced = |w: usize| self.cost[v * n + w] + self.pi[w];
        let (mut near, mut next) = ((f64::INFINITY, v), (f64::INFINITY, v));
        for w in self.tree.edges().filter(|&(a, b)| a == v || b == v).map(|(a, b)| a + b - v).filter(|&w| fixed.is_free(v, w)) {
            if reduced(w) < near.0 {
                (near, next) = ((reduced(w), w), near);
            } else if reduced(w) < next.0 {
                next = (reduced(w), w);
            }
        }
        Split { mark: fixed.mark(), bound, v, a: near.1, b: next.1, left: 3 - fixed.degree(v) }
    }
}

/// By how much one tour is shorter than another at least, less a little for the rounding of bounds: multiples of a power of two, integers
/// for one, have no smaller differences. Zero if that is not far above rounding, as for most costs.
fn least_gain(cost: &[f64]) -> f64 {
    let unit = cost.iter().filter(|&&c| c != 0.0).map(|&c| last_bit(c)).fold(f64::INFINITY, f64::min);
    let size: f64 = cost.iter().map(|c| c.abs()).sum();
    if unit.is_finite() && unit > ROUNDING * size { (1.0 - 1e-3) * unit } else { 0.0 }
}

/// The value of the last bit of a number that is not zero; 0 for a subnormal one.
fn last_bit(value: f64) -> f64 {
    let (exponent, fraction) = ((value.to_bits() >> 52) & 0x7ff, value.to_bits() & ((1 << 52) - 1));
    let zeros = (fraction | 1 << 52).trailing_zeros();
    if exponent == 0 { 0.0 } else { 2_f64.powi(exponent as i32 - 1075 + zeros as i32) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bit_of_a_number() {
        assert_eq!([1.0, -6.0, 0.75, 1e-310].map(last_bit), [1.0, 2.0, 0.25, 0.0]);
    }

    #[test]
    fn integers_differ_by_one_and_reals_by_nothing_to_speak_of() {
        assert!((least_gain(&[0.0, 3.0, -4.0]) - 0.999).abs() <= 1e-12);
        assert_eq!(least_gain(&[0.0, 0.1, 0.7]), 0.0);
        assert_eq!(least_gain(&[0.0, 1.0, 1e12]), 0.0);
        assert_eq!(least_gain(&[0.0; 4]), 0.0);
    }
}
