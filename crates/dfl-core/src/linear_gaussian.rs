use std::f64::consts::TAU;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::linear::Saved;
use crate::{Batch, Generative, Key, Linear, Parameters, Predictor, Result, Sampler, Stream, Trainable, check_len, check_samples, files};

/// What the deviation of a [`LinearGaussian`] depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// One deviation per output.
    #[default]
    Constant,
    /// $\log \sigma$ is affine in the features.
    Affine,
}

/// $y_j \sim N(\mu_j, \sigma_j^2)$, independent, with $\mu = W\phi + b$ and $\log \sigma$ constant or affine in $\phi$; in pure Rust,
/// trained with [`Adam`](crate::Adam). Starts as the standard normal.
///
/// # Shapes
/// Features `[b, inputs]`, predictions (the mean) `[b, outputs]`. Weights: those of the mean, `[outputs, inputs + 1]`, then those of
/// $\log \sigma$, `[outputs, 1]` or `[outputs, inputs + 1]`.
#[derive(Clone, Debug)]
pub struct LinearGaussian {
    mean: Linear,
    /// Of the features, or of none.
    log_deviation: Linear,
    /// What [`Generative::pull_samples`] needs.
    drawn: Drawn,
    /// What [`Generative::pull_moments`] needs: features and deviation of the last pass.
    passed: (Batch, Batch),
}

/// What a file says of one; a deviation of no features is constant.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    mean: Saved,
    log_deviation: Saved,
}

impl Parts {
    fn build(self) -> Result<LinearGaussian> {
        let (mean, log_deviation) = (self.mean.build()?, self.log_deviation.build()?);
        check_len("outputs of the deviation", mean.outputs(), log_deviation.outputs())?;
        if log_deviation.inputs() > 0 {
            check_len("features of the deviation", mean.inputs(), log_deviation.inputs())?;
        }
        Ok(LinearGaussian { mean, log_deviation, drawn: Drawn::default(), passed: Default::default() })
    }
}

/// Tells its files from those of a network.
const MODEL: &str = "linear_gaussian";

/// The last draw: $y = \mu + $ `noise`, the noise with its deviation.
#[derive(Clone, Debug, Default)]
struct Drawn {
    features: Batch,
    noise: Batch,
}

impl LinearGaussian {
    /// A model that predicts the standard normal.
    pub fn new(inputs: usize, outputs: usize, spread: Spread) -> Self {
        let of = if spread == Spread::Affine { inputs } else { 0 };
        Self {
            mean: Linear::new(inputs, outputs),
            log_deviation: Linear::new(of, outputs),
            drawn: Drawn::default(),
            passed: Default::default(),
        }
    }

    /// Reads what [`Parameters::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) naming the file that is missing, of another model, or damaged.
    pub fn load(path: &Path) -> Result<Self> {
        files::read_model(&path.with_extension("toml"), MODEL, Parts::build)
    }

    /// What the deviation is a function of.
    fn spread_features(&self, features: &Batch) -> Batch {
        if self.log_deviation.inputs() == 0 { Batch::zeros(features.rows(), 0) } else { features.clone() }
    }

    /// Mean and deviation, `[b, outputs]` each.
    fn mean_and_deviation(&self, features: &Batch) -> Result<(Batch, Batch)> {
        let mean = self.mean.predict(features)?;
        let mut deviation = self.log_deviation.predict(&self.spread_features(features))?;
        deviation.as_mut_slice().iter_mut().for_each(|s| *s = s.exp());
        Ok((mean, deviation))
    }

    /// $\sigma \xi$, `[b, samples * outputs]`; a row's noise does not depend on the number of samples.
    fn noise(&self, deviation: &Batch, samples: usize, stream: Stream) -> Batch {
        let outputs = self.outputs();
        let mut out = Batch::zeros(deviation.rows(), samples * outputs);
        for i in 0..out.rows() {
            let mut rng = stream.rng("gaussian samples", Key { id: i as u64, slot: 0 });
            let deviations = deviation.row(i).iter().cycle();
            out.row_mut(i).iter_mut().zip(deviations).for_each(|(to, s)| *to = s * rng.normal());
        }
        out
    }

