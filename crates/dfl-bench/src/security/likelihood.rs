use std::sync::Arc;

use dfl_core::{PointLikelihood, Result};

use super::Game;
use super::lanes::one;

/// How likely the walks of attackers are who find the nodes as attractive as they are, if a prediction is right: the mean log-likelihood of one walk,
///
/// $$\sum_u n_u(\phi) \sum_v P_{uv}(\phi, 0) \log P_{uv}(\hat\phi, 0), \qquad n(\phi) = (1 + \varepsilon)\, ((1 + \varepsilon) I - Q(\phi, 0))^{-\top} p_0$$
///
/// with the expected visits $n$ of a walk without coverage. It is the limit of many observed walks.
///
/// # Shapes
/// $\phi$, $\hat\phi$: `[nodes]`. It reads $\hat\phi$ up to a constant.
/// # Errors
/// [`dfl_core::Error::NotFinite`] for an attractiveness.
/// # Differences
/// Wang et al. (2020) observe 100 walks under a random coverage whose effect they divide out of the frequencies; the expectation has no noise of its
/// own, so that two-stage learning is at its best.
#[derive(Clone, Debug)]
pub struct WalkLikelihood {
    game: Arc<Game>,
}

impl WalkLikelihood {
    /// Of walks in this game.
    pub fn new(game: Arc<Game>) -> Self {
        Self { game }
    }
}

impl PointLikelihood for WalkLikelihood {
    fn add_grad(&self, truth: &[f64], prediction: &[f64], weight: f64, grad: &mut [f64]) -> Result<f64> {
        let game = &*self.game;
        game.check_attractiveness(truth)?;
        game.check_attractiveness(prediction)?;
        one(game, |lanes| {
            lanes.attract(game, truth);
            lanes.cover(game, |_| [0.0]);
            lanes.forward(game);
            lanes.adjoint(game);
            lanes.attract(game, prediction);
            let mut sum = 0.0;
            for (k, first, ways) in game.states() {
                let odds = &lanes.odds[first..first + ways.len()];
                let total: f64 = odds.iter().sum();
                let top = ways.iter().map(|way| prediction[way.node]).fold(f64::NEG_INFINITY, f64::max);
                let visits = (1.0 + game.rules().epsilon) * lanes.lambda[k][0];
                for ((way, odds), [p]) in ways.iter().zip(odds).zip(&lanes.p[first..]) {
                    sum += visits * p * (prediction[way.node] - top - total.ln());
                    grad[way.node] += weight * visits * (p - odds / total);
                }
            }
            Ok(weight * sum)
        })
    }
}
