//! Both estimators through a stochastic program: the cost of what is decided for the samples of a network.

use std::sync::Arc;

use dfl_core::{Curvature, Generative, Minibatch, Objective, Program, Stream, Targets};
use dfl_losses::{Correction, Estimator, SampledDecision, SampledOptions};
use dfl_models::torch::{Covariance, Device, Flow, FlowConfig, Gaussian, GaussianConfig, Precision};
use dfl_solvers::{Batched, Scenarios, StochasticOptions, StochasticProgram};

use super::{mean_and_error, shaken};
use crate::common::normals;
use costs::Allocation;

#[path = "../../../../dfl-solvers/tests/stochastic/costs.rs"]
#[allow(dead_code, reason = "the costs that stochastic programs are tested with")]
mod costs;

const SAMPLES: usize = 6;
const ROWS: usize = 64;
const BATCHES: u64 = 250;

fn decider(count: usize) -> Batched<StochasticProgram<Allocation>> {
    let feasible = Program::linear(vec![0.0; 2]).with_bounds(vec![-0.6; 2], vec![0.6; 2]);
    let options = StochasticOptions { curvature: Curvature::SampleAverage, ..StochasticOptions::default() };
    Batched::new(StochasticProgram::new(Allocation, feasible, Scenarios { count, outcome: 2 }, options).unwrap())
}

fn objective(estimator: Estimator) -> SampledDecision<Batched<StochasticProgram<Allocation>>> {
    let one_less = (estimator != Estimator::Pathwise).then(|| decider(SAMPLES - 1));
    let options = SampledOptions { samples: SAMPLES, estimator, anchor: None };
    SampledDecision::new(decider(SAMPLES), one_less, Arc::new(Allocation), options).unwrap()
}

/// 250 batches of 64 rows: the mean difference of both gradients is 0 in every weight, within 6 standard errors of the batches. Power: in
/// the weight with the largest gradient an error of 30 % exceeds them, which is asserted.
fn check<G: Generative>(mut model: G) {
    let (features, mut truth) = (normals(ROWS, 2, 81), normals(ROWS, 2, 82));
    truth.as_mut_slice().iter_mut().for_each(|y| *y = 0.8 + 0.3 * *y);
    let (ids, targets) = ((0..ROWS as u64).collect::<Vec<_>>(), Targets { truth: Some(truth), ..Targets::default() });
    let objectives = [Estimator::Pathwise, Estimator::Score { correction: Correction::Resolved }].map(objective);
    let mut gradients = |step: u64| {
        [0, 1].map(|k| {
            model.zero_grad();
            let rows = Minibatch { ids: &ids, features: &features, targets: &targets };
            let report = objectives[k].accumulate(&mut model, rows, Stream { seed: 5 + k as u64, step }).unwrap();
            assert!(report.failed.is_empty());
            model.gradient()
        })
    };
    let all: Vec<[Vec<f64>; 2]> = (0..BATCHES).map(&mut gradients).collect();
    let mut largest = (0.0_f64, 0.0);
    for k in 0..all[0][0].len() {
        let gradient = mean_and_error(&all.iter().map(|g| g[0][k]).collect::<Vec<_>>()).0;
        let difference = mean_and_error(&all.iter().map(|g| g[1][k] - g[0][k]).collect::<Vec<_>>());
        assert!(difference.0.abs() <= 6.0 * difference.1 + 1e-12, "{}, weight {k}: {gradient}, difference {difference:?}", model.name());
        if gradient.abs() > largest.0 {
            largest = (gradient.abs(), 6.0 * difference.1);
        }
    }
    assert!(largest.1 < 0.3 * largest.0, "{}: the test would not find an error of 30 %: {largest:?}", model.name());
}

#[test]
fn both_gradients_of_a_decision_agree_for_a_flow() {
    let config = FlowConfig { hidden: vec![6], precision: Precision::Double, ..FlowConfig::new(2, 2) };
    check(shaken(Flow::new(config, 0, Device::Cpu).unwrap(), 0.4, 83));
}

#[test]
fn both_gradients_of_a_decision_agree_for_a_full_gaussian() {
    let config =
        GaussianConfig { covariance: Covariance::Full, hidden: vec![4], precision: Precision::Double, ..GaussianConfig::new(2, 2) };
    check(shaken(Gaussian::new(config, 0, Device::Cpu).unwrap(), 0.3, 84));
}
