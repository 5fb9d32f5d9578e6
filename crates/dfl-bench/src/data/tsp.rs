//! Features and edge costs for travelling salespersons, equal to PyEPO's.

use dfl_core::{Batch, Result};
use serde::Serialize;

use super::numpy_rng::RandomState;
use super::polynomial::{Generated, Polynomial, check, check_noise, check_sizes, coins, costs, filled, noise, normals, scores};

/// The arguments of PyEPO's generator for the travelling salesperson.
///
/// $$c_{ij} = d_j + \frac{(b_j' x_i / \sqrt p + 3)^k}{3^{k-1}}\, e_{ij}, \qquad b_{jl} \in \{0\} \cup (-2, 2),\ x_{il} \sim N(0, 1),\ e_{ij} \sim U(1 - w, 1 + w)$$
///
/// rounded to four decimals, are the costs of the undirected edges $(0, 1), (0, 2), \dots, (1, 2), \dots$, to be minimised; $d_j$ is the
/// Euclidean length of edge $j$. Of the nodes the first half (rounded down) is uniform on $(-2, 2)^2$ and the rest standard normal. Drawn
/// from one numpy stream in the order coordinates, coins of `B`, slopes of `B`, `x`, `e`, each row by row. With an odd degree a cost
/// can be negative.
///
/// # Differences
/// Draws, coordinates and features are PyEPO's bit for bit, and so are costs unless one lies within a few ulp of the middle between two
/// multiples of 0.0001. Noise above 1 is refused.
///
/// # References
/// Tang & Khalil (2024), Math. Prog. Comp. 16, section 6; PyEPO 2.2.7, `data/tsp.py`.
///
/// ```
/// use dfl_bench::data::tsp::TspData;
/// let generator = TspData { samples: 20, ..TspData::default() };
/// assert_eq!((generator.coordinates()?.rows(), generator.generate()?.c.cols()), (5, 10));
/// # Ok::<(), dfl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TspData {
    /// Number of nodes `m`.
    pub nodes: usize,
    /// Number of instances `n`.
    pub samples: usize,
    /// Number of features `p`.
    pub features: usize,
    /// Degree `k` of the polynomial.
    pub degree: u32,
    /// Half width `w` of the multiplicative noise.
    pub noise: f64,
    /// Seed of the numpy stream.
    pub seed: u32,
}

impl Default for TspData {
    /// 1000 instances of 5 nodes: 5 features, degree 6, noise 0.5, PyEPO's seed 135.
    fn default() -> Self {
        Self { nodes: 5, samples: 1000, features: 5, degree: 6, noise: 0.5, seed: 135 }
    }
}

impl TspData {
    /// Number of edges $m (m - 1) / 2$.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) if there is no edge, or more than can be counted.
    pub fn edges(&self) -> Result<usize> {
        let nodes = self.nodes as f64;
        check("nodes", nodes, self.nodes >= 2, "2 or more: a single node has no edges")?;
        check("nodes", nodes, nodes * nodes < usize::MAX as f64, "few enough to count the edges between them")?;
        Ok(self.nodes * (self.nodes - 1) / 2)
    }

    /// The coordinates `[m, 2]`, a function of nodes and seed alone.
    ///
    /// # Errors
    /// As [`edges`](Self::edges), or if they do not fit in memory.
    pub fn coordinates(&self) -> Result<Batch> {
        self.draw_coordinates(&mut RandomState::new(self.seed))
    }

    /// Draws the instances: `x` `[n, p]` and `c` `[n, edges]`, with the map `[edges, p]` and the noise `[n, edges]` behind them.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for fewer than two nodes, no samples or features, degree 0, noise outside $[0, 1]$, or
    /// a size or degree that the machine cannot hold.
    pub fn generate(&self) -> Result<Generated> {
        let edges = self.edges()?;
        check_sizes(self.samples, self.features, self.degree)?;
        check_noise(self.noise)?;
        let mut rng = RandomState::new(self.seed);
        let lengths = lengths(&self.draw_coordinates(&mut rng)?);
        let mut mapping = coins(&mut rng, edges, self.features)?;
        mapping.as_mut_slice().iter_mut().for_each(|b| *b *= rng.uniform(-2.0, 2.0));
        let x = normals(&mut rng, self.samples, self.features)?;
        let noise = noise(&mut rng, self.noise, self.samples, edges)?;
        let signal = Polynomial::of_degree(self.degree, self.features);
        let scale = 3_f64.powf(f64::from(self.degree) - 1.0);
        let c = costs(scores(&x, &mapping)?, signal, &noise, |j, signal, e| to_four_decimals(lengths[j] + signal / scale * e))?;
        Ok(Generated { x, c, mapping, noise })
    }

    fn draw_coordinates(&self, rng: &mut RandomState) -> Result<Batch> {
        self.edges()?;
        let (mut drawn, uniform) = (0, self.nodes / 2 * 2);
        filled("coordinates", self.nodes, 2, || {
            drawn += 1;
            if drawn <= uniform { rng.uniform(-2.0, 2.0) } else { rng.normal() }
        })
    }
}

/// Euclidean lengths of the edges $(0, 1), (0, 2), \dots$
fn lengths(coordinates: &Batch) -> Vec<f64> {
    let nodes = coordinates.rows();
    let length = |i: usize, j: usize| {
        let (a, b) = (coordinates.row(i), coordinates.row(j));
        ((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1])).sqrt()
    };
    (0..nodes).flat_map(|i| (i + 1..nodes).map(move |j| (i, j))).map(|(i, j)| length(i, j)).collect()
}

/// As numpy's `around(value, 4)`: multiply, round half to even, divide.
fn to_four_decimals(value: f64) -> f64 {
    (value * 1e4).round_ties_even() / 1e4
}
