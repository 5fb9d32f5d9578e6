//! A second implementation: dense matrices from the formulas, and walks.

use dfl_bench::security::Game;
use dfl_core::Rng;

/// $P_{uv}$ of every neighbour, with its edge.
pub(crate) fn transitions(game: &Game, phi: &[f64], coverage: &[f64], u: usize) -> Vec<(usize, usize, f64)> {
    let weight = |&(v, e): &(usize, usize)| (phi[v] - game.rules().omega * coverage[e]).exp();
    let around = game.graph().neighbours(u);
    let total: f64 = around.iter().map(weight).sum();
    around.iter().map(|way| (way.0, way.1, weight(way) / total)).collect()
}

/// $p_0^\top ((1+\varepsilon) I - Q)^{-1} R u$ by Gaussian elimination over all nodes, targets with a row of the identity.
pub(crate) fn value(game: &Game, phi: &[f64], coverage: &[f64]) -> f64 {
    let (graph, n) = (game.graph(), game.graph().nodes());
    let mut system = vec![vec![0.0; n + 1]; n];
    for (u, row) in system.iter_mut().enumerate() {
        if let Some(t) = graph.targets().iter().position(|&t| t == u) {
            (row[u], row[n]) = (1.0, game.payoffs()[t]);
            continue;
        }
        row[u] = 1.0 + game.rules().epsilon;
        transitions(game, phi, coverage, u).into_iter().for_each(|(v, e, p)| row[v] -= p * (1.0 - coverage[e]));
    }
    for k in 0..n {
        let best = (k..n).max_by(|&i, &j| system[i][k].abs().total_cmp(&system[j][k].abs())).unwrap();
        system.swap(k, best);
        let pivot = system[k].clone();
        for row in &mut system[k + 1..] {
            let factor = row[k] / pivot[k];
            (k..=n).for_each(|j| row[j] -= factor * pivot[j]);
        }
    }
    let mut h = vec![0.0; n];
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| system[k][j] * h[j]).sum();
        h[k] = (system[k][n] - known) / system[k][k];
    }
    graph.sources().iter().map(|&s| h[s]).sum::<f64>() / graph.sources().len() as f64
}

/// What one attacker gains who walks until it is caught, arrives, or the walk ends; `seen` is called with each step.
pub(crate) fn walk(game: &Game, phi: &[f64], coverage: &[f64], rng: &mut Rng, mut seen: impl FnMut(usize, usize)) -> f64 {
    let graph = game.graph();
    let mut node = graph.sources()[rng.below(graph.sources().len())];
    loop {
        if let Some(t) = graph.targets().iter().position(|&t| t == node) {
            return game.payoffs()[t];
        }
        let mut left = rng.uniform();
        let ways = transitions(game, phi, coverage, node);
        let (next, edge, _) = *ways
            .iter()
            .find(|(.., p)| {
                left -= p;
                left < 0.0
            })
            .unwrap_or(&ways[ways.len() - 1]);
        seen(node, next);
        if rng.uniform() < coverage[edge] || rng.uniform() * (1.0 + game.rules().epsilon) >= 1.0 {
            return 0.0;
        }
        node = next;
    }
}
