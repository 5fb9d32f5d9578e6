use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Adam, Batch, Parameters, Predictor, Result, Rng, Stream, Trainable, check_len, files};

/// $\hat y = Wx + b$ in pure Rust, trained with [`Adam`]; starts at zero unless asked otherwise.
///
/// # Shapes
/// Features `[b, inputs]`, predictions `[b, outputs]`; weights row-major `[outputs, inputs + 1]`, the last column is $b$.
#[derive(Clone, Debug)]
pub struct Linear {
    inputs: usize,
    outputs: usize,
    weights: Vec<f64>,
    gradient: Vec<f64>,
    adam: Adam,
    /// Features of the last forward pass.
    seen: Batch,
}

impl Linear {
    /// A model that predicts zero.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        let size = outputs * (inputs + 1);
        Self { inputs, outputs, weights: vec![0.0; size], gradient: vec![0.0; size], adam: Adam::new(size), seen: Batch::default() }
    }

    /// A model whose weights and constants begin uniform on $(-1/\sqrt p, 1/\sqrt p)$ with $p$ the number of features, as those of
    /// PyTorch's `Linear` do: for losses of which a prediction of zero is a stationary point, and to compare with runs that began so.
    #[must_use]
    pub fn uniform(mut self, rng: &mut Rng) -> Self {
        let bound = 1.0 / (self.inputs.max(1) as f64).sqrt();
        self.weights.iter_mut().for_each(|w| *w = bound * (2.0 * rng.uniform() - 1.0));
        self
    }

    /// Reads what [`Parameters::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) naming the file that is missing, of another model, or damaged.
    pub fn load(path: &Path) -> Result<Self> {
        files::read_model(&path.with_extension("toml"), "linear", Saved::build)
    }

    fn apply(&self, features: &Batch) -> Result<Batch> {
        check_len("features", self.inputs, features.cols())?;
        features.check_finite("features")?;
        let mut out = Batch::zeros(features.rows(), self.outputs);
        for (i, x) in features.iter().enumerate() {
            for (y, w) in out.row_mut(i).iter_mut().zip(self.weights.chunks_exact(self.inputs + 1)) {
                *y = w[self.inputs] + dot(&w[..self.inputs], x);
            }
        }
        Ok(out)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What a file says of one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Saved {
    inputs: usize,
    outputs: usize,
    weights: Vec<f64>,
}

impl Saved {
    pub(crate) fn of(model: &Linear) -> Self {
        Self { inputs: model.inputs, outputs: model.outputs, weights: model.weights.clone() }
    }

    pub(crate) fn build(self) -> Result<Linear> {
        let Self { inputs, outputs, weights } = self;
        // Before anything is allocated for the sizes that a damaged file may give.
        check_len("weights", outputs.saturating_mul(inputs.saturating_add(1)), weights.len())?;
        let weights = Batch::from_vec(outputs, inputs + 1, weights)?;
        weights.check_finite("weights")?;
        let mut model = Linear::new(inputs, outputs);
        model.set_values(weights.as_slice())?;
        Ok(model)
    }
}

impl Predictor for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.outputs
    }
    fn predict(&self, features: &Batch) -> Result<Batch> {
        self.apply(features)
    }
}

impl Parameters for Linear {
    fn values(&self) -> Vec<f64> {
        self.weights.clone()
    }
    fn set_values(&mut self, values: &[f64]) -> Result<()> {
        check_len("weights", self.weights.len(), values.len())?;
        self.weights.copy_from_slice(values);
        Ok(())
    }
    fn gradient(&self) -> Vec<f64> {
        self.gradient.clone()
    }
    fn add_gradient(&mut self, scale: f64, other: &[f64]) -> Result<()> {
        check_len("gradient", self.gradient.len(), other.len())?;
        self.gradient.iter_mut().zip(other).for_each(|(g, o)| *g += scale * o);
        Ok(())
    }
    fn zero_grad(&mut self) {
        self.gradient.fill(0.0);
    }
    fn step(&mut self, learning_rate: f64) -> Result<()> {
        self.adam.step(learning_rate, &self.gradient, &mut self.weights);
        Ok(())
    }
    fn optimiser_state(&self) -> Result<Vec<f64>> {
        Ok(self.adam.state())
    }
    fn set_optimiser_state(&mut self, state: &[f64]) -> Result<()> {
        self.adam.set_state(state)
    }
    /// Writes `path` with extension `toml`: sizes and weights, which read back to the bit. The optimiser's state is not saved.
    fn save(&self, path: &Path) -> Result<()> {
        files::write_config(&path.with_extension("toml"), "linear", &Saved::of(self))
    }
}

