//! Instances of the network security game: how attractive nodes are, and features that hide it.

mod features;

use dfl_core::{Batch, Key, Result, Rng, Stream};
use serde::Serialize;

use super::polynomial::{check, check_positive, filled};
use crate::security::{Game, RandomGraph, Rules};
use features::FeatureNetwork;

/// The arguments of the generator of the security game.
///
/// Graph, payoffs $5 + 5\,U(0,1)$ of the targets and the weights of the feature network belong to the seed and are shared by all instances. Of
/// instance $i$ the attractiveness is
///
/// $$\phi_v = -d_v + U(-1, 1), \qquad \textstyle\sum_v \phi_v = 0$$
///
/// with $d_v$ the edges between $v$ and the nearest target, and its features are what a random network makes of it (see `FeatureNetwork`),
/// standardised by one mean and one deviation of the first `train` rows, plus `noise` times $N(0, 1)$. Row $i$ is a function of the seed, of $i$ and of
/// those two numbers.
///
/// # References
/// Wang et al. (2020), the game's published code: 50 nodes, 50 instances, 16 features, noise 0.2.
///
/// ```
/// use dfl_bench::data::security::SecurityData;
/// let data = SecurityData { samples: 3, ..SecurityData::default() };
/// let (x, phi) = data.generate(&data.game()?, 2)?;
/// assert_eq!((x.cols(), phi.cols()), (50 * 16, 50));
/// # Ok::<(), dfl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecurityData {
    /// How the graph is drawn.
    pub graph: RandomGraph,
    /// Number of features of a node.
    pub features: usize,
    /// Deviation of the noise on the features, in theirs.
    pub noise: f64,
    /// Number of instances.
    pub samples: usize,
    /// Seed of the streams.
    pub seed: u64,
}

impl Default for SecurityData {
    /// The published example.
    fn default() -> Self {
        Self { graph: RandomGraph::default(), features: 16, noise: 0.2, samples: 50, seed: 0 }
    }
}

impl SecurityData {
    fn rng(&self, what: &str, id: u64, slot: u32) -> Rng {
        Stream { seed: self.seed, step: 0 }.rng(what, Key { id, slot })
    }

    /// The game that all instances share, with the published rules.
    ///
    /// # Errors
    /// As [`RandomGraph::draw`].
    pub fn game(&self) -> Result<Game> {
        let mut rng = self.rng("security payoffs", 0, 0);
        let payoffs = (0..self.graph.targets).map(|_| 5.0 + 5.0 * rng.uniform()).collect();
        Game::new(self.graph.draw(self.seed)?, payoffs, Rules::default())
    }

    /// Draws the instances of that game: features `[samples, nodes * features]`, those of a node together, and attractiveness `[samples, nodes]`.
    /// The first `train` rows standardise the features.
    ///
    /// # Errors
    /// [`dfl_core::Error::Domain`] for no samples, features or training rows, more training rows than samples, or a noise that is negative.
    pub fn generate(&self, game: &Game, train: usize) -> Result<(Batch, Batch)> {
        [("samples", self.samples), ("features", self.features), ("training rows", train)]
            .into_iter()
            .try_for_each(|(what, count)| check_positive(what, count))?;
        check("training rows", train as f64, train <= self.samples, "at most the number of samples")?;
        check("noise", self.noise, self.noise >= 0.0 && self.noise.is_finite(), "at least 0 and finite")?;
        let nodes = game.graph().nodes();
        let mut x = filled("samples x features", self.samples, nodes * self.features, || 0.0)?;
        let mut y = filled("samples x nodes", self.samples, nodes, || 0.0)?;
        let near = game.graph().distances(game.graph().targets());
        let network = FeatureNetwork::new(self.features, &mut self.rng("security weights", 0, 0));
        for i in 0..self.samples {
            let mut rng = self.rng("security", i as u64, 0);
            let phi = y.row_mut(i);
            phi.iter_mut().zip(&near).for_each(|(phi, d)| *phi = 2.0 * rng.uniform() - 1.0 - d.unwrap_or(nodes) as f64);
            centre(phi);
            network.features(game.graph(), phi, &mut self.rng("security", i as u64, 1), x.row_mut(i));
        }
        self.standardise(&mut x, train);
        Ok((x, y))
    }

    fn standardise(&self, x: &mut Batch, train: usize) {
        let known = &x.as_slice()[..train * x.cols()];
        let count = known.len() as f64;
        let mean = known.iter().sum::<f64>() / count;
        let variance = known.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        // Features that never vary, of a network whose units are all off, become zero.
        let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
        for i in 0..x.rows() {
            let mut rng = self.rng("security", i as u64, 2);
            x.row_mut(i).iter_mut().for_each(|v| *v = (*v - mean) * scale + self.noise * rng.normal());
        }
    }
}

/// Takes out the mean.
fn centre(values: &mut [f64]) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter_mut().for_each(|v| *v -= mean);
}
