//! Learning through decisions of least energy: gradients in the weights of a model against differences, and optima in closed form.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::sync::Arc;

use dfl_core::testkit::gradient_error;
use dfl_core::{
    Batch, Cost, CostCurvature, CostGrad, Csc, Energy, EnergyCurvature, Error, Generative, LinearGaussian, Minibatch, Objective,
    Parameters, Program, Result, Rng, SampleEnergy, Spread, Stream, Targets, TrainOptions, train,
};
use dfl_core::{Instances, NoGradient};
use dfl_losses::{EnergyDecision, EnergySurrogate, Input, SurrogateOptions};
use dfl_solvers::{Batched, Sqp, SqpOptions, Surrogate};

/// $f(y, z) = \sum_i e^{z_i - y_i} - z_i$: less than the outcome is dear linearly, more is dear exponentially.
#[derive(Clone, Copy)]
struct Dear;

impl Cost for Dear {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        y.iter().zip(z).map(|(y, z)| (z - y).exp() - z).sum()
    }
}
impl CostGrad for Dear {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        (0..z.len()).for_each(|i| out[i] = (z[i] - y[i]).exp() - 1.0);
    }
}
impl CostCurvature for Dear {
    fn add_hess(&self, y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        (0..z.len()).for_each(|i| h[i * (z.len() + 1)] += w * (z[i] - y[i]).exp());
    }
    fn add_cross(&self, y: &[f64], z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        (0..z.len()).for_each(|i| out[i] -= w * (z[i] - y[i]).exp() * v[i]);
    }
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        (0..z.len()).for_each(|i| out[i] -= w * (z[i] - y[i]).exp());
    }
}

/// Its expectation under $N(\mu, \sigma^2)$, $\sum_i e^{z_i - \mu_i + \sigma_i^2/2} - z_i$, least at $z = \mu - \sigma^2/2$.
#[derive(Clone, Copy)]
struct Expected(usize);

impl Expected {
    fn rise(phi: &[f64], z: &[f64], i: usize) -> f64 {
        (z[i] - phi[i] + 0.5 * phi[z.len() + i] * phi[z.len() + i]).exp()
    }
}
impl Energy for Expected {
    fn prediction(&self) -> usize {
        2 * self.0
    }
    fn decision(&self) -> usize {
        self.0
    }
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        for (out, z) in out.iter_mut().zip(candidates.chunks(self.0)) {
            *out = (0..self.0).map(|i| Self::rise(phi, z, i) - z[i]).sum();
        }
        Ok(())
    }
    fn add_grad_prediction(&self, _phi: &[f64], _candidates: &[f64], _weights: &[f64], _out: &mut [f64]) -> Result<()> {
        unreachable!("a solver does not ask for it")
    }
    fn grad_decision(&self, phi: &[f64], z: &[f64], out: &mut [f64]) -> Result<()> {
        (0..self.0).for_each(|i| out[i] = Self::rise(phi, z, i) - 1.0);
        Ok(())
    }
}
impl EnergyCurvature for Expected {
    fn add_hess(&self, phi: &[f64], z: &[f64], out: &mut [f64]) -> Result<()> {
        (0..self.0).for_each(|i| out[i * (self.0 + 1)] += Self::rise(phi, z, i));
        Ok(())
    }
    fn add_cross(&self, phi: &[f64], z: &[f64], v: &[f64], out: &mut [f64]) -> Result<()> {
        for i in 0..self.0 {
            let rise = Self::rise(phi, z, i) * v[i];
            out[i] -= rise;
            out[self.0 + i] += rise * phi[self.0 + i];
        }
        Ok(())
    }
}

const STREAM: Stream = Stream { seed: 3, step: 5 };

/// Up to a sum of 0.8, so that some decisions meet the row.
fn feasible(n: usize) -> Program {
    let row: Vec<_> = (0..n).map(|j| (0, j, 1.0)).collect();
    Program::linear(vec![0.0; n]).with_rows(Csc::from_triplets(1, n, &row).unwrap(), vec![f64::NEG_INFINITY], vec![0.8])
}

fn rows(b: usize, inputs: usize, outputs: usize) -> Instances {
    let mut rng = Rng::seeded(4);
    let draw = |rng: &mut Rng, n: usize| (0..n).map(|_| rng.normal()).collect::<Vec<f64>>();
    let features = Batch::from_vec(b, inputs, draw(&mut rng, b * inputs)).unwrap();
    let truth: Vec<f64> = features.iter().flat_map(|x| vec![0.5 * x[0]; outputs]).map(|mean| mean + 0.6 * rng.normal()).collect();
    Instances::new(features, Batch::from_vec(b, outputs, truth).unwrap()).unwrap()
}

