use dfl_core::{Result, Stream};
use serde::Deserialize;

use super::problem::{Smoothing, budget, ids, joined, permutations, targets};
use super::sweep::{self, SEED, Sweep};
use super::{Piece, check_methods};

/// How large the gradients of losses over the smoothed selection of the best item are:
/// $\tfrac1M \sum_j |\partial \ell / \partial \hat y_j|$, for true and predicted values that are two independent permutations of 1, ...,
/// `items` (Fig. 4 of the surrogate-loss paper, which does not say how it draws predictions). Smoothed by `mu/2 |v|^2`; minimises the
/// negative value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientSize {
    items: Vec<usize>,
    mu: Vec<f64>,
    simulations: usize,
    methods: Vec<String>,
}

impl GradientSize {
    pub(super) fn check(&self) -> Result<()> {
        sweep::check(&self.items, &self.mu, self.simulations)?;
        check_methods(&self.methods)
    }

    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece + '_>> {
        let pairs = self.items.iter().flat_map(|&items| self.methods.iter().map(move |method| (items, method.as_str())));
        pairs.map(|(items, method)| Box::new(self.sweep(items, method)) as Box<dyn Piece>).collect()
    }

    fn sweep<'a>(&'a self, items: usize, method: &'a str) -> Sweep<'a> {
        Sweep {
            items,
            mu: &self.mu,
            simulations: self.simulations,
            method,
            solver: Smoothing::Quadratic.id(),
            metric: "mean_abs_gradient",
            measure: Box::new(move |mu| sizes(items, self.simulations, method, mu)),
        }
    }
}

/// Mean absolute entry of each simulation's gradient.
fn sizes(items: usize, simulations: usize, method: &str, mu: f64) -> Result<Vec<f64>> {
    let loss = joined(method, Smoothing::Quadratic.decider(budget(items, true)?, mu)?)?;
    let draw = |purpose| permutations(items, simulations, SEED, purpose);
    let found = loss.evaluate(&draw("prediction"), &targets(draw("truth"), true), &ids(simulations), Stream::default())?;
    Ok(found.grads.iter().map(|g| g.iter().map(|g| g.abs()).sum::<f64>() / items as f64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Below the gap of 1 between values the smoothed decision is a vertex: the regret's gradient is zero, and that of SCE, `v* - v`, has
    /// two entries of 1 where the decision is wrong and none where it is right.
    #[test]
    fn below_the_gap_regret_is_flat_and_sce_is_not() {
        for items in [5, 100] {
            let regret = sizes(items, 20, "regret", 0.5).unwrap();
            assert!(regret.iter().all(|&size| size < 1e-12), "{regret:?}");
            let sce = sizes(items, 20, "sce", 0.5).unwrap();
            assert!(sce.iter().all(|&size| size < 1e-12 || (size - 2.0 / items as f64).abs() < 1e-12), "{sce:?}");
            assert!(sce.iter().any(|&size| size > 1e-3));
        }
    }

    /// Two items of values 1 and 2, free above the gap: the regret `y'v` has `J = (1/mu) (I - 11'/2)`, hence entries of 1/(2 mu).
    #[test]
    fn above_the_gap_regret_has_its_slope_by_hand() {
        let sizes = sizes(2, 20, "regret", 4.0).unwrap();
        assert!(sizes.iter().all(|size| (size - 0.125).abs() < 1e-12), "{sizes:?}");
    }
}
