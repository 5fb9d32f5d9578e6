use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dfl_core::{Batch, Error, Instances, Parameters as _, Result, Splits, Task as _};
use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, Tried};
use super::folder::{Input, RunFolder, Versions};
use super::judge::{Baselines, Figures, Judge, Judged};
use super::learn::{Learned, Lesson, Watcher, taught, untrained};
use super::rows::{Loaded, load};
use super::scaler::{Fit, Scaler};
use super::settings::Settings;
use super::task::UserTask;
use super::verdict::{Difference, verb};
use super::{Predicted, UserProblem, fault, fingerprint, method};

/// `metrics.json`: what a run came to; no times, so that the same run gives the same file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Name of the problem.
    pub problem: String,
    /// Whether the file maximises; costs here are then the objective with its sign turned.
    pub maximise: bool,
    /// Ids of loss, solver inside training and predictor.
    pub loss: String,
    #[allow(missing_docs, reason = "described above")]
    pub solver: String,
    #[allow(missing_docs, reason = "described above")]
    pub predictor: String,
    /// The rate whose weights are kept, and their epoch.
    pub learning_rate: f64,
    #[allow(missing_docs, reason = "described above")]
    pub epoch: usize,
    /// Every rate that was tried.
    pub tried: Vec<Tried>,
    /// What decides in the figures, by part of the rows: the model, then what learns nothing.
    pub figures: BTreeMap<String, BTreeMap<String, Figures>>,
    /// Number of rows of each part.
    pub rows: BTreeMap<String, usize>,
    /// The baseline of `rows.jsonl`.
    pub baseline: String,
    /// What came out on the test rows, in words.
    pub verdict: String,
    /// What is missing, and why.
    pub notes: Vec<String>,
}

/// A line of `rows.jsonl`: a test row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowResult {
    /// Name of the row.
    pub id: String,
    /// Cost of the model's decision under the truth, less being better; where only decisions are known, its squared distance from the one
    /// that was taken.
    pub cost: f64,
    /// That of the baseline.
    pub baseline: f64,
    /// That of the best decision.
    pub best: f64,
    /// The model's decision, in the order of the problem's variables.
    pub decision: Vec<f64>,
    /// The best decision, or the one that was taken.
    pub best_decision: Vec<f64>,
    /// What turned out: the parameters in the user's unit; empty where only decisions are known.
    pub truth: Vec<f64>,
}

/// Where and how a run is made.
pub struct Place<'a> {
    /// Threads in use, to be recorded.
    pub threads: usize,
    /// Commit of the checkout, if it is one.
    pub commit: Option<String>,
    /// Looked at after every step.
    pub interrupted: &'a dyn Fn() -> bool,
    /// Who is told.
    pub watcher: &'a dyn Watcher,
}

/// Trains a new run into a folder; `force` replaces an earlier one.
///
/// # Errors
/// What the files, the settings, the loss or the solver report, each naming what to do; [`Error::Interrupted`] with a folder to go on from.
pub fn train(settings: &Settings, out: &Path, force: bool, place: &Place<'_>) -> Result<Metrics> {
    let settings = with_absolute_paths(settings);
    let prepared = Prepared::new(settings, None)?;
    let inputs = prepared.inputs()?;
    RunFolder::check_outside(out, &inputs)?;
    // Refuses what does not fit together before anything is written.
    let solver = taught(&prepared.settings, &method::options(&prepared.settings)?, &prepared.task, &prepared.data.train)?.solver;
    let folder = RunFolder::create(out, force)?;
    let versions = Versions::new(place.threads, place.commit.clone(), solver, prepared.name.clone(), inputs);
    prepared.record(&folder, &versions)?;
    prepared.run(&folder, versions, Checkpoint::default(), place)
}

