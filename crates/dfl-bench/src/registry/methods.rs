use std::sync::Arc;

use dfl_core::{Counters, Decider, DecisionLoss, Instances, Loss, Result};
use dfl_losses::{Cave, Cmap, LtrListwise, LtrPairwise, LtrPointwise, Nce, PoolNce, Regret, Sce, SpoPlus, Sqde};

use super::MethodOptions;
use super::build::{self, plain};
use super::solvers::SOLVERS;
use crate::tasks::{Benchmark, unknown};

/// What a method is built for.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The task.
    pub task: &'a dyn Benchmark,
    /// Id of the solver inside the training loop.
    pub solver: &'a str,
    /// Settings of the method and of the solver.
    pub options: &'a MethodOptions,
    /// `auto`, `cpu` or `cuda:N`; only torch solvers read it.
    pub device: &'a str,
    /// Whether each row may start from its last answer, where the answer does not depend on it but in its last bits.
    pub warm: bool,
    /// Counts the solves of the solver, below all that surrounds it.
    pub counters: &'a Arc<Counters>,
    /// The training rows, labelled where the task is: what pools begin with and local losses are fitted on.
    pub train: &'a Instances,
}

/// A method: a loss and what surrounds the decider.
pub type Method = DecisionLoss<Box<dyn Loss>, Box<dyn Decider>>;

type Make = fn(&Setup<'_>) -> Result<Method>;

/// What a method does with a solver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Solves {
    /// Nothing: its solver is `none`.
    Never,
    /// It compares with a pool of decisions, which stays as it begins if its solver is `none`, and which a black box lets grow.
    ForPool,
    /// It trains with one.
    Always,
}

/// A method by id.
pub struct MethodEntry {
    /// Fixed word of a result row.
    pub id: &'static str,
    /// What it does with a solver.
    pub solves: Solves,
    /// The options that it reads besides those of its solver.
    pub reads: &'static [&'static str],
    make: Make,
}

const fn method(id: &'static str, solves: Solves, reads: &'static [&'static str], make: Make) -> MethodEntry {
    MethodEntry { id, solves, reads, make }
}

/// Every training method: a loss, and what surrounds the solver.
pub const METHODS: &[MethodEntry] = &[
    method("two_stage", Solves::Never, &[], |_| build::squared_error()),
    method("regret", Solves::Always, &[], |s| plain(Regret, s)),
    method("sqde", Solves::Always, &[], |s| plain(Sqde, s)),
    method("spo_plus", Solves::Always, &[], |s| plain(SpoPlus, s)),
    method("sce", Solves::Always, &[], |s| plain(Sce, s)),
    method("nce_max", Solves::Always, &[], |s| plain(Nce, s)),
    method("pg", Solves::Always, &["sigma"], |s| build::perturbation_gradient(s, false)),
    method("pg_central", Solves::Always, &["sigma"], |s| build::perturbation_gradient(s, true)),
    method("sfge", Solves::Always, &["samples", "sigma"], build::sfge),
    method("pfy", Solves::Always, &["samples", "sigma"], build::pfy),
    method("pfy_reduced", Solves::Always, &["samples", "sigma"], |s| build::own_noise(s, false)),
    method("pfy_mul", Solves::Always, &["samples", "sigma"], |s| build::own_noise(s, true)),
    method("rfy", Solves::Always, &["lambda"], build::rfy),
    method("dpo", Solves::Always, &["samples", "sigma"], build::dpo),
    method("dbb", Solves::Always, &["lambda"], build::dbb),
    method("nid", Solves::Always, &[], build::nid),
    method("imle", Solves::Always, &["samples", "lambda", "temperature"], build::imle),
    method("aimle", Solves::Always, &["samples", "temperature"], build::aimle),
    method("lodl", Solves::Always, &["samples", "sigma"], build::lodl),
    method("nce", Solves::ForPool, &[], |s| build::with_pool(s, |pool, _| Ok(PoolNce::new(pool)))),
    method("nce_self", Solves::ForPool, &[], |s| build::with_pool(s, |pool, _| Ok(PoolNce::self_contrastive(pool)))),
    method("cmap", Solves::ForPool, &[], |s| build::with_pool(s, |pool, _| Ok(Cmap::new(pool)))),
    method("cmap_self", Solves::ForPool, &[], |s| build::with_pool(s, |pool, _| Ok(Cmap::self_contrastive(pool)))),
    method("ltr_point", Solves::ForPool, &[], |s| build::with_pool(s, |pool, _| Ok(LtrPointwise::new(pool)))),
    method("ltr_pair", Solves::ForPool, &["margin"], |s| {
        build::with_pool(s, |pool, options| LtrPairwise::hinge(pool, options.margin.unwrap_or(0.0)))
    }),
    method("ltr_pair_difference", Solves::ForPool, &[], |s| build::with_pool(s, |pool, _| Ok(LtrPairwise::difference(pool)))),
    method("ltr_list", Solves::ForPool, &["temperature"], |s| {
        build::with_pool(s, |pool, options| LtrListwise::new(pool, options.temperature.unwrap_or(1.0)))
    }),
    method("so_ebm", Solves::ForPool, &["temperature", "mle", "kl"], |s| {
        build::with_pool(s, |pool, options| build::discrete_energy(pool, options, options.mle.unwrap_or(1.0), options.kl.unwrap_or(0.01)))
    }),
    method("so_ebm_no_mle", Solves::ForPool, &["temperature"], |s| {
        build::with_pool(s, |pool, options| build::discrete_energy(pool, options, 0.0, 1.0))
    }),
    method("so_ebm_no_kld", Solves::ForPool, &["temperature"], |s| {
        build::with_pool(s, |pool, options| build::discrete_energy(pool, options, 1.0, 0.0))
    }),
    method("cave", Solves::Never, &[], |_| build::cave(Cave::exact())),
    method("cave_plus", Solves::Never, &[], |_| build::cave(Cave::plus(3)?)),
    method("cave_hybrid", Solves::Never, &[], |_| build::cave(Cave::hybrid(3, 0.3, 0.2)?)),
    method("dfl_point", Solves::Always, &[], build::task_cost),
    method("policy_network", Solves::Never, &[], build::policy),
];

/// Makes a method by id.
///
/// # Errors
/// [`dfl_core::Error::Unknown`], or why loss and decider do not fit together.
pub fn make_loss(id: &str, setup: &Setup<'_>) -> Result<Method> {
    (find(id)?.make)(setup)
}

fn find(id: &str) -> Result<&'static MethodEntry> {
    METHODS.iter().find(|m| m.id == id).ok_or_else(|| unknown("method", id, METHODS.iter().map(|m| m.id)))
}

/// Refuses a method or solver that is not known, and a pair of which one has no use for the other; returns the options that the pair reads.
///
/// # Errors
/// [`dfl_core::Error::Unknown`].
pub(crate) fn options_read(id: &str, solver: &str) -> Result<Vec<&'static str>> {
    let method = find(id)?;
    let fits = |s: &&super::SolverEntry| match method.solves {
        Solves::Never => false,
        Solves::ForPool => s.is_black_box(),
        Solves::Always => true,
    };
    let none = (method.solves != Solves::Always).then_some("none");
    if none == Some(solver) {
        return Ok(method.reads.to_vec());
    }
    let found = SOLVERS.iter().filter(fits).find(|s| s.id == solver);
    let found = found.ok_or_else(|| unknown("solver of this method", solver, SOLVERS.iter().filter(fits).map(|s| s.id).chain(none)))?;
    Ok([method.reads, found.reads].concat())
}
