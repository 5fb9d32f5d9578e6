//! Gen-DFL's surrogate: a target against a pool, by the worst samples of a predicted distribution.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use std::sync::Arc;

use common::{Listed, cheapest_of_three};
use dfl_core::testkit::gradient_error;
use dfl_core::{
    Batch, Call, Decider, DecisionLoss, Decisions, Dims, Error, Generative, LinearGaussian, Minibatch, Objective, Parameters, Pool,
    Predictor, Result, Rng, Sampler, Spread, Status, StepReport, Stream, Targets,
};
use dfl_losses::{Cmap, Contrastive, ContrastiveOptions, Target};
use dfl_solvers::SampleMean;

const STREAM: Stream = Stream { seed: 5, step: 2 };

/// A distribution of given samples, which keeps what is pulled back through them; its log-likelihood is 0.
struct Given {
    samples: Batch,
    outputs: usize,
    pulled: Batch,
}

impl Given {
    fn new<const N: usize>(outputs: usize, samples: &[[f64; N]]) -> Self {
        Self { samples: Batch::from_rows(samples).unwrap(), outputs, pulled: Batch::default() }
    }
}

impl Predictor for Given {
    fn name(&self) -> &'static str {
        "given"
    }
    fn inputs(&self) -> usize {
        1
    }
    fn outputs(&self) -> usize {
        self.outputs
    }
    fn predict(&self, _features: &Batch) -> Result<Batch> {
        unreachable!("not asked for its mean")
    }
}

impl Sampler for Given {
    fn sample(&self, _features: &Batch, _samples: usize, _stream: Stream) -> Result<Batch> {
        Ok(self.samples.clone())
    }
}

impl Parameters for Given {
    fn values(&self) -> Vec<f64> {
        Vec::new()
    }
    fn set_values(&mut self, _values: &[f64]) -> Result<()> {
        Ok(())
    }
    fn gradient(&self) -> Vec<f64> {
        Vec::new()
    }
    fn add_gradient(&mut self, _scale: f64, _other: &[f64]) -> Result<()> {
        Ok(())
    }
    fn zero_grad(&mut self) {}
    fn step(&mut self, _learning_rate: f64) -> Result<()> {
        Ok(())
    }
}

impl Generative for Given {
    fn has_density(&self) -> bool {
        false
    }
    fn add_log_likelihood(&mut self, _features: &Batch, _outcomes: &Batch, _weights: &Batch, _stream: Stream) -> Result<f64> {
        Ok(0.0)
    }
    fn draw(&mut self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        self.sample(features, samples, stream)
    }
    fn pull_samples(&mut self, cotangent: &Batch) -> Result<()> {
        self.pulled = cotangent.clone();
        Ok(())
    }
}

fn units(n: usize) -> Batch {
    Batch::from_vec(n, n, (0..n * n).map(|k| f64::from(u8::from(k % n == k / n))).collect()).unwrap()
}

fn pool(decisions: &Batch) -> Arc<Pool> {
    Arc::new(Pool::new(decisions).unwrap())
}

fn normals(rows: usize, cols: usize, seed: u64) -> Batch {
    let mut rng = Rng::seeded(seed);
    Batch::from_vec(rows, cols, (0..rows * cols).map(|_| rng.normal()).collect()).unwrap()
}

/// One step at these features, truths and stored optima.
fn step<M: Generative, D: Decider>(
    loss: &Contrastive<D>,
    model: &mut M,
    (features, truth, solution): (&Batch, &Batch, &Batch),
) -> Result<StepReport> {
    let ids: Vec<u64> = (0..features.rows() as u64).collect();
    let targets = Targets { truth: Some(truth.clone()), solution: Some(solution.clone()), normals: None };
    Objective::<M>::accumulate(loss, model, Minibatch { ids: &ids, features, targets: &targets }, STREAM)
}

fn of_items(n: usize, target: Target, options: ContrastiveOptions) -> Contrastive<SampleMean<Listed>> {
    let decider = SampleMean::new(Listed(units(n)), options.samples).unwrap();
    Contrastive::new(decider, pool(&units(n)), target, options).unwrap()
}

