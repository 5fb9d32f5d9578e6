use std::path::Path;

use crate::{Batch, Error, Parameters, Predictor, Result, Stream, Trainable, check_len};

/// One model that is applied to each of several items of a row: $\hat y_j = m(\phi_j)$ for $j = 1, \dots$, `items`.
///
/// It has the parameters of the model inside, whose gradient is the sum over the items.
///
/// # Shapes
/// Features `[b, items * p]` and predictions `[b, items * q]`, each item's together, for a model from `p` features to `q` outputs.
pub struct Shared {
    items: usize,
    model: Box<dyn Trainable>,
}

impl Shared {
    /// `model` for each of so many items.
    ///
    /// # Errors
    /// [`Error::Domain`] for no items.
    pub fn new(items: usize, model: Box<dyn Trainable>) -> Result<Self> {
        if items == 0 {
            return Err(Error::Domain { what: "items that share a model", value: 0.0, need: "at least 1" });
        }
        Ok(Self { items, model })
    }

    fn each(&self, features: &Batch) -> Result<Batch> {
        check_len("features", self.inputs(), features.cols())?;
        // Here, since the model inside would name the row of an item.
        features.check_finite("features")?;
        features.reshape(self.model.inputs())
    }
}

impl Predictor for Shared {
    /// That of the model inside.
    fn name(&self) -> &'static str {
        self.model.name()
    }
    fn inputs(&self) -> usize {
        self.items * self.model.inputs()
    }
    fn outputs(&self) -> usize {
        self.items * self.model.outputs()
    }
    fn predict(&self, features: &Batch) -> Result<Batch> {
        self.model.predict(&self.each(features)?)?.reshape(self.outputs())
    }
}

impl Parameters for Shared {
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
    fn gradient_norm(&self) -> f64 {
        self.model.gradient_norm()
    }
    fn optimiser_state(&self) -> Result<Vec<f64>> {
        self.model.optimiser_state()
    }
    fn set_optimiser_state(&mut self, state: &[f64]) -> Result<()> {
        self.model.set_optimiser_state(state)
    }
    fn save(&self, path: &Path) -> Result<()> {
        self.model.save(path)
    }
    fn zero_grad(&mut self) {
        self.model.zero_grad();
    }
    fn step(&mut self, learning_rate: f64) -> Result<()> {
        self.model.step(learning_rate)
    }
}

impl Trainable for Shared {
    fn forward(&mut self, features: &Batch, stream: Stream) -> Result<Batch> {
        let features = self.each(features)?;
        self.model.forward(&features, stream)?.reshape(self.outputs())
    }
    fn backward(&mut self, cotangent: &Batch) -> Result<()> {
        check_len("cotangent", self.outputs(), cotangent.cols())?;
        self.model.backward(&cotangent.reshape(self.model.outputs())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Linear;

    /// y = 2 phi - 1 for three items; the gradient in slope and intercept sums over items and rows.
    #[test]
    fn prediction_and_gradient_by_hand() {
        let mut model = Shared::new(3, Box::new(Linear::new(1, 1))).unwrap();
        model.set_values(&[2.0, -1.0]).unwrap();
        assert_eq!((model.inputs(), model.outputs(), model.name()), (3, 3, "linear"));
        let phi = Batch::from_rows(&[[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]]).unwrap();
        let expected = Batch::from_rows(&[[1.0, 3.0, 5.0], [-1.0, -3.0, 0.0]]).unwrap();
        assert_eq!(model.predict(&phi).unwrap(), expected);
        assert_eq!(model.forward(&phi, Stream::default()).unwrap(), expected);
        model.backward(&Batch::from_rows(&[[1.0, 10.0, 100.0], [0.0, 0.0, 1000.0]]).unwrap()).unwrap();
        assert_eq!(model.gradient(), [821.0, 1111.0]);
    }

    /// Two items of two features are told from one of four.
    #[test]
    fn the_features_of_an_item_stay_together() {
        let mut model = Shared::new(2, Box::new(Linear::new(2, 1))).unwrap();
        model.set_values(&[1.0, 10.0, 0.0]).unwrap();
        assert_eq!(model.predict(&Batch::from_rows(&[[1.0, 2.0, 3.0, 4.0]]).unwrap()).unwrap().as_slice(), [21.0, 43.0]);
    }

    #[test]
    fn wrong_sizes_are_refused() {
        let mut model = Shared::new(2, Box::new(Linear::new(1, 1))).unwrap();
        assert!(matches!(model.predict(&Batch::zeros(2, 4)), Err(Error::Dimension { expected: 2, got: 4, .. })));
        assert!(matches!(model.backward(&Batch::zeros(1, 1)), Err(Error::Dimension { expected: 2, got: 1, .. })));
        let nan = Batch::from_rows(&[[1.0, 2.0], [3.0, f64::NAN]]).unwrap();
        assert!(matches!(model.predict(&nan), Err(Error::NotFinite { what: "features", row: 1, column: 1, .. })));
        assert!(matches!(Shared::new(0, Box::new(Linear::new(1, 1))), Err(Error::Domain { .. })));
        assert_eq!(model.predict(&Batch::zeros(0, 2)).unwrap().rows(), 0);
    }
}
