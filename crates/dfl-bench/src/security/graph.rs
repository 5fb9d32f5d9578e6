use dfl_core::{Error, Result};

use super::flow;
use crate::data::polynomial::check;

/// An undirected graph with nodes where an attacker starts and nodes that it wants to reach.
///
/// There are no loops and no edge twice, it is connected, and no source is a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: usize,
    edges: Vec<[usize; 2]>,
    sources: Vec<usize>,
    targets: Vec<usize>,
    /// Each node's neighbours with the edge to them, in the order of the edges.
    neighbours: Vec<Vec<(usize, usize)>>,
}

impl Graph {
    /// Nodes are `0..nodes`; an edge is the pair of its ends, in any order.
    ///
    /// # Errors
    /// [`Error::Domain`] naming what is wrong: no nodes, edges, sources or targets; a node that does not exist; a loop; an edge, source or
    /// target twice; a source that is a target; a node without edges; a target that no source reaches; a graph in several parts.
    pub fn new(nodes: usize, edges: Vec<[usize; 2]>, sources: Vec<usize>, targets: Vec<usize>) -> Result<Self> {
        let counts = [("nodes of a graph", nodes), ("edges of a graph", edges.len()), ("sources of a graph", sources.len())];
        let counts = counts.into_iter().chain([("targets of a graph", targets.len())]);
        counts.into_iter().try_for_each(|(what, count)| check(what, count as f64, count > 0, "at least 1"))?;
        let mut graph = Self { nodes, neighbours: vec![Vec::new(); nodes], edges, sources, targets };
        graph.check_names()?;
        graph.link()?;
        graph.check_connected()?;
        Ok(graph)
    }

    fn check_names(&self) -> Result<()> {
        let known =
            |what, node: usize| check(what, node as f64, node < self.nodes, "the number of a node, from 0 to less than their count");
        self.edges.iter().flatten().try_for_each(|&v| known("end of an edge", v))?;
        self.sources.iter().try_for_each(|&v| known("source of a graph", v))?;
        self.targets.iter().try_for_each(|&v| known("target of a graph", v))?;
        for (what, list) in [("source of a graph", &self.sources), ("target of a graph", &self.targets)] {
            let twice = list.iter().enumerate().find(|&(i, v)| list[..i].contains(v));
            twice.map_or(Ok(()), |(_, &v)| Err(Error::Domain { what, value: v as f64, need: "given once" }))?;
        }
        let both = self.sources.iter().find(|v| self.targets.contains(v));
        both.map_or(Ok(()), |&v| Err(Error::Domain { what: "source of a graph", value: v as f64, need: "no target" }))
    }

    /// Fills in the neighbours.
    fn link(&mut self) -> Result<()> {
        for (e, &[u, v]) in self.edges.iter().enumerate() {
            let number = "edge of a graph, by its place in the list,";
            check(number, e as f64, u != v, "between two nodes, not a loop")?;
            check(number, e as f64, self.neighbours[u].iter().all(|&(w, _)| w != v), "given once")?;
            self.neighbours[u].push((v, e));
            self.neighbours[v].push((u, e));
        }
        Ok(())
    }

    fn check_connected(&self) -> Result<()> {
        let alone = self.neighbours.iter().position(Vec::is_empty);
        alone.map_or(Ok(()), |v| {
            Err(Error::Domain { what: "node of a graph", value: v as f64, need: "the end of an edge, not isolated" })
        })?;
        let reached = self.distances(&self.sources);
        let lost = self.targets.iter().find(|&&v| reached[v].is_none());
        lost.map_or(Ok(()), |&v| Err(Error::Domain { what: "target of a graph", value: v as f64, need: "reachable from a source" }))?;
        let apart = self.distances(&[0]).iter().position(Option::is_none);
        apart.map_or(Ok(()), |v| Err(Error::Domain { what: "node of a graph", value: v as f64, need: "connected with node 0" }))
    }

    /// Number of nodes $N$.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The edges, in the order of a coverage.
    pub fn edges(&self) -> &[[usize; 2]] {
        &self.edges
    }

    /// Where attackers start.
    pub fn sources(&self) -> &[usize] {
        &self.sources
    }

    /// Where they want to go, in the order of the payoffs.
    pub fn targets(&self) -> &[usize] {
        &self.targets
    }

    /// The neighbours of a node, each with the number of the edge to it.
    pub fn neighbours(&self, node: usize) -> &[(usize, usize)] {
        &self.neighbours[node]
    }

