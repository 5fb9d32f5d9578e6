use std::path::Path;

use dfl_core::{Batch, Parameters, Predictor, Result, Stream, Trainable, check_len};
use serde::{Deserialize, Serialize};

/// Where predicted parameters go: the linear cost of every variable, of which some are predicted and the others stay what they are in the
/// problem; or the parameters themselves.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    /// What is not predicted, `[theta]`.
    base: Vec<f64>,
    /// The entry of `theta` that each parameter is added to, and by which factor.
    entries: Vec<(usize, f64)>,
}

impl Layout {
    /// Parameters added to the entries of `base`, each by a factor.
    pub(super) fn new(base: Vec<f64>, entries: Vec<(usize, f64)>) -> Self {
        Self { base, entries }
    }

    /// Each parameter by itself.
    pub(super) fn plain(parameters: usize) -> Self {
        Self { base: vec![0.0; parameters], entries: (0..parameters).map(|k| (k, 1.0)).collect() }
    }

    /// `theta` for each row of parameters, both in the same unit, which `unit` says.
    pub(super) fn expand(&self, parameters: &Batch, unit: f64) -> Result<Batch> {
        check_len("parameters", self.entries.len(), parameters.cols())?;
        let mut out = Batch::zeros(parameters.rows(), self.base.len());
        for (i, row) in parameters.iter().enumerate() {
            let theta = out.row_mut(i);
            theta.iter_mut().zip(&self.base).for_each(|(t, b)| *t = b / unit);
            self.entries.iter().zip(row).for_each(|(&(j, factor), value)| theta[j] += factor * value);
        }
        Ok(out)
    }

    /// The parameters of each row of `theta`.
    pub(super) fn parameters(&self, theta: &Batch, unit: f64) -> Result<Batch> {
        check_len("theta", self.base.len(), theta.cols())?;
        let mut out = Batch::zeros(theta.rows(), self.entries.len());
        for (i, row) in theta.iter().enumerate() {
            let values = self.entries.iter().map(|&(j, factor)| (row[j] - self.base[j] / unit) / factor);
            out.row_mut(i).iter_mut().zip(values).for_each(|(o, v)| *o = v);
        }
        Ok(out)
    }

    /// The transpose of [`expand`](Self::expand).
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        check_len("cotangent", self.base.len(), cotangent.cols())?;
        let mut out = Batch::zeros(cotangent.rows(), self.entries.len());
        for (i, row) in cotangent.iter().enumerate() {
            out.row_mut(i).iter_mut().zip(&self.entries).for_each(|(o, &(j, factor))| *o = factor * row[j]);
        }
        Ok(out)
    }
}

/// Coordinates in which a model learns, all from the training rows: $x' = (x - \mu) / \sigma$ of the features and $y = c + s\,y'$ of the
/// parameters, in `unit`s of the user's cost. A feature that never varies is 0 for the model; a parameter that never varies is its constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scaler {
    /// Names of the columns of features that the model reads, in their order.
    pub columns: Vec<String>,
    /// Names of the parameters that it predicts.
    pub parameters: Vec<String>,
    /// $\mu$, `[p]`.
    pub mean: Vec<f64>,
    /// $\sigma$, `[p]`; 0 for one that does not vary.
    pub deviation: Vec<f64>,
    /// The user's cost that counts as 1.
    pub unit: f64,
    /// $c$, `[parameters]`.
    pub centre: Vec<f64>,
    /// $s$, `[parameters]`.
    pub spread: Vec<f64>,
}

/// What a [`Scaler`] is fitted on.
pub(super) struct Fit<'a> {
    pub(super) columns: &'a [String],
    /// Names of the parameters.
    pub(super) names: &'a [String],
    /// Of the training rows.
    pub(super) features: &'a Batch,
    /// Of the training rows, in the user's unit; `None` where only decisions are known.
    pub(super) costs: Option<&'a Batch>,
    pub(super) scale_features: bool,
    pub(super) scale_costs: bool,
    /// Whether the parameters are costs, so that the unit is free.
    pub(super) free_unit: bool,
}

