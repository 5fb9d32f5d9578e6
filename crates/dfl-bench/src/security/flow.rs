//! Maximum flow and minimum cut of a graph whose edges all have capacity 1 in both directions.

use super::Graph;

/// A minimum cut between all sources and all targets, the one nearest to the sources.
///
/// Breadth-first augmenting paths (Edmonds & Karp), of which there are no more than edges at the sources.
pub(super) fn min_cut(graph: &Graph) -> Vec<usize> {
    // Flow along an edge from its first end to its second: -1, 0 or 1.
    let mut flow = vec![0_i8; graph.edges().len()];
    loop {
        let found = search(graph, &flow);
        let Some(&target) = graph.targets().iter().find(|&&v| found[v].is_some()) else {
            let inside = |v: usize| found[v].is_some();
            return (0..flow.len()).filter(|&e| inside(graph.edges()[e][0]) != inside(graph.edges()[e][1])).collect();
        };
        let mut node = target;
        while let Some(Some((from, edge))) = found[node] {
            flow[edge] += direction(graph, edge, from);
            node = from;
        }
    }
}

/// Which nodes the sources still reach, each with the step to it; a source has none.
type Reached = Vec<Option<Option<(usize, usize)>>>;

fn search(graph: &Graph, flow: &[i8]) -> Reached {
    let mut found: Reached = vec![None; graph.nodes()];
    graph.sources().iter().for_each(|&v| found[v] = Some(None));
    let mut queue = graph.sources().to_vec();
    let mut next = 0;
    while let Some(&u) = queue.get(next) {
        next += 1;
        for &(v, e) in graph.neighbours(u) {
            if found[v].is_none() && flow[e] * direction(graph, e, u) < 1 {
                found[v] = Some(Some((u, e)));
                queue.push(v);
            }
        }
    }
    found
}

fn direction(graph: &Graph, edge: usize, from: usize) -> i8 {
    if graph.edges()[edge][0] == from { 1 } else { -1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Rng;

    /// The fewest edges, by trying every set of nodes that has the sources and not the targets.
    fn fewest(graph: &Graph) -> usize {
        let with = |set: u32, v: usize| set >> v & 1 == 1;
        let sets = (0..1_u32 << graph.nodes())
            .filter(|&set| graph.sources().iter().all(|&v| with(set, v)) && !graph.targets().iter().any(|&v| with(set, v)));
        let crossing = |set: u32| graph.edges().iter().filter(|[u, v]| with(set, *u) != with(set, *v)).count();
        sets.map(crossing).min().unwrap()
    }

    #[test]
    fn cuts_of_random_graphs_are_the_smallest_and_cut() {
        let (mut rng, mut tried) = (Rng::seeded(3), 0);
        while tried < 60 {
            let edges: Vec<[usize; 2]> = (0..9).flat_map(|u| (0..u).map(move |v| [u, v])).filter(|_| rng.uniform() < 0.4).collect();
            let Ok(graph) = Graph::new(9, edges, vec![0, 1], vec![7, 8]) else { continue };
            tried += 1;
            let cut = min_cut(&graph);
            assert_eq!(cut.len(), fewest(&graph), "{graph:?}");
            let left: Vec<[usize; 2]> = (0..graph.edges().len()).filter(|e| !cut.contains(e)).map(|e| graph.edges()[e]).collect();
            let mut reached = vec![true, true, false, false, false, false, false, false, false];
            for _ in 0..9 {
                left.iter().for_each(|&[u, v]| (reached[u], reached[v]) = (reached[u] || reached[v], reached[u] || reached[v]));
            }
            assert!(!reached[7] && !reached[8]);
        }
    }
}