fn model(inputs: usize, outputs: usize) -> LinearGaussian {
    let mut model = LinearGaussian::new(inputs, outputs, Spread::Affine);
    let mut rng = Rng::seeded(6);
    let values: Vec<f64> = model.values().iter().map(|_| 0.2 * rng.normal()).collect();
    model.set_values(&values).unwrap();
    model
}

/// Mean loss of the rows, and the gradient of the model; an objective that keeps no state between calls.
fn step<O: Objective<LinearGaussian>>(objective: &O, model: &mut LinearGaussian, data: &Instances) -> (f64, Vec<f64>) {
    model.zero_grad();
    let targets = Targets { truth: Some(data.truth.clone()), ..Targets::default() };
    let batch = Minibatch { ids: &data.ids, features: &data.features, targets: &targets };
    let report = objective.accumulate(model, batch, STREAM).unwrap();
    assert!(report.failed.is_empty());
    (report.loss / data.len() as f64, model.gradient())
}

fn check_gradient<O: Objective<LinearGaussian>>(objective: &O, data: &Instances, tolerance: f64) {
    let mut model = model(data.features.cols(), data.truth.cols());
    let (_, gradient) = step(objective, &mut model, data);
    let at = model.values();
    let error = gradient_error(&at, &gradient, 1e-5, |weights| {
        model.set_values(weights).unwrap();
        step(objective, &mut model, data).0
    });
    assert!(error < tolerance, "{error:.1e}");
}

/// By moments and by samples, over a row that some decisions meet: h = 1e-5 leaves 1e-9.
#[test]
fn gradients_in_the_weights_match_central_differences() {
    let data = rows(12, 3, 2);
    let sqp = Sqp::new(Expected(2), feasible(2), SqpOptions::default()).unwrap();
    check_gradient(&EnergyDecision::new(Batched::new(sqp), Arc::new(Dear), Input::Moments).unwrap(), &data, 1e-6);
    let sampled = SampleEnergy::new(Dear, 7, 2, 2).unwrap();
    let sqp = Sqp::new(sampled, feasible(2), SqpOptions::default()).unwrap();
    check_gradient(&EnergyDecision::new(Batched::new(sqp), Arc::new(Dear), Input::Samples { count: 7 }).unwrap(), &data, 1e-6);
}

/// Truths of deviation 0.6 around half the feature: the best decision is the mean less 0.18, whatever mean and deviation say so.
#[test]
fn training_finds_the_best_decision() {
    let data = rows(4000, 1, 1);
    let free = Program::linear(vec![0.0]);
    let decider = Batched::new(Sqp::new(Expected(1), free, SqpOptions::default()).unwrap());
    let objective = EnergyDecision::new(decider, Arc::new(Dear), Input::Moments).unwrap();
    let mut model = model(1, 1);
    let options = TrainOptions { epochs: 12, batch: 100, learning_rate: 0.02, ..TrainOptions::default() };
    train(&mut model, &objective, &data, &options, &mut ()).unwrap();
    for x in [-1.0, 0.0, 1.5] {
        let moments = model.moments(&Batch::from_rows(&[[x]]).unwrap()).unwrap();
        let z = moments.row(0)[0] - 0.5 * moments.row(0)[1].powi(2);
        // The mean of 4000 rows has the standard error 0.6 exp(0.18) / 4000^(1/2) = 0.011 at the middle, more outside.
        assert!((z - (0.5 * x - 0.18)).abs() < 0.05, "{z} at {x}");
    }
}

fn surrogate(n: usize, options: SurrogateOptions) -> EnergySurrogate<impl dfl_core::Decider> {
    let row: Vec<_> = (0..n).map(|j| (0, j, 1.0)).collect();
    let shares = Program::linear(vec![0.0; n]).with_rows(Csc::from_triplets(1, n, &row).unwrap(), vec![1.0], vec![1.0]);
    let solver = Surrogate::new(Expected(n), shares.with_bounds(vec![0.0; n], vec![0.5; n]), options.width, SqpOptions::default()).unwrap();
    EnergySurrogate::new(Batched::new(solver), Arc::new(Dear), Input::Moments, options).unwrap()
}

