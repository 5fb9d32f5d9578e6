//! Objectives of predicted distributions, with stochastic programs as deciders.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]
#![allow(clippy::print_stdout, reason = "measured biases are part of the record; shown with --nocapture")]

mod anchor;
mod estimators;
mod gradients;
mod refusals;
mod training;

#[path = "../../../dfl-solvers/tests/stochastic/costs.rs"]
#[allow(dead_code, reason = "the costs that stochastic programs are tested with")]
mod costs;
#[path = "../../../dfl-solvers/tests/stochastic/helpers.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod helpers;

use std::sync::Arc;

use dfl_core::{
    Batch, CostCurvature, Curvature, Generative, LinearGaussian, Minibatch, Objective, Parameters, Program, Result, Risk, Rng, Spread,
    StepReport, Stream, Targets,
};
use dfl_losses::{Correction, Estimator, SampledDecision, SampledOptions};
use dfl_solvers::{Batched, StochasticProgram};

const PLAIN: Estimator = Estimator::Score { correction: Correction::Plain };
const LEAVE_ONE_OUT: Estimator = Estimator::Score { correction: Correction::LeaveOneOut };
const RESOLVED: Estimator = Estimator::Score { correction: Correction::Resolved };

type Decision<C> = SampledDecision<Batched<StochasticProgram<C>>>;

fn normals(rows: usize, cols: usize, seed: u64) -> Batch {
    let mut rng = Rng::seeded(seed);
    Batch::from_vec(rows, cols, (0..rows * cols).map(|_| rng.normal()).collect()).unwrap()
}

/// What a decision problem is made of.
#[derive(Clone)]
struct Problem<C> {
    cost: C,
    feasible: Program,
    outcome: usize,
    risk: Risk,
}

impl<C: CostCurvature + Clone + 'static> Problem<C> {
    fn new(cost: C, feasible: Program, outcome: usize) -> Self {
        Self { cost, feasible, outcome, risk: Risk::Mean }
    }
    fn with_risk(&self, risk: Risk) -> Self {
        Self { risk, ..self.clone() }
    }
    fn decider(&self, samples: usize, curvature: Curvature) -> Batched<StochasticProgram<C>> {
        let options = helpers::options(self.risk, curvature);
        Batched::new(helpers::program(self.cost.clone(), self.feasible.clone(), samples, self.outcome, options))
    }
    fn decision(&self, samples: usize, estimator: Estimator, curvature: Curvature) -> Decision<C> {
        let one_less = (estimator == RESOLVED).then(|| self.decider(samples - 1, curvature));
        let options = SampledOptions { samples, estimator, anchor: None };
        SampledDecision::new(self.decider(samples, curvature), one_less, Arc::new(self.cost.clone()), options).unwrap()
    }
}

/// Rows of a batch, named from 0.
struct Rows {
    ids: Vec<u64>,
    features: Batch,
    targets: Targets,
}

impl Rows {
    fn new(features: Batch, truth: Batch) -> Self {
        let ids = (0..features.rows() as u64).collect();
        Self { ids, features, targets: Targets { truth: Some(truth), ..Targets::default() } }
    }
    /// The same features and truth in each row: as many draws of one estimate.
    fn repeated(rows: usize, features: &[f64], truth: &[f64]) -> Self {
        let repeat = |row: &[f64]| Batch::from_vec(rows, row.len(), row.repeat(rows)).unwrap();
        Self::new(repeat(features), repeat(truth))
    }
    fn accumulate<M: Generative + ?Sized, O: Objective<M>>(&self, model: &mut M, objective: &O, stream: Stream) -> Result<StepReport> {
        let rows = Minibatch { ids: &self.ids, features: &self.features, targets: &self.targets };
        objective.accumulate(model, rows, stream)
    }
    /// Mean loss and its gradient.
    fn evaluate<M: Generative + ?Sized, O: Objective<M>>(&self, model: &mut M, objective: &O, stream: Stream) -> (f64, Vec<f64>) {
        model.zero_grad();
        let report = self.accumulate(model, objective, stream).unwrap();
        assert!(report.failed.is_empty(), "{:?}", report.failed);
        (report.loss / self.ids.len() as f64, model.gradient())
    }
}

/// One output without features: `N(mean, deviation^2)`, whose weights are the mean and the log-deviation.
fn normal(outputs: usize, mean: f64, deviation: f64) -> LinearGaussian {
    let mut model = LinearGaussian::new(0, outputs, Spread::Constant);
    model.set_values(&[vec![mean; outputs], vec![deviation.ln(); outputs]].concat()).unwrap();
    model
}
