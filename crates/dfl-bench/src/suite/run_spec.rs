use dfl_core::{Error, Result};
use serde::{Deserialize, Deserializer, de};
use toml::Table;

use super::definition::one_of;
use super::{OptionGrid, Profile, Training};
use crate::data::pjm::Columns;
use crate::registry::{
    DISTRIBUTIONS, ModelOptions, PREDICTORS, differentiates_decisions, options_read, sampled_options_read, stochastic_label,
};
use crate::results::ids::{self, is_word};
use crate::tasks::{Benchmark, unknown};

/// One row of the result table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// Id of the method or baseline.
    pub method: String,
    /// Id of the solver inside training, `none` if it has none; of a distribution, that of its samples: `stochastic`.
    #[serde(default = "none")]
    pub solver: String,
    /// Id of the predictor; `none` for a baseline.
    #[serde(default = "none")]
    pub predictor: String,
    /// `published` or `honest` inputs.
    #[serde(default = "published", deserialize_with = "columns")]
    pub columns: Columns,
    /// Settings of the method and its solver.
    #[serde(default)]
    pub options: OptionGrid,
    /// Settings of the predictor.
    #[serde(default)]
    pub model: ModelSpec,
    /// Tells runs apart that differ in their options alone: appended to the solver's id, after a dash.
    pub label: Option<String>,
    /// Training in place of the experiment's.
    pub training: Option<Training>,
}

/// What a run trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Baseline,
    /// A predictor of the parameters of a decision problem, or a policy.
    Point,
    /// A predictor of their distribution.
    Distribution,
}

/// The `model` of a run: a table of options for both profiles, or `quick` and `full` with one each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelSpec {
    quick: ModelOptions,
    full: ModelOptions,
}

impl ModelSpec {
    /// The options under one profile.
    pub fn of(&self, profile: Profile) -> &ModelOptions {
        match profile {
            Profile::Quick => &self.quick,
            Profile::Full => &self.full,
        }
    }
}

impl<'de> Deserialize<'de> for ModelSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Both {
            quick: ModelOptions,
            full: ModelOptions,
        }
        let table = Table::deserialize(from)?;
        let both = match table.contains_key("quick") || table.contains_key("full") {
            true => Both::deserialize(table).map_err(de::Error::custom)?,
            false => {
                let one = ModelOptions::deserialize(table).map_err(de::Error::custom)?;
                Both { quick: one.clone(), full: one }
            }
        };
        [&both.quick, &both.full].into_iter().try_for_each(ModelOptions::check).map_err(de::Error::custom)?;
        Ok(Self { quick: both.quick, full: both.full })
    }
}

fn none() -> String {
    "none".into()
}

fn published() -> Columns {
    Columns::Published
}

fn columns<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Columns, D::Error> {
    match String::deserialize(from)?.as_str() {
        "published" => Ok(Columns::Published),
        "honest" => Ok(Columns::Honest),
        other => Err(de::Error::unknown_variant(other, &["published", "honest"])),
    }
}

impl RunSpec {
    /// What it trains.
    pub(super) fn kind(&self) -> Kind {
        match self.predictor.as_str() {
            "none" => Kind::Baseline,
            id if DISTRIBUTIONS.iter().any(|p| p.id == id) => Kind::Distribution,
            _ => Kind::Point,
        }
    }

    /// Whether what it trains is a policy, whose output is a decision and no prediction.
    pub(super) fn is_policy(&self) -> bool {
        self.method == "policy_network"
    }

    /// The solver in a result row: its id, then, each after a dash, the curvature that a derivative through samples takes, and the label
    /// if there is one.
    pub fn solver_key(&self) -> String {
        let curvature = (self.solver == "stochastic").then(|| stochastic_label(&self.method, &self.options.candidates()[0].options));
        let parts = [Some(self.solver.clone()), curvature.flatten(), self.label.clone()];
        parts.into_iter().flatten().collect::<Vec<_>>().join("-")
    }

    /// Refuses words that are not ids, and options that nothing reads.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(label) = self.label.as_ref().filter(|label| !is_word(label)) {
            return Err(Error::Unknown { what: "label", given: label.clone(), known: "words of small letters, digits, _ and -".into() });
        }
        let model_options = self.model_options_read()?;
        [&self.model.quick, &self.model.full].into_iter().try_for_each(|model| model.check_read(model_options))?;
        match self.kind() {
            Kind::Baseline => {
                one_of("baseline", &self.method, ids::NO_LEARNING.iter().copied())?;
                one_of("solver of a baseline", &self.solver, ["none"])?;
                self.options.check(&[])
            }
            Kind::Point => self.options.check(&options_read(&self.method, &self.solver)?),
            Kind::Distribution => self.options.check(&sampled_options_read(&self.method, &self.solver)?),
        }
    }

    fn model_options_read(&self) -> Result<&'static [&'static str]> {
        let point = PREDICTORS.iter().map(|p| (p.id, p.reads));
        let all = point.chain(DISTRIBUTIONS.iter().map(|p| (p.id, p.reads))).chain([("none", &[][..])]);
        let found = all.clone().find(|(id, _)| *id == self.predictor).map(|(_, reads)| reads);
        found.ok_or_else(|| unknown("predictor", &self.predictor, all.map(|(id, _)| id).filter(|id| *id != "none")))
    }

    /// Refuses a task that has not what the method needs, and training that makes no sense for it.
    pub(super) fn check_fits(&self, task: &dyn Benchmark, training: &Training) -> Result<()> {
        let who = task.name();
        match self.kind() {
            Kind::Distribution
                if task.uncertain().is_none() && (differentiates_decisions(&self.method) || task.decider_of_samples(1, 1.0).is_none()) =>
            {
                Err(Error::Unsupported { who, what: "the cost of an uncertain outcome, which samples are decided by" })
            }
            Kind::Distribution if task.uncertain().is_none() && self.options.candidates().iter().any(|c| c.options.risk.is_some()) => {
                Err(Error::Unsupported { who, what: "a risk over samples other than their tail" })
            }
            Kind::Distribution if task.shared_items().is_some() => {
                Err(Error::Unsupported { who, what: "a distribution; its items share one predictor" })
            }
            Kind::Point if self.is_policy() && task.policy().is_none() => {
                Err(Error::Unsupported { who, what: "decisions of a policy's output" })
            }
            Kind::Point if self.is_policy() && training.warm_up.is_some() => {
                Err(Error::Unsupported { who: "policy_network", what: "a warm-up, which would compare decisions with outcomes" })
            }
            Kind::Distribution | Kind::Point if task.simulator().is_some() && training.whiten => {
                Err(Error::Unsupported { who, what: "whitened features; its simulator reads them" })
            }
            _ => Ok(()),
        }
    }
}
