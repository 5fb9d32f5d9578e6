//! What cannot learn is refused; what fails is reported.

use std::sync::Arc;

use dfl_core::{
    Batch, Call, Csc, Curvature, Decider, Decisions, Dims, Error, Generative, LinearGaussian, Parameters, Predictor, Result, Sampler,
    Spread, Status, Stream, Targets, TrainOptions, train,
};
use dfl_losses::{Anchor, Balance, Estimator, MaximumLikelihood, SampledDecision, SampledOptions};

use crate::costs::{Loss, Quadratic};
use crate::helpers::free;
use crate::{LEAVE_ONE_OUT, PLAIN, Problem, RESOLVED, Rows, normal, normals};

fn problem() -> Problem<Quadratic> {
    Problem::new(Quadratic, free(2), 2)
}

fn join(decider: impl Decider, samples: usize, estimator: Estimator) -> Result<()> {
    let options = SampledOptions { samples, estimator, anchor: None };
    SampledDecision::new(decider, None, Arc::new(Quadratic), options).map(|_| ())
}

/// The decisions of another without their derivative.
struct BlackBox<D>(D);

impl<D: Decider> Decider for BlackBox<D> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn dims(&self) -> Dims {
        self.0.dims()
    }
    fn differentiable(&self) -> bool {
        false
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        self.0.forward(thetas, &Call { backward: false, ..*call })
    }
}

#[test]
fn options_and_deciders_that_cannot_learn() {
    let decider = |count| problem().decider(count, Curvature::SampleAverage);
    assert!(matches!(join(decider(4), 0, Estimator::Pathwise), Err(Error::Domain { .. })));
    assert!(join(decider(1), 1, Estimator::Pathwise).is_ok());
    for estimator in [PLAIN, LEAVE_ONE_OUT, RESOLVED] {
        assert!(matches!(join(decider(1), 1, estimator), Err(Error::Domain { .. })), "{estimator:?}: one sample");
    }
    for estimator in [Estimator::Pathwise, PLAIN, LEAVE_ONE_OUT] {
        assert!(matches!(join(BlackBox(decider(4)), 4, estimator), Err(Error::Missing { .. })), "{estimator:?}: a black box");
    }
    assert!(matches!(join(decider(4), 4, RESOLVED), Err(Error::Missing { .. })), "no second decider");
    assert!(matches!(join(decider(4), 3, PLAIN), Err(Error::Dimension { .. })), "8 numbers are not 3 samples");
    let resolved = |less: usize| {
        let options = SampledOptions { samples: 4, estimator: RESOLVED, anchor: None };
        SampledDecision::new(BlackBox(decider(4)), Some(BlackBox(decider(less))), Arc::new(Quadratic), options).map(|_| ())
    };
    assert!(resolved(3).is_ok(), "re-solved weights need no derivative");
    assert!(matches!(resolved(4), Err(Error::Dimension { .. })));
    let anchor = Some(Anchor { share: 1.5, balance: Balance::None });
    let options = SampledOptions { samples: 4, estimator: PLAIN, anchor };
    assert!(matches!(SampledDecision::new(decider(4), None, Arc::new(Quadratic), options), Err(Error::Domain { .. })));
}

/// A distribution that can be sampled and weighed, not reparameterised.
struct NoPath(LinearGaussian);

impl Predictor for NoPath {
    fn name(&self) -> &'static str {
        "no_path"
    }
    fn inputs(&self) -> usize {
        self.0.inputs()
    }
    fn outputs(&self) -> usize {
        self.0.outputs()
    }
    fn predict(&self, features: &Batch) -> Result<Batch> {
        self.0.predict(features)
    }
}
impl Sampler for NoPath {
    fn sample(&self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        self.0.sample(features, samples, stream)
    }
}
impl Parameters for NoPath {
    fn values(&self) -> Vec<f64> {
        self.0.values()
    }
    fn set_values(&mut self, values: &[f64]) -> Result<()> {
        self.0.set_values(values)
    }
    fn gradient(&self) -> Vec<f64> {
        self.0.gradient()
    }
    fn add_gradient(&mut self, scale: f64, other: &[f64]) -> Result<()> {
        self.0.add_gradient(scale, other)
    }
    fn zero_grad(&mut self) {
        self.0.zero_grad();
    }
    fn step(&mut self, learning_rate: f64) -> Result<()> {
        self.0.step(learning_rate)
    }
}
impl Generative for NoPath {
    fn has_density(&self) -> bool {
        true
    }
    fn add_log_likelihood(&mut self, features: &Batch, outcomes: &Batch, weights: &Batch, stream: Stream) -> Result<f64> {
        self.0.add_log_likelihood(features, outcomes, weights, stream)
    }
}