impl Trainable for Linear {
    fn forward(&mut self, features: &Batch, _stream: Stream) -> Result<Batch> {
        let out = self.apply(features)?;
        self.seen.clone_from(features);
        Ok(out)
    }
    fn backward(&mut self, cotangent: &Batch) -> Result<()> {
        check_len("cotangent rows", self.seen.rows(), cotangent.rows())?;
        check_len("cotangent", self.outputs, cotangent.cols())?;
        for (x, c) in self.seen.iter().zip(cotangent.iter()) {
            for (g, &c) in self.gradient.chunks_exact_mut(self.inputs + 1).zip(c) {
                g[..self.inputs].iter_mut().zip(x).for_each(|(g, x)| *g += c * x);
                g[self.inputs] += c;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn model() -> Linear {
        let mut model = Linear::new(2, 1);
        model.set_values(&[2.0, -1.0, 0.5]).unwrap();
        model
    }

    #[test]
    fn prediction_and_gradient_by_hand() {
        let mut model = model();
        let x = Batch::from_rows(&[[1.0, 3.0], [0.0, 2.0]]).unwrap();
        assert_eq!(model.forward(&x, Stream::default()).unwrap().as_slice(), [-0.5, -1.5]);
        model.backward(&Batch::from_rows(&[[1.0], [10.0]]).unwrap()).unwrap();
        assert_eq!(model.gradient(), [1.0, 23.0, 11.0]);
        model.zero_grad();
        assert_eq!(model.gradient_norm(), 0.0);
    }

    /// 4000 weights on (-1/2, 1/2): mean 0 and variance 1/12 within 5 standard errors (0.0046 and 0.0012), none outside.
    #[test]
    fn uniform_weights_have_their_moments() {
        let weights = Linear::new(4, 800).uniform(&mut Rng::seeded(5)).values();
        let moment = |power: i32| weights.iter().map(|w| w.powi(power)).sum::<f64>() / weights.len() as f64;
        assert!(moment(1).abs() < 0.023 && (moment(2) - 1.0 / 12.0).abs() < 0.006, "{} {}", moment(1), moment(2));
        assert!(weights.iter().all(|w| w.abs() < 0.5));
    }

    #[test]
    fn a_saved_model_reads_back_to_the_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        let model = Linear::new(3, 7).uniform(&mut Rng::seeded(1));
        model.save(&path).unwrap();
        let read = Linear::load(&path).unwrap();
        assert_eq!((read.inputs(), read.outputs(), read.values()), (3, 7, model.values()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
    }

    /// Each change to a good file, and what the refusal names beside the file.
    #[test]
    fn a_damaged_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.toml");
        model().save(&path).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        for (from, to, named) in [
            ("\"linear\"", "\"flow\"", "model = \"linear\""),
            ("inputs = 2", "inputs = 3", "expected length 4, got 3"),
            ("0.5", "nan", "weights, row 0, column 2: NaN"),
            ("]", "", "TOML parse error"),
            ("outputs", "exits", "exits"),
        ] {
            std::fs::write(&path, good.replace(from, to)).unwrap();
            let error = Linear::load(&path).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(error.to_string().contains("model.toml") && cause.contains(named), "{error}: {cause}");
        }
    }

    #[test]
    fn bad_features_are_named() {
        let nan = Batch::from_rows(&[[1.0, f64::NAN]]).unwrap();
        assert!(matches!(model().predict(&nan), Err(Error::NotFinite { what: "features", row: 0, column: 1, .. })));
        assert!(matches!(model().predict(&Batch::zeros(1, 3)), Err(Error::Dimension { expected: 2, got: 3, .. })));
    }
}
