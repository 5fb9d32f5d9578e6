use std::path::Path;

use dfl_core::{Batch, Decider, Instances, Predictor as _, Result, Task as _, Trainable};
use serde::Serialize;

use super::folder::{RunFolder, Versions};
use super::judge::{Baselines, Figures, Judge};
use super::learn::{Epoch, decisions};
use super::rows::Loaded;
use super::scaler::{Scaled, Scaler};
use super::settings::Settings;
use super::task::UserTask;
use super::training::{Metrics, RowResult, baseline_of, row_results, verdict};
use super::{Table, UserProblem, align, fault, method, read_table, read_user_problem};

/// A trained model with its problem: what a run folder holds.
pub struct Run {
    /// The folder.
    pub folder: RunFolder,
    /// What made it.
    pub versions: Versions,
    /// How it was trained.
    pub settings: Settings,
    /// What it came to.
    pub metrics: Metrics,
    /// The problem.
    pub problem: UserProblem,
    pub(super) task: UserTask,
    model: Scaled,
    baselines: Baselines,
    oracle: Box<dyn Decider>,
}

/// What decisions on new rows are worth.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The model and what learns nothing, each with its figures.
    pub figures: Vec<(String, Figures)>,
    /// The baseline of the rows.
    pub baseline: String,
    /// In words.
    pub verdict: String,
    /// Whether the file maximises; costs here are then the objective with its sign turned.
    pub maximise: bool,
    /// What is missing, and why.
    pub notes: Vec<String>,
    /// Row by row.
    #[serde(skip)]
    pub rows: Vec<RowResult>,
}

/// Decisions for new rows.
pub struct Prediction {
    /// Names of the rows.
    pub ids: Vec<String>,
    /// `[b, parameters]`, in the user's unit.
    pub parameters: Batch,
    /// `[b, n]`.
    pub decisions: Batch,
}

impl Run {
    /// Opens a run whose training has ended.
    ///
    /// # Errors
    /// As [`RunFolder::open_finished`], and [`dfl_core::Error::Input`] naming a file that does not fit the others.
    pub fn open(path: &Path, device: Option<&str>) -> Result<Self> {
        let (folder, versions) = RunFolder::open_finished(path)?;
        let mut settings = Settings::read(&folder.file("config.toml"))?;
        if let Some(device) = device {
            device.clone_into(&mut settings.device);
        }
        let scaler: Scaler = folder.read_toml("scaler.toml")?;
        scaler.check(&folder.file("scaler.toml"))?;
        let problem = read_user_problem(&folder.problem(&versions)?, Some(&scaler.parameters))?;
        let task = UserTask::new(&problem, scaler.unit, settings.violation_cost.unwrap_or(0.0), &settings.limits)?;
        let model = load_model(&settings, &folder, &scaler)?;
        let model = Scaled { model, scaler, layout: task.layout().clone() };
        let (baselines, metrics, oracle) = (folder.read_toml("baselines.toml")?, folder.read_json("metrics.json")?, task.oracle()?);
        Ok(Self { folder, versions, settings, metrics, problem, task, model, baselines, oracle })
    }

    /// The epochs of its training.
    ///
    /// # Errors
    /// That of a missing or damaged file.
    pub fn epochs(&self) -> Result<Vec<Epoch>> {
        self.folder.read_lines("epochs.jsonl")
    }

    /// Its test rows.
    ///
    /// # Errors
    /// That of a missing or damaged file.
    pub fn rows(&self) -> Result<Vec<RowResult>> {
        self.folder.read_lines("rows.jsonl")
    }

    /// Names of the features that the model reads.
    pub fn columns(&self) -> &[String] {
        &self.model.scaler.columns
    }

    /// The features of a file that the model reads, by name.
    fn features(&self, path: &Path) -> Result<Table> {
        let (table, columns) = (read_table(path, "features")?, &self.model.scaler.columns);
        let chosen = table.select(columns)?;
        if !table.named && table.columns.len() != columns.len() {
            let problem = format!("{} columns without names, where the run was trained on {}", table.columns.len(), columns.len());
            return Err(table.fault("", problem, "give the columns it was trained on, in their order"));
        }
        Ok(chosen)
    }

