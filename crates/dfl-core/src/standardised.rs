use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::dense::{dot, factor_spd, solve_factored};
use crate::linear::Saved;
use crate::{Batch, Error, Generative, Instances, Linear, Parameters, Predictor, Result, Sampler, Stream, check_len, files};

/// What a [`Frame`] takes for the centre of the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Centre {
    /// The mean of the training rows.
    Mean,
    /// A linear regression on the features: the model then learns the distribution of its residual. Coefficients $\beta$ minimise
    /// $\|y - X\beta\|^2 + \lambda \sum_k d_k \beta_k^2$ with $d_k$ the squared length of feature $k$ about its mean, so that no unit
    /// matters; the constant is free.
    LeastSquares {
        /// $\lambda \ge 0$; above 0 where features are collinear or outnumber the rows.
        ridge: f64,
    },
}

/// Affine coordinates of the truth, $y = c(\phi) + s \odot y'$.
///
/// # Shapes
/// $c$: `[b, inputs]` to `[b, outputs]`; $s$: `[outputs]`.
#[derive(Clone, Debug)]
pub struct Frame {
    centre: Linear,
    scale: Vec<f64>,
}

/// What a file says of a frame.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedFrame {
    scale: Vec<f64>,
    centre: Saved,
}

/// A file beside those of a model of this path.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("frame.toml")
}

impl Frame {
    /// Given coordinates.
    ///
    /// # Errors
    /// [`Error::Dimension`], or [`Error::Domain`] for a scale that is not positive and finite.
    pub fn new(centre: Linear, scale: Vec<f64>) -> Result<Self> {
        check_len("scale of the truth", centre.outputs(), scale.len())?;
        match scale.iter().find(|s| !(**s > 0.0 && s.is_finite())) {
            Some(&value) => Err(Error::Domain { what: "scale of the truth", value, need: "positive and finite" }),
            None => Ok(Self { centre, scale }),
        }
    }

    /// The centre, and the deviation about it of each column of the truth (divisor: rows), from training rows alone.
    ///
    /// # Errors
    /// [`Error::Domain`] naming a column of the truth that never varies, or that the centre already predicts; without rows; for a ridge
    /// that is negative or too small for collinear features.
    pub fn fit(train: &Instances, centre: Centre) -> Result<Self> {
        if train.is_empty() {
            return Err(Error::Domain { what: "number of training rows", value: 0.0, need: "at least 1" });
        }
        train.features.check_finite("features")?;
        train.truth.check_finite("truth")?;
        let centre = match centre {
            Centre::Mean => constant(train.features.cols(), &means(&train.truth))?,
            Centre::LeastSquares { ridge } => regression(&train.features, &train.truth, ridge)?,
        };
        let scale = deviations(&train.truth, &centre.predict(&train.features)?)?;
        Self::new(centre, scale)
    }

    /// Reads what [`Parameters::save`] of a [`Standardised`] wrote beside its model.
    ///
    /// # Errors
    /// [`Error::File`] naming the file that is missing or damaged.
    pub fn load(path: &Path) -> Result<Self> {
        files::read_model(&beside(path), "frame", |saved: SavedFrame| Self::new(saved.centre.build()?, saved.scale))
    }

    fn save(&self, path: &Path) -> Result<()> {
        let saved = SavedFrame { scale: self.scale.clone(), centre: Saved::of(&self.centre) };
        files::write_config(&beside(path), "frame", &saved)
    }

    /// $c$.
    pub fn centre(&self) -> &Linear {
        &self.centre
    }

    /// $s$.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// $\sum_j \log s_j$: what a density loses in these coordinates.
    fn log_volume(&self) -> f64 {
        self.scale.iter().map(|s| s.ln()).sum()
    }

    /// $c + s \odot y'$ of every sample.
    fn outward(&self, features: &Batch, mut inner: Batch) -> Result<Batch> {
        self.each(features, &mut inner, |y, c, s| c + s * y)?;
        Ok(inner)
    }

    /// $(y - c) / s$ of every outcome.
    fn inward(&self, features: &Batch, outcomes: &Batch) -> Result<Batch> {
        let mut inner = outcomes.clone();
        self.each(features, &mut inner, |y, c, s| (y - c) / s)?;
        Ok(inner)
    }

    /// $c + s \odot m$ of means, $s \odot d$ of deviations, `[b, 2 * outputs]`.
    fn moments(&self, features: &Batch, mut inner: Batch) -> Result<Batch> {
        check_len("moments", 2 * self.scale.len(), inner.cols())?;
        let centre = self.centre.predict(features)?;
        for i in 0..inner.rows() {
            let (mean, deviation) = inner.row_mut(i).split_at_mut(self.scale.len());
            let parts = centre.row(i).iter().zip(&self.scale);
            mean.iter_mut().zip(deviation).zip(parts).for_each(|((m, d), (c, s))| (*m, *d) = (c + s * *m, s * *d));
        }
        Ok(inner)
    }

