//! Demand from a mixture whose weights and means follow from features.

use dfl_core::{Batch, Key, Result, Rng, Stream};
use serde::Serialize;

use super::polynomial::{check_positive, filled};
use crate::inventory::Mode;

/// How steeply the chance of the high mode follows its feature.
const STEEPNESS: f64 = 3.0;
/// How far the feature of the means moves them.
const SHIFT: f64 = 2.0;
/// Means of the low and the high mode where that feature is 0.
const MEANS: [f64; 2] = [5.0, 20.0];
/// Standard deviations of both modes.
const DEVIATIONS: [f64; 2] = [1.0, 2.0];

/// The distribution of one product's demand given the features: a low and a high mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand(pub [Mode; 2]);

impl Demand {
    /// The mean of the mixture.
    pub fn mean(&self) -> f64 {
        self.0.iter().map(|mode| mode.weight * mode.mean).sum()
    }

    /// One Gaussian of the mean and the variance of the mixture: that within the modes and that between them.
    pub fn gaussian(&self) -> Mode {
        let mean = self.mean();
        let variance = self.0.iter().map(|mode| mode.weight * (mode.deviation.powi(2) + (mode.mean - mean).powi(2))).sum::<f64>();
        Mode { weight: 1.0, mean, deviation: variance.sqrt() }
    }

    fn draw(&self, rng: &mut Rng) -> f64 {
        let mode = &self.0[usize::from(rng.uniform() >= self.0[0].weight)];
        mode.mean + mode.deviation * rng.normal()
    }
}

/// The arguments of the inventory generator. Features are uniform on $[-1, 1)$; the demand for product $j$ given them is
///
/// $$y_j \sim (1-\pi)\, N(5 + 2\phi_b,\, 1^2) + \pi\, N(20 + 2\phi_b,\, 2^2), \qquad \pi = \frac{1}{1 + e^{-3\phi_a}}$$
///
/// with $a = j$ and $b = j + 1$, counted around. So where the modes are and how likely each is can be predicted, while which of them comes
/// cannot. One product reads two features; the others are noise. A demand below 0 has a probability of less than 0.0014 at any features.
///
/// Row $i$ is a function of the seed and $i$ alone, so that more rows leave the others as they are.
///
/// # Differences
/// The inventory problem is published (Diffusion-DFL, ICLR 2026, appendix A.12) without features, constants or number of modes: all of
/// them are ours.
///
/// ```
/// use dfl_bench::data::inventory::InventoryData;
/// let (x, y) = InventoryData { samples: 50, ..InventoryData::default() }.generate()?;
/// assert_eq!((x.cols(), y.cols()), (4, 1));
/// # Ok::<(), dfl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InventoryData {
    /// Number of products.
    pub products: usize,
    /// Number of instances.
    pub samples: usize,
    /// Number of features.
    pub features: usize,
    /// Seed of the stream.
    pub seed: u64,
}

impl Default for InventoryData {
    /// 1000 instances of 1 product with 4 features, of which 2 tell something.
    fn default() -> Self {
        Self { products: 1, samples: 1000, features: 4, seed: 0 }
    }
}

impl InventoryData {
    /// Draws the instances: features `[samples, features]` and demands `[samples, products]`.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for no products, samples or features, or more than the machine can hold.
    pub fn generate(&self) -> Result<(Batch, Batch)> {
        let counts = [("products", self.products), ("samples", self.samples), ("features", self.features)];
        counts.into_iter().try_for_each(|(what, count)| check_positive(what, count))?;
        let mut x = filled("samples x features", self.samples, self.features, || 0.0)?;
        let mut y = filled("samples x products", self.samples, self.products, || 0.0)?;
        for i in 0..self.samples {
            let features = self.features_of(i as u64);
            let mut rng = self.rng(i as u64, 1);
            y.row_mut(i).iter_mut().zip(self.demands(&features)).for_each(|(y, demand)| *y = demand.draw(&mut rng));
            x.row_mut(i).copy_from_slice(&features);
        }
        Ok((x, y))
    }

    /// The features of one row.
    pub fn features_of(&self, row: u64) -> Vec<f64> {
        let mut rng = self.rng(row, 0);
        (0..self.features).map(|_| 2.0 * rng.uniform() - 1.0).collect()
    }

    /// The distribution of each product's demand at these features, which are not transformed.
    pub fn demands(&self, features: &[f64]) -> impl Iterator<Item = Demand> {
        (0..self.products).map(move |j| {
            let feature = |k: usize| features[k % features.len()];
            let high = 1.0 / (1.0 + (-STEEPNESS * feature(j)).exp());
            let mode = |k: usize, weight| Mode { weight, mean: MEANS[k] + SHIFT * feature(j + 1), deviation: DEVIATIONS[k] };
            Demand([mode(0, 1.0 - high), mode(1, high)])
        })
    }

    fn rng(&self, row: u64, slot: u32) -> Rng {
        Stream { seed: self.seed, step: 0 }.rng("inventory", Key { id: row, slot })
    }
}