    /// Decides for each row of a file of features.
    ///
    /// # Errors
    /// [`dfl_core::Error`] naming a missing column, or a row without a decision.
    pub fn predict(&self, features: &Path) -> Result<Prediction> {
        let table = self.features(features)?;
        let part = Instances { ids: (0..table.ids.len() as u64).collect(), features: table.values, ..Instances::default() };
        let mut parameters = self.task.layout().parameters(&self.model.predict(&part.features)?, self.task.unit())?;
        parameters.as_mut_slice().iter_mut().for_each(|v| *v *= self.task.unit());
        let decisions = decisions(&self.model, &*self.oracle, &part).map_err(|e| self.unsolved(e, &table.ids, features))?;
        Ok(Prediction { ids: table.ids, parameters, decisions })
    }

    /// An error about a row without a decision, by the row's name.
    fn unsolved(&self, error: dfl_core::Error, ids: &[String], features: &Path) -> dfl_core::Error {
        match error {
            dfl_core::Error::NotSolved { index, status, .. } => {
                let problem = format!("at what the model predicts for row `{}` the problem is {status}", ids[index]);
                fault("features", features, problem, status.remedy())
            }
            other => other,
        }
    }

    /// Judges the model on new rows, with their costs or, where the run learned from decisions, with what was decided.
    ///
    /// # Errors
    /// As [`Run::predict`], and for tables that do not fit together.
    pub fn evaluate(&self, features: &Path, costs: Option<&Path>, solutions: Option<&Path>) -> Result<Evaluation> {
        let table = self.features(features)?;
        let mut loaded =
            Loaded { ids: table.ids.clone(), problem: self.problem.clone(), features: table, parameters: None, solutions: None };
        if let Some(path) = costs {
            method::check_violation_cost(&self.settings, &self.task)?;
            let costs = read_table(path, "costs")?;
            align(&loaded.features, &costs)?;
            loaded.parameters = Some(self.problem.thetas(&costs)?);
        }
        if let Some(path) = solutions {
            let solutions = read_table(path, "solutions")?;
            align(&loaded.features, &solutions)?;
            loaded.solutions = Some(self.problem.decisions(&solutions)?);
        }
        let part = loaded.instances(&self.task)?;
        let judge = Judge { task: &self.task, oracle: &*self.oracle, baselines: &self.baselines };
        let mut notes = Vec::new();
        let judged = judge.all(&self.model, &part, &mut notes).map_err(|e| self.unsolved(e, &loaded.ids, features))?;
        let truth = loaded.parameters.as_ref().map(|parameters| loaded.truth(parameters)).transpose()?.unwrap_or_default();
        let rows = row_results(&judged, &loaded.ids, &truth, &part)?;
        let baseline = baseline_of(&judged).to_owned();
        let figures = judged.iter().map(|j| (j.who.to_owned(), j.figures.clone())).collect();
        let maximise = self.problem.maximise;
        Ok(Evaluation { figures, verdict: verdict(&rows, &baseline)?, baseline, maximise, rows, notes })
    }
}

fn load_model(settings: &Settings, folder: &RunFolder, scaler: &Scaler) -> Result<Box<dyn Trainable>> {
    let model: Box<dyn Trainable> = match settings.predictor.as_str() {
        "linear" => Box::new(dfl_core::Linear::load(&folder.weights())?),
        _ => load_network(settings, folder)?,
    };
    dfl_core::check_len("features of the weights", scaler.columns.len(), model.inputs())?;
    dfl_core::check_len("outputs of the weights", scaler.centre.len(), model.outputs())?;
    Ok(model)
}

#[cfg(feature = "torch")]
fn load_network(settings: &Settings, folder: &RunFolder) -> Result<Box<dyn Trainable>> {
    Ok(Box::new(dfl_models::torch::Network::load(&folder.weights(), settings.device.parse()?)?))
}

#[cfg(not(feature = "torch"))]
fn load_network(_settings: &Settings, _folder: &RunFolder) -> Result<Box<dyn Trainable>> {
    Err(crate::registry::without_libtorch())
}
