//! Features, returns and covariance of assets, equal to PyEPO's.

use dfl_core::{Batch, Result};
use serde::Serialize;

use super::numpy_rng::RandomState;
use super::polynomial::{Generated, Polynomial, check, check_positive, check_sizes, coins, costs, filled, normals, scores};

/// The arguments of PyEPO's portfolio generator.
///
/// $$r_{ij} = \Big(\frac{0.05}{\sqrt p}\, b_j' x_i + 0.1^{1/k}\Big)^k + l_j' f_i + 0.01\, \tau\, \varepsilon_{ij}, \qquad \Sigma = L L' + (0.01\, \tau)^2 I$$
///
/// with $b_{jl} \in \{0, 1\}$, loadings $l_{jl} \sim U(-0.0025\, \tau, 0.0025\, \tau)$ and standard normal $x$, $f$, $\varepsilon$. The
/// returns `c` are to be maximised; $\Sigma$ is their covariance given the features and the same for all instances. Drawn from one numpy
/// stream in the order `B`, `L`, `x` and then, per instance, $f_i$ and $\varepsilon_i$.
///
/// # Differences
/// Draws and features are PyEPO's bit for bit. Returns equal it after its cast to `f32` ([`Generated::rounded_costs`]); before it they are
/// equal for degree 1 and within a few ulp above. Small covariances differ by a few ulp from 50 assets on, where BLAS sums in blocks.
///
/// # References
/// Elmachtoub & Grigas (2022), Management Science 68(1), section 6.2; PyEPO 2.2.7, `data/portfolio.py`.
///
/// ```
/// use dfl_bench::data::portfolio::PortfolioData;
/// let generator = PortfolioData { samples: 20, ..PortfolioData::default() };
/// assert_eq!((generator.covariance()?.rows(), generator.generate()?.c.cols()), (50, 50));
/// # Ok::<(), dfl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PortfolioData {
    /// Number of assets `m`.
    pub assets: usize,
    /// Number of instances `n`.
    pub samples: usize,
    /// Number of features `p`, and of factors.
    pub features: usize,
    /// Degree `k` of the polynomial.
    pub degree: u32,
    /// Noise level $\tau$.
    pub noise_level: f64,
    /// Seed of the numpy stream.
    pub seed: u32,
}

impl Default for PortfolioData {
    /// 1000 instances of 50 assets: 5 features, degree 6, PyEPO's noise level 1 and seed 135.
    fn default() -> Self {
        Self { assets: 50, samples: 1000, features: 5, degree: 6, noise_level: 1.0, seed: 135 }
    }
}

impl PortfolioData {
    /// The loadings $L$ `[m, p]`, a function of assets, features, noise level and seed alone.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for no assets or features, or a noise level outside $[0, 10^{100}]$.
    pub fn loadings(&self) -> Result<Batch> {
        Ok(self.draw_loadings(&mut RandomState::new(self.seed))?.1)
    }

    /// The covariance $\Sigma = L L' + (0.01\, \tau)^2 I$ `[m, m]`.
    ///
    /// # Errors
    /// As [`loadings`](Self::loadings).
    pub fn covariance(&self) -> Result<Batch> {
        let mut covariance = scores(&self.loadings()?, &self.loadings()?)?;
        for j in 0..self.assets {
            covariance.row_mut(j)[j] += self.own_risk().powi(2);
        }
        Ok(covariance)
    }

    /// Standard deviation of what is each asset's own, $0.01\, \tau$.
    pub fn own_risk(&self) -> f64 {
        0.01 * self.noise_level
    }

    /// The expected return in a score.
    pub(super) fn signal(&self) -> Polynomial {
        Polynomial { weight: 0.05, shift: 0.1_f64.powf(1.0 / f64::from(self.degree)), degree: self.degree, features: self.features }
    }

    /// Draws the instances: `x` `[n, p]` and the returns `c` `[n, m]`, with the map `[m, p]` and the normals `[f, e]` `[n, p + m]`
    /// behind them.
    ///
    /// # Errors
    /// As [`loadings`](Self::loadings), and for no samples, degree 0, or a size or degree that the machine cannot hold.
    pub fn generate(&self) -> Result<Generated> {
        check_sizes(self.samples, self.features, self.degree)?;
        let mut rng = RandomState::new(self.seed);
        let (mapping, loadings) = self.draw_loadings(&mut rng)?;
        let x = normals(&mut rng, self.samples, self.features)?;
        let noise = normals(&mut rng, self.samples, self.features + self.assets)?;
        let factors: Vec<_> = noise.iter().map(|fe| &fe[..self.features]).collect();
        let common = scores(&Batch::from_rows(&factors)?, &loadings)?;
        let mut c = costs(scores(&x, &mapping)?, self.signal(), &common, |_, signal, common| signal + common)?;
        for (i, fe) in noise.iter().enumerate() {
            c.row_mut(i).iter_mut().zip(&fe[self.features..]).for_each(|(c, e)| *c += self.own_risk() * e);
        }
        Ok(Generated { x, c, mapping, noise })
    }

    /// The map `B` and the loadings, which come first in the stream.
    fn draw_loadings(&self, rng: &mut RandomState) -> Result<(Batch, Batch)> {
        check_positive("assets", self.assets)?;
        check_positive("features", self.features)?;
        let level = self.noise_level;
        // Squares of larger levels could overflow.
        check("noise level", level, (0.0..=1e100).contains(&level), "from 0 to 1e100")?;
        let mapping = coins(rng, self.assets, self.features)?;
        let loadings = filled("assets x features", self.assets, self.features, || rng.uniform(-0.0025 * level, 0.0025 * level))?;
        Ok((mapping, loadings))
    }
}