    /// Number of edges on the shortest way from each node to the nearest of some; `None` where there is no way.
    pub fn distances(&self, to: &[usize]) -> Vec<Option<usize>> {
        let mut found = vec![None; self.nodes];
        to.iter().for_each(|&v| found[v] = Some(0));
        let mut queue = to.to_vec();
        let mut next = 0;
        while let Some(&u) = queue.get(next) {
            next += 1;
            for &(v, _) in &self.neighbours[u] {
                if found[v].is_none() {
                    found[v] = found[u].map(|d| d + 1);
                    queue.push(v);
                }
            }
        }
        found
    }

    /// The fewest edges without which no target can be reached: a minimum cut between all sources and all targets, nearest to the sources.
    pub fn min_cut(&self) -> Vec<usize> {
        flow::min_cut(self)
    }

    /// Refuses a budget that is no coverage or that closes every way: full coverage of a minimum cut would end the game.
    ///
    /// # Errors
    /// [`Error::Domain`] for a budget that is not positive, exceeds the number of edges, or reaches the size of the minimum cut.
    pub fn check_budget(&self, budget: f64) -> Result<()> {
        let what = "budget of a coverage";
        check(what, budget, budget > 0.0 && budget.is_finite(), "positive and finite")?;
        check(what, budget, budget <= self.edges.len() as f64, "at most the number of edges")?;
        check(what, budget, budget < self.min_cut().len() as f64, "less than the edges of a minimum cut, which it would close")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(nodes: usize, edges: &[[usize; 2]], sources: &[usize], targets: &[usize]) -> String {
        Graph::new(nodes, edges.to_vec(), sources.to_vec(), targets.to_vec()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_game_is_refused_by_name() {
        let path = [[0, 1], [1, 2]];
        for (found, expected) in [
            (refused(0, &[], &[], &[]), "nodes of a graph: 0 is not accepted; it must be at least 1"),
            (refused(3, &[], &[0], &[2]), "edges of a graph: 0"),
            (refused(3, &path, &[], &[2]), "sources of a graph: 0"),
            (refused(3, &path, &[0], &[]), "targets of a graph: 0"),
            (refused(3, &[[0, 3]], &[0], &[2]), "end of an edge: 3"),
            (refused(3, &path, &[5], &[2]), "source of a graph: 5"),
            (refused(3, &path, &[0], &[2, 2]), "target of a graph: 2 is not accepted; it must be given once"),
            (refused(3, &path, &[0, 2], &[2]), "source of a graph: 2 is not accepted; it must be no target"),
            (
                refused(3, &[[0, 1], [1, 1]], &[0], &[1]),
                "edge of a graph, by its place in the list,: 1 is not accepted; it must be between",
            ),
            (
                refused(3, &[[0, 1], [1, 0]], &[0], &[1]),
                "edge of a graph, by its place in the list,: 1 is not accepted; it must be given once",
            ),
            (refused(4, &path, &[0], &[2]), "node of a graph: 3 is not accepted; it must be the end of an edge, not isolated"),
            (refused(5, &[[0, 1], [1, 2], [3, 4]], &[0], &[4]), "target of a graph: 4 is not accepted; it must be reachable from a source"),
            (refused(5, &[[0, 1], [1, 2], [3, 4]], &[0], &[2]), "node of a graph: 3 is not accepted; it must be connected with node 0"),
        ] {
            assert!(found.starts_with(expected), "{found}");
        }
    }

    /// Two disjoint ways from 0 to 3, one of them with two edges side by side at its end: the cut has two edges.
    #[test]
    fn budgets_and_cuts() {
        let graph = Graph::new(4, vec![[0, 1], [0, 2], [1, 3], [2, 3], [1, 2]], vec![0], vec![3]).unwrap();
        assert_eq!(graph.min_cut(), [0, 1]);
        assert_eq!(graph.distances(&[3]), [Some(2), Some(1), Some(1), Some(0)]);
        assert!(graph.check_budget(1.5).is_ok());
        for (budget, need) in
            [(0.0, "positive"), (f64::NAN, "positive"), (6.0, "at most the number of edges"), (2.0, "less than the edges of a minimum cut")]
        {
            let error = graph.check_budget(budget).unwrap_err().to_string();
            assert!(error.starts_with("budget of a coverage") && error.contains(need), "{error}");
        }
    }
}