    /// A cotangent in these coordinates of one on samples or moments outside.
    fn cotangent(&self, outer: &Batch) -> Batch {
        let (mut inner, outputs) = (outer.clone(), self.scale.len().max(1));
        inner.as_mut_slice().iter_mut().enumerate().for_each(|(k, c)| *c *= self.scale[k % outputs]);
        inner
    }

    fn each(&self, features: &Batch, outcomes: &mut Batch, map: impl Fn(f64, f64, f64) -> f64) -> Result<()> {
        check_len("outcomes", features.rows(), outcomes.rows())?;
        let centre = self.centre.predict(features)?;
        for i in 0..outcomes.rows() {
            for outcome in outcomes.row_mut(i).chunks_mut(self.scale.len().max(1)) {
                let parts = centre.row(i).iter().zip(&self.scale);
                outcome.iter_mut().zip(parts).for_each(|(y, (c, s))| *y = map(*y, *c, *s));
            }
        }
        Ok(())
    }
}

/// A distribution in the coordinates of a [`Frame`]: the wrapped model sees $y' = (y - c(\phi))/s$, of mean 0 and deviation 1, and is seen
/// from outside as one of $y$. Only the model learns; the frame is data.
///
/// Samples are $c + s y'$, cotangents $s$ times those outside, and $\log p(y) = \log p'(y') - \sum_j \log s_j$, of a bound as well.
/// [`Parameters::save`] writes the model's own files and, beside them, the frame with extension `frame.toml`.
pub struct Standardised {
    model: Box<dyn Generative>,
    frame: Frame,
}

impl Standardised {
    /// A model in given coordinates.
    ///
    /// # Errors
    /// [`Error::Dimension`] if model and frame differ in features or outputs.
    pub fn new(model: Box<dyn Generative>, frame: Frame) -> Result<Self> {
        check_len("features of the frame", model.inputs(), frame.centre.inputs())?;
        check_len("outputs of the frame", model.outputs(), frame.centre.outputs())?;
        Ok(Self { model, frame })
    }

    /// A model in the coordinates of its training rows.
    ///
    /// # Errors
    /// As [`Frame::fit`] and [`Standardised::new`].
    pub fn fit(model: Box<dyn Generative>, train: &Instances, centre: Centre) -> Result<Self> {
        Self::new(model, Frame::fit(train, centre)?)
    }

    /// Reads what [`Parameters::save`] wrote, the wrapped model by its own `load`.
    ///
    /// # Errors
    /// As [`Frame::load`], that `load` and [`Standardised::new`].
    pub fn load<M: Generative + 'static>(path: &Path, load: impl FnOnce(&Path) -> Result<M>) -> Result<Self> {
        Self::new(Box::new(load(path)?), Frame::load(path)?)
    }

    /// The coordinates.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The wrapped model.
    pub fn model(&self) -> &dyn Generative {
        &*self.model
    }
}

impl Predictor for Standardised {
    fn name(&self) -> &'static str {
        self.model.name()
    }
    fn inputs(&self) -> usize {
        self.model.inputs()
    }
    fn outputs(&self) -> usize {
        self.model.outputs()
    }
    fn predict(&self, features: &Batch) -> Result<Batch> {
        self.frame.outward(features, self.model.predict(features)?)
    }
}

impl Sampler for Standardised {
    fn sample(&self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        self.frame.outward(features, self.model.sample(features, samples, stream)?)
    }
}

impl Parameters for Standardised {
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
    fn save(&self, path: &Path) -> Result<()> {
        self.model.save(path)?;
        self.frame.save(path)
    }
}

impl Generative for Standardised {
    fn has_density(&self) -> bool {
        self.model.has_density()
    }
    fn add_log_likelihood(&mut self, features: &Batch, outcomes: &Batch, weights: &Batch, stream: Stream) -> Result<f64> {
        let inner = self.frame.inward(features, outcomes)?;
        let value = self.model.add_log_likelihood(features, &inner, weights, stream)?;
        Ok(value - weights.as_slice().iter().sum::<f64>() * self.frame.log_volume())
    }
    fn log_density(&self, features: &Batch, outcomes: &Batch) -> Result<Batch> {
        let mut out = self.model.log_density(features, &self.frame.inward(features, outcomes)?)?;
        let volume = self.frame.log_volume();
        out.as_mut_slice().iter_mut().for_each(|p| *p -= volume);
        Ok(out)
    }
    fn draw(&mut self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        let inner = self.model.draw(features, samples, stream)?;
        self.frame.outward(features, inner)
    }
    fn pull_samples(&mut self, cotangent: &Batch) -> Result<()> {
        self.model.pull_samples(&self.frame.cotangent(cotangent))
    }
    fn moments(&self, features: &Batch) -> Result<Batch> {
        self.frame.moments(features, self.model.moments(features)?)
    }
    fn forward_moments(&mut self, features: &Batch, stream: Stream) -> Result<Batch> {
        let inner = self.model.forward_moments(features, stream)?;
        self.frame.moments(features, inner)
    }
    fn pull_moments(&mut self, cotangent: &Batch) -> Result<()> {
        self.model.pull_moments(&self.frame.cotangent(cotangent))
    }
}