/// Columns stay shares, the step of the first call is that of Adam, and an entry of a gradient is at most the clamp.
#[test]
fn a_surrogate_learns_its_description() {
    let data = rows(30, 2, 5);
    let options = SurrogateOptions { width: 2, learning_rate: 0.01, clamp: 1e-3, seed: 9 };
    let objective = surrogate(5, options);
    let (before, mut model) = (objective.description(), model(2, 5));
    let (_, gradient) = step(&objective, &mut model, &data);
    let after = objective.description();
    assert!(gradient.iter().all(|g| g.abs() <= 1e-3) && gradient.iter().any(|g| g.abs() == 1e-3));
    assert_ne!(before, after);
    assert_eq!(surrogate(5, options).description(), before);
    for j in 0..2 {
        let column: Vec<f64> = after.iter().skip(j).step_by(2).copied().collect();
        assert!((column.iter().sum::<f64>() - 1.0).abs() < 1e-14 && column.iter().all(|t| *t >= 0.0));
        assert!(column.iter().zip(before.iter().skip(j).step_by(2)).all(|(a, b)| (a - b).abs() < 0.03));
    }
    // Gradients of other losses are not clamped: what was there before is added as it was.
    let large = vec![5.0; gradient.len()];
    model.zero_grad();
    model.add_gradient(1.0, &large).unwrap();
    let targets = Targets { truth: Some(data.truth.clone()), ..Targets::default() };
    objective.accumulate(&mut model, Minibatch { ids: &data.ids, features: &data.features, targets: &targets }, STREAM).unwrap();
    assert!(model.gradient().iter().all(|g| (g - 5.0).abs() <= 1.001e-3));
}

/// Trained with the description held by a rate near zero and with one that learns: the cost of what is decided falls, and lower with the latter.
#[test]
fn learning_the_description_lowers_the_cost() {
    let data = rows(60, 2, 5);
    let last = |learning_rate: f64| {
        let objective = surrogate(5, SurrogateOptions { width: 2, learning_rate, clamp: 1.0, seed: 9 });
        let mut model = model(2, 5);
        let options = TrainOptions { epochs: 40, batch: 60, learning_rate: 0.02, ..TrainOptions::default() };
        let epochs = train(&mut model, &objective, &data, &options, &mut ()).unwrap();
        (epochs[0].loss, epochs.last().unwrap().loss)
    };
    let ((first, held), (_, learned)) = (last(1e-9), last(0.02));
    assert!(held < first && learned < held, "{first} {held} {learned}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let sqp = || Sqp::new(Expected(2), feasible(2), SqpOptions::default()).unwrap();
    let black_box = EnergyDecision::new(Batched::new(NoGradient(sqp())), Arc::new(Dear), Input::Moments);
    assert!(matches!(black_box.err().unwrap(), Error::Missing { .. }));
    let none = EnergyDecision::new(Batched::new(sqp()), Arc::new(Dear), Input::Samples { count: 0 });
    assert!(matches!(none.err().unwrap(), Error::Domain { .. }));
    let objective = EnergyDecision::new(Batched::new(sqp()), Arc::new(Dear), Input::Samples { count: 3 }).unwrap();
    let (data, mut model) = (rows(3, 2, 2), model(2, 2));
    let accumulate = |objective: &dyn Objective<LinearGaussian>, model: &mut LinearGaussian, targets: &Targets| {
        objective.accumulate(model, Minibatch { ids: &data.ids, features: &data.features, targets }, STREAM).err().unwrap()
    };
    let truth = Targets { truth: Some(data.truth.clone()), ..Targets::default() };
    assert!(matches!(accumulate(&objective, &mut model, &truth), Error::Dimension { what: "theta of the decider", .. }));
    let objective = EnergyDecision::new(Batched::new(sqp()), Arc::new(Dear), Input::Moments).unwrap();
    assert!(matches!(accumulate(&objective, &mut model, &Targets::default()), Error::Missing { .. }));
    let nan = vec![f64::NAN; model.values().len()];
    model.set_values(&nan).unwrap();
    assert!(matches!(accumulate(&objective, &mut model, &truth), Error::Diverged { .. }));
    for options in [
        SurrogateOptions { width: 0, ..SurrogateOptions::default() },
        SurrogateOptions { learning_rate: 0.0, ..SurrogateOptions::default() },
        SurrogateOptions { clamp: f64::NAN, ..SurrogateOptions::default() },
    ] {
        let refused = EnergySurrogate::new(Batched::new(sqp()), Arc::new(Dear), Input::Moments, options);
        assert!(matches!(refused.err().unwrap(), Error::Domain { .. }));
    }
}
