use dfl_core::{Error, Key, Result, Rng, Stream};
use serde::Serialize;

use super::Graph;
use crate::data::polynomial::check;

/// How many graphs are drawn before giving up.
const TRIES: u64 = 10_000;

/// A random geometric graph: nodes uniform on the unit square, an edge wherever two are closer than a radius; sources and targets are
/// drawn without replacement.
///
/// Drawn again until it is a [`Graph`] whose minimum cut between sources and targets exceeds the budget; sources are never targets.
///
/// # References
/// Wang et al. (2020), the game's published code: radius about 0.2, 20 to 120 nodes, 5 sources, 5 targets, budget 3.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RandomGraph {
    /// Number of nodes.
    pub nodes: usize,
    /// Of the disc in which a node has its neighbours; the unit square has side 1.
    pub radius: f64,
    /// Number of sources.
    pub sources: usize,
    /// Number of targets.
    pub targets: usize,
    /// What a coverage sums to.
    pub budget: f64,
}

impl Default for RandomGraph {
    /// The published example: 50 nodes.
    fn default() -> Self {
        Self { nodes: 50, radius: 0.2, sources: 5, targets: 5, budget: 3.0 }
    }
}

impl RandomGraph {
    /// With so many nodes; below 50 the radius grows such that a node has as many neighbours as with 50, since smaller graphs of radius 0.2 are
    /// hardly ever connected (our choice).
    pub fn of_size(nodes: usize) -> Self {
        let default = Self::default();
        let wider = default.radius * (default.nodes as f64 / nodes.max(1) as f64).sqrt();
        Self { nodes, radius: default.radius.max(wider), ..default }
    }

    /// Draws a graph.
    ///
    /// # Errors
    /// [`Error::Domain`] for a radius or budget that is not positive, fewer nodes than sources and targets, or where none of many draws fits,
    /// which says that the radius is too small for the number of nodes and the budget.
    pub fn draw(&self, seed: u64) -> Result<Graph> {
        check("radius of a random graph", self.radius, self.radius > 0.0 && self.radius.is_finite(), "positive and finite")?;
        check("budget of a coverage", self.budget, self.budget > 0.0 && self.budget.is_finite(), "positive and finite")?;
        [("sources of a graph", self.sources), ("targets of a graph", self.targets)]
            .into_iter()
            .try_for_each(|(what, count)| check(what, count as f64, count > 0, "at least 1"))?;
        let ends = self.sources + self.targets;
        check("nodes of a random graph", self.nodes as f64, self.nodes > ends, "more than sources and targets together")?;
        let stream = Stream { seed, step: 0 };
        let fits = |id| self.attempt(&mut stream.rng("security graph", Key { id, slot: 0 }));
        (0..TRIES).find_map(fits).ok_or(Error::Domain {
            what: "radius of a random graph",
            value: self.radius,
            need: "larger: of 10000 graphs none is connected with a minimum cut above the budget",
        })
    }

    /// One graph, if it fits.
    fn attempt(&self, rng: &mut Rng) -> Option<Graph> {
        let at: Vec<[f64; 2]> = (0..self.nodes).map(|_| [rng.uniform(), rng.uniform()]).collect();
        let near = |u: usize, v: usize| (at[u][0] - at[v][0]).powi(2) + (at[u][1] - at[v][1]).powi(2) < self.radius * self.radius;
        let edges = (0..self.nodes).flat_map(|u| (u + 1..self.nodes).map(move |v| [u, v])).filter(|&[u, v]| near(u, v)).collect();
        let mut names: Vec<usize> = (0..self.nodes).collect();
        rng.shuffle(&mut names);
        let (sources, rest) = names.split_at(self.sources);
        let graph = Graph::new(self.nodes, edges, sources.to_vec(), rest[..self.targets].to_vec()).ok()?;
        graph.check_budget(self.budget).is_ok().then_some(graph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphs_of_every_size_are_drawn_and_depend_on_the_seed() {
        for nodes in [20, 30, 50, 80] {
            let graph = RandomGraph::of_size(nodes).draw(4).unwrap();
            assert!(graph.min_cut().len() > 3 && graph.nodes() == nodes);
            assert_eq!(graph, RandomGraph::of_size(nodes).draw(4).unwrap());
            assert_ne!(graph, RandomGraph::of_size(nodes).draw(5).unwrap());
        }
    }

    #[test]
    fn what_cannot_be_drawn_ends_in_an_error() {
        let text = |random: RandomGraph| random.draw(0).unwrap_err().to_string();
        let default = RandomGraph::default();
        assert!(text(RandomGraph { radius: 0.03, ..default }).contains("larger: of 10000 graphs none"));
        assert!(text(RandomGraph { nodes: 10, ..default }).contains("more than sources and targets together"));
        assert!(text(RandomGraph { radius: f64::NAN, ..default }).starts_with("radius of a random graph"));
        assert!(text(RandomGraph { sources: 0, ..default }).starts_with("sources of a graph: 0"));
        assert!(text(RandomGraph { budget: 0.0, ..default }).starts_with("budget of a coverage"));
    }
}