/// Goes on with a training that was cut off; `given` are settings that must be those it began with, if there are any.
///
/// # Errors
/// As [`train`]; [`Error::Input`] if the inputs or the settings are others now.
pub fn resume(out: &Path, given: Option<&Settings>, place: &Place<'_>) -> Result<Metrics> {
    let (folder, versions) = RunFolder::open(out)?;
    let settings = Settings::read(&folder.file("config.toml"))?;
    if let Some(given) = given {
        same_settings(&settings, &with_absolute_paths(given), &folder)?;
    }
    if !versions.files.is_empty() {
        let (folder, _) = RunFolder::open_finished(out)?;
        place.watcher.note("this run has ended before; nothing is left to do");
        return folder.read_json("metrics.json");
    }
    let copy = folder.problem(&versions)?;
    for (name, input) in &versions.inputs {
        // Of the problem, the copy is what the run goes on with.
        let path = if name == "problem" { &copy } else { &input.path };
        if fingerprint::of_file(path)? != input.sha256 {
            let problem = format!("it was the {name} of this run, and has changed since the training began");
            return Err(fault("input", path, problem, "put the old one back, or train anew with --force"));
        }
    }
    let now = Versions::new(place.threads, place.commit.clone(), versions.solver.clone(), versions.problem.clone(), BTreeMap::new());
    if let Some(differences) = versions.differences(&now) {
        place.watcher.note(&differences);
    }
    let scaler: Scaler = folder.read_toml("scaler.toml")?;
    scaler.check(&folder.file("scaler.toml"))?;
    let prepared =
        Prepared { name: versions.problem.clone(), ..Prepared::new(Settings { problem: Some(copy), ..settings }, Some(scaler))? };
    let checkpoint = Checkpoint::read(&folder.checkpoint())?.unwrap_or_default();
    prepared.run(&folder, versions, checkpoint, place)
}

fn with_absolute_paths(settings: &Settings) -> Settings {
    let absolute = |path: &Option<PathBuf>| path.as_ref().map(|p| std::path::absolute(p).unwrap_or_else(|_| p.clone()));
    Settings {
        problem: absolute(&settings.problem),
        features: absolute(&settings.features),
        costs: absolute(&settings.costs),
        solutions: absolute(&settings.solutions),
        ..settings.clone()
    }
}

/// Refuses to go on with other settings, naming the first.
fn same_settings(kept: &Settings, given: &Settings, folder: &RunFolder) -> Result<()> {
    let lines = |settings: &Settings| settings.to_toml().lines().map(str::to_owned).collect::<Vec<_>>();
    let is_free = |line: &str| line.starts_with("threads");
    let (kept, given) = (lines(kept), lines(given));
    let places = 0..kept.len().max(given.len());
    let differs = places.map(|k| (kept.get(k), given.get(k))).find(|(a, b)| a != b && !a.is_some_and(|a| is_free(a)));
    let setting = |line: Option<&String>| line.map_or("nothing", |l| l.split(" #").next().unwrap_or_default().trim()).to_owned();
    match differs {
        Some((a, b)) => {
            let problem = format!("it began with `{}`, now there is `{}`", setting(a), setting(b));
            Err(fault("run folder", folder.path(), problem, "resume without settings, use another folder, or --force to train anew"))
        }
        None => Ok(()),
    }
}

/// Rows, task and coordinates of a run, checked against each other.
struct Prepared {
    /// Name of the problem.
    name: String,
    settings: Settings,
    loaded: Loaded,
    task: UserTask,
    data: Splits,
    scaler: Scaler,
}

impl Prepared {
    fn new(settings: Settings, scaler: Option<Scaler>) -> Result<Self> {
        method::model_options(&settings)?;
        let loaded = load(&settings)?;
        settings.drawing.check(&loaded.problem)?;
        let scaler = match scaler {
            Some(scaler) => scaler,
            None => fit_scaler(&settings, &loaded)?,
        };
        let task = UserTask::new(&loaded.problem, scaler.unit, settings.violation_cost.unwrap_or(0.0), &settings.limits)?;
        method::check(&settings, &task)?;
        untrained(&settings, &task, &scaler)?;
        let data = loaded.splits(&settings, &task)?;
        Ok(Self { name: name(&loaded.problem), settings, loaded, task, data, scaler })
    }

    /// What is read, with its fingerprints.
    fn inputs(&self) -> Result<BTreeMap<String, Input>> {
        let Settings { problem, features, costs, solutions, .. } = &self.settings;
        let mut inputs = BTreeMap::new();
        for (name, path) in [("problem", problem), ("features", features), ("costs", costs), ("solutions", solutions)] {
            if let Some(path) = path {
                inputs.insert(name.to_owned(), Input { path: path.clone(), sha256: fingerprint::of_file(path)? });
            }
        }
        Ok(inputs)
    }