fn means(batch: &Batch) -> Vec<f64> {
    let mut sums = vec![0.0; batch.cols()];
    batch.iter().for_each(|row| sums.iter_mut().zip(row).for_each(|(s, v)| *s += v));
    sums.iter().map(|s| s / batch.rows() as f64).collect()
}

fn constant(inputs: usize, values: &[f64]) -> Result<Linear> {
    affine(inputs, values, |_, _| 0.0)
}

/// A linear map of given coefficients (by output and feature) and constants.
fn affine(inputs: usize, constants: &[f64], coefficient: impl Fn(usize, usize) -> f64) -> Result<Linear> {
    let mut out = Linear::new(inputs, constants.len());
    let weights: Vec<f64> =
        constants.iter().enumerate().flat_map(|(j, c)| (0..inputs).map(|k| coefficient(j, k)).chain([*c]).collect::<Vec<_>>()).collect();
    out.set_values(&weights)?;
    Ok(out)
}

/// Ridge regression by the normal equations of features about their mean, each scaled to length 1; a constant feature gets no coefficient.
fn regression(features: &Batch, truth: &Batch, ridge: f64) -> Result<Linear> {
    const WHAT: &str = "ridge of Centre::LeastSquares";
    if !(ridge >= 0.0 && ridge.is_finite()) {
        return Err(Error::Domain { what: WHAT, value: ridge, need: "at least 0 and finite" });
    }
    let (p, x_mean, y_mean) = (features.cols(), means(features), means(truth));
    let columns: Vec<Vec<f64>> = (0..p).map(|k| features.iter().map(|row| row[k] - x_mean[k]).collect()).collect();
    let lengths: Vec<f64> = columns.iter().map(|c| dot(c, c).sqrt()).collect();
    let inverse: Vec<f64> = (0..p).map(|k| if lengths[k] > rounding(features, k) { 1.0 / lengths[k] } else { 0.0 }).collect();
    let mut normal = vec![0.0; p * p];
    for i in 0..p {
        for j in 0..i {
            normal[i * p + j] = inverse[i] * inverse[j] * dot(&columns[i], &columns[j]);
        }
        normal[i * p + i] = 1.0 + ridge;
    }
    if !factor_spd(&mut normal, p) || (0..p).any(|i| normal[i * p + i] < 1e-6) {
        return Err(Error::Domain { what: WHAT, value: ridge, need: "larger: some features are combinations of others" });
    }
    let solve = |j: usize| {
        let y: Vec<f64> = truth.iter().map(|row| row[j] - y_mean[j]).collect();
        let mut beta: Vec<f64> = columns.iter().zip(&inverse).map(|(c, s)| s * dot(c, &y)).collect();
        solve_factored(&normal, &mut beta);
        beta.iter().zip(&inverse).map(|(b, s)| b * s).collect::<Vec<f64>>()
    };
    let betas: Vec<Vec<f64>> = (0..truth.cols()).map(solve).collect();
    let constants: Vec<f64> = betas.iter().zip(&y_mean).map(|(beta, y)| y - dot(beta, &x_mean)).collect();
    affine(p, &constants, |j, k| betas[j][k])
}

/// Length about its mean that rounding may give to a column that is constant.
fn rounding(batch: &Batch, column: usize) -> f64 {
    let largest = batch.iter().fold(0.0_f64, |top, row| top.max(row[column].abs()));
    1e-12 * largest * (batch.rows() as f64).sqrt()
}

/// Root of the mean square of `truth - centre` in each column.
fn deviations(truth: &Batch, centre: &Batch) -> Result<Vec<f64>> {
    let deviation = |j: usize| {
        let sum: f64 = truth.iter().zip(centre.iter()).map(|(y, c)| (y[j] - c[j]).powi(2)).sum();
        if sum.sqrt() > rounding(truth, j) {
            return Ok((sum / truth.rows() as f64).sqrt());
        }
        let what = "column of the truth that does not vary about its centre in the training rows";
        Err(Error::Domain { what, value: j as f64, need: "left out: there is nothing to learn about it" })
    };
    (0..truth.cols()).map(deviation).collect()
}
