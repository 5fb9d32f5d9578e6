use dfl_core::{Result, decide};
use serde::Deserialize;

use super::Piece;
use super::problem::{Smoothing, budget, ids, permutations, targets};
use super::sweep::{self, SEED, Sweep};
use crate::data::polynomial::check_positive;

/// How far smoothing moves the selection of the best item: $|v_\mu - v^\star|_1$ for values that are a random permutation of
/// 1, ..., `items` (Table 2 of the surrogate-loss paper). Minimises the negative value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distance {
    items: Vec<usize>,
    mu: Vec<f64>,
    simulations: usize,
    smoothing: Vec<Smoothing>,
}

impl Distance {
    pub(super) fn check(&self) -> Result<()> {
        sweep::check(&self.items, &self.mu, self.simulations)?;
        check_positive("smoothings", self.smoothing.len())
    }

    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece + '_>> {
        let pairs = self.items.iter().flat_map(|&items| self.smoothing.iter().map(move |&smoothing| (items, smoothing)));
        pairs.map(|(items, smoothing)| Box::new(self.sweep(items, smoothing)) as Box<dyn Piece>).collect()
    }

    fn sweep(&self, items: usize, smoothing: Smoothing) -> Sweep<'_> {
        Sweep {
            items,
            mu: &self.mu,
            simulations: self.simulations,
            method: "oracle",
            solver: smoothing.id(),
            metric: "manhattan_distance",
            measure: Box::new(move |mu| distances(items, self.simulations, smoothing, mu)),
        }
    }
}

fn distances(items: usize, simulations: usize, smoothing: Smoothing, mu: f64) -> Result<Vec<f64>> {
    let decider = smoothing.decider(budget(items, true)?, mu)?;
    let costs = permutations(items, simulations, SEED, "truth");
    let (smoothed, _) = decide(&*decider, &costs, &ids(simulations))?;
    let best = targets(costs, true).solution.unwrap_or_default();
    let distance = |(a, b): (&[f64], &[f64])| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum();
    Ok(smoothed.iter().zip(best.iter()).map(distance).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::metrics::mean;

    const ITEMS: [usize; 5] = [5, 10, 20, 50, 100];

    fn distance(items: usize, smoothing: Smoothing, mu: f64) -> f64 {
        mean(&distances(items, 20, smoothing, mu).unwrap())
    }

    /// While the two best items share the weight: `s = v1 - v2` maximises `s/2 - mu sqrt((1 + s^2)/2)`, so that `1 - s` is the distance,
    /// `s = 1/sqrt(2 mu^2 - 1)`; up to `mu = 1` it is 1.
    #[test]
    fn the_norm_has_a_closed_form_for_two_items() {
        for items in ITEMS {
            for mu in [0.1, 0.5, 0.99, 1.05, 1.5, 2.0] {
                let s = if mu > 1.0 { 1.0 / (2.0_f64 * mu * mu - 1.0).sqrt() } else { 1.0 };
                let found = distance(items, Smoothing::Norm, mu);
                assert!((found - (1.0 - s)).abs() < 1e-9, "{items} items, mu {mu}: {found}, by hand {}", 1.0 - s);
            }
        }
    }

    /// With `t` items in the support, `v_j = (y_j - mean)/mu' + 1/t`: for two `v_2 = (1 - 1/mu')/2`, for four at `mu' = 5` the weights are
    /// 1/4 + (1.5, .5, -.5, -1.5)/5.
    #[test]
    fn squares_have_their_own_figures() {
        let by_hand = [(0.1, 0.0), (0.99, 0.0), (1.05, 1.0 - 1.0 / 1.05), (1.5, 1.0 / 3.0), (2.0, 0.5)];
        for items in ITEMS {
            for (mu, figure) in by_hand {
                assert!((distance(items, Smoothing::Quadratic, mu) - figure).abs() < 1e-12, "{items} items, mu {mu}");
                assert!((distance(items, Smoothing::QuadraticEq3, 0.5 * mu) - figure).abs() < 1e-12, "{items} items, mu {mu}");
            }
        }
    }
}