    /// Writes what a run is known by before it is trained.
    fn record(&self, folder: &RunFolder, versions: &Versions) -> Result<()> {
        // First, so that whatever happens afterwards the folder is known as a run.
        folder.write_versions(versions)?;
        folder.write("config.toml", |file| std::io::Write::write_all(file, self.settings.to_toml().as_bytes()))?;
        if let Some(problem) = &self.settings.problem {
            folder.copy_problem(problem)?;
        }
        folder.write_toml("scaler.toml", &self.scaler)
    }

    fn run(&self, folder: &RunFolder, mut versions: Versions, checkpoint: Checkpoint, place: &Place<'_>) -> Result<Metrics> {
        let options = method::options(&self.settings)?;
        let Self { settings, task, data, scaler, .. } = self;
        let options = &options;
        let lesson = Lesson { settings, options, task, data, scaler, folder, interrupted: place.interrupted, watcher: place.watcher };
        let learned = lesson.learn(checkpoint).map_err(|e| self.unsolved(e, &self.settings.loss))?;
        let baselines = self.baselines()?;
        let metrics = self.judge(&learned, &baselines, &versions.solver, folder)?;
        learned.model.save(&folder.weights())?;
        folder.write_toml("baselines.toml", &baselines)?;
        folder.write_json("metrics.json", &metrics)?;
        folder.finish(&mut versions)?;
        Ok(metrics)
    }

    /// A row that nothing can be decided for at the costs that `who` asks about, by its name.
    fn unsolved(&self, error: Error, who: &str) -> Error {
        match error {
            Error::NotSolved { index, status, .. } => {
                let id = &self.loaded.ids[index];
                let problem = format!("{who} asks for a decision of row `{id}` at costs for which the problem is {status}");
                let remedy = format!("{}, pass over such rows with --set tolerated_failures=N, or take another loss", status.remedy());
                fault("features", &self.loaded.features.path, problem, remedy)
            }
            other => other,
        }
    }

    fn baselines(&self) -> Result<Baselines> {
        let train = &self.data.train;
        let labels = train.labels.as_ref().map(|l| l.solution.clone()).unwrap_or_default();
        let parameters = match self.loaded.parameters {
            Some(_) => Some(self.parameters(train)?),
            None => None,
        };
        Baselines::fit(&self.scaler.features(&train.features)?, parameters.as_ref(), &labels)
    }

    /// Parameters of some rows in the user's unit.
    fn parameters(&self, part: &Instances) -> Result<Batch> {
        let rows: Vec<usize> = part.ids.iter().map(|&id| id as usize).collect();
        Ok(self.loaded.parameters.as_ref().map(|all| all.select(&rows)).unwrap_or_default())
    }

    fn judge(&self, learned: &Learned, baselines: &Baselines, solver: &str, folder: &RunFolder) -> Result<Metrics> {
        let oracle = self.task.oracle()?;
        let judge = Judge { task: &self.task, oracle: &*oracle, baselines };
        let (mut figures, mut rows) = (BTreeMap::new(), BTreeMap::new());
        let (mut on_test, mut notes) = (Vec::new(), baselines.without.iter().cloned().collect::<Vec<_>>());
        for (name, part) in [("train", &self.data.train), ("valid", &self.data.valid), ("test", &self.data.test)] {
            rows.insert(name.to_owned(), part.len());
            if part.is_empty() {
                continue;
            }
            on_test = judge.all(&learned.model, part, &mut notes).map_err(|e| self.unsolved(e, "the trained model"))?;
            figures.insert(name.to_owned(), on_test.iter().map(|j| (j.who.to_owned(), j.figures.clone())).collect());
        }
        if self.data.test.is_empty() {
            on_test.clear();
        }
        let mut seen = BTreeSet::new();
        notes.retain(|note| seen.insert(note.clone()));
        let results = self.row_results(&on_test)?;
        folder.write_lines("rows.jsonl", &results)?;
        let settings = &self.settings;
        let best = learned.tried.iter().filter(|t| t.diverged.is_none()).min_by(|a, b| {
            let value = |t: &Tried| t.valid.unwrap_or(f64::INFINITY);
            value(a).total_cmp(&value(b))
        });
        let baseline = baseline_of(&on_test).to_owned();
        let chosen = best.ok_or(Error::Missing { loss: "training", what: "a learning rate that does not diverge" })?;
        Ok(Metrics {
            problem: self.name.clone(),
            maximise: self.loaded.problem.maximise,
            loss: settings.loss.clone(),
            solver: solver.into(),
            predictor: settings.predictor.clone(),
            learning_rate: chosen.learning_rate,
            epoch: chosen.best_epoch,
            tried: learned.tried.clone(),
            figures,
            rows,
            verdict: verdict(&results, &baseline)?,
            baseline,
            notes,
        })
    }