    /// Numbers of the mean, and of the deviation.
    fn parts<'v>(&self, what: &'static str, values: &'v [f64]) -> Result<(&'v [f64], &'v [f64])> {
        let size = |of: &Linear| of.outputs() * (of.inputs() + 1);
        check_len(what, size(&self.mean) + size(&self.log_deviation), values.len())?;
        Ok(values.split_at(size(&self.mean)))
    }

    /// What was drawn or passed belongs to weights that are about to change.
    fn forget(&mut self) {
        self.drawn = Drawn::default();
        self.passed = Default::default();
    }

    /// Adds the transposes of mean and log-deviation applied to cotangents on them.
    fn pull(&mut self, features: &Batch, mean: &Batch, log_deviation: &Batch) -> Result<()> {
        self.mean.forward(features, Stream::default())?;
        self.mean.backward(mean)?;
        self.log_deviation.forward(&self.spread_features(features), Stream::default())?;
        self.log_deviation.backward(log_deviation)
    }

    /// Calls `each(row, sample, output, outcome minus mean over deviation, deviation)` for all outcomes.
    fn for_each_outcome(&self, features: &Batch, outcomes: &Batch, mut each: impl FnMut(usize, usize, usize, f64, f64)) -> Result<()> {
        check_len("outcomes", features.rows(), outcomes.rows())?;
        outcomes.check_finite("outcomes")?;
        let (mean, deviation) = self.mean_and_deviation(features)?;
        for (i, row) in outcomes.iter().enumerate() {
            for (m, outcome) in row.chunks_exact(self.outputs().max(1)).enumerate() {
                for (j, y) in outcome.iter().enumerate() {
                    let s = deviation.row(i)[j];
                    each(i, m, j, (y - mean.row(i)[j]) / s, s);
                }
            }
        }
        Ok(())
    }
}

/// $\log N(\mu + \sigma e; \mu, \sigma^2)$.
fn log_normal(e: f64, deviation: f64) -> f64 {
    -0.5 * (e * e + TAU.ln()) - deviation.ln()
}

impl Predictor for LinearGaussian {
    fn name(&self) -> &'static str {
        "gaussian"
    }
    fn inputs(&self) -> usize {
        self.mean.inputs()
    }
    fn outputs(&self) -> usize {
        self.mean.outputs()
    }
    fn predict(&self, features: &Batch) -> Result<Batch> {
        self.mean.predict(features)
    }
}

impl Sampler for LinearGaussian {
    fn sample(&self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        check_samples(samples)?;
        let (mean, deviation) = self.mean_and_deviation(features)?;
        Ok(shifted(&mean, self.noise(&deviation, samples, stream)))
    }
}

/// Each row's mean added to all its samples.
fn shifted(mean: &Batch, mut noise: Batch) -> Batch {
    for i in 0..mean.rows() {
        let centre = mean.row(i).iter().cycle();
        noise.row_mut(i).iter_mut().zip(centre).for_each(|(y, c)| *y += c);
    }
    noise
}

impl Parameters for LinearGaussian {
    fn values(&self) -> Vec<f64> {
        [self.mean.values(), self.log_deviation.values()].concat()
    }
    fn set_values(&mut self, values: &[f64]) -> Result<()> {
        let (mean, spread) = self.parts("weights", values)?;
        self.forget();
        self.mean.set_values(mean)?;
        self.log_deviation.set_values(spread)
    }
    fn gradient(&self) -> Vec<f64> {
        [self.mean.gradient(), self.log_deviation.gradient()].concat()
    }
    fn add_gradient(&mut self, scale: f64, other: &[f64]) -> Result<()> {
        let (mean, spread) = self.parts("gradient", other)?;
        self.mean.add_gradient(scale, mean)?;
        self.log_deviation.add_gradient(scale, spread)
    }
    fn zero_grad(&mut self) {
        self.mean.zero_grad();
        self.log_deviation.zero_grad();
    }
    fn step(&mut self, learning_rate: f64) -> Result<()> {
        self.forget();
        self.mean.step(learning_rate)?;
        self.log_deviation.step(learning_rate)
    }
    /// Writes `path` with extension `toml`: the weights, which read back to the bit. The optimisers' state is not saved.
    fn save(&self, path: &Path) -> Result<()> {
        let parts = Parts { mean: Saved::of(&self.mean), log_deviation: Saved::of(&self.log_deviation) };
        files::write_config(&path.with_extension("toml"), MODEL, &parts)
    }
}