impl Scaler {
    /// The coordinates of training rows.
    pub(super) fn fit(fit: &Fit<'_>) -> Self {
        let (p, n) = (fit.features.cols(), fit.names.len());
        let (mean, deviation) = if fit.scale_features { moments(fit.features) } else { (vec![0.0; p], vec![1.0; p]) };
        let (columns, parameters) = (fit.columns.to_vec(), fit.names.to_vec());
        match fit.costs.filter(|_| fit.scale_costs) {
            None => Self { columns, parameters, mean, deviation, unit: 1.0, centre: vec![0.0; n], spread: vec![1.0; n] },
            Some(costs) => {
                let sizes = costs.as_slice().iter().map(|c| c.abs());
                let size = sizes.sum::<f64>() / costs.as_slice().len().max(1) as f64;
                let unit = if fit.free_unit && size > 0.0 { size } else { 1.0 };
                let (centre, spread) = moments(costs);
                let in_units = |values: Vec<f64>| values.into_iter().map(|v| v / unit).collect();
                Self { columns, parameters, mean, deviation, unit, centre: in_units(centre), spread: in_units(spread) }
            }
        }
    }

    /// Features as the model sees them.
    pub(super) fn features(&self, features: &Batch) -> Result<Batch> {
        check_len("features", self.mean.len(), features.cols())?;
        let mut out = features.clone();
        for i in 0..out.rows() {
            let parts = self.mean.iter().zip(&self.deviation);
            out.row_mut(i).iter_mut().zip(parts).for_each(|(x, (m, d))| *x = if *d > 0.0 { (*x - m) / d } else { 0.0 });
        }
        Ok(out)
    }

    /// Refuses numbers that a damaged file may hold.
    pub(super) fn check(&self, path: &Path) -> Result<()> {
        let parameters = self.parameters.len();
        let lengths = self.mean.len() == self.columns.len() && self.deviation.len() == self.columns.len();
        let finite = [&self.mean, &self.deviation, &self.centre, &self.spread].iter().all(|v| v.iter().all(|x| x.is_finite()));
        if lengths && finite && self.unit > 0.0 && self.centre.len() == parameters && self.spread.len() == parameters {
            return Ok(());
        }
        Err(super::fault("scaler", path, "its numbers do not fit together", "train the run again"))
    }
}

/// Mean and deviation (divisor: rows) of each column; one that rounding alone moves has deviation 0.
fn moments(batch: &Batch) -> (Vec<f64>, Vec<f64>) {
    let (rows, cols) = (batch.rows() as f64, batch.cols());
    let mut mean = vec![0.0; cols];
    batch.iter().for_each(|row| mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / rows));
    let mut deviation = vec![0.0; cols];
    batch.iter().for_each(|row| deviation.iter_mut().zip(row).zip(&mean).for_each(|((d, v), m)| *d += (v - m).powi(2) / rows));
    for (d, m) in deviation.iter_mut().zip(&mean) {
        *d = d.sqrt();
        if *d <= 1e-12 * m.abs() {
            *d = 0.0;
        }
    }
    (mean, deviation)
}

/// A model in the coordinates of a [`Scaler`], which says `theta` from raw features.
pub(super) struct Scaled {
    pub(super) model: Box<dyn Trainable>,
    pub(super) scaler: Scaler,
    pub(super) layout: Layout,
}

impl Scaled {
    fn outward(&self, mut inner: Batch) -> Result<Batch> {
        for i in 0..inner.rows() {
            let parts = self.scaler.centre.iter().zip(&self.scaler.spread);
            inner.row_mut(i).iter_mut().zip(parts).for_each(|(y, (c, s))| *y = c + s * *y);
        }
        self.layout.expand(&inner, self.scaler.unit)
    }
}

impl Predictor for Scaled {
    fn name(&self) -> &'static str {
        self.model.name()
    }
    fn inputs(&self) -> usize {
        self.model.inputs()
    }
    fn outputs(&self) -> usize {
        self.layout.base.len()
    }
    fn predict(&self, features: &Batch) -> Result<Batch> {
        self.outward(self.model.predict(&self.scaler.features(features)?)?)
    }
}

