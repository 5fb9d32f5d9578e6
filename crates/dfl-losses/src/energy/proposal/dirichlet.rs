use std::f64::consts::TAU;

use dfl_core::{Error, Result, Rng};

use super::log_sum_exp;

/// Share of the uniform distribution in the mode: with a mode at a face or at the cap, most of what lies around it would be outside.
const FLOOR: f64 = 0.05;

/// Draws for each candidate that is kept, on average, before the cap counts as out of reach.
const TRIES: usize = 1000;

/// Dirichlet distributions on $\sum_i a_i = t$, $a \ge 0$, with $\alpha = 1 + \kappa_k p$ around the mode $p$.
///
/// No $\alpha_i$ is below 1, so that densities are bounded, and above zero on faces where $p_i = 0$.
#[derive(Debug)]
pub(super) struct Dirichlets {
    /// $p$, which sums to 1.
    mode: Vec<f64>,
    /// $\kappa_k$.
    concentrations: Vec<f64>,
    /// $\log \Gamma(n + \kappa_k) - \sum_i \log \Gamma(1 + \kappa_k p_i) - (n - 1) \log t$.
    log_scale: Vec<f64>,
    total: f64,
    cap: f64,
}

impl Dirichlets {
    pub(super) fn new(centre: &[f64], sigmas: &[f64], total: f64, cap: f64) -> Self {
        let n = centre.len() as f64;
        let mode: Vec<f64> = centre.iter().map(|a| (1.0 - FLOOR) * a / total + FLOOR / n).collect();
        let squares: f64 = mode.iter().map(|p| p * p).sum();
        let concentrations: Vec<f64> = sigmas.iter().map(|s| concentration(s / total, n, squares)).collect();
        let log_scale = |kappa: &f64| {
            let parts: f64 = mode.iter().map(|p| log_gamma(1.0 + kappa * p)).sum();
            log_gamma(n + kappa) - parts - (n - 1.0) * total.ln()
        };
        let log_scale = concentrations.iter().map(log_scale).collect();
        Self { mode, concentrations, log_scale, total, cap }
    }

    pub(super) fn len(&self) -> usize {
        self.mode.len()
    }

    /// Fills candidates below the cap; returns how many were drawn.
    pub(super) fn draw(&self, rng: &mut Rng, candidates: &mut [f64]) -> Result<usize> {
        let count = candidates.len() / self.len();
        let mut tries = 0;
        for (kept, a) in candidates.chunks_exact_mut(self.len()).enumerate() {
            loop {
                if tries == TRIES * count {
                    let value = kept as f64 / tries as f64;
                    let need = "at least 0.001: widen the proposal, or move the label away from its cap";
                    return Err(Error::Domain { what: "share of the candidates that keep to the cap of their support", value, need });
                }
                tries += 1;
                self.draw_one(rng, a);
                if a.iter().all(|a| *a <= self.cap) {
                    break;
                }
            }
        }
        Ok(tries)
    }

    fn draw_one(&self, rng: &mut Rng, a: &mut [f64]) {
        let kappa = self.concentrations[rng.below(self.concentrations.len())];
        a.iter_mut().zip(&self.mode).for_each(|(a, p)| *a = rng.gamma(1.0 + kappa * p));
        let scale = self.total / a.iter().sum::<f64>();
        a.iter_mut().for_each(|a| *a *= scale);
    }

    pub(super) fn log_density(&self, a: &[f64]) -> f64 {
        let terms = a.iter().zip(&self.mode).filter(|(_, p)| **p > 0.0);
        // The same sum for every concentration; minus infinity at a face is right for all of them but 0.
        let inner: f64 = terms.map(|(a, p)| p * (a / self.total).ln()).sum();
        let of = |(kappa, scale): (&f64, &f64)| scale + if *kappa == 0.0 { 0.0 } else { kappa * inner };
        log_sum_exp(self.concentrations.iter().zip(&self.log_scale).map(of)) - (self.concentrations.len() as f64).ln()
    }
}

/// The $\kappa \ge 0$ at which the mean square deviation $\tfrac{1 - |m|^2}{n + \kappa + 1}$ of all entries, with the mean
/// $m = (1 + \kappa p)/(n + \kappa)$, is $(n - 1) \sigma^2$; 0, the uniform distribution, for a $\sigma$ above what that has.
fn concentration(sigma: f64, n: f64, squares: f64) -> f64 {
    let deviation = |kappa: f64| {
        let mean_square = (n + 2.0 * kappa + kappa * kappa * squares) / (n + kappa).powi(2);
        (1.0 - mean_square) / (n + kappa + 1.0)
    };
    let wanted = (n - 1.0) * sigma * sigma;
    if deviation(0.0) <= wanted {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    while deviation(high) > wanted {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if deviation(middle) > wanted { low = middle } else { high = middle }
    }
    high
}

/// $\log \Gamma(x)$ for $x > 0$ to about $10^{-14}$ relative to 1 plus its size: Stirling's series from $x \ge 12$ on, reached by
/// $\Gamma(x + 1) = x \Gamma(x)$. Abramowitz & Stegun (1964), 6.1.41.
fn log_gamma(x: f64) -> f64 {
    let (mut x, mut product) = (x, 1.0);
    while x < 12.0 {
        product *= x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series =
        (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r * (1.0 / 1680.0 - r * (1.0 / 1188.0 - r * 691.0 / 360_360.0))))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * TAU.ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Factorials, and Gamma(1/2) = sqrt(pi).
    #[test]
    fn logarithms_of_gamma() {
        let mut factorial = 0.0_f64;
        for k in 1..60 {
            assert!((log_gamma(f64::from(k)) - factorial).abs() < 1e-13 * (1.0 + factorial), "{k}");
            factorial += f64::from(k).ln();
        }
        assert!((log_gamma(0.5) - 0.5 * std::f64::consts::PI.ln()).abs() < 1e-13);
        assert!((log_gamma(2.5) - (0.75 * std::f64::consts::PI.sqrt()).ln()).abs() < 1e-13);
    }
}
