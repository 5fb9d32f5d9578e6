//! The fixed words of a result row, so that anyone can find it; a new word is added here and nowhere else.

use super::{Key, Measurement};

/// Decision problems.
pub const TASKS: &[&str] = &[
    "shortest_path",
    "knapsack",
    "tsp",
    "top_k",
    "pyepo_portfolio",
    "cvar_shortest_path",
    "cvar_knapsack",
    "cvar_portfolio",
    "power",
    "allocation",
    "inventory",
    "portfolio",
    "covid",
    "security",
    "discopt_allocation",
    "discopt_portfolio",
    "qp_power24",
    "qp_portfolio50",
    "qp_sp10x10",
    "qp_dense",
    "linear_gaussian",
    "squared_error",
    "conditional_mixture",
    "training_step",
];

/// Methods that learn nothing by descent; tables mark them, plots draw them as dashed lines.
pub const NO_LEARNING: &[&str] = &[
    "oracle",
    "constant",
    "persistence",
    "persistence_sigma",
    "least_squares",
    "least_squares_sigma",
    "least_squares_test_sigma",
    "least_squares_constant",
    "least_squares_x2",
    "least_squares_x4",
    "least_squares_x10",
    "policy_linear",
    "policy_linear_all",
    "equal_weight",
    "clairvoyant",
    "best_mean",
    "historical",
    "nowcast",
    "nowcast_factor",
    "population_optimum",
    "true_distribution",
    "exact_gaussian",
    "exact_mean",
    "saa",
    "zero",
    "uniform",
    "min_cut",
    "mean_truth",
];

/// Methods that learn. Beside these, `peer_NAME` is the same work done by another library.
pub const LEARNING: &[&str] = &[
    "two_stage",
    "policy_network",
    "regret",
    "sqde",
    "spo_plus",
    "nce",
    "nce_self",
    "nce_max",
    "sce",
    "cmap",
    "cmap_self",
    "pfy",
    "pfy_reduced",
    "pfy_mul",
    "dpo",
    "dbb",
    "nid",
    "imle",
    "aimle",
    "pg",
    "pg_central",
    "ltr_point",
    "ltr_pair",
    "ltr_pair_difference",
    "ltr_list",
    "rfy",
    "cave",
    "cave_plus",
    "cave_hybrid",
    "sfge",
    "lodl",
    "dfl_point",
    "dfl_rp",
    "dfl_sf",
    "gen_dfl",
    "so_ebm",
    "so_ebm_no_mle",
    "so_ebm_no_kld",
    "so_ebm_langevin",
    "dfl_sqp",
    "dfl_kkt",
    "dfl_saa",
    "dfl_block",
    "dfl_surrogate",
    "elbo_weighted",
    "elbo_simple",
    "steps_uniform",
    "steps_loss",
    "steps_norm",
];

/// What maps features to parameters.
pub const PREDICTORS: &[&str] = &["none", "linear", "mlp", "gaussian", "mixture", "flow", "diffusion", "gru", "gcn"];

/// `published`: the inputs and constants the paper used; `honest`: train-only statistics, no broken columns.
pub const COLUMNS: &[&str] = &["published", "honest"];

/// `quick`: minutes on two cores; `full`: longer training, more seeds.
pub const PROFILES: &[&str] = &["quick", "full"];

/// What a metric is, which decides how it is compared and printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goodness of decisions or predictions: compared within a tolerance.
    Quality,
    /// Work done: compared exactly.
    Count,
    /// Depends on the machine: never compared.
    Machine,
}

/// One measured quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The word in a result row.
    pub id: &'static str,
    /// Short title of a table's column.
    pub heading: &'static str,
    /// Unit unless a task has its own.
    pub unit: &'static str,
    /// How it is compared and printed.
    pub kind: Kind,
    /// Whether more is better; for most, less is.
    pub higher_is_better: bool,
}

const fn metric_row(id: &'static str, heading: &'static str, unit: &'static str, kind: Kind) -> Metric {
    Metric { id, heading, unit, kind, higher_is_better: false }
}

const fn more_is_better(metric: Metric) -> Metric {
    Metric { higher_is_better: true, ..metric }
}