impl Parameters for Scaled {
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
    fn optimiser_state(&self) -> Result<Vec<f64>> {
        self.model.optimiser_state()
    }
    fn set_optimiser_state(&mut self, state: &[f64]) -> Result<()> {
        self.model.set_optimiser_state(state)
    }
    /// Writes the model inside; the scaler has a file of its own.
    fn save(&self, path: &Path) -> Result<()> {
        self.model.save(path)
    }
}

impl Trainable for Scaled {
    fn forward(&mut self, features: &Batch, stream: Stream) -> Result<Batch> {
        let inner = self.model.forward(&self.scaler.features(features)?, stream)?;
        self.outward(inner)
    }
    fn backward(&mut self, cotangent: &Batch) -> Result<()> {
        let mut inner = self.layout.pull(cotangent)?;
        for i in 0..inner.rows() {
            inner.row_mut(i).iter_mut().zip(&self.scaler.spread).for_each(|(g, s)| *g *= s);
        }
        self.model.backward(&inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Linear;

    fn scaled() -> Scaled {
        let features = Batch::from_rows(&[[1.0, 5.0], [3.0, 5.0]]).unwrap();
        let costs = Batch::from_rows(&[[10.0, -20.0], [30.0, -60.0]]).unwrap();
        let columns = ["a".to_owned(), "b".to_owned()];
        let fit = Fit {
            columns: &columns,
            names: &columns,
            features: &features,
            costs: Some(&costs),
            scale_features: true,
            scale_costs: true,
            free_unit: true,
        };
        let layout = Layout::new(vec![3.0, 0.0, 0.0], vec![(2, 1.0), (1, -1.0)]);
        Scaled { model: Box::new(Linear::new(2, 2)), scaler: Scaler::fit(&fit), layout }
    }

    /// Mean 2 and deviation 1 of the first feature, none of the second; unit (10 + 20 + 30 + 60) / 4 = 30; centres 20 and -40 and deviations
    /// 10 and 20 in that unit. With slopes 1 and 2 in the first feature, x = 3 gives 30 and 0, of which the second is turned and put first.
    #[test]
    fn a_prediction_by_hand() {
        let mut model = scaled();
        assert_eq!(
            (model.scaler.mean.as_slice(), model.scaler.deviation.as_slice(), model.scaler.unit),
            (&[2.0, 5.0][..], &[1.0, 0.0][..], 30.0)
        );
        model.set_values(&[1.0, 7.0, 0.0, 2.0, 7.0, 0.0]).unwrap();
        let theta = model.predict(&Batch::from_rows(&[[3.0, 99.0]]).unwrap()).unwrap();
        let expected = [3.0 / 30.0, 0.0, 1.0];
        assert!(theta.row(0).iter().zip(expected).all(|(t, e)| (t - e).abs() < 1e-15), "{theta:?}");
        let parameters = model.layout.parameters(&theta, 30.0).unwrap();
        assert!((30.0 * parameters.row(0)[0] - 30.0).abs() < 1e-13 && parameters.row(0)[1].abs() < 1e-13);
    }

    /// The gradient of w'theta in the weights against central differences.
    #[test]
    fn the_gradient_is_that_of_the_prediction() {
        let (mut model, x, w) = (scaled(), Batch::from_rows(&[[2.5, 1.0]]).unwrap(), [0.3, -2.0, 0.7]);
        let at: Vec<f64> = (0..6).map(|k| 0.1 * f64::from(k) - 0.2).collect();
        model.set_values(&at).unwrap();
        model.forward(&x, Stream::default()).unwrap();
        model.backward(&Batch::from_rows(&[w]).unwrap()).unwrap();
        let gradient = model.gradient();
        for k in 0..6 {
            let value = |step: f64| {
                let mut moved = scaled();
                let mut weights = at.clone();
                weights[k] += step;
                moved.set_values(&weights).unwrap();
                moved.predict(&x).unwrap().row(0).iter().zip(w).map(|(t, w)| t * w).sum::<f64>()
            };
            assert!(((value(1e-5) - value(-1e-5)) / 2e-5 - gradient[k]).abs() < 1e-9, "{k}");
        }
    }
}
