//! Items with one feature each, of which the best are to be chosen: a curve that misleads a line.

use dfl_core::{Batch, Result};
use serde::Serialize;

use super::numpy_rng::RandomState;
use super::polynomial::{check, check_positive, filled, power};

/// The arguments of the top-k generator.
///
/// $$y_{ij} = 10\, \phi_{ij}^k - 6.5\, \phi_{ij} + e_{ij}, \qquad \phi_{ij} \sim U[-1, 1),\ e_{ij} \sim U[-w, w)$$
///
/// are the values of the items, to be maximised. With $k = 3$, as published, the least-squares line has slope $-1/2$ and ranks the items
/// the wrong way round, while every rising line finds the best.
///
/// # Differences
/// The published code draws with torch; here `phi` and then `e`, each row by row, come from one numpy stream like the other generators'
/// data, so the distribution is the published one and the numbers are not. The formula is published without noise; the regrets published
/// by the surrogate-loss paper (its Table 1) are those of $w = 0.25$, which the code of the first paper adds.
///
/// # References
/// Shah et al. (2022), NeurIPS 35, section 5.1 ("cubic top-K"), locally optimised decision losses.
///
/// ```
/// use dfl_bench::data::top_k::TopKData;
/// let (x, y) = TopKData { samples: 20, ..TopKData::default() }.generate()?;
/// assert_eq!((x.cols(), y.cols()), (50, 50));
/// # Ok::<(), dfl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopKData {
    /// Number of items `m`.
    pub items: usize,
    /// Number of instances `n`.
    pub samples: usize,
    /// Degree `k`; 3 as published.
    pub degree: u32,
    /// Half width `w` of the additive noise.
    pub noise: f64,
    /// Seed of the numpy stream.
    pub seed: u32,
}

impl Default for TopKData {
    /// 1000 instances of 50 items by the published formula: degree 3, no noise.
    fn default() -> Self {
        Self { items: 50, samples: 1000, degree: 3, noise: 0.0, seed: 135 }
    }
}

impl TopKData {
    /// Draws the instances: the features `x` and the values `y` of the items, both `[n, m]`.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for no items or samples, degree 0, a negative or infinite noise, or more than the
    /// machine can hold.
    pub fn generate(&self) -> Result<(Batch, Batch)> {
        check_positive("items", self.items)?;
        check_positive("samples", self.samples)?;
        check("degree", f64::from(self.degree), self.degree > 0, "1 or more")?;
        check("noise", self.noise, self.noise >= 0.0 && self.noise <= f64::MAX / 4.0, "0 or more, and finite: a half width")?;
        let mut rng = RandomState::new(self.seed);
        let x = filled("samples x items", self.samples, self.items, || rng.uniform(-1.0, 1.0))?;
        let mut phi = x.as_slice().iter();
        let y = filled("samples x items", self.samples, self.items, || {
            let phi = phi.next().expect("as many features as values");
            10.0 * power(*phi, self.degree) - 6.5 * phi + rng.uniform(-self.noise, self.noise)
        })?;
        Ok((x, y))
    }
}