/// Costs (1, 4), (3, 0), (2, 1), (4, 2): the worst half of the target is (3 + 4)/2, that of the other (4 + 2)/2. The gap of 1/2 falls with
/// the first entry of samples 2 and 4 and rises with the second of 1 and 4. Their means agree on 10/4 against 7/4.
#[test]
fn the_worst_samples_by_hand() {
    let loss = |tail| of_items(2, Target::Observed, ContrastiveOptions { samples: 4, tail, beta: 10.0, gamma: 1.0 });
    let data = (&Batch::zeros(1, 1), &Batch::zeros(1, 2), &Batch::from_rows(&[[1.0, 0.0]]).unwrap());
    let mut model = Given::new(2, &[[1.0, 4.0, 3.0, 0.0, 2.0, 1.0, 4.0, 2.0]]);
    assert_eq!(step(&loss(0.5), &mut model, data).unwrap().loss, 5.0);
    assert_eq!(model.pulled.row(0), [0.0, -5.0, 5.0, 0.0, 0.0, 0.0, 5.0, -5.0]);
    assert_eq!(step(&loss(1.0), &mut model, data).unwrap().loss, 7.5);
    assert_eq!(model.pulled.row(0), [2.5, -2.5, 2.5, -2.5, 2.5, -2.5, 2.5, -2.5]);
}

/// The target is the best already: no loss, and nothing pulled.
#[test]
fn a_target_that_looks_best_leaves_nothing() {
    let loss = of_items(2, Target::Observed, ContrastiveOptions { samples: 2, tail: 0.5, ..ContrastiveOptions::default() });
    let mut model = Given::new(2, &[[1.0, 4.0, 0.0, 3.0]]);
    let data = (&Batch::zeros(1, 1), &Batch::zeros(1, 2), &Batch::from_rows(&[[1.0, 0.0]]).unwrap());
    assert_eq!(step(&loss, &mut model, data).unwrap().loss, 0.0);
    assert!(model.pulled.as_slice().iter().all(|g| *g == 0.0));
}

/// With one sample the loss is [`Cmap`] at that sample, another implementation; rows of a batch share its mean.
#[test]
fn one_sample_is_the_pool_loss_of_a_point() {
    let (preds, pool) = (normals(6, 3, 1), pool(&units(3)));
    let solution = Batch::from_rows(&[[0.0, 1.0, 0.0]; 6]).unwrap();
    let options = ContrastiveOptions { samples: 1, beta: 1.0, gamma: 0.0, ..ContrastiveOptions::default() };
    let decider = SampleMean::new(cheapest_of_three(), 1).unwrap();
    let mut model = Given { samples: preds.clone(), outputs: 3, pulled: Batch::default() };
    let ours = Contrastive::new(decider, Arc::clone(&pool), Target::Observed, options).unwrap();
    let report = step(&ours, &mut model, (&Batch::zeros(6, 1), &Batch::zeros(6, 3), &solution)).unwrap();
    let targets = Targets { solution: Some(solution), ..Targets::default() };
    let other = DecisionLoss::<_, Listed>::without_decider(Cmap::new(pool)).unwrap();
    let other = other.evaluate(&preds, &targets, &[0, 1, 2, 3, 4, 5], STREAM).unwrap();
    assert!((report.loss - other.values.iter().sum::<f64>()).abs() < 1e-12);
    for (ours, other) in model.pulled.as_slice().iter().zip(other.grads.as_slice()) {
        assert!((6.0 * ours - other).abs() < 1e-12, "{ours} against {other}");
    }
}

/// The gradient in the weights of a Gaussian, at frozen noise: the worst samples and the best of the pool do not change within 1e-6.
#[test]
fn the_gradient_matches_central_differences() {
    let (features, truth) = (normals(5, 2, 3), normals(5, 3, 4));
    let solution = units(3).select(&[0, 1, 2, 0, 1]);
    let weights: Vec<f64> = normals(1, 18, 6).as_slice().iter().map(|w| 0.4 * w).collect();
    for (tail, gamma) in [(1.0, 0.0), (0.25, 0.0), (0.3, 1.0), (1.0, 0.7)] {
        let loss = of_items(3, Target::Observed, ContrastiveOptions { samples: 20, tail, beta: 3.0, gamma });
        let mut model = LinearGaussian::new(2, 3, Spread::Affine);
        let mut value = |at: &[f64]| {
            model.set_values(at).unwrap();
            model.zero_grad();
            let report = step(&loss, &mut model, (&features, &truth, &solution)).unwrap();
            (report.loss / 5.0, model.gradient())
        };
        let gradient = value(&weights).1;
        assert!(gradient.iter().map(|g| g.abs()).sum::<f64>() > 1.0, "something is to be learned");
        let error = gradient_error(&weights, &gradient, 1e-6, |at| value(at).0);
        assert!(error < 1e-7, "tail {tail}, gamma {gamma}: {error:.1e}");
    }
}

