//! `docs/adding-a-model.md`.

// The guide shows this.
use std::path::Path;

use dfl_core::{Batch, Linear, Parameters, Predictor, Result, Stream, Trainable, check_len};

/// A polynomial of degree two, $\hat y = W [\phi, \phi \otimes \phi] + b$ with each product of two features once: a [`Linear`] behind a
/// longer row of features.
///
/// # Shapes
/// Features `[b, inputs]`, predictions `[b, outputs]`; weights `[outputs, inputs (inputs + 3) / 2 + 1]`.
#[derive(Clone, Debug)]
pub(crate) struct Quadratic {
    inputs: usize,
    of_products: Linear,
}

impl Quadratic {
    /// A model that predicts zero.
    pub(crate) fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, of_products: Linear::new(inputs * (inputs + 3) / 2, outputs) }
    }

    /// Reads what [`Parameters::save`] wrote.
    ///
    /// # Errors
    /// As [`Linear::load`].
    pub(crate) fn load(inputs: usize, path: &Path) -> Result<Self> {
        let of_products = Linear::load(path)?;
        check_len("features of the model", inputs * (inputs + 3) / 2, of_products.inputs())?;
        Ok(Self { inputs, of_products })
    }

    /// The features themselves first, so that a bad one is named by its own column.
    fn products(&self, features: &Batch) -> Result<Batch> {
        check_len("features", self.inputs, features.cols())?;
        let rows = features.iter().map(|phi| {
            let pairs = (0..phi.len()).flat_map(|i| (i..phi.len()).map(move |j| phi[i] * phi[j]));
            phi.iter().copied().chain(pairs).collect::<Vec<f64>>()
        });
        Batch::from_vec(features.rows(), self.of_products.inputs(), rows.flatten().collect())
    }
}

impl Predictor for Quadratic {
    fn name(&self) -> &'static str {
        "quadratic"
    }
    fn inputs(&self) -> usize {
        self.inputs
    }
    fn outputs(&self) -> usize {
        self.of_products.outputs()
    }
    fn predict(&self, features: &Batch) -> Result<Batch> {
        self.of_products.predict(&self.products(features)?)
    }
}

impl Parameters for Quadratic {
    fn values(&self) -> Vec<f64> {
        self.of_products.values()
    }
    fn set_values(&mut self, values: &[f64]) -> Result<()> {
        self.of_products.set_values(values)
    }
    fn gradient(&self) -> Vec<f64> {
        self.of_products.gradient()
    }
    fn add_gradient(&mut self, scale: f64, other: &[f64]) -> Result<()> {
        self.of_products.add_gradient(scale, other)
    }
    fn zero_grad(&mut self) {
        self.of_products.zero_grad();
    }
    fn step(&mut self, learning_rate: f64) -> Result<()> {
        self.of_products.step(learning_rate)
    }
    fn save(&self, path: &Path) -> Result<()> {
        self.of_products.save(path)
    }
}

impl Trainable for Quadratic {
    fn forward(&mut self, features: &Batch, stream: Stream) -> Result<Batch> {
        self.of_products.forward(&self.products(features)?, stream)
    }
    fn backward(&mut self, cotangent: &Batch) -> Result<()> {
        self.of_products.backward(cotangent)
    }
}
// The guide ends here.

use super::{figure, paths};
use dfl_core::testkit::gradient_error;
use dfl_core::{Decider, DecisionLoss, Error, Instances, Rng, TrainOptions, metrics, train};
use dfl_losses::Mse;

fn drawn(model: Quadratic) -> Quadratic {
    let (mut model, mut rng) = (model, Rng::seeded(4));
    model.set_values(&model.values().iter().map(|_| rng.normal()).collect::<Vec<_>>()).unwrap();
    model
}

fn fitted<M: Trainable>(mut model: M, rows: &Instances) -> M {
    let squared = DecisionLoss::<_, Box<dyn Decider>>::without_decider(Mse).unwrap();
    train(&mut model, &squared, rows, &TrainOptions { epochs: 60, learning_rate: 0.02, ..Default::default() }, &mut ()).unwrap();
    model
}

/// Weights of 1, x, y, xx, xy, yy by hand; the gradient in all of them against differences of `cotangent'prediction`.
#[test]
fn prediction_and_gradient() {
    let mut model = Quadratic::new(2, 1);
    model.set_values(&[2.0, 3.0, 5.0, 7.0, 11.0, 13.0]).unwrap();
    assert_eq!(model.predict(&Batch::from_rows(&[[1.0, 2.0]]).unwrap()).unwrap().row(0), [2.0 + 6.0 + 5.0 + 14.0 + 44.0 + 13.0]);

    let mut model = drawn(Quadratic::new(3, 2));
    let mut rng = Rng::seeded(8);
    let [features, cotangent] = [3, 2].map(|cols| Batch::from_vec(4, cols, (0..4 * cols).map(|_| rng.normal()).collect()).unwrap());
    model.forward(&features, Stream::default()).unwrap();
    model.backward(&cotangent).unwrap();
    let value = |weights: &[f64]| {
        let mut moved = model.clone();
        moved.set_values(weights).unwrap();
        let predicted = moved.predict(&features).unwrap();
        predicted.as_slice().iter().zip(cotangent.as_slice()).map(|(y, c)| y * c).sum::<f64>()
    };
    assert!(gradient_error(&model.values(), &model.gradient(), 1e-5, value) < 1e-9);
}

#[test]
fn files_and_bad_features() {
    let dir = tempfile::tempdir().unwrap();
    let (model, path) = (drawn(Quadratic::new(3, 2)), dir.path().join("model"));
    model.save(&path).unwrap();
    assert_eq!(Quadratic::load(3, &path).unwrap().values(), model.values());
    assert!(matches!(Quadratic::load(4, &path), Err(Error::Dimension { what: "features of the model", .. })));
    let nan = Batch::from_rows(&[[0.0; 3], [1.0, f64::NAN, 1.0]]).unwrap();
    assert!(matches!(model.predict(&nan), Err(Error::NotFinite { what: "features", row: 1, column: 1, .. })));
    assert!(matches!(model.predict(&Batch::zeros(1, 9)), Err(Error::Dimension { what: "features", expected: 3, got: 9 })));
}

/// Costs are a polynomial of degree six of the features: degree two is nearer than one, and decides better. The same training twice gives the
/// same bits.
#[test]
fn trains_and_beats_the_linear_model() {
    let (task, data) = paths(500);
    let (inputs, outputs) = (data.train.features.cols(), data.train.truth.cols());
    let (quadratic, linear) = (fitted(Quadratic::new(inputs, outputs), &data.train), fitted(Linear::new(inputs, outputs), &data.train));
    assert_eq!(quadratic.values(), fitted(Quadratic::new(inputs, outputs), &data.train).values());
    let [quadratic, linear] = [quadratic.predict(&data.test.features).unwrap(), linear.predict(&data.test.features).unwrap()];
    let error = |predicted: &Batch| metrics::rmse(predicted.as_slice(), data.test.truth.as_slice());
    assert!(error(&quadratic) < 0.9 * error(&linear), "{} {}", error(&quadratic), error(&linear));
    assert!(figure(&task, &data, &quadratic) < figure(&task, &data, &linear));
}
