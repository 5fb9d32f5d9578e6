//! Features, item values and weights for multi-dimensional knapsacks, equal to PyEPO's.

use dfl_core::{Batch, Result};
use serde::Serialize;

use super::numpy_rng::RandomState;
use super::polynomial::{Generated, Polynomial, check_noise, check_positive, check_sizes, coins, costs, filled, noise, normals, scores};

/// The arguments of PyEPO's knapsack generator.
///
/// $$c_{ij} = \Big\lceil 5\, \frac{(b_j' x_i / \sqrt p + 3)^k + 1}{3.5^k}\, e_{ij} \Big\rceil, \qquad b_{jl} \in \{0, 1\},\ x_{il} \sim N(0, 1),\ e_{ij} \sim U(1 - w, 1 + w)$$
///
/// are the values of the items, to be maximised. The weights are uniform on 3.00, 3.01, ..., 7.99 and the same for all instances. Drawn
/// from one numpy stream in the order weights, `B`, `x`, `e`, each row by row.
///
/// # Differences
/// Draws, weights, features and values are PyEPO's bit for bit: the values are whole numbers, and what is rounded up agrees to a few ulp.
/// Noise above 1 is refused.
///
/// # References
/// Tang & Khalil (2024), Math. Prog. Comp. 16, section 6; PyEPO 2.2.7, `data/knapsack.py`.
///
/// ```
/// use dfl_bench::data::knapsack::KnapsackData;
/// let generator = KnapsackData { samples: 20, ..KnapsackData::default() };
/// assert_eq!((generator.weights()?.rows(), generator.generate()?.c.cols()), (2, 10));
/// # Ok::<(), dfl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KnapsackData {
    /// Number of items `m`.
    pub items: usize,
    /// Number of constraints, each with weights of its own.
    pub dim: usize,
    /// Number of instances `n`.
    pub samples: usize,
    /// Number of features `p`.
    pub features: usize,
    /// Degree `k` of the polynomial; above 1 a linear model is misspecified.
    pub degree: u32,
    /// Half width `w` of the multiplicative noise.
    pub noise: f64,
    /// Seed of the numpy stream.
    pub seed: u32,
}

impl Default for KnapsackData {
    /// 1000 instances of 10 items under 2 constraints: 5 features, degree 6, noise 0.5, PyEPO's seed 135.
    fn default() -> Self {
        Self { items: 10, dim: 2, samples: 1000, features: 5, degree: 6, noise: 0.5, seed: 135 }
    }
}

impl KnapsackData {
    /// The weights `[dim, m]`, a function of items, constraints and seed alone.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for no items or constraints, or more than the machine can hold.
    pub fn weights(&self) -> Result<Batch> {
        self.draw_weights(&mut RandomState::new(self.seed))
    }

    /// Draws the instances: `x` `[n, p]` and the values `c` `[n, m]`, with the map `[m, p]` and the noise `[n, m]` behind them.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) as for [`weights`](Self::weights), and for no samples or features, degree 0, noise
    /// outside $[0, 1]$, or a size or degree that the machine cannot hold.
    pub fn generate(&self) -> Result<Generated> {
        check_sizes(self.samples, self.features, self.degree)?;
        check_noise(self.noise)?;
        let mut rng = RandomState::new(self.seed);
        self.draw_weights(&mut rng)?;
        let mapping = coins(&mut rng, self.items, self.features)?;
        let x = normals(&mut rng, self.samples, self.features)?;
        let noise = noise(&mut rng, self.noise, self.samples, self.items)?;
        let signal = Polynomial::of_degree(self.degree, self.features);
        let scale = 3.5_f64.powf(f64::from(self.degree));
        let c = costs(scores(&x, &mapping)?, signal, &noise, |_, signal, e| ((signal + 1.0) * 5.0 / scale * e).ceil())?;
        Ok(Generated { x, c, mapping, noise })
    }

    fn draw_weights(&self, rng: &mut RandomState) -> Result<Batch> {
        check_positive("items", self.items)?;
        check_positive("dim", self.dim)?;
        filled("constraints x items", self.dim, self.items, || f64::from(300 + rng.up_to(499)) / 100.0)
    }
}
