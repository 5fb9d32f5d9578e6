//! Returns of products with rare heavy losses, and features that say nothing of them.

use dfl_core::{Batch, Key, Result, Rng, Stream};
use serde::Serialize;

use super::polynomial::{check, check_positive, filled};
use crate::scalar::minimise_convex;

/// The distribution of the return of one product:
///
/// $$Y = s\,(X + \sigma e), \qquad X = a \text{ with probability } p, \text{ else } -b, \qquad e \sim N(0, 1)$$
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Returns {
    /// $p$.
    pub chance: f64,
    /// $a$.
    pub gain: f64,
    /// $b$.
    pub loss: f64,
    /// $\sigma$.
    pub sigma: f64,
    /// $s$.
    pub scale: f64,
}

impl Returns {
    /// The constants of the published text.
    pub const PAPER: Self = Self { chance: 0.8, gain: 1.0, loss: 3.0, sigma: 0.15, scale: 1.0 };
    /// Those of the published code, from which the published figures come.
    pub const CODE: Self = Self { chance: 0.9, scale: 0.5, ..Self::PAPER };

    /// $\mathbb E\,Y = s\,(pa - (1-p)b)$.
    pub fn mean(&self) -> f64 {
        self.scale * (self.chance * self.gain - (1.0 - self.chance) * self.loss)
    }

    /// $\operatorname{Var} Y = s^2 (\sigma^2 + p(1-p)(a+b)^2)$.
    pub fn variance(&self) -> f64 {
        let spread = self.chance * (1.0 - self.chance) * (self.gain + self.loss).powi(2);
        self.scale * self.scale * (self.sigma * self.sigma + spread)
    }

    /// $F_1(z) = \mathbb E\,e^{-Yz} = p\,e^{-saz + s^2\sigma^2z^2/2} + (1-p)\,e^{sbz + s^2\sigma^2z^2/2}$.
    pub fn expected_cost(&self, z: f64) -> f64 {
        self.terms(z).map(|(value, _)| value).sum()
    }

    /// $F_1'(z)$ and $F_1''(z)$, which is positive.
    pub fn derivatives(&self, z: f64) -> (f64, f64) {
        let variance = (self.scale * self.sigma).powi(2);
        self.terms(z).map(|(value, rate)| (value * rate, value * (rate * rate + variance))).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1))
    }

    /// The minimiser of $F_1$ on `[0, capacity]`.
    pub fn optimum(&self, capacity: f64) -> f64 {
        minimise_convex(0.0, capacity, |z| self.derivatives(z))
    }

    /// What a Gaussian of the same mean $\mu$ and variance $v$ takes for that minimiser: $\mu/v$, clamped.
    pub fn gaussian_optimum(&self, capacity: f64) -> f64 {
        (self.mean() / self.variance()).clamp(0.0, capacity)
    }

    /// Both terms of $F_1$, each with its logarithmic derivative.
    fn terms(&self, z: f64) -> impl Iterator<Item = (f64, f64)> {
        let variance = (self.scale * self.sigma).powi(2);
        let of = [(self.chance, self.scale * self.gain), (1.0 - self.chance, -self.scale * self.loss)];
        of.into_iter().map(move |(weight, mean)| (weight * (0.5 * variance * z * z - mean * z).exp(), variance * z - mean))
    }

    fn draw(&self, rng: &mut Rng) -> f64 {
        let centre = if rng.uniform() < self.chance { self.gain } else { -self.loss };
        self.scale * (centre + self.sigma * rng.normal())
    }

    fn check(&self) -> Result<()> {
        check("chance of a gain", self.chance, (0.0..=1.0).contains(&self.chance), "a probability, from 0 to 1")?;
        let finite = [("gain", self.gain), ("loss", self.loss), ("scale", self.scale)];
        finite.into_iter().try_for_each(|(what, value)| check(what, value, value.is_finite(), "finite"))?;
        check("sigma", self.sigma, self.sigma >= 0.0 && self.sigma.is_finite(), "at least 0 and finite")
    }
}

/// The arguments of the allocation generator: independent [`Returns`] of each product, and features that are standard normal noise.
///
/// Row $i$ is a function of the seed and $i$ alone, so that more rows leave the others as they are.
///
/// # References
/// Diffusion-DFL (ICLR 2026), section 5, and its code, which has other constants ([`Returns::CODE`]) and the 20 features.
///
/// ```
/// use dfl_bench::data::allocation::AllocationData;
/// let (x, y) = AllocationData { samples: 50, ..AllocationData::default() }.generate()?;
/// assert_eq!((x.cols(), y.cols()), (20, 10));
/// # Ok::<(), dfl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AllocationData {
    /// Number of products $d$.
    pub products: usize,
    /// Number of instances.
    pub samples: usize,
    /// Number of features.
    pub features: usize,
    /// Distribution of each return.
    pub returns: Returns,
    /// Seed of the stream.
    pub seed: u64,
}

impl Default for AllocationData {
    /// 1000 instances of 10 products with 20 features by the constants of the code.
    fn default() -> Self {
        Self { products: 10, samples: 1000, features: 20, returns: Returns::CODE, seed: 0 }
    }
}

impl AllocationData {
    /// Draws the instances: features `[samples, features]` and returns `[samples, products]`.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for no products, samples or features, constants that are no distribution, or more than
    /// the machine can hold.
    pub fn generate(&self) -> Result<(Batch, Batch)> {
        let counts = [("products", self.products), ("samples", self.samples), ("features", self.features)];
        counts.into_iter().try_for_each(|(what, count)| check_positive(what, count))?;
        self.returns.check()?;
        let mut x = filled("samples x features", self.samples, self.features, || 0.0)?;
        let mut y = filled("samples x products", self.samples, self.products, || 0.0)?;
        let stream = Stream { seed: self.seed, step: 0 };
        for i in 0..self.samples {
            let rng = |slot| stream.rng("allocation", Key { id: i as u64, slot });
            let (mut features, mut returns) = (rng(0), rng(1));
            x.row_mut(i).fill_with(|| features.normal());
            y.row_mut(i).fill_with(|| self.returns.draw(&mut returns));
        }
        Ok((x, y))
    }
}
