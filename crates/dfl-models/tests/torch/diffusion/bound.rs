use dfl_core::testkit::gradient_error;
use dfl_core::{Batch, Generative, Key, Parameters, Predictor, Sampler, Stream};
use dfl_models::torch::tch::{Kind, Tensor};
use dfl_models::torch::{Diffusion, DiffusionConfig, Elbo, LinearDiffusion, NoiseTable, Timesteps};

use super::by_hand::ByHand;
use super::{FEW, model, small};
use crate::common::{assert_close, normals};

const STREAM: Stream = Stream { seed: 5, step: 9 };

#[test]
fn the_gradient_of_the_bound_matches_central_differences() {
    let (x, y, w) = (normals(3, 2, 1), normals(3, 2 * 2, 2), normals(3, 2, 3));
    for elbo in [Elbo::Simple, Elbo::Weighted] {
        for timesteps in [Timesteps::Uniform, Timesteps::All] {
            let mut model = model(DiffusionConfig { elbo, timesteps, ..small() });
            model.add_log_likelihood(&x, &y, &w, STREAM).unwrap();
            let (gradient, values) = (model.gradient(), model.values());
            let error = gradient_error(&values, &gradient, 1e-5, |at| {
                model.set_values(at).unwrap();
                model.add_log_likelihood(&x, &y, &w, STREAM).unwrap()
            });
            assert!(error < 1e-7, "{elbo:?}, {timesteps:?}: {error:e}");
        }
    }
}

/// Value and gradient over all steps, term by term in plain torch: log N(y_0; mu_1, beta_1), the divergences of q(y_{t-1} | y_t, y_0)
/// from the reverse steps as divergences of Gaussians, and that of y_T from the standard normal.
#[test]
fn the_bound_is_the_sum_of_its_divergences() {
    let (x, y, w) = (normals(2, 2, 1), normals(2, 2, 2), Batch::from_rows(&[[1.5], [-0.5]]).unwrap());
    let mut ours = model(DiffusionConfig { timesteps: Timesteps::All, ..small() });
    let value = ours.add_log_likelihood(&x, &y, &w, STREAM).unwrap();
    let hand = ByHand::of(&ours);
    let total = (0..2).map(|i| by_hand(&hand, x.row(i), y.row(i), i as u64) * w.row(i)[0]).reduce(|a, b| a + b).unwrap();
    assert_close(&[value], &[total.double_value(&[])], 1e-12, 1e-12);
    total.backward();
    let gradient: Vec<f64> =
        hand.leaves.iter().flat_map(|leaf| Vec::<f64>::try_from(leaf.grad().contiguous().flatten(0, -1)).unwrap()).collect();
    assert_close(&ours.gradient(), &gradient, 1e-10, 1e-12);
}

fn by_hand(hand: &ByHand, x: &[f64], y: &[f64], row: u64) -> Tensor {
    let (table, x, y) = (FEW.table(10).unwrap(), Tensor::from_slice(x), Tensor::from_slice(y));
    let mut rng = STREAM.rng("bound", Key { id: row, slot: 0 });
    let tau = 2.0 * std::f64::consts::PI;
    let mut total = Tensor::from(0.0);
    for t in 1..=10 {
        let noise = Tensor::from_slice(&[rng.normal(), rng.normal()]);
        let (alpha, beta, bar, before) = (table.alpha(t), table.beta(t), table.alpha_bar(t), table.alpha_bar(t - 1));
        let noisy = &y * bar.sqrt() + noise * (1.0 - bar).sqrt();
        let mean = (&noisy - hand.noise(&noisy, t, &x) * (beta / (1.0 - bar).sqrt())) / alpha.sqrt();
        if t == 1 {
            total += -(&y - mean).square().sum(Kind::Double) / (2.0 * beta) - (tau * beta).ln();
        } else {
            let posterior = (&y * (before.sqrt() * beta) + &noisy * (alpha.sqrt() * (1.0 - before))) / (1.0 - bar);
            let ratio = (1.0 - before) / (1.0 - bar);
            total += -(posterior - mean).square().sum(Kind::Double) / (2.0 * beta) - (ratio - 1.0 - ratio.ln());
        }
    }
    let bar = table.alpha_bar(10);
    total - (y.square().sum(Kind::Double) * bar - 2.0 * bar - 2.0 * (1.0 - bar).ln()) * 0.5
}

/// A model whose last layer is a constant c, so that it predicts the noise c, or with the velocity c the noise $\sqrt{1 - \bar\alpha_t}
/// y_t + \sqrt{\bar\alpha_t} c$.
fn constant(velocity: bool) -> (Diffusion, LinearDiffusion) {
    let mut model = model(DiffusionConfig { velocity, ..small() });
    let mut values = model.values();
    values[..2].copy_from_slice(&C);
    values[2..12].fill(0.0);
    model.set_values(&values).unwrap();
    let table = FEW.table(10).unwrap();
    let affine = |t| prediction(&table, velocity, t);
    let parameters = (1..=10).map(affine).flat_map(|[a, c]| [a, 0.0, 0.0, a, 0.0, 0.0, 0.0, 0.0, c * C[0], c * C[1]]).collect();
    (model, LinearDiffusion::new(table.clone(), (2, 2), parameters).unwrap())
}

const C: [f64; 2] = [0.3, -0.7];

/// What multiplies $y_t$ and the constant in the predicted noise.
fn prediction(table: &NoiseTable, velocity: bool, t: usize) -> [f64; 2] {
    if velocity { [table.noise(t), table.alpha_bar(t).sqrt()] } else { [0.0, 1.0] }
}

