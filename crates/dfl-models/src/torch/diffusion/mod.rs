//! A conditional denoising diffusion model.

mod chain;
mod config;
mod denoiser;
mod elbo;
mod linear;
mod pathwise;
mod schedule;
mod timesteps;

use std::ops::Range;
use std::path::Path;

use dfl_core::{Batch, Error, Generative, Parameters, Predictor, Result, Sampler, Stream, check_len};
use tch::Tensor;
use tch::nn::VarStore;

use super::bridge::{Place, backend, flatten, indices, to_tensor};
use super::weights::Weights;
use super::{Device, files};
use chain::{Chain, Noise, Transition, transitions};
pub use config::{DiffusionConfig, DiffusionSampler, Elbo, Timesteps};
use denoiser::Denoiser;
pub use linear::LinearDiffusion;
use pathwise::Drawn;
pub use schedule::{NoiseSchedule, NoiseTable};
use timesteps::Proposal;

/// Numbers of the widest layer that pass the network at once where nothing asks for all of them: 8 MiB in single precision.
const GROUP: usize = 1 << 21;

/// A distribution $p_\theta(y \mid \phi)$ that turns standard normal noise $y_T$ into an outcome $y_0$ in $T$ small steps (DDPM).
///
/// A network predicts the noise in $y_t = \sqrt{\bar\alpha_t}\, y_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon$, and the reverse chain removes
/// it:
///
/// $$y_{t-1} = \frac{1}{\sqrt{\alpha_t}} \Bigl( y_t - \frac{\beta_t}{\sqrt{1 - \bar\alpha_t}}\, \epsilon_\theta(y_t, t, \phi) \Bigr)
/// {}+ \sqrt{\beta_t}\, \xi_t$$
///
/// or a shorter, deterministic chain ([`DiffusionSampler`]). Outcomes should be of mean near 0 and standard deviation near 1.
///
/// The prediction is the mean of 128 samples, of the same noise for every row. There is no density; [`Generative::add_log_likelihood`]
/// takes the denoising error or the true bound ([`Elbo`]) at a few steps ([`Timesteps`]). The bound is that of the ancestral chain,
/// whichever sampler is set.
///
/// # Shapes
/// Features `[b, inputs]`, outcomes `[b, samples * outputs]`. Samples of all rows pass the network in as few groups as memory allows.
///
/// # Reproducibility
/// Noise is a function of the stream, the row's position, the sample and the step, so the first samples of many are those of few. On the
/// CPU the same seed gives the same bits for the same number of threads.
///
/// # Differences
/// Noise is added in the last step of the ancestral chain too: the bound is one on the density of what is then sampled.
///
/// # References
/// Ho, Jain & Abbeel (2020), NeurIPS; Song, Meng & Ermon (2021), ICLR; Nichol & Dhariwal (2021), ICML; Lu et al. (2022), arXiv 2211.01095;
/// Diffusion-DFL (2026), ICLR.
#[derive(Debug)]
pub struct Diffusion {
    config: DiffusionConfig,
    table: NoiseTable,
    transitions: Vec<Transition>,
    step_weights: Vec<f64>,
    place: Place,
    denoiser: Denoiser,
    weights: Weights,
    proposal: Proposal,
    drawn: Option<Drawn>,
}

/// Its name in tables, and in the file beside its weights.
const NAME: &str = "diffusion";

impl Diffusion {
    /// Samples that a prediction is the mean of.
    const PREDICTED: usize = 128;

    /// A model with weights drawn from `seed`.
    ///
    /// # Errors
    /// What [`DiffusionConfig::check`] finds, [`Device::resolve`]'s errors, [`Error::Backend`].
    pub fn new(config: DiffusionConfig, seed: u64, device: Device) -> Result<Self> {
        config.check()?;
        let place = (config.precision.kind(), device.resolve()?);
        let store = VarStore::new(place.1);
        let table = config.table()?;
        Ok(Self {
            denoiser: Denoiser::new(&config, &table, seed, &store, place).map_err(backend)?,
            transitions: transitions(config.sampler, &table),
            step_weights: config.elbo.step_weights(&table),
            proposal: Proposal::new(config.timesteps, config.steps),
            weights: Weights::new(&store),
            drawn: None,
            config,
            table,
            place,
        })
    }

    /// Its configuration.
    pub fn config(&self) -> &DiffusionConfig {
        &self.config
    }

    /// The probability with which each of the steps $1 \dots T$ is drawn at the next call of [`Generative::add_log_likelihood`].
    pub fn step_probabilities(&self) -> &[f64] {
        self.proposal.probabilities()
    }

    /// Draws `draws` steps a sample by another rule, which has seen nothing yet.
    ///
    /// # Errors
    /// [`Error::Domain`] for no draws.
    pub fn set_timesteps(&mut self, timesteps: Timesteps, draws: usize) -> Result<()> {
        let config = DiffusionConfig { timesteps, draws, ..self.config.clone() };
        config.check()?;
        self.proposal = Proposal::new(timesteps, config.steps);
        self.config = config;
        Ok(())
    }

    /// Reads what [`Parameters::save`] wrote, onto any device.
    ///
    /// # Errors
    /// [`Error::File`] naming the file that is missing, truncated, of another kind of model, has an unknown key or a tensor of another
    /// shape; [`Error::Domain`]; [`Device::resolve`]'s errors.
    pub fn load(path: &Path, device: Device) -> Result<Self> {
        let config: DiffusionConfig = files::read_config(&path.with_extension("toml"), NAME)?;
        let mut model = Self::new(config, 0, device)?;
        model.weights.load(&path.with_extension("safetensors"))?;
        Ok(model)
    }

