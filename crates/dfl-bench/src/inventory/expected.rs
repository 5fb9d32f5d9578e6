//! The expected cost of an order under a Gaussian mixture, in closed form.

use super::InventoryCost;
use crate::power::{normal_cdf, normal_density};
use crate::scalar::minimise_convex;

/// One Gaussian of a mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode {
    /// Its share of the mixture.
    pub weight: f64,
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub deviation: f64,
}

impl InventoryCost {
    /// Expected cost of the order `z` of one product, with its slope and curvature, where the demand is a mixture of `modes`.
    ///
    /// With $U_k = \mathbb E (z-y)_+^k$ and $L_k = \mathbb E (y-z)_+^k$, for a Gaussian in closed form,
    ///
    /// $$F = c_0 z + \tfrac12 q_0 z^2 + c_b L_1 + \tfrac13 r_b L_3 + c_h U_1 + \tfrac13 r_h U_3, \qquad
    /// F'' = q_0 + 2 r_b L_1 + 2 r_h U_1 + (c_b + c_h)\, p(z)$$
    pub fn expected(&self, z: f64, modes: &[Mode]) -> [f64; 3] {
        let ([price, rise], [short, short_cubic], [left, left_cubic]) = (self.order, self.backorder, self.holding);
        let mut total = [price * z + 0.5 * rise * z * z, price + rise * z, rise];
        for &Mode { weight, mean, deviation } in modes {
            let u = (z - mean) / deviation;
            let (over, under) = (upper_moments(u, deviation), upper_moments(-u, deviation));
            let parts = [
                short * under[1] + left * over[1] + (short_cubic * under[3] + left_cubic * over[3]) / 3.0,
                left * over[0] - short * under[0] + left_cubic * over[2] - short_cubic * under[2],
                2.0 * (short_cubic * under[1] + left_cubic * over[1]) + (short + left) * normal_density(u) / deviation,
            ];
            total.iter_mut().zip(parts).for_each(|(total, part)| *total += weight * part);
        }
        total
    }

    /// The order of one product that is best in expectation.
    pub fn expected_optimum(&self, modes: &[Mode]) -> f64 {
        minimise_convex(0.0, self.capacity, |z| {
            let [_, slope, curvature] = self.expected(z, modes);
            (slope, curvature)
        })
    }
}

/// $\mathbb E\,(t)_+^k$ for $k = 0, \dots, 3$ and $t \sim N(us, s^2)$:
/// $\Phi$, $s(u\Phi + \varphi)$, $s^2((1+u^2)\Phi + u\varphi)$, $s^3((u^3+3u)\Phi + (u^2+2)\varphi)$ at $u$.
fn upper_moments(u: f64, s: f64) -> [f64; 4] {
    let (below, density) = (normal_cdf(u), normal_density(u));
    let square = u * u;
    [
        below,
        s * (u * below + density),
        s * s * ((1.0 + square) * below + u * density),
        s.powi(3) * (u * (square + 3.0) * below + (square + 2.0) * density),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Cost;

    const MODES: [Mode; 2] = [Mode { weight: 0.3, mean: 5.5, deviation: 1.0 }, Mode { weight: 0.7, mean: 19.0, deviation: 2.0 }];

    /// The midpoint rule over 12 standard deviations on both sides, whose error is that of the kink: about 1e-9 with 2e5 points.
    fn integral(of: impl Fn(f64) -> f64) -> f64 {
        let points = 200_000;
        let mode = |Mode { weight, mean, deviation }| {
            let (from, width) = (mean - 12.0 * deviation, 24.0 * deviation / f64::from(points));
            let term = |k: i32| {
                let y = from + (f64::from(k) + 0.5) * width;
                of(y) * normal_density((y - mean) / deviation) / deviation
            };
            weight * width * (0..points).map(term).sum::<f64>()
        };
        MODES.into_iter().map(mode).sum()
    }

    #[test]
    fn the_expectation_is_the_integral() {
        let cost = InventoryCost::new(1);
        for z in [0.0, 4.0, 6.0, 13.0, 20.5, 30.0] {
            let expected = integral(|y| cost.value(&[y], &[z]));
            let found = cost.expected(z, &MODES)[0];
            assert!((found / expected - 1.0).abs() < 1e-8, "{z}: {found} {expected}");
        }
    }

    /// Central differences of h = 1e-5 leave about 1e-8 here.
    #[test]
    fn slope_and_curvature_match_differences() {
        let (cost, h) = (InventoryCost::new(1), 1e-5);
        for z in [0.5, 4.0, 6.0, 13.0, 20.5, 29.0] {
            let [at, above, below] = [z, z + h, z - h].map(|z| cost.expected(z, &MODES));
            for k in 0..2 {
                let difference = (above[k] - below[k]) / (2.0 * h);
                assert!((difference - at[k + 1]).abs() < 1e-6 * (1.0 + at[k + 1].abs()), "{z}, derivative {}", k + 1);
            }
        }
    }

    /// No order of a fine grid is better, nor is the slope different from zero there.
    #[test]
    fn the_optimum_is_the_best_of_a_grid() {
        let cost = InventoryCost::new(1);
        let z = cost.expected_optimum(&MODES);
        let [value, slope, _] = cost.expected(z, &MODES);
        assert!(slope.abs() < 1e-12 && z > 0.0 && z < 30.0, "{z}, slope {slope}");
        assert!((0..=3000).all(|k| cost.expected(f64::from(k) / 100.0, &MODES)[0] >= value));
    }
}
