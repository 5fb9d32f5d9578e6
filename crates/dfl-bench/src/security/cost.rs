use std::sync::Arc;

use dfl_core::{Cost, CostCurvature, CostGrad, Result};

use super::Game;
use super::lanes::{LANES, Lanes, many, one};

/// What an attacker gains: $f(\phi, c) = p_0^\top ((1 + \varepsilon) I - Q)^{-1} R u$ of a [`Game`]. Minimises; smooth, and not convex.
///
/// Gradients come from one more solve with the transposed factors, second derivatives from the derivative of that along each edge. Adding a
/// constant to $\phi$ changes nothing.
///
/// # Shapes
/// $\phi$ (the outcome, `y`): `[nodes]`; $c$ (the decision, `z`): `[edges]`. The value has the unit of the payoffs.
/// # Errors
/// Costs have none: where $\phi$ is not finite or $c$ outside of `[0, 1]` (by more than rounding) there is no chain, and all is NaN. The methods of
/// [`SecurityEnergy`](super::SecurityEnergy) say what is wrong.
/// # References
/// Wang et al. (2020), NeurIPS, and its code, whose utility of the defender is the negative; $\varepsilon = 0.01$ is that of the code.
#[derive(Clone, Debug)]
pub struct SecurityCost {
    game: Arc<Game>,
}

impl SecurityCost {
    /// The cost of this game.
    pub fn new(game: Arc<Game>) -> Self {
        Self { game }
    }

    /// The game.
    pub fn game(&self) -> &Arc<Game> {
        &self.game
    }

    /// Refuses what has no value.
    ///
    /// # Errors
    /// As [`Game::check_attractiveness`] and [`Game::check_coverage`].
    pub fn check(&self, phi: &[f64], coverage: &[f64]) -> Result<()> {
        self.game.check_attractiveness(phi)?;
        self.game.check_coverage(coverage)
    }

    /// Evaluates at one point, up to the adjoint if gradients are wanted; `None` where there is no value.
    fn at<T>(&self, phi: &[f64], coverage: &[f64], then: impl FnOnce(&Game, &mut Lanes<1>, f64) -> T) -> Option<T> {
        self.check(phi, coverage).ok()?;
        one(&self.game, |lanes| {
            lanes.attract(&self.game, phi);
            lanes.cover(&self.game, |e| [coverage[e]]);
            let [value] = lanes.forward(&self.game);
            Some(then(&self.game, lanes, value))
        })
    }

    /// The same, with the adjoint.
    fn with_adjoint(&self, phi: &[f64], coverage: &[f64], then: impl FnOnce(&Game, &mut Lanes<1>)) -> Option<()> {
        self.at(phi, coverage, |game, lanes, _| {
            lanes.adjoint(game);
            then(game, lanes);
        })
    }
}

/// Says of a result that it is none.
fn or_nan(found: Option<()>, out: &mut [f64]) {
    if found.is_none() {
        out.fill(f64::NAN);
    }
}

impl Cost for SecurityCost {
    fn value(&self, phi: &[f64], coverage: &[f64]) -> f64 {
        self.at(phi, coverage, |_, _, value| value).unwrap_or(f64::NAN)
    }
}

impl CostGrad for SecurityCost {
    fn grad_z(&self, phi: &[f64], coverage: &[f64], out: &mut [f64]) {
        let found = self.with_adjoint(phi, coverage, |game, lanes| lanes.grad_coverage(game, out));
        or_nan(found, out);
    }
}

impl CostCurvature for SecurityCost {
    fn add_hess(&self, phi: &[f64], coverage: &[f64], w: f64, h: &mut [f64]) {
        if self.check(phi, coverage).is_err() {
            return h.fill(f64::NAN);
        }
        let (game, edges) = (&*self.game, coverage.len());
        many(game, |lanes| {
            lanes.attract(game, phi);
            lanes.cover(game, |e| [coverage[e]; LANES]);
            lanes.forward(game);
            lanes.adjoint(game);
            for (block, rows) in h.chunks_mut(LANES * edges).enumerate() {
                lanes.direct(game, |e| std::array::from_fn(|l| f64::from(e == block * LANES + l)));
                lanes.differentiate(game);
                for (l, row) in rows.chunks_exact_mut(edges).enumerate() {
                    row.iter_mut().zip(&lanes.tangent.coverage).for_each(|(h, d)| *h += w * d[l]);
                }
            }
        });
    }

    fn add_cross(&self, phi: &[f64], coverage: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        let found = self.with_adjoint(phi, coverage, |game, lanes| {
            lanes.direct(game, |e| [v[e]]);
            lanes.differentiate(game);
            out.iter_mut().zip(&lanes.tangent.attractiveness).for_each(|(out, [d])| *out += w * d);
        });
        or_nan(found, out);
    }

    fn add_grad_y(&self, phi: &[f64], coverage: &[f64], w: f64, out: &mut [f64]) {
        let found = self.with_adjoint(phi, coverage, |game, lanes| lanes.add_grad_attractiveness(game, &[w], out));
        or_nan(found, out);
    }
}
