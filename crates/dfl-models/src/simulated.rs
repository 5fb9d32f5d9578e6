use std::path::Path;
use std::sync::Arc;

use dfl_core::{Batch, Generative, Parameters, Predictor, Result, Sampler, Simulator, Stream, check_len};
use rayon::prelude::*;

/// A distribution of a latent quantity, seen through a [`Simulator`]: its outcomes are $(s(\phi, \ell), \ell)$, what is simulated first.
///
/// A cost reads the front of an outcome. The likelihood is that of the latent quantity behind it, which the truth of the data must hold as
/// well; so score functions and likelihoods are those of the wrapped model, and pathwise derivatives go through the simulator. All rows
/// and samples are simulated in parallel, each a function of its own row alone. There are no moments: an outcome is no Gaussian.
///
/// # Shapes
/// Outcomes `[b, samples * (outcome + latent)]`.
/// # Errors
/// Of all methods: those of model and simulator, the latter as [`dfl_core::Error::Row`] with the position of the row.
pub struct Simulated {
    model: Box<dyn Generative>,
    simulator: Arc<dyn Simulator>,
    /// Features and latent quantities of the last draw.
    last: (Batch, Batch),
}

impl Simulated {
    /// A model whose outputs are what the simulator reads.
    ///
    /// # Errors
    /// [`dfl_core::Error::Dimension`] otherwise, or for a latent quantity of length 0.
    pub fn new(model: Box<dyn Generative>, simulator: Arc<dyn Simulator>) -> Result<Self> {
        check_len("outputs of the model behind a simulator", simulator.latent().max(1), model.outputs())?;
        Ok(Self { model, simulator, last: Default::default() })
    }

    fn lengths(&self) -> (usize, usize) {
        (self.simulator.outcome(), self.simulator.latent())
    }

    /// Outcomes of latent quantities `[b, samples * latent]`.
    fn simulate(&self, features: &Batch, latents: &Batch) -> Result<Batch> {
        let (simulator, (front, back)) = (&*self.simulator, self.lengths());
        let mut out = Batch::zeros(latents.rows(), latents.cols() / back * (front + back));
        let cols = out.cols().max(1);
        let row = |(i, row): (usize, &mut [f64])| -> Result<()> {
            for (latent, outcome) in latents.row(i).chunks_exact(back).zip(row.chunks_exact_mut(front + back)) {
                let (simulated, rest) = outcome.split_at_mut(front);
                simulator.simulate(features.row(i), latent, simulated).map_err(|e| e.in_row(i as u64))?;
                rest.copy_from_slice(latent);
            }
            Ok(())
        };
        out.as_mut_slice().par_chunks_mut(cols).enumerate().try_for_each(row)?;
        Ok(out)
    }

    /// The latent quantity of every outcome.
    fn latents(&self, outcomes: &Batch) -> Result<Batch> {
        let (front, back) = self.lengths();
        let samples = outcomes.cols() / (front + back);
        check_len("outcomes of a simulator", samples * (front + back), outcomes.cols())?;
        let kept = outcomes.as_slice().chunks_exact(front + back).flat_map(|outcome| &outcome[front..]);
        Batch::from_vec(outcomes.rows(), samples * back, kept.copied().collect())
    }
}

impl Predictor for Simulated {
    fn name(&self) -> &'static str {
        self.model.name()
    }
    fn inputs(&self) -> usize {
        self.model.inputs()
    }
    fn outputs(&self) -> usize {
        self.simulator.outcome() + self.simulator.latent()
    }
    /// What follows from the predicted latent quantity; not the mean of the outcomes.
    fn predict(&self, features: &Batch) -> Result<Batch> {
        self.simulate(features, &self.model.predict(features)?)
    }
}

impl Sampler for Simulated {
    fn sample(&self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        self.simulate(features, &self.model.sample(features, samples, stream)?)
    }
}

impl Parameters for Simulated {
    fn values(&self) -> Vec<f64> {
        self.model.values()
    }
    fn set_values(&mut self, values: &[f64]) -> Result<()> {
        self.model.set_values(values)
    }
    fn gradient(&self) -> Vec<f64> {
        self.model.gradient()
    }
    fn add_gradient(&mut self, scale: f64, other: &[f64]) -> Result<()> {
        self.model.add_gradient(scale, other)
    }
    fn zero_grad(&mut self) {
        self.model.zero_grad();
    }
    fn step(&mut self, learning_rate: f64) -> Result<()> {
        self.model.step(learning_rate)
    }
    fn gradient_norm(&self) -> f64 {
        self.model.gradient_norm()
    }
    /// Writes the model without its simulator, which is the caller's to keep.
    fn save(&self, path: &Path) -> Result<()> {
        self.model.save(path)
    }
}

impl Generative for Simulated {
    fn has_density(&self) -> bool {
        self.model.has_density()
    }
    fn add_log_likelihood(&mut self, features: &Batch, outcomes: &Batch, weights: &Batch, stream: Stream) -> Result<f64> {
        self.model.add_log_likelihood(features, &self.latents(outcomes)?, weights, stream)
    }
    fn log_density(&self, features: &Batch, outcomes: &Batch) -> Result<Batch> {
        self.model.log_density(features, &self.latents(outcomes)?)
    }
    fn draw(&mut self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        let latents = self.model.draw(features, samples, stream)?;
        let outcomes = self.simulate(features, &latents)?;
        self.last = (features.clone(), latents);
        Ok(outcomes)
    }
    /// The transpose of the simulator on the front of each cotangent, and the identity behind it.
    fn pull_samples(&mut self, cotangent: &Batch) -> Result<()> {
        let mut inner = self.latents(cotangent)?;
        let (features, latents) = &self.last;
        check_len("cotangent rows", latents.rows(), cotangent.rows())?;
        check_len("cotangent", latents.cols(), inner.cols())?;
        let (simulator, (front, back)) = (&*self.simulator, self.lengths());
        let row = |(i, row): (usize, &mut [f64])| -> Result<()> {
            let parts = latents.row(i).chunks_exact(back).zip(cotangent.row(i).chunks_exact(front + back));
            for (out, (latent, cotangent)) in row.chunks_exact_mut(back).zip(parts) {
                simulator.pull(features.row(i), latent, &cotangent[..front], out).map_err(|e| e.in_row(i as u64))?;
            }
            Ok(())
        };
        let cols = inner.cols().max(1);
        inner.as_mut_slice().par_chunks_mut(cols).enumerate().try_for_each(row)?;
        self.model.pull_samples(&inner)
    }
}
