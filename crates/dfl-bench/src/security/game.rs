use std::sync::Arc;

use dfl_core::{Error, Result, check_len};

use super::Graph;
use super::factor::Pattern;
use crate::data::polynomial::check;

/// What a coverage may lie outside of `[0, 1]`: the rounding of a solver.
const ROUNDING: f64 = 1e-7;

/// How an attacker walks, and what keeps the system regular.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// $\omega$: how much an attacker shies away from coverage.
    pub omega: f64,
    /// $\varepsilon$: at each step the walk ends with probability $\varepsilon/(1+\varepsilon)$, to nobody's gain.
    pub epsilon: f64,
}

impl Default for Rules {
    /// The published $\omega = 4$ and $\varepsilon = 0.01$.
    fn default() -> Self {
        Self { omega: 4.0, epsilon: 0.01 }
    }
}

/// Who walks on a [`Graph`], and for what: the Markov chain whose value the defender minimises.
///
/// From node $u$ an attacker goes to a neighbour $v$ with probability
///
/// $$P_{uv}(\phi, c) = \frac{e^{\phi_v - \omega c_{uv}}}{\sum_w e^{\phi_w - \omega c_{uw}}}$$
///
/// and is caught on the way with probability $c_{uv}$, which pays nothing. It starts at a source, each as likely, and ends at the first target $t$,
/// which pays $u_t$.
///
/// States are nodes that are no target, in the order of elimination, then the targets.
#[derive(Clone, Debug)]
pub struct Game {
    graph: Graph,
    rules: Rules,
    pub(super) pattern: Pattern,
    /// States of the sources.
    pub(super) start: Vec<usize>,
    payoffs: Vec<f64>,
    /// Where the ways out of each state begin; targets have none.
    first: Vec<usize>,
    ways: Vec<Way>,
}

/// A step from a state to a neighbour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// State and node to which it leads.
    pub(super) to: usize,
    pub(super) node: usize,
    pub(super) edge: usize,
    /// Its place in the matrix; of no use where it leads to a target.
    pub(super) entry: usize,
}

impl Game {
    /// A game on `graph` with the payoff of each target, in its order.
    ///
    /// # Errors
    /// [`Error::Dimension`] for another number of payoffs, [`Error::Domain`] for one that is not finite, a negative $\omega$ or an $\varepsilon$ that
    /// is not positive.
    pub fn new(graph: Graph, payoffs: Vec<f64>, rules: Rules) -> Result<Self> {
        check_len("payoffs of the targets", graph.targets().len(), payoffs.len())?;
        payoffs.iter().try_for_each(|&u| check("payoff of a target", u, u.is_finite(), "finite"))?;
        check("omega of a game", rules.omega, rules.omega >= 0.0 && rules.omega.is_finite(), "at least 0 and finite")?;
        check("epsilon of a game", rules.epsilon, rules.epsilon > 0.0 && rules.epsilon.is_finite(), "positive and finite")?;
        let moving: Vec<usize> = (0..graph.nodes()).filter(|v| !graph.targets().contains(v)).collect();
        let mut number = vec![usize::MAX; graph.nodes()];
        moving.iter().enumerate().for_each(|(k, &v)| number[v] = k);
        let others = |&v: &usize| graph.neighbours(v).iter().map(|&(w, _)| number[w]).filter(|&k| k != usize::MAX).collect();
        let (pattern, order) = Pattern::new(&moving.iter().map(others).collect::<Vec<_>>());
        let nodes: Vec<usize> = order.iter().map(|&k| moving[k]).chain(graph.targets().iter().copied()).collect();
        let mut state = vec![0; graph.nodes()];
        nodes.iter().enumerate().for_each(|(k, &v)| state[v] = k);
        let (mut first, mut ways) = (vec![0], Vec::new());
        for (k, &v) in nodes.iter().enumerate().take(moving.len()) {
            ways.extend(graph.neighbours(v).iter().map(|&(node, edge)| {
                let to = state[node];
                Way { to, node, edge, entry: if to < moving.len() { pattern.entry(k, to).unwrap_or(usize::MAX) } else { usize::MAX } }
            }));
            first.push(ways.len());
        }
        let start = graph.sources().iter().map(|&v| state[v]).collect();
        Ok(Self { graph, rules, pattern, start, payoffs, first, ways })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What each target pays, in the order of the graph's.
    pub fn payoffs(&self) -> &[f64] {
        &self.payoffs
    }

    /// The rules.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Number of states that are no target.
    pub(super) fn moving(&self) -> usize {
        self.first.len() - 1
    }

    pub(super) fn edges(&self) -> usize {
        self.graph.edges().len()
    }

    /// All ways out, those of one state together.
    pub(super) fn all_ways(&self) -> &[Way] {
        &self.ways
    }

    /// The states that are no target, each with the number of its first way and its ways.
    #[inline]
    pub(super) fn states(&self) -> impl Iterator<Item = (usize, usize, &[Way])> {
        self.first.windows(2).enumerate().map(|(k, ends)| (k, ends[0], &self.ways[ends[0]..ends[1]]))
    }

    /// Refuses an attractiveness that is not finite.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`] with the node as the column.
    pub fn check_attractiveness(&self, phi: &[f64]) -> Result<()> {
        check_len("attractiveness of the nodes", self.graph.nodes(), phi.len())?;
        match phi.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(column) => Err(Error::NotFinite { what: "attractiveness of the nodes", row: 0, column, value: phi[column] }),
        }
    }

    /// Refuses what is no coverage: outside of `[0, 1]` there are no probabilities of being caught.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::Domain`] with the entry.
    pub fn check_coverage(&self, coverage: &[f64]) -> Result<()> {
        check_len("coverage of the edges", self.edges(), coverage.len())?;
        let outside = coverage.iter().find(|c| !(-ROUNDING..=1.0 + ROUNDING).contains(*c));
        outside.map_or(Ok(()), |&value| Err(Error::Domain { what: "coverage of an edge", value, need: "a probability, from 0 to 1" }))
    }

    /// Shared by costs, energies and likelihoods.
    pub fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }
}