impl Generative for LinearGaussian {
    fn has_density(&self) -> bool {
        true
    }
    fn add_log_likelihood(&mut self, features: &Batch, outcomes: &Batch, weights: &Batch, _stream: Stream) -> Result<f64> {
        check_len("outcomes", weights.cols() * self.outputs(), outcomes.cols())?;
        check_len("weights", features.rows(), weights.rows())?;
        weights.check_finite("weights")?;
        let (b, n) = (features.rows(), self.outputs());
        let (mut mean, mut spread, mut value) = (Batch::zeros(b, n), Batch::zeros(b, n), 0.0);
        self.for_each_outcome(features, outcomes, |i, m, j, e, s| {
            let w = weights.row(i)[m];
            value += w * log_normal(e, s);
            mean.row_mut(i)[j] += w * e / s;
            spread.row_mut(i)[j] += w * (e * e - 1.0);
        })?;
        self.pull(features, &mean, &spread)?;
        Ok(value)
    }
    fn log_density(&self, features: &Batch, outcomes: &Batch) -> Result<Batch> {
        let samples = outcomes.cols() / self.outputs().max(1);
        check_len("outcomes", samples * self.outputs(), outcomes.cols())?;
        let mut out = Batch::zeros(outcomes.rows(), samples);
        self.for_each_outcome(features, outcomes, |i, m, _, e, s| out.row_mut(i)[m] += log_normal(e, s))?;
        Ok(out)
    }
    fn draw(&mut self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        check_samples(samples)?;
        let (mean, deviation) = self.mean_and_deviation(features)?;
        let noise = self.noise(&deviation, samples, stream);
        self.drawn = Drawn { features: features.clone(), noise: noise.clone() };
        Ok(shifted(&mean, noise))
    }
    fn pull_samples(&mut self, cotangent: &Batch) -> Result<()> {
        check_len("cotangent rows", self.drawn.noise.rows(), cotangent.rows())?;
        check_len("cotangent", self.drawn.noise.cols(), cotangent.cols())?;
        let drawn = std::mem::take(&mut self.drawn);
        let n = self.outputs();
        let (mut mean, mut spread) = (Batch::zeros(cotangent.rows(), n), Batch::zeros(cotangent.rows(), n));
        for i in 0..cotangent.rows() {
            for (k, (c, e)) in cotangent.row(i).iter().zip(drawn.noise.row(i)).enumerate() {
                mean.row_mut(i)[k % n] += c;
                spread.row_mut(i)[k % n] += c * e;
            }
        }
        self.pull(&drawn.features, &mean, &spread)?;
        self.drawn = drawn;
        Ok(())
    }
    fn moments(&self, features: &Batch) -> Result<Batch> {
        let (mean, deviation) = self.mean_and_deviation(features)?;
        Ok(side_by_side(&mean, &deviation))
    }
    fn forward_moments(&mut self, features: &Batch, _stream: Stream) -> Result<Batch> {
        let (mean, deviation) = self.mean_and_deviation(features)?;
        let out = side_by_side(&mean, &deviation);
        self.passed = (features.clone(), deviation);
        Ok(out)
    }
    fn pull_moments(&mut self, cotangent: &Batch) -> Result<()> {
        let n = self.outputs();
        check_len("cotangent rows", self.passed.1.rows(), cotangent.rows())?;
        check_len("cotangent", 2 * n, cotangent.cols())?;
        let (features, deviation) = std::mem::take(&mut self.passed);
        let (mut mean, mut spread) = (Batch::zeros(cotangent.rows(), n), deviation.clone());
        for i in 0..cotangent.rows() {
            let (of_mean, of_deviation) = cotangent.row(i).split_at(n);
            mean.row_mut(i).copy_from_slice(of_mean);
            spread.row_mut(i).iter_mut().zip(of_deviation).for_each(|(s, c)| *s *= c);
        }
        self.pull(&features, &mean, &spread)?;
        self.passed = (features, deviation);
        Ok(())
    }
}

/// Two batches of as many rows as one, `[b, left + right]`.
fn side_by_side(left: &Batch, right: &Batch) -> Batch {
    let mut out = Batch::zeros(left.rows(), left.cols() + right.cols());
    for i in 0..left.rows() {
        let (to_left, to_right) = out.row_mut(i).split_at_mut(left.cols());
        to_left.copy_from_slice(left.row(i));
        to_right.copy_from_slice(right.row(i));
    }
    out
}