/// All metrics; tables show them in this order and drop the last ones first where room is short.
pub const METRICS: &[Metric] = &[
    metric_row("normalized_regret", "norm. regret", "1", Kind::Quality),
    metric_row("regret", "regret", "cost", Kind::Quality),
    metric_row("linear_regret", "linear regret", "cost", Kind::Quality),
    metric_row("cvar_regret", "CVaR regret", "1", Kind::Quality),
    metric_row("cvar_regret_published", "CVaR regret, published", "1", Kind::Quality),
    metric_row("population_cost", "population cost", "cost", Kind::Quality),
    metric_row("task_loss", "task loss", "cost", Kind::Quality),
    metric_row("tail_cost", "worst tenth", "cost", Kind::Quality),
    more_is_better(metric_row("mean_daily_return_percent", "daily return %", "percent", Kind::Quality)),
    metric_row("mean_ratio_regret", "ratio regret", "1", Kind::Quality),
    metric_row("rmse", "rmse", "unit of the target", Kind::Quality),
    metric_row("manhattan_distance", "manhattan", "1", Kind::Quality),
    metric_row("mean_abs_gradient", "mean |grad|", "1", Kind::Quality),
    more_is_better(metric_row("cosine", "cosine", "1", Kind::Quality)),
    more_is_better(metric_row("correlation", "correlation", "1", Kind::Quality)),
    metric_row("minimum_shift", "minimum off by", "1", Kind::Quality),
    metric_row("relative_difference", "rel. difference", "1", Kind::Quality),
    metric_row("difference_bound", "bound", "1", Kind::Quality),
    metric_row("gradient_variance", "tr cov", "1", Kind::Quality),
    metric_row("variance_ratio", "of uniform", "1", Kind::Quality),
    metric_row("shift_in_errors", "shift/se", "1", Kind::Quality),
    metric_row("negative_bound", "-ELBO", "nats", Kind::Quality),
    metric_row("peak_bytes", "peak bytes", "bytes", Kind::Machine),
    more_is_better(metric_row("memory_ratio", "rp / this", "1", Kind::Machine)),
    more_is_better(metric_row("expected_ratio", "T/k", "1", Kind::Machine)),
    metric_row("bytes_per_timestep", "bytes per T", "bytes", Kind::Machine),
    metric_row("bytes_per_sample", "bytes per M", "bytes", Kind::Machine),
    metric_row("needed_bytes", "would need", "bytes", Kind::Machine),
    metric_row("epoch_seconds", "s/epoch", "s", Kind::Machine),
    metric_row("solve_seconds", "s solve", "s", Kind::Machine),
    metric_row("step_seconds", "s/step", "s", Kind::Machine),
    metric_row("solve_share", "solve/step", "1", Kind::Machine),
    metric_row("forward_seconds", "s forward", "s", Kind::Machine),
    metric_row("backward_seconds", "s backward", "s", Kind::Machine),
    more_is_better(metric_row("speedup", "speedup", "1", Kind::Machine)),
    metric_row("oracle_calls", "oracle calls", "calls", Kind::Count),
    metric_row("iterations", "iterations", "iterations", Kind::Count),
    more_is_better(metric_row("effective_samples", "eff. candidates", "1", Kind::Machine)),
    metric_row("vjp_max_error", "vjp error", "1", Kind::Machine),
];

/// The metric of this name, if it is one.
pub fn metric(id: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.id == id)
}

/// Whether `method` learns nothing by descent.
pub fn is_baseline(method: &str) -> bool {
    NO_LEARNING.contains(&method)
}

/// Whether `method` is the same work done by another library.
pub(super) fn is_peer(method: &str) -> bool {
    method.starts_with("peer_")
}

/// What is wrong with the words of a row, if anything; names the field and the word.
pub(super) fn fault(row: &Measurement) -> Option<String> {
    let unknown_metric = metric(&row.metric).is_none().then(|| format!("`{}` is not a known metric", row.metric));
    key_fault(&row.key).or(unknown_metric)
}

/// What is wrong with the words of a key, if anything.
pub(super) fn key_fault(key: &Key) -> Option<String> {
    let fixed = [
        ("task", &key.task, TASKS.contains(&key.task.as_str())),
        ("method", &key.method, is_method(&key.method)),
        ("predictor", &key.predictor, PREDICTORS.contains(&key.predictor.as_str())),
        ("columns", &key.columns, COLUMNS.contains(&key.columns.as_str())),
        ("profile", &key.profile, PROFILES.contains(&key.profile.as_str())),
    ];
    let free = [("suite", &key.suite), ("size", &key.size), ("solver", &key.solver)].map(|(field, word)| (field, word, is_word(word)));
    fixed.into_iter().chain(free).find(|(_, _, known)| !known).map(|(field, word, _)| format!("`{word}` is not a known {field}"))
}

pub(crate) fn is_method(id: &str) -> bool {
    is_baseline(id) || LEARNING.contains(&id) || id.strip_prefix("peer_").is_some_and(is_word)
}

/// Sizes, solvers and suites are an open set; only their shape is fixed.
pub(crate) fn is_word(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}
