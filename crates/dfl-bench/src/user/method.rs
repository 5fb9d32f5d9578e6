use std::path::Path;

use dfl_core::{Error, Instances, Result};

use super::fault;
use super::settings::Settings;
use super::task::UserTask;
use crate::registry::{METHODS, Method, MethodOptions, ModelOptions, PREDICTORS, Setup, Solves, make_loss, options_read};
use crate::tasks::unknown;

/// Losses that do not compare decisions by a linear cost alone, so that a quadratic objective is no obstacle.
const OF_QUADRATICS: [&str; 8] = ["two_stage", "dfl_point", "spo_plus", "sqde", "nce_max", "pfy", "pfy_reduced", "pfy_mul"];

/// Losses whose prediction need not be the cost of the decision.
const OF_PARAMETERS: [&str; 3] = ["two_stage", "dfl_point", "sqde"];

/// Losses that read observed decisions and no costs.
const OF_SOLUTIONS: [&str; 12] =
    ["sqde", "nce_max", "nce", "cmap", "pfy", "pfy_reduced", "pfy_mul", "rfy", "cave", "cave_plus", "cave_hybrid", "so_ebm_no_kld"];

/// Losses that learn nothing from a black box.
const NEED_DERIVATIVES: [&str; 3] = ["regret", "sqde", "dfl_point"];

/// Losses made for the tasks of suites.
const OF_SUITES: [&str; 1] = ["policy_network"];

/// The loss of a run, its solver and their options.
pub(super) struct Taught {
    pub(super) method: Method,
    pub(super) solver: String,
}

/// The ids that `loss` may have, each with what it needs, in words.
pub fn losses() -> Vec<(&'static str, String)> {
    METHODS.iter().filter(|m| !OF_SUITES.contains(&m.id)).map(|m| (m.id, needs(m.id))).collect()
}

fn needs(id: &str) -> String {
    let data = if OF_SOLUTIONS.contains(&id) { "costs or solutions" } else { "costs" };
    let problem = match (OF_PARAMETERS.contains(&id), OF_QUADRATICS.contains(&id)) {
        (true, _) => "any predicted parameters",
        (false, true) => "predicted costs",
        (false, false) => "predicted costs, linear objective",
    };
    format!("{data}; {problem}")
}

/// Refuses a loss that does not fit the problem or the data, with those that do.
pub(super) fn check(settings: &Settings, task: &UserTask) -> Result<()> {
    let id = settings.loss.as_str();
    let known = METHODS.iter().map(|m| m.id).filter(|id| !OF_SUITES.contains(id));
    let Some(entry) = METHODS.iter().find(|m| m.id == id && !OF_SUITES.contains(&m.id)) else {
        return Err(unknown("loss", id, known));
    };
    let missing = |what| Err(Error::Missing { loss: entry.id, what });
    if settings.costs.is_none() && !OF_SOLUTIONS.contains(&id) {
        return missing("costs of the training rows (--costs); of solutions alone learn sqde, nce, nce_max, cmap, pfy*, rfy, cave*");
    }
    if !task.predicts_costs() && !OF_PARAMETERS.contains(&id) {
        return missing("a prediction that is the cost of each variable; for other parameters there are two_stage, dfl_point and sqde");
    }
    if task.is_quadratic() && !OF_QUADRATICS.contains(&id) && !OF_PARAMETERS.contains(&id) {
        return missing("a linear objective; with a quadratic term there are two_stage, dfl_point, spo_plus, sqde, nce_max and pfy*");
    }
    if settings.costs.is_some() { check_violation_cost(settings, task) } else { Ok(()) }
}

/// Refuses to count what decisions cost where they may break the true constraints, and nobody says what that costs.
pub(super) fn check_violation_cost(settings: &Settings, task: &UserTask) -> Result<()> {
    if task.moves_constraints() && settings.violation_cost.is_none() {
        let loss = METHODS.iter().find(|m| m.id == settings.loss).map_or("training", |m| m.id);
        let what = "--set violation_cost=COST of a unit in training, since decisions for predicted constraints may break the true ones";
        return Err(Error::Missing { loss, what });
    }
    Ok(())
}

/// The options of the settings.
pub(super) fn options(settings: &Settings) -> Result<MethodOptions> {
    let read: std::result::Result<MethodOptions, _> = settings.options.clone().try_into();
    let options = read.map_err(|e: toml::de::Error| {
        fault("settings", Path::new("[options]"), e.to_string(), "`dfl train --print-config` says which there are")
    })?;
    options.check()?;
    Ok(options)
}

/// The model options of the settings, all of which the predictor must read.
pub(super) fn model_options(settings: &Settings) -> Result<ModelOptions> {
    let read: std::result::Result<ModelOptions, _> = settings.model.clone().try_into();
    let model = read.map_err(|e: toml::de::Error| {
        fault("settings", Path::new("[model]"), e.to_string(), "`dfl train --print-config` says which there are")
    })?;
    model.check()?;
    let entry = PREDICTORS.iter().find(|p| p.id == settings.predictor);
    let entry = entry.ok_or_else(|| unknown("predictor", &settings.predictor, PREDICTORS.iter().map(|p| p.id)))?;
    model.check_read(entry.reads)?;
    Ok(model)
}

/// Makes the loss; a solver that is left open is the exact one or, where the loss needs a derivative, [`UserTask::differentiable_solver`].
pub(super) fn make(settings: &Settings, task: &UserTask, setup: &Setup<'_>) -> Result<Taught> {
    let with = |solver: &str| {
        check_options(settings, solver, setup.options)?;
        let method = make_loss(&settings.loss, &Setup { solver, ..*setup })?;
        Ok(Taught { method, solver: solver.to_owned() })
    };
    if settings.solver != "auto" {
        return with(&settings.solver);
    }
    let solves = METHODS.iter().find(|m| m.id == settings.loss).map_or(Solves::Always, |m| m.solves);
    if solves != Solves::Always {
        return with("none");
    }
    match NEED_DERIVATIVES.contains(&settings.loss.as_str()) {
        true => with(task.differentiable_solver()?),
        false => with("exact"),
    }
}

fn check_options(settings: &Settings, solver: &str, options: &MethodOptions) -> Result<()> {
    let read = options_read(&settings.loss, solver)?;
    match options.given().find(|name| !read.contains(name)) {
        Some(name) => Err(unknown("option of this loss and solver", name, read)),
        None => Ok(()),
    }
}

/// Whether a step of this loss depends on what earlier ones left behind: a cache, a pool that grows, an adaptive step. Such a training
/// starts its learning rate anew when it is resumed.
pub(super) fn remembers(settings: &Settings, solver: &str, options: &MethodOptions) -> bool {
    let grows = METHODS.iter().any(|m| m.id == settings.loss && m.solves == Solves::ForPool) && solver != "none";
    grows || options.ratio.is_some_and(|ratio| ratio < 1.0) || settings.loss == "aimle"
}

/// Adds what the loss reads beside costs and solutions.
pub(super) fn complete(settings: &Settings, task: &UserTask, train: &mut Instances) -> Result<()> {
    if settings.loss.starts_with("cave") { crate::suite::add_normals(task, train) } else { Ok(()) }
}