#[test]
fn models_and_targets_that_do_not_fit() {
    let rows = Rows::new(normals(3, 0, 1), normals(3, 2, 2));
    let of = |estimator| problem().decision(4, estimator, Curvature::SampleAverage);
    let mut model = NoPath(normal(2, 0.0, 1.0));
    let refused = rows.accumulate(&mut model, &of(Estimator::Pathwise), Stream::default());
    assert!(matches!(refused, Err(Error::Unsupported { who: "no_path", .. })), "{refused:?}");
    assert!(rows.accumulate(&mut model, &of(PLAIN), Stream::default()).is_ok());
    let mut wide = normal(3, 0.0, 1.0);
    assert!(matches!(rows.accumulate(&mut wide, &of(PLAIN), Stream::default()), Err(Error::Dimension { .. })));
    let blind = Rows { targets: Targets::default(), ..rows };
    let mut model = normal(2, 0.0, 1.0);
    for estimator in [Estimator::Pathwise, PLAIN] {
        assert!(matches!(blind.accumulate(&mut model, &of(estimator), Stream::default()), Err(Error::Missing { .. })));
    }
    assert!(matches!(blind.accumulate(&mut model, &MaximumLikelihood, Stream::default()), Err(Error::Missing { loss: "two_stage", .. })));
}

/// A deviation of e^1000 draws infinite samples; training says at which row and step, and names no other.
#[test]
fn divergence_names_the_row() {
    let data = dfl_core::Instances::new(normals(3, 0, 1), normals(3, 2, 2)).unwrap();
    let options = TrainOptions { batch: 3, epochs: 1, ..TrainOptions::default() };
    for estimator in [Estimator::Pathwise, PLAIN] {
        let mut model = normal(2, 0.0, 1.0);
        model.set_values(&[0.0, 0.0, 0.0, 1000.0]).unwrap();
        let objective = problem().decision(4, estimator, Curvature::SampleAverage);
        let error = train(&mut model, &objective, &data, &options, &mut ()).unwrap_err();
        assert!(matches!(error, Error::Diverged { what: "sample", column: 1, step: 0, .. }), "{error}");
    }
    let mut model = normal(2, 0.0, 1.0);
    model.set_values(&[0.0, 0.0, 0.0, -1000.0]).unwrap();
    let error = train(&mut model, &MaximumLikelihood, &data, &options, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { what: "mean log-likelihood of the batch", .. }), "{error}");
}

/// `z_1^2/2 - y'z` with `z_2 >= 0` is unbounded where the mean of `y_2`, the feature, is positive. The other rows keep their gradient, as a
/// share of all rows.
#[test]
fn rows_without_a_decision_are_masked_and_reported() {
    let feasible = free(2).with_quadratic(Csc::diagonal(&[1.0, 0.0])).with_bounds(vec![f64::NEG_INFINITY, 0.0], vec![f64::INFINITY; 2]);
    let problem = Problem::new(Loss, feasible, 2);
    let mut model = LinearGaussian::new(1, 2, Spread::Constant);
    model.set_values(&[0.0, 1.0, 9.0, 0.0, 0.0, -3.0]).unwrap();
    let features = Batch::from_rows(&[[-1.0], [-2.0], [1.0], [2.0]]).unwrap();
    let (all, truth) = (Rows::new(features.clone(), normals(4, 2, 3)), normals(4, 2, 3));
    let good = Rows::new(features.select(&[0, 1]), truth.select(&[0, 1]));
    for estimator in [Estimator::Pathwise, PLAIN, RESOLVED] {
        let objective = problem.decision(3, estimator, Curvature::SampleAverage);
        let (value, gradient) = good.evaluate(&mut model, &objective, Stream::default());
        model.zero_grad();
        let report = all.accumulate(&mut model, &objective, Stream::default()).unwrap();
        assert_eq!(report.failed, [(2, Status::Unbounded), (3, Status::Unbounded)], "{estimator:?}");
        assert!((report.loss - 2.0 * value).abs() < 1e-12 && value != 0.0, "{estimator:?}");
        for (all, good) in model.gradient().iter().zip(&gradient) {
            assert!((all - 0.5 * good).abs() < 1e-12, "{estimator:?}: {all} {good}");
        }
        assert!(gradient[1] != 0.0);
    }
}
