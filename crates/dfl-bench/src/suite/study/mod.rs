//! Computations without data or training: what smoothing does to a decision, to a loss and to its gradient.
//!
//! They predict the costs themselves, `theta = -value` of the items, and minimise; a cost curve shows where distributions decide.

mod cosine;
mod cost_curve;
mod descent;
mod distance;
mod elbo_score;
mod energy_landscape;
mod gradient_size;
mod landscape;
mod memory;
mod notebook;
mod problem;
mod run;
mod squared;
mod sweep;
mod timesteps;
mod vectors;

use dfl_core::{Error, Result};
use serde::Deserialize;

use self::cosine::Cosine;
use self::cost_curve::CostCurve;
use self::descent::Descent;
use self::distance::Distance;
use self::elbo_score::ElboScore;
use self::energy_landscape::EnergyLandscape;
use self::gradient_size::GradientSize;
use self::landscape::Landscape;
use self::memory::Memory;
pub(crate) use self::memory::TrainingStep;
use self::notebook::Notebook;
use self::timesteps::TimestepStudy;
use super::definition::one_of;
use crate::results::HeatMap;
use crate::tasks::Figure;

/// One computation of a suite, by its `kind`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Study {
    /// How far smoothing moves the selection of the best item.
    Distance(Distance),
    /// How large the gradients of smoothed losses are.
    GradientSize(GradientSize),
    /// Losses over the predicted cost of a single item.
    Landscape(Landscape),
    /// Gradient descent on the predicted costs of a fractional knapsack.
    Descent(Descent),
    /// The expected cost over the decision, and where each class of predictions decides.
    CostCurve(CostCurve),
    /// The expected cost around the optimal decision, as a trained distribution has it.
    EnergyLandscape(Box<EnergyLandscape>),
    /// How far the gradient of a diffusion's bound is from the score.
    ElboScore(ElboScore),
    /// How far apart pathwise and score-function gradients are.
    Cosine(Cosine),
    /// What the choice of timesteps does to the variance of a diffusion's gradient, and to its training.
    Timesteps(TimestepStudy),
    /// Peak memory of one training step of a diffusion.
    Memory(Memory),
    /// The discopt notebook on its own data and on other draws of them.
    Notebook(Notebook),
}

/// What is computed and stored together.
pub(super) trait Piece {
    /// For the progress bar.
    fn label(&self) -> String;
    /// The metric that its rows lead with.
    fn metric(&self) -> &'static str;
    /// Names of the rows it gives.
    fn rows(&self) -> Vec<Words>;
    /// Computes it, rows in the order of [`rows`](Self::rows).
    fn compute(&self) -> Result<Findings>;
}

/// Words of one row.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub(super) task: &'static str,
    pub(super) size: String,
    pub(super) method: String,
    pub(super) predictor: &'static str,
    pub(super) solver: String,
    /// Seed of what is drawn, if anything is.
    pub(super) seed: Option<u64>,
}

/// What a piece gives.
pub(super) struct Findings {
    /// Of each row.
    pub(super) figures: Vec<Vec<Figure>>,
    /// Instances, or points, behind each figure that is a mean.
    pub(super) instances: usize,
    pub(super) lines: Vec<Line>,
    /// Heat maps with the words of their rows, which become their keys.
    pub(super) maps: Vec<(Words, HeatMap)>,
}

/// One curve.
pub(super) struct Line {
    pub(super) words: Words,
    pub(super) what: &'static str,
    pub(super) over: &'static str,
    /// Whether each axis is logarithmic.
    pub(super) log: [bool; 2],
    pub(super) points: Vec<[f64; 2]>,
}

/// Losses that have a smoothed form here, by the words of result rows.
const LOSSES: [&str; 4] = ["regret", "sqde", "sce", "spo_plus"];

impl Study {
    /// Refuses settings that nothing can be computed with.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Distance(study) => study.check(),
            Self::GradientSize(study) => study.check(),
            Self::Landscape(study) => study.check(),
            Self::Descent(study) => study.check(),
            Self::CostCurve(study) => study.check(),
            Self::EnergyLandscape(study) => study.check(),
            Self::ElboScore(study) => study.check(),
            Self::Cosine(study) => study.check(),
            Self::Timesteps(study) => study.check(),
            Self::Memory(study) => study.check(),
            Self::Notebook(study) => study.check(),
        }
    }

    /// The pieces, each of which is stored and resumed as a whole.
    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece + '_>> {
        match self {
            Self::Distance(study) => study.pieces(),
            Self::GradientSize(study) => study.pieces(),
            Self::Landscape(study) => study.pieces(),
            Self::Descent(study) => study.pieces(),
            Self::CostCurve(study) => study.pieces(),
            Self::EnergyLandscape(study) => study.pieces(),
            Self::ElboScore(study) => study.pieces(),
            Self::Cosine(study) => study.pieces(),
            Self::Timesteps(study) => study.pieces(),
            Self::Memory(study) => study.pieces(),
            Self::Notebook(study) => study.pieces(),
        }
    }
}

/// Refuses other words than those of [`LOSSES`], and none at all.
fn check_methods(methods: &[String]) -> Result<()> {
    crate::data::polynomial::check_positive("methods of a study", methods.len())?;
    methods.iter().try_for_each(|method| one_of("method of a study", method, LOSSES))
}

/// Refuses a strength of smoothing that is none, and no strength at all.
fn check_mu(mu: &[f64]) -> Result<()> {
    crate::data::polynomial::check_positive("strengths of smoothing", mu.len())?;
    match mu.iter().find(|mu| !(**mu > 0.0 && mu.is_finite())) {
        Some(&value) => Err(Error::Domain { what: "mu of a study", value, need: "positive and finite" }),
        None => Ok(()),
    }
}

/// The size of a result row that says how strong the smoothing is: `m50-mu1_05`.
fn swept(size: &str, mu: f64) -> String {
    format!("{size}-mu{}", mu.to_string().replace('.', "_"))
}