    /// How many rows pass the network at once.
    fn group(&self) -> usize {
        let input = self.config.outputs + self.config.embedding + self.config.inputs;
        (GROUP / self.config.hidden.iter().copied().fold(input, usize::max)).max(1)
    }

    /// The chains of all samples of all rows.
    fn chain(&self, features: &Batch, samples: usize, stream: Stream) -> Result<Chain<'_>> {
        let noise = Noise { stream, samples, range: 0..features.rows() * samples, common: false };
        self.part(&self.upload(features, samples)?, noise)
    }

    /// Features as a tensor, for that many samples each.
    fn upload(&self, features: &Batch, samples: usize) -> Result<Tensor> {
        if samples == 0 || u32::try_from(samples).is_err() {
            return Err(Error::Domain { what: "number of samples", value: samples as f64, need: "at least 1 and below 2^32" });
        }
        check_len("features", self.config.inputs, features.cols())?;
        to_tensor("features", features, self.place)
    }

    /// The chains of the samples in `noise.range`.
    fn part(&self, features: &Tensor, noise: Noise) -> Result<Chain<'_>> {
        let rows: Vec<usize> = noise.range.clone().map(|item| item / noise.samples).collect();
        let features = indices(&rows, self.place.1).and_then(|rows| features.f_index_select(0, &rows)).map_err(backend)?;
        let (denoiser, transitions) = (&self.denoiser, self.transitions.as_slice());
        Ok(Chain { denoiser, transitions, outputs: self.config.outputs, place: self.place, features, noise })
    }

    /// Samples as a batch, refused by row and column if they are not finite.
    fn checked(&self, rows: usize, samples: usize, values: Vec<f64>) -> Result<Batch> {
        let batch = Batch::from_vec(rows, samples * self.config.outputs, values)?;
        batch.check_finite("samples")?;
        Ok(batch)
    }

    /// Samples without a graph, in groups that fit into memory.
    fn samples(&self, features: &Batch, samples: usize, stream: Stream, common: bool) -> Result<Batch> {
        let uploaded = self.upload(features, samples)?;
        let _no_graph = tch::no_grad_guard();
        let total = features.rows() * samples;
        let mut out = Vec::with_capacity(total * self.config.outputs);
        for from in (0..total).step_by(self.group()) {
            let range: Range<usize> = from..(from + self.group()).min(total);
            let chain = self.part(&uploaded, Noise { stream, samples, range, common })?;
            let y = chain.start().and_then(|y| chain.run(y, 0..self.transitions.len())).map_err(backend)?;
            out.extend(flatten([&y]).map_err(backend)?);
        }
        self.checked(features.rows(), samples, out)
    }
}

impl Predictor for Diffusion {
    fn name(&self) -> &'static str {
        NAME
    }
    fn inputs(&self) -> usize {
        self.config.inputs
    }
    fn outputs(&self) -> usize {
        self.config.outputs
    }
    fn predict(&self, features: &Batch) -> Result<Batch> {
        let samples = self.samples(features, Self::PREDICTED, Stream::default(), true)?;
        let mut out = Batch::zeros(features.rows(), self.config.outputs);
        for (i, row) in samples.iter().enumerate() {
            for sample in row.chunks_exact(self.config.outputs) {
                out.row_mut(i).iter_mut().zip(sample).for_each(|(mean, y)| *mean += y / Self::PREDICTED as f64);
            }
        }
        Ok(out)
    }
}

impl Sampler for Diffusion {
    fn sample(&self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        self.samples(features, samples, stream, false)
    }
}

impl Parameters for Diffusion {
    fn values(&self) -> Vec<f64> {
        self.weights.values()
    }
    fn set_values(&mut self, values: &[f64]) -> Result<()> {
        self.drawn = None;
        self.weights.set_values(values)
    }
    fn gradient(&self) -> Vec<f64> {
        self.weights.gradient()
    }
    fn add_gradient(&mut self, scale: f64, other: &[f64]) -> Result<()> {
        self.weights.add_gradient(scale, other)
    }
    fn zero_grad(&mut self) {
        self.weights.zero_grad();
    }
    fn step(&mut self, learning_rate: f64) -> Result<()> {
        self.drawn = None;
        self.weights.step(learning_rate)
    }
    /// Writes `path` with extension `safetensors` (weights) and, beside it, with extension `toml` (the configuration, `model =
    /// "diffusion"`). Neither the optimiser's state nor what timestep sampling has seen is saved.
    fn save(&self, path: &Path) -> Result<()> {
        self.weights.save(&path.with_extension("safetensors"))?;
        files::write_config(&path.with_extension("toml"), NAME, &self.config)
    }
}

impl Generative for Diffusion {
    fn has_density(&self) -> bool {
        false
    }
    fn add_log_likelihood(&mut self, features: &Batch, outcomes: &Batch, weights: &Batch, stream: Stream) -> Result<f64> {
        self.add_bound(features, outcomes, weights, stream)
    }
    fn draw(&mut self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        self.draw_samples(features, samples, stream)
    }
    fn pull_samples(&mut self, cotangent: &Batch) -> Result<()> {
        self.pull(cotangent)
    }
}
