//! Methods that learn a distribution and decide by a stochastic program over its samples: one line each.

use std::cell::OnceCell;
use std::sync::Arc;

use dfl_core::{Counters, Curvature, Decider, Error, Generative, Instances, Objective, Result, Risk};
use dfl_losses::{Anchor, Balance, Correction, EssMeter, Estimator, MaximumLikelihood, SampledDecision, SampledOptions};
use dfl_solvers::{Batched, Counted, Scenarios, SqpDerivative, StochasticOptions, StochasticProgram, Stopwatch, Timed};

use super::build::decision_cost;
use super::energy::{self, Variant, decider_of_moments, no_closed_form, so_ebm};
use super::gen_dfl::gen_dfl;
use super::sqp::{Minimised, through_block, through_decision, through_surrogate};
use super::{Balanced, Bend, Corrected, JudgedBy, MethodOptions};
use crate::tasks::{Benchmark, unknown};

/// The solver of every method here.
pub(crate) const SOLVER: &str = "stochastic";

/// Samples of a decision unless `samples` says otherwise: those published for the power task.
const SAMPLES: usize = 25;

/// Methods other than energy models that train by the closed form where there is one.
const CLOSED_FORM: [&str; 4] = ["dfl_sqp", "dfl_kkt", "dfl_block", "dfl_surrogate"];

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
    /// Where a method with candidates leaves what counts how many of them it relies on.
    pub meter: &'a OnceCell<Arc<EssMeter>>,
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
        reads: &["test_samples", "tail", "risk", "risk_weight", "risk_temperature", "judge"],
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
            "judge",
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
            "judge",
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
    SampledEntry { id: "so_ebm", reads: energy::READS, bend: None, make: |s| so_ebm(s, Variant::Whole) },
    SampledEntry { id: "so_ebm_no_mle", reads: energy::READS, bend: None, make: |s| so_ebm(s, Variant::WithoutLikelihood) },
    SampledEntry { id: "so_ebm_no_kld", reads: energy::READS, bend: None, make: |s| so_ebm(s, Variant::WithoutDivergence) },
    SampledEntry { id: "so_ebm_langevin", reads: energy::READS_LANGEVIN, bend: None, make: |s| so_ebm(s, Variant::Langevin) },
    SampledEntry {
        id: "dfl_sqp",
        reads: &["samples", "test_samples", "tail", "judge"],
        bend: None,
        make: |s| through_decision(s, SqpDerivative::LastStep),
    },
    SampledEntry {
        id: "dfl_kkt",
        reads: &["samples", "test_samples", "tail", "judge"],
        bend: None,
        make: |s| through_decision(s, SqpDerivative::Exact),
    },
    SampledEntry {
        id: "dfl_saa",
        reads: &["samples", "test_samples", "tail", "judge", "curvature", "bandwidth"],
        bend: Some(Bend::SampleAverage),
        make: |s| decision(s, Estimator::Pathwise),
    },
    SampledEntry { id: "dfl_block", reads: &["samples", "test_samples", "tail", "judge", "block"], bend: None, make: through_block },
    SampledEntry {
        id: "dfl_surrogate",
        reads: &["samples", "test_samples", "tail", "judge", "width", "step"],
        bend: None,
        make: through_surrogate,
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

/// What decides for a model that is judged.
pub(crate) enum Judge {
    /// For so many of its samples.
    Samples(usize, Box<dyn Decider>),
    /// For its moments.
    Moments(Box<dyn Decider>),
}

/// The closed form where it is asked for, or where there is one and the method trains by it; else samples.
pub(crate) fn judge(method: &str, setup: &SampledSetup<'_>) -> Result<Judge> {
    let trains_by_it = energy::learns_from_decisions(method) || CLOSED_FORM.contains(&method);
    let moments = match setup.options.judge {
        Some(JudgedBy::ClosedForm) => Some(decider_of_moments(setup)?.ok_or_else(|| no_closed_form(setup))?),
        None if trains_by_it => decider_of_moments(setup)?,
        _ => None,
    };
    moments.map_or_else(|| judge_of_samples(setup), |decider| Ok(Judge::Moments(decider)))
}

fn judge_of_samples(setup: &SampledSetup<'_>) -> Result<Judge> {
    let count = setup.options.test_samples.unwrap_or_else(|| samples(setup.options));
    let tail = match setup.options.risk() {
        Risk::Mean => Some(1.0),
        Risk::Cvar { tail } => Some(tail),
        Risk::MeanVariance { .. } | Risk::Entropic { .. } => None,
    };
    if let Some(decider) = tail.and_then(|tail| setup.task.decider_of_samples(count, tail)) {
        return Ok(Judge::Samples(count, decider?));
    }
    Ok(Judge::Samples(
        count,
        program_of_samples(setup.task, Scenarios { count, outcome: setup.outcome }, setup.options, Curvature::Ignored, false)?,
    ))
}

fn decision(setup: &SampledSetup<'_>, estimator: Estimator) -> Result<SampledMethod> {
    let (o, count) = (setup.options, samples(setup.options));
    let default = if estimator == Estimator::Pathwise { Bend::SampleAverage } else { Bend::Density };
    let resolved = estimator == Estimator::Score { correction: Correction::Resolved };
    let decider = |count| -> Result<Box<dyn Decider>> {
        let scenarios = Scenarios { count, outcome: setup.outcome };
        let weights = estimator != Estimator::Pathwise && !resolved;
        let program = program_of_samples(setup.task, scenarios, o, curvature(o, default, count), weights)?;
        let counted = Counted::new(program, Arc::clone(setup.counters));
        Ok(Box::new(Timed::new(counted, Arc::clone(setup.watch))))
    };
    let one_less = (resolved && count > 1).then(|| decider(count - 1)).transpose()?;
    let cost = decision_cost(setup.task, if estimator == Estimator::Pathwise { "dfl_rp" } else { "dfl_sf" })?;
    let options = SampledOptions { samples: count, estimator, anchor: anchor(o) };
    Ok(Box::new(SampledDecision::new(decider(count)?, one_less, cost, options)?))
}

/// Decides for samples by the stochastic program of a task or, where the mean cost is smooth and not convex, by SQP, which gives no score `weights`.
pub(super) fn program_of_samples(
    task: &dyn Benchmark,
    scenarios: Scenarios,
    options: &MethodOptions,
    curvature: Curvature,
    weights: bool,
) -> Result<Box<dyn Decider>> {
    let missing = Error::Unsupported { who: task.name(), what: "the cost of an uncertain outcome, which a stochastic program needs" };
    let uncertain = task.uncertain().ok_or(missing)?;
    let risk = options.risk();
    let neutral = [Risk::Mean, Risk::Cvar { tail: 1.0 }].contains(&risk);
    if !task.convex() && uncertain.cost.kinks().is_empty() && !weights && neutral {
        return Minimised::of_samples(task, scenarios.count, scenarios.outcome)?.decider();
    }
    let options = StochasticOptions { risk, curvature, ..Default::default() };
    Ok(Box::new(Batched::new(StochasticProgram::new(uncertain.cost, uncertain.feasible, scenarios, options)?)))
}

/// The curvature that a derivative takes for so many samples.
pub(super) fn curvature(options: &MethodOptions, default: Bend, samples: usize) -> Curvature {
    match options.curvature.unwrap_or(default) {
        Bend::SampleAverage => Curvature::SampleAverage,
        Bend::Ignored => Curvature::Ignored,
        Bend::Density => options.bandwidth.map_or(Curvature::rule_of_thumb(samples), |bandwidth| Curvature::Density { bandwidth }),
    }
}

pub(super) fn samples(options: &MethodOptions) -> usize {
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