/// The proxy's samples are cheapest in the third item, which is then the target whatever is stored; both decisions join the pool.
#[test]
fn a_proxy_sets_the_target_and_what_is_found_joins_the_pool() {
    let options = ContrastiveOptions { samples: 2, beta: 1.0, gamma: 0.0, ..ContrastiveOptions::default() };
    let (proxy, started) = (Given::new(3, &[[3.0, 2.0, 0.0, 1.0, 2.0, 1.0]]), pool(&units(3).select(&[0])));
    let decider = SampleMean::new(Listed(units(3)), 2).unwrap();
    let loss = Contrastive::new(decider, Arc::clone(&started), Target::Proxy(Box::new(proxy)), options).unwrap();
    let mut model = Given::new(3, &[[2.0, 1.0, 2.0, 2.0, -1.0, 4.0]]);
    let data = (&Batch::zeros(1, 1), &Batch::zeros(1, 3), &units(3).select(&[0]));
    assert_eq!(step(&loss, &mut model, data).unwrap().loss, 3.0, "the third item looks like 3, the second like 0");
    assert_eq!(*started.snapshot(), units(3).select(&[0, 2, 1]));
    assert_eq!(model.pulled.row(0), [0.0, -0.5, 0.5, 0.0, -0.5, 0.5]);
}

/// No answer for the row whose first cost is negative.
struct Refuses(Listed);

impl Decider for Refuses {
    fn name(&self) -> &'static str {
        "refuses"
    }
    fn dims(&self) -> Dims {
        self.0.dims()
    }
    fn differentiable(&self) -> bool {
        false
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        let mut found = self.0.forward(thetas, call)?;
        for i in (0..thetas.rows()).filter(|&i| thetas.row(i)[0] < 0.0) {
            found.info[i].status = Status::Infeasible;
            found.x.row_mut(i).fill(0.0);
        }
        Ok(found)
    }
}

#[test]
fn a_row_without_a_decision_is_reported_and_adds_nothing() {
    let options = ContrastiveOptions { samples: 1, beta: 1.0, gamma: 0.0, ..ContrastiveOptions::default() };
    let decider = SampleMean::new(Refuses(Listed(units(2))), 1).unwrap();
    let loss = Contrastive::new(decider, pool(&units(2)), Target::Observed, options).unwrap();
    let mut model = Given::new(2, &[[3.0, 1.0], [-1.0, -5.0], [4.0, 1.0]]);
    let report = step(&loss, &mut model, (&Batch::zeros(3, 1), &Batch::zeros(3, 2), &units(2).select(&[0, 0, 0]))).unwrap();
    assert_eq!((report.loss, report.failed), (5.0, vec![(1, Status::Infeasible)]));
    assert_eq!((model.pulled.row(1), model.pulled.row(0)), (&[0.0, 0.0][..], &[1.0 / 3.0, -1.0 / 3.0][..]));
}

#[test]
fn what_does_not_fit_is_refused() {
    let options = ContrastiveOptions { samples: 2, ..ContrastiveOptions::default() };
    let make = |options, pool: Arc<Pool>, target| Contrastive::new(SampleMean::new(Listed(units(3)), 2).unwrap(), pool, target, options);
    let domain = |options| matches!(make(options, pool(&units(3)), Target::Observed), Err(Error::Domain { .. }));
    assert!(domain(ContrastiveOptions { samples: 0, ..options }) && domain(ContrastiveOptions { tail: 0.0, ..options }));
    assert!(domain(ContrastiveOptions { beta: -1.0, ..options }) && domain(ContrastiveOptions { gamma: f64::NAN, ..options }));
    let dimension = |pool, target| matches!(make(options, pool, target), Err(Error::Dimension { .. }));
    assert!(dimension(pool(&units(2)), Target::Observed));
    assert!(dimension(pool(&units(3)), Target::Proxy(Box::new(Given::new(2, &[[1.0, 2.0]])))));
    let loss = make(options, pool(&units(3)), Target::Observed).unwrap();
    let (features, ids) = (Batch::zeros(1, 1), [7]);
    let step = |samples: [f64; 6], targets: &Targets| {
        loss.accumulate(&mut Given::new(3, &[samples]), Minibatch { ids: &ids, features: &features, targets }, STREAM)
    };
    let truth = Some(Batch::zeros(1, 3));
    let unlabelled = Targets { truth: truth.clone(), ..Targets::default() };
    assert!(matches!(step([1.0; 6], &unlabelled), Err(Error::Missing { loss: "gen_dfl", .. })));
    assert!(matches!(step([1.0; 6], &Targets { solution: Some(units(3).select(&[0])), ..Targets::default() }), Err(Error::Missing { .. })));
    let both = Targets { truth, solution: Some(units(3).select(&[0])), ..Targets::default() };
    let bad = step([1.0, f64::NAN, 1.0, 1.0, 1.0, 1.0], &both);
    assert!(matches!(bad, Err(Error::Diverged { what: "sample", id: 7, column: 1, .. })), "{bad:?}");
}
