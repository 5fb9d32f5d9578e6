//! Methods that learn a distribution and decide by a stochastic program over its samples: one line each.

use std::sync::Arc;

use dfl_core::{CostCurvature, Counters, Curvature, Decider, Error, Generative, Instances, Objective, Result, Risk};
use dfl_losses::{Anchor, Balance, Correction, Estimator, MaximumLikelihood, SampledDecision, SampledOptions};
use dfl_solvers::{Batched, Counted, Scenarios, StochasticOptions, StochasticProgram, Stopwatch, Timed};

use super::build::decision_cost;
use super::gen_dfl::gen_dfl;
use super::{Balanced, Bend, Corrected, MethodOptions};
use crate::tasks::{Benchmark, unknown};

/// The solver of every method here.
pub(crate) const SOLVER: &str = "stochastic";

/// Samples of a decision unless `samples` says otherwise: those published for the power task.
const SAMPLES: usize = 25;

/// What such a method is built for.
#[derive(Clone, Copy)]
pub struct SampledSetup<'a> {
    /// The task.
    pub task: &'a dyn Benchmark,
    /// Settings of the method.
    pub options: &'a MethodOptions,
    /// Length of an outcome, a row of the truth.
    pub outcome: usize,
    /// Counts the solves.
    pub counters: &'a Arc<Counters>,
    /// Times them.
    pub watch: &'a Arc<Stopwatch>,
    /// The training rows.
    pub train: &'a Instances,
    /// Another model of the class that is trained, not trained yet.
    pub proxy: &'a dyn Fn() -> Result<Box<dyn Generative>>,
    /// Seeds what a method fits beside the model.
    pub seed: u64,
}

/// Whether a method goes through the derivative of the decision, which only a stochastic program has.
pub(crate) fn differentiates_decisions(method: &str) -> bool {
    SAMPLED.iter().any(|entry| entry.id == method && entry.bend.is_some())
}

/// What such a method minimises.
pub type SampledMethod = Box<dyn Objective<dyn Generative>>;

/// A method for distributions by id.
pub struct SampledEntry {
    /// Fixed word of a result row.
    pub id: &'static str,
    /// The options that it reads.
    pub reads: &'static [&'static str],
    /// What its derivative takes for the curvature at kinks unless `curvature` says otherwise; `None` if it takes no derivative.
    bend: Option<Bend>,
    make: fn(&SampledSetup<'_>) -> Result<SampledMethod>,
}

/// Every method that trains a distribution.
pub const SAMPLED: &[SampledEntry] = &[
    SampledEntry {
        id: "two_stage",
        reads: &["test_samples", "tail", "risk", "risk_weight", "risk_temperature"],
        bend: None,
        make: |_| Ok(Box::new(MaximumLikelihood)),
    },
    SampledEntry {
        id: "dfl_rp",
        reads: &[
            "samples",
            "test_samples",
            "tail",
            "risk",
            "risk_weight",
            "risk_temperature",
            "curvature",
            "bandwidth",
            "anchor",
            "balance",
        ],
        bend: Some(Bend::SampleAverage),
        make: |s| decision(s, Estimator::Pathwise),
    },
    SampledEntry {
        id: "dfl_sf",
        reads: &[
            "samples",
            "test_samples",
            "tail",
            "risk",
            "risk_weight",
            "risk_temperature",
            "curvature",
            "bandwidth",
            "anchor",
            "balance",
            "correction",
        ],
        bend: Some(Bend::Density),
        make: |s| decision(s, Estimator::Score { correction: correction(s.options) }),
    },
    SampledEntry {
        id: "gen_dfl",
        reads: &["samples", "test_samples", "tail", "loss_tail", "beta", "gamma", "target", "proxy_epochs"],
        bend: None,
        make: gen_dfl,
    },
];

/// Makes a method for distributions by id.
///
/// # Errors
/// [`Error::Unknown`], or why the method does not fit the task.
pub fn make_sampled(id: &str, setup: &SampledSetup<'_>) -> Result<SampledMethod> {
    (find(id)?.make)(setup)
}

fn find(id: &str) -> Result<&'static SampledEntry> {
    SAMPLED.iter().find(|m| m.id == id).ok_or_else(|| unknown("method for a distribution", id, SAMPLED.iter().map(|m| m.id)))
}

/// The options that a method for distributions reads; refuses one that is not known, and any solver but the stochastic program.
pub(crate) fn sampled_options_read(id: &str, solver: &str) -> Result<Vec<&'static str>> {
    match find(id)? {
        method if solver == SOLVER => Ok(method.reads.to_vec()),
        _ => Err(unknown("solver of a method for a distribution", solver, [SOLVER])),
    }
}

