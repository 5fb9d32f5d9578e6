//! Searches under different rows, in turns.

use super::dual::Dual;
use super::lattice::Lattice;
use super::search::Search;

/// Nodes of the first round, and how many times more each further one has.
const ROUND: usize = 500;
const GROWTH: usize = 4;
/// Nodes before a lattice is looked for, and at most for the largest sum of its points; a bound on that serves as well.
const BRIEF: usize = ROUND * (1 + GROWTH);
const CUT_NODES: usize = 20_000;

/// Weights `[items, rows]` of which some rows are in use.
#[derive(Clone, Copy, Debug)]
struct Rows<'a> {
    weights: &'a [f64],
    rows: usize,
    /// The rows to begin with.
    first: usize,
    /// The rows that get a multiplier.
    priced: usize,
}

impl Rows<'_> {
    /// Searches until about `nodes` nodes were seen; returns a bound on the value of any set.
    fn search(&self, values: &[f64], nodes: usize, dual: &mut Dual, search: &mut Search) -> f64 {
        dual.start(values, self.weights, self.rows);
        let mut bound = dual.descend(values, self.weights, self.first);
        if self.priced > self.first {
            bound = dual.descend(values, self.weights, self.priced);
        }
        search.greedy(values, self.weights, dual, bound);
        search.run(values, self.weights, dual, nodes)
    }
}

/// Searches under one after the other, each round longer than the last, until about `nodes` nodes were seen; returns by how much a set may
/// be better than the best.
fn take_turns(of: &[Rows<'_>], values: &[f64], mut round: usize, nodes: usize, dual: &mut Dual, search: &mut Search) -> f64 {
    let mut most = f64::INFINITY;
    for rows in of.iter().cycle() {
        most = most.min(rows.search(values, search.nodes.saturating_add(round).min(nodes), dual, search));
        if most <= search.best || search.nodes >= nodes {
            break;
        }
        round = round.saturating_mul(GROWTH);
    }
    (most - search.best).max(0.0)
}

/// Memory of the search.
#[derive(Clone, Debug)]
pub(super) struct Rounds {
    rows: usize,
    dual: Dual,
    pub(super) search: Search,
    lattice: Lattice,
    /// Finds the largest sum of the lattice's points.
    points: Search,
    /// The weights, and the lattice's points as one more row.
    cut: Vec<f64>,
}

impl Rounds {
    pub(super) fn new(items: usize, rows: usize) -> Self {
        Self {
            rows,
            dual: Dual::new(items, rows + 1),
            search: Search::new(items, rows + 1),
            lattice: Lattice::new(items),
            points: Search::new(items, rows),
            cut: Vec::with_capacity(items * (rows + 1)),
        }
    }

    /// Finds the best set of the items in about `nodes` nodes; returns by how much another may be better.
    ///
    /// Items of almost the same value need the last row, the bound on their number; with few different values it makes their penalties
    /// equal, and the search is better off without. So rounds with and without take turns; and, where values lie near a lattice,
    /// those with a bound on the sum of its points.
    pub(super) fn run(&mut self, values: &[f64], weights: &[f64], nodes: usize) -> f64 {
        let without = Rows { weights, rows: self.rows, first: self.rows - 1, priced: self.rows - 1 };
        let with = Rows { priced: self.rows, ..without };
        self.search.start(values.len());
        let excess = take_turns(&[without, with], values, ROUND, nodes.min(BRIEF), &mut self.dual, &mut self.search);
        if excess == 0.0 || self.search.nodes >= nodes {
            return excess;
        }
        let found = !self.search.whole() && self.lattice.find(values) && self.cut(&[without, with], nodes);
        let cut = Rows { weights: &self.cut, rows: self.rows + 1, priced: self.rows + 1, ..without };
        let rounds = if found { &[cut, without, with][..] } else { &[without, with] };
        excess.min(take_turns(rounds, values, ROUND * GROWTH * GROWTH, nodes, &mut self.dual, &mut self.search))
    }

    /// Fills the weights with one more row: the points of no set sum to more than the most that fits.
    fn cut(&mut self, rows: &[Rows<'_>], nodes: usize) -> bool {
        let Self { dual, search, lattice, points, cut, .. } = self;
        points.start(lattice.points.len());
        let excess = take_turns(rows, &lattice.points, ROUND, CUT_NODES.min(nodes - search.nodes), dual, points);
        search.nodes += points.nodes;
        let most = (points.best + excess + 1e-6).floor();
        cut.clear();
        for (w, k) in rows[0].weights.chunks_exact(self.rows).zip(&lattice.points) {
            cut.extend_from_slice(w);
            cut.push(k / most);
        }
        most > 0.0
    }
}