    fn row_results(&self, judged: &[Judged]) -> Result<Vec<RowResult>> {
        let test = &self.data.test;
        let ids: Vec<String> = test.ids.iter().map(|&id| self.loaded.ids[id as usize].clone()).collect();
        row_results(judged, &ids, &self.loaded.truth(&self.parameters(test)?)?, test)
    }
}

/// What the problem is called: the first word of a name in MPS, behind which files have remarks.
fn name(problem: &UserProblem) -> String {
    let stem = problem.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let remarks = problem.path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("mps") || ending.eq_ignore_ascii_case("qps"));
    match problem.name.split_whitespace().next() {
        None => stem,
        Some(first) if remarks && problem.name != stem => first.to_owned(),
        Some(_) => problem.name.clone(),
    }
}

/// The way to decide that rows are compared with: what would be done without learning for the decision.
pub(super) fn baseline_of(judged: &[Judged]) -> &'static str {
    judged.iter().map(|j| j.who).find(|who| *who != "model").unwrap_or("none")
}

/// One result a row, in order; none if nothing was judged.
pub(super) fn row_results(judged: &[Judged], ids: &[String], truth: &Batch, part: &Instances) -> Result<Vec<RowResult>> {
    let find = |who: &str| judged.iter().find(|j| j.who == who);
    let (Some(model), Some(baseline), Some(best)) = (find("model"), find(baseline_of(judged)), find("oracle")) else {
        return Ok(Vec::new());
    };
    let row = |(i, id): (usize, &String)| RowResult {
        id: id.clone(),
        cost: model.costs[i],
        baseline: baseline.costs[i],
        best: best.costs[i],
        decision: model.decisions.row(i).to_vec(),
        best_decision: best.decisions.row(i).to_vec(),
        truth: if truth.cols() > 0 { truth.row(i).to_vec() } else { Vec::new() },
    };
    dfl_core::check_len("names of rows", part.len(), ids.len())?;
    Ok(ids.iter().enumerate().map(row).collect())
}

/// How the model compares with the baseline row by row, in words.
pub(super) fn verdict(rows: &[RowResult], baseline: &str) -> Result<String> {
    let costs = |of: fn(&RowResult) -> f64| rows.iter().map(of).collect::<Vec<_>>();
    Ok(match Difference::of(&costs(|r| r.cost), &costs(|r| r.baseline))? {
        Some(difference) => difference.in_words("the model", verb(rows.iter().any(|r| !r.truth.is_empty())), baseline),
        None => "There are too few test rows to say what the model is worth; see the setting test.".into(),
    })
}

/// The coordinates, from the training rows alone.
fn fit_scaler(settings: &Settings, loaded: &Loaded) -> Result<Scaler> {
    let train = settings.deal(loaded.ids.len())?.train;
    let (features, costs) = (loaded.features.values.select(&train), loaded.parameters.as_ref().map(|p| p.select(&train)));
    let fit = Fit {
        columns: &loaded.features.columns,
        names: &loaded.problem.parameters,
        features: &features,
        costs: costs.as_ref(),
        scale_features: settings.scale_features,
        scale_costs: settings.scale_costs,
        free_unit: loaded.problem.predicted == Predicted::Costs,
    };
    Ok(Scaler::fit(&fit))
}