/// What sets a row through a stochastic program apart: the curvature that its derivative takes, or how it goes without.
pub(crate) fn stochastic_label(id: &str, options: &MethodOptions) -> Option<String> {
    let default = match id {
        "dfl_point" => Some(Bend::SampleAverage),
        _ => SAMPLED.iter().find(|m| m.id == id).and_then(|m| m.bend),
    };
    let bend = match options.curvature.or(default)? {
        Bend::SampleAverage => "sample_average".to_owned(),
        Bend::Ignored => "ignored".to_owned(),
        Bend::Density => options.bandwidth.map_or_else(|| "density".to_owned(), |h| format!("density{h}").replace('.', "_")),
    };
    Some(match correction(options) {
        Correction::Plain => bend,
        Correction::LeaveOneOut => format!("{bend}-loo"),
        Correction::Resolved => "resolved".to_owned(),
    })
}

/// Decides for the samples of a model that is judged.
pub(crate) fn judge_of_samples(setup: &SampledSetup<'_>) -> Result<(usize, Box<dyn Decider>)> {
    let count = setup.options.test_samples.unwrap_or_else(|| samples(setup.options));
    let tail = match setup.options.risk() {
        Risk::Mean => Some(1.0),
        Risk::Cvar { tail } => Some(tail),
        Risk::MeanVariance { .. } | Risk::Entropic { .. } => None,
    };
    if let Some(decider) = tail.and_then(|tail| setup.task.decider_of_samples(count, tail)) {
        return Ok((count, decider?));
    }
    let program = program_of_samples(setup.task, Scenarios { count, outcome: setup.outcome }, setup.options, Curvature::Ignored)?;
    Ok((count, Box::new(Batched::new(program))))
}

fn decision(setup: &SampledSetup<'_>, estimator: Estimator) -> Result<SampledMethod> {
    let (o, count) = (setup.options, samples(setup.options));
    let default = if estimator == Estimator::Pathwise { Bend::SampleAverage } else { Bend::Density };
    let decider = |count| -> Result<Box<dyn Decider>> {
        let scenarios = Scenarios { count, outcome: setup.outcome };
        let program = program_of_samples(setup.task, scenarios, o, curvature(o, default, count))?;
        let counted = Counted::new(Batched::new(program), Arc::clone(setup.counters));
        Ok(Box::new(Timed::new(counted, Arc::clone(setup.watch))))
    };
    let resolved = estimator == Estimator::Score { correction: Correction::Resolved };
    let one_less = (resolved && count > 1).then(|| decider(count - 1)).transpose()?;
    let cost = decision_cost(setup.task, if estimator == Estimator::Pathwise { "dfl_rp" } else { "dfl_sf" })?;
    let options = SampledOptions { samples: count, estimator, anchor: anchor(o) };
    Ok(Box::new(SampledDecision::new(decider(count)?, one_less, cost, options)?))
}

/// The stochastic program of a task.
pub(super) fn program_of_samples(
    task: &dyn Benchmark,
    scenarios: Scenarios,
    options: &MethodOptions,
    curvature: Curvature,
) -> Result<StochasticProgram<Arc<dyn CostCurvature>>> {
    let missing = Error::Unsupported { who: task.name(), what: "the cost of an uncertain outcome, which a stochastic program needs" };
    let uncertain = task.uncertain().ok_or(missing)?;
    let options = StochasticOptions { risk: options.risk(), curvature, ..Default::default() };
    StochasticProgram::new(uncertain.cost, uncertain.feasible, scenarios, options)
}

/// The curvature that a derivative takes for so many samples.
pub(super) fn curvature(options: &MethodOptions, default: Bend, samples: usize) -> Curvature {
    match options.curvature.unwrap_or(default) {
        Bend::SampleAverage => Curvature::SampleAverage,
        Bend::Ignored => Curvature::Ignored,
        Bend::Density => options.bandwidth.map_or(Curvature::rule_of_thumb(samples), |bandwidth| Curvature::Density { bandwidth }),
    }
}

fn samples(options: &MethodOptions) -> usize {
    options.samples.unwrap_or(SAMPLES)
}

fn correction(options: &MethodOptions) -> Correction {
    match options.correction {
        None | Some(Corrected::Plain) => Correction::Plain,
        Some(Corrected::LeaveOneOut) => Correction::LeaveOneOut,
        Some(Corrected::Resolved) => Correction::Resolved,
    }
}

fn anchor(options: &MethodOptions) -> Option<Anchor> {
    let balance = match options.balance {
        Some(Balanced::None) => Balance::None,
        None | Some(Balanced::Likelihood) => Balance::Likelihood,
        Some(Balanced::Decision) => Balance::Decision,
    };
    options.anchor.filter(|share| *share > 0.0).map(|share| Anchor { share, balance })
}
