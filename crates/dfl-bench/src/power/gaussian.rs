//! Expected cost of one hour under a Gaussian forecast, in closed form.

use super::{PowerCost, normal_cdf, normal_density};
use dfl_core::{Error, Result};

/// A forecast `y ~ N(mu, sigma^2)` of one hour, with the cost that is expected under it.
///
/// With `s = under + over`, `u = (z - mu)/sigma`, `phi` the density of `y` at `z` and `Phi` its distribution function:
///
/// $$L(z) = s\,[\sigma^2\phi + (z-\mu)\Phi] - \text{under}\,(z-\mu) + \tfrac12[(z-\mu)^2+\sigma^2]$$
///
/// It is strictly convex, since `L'' = s phi + 1 >= 1`. Donti et al. (2017), appendix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    cost: PowerCost,
    mu: f64,
    sigma: f64,
}

/// Derivatives of `L` and of its slope at one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Partials {
    /// `dL/dz = s Phi - under + (z - mu)`.
    pub dz: f64,
    /// `d2L/dz2 = s phi + 1`.
    pub dzz: f64,
    /// `d2L/dz dmu = -(s phi + 1)`.
    pub dz_dmu: f64,
    /// `d2L/dz dsigma = -s phi (z - mu)/sigma`.
    pub dz_dsigma: f64,
}

/// Derivatives of `L` in the forecast at one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MomentSlopes {
    /// `dL/dmu = -dL/dz`, since `L` depends on `z - mu`.
    pub dmu: f64,
    /// `dL/dsigma = s sigma phi + sigma`.
    pub dsigma: f64,
}

impl Forecast {
    /// A forecast with this mean and standard deviation.
    ///
    /// # Errors
    /// [`Error::Domain`] if `mu` is not finite or `sigma` not positive and finite.
    pub fn new(cost: PowerCost, mu: f64, sigma: f64) -> Result<Self> {
        if !mu.is_finite() {
            return Err(Error::Domain { what: "mean of the forecast", value: mu, need: "finite" });
        }
        if !(sigma > 0.0 && sigma.is_finite()) {
            return Err(Error::Domain { what: "standard deviation of the forecast", value: sigma, need: "positive and finite" });
        }
        Ok(Self { cost, mu, sigma })
    }

    /// `L(z)`: the expected cost of generating `z`.
    pub fn value(&self, z: f64) -> f64 {
        let (shift, density, below) = self.at(z);
        let variance = self.sigma * self.sigma;
        let piecewise = (self.cost.under + self.cost.over) * (variance * density + shift * below) - self.cost.under * shift;
        piecewise + 0.5 * (shift * shift + variance)
    }

    /// Slope, curvature and cross derivatives of `L` at `z`.
    pub fn partials(&self, z: f64) -> Partials {
        let (shift, density, below) = self.at(z);
        let sum = self.cost.under + self.cost.over;
        let bend = sum * density;
        Partials {
            dz: sum * below - self.cost.under + shift,
            dzz: bend + 1.0,
            dz_dmu: -(bend + 1.0),
            dz_dsigma: -bend * shift / self.sigma,
        }
    }

    /// How `L` at `z` moves with the forecast.
    pub fn moment_slopes(&self, z: f64) -> MomentSlopes {
        let (shift, density, below) = self.at(z);
        let sum = self.cost.under + self.cost.over;
        MomentSlopes { dmu: self.cost.under - sum * below - shift, dsigma: self.sigma * (sum * density + 1.0) }
    }

    /// The minimiser of `L` when no ramp is active, by Newton's method from the mean. There `L'` is negative and concave to the right, so every
    /// step falls short of the root and the iteration is monotone.
    pub fn optimum(&self) -> f64 {
        let mut z = self.mu;
        for _ in 0..100 {
            let slope = self.partials(z);
            let step = slope.dz / slope.dzz;
            z -= step;
            if step.abs() <= 4.0 * f64::EPSILON * z.abs().max(self.sigma) {
                break;
            }
        }
        z
    }

    /// `(z - mu, density of y at z, P(y <= z))`.
    fn at(&self, z: f64) -> (f64, f64, f64) {
        let shift = z - self.mu;
        let u = shift / self.sigma;
        (shift, normal_density(u) / self.sigma, normal_cdf(u))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast(mu: f64, sigma: f64) -> Forecast {
        Forecast::new(PowerCost::PUBLISHED, mu, sigma).unwrap()
    }

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance * expected.abs(), "{got:?} {expected:?}");
    }

    /// Values computed apart from this project's code; 2e-15 is a few units in the last place.
    #[test]
    fn published_check_values() {
        let f = forecast(1.2, 0.1);
        close(f.value(1.3), 0.4807431264678155, 2e-15);
        close(f.partials(1.3).dz, -7.412090323538573, 2e-15);
        close(f.partials(1.3).dzz, 123.19521588216729, 2e-15);
        close(f.optimum(), 1.4190640942188244, 2e-15);
        close((f.optimum() - 1.2) / 0.1, 2.19064094, 2e-9);
    }

    /// The implicit function theorem gives how the optimum moves.
    #[test]
    fn the_optimum_moves_as_published() {
        let f = forecast(1.2, 0.1);
        let at = f.partials(f.optimum());
        close(-at.dz_dmu / at.dzz, 1.0, 0.0);
        close(-at.dz_dsigma / at.dzz, 2.0770570972, 3e-11);
        let h = 1e-6;
        close((forecast(1.2, 0.1 + h).optimum() - forecast(1.2, 0.1 - h).optimum()) / (2.0 * h), 2.0770570972, 1e-8);
    }

    /// Every partial against central differences; h = 1e-6 leaves about 1e-9 here, curvature being up to 200.
    #[test]
    fn partials_match_central_differences() {
        let h = 1e-6;
        for (z, mu, sigma) in [(1.3, 1.2, 0.1), (1.1, 1.2, 0.1), (2.0, 1.5, 0.3), (-1.0, 0.5, 0.8)] {
            let at = forecast(mu, sigma).partials(z);
            let slope = |z: f64, mu: f64, sigma: f64| forecast(mu, sigma).partials(z).dz;
            let f = forecast(mu, sigma);
            close((f.value(z + h) - f.value(z - h)) / (2.0 * h), at.dz, 1e-7);
            close((slope(z + h, mu, sigma) - slope(z - h, mu, sigma)) / (2.0 * h), at.dzz, 1e-7);
            close((slope(z, mu + h, sigma) - slope(z, mu - h, sigma)) / (2.0 * h), at.dz_dmu, 1e-7);
            close((slope(z, mu, sigma + h) - slope(z, mu, sigma - h)) / (2.0 * h), at.dz_dsigma, 1e-7);
        }
    }

    #[test]
    fn a_forecast_without_spread_is_refused() {
        for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Forecast::new(PowerCost::PUBLISHED, 1.0, sigma).is_err());
        }
    }
}
