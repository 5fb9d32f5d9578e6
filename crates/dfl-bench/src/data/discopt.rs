//! The data of the discopt notebook: predicted costs of an allocation and predicted returns of a portfolio, draw for draw.

use dfl_core::{Batch, Result};

use super::numpy_rng::RandomState;
use super::polynomial::{normals, scores};

/// Rows of the two problems.
pub const TRAIN: usize = 30;
/// Rows of the two problems that nothing is fitted to.
pub const TEST: usize = 15;
/// Passes over the training rows, each in an order of its own.
pub const EPOCHS: usize = 10;
/// The notebook's seed.
pub const SEED: u32 = 42;

/// Both problems of one run of the notebook.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// Costs of three activities.
    pub allocation: Rows,
    /// Returns of three assets.
    pub portfolio: Rows,
}

/// Rows of one problem, and how its training goes through them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Features `[30, 5]` and costs or returns `[30, 3]` to learn from.
    pub train: (Batch, Batch),
    /// The same `[15, 5]` and `[15, 3]` to be judged by.
    pub test: (Batch, Batch),
    /// Of each epoch a permutation of the training rows, which are taken in steps of ten.
    pub orders: Vec<Vec<usize>>,
}

/// Draws both problems from numpy's legacy stream of this seed; the notebook's is [`SEED`].
///
/// With standard normal features $\phi$ and noise $e$, the costs of the allocation and the returns of the portfolio are
///
/// $$c_j = W_j^\top \phi + 0.4\, \phi_{a_j} \phi_{b_j} + 0.15\, e_j, \text{ then } c \leftarrow c - \bar c + 1, \qquad
/// r_j = V_j^\top \phi + 0.8\, \phi_{p_j} \phi_{q_j} + 0.1\, e_j$$
///
/// with the row's mean $\bar c$. The products are what a linear predictor cannot learn. The stream gives, of the allocation, features and
/// then noise of the training rows, the same of the test rows and a permutation for each epoch; then all of it again for the portfolio.
///
/// # Differences
/// None: features, costs, returns and orders are the notebook's bit for bit (on Linux with glibc, see [`RandomState`]).
///
/// # Errors
/// None that these sizes can have.
///
/// # References
/// The decision-focused learning notebook of discopt; `tests/discopt/` compares with its recorded data.
///
/// ```
/// let drawn = dfl_bench::data::discopt::draw(42)?;
/// let rounded: Vec<f64> = drawn.allocation.train.1.row(0).iter().map(|c| (c * 1000.0).round() / 1000.0).collect();
/// assert_eq!(rounded, [1.01, 1.742, 0.248]);
/// # Ok::<(), dfl_core::Error>(())
/// ```
pub fn draw(seed: u32) -> Result<Drawn> {
    let mut rng = RandomState::new(seed);
    Ok(Drawn { allocation: ALLOCATION.rows(&mut rng)?, portfolio: PORTFOLIO.rows(&mut rng)? })
}

/// What tells the two problems' data apart.
struct Recipe {
    weights: [[f64; 5]; 3],
    /// Factor of the product of two features, and which two.
    product: f64,
    pairs: [[usize; 2]; 3],
    noise: f64,
    centred: bool,
}

const ALLOCATION: Recipe = Recipe {
    weights: [[0.4, -0.2, 0.1, 0.0, 0.3], [0.0, 0.2, -0.1, 0.4, 0.0], [-0.2, 0.1, 0.2, -0.2, 0.4]],
    product: 0.4,
    pairs: [[0, 1], [2, 3], [0, 4]],
    noise: 0.15,
    centred: true,
};

const PORTFOLIO: Recipe = Recipe {
    weights: [[0.60, -0.20, 0.12, 0.32, -0.08], [0.08, 0.40, -0.16, 0.04, 0.24], [-0.12, 0.16, 0.48, -0.24, 0.04]],
    product: 0.8,
    pairs: [[0, 2], [1, 4], [3, 0]],
    noise: 0.1,
    centred: false,
};

impl Recipe {
    fn rows(&self, rng: &mut RandomState) -> Result<Rows> {
        let (train, test) = (self.part(rng, TRAIN)?, self.part(rng, TEST)?);
        Ok(Rows { train, test, orders: (0..EPOCHS).map(|_| rng.permutation(TRAIN as u32)).collect() })
    }

    /// Every operation in numpy's order, so that the last bit is the same.
    fn part(&self, rng: &mut RandomState, rows: usize) -> Result<(Batch, Batch)> {
        let features = normals(rng, rows, 5)?;
        let noise = normals(rng, rows, 3)?;
        let mut values = scores(&features, &Batch::from_rows(&self.weights)?)?;
        for i in 0..rows {
            let (phi, e, out) = (features.row(i), noise.row(i), values.row_mut(i));
            for (j, [a, b]) in self.pairs.into_iter().enumerate() {
                out[j] += self.product * phi[a] * phi[b];
                out[j] += self.noise * e[j];
            }
            if self.centred {
                let mean = out.iter().sum::<f64>() / 3.0;
                out.iter_mut().for_each(|c| *c = *c - mean + 1.0);
            }
        }
        Ok((features, values))
    }
}