/// The mean of 40 calls with 100 draws each against the closed form of an affine prediction: 5 standard errors, found from the calls.
#[test]
fn the_bound_of_an_affine_prediction_has_a_closed_form() {
    let (x, y) = (normals(2, 2, 1), Batch::from_rows(&[[0.5, -1.0, 2.0, 40.0], [0.0, 0.0, -30.0, 9.0]]).unwrap());
    for velocity in [false, true] {
        let (model, linear) = constant(velocity);
        let calls: Vec<Batch> = (0..40).map(|step| model.elbo(&x, &y, 100, Stream { seed: 4, step }).unwrap()).collect();
        for k in 0..4 {
            let (row, outcome) = (x.row(k / 2), &y.as_slice()[2 * k..2 * k + 2]);
            let mean = calls.iter().map(|c| c.as_slice()[k]).sum::<f64>() / 40.0;
            let error = (calls.iter().map(|c| (c.as_slice()[k] - mean).powi(2)).sum::<f64>() / (39.0 * 40.0)).sqrt();
            let (bound, density) = (linear.elbo(row, outcome).unwrap(), linear.log_density(row, outcome).unwrap());
            assert!((mean - bound).abs() < 5.0 * error, "{mean} and {bound}, standard error {error}");
            assert!(bound < density, "{bound} is no lower bound on {density}");
        }
    }
}

/// Each step's own gradient, summed over the steps, has the mean of the gradient of the whole; a step outside is refused.
#[test]
fn single_steps_add_up() {
    let mut model = model(DiffusionConfig { timesteps: Timesteps::All, ..small() });
    let (x, y, w) = (normals(1, 2, 1), normals(1, 2, 2), Batch::from_rows(&[[2.0]]).unwrap());
    let (mut whole, mut parts) = (Moments::default(), Moments::default());
    for step in 0..400 {
        let stream = Stream { seed: 1, step };
        model.zero_grad();
        model.add_log_likelihood(&x, &y, &w, stream).unwrap();
        whole.add(&model.gradient());
        let mut sum = vec![0.0; model.gradient().len()];
        for t in 1..=10 {
            let part = model.gradient_at(&x, &y, &w, t, Stream { seed: 100 + t as u64, step }).unwrap();
            sum.iter_mut().zip(part).for_each(|(s, g)| *s += g);
        }
        parts.add(&sum);
    }
    let z = whole.largest_z(&parts);
    assert!(z < 5.0, "largest of {} z-scores: {z}", model.gradient().len());
    assert!(model.gradient_at(&x, &y, &w, 11, STREAM).unwrap_err().to_string().contains("step: 11"));
}

/// Running sums of vectors and of their squares.
#[derive(Default)]
pub(super) struct Moments {
    count: f64,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    pub(super) fn add(&mut self, values: &[f64]) {
        self.count += 1.0;
        self.sum.resize(values.len(), 0.0);
        self.squares.resize(values.len(), 0.0);
        for (k, v) in values.iter().enumerate() {
            self.sum[k] += v;
            self.squares[k] += v * v;
        }
    }
    fn mean(&self, k: usize) -> f64 {
        self.sum[k] / self.count
    }
    fn variance_at(&self, k: usize) -> f64 {
        (self.squares[k] / self.count - self.mean(k).powi(2)).max(0.0) * self.count / (self.count - 1.0)
    }
    /// Sum of the variances of all entries.
    pub(super) fn variance(&self) -> f64 {
        (0..self.sum.len()).map(|k| self.variance_at(k)).sum()
    }
    /// The largest difference of means in standard errors; what hardly varies is left out.
    pub(super) fn largest_z(&self, other: &Self) -> f64 {
        let z = |k: usize| {
            let error = (self.variance_at(k) / self.count + other.variance_at(k) / other.count).sqrt();
            (self.mean(k) - other.mean(k)).abs() / error.max(1e-12)
        };
        (0..self.sum.len()).map(z).fold(0.0, f64::max)
    }
}

/// A chain with an affine prediction is Gaussian, each step y_{t-1} = (y_t - beta_t (a y_t + b c) / sqrt(1 - abar_t)) / sqrt(alpha_t) +
/// sqrt(beta_t) xi: 20000 samples have its mean and variance within 5 standard errors, and a prediction is the mean of 128.
#[test]
fn ancestral_samples_of_an_affine_prediction_are_gaussian() {
    let (table, n) = (FEW.table(10).unwrap(), 20_000);
    for velocity in [false, true] {
        let (model, _) = constant(velocity);
        let samples = model.sample(&normals(1, 2, 1), n, STREAM).unwrap();
        let predicted = model.predict(&normals(1, 2, 1)).unwrap();
        for (j, c) in C.into_iter().enumerate() {
            let (mut mean, mut variance) = (0.0, 1.0);
            for t in (1..=10).rev() {
                let ([a, b], pull) = (prediction(&table, velocity, t), table.beta(t) / table.noise(t));
                mean = (mean - pull * (a * mean + b * c)) / table.alpha(t).sqrt();
                variance = variance * (1.0 - pull * a).powi(2) / table.alpha(t) + table.beta(t);
            }
            let draws: Vec<f64> = samples.as_slice().iter().skip(j).step_by(2).copied().collect();
            let found = draws.iter().sum::<f64>() / n as f64;
            let spread = draws.iter().map(|y| (y - found).powi(2)).sum::<f64>() / n as f64;
            assert!((found - mean).abs() < 5.0 * (variance / n as f64).sqrt(), "mean {found}, not {mean}");
            assert!((spread / variance - 1.0).abs() < 5.0 * (2.0 / n as f64).sqrt(), "variance {spread}, not {variance}");
            assert!((predicted.row(0)[j] - mean).abs() < 5.0 * (variance / 128.0).sqrt());
        }
    }
}
