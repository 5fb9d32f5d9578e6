//! Features and arc costs for shortest paths on a grid, equal to PyEPO's.

use dfl_core::Result;
use serde::Serialize;

use super::numpy_rng::RandomState;
use super::polynomial::{Generated, Polynomial, check, check_noise, check_sizes, coins, costs, noise, normals, scores};

/// The arguments of PyEPO's shortest-path generator.
///
/// $$c_{ij} = \frac{(b_j' x_i / \sqrt p + 3)^k + 1}{3.5^k}\, e_{ij}, \qquad b_{jl} \in \{0, 1\},\ x_{il} \sim N(0, 1),\ e_{ij} \sim U(1 - w, 1 + w)$$
///
/// Drawn from one numpy stream in the order `B`, `x`, `e`, each row by row. Costs belong to arcs right and down: for each row of the grid
/// its arcs to the right, then its arcs down. To be minimised from the first node to the last.
///
/// # Differences
/// Draws and features are PyEPO's bit for bit. Costs equal it after its cast to `f32` ([`Generated::rounded_costs`]); before it they are equal
/// for degrees 1 and 2 and within 3 ulp for 4 and 6 with 5 features. Many features with a higher degree gave up to 33 ulp (50 features,
/// degree 10); the causes are in [`power`](super::polynomial::power) and [`scores`]. Noise above 1 is refused.
///
/// # References
/// Elmachtoub & Grigas (2022), Management Science 68(1), section 6.1; PyEPO 2.2.7, `data/shortestpath.py`.
///
/// ```
/// use dfl_bench::data::shortest_path::ShortestPathData;
/// let data = ShortestPathData { samples: 20, ..ShortestPathData::default() }.generate()?;
/// assert_eq!((data.x.rows(), data.x.cols(), data.c.cols()), (20, 5, 40));
/// # Ok::<(), dfl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShortestPathData {
    /// Height and width of the grid, in nodes.
    pub grid: [usize; 2],
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

impl Default for ShortestPathData {
    /// 1000 instances of the usual benchmark: grid 5 x 5, 5 features, degree 6, noise 0.5, PyEPO's seed 135.
    fn default() -> Self {
        Self { grid: [5, 5], samples: 1000, features: 5, degree: 6, noise: 0.5, seed: 135 }
    }
}

impl ShortestPathData {
    /// Number of arcs `d = (h - 1) w + (w - 1) h`.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) if the grid has no arc, or more than can be counted.
    pub fn arcs(&self) -> Result<usize> {
        let [height, width] = self.grid;
        let nodes = height as f64 * width as f64;
        check("nodes of the grid (height x width)", nodes, nodes >= 2.0, "2 or more, as in 1x2: a single node has no arcs")?;
        // 2hw bounds the number of arcs, so nothing below can overflow.
        check("nodes of the grid (height x width)", nodes, 2.0 * nodes < usize::MAX as f64, "few enough to count")?;
        Ok((height - 1) * width + (width - 1) * height)
    }

    /// Draws the instances: `x` `[n, p]` and `c` `[n, d]`, with the map `[d, p]` and the noise `[n, d]` behind them.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for a grid without arcs, no samples or features, degree 0, noise outside $[0, 1]$, or a
    /// size or degree that the machine cannot hold.
    pub fn generate(&self) -> Result<Generated> {
        let arcs = self.arcs()?;
        check_sizes(self.samples, self.features, self.degree)?;
        check_noise(self.noise)?;
        let mut rng = RandomState::new(self.seed);
        let mapping = coins(&mut rng, arcs, self.features)?;
        let x = normals(&mut rng, self.samples, self.features)?;
        let noise = noise(&mut rng, self.noise, self.samples, arcs)?;
        let signal = Polynomial::of_degree(self.degree, self.features);
        let scale = 3.5_f64.powf(f64::from(self.degree));
        let c = costs(scores(&x, &mapping)?, signal, &noise, |_, signal, e| (signal + 1.0) / scale * e)?;
        Ok(Generated { x, c, mapping, noise })
    }
}
