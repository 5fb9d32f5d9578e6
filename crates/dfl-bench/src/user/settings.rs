use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dfl_core::{Error, Result};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::drawing::DrawAs;
use super::fault;

/// How rows are dealt out to training, validation and test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// By a permutation that the seed draws.
    #[default]
    Random,
    /// In the order of the file: training rows first, test rows last.
    Time,
}

/// Which weights are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Those of the epoch that is best on the validation rows.
    #[default]
    BestValid,
    /// Those of the last epoch.
    Last,
}

/// How the learning rate falls over a training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "those of `dfl_core::Schedule`")]
pub enum Fall {
    #[default]
    Constant,
    Cosine,
}

/// Who solves, and when it stops.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SolverLimits {
    /// Id of a [`dfl_solvers::Backend`].
    pub backend: String,
    /// Most nodes of one search.
    pub nodes: Option<usize>,
    /// Most iterations of one solve.
    pub iterations: Option<usize>,
    /// Most seconds of one solve; a run that meets it may not be repeated to the bit.
    pub seconds: Option<f64>,
}

impl Default for SolverLimits {
    fn default() -> Self {
        Self { backend: "auto".into(), nodes: None, iterations: None, seconds: None }
    }
}

/// Every setting of a run; [`Settings::to_toml`] says what each is for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "described where they are written")]
pub struct Settings {
    pub problem: Option<PathBuf>,
    pub features: Option<PathBuf>,
    pub costs: Option<PathBuf>,
    pub solutions: Option<PathBuf>,
    pub predict: Vec<String>,
    pub valid: f64,
    pub test: f64,
    pub split: Split,
    pub scale_features: bool,
    pub scale_costs: bool,
    pub loss: String,
    pub solver: String,
    pub violation_cost: Option<f64>,
    pub predictor: String,
    pub epochs: usize,
    pub batch: usize,
    pub learning_rates: Vec<f64>,
    pub schedule: Fall,
    pub keep: Keep,
    pub patience: usize,
    pub tolerated_failures: usize,
    pub seed: u64,
    pub threads: usize,
    pub device: String,
    pub options: Table,
    pub model: Table,
    pub limits: SolverLimits,
    pub drawing: DrawAs,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            problem: None,
            features: None,
            costs: None,
            solutions: None,
            predict: Vec::new(),
            valid: 0.2,
            test: 0.2,
            split: Split::Random,
            scale_features: true,
            scale_costs: true,
            loss: "spo_plus".into(),
            solver: "auto".into(),
            violation_cost: None,
            predictor: "linear".into(),
            epochs: 30,
            batch: 32,
            learning_rates: vec![0.01],
            schedule: Fall::Constant,
            keep: Keep::BestValid,
            patience: 0,
            tolerated_failures: 0,
            seed: 0,
            threads: 0,
            device: "auto".into(),
            options: Table::new(),
            model: Table::new(),
            limits: SolverLimits::default(),
            drawing: DrawAs::Values,
        }
    }
}

/// The settings that name a file.
const FILES: [&str; 4] = ["problem", "features", "costs", "solutions"];

/// The settings of a file as a table, in which paths are relative to the file's folder no longer.
///
/// # Errors
/// [`Error::File`] or [`Error::Input`] naming the file.
pub fn read_table_of_settings(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.into(),
        action: "reading the settings",
        remedy: "name a file that exists; `dfl train --print-config` prints one to begin with",
        source,
    })?;
    let mut table: Table = toml::from_str(&text)
        .map_err(|e| fault("settings", path, e.to_string().trim_end(), "`dfl train --print-config` prints what there is"))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for key in FILES {
        if let Some(Value::String(file)) = table.get_mut(key) {
            *file = folder.join(&*file).to_string_lossy().into_owned();
        }
    }
    Ok(table)
}

impl Settings {
    /// Reads a table; `path` is where it is from, for messages.
    ///
    /// # Errors
    /// [`Error::Input`] naming an unknown key or a value of the wrong kind, [`Error::Domain`] naming a number out of its range.
    pub fn of(table: Table, path: &Path) -> Result<Self> {
        let settings: Self = table
            .try_into()
            .map_err(|e| fault("settings", path, e.to_string().trim_end(), "`dfl train --print-config` prints what there is"))?;
        settings.check()?;
        Ok(settings)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`read_table_of_settings`] and [`Settings::of`].
    pub fn read(path: &Path) -> Result<Self> {
        Self::of(read_table_of_settings(path)?, path)
    }

    fn check(&self) -> Result<()> {
        let refuse = |what, value, need| Err(Error::Domain { what, value, need });
        for (what, share) in
            [("setting valid", self.valid), ("setting test", self.test), ("settings valid and test", self.valid + self.test)]
        {
            if !(0.0..1.0).contains(&share) {
                return refuse(what, share, "a share of the rows: at least 0 and below 1");
            }
        }
        for (what, count) in [("setting epochs", self.epochs), ("setting batch", self.batch)] {
            if count == 0 {
                return refuse(what, 0.0, "at least 1");
            }
        }
        if self.learning_rates.is_empty() {
            return refuse("number of learning rates", 0.0, "at least 1");
        }
        if let Some(&rate) = self.learning_rates.iter().find(|rate| !(**rate > 0.0 && rate.is_finite())) {
            return refuse("learning rate", rate, "positive and finite");
        }
        if self.chooses() && self.valid == 0.0 {
            return refuse(
                "setting valid",
                0.0,
                "above 0, since epochs or learning rates are chosen on validation rows (or keep = \"last\")",
            );
        }
        match self.violation_cost {
            Some(cost) if !(cost >= 0.0 && cost.is_finite()) => refuse("setting violation_cost", cost, "at least 0 and finite"),
            _ => Ok(()),
        }
    }

    /// Whether anything is chosen on the validation rows.
    pub fn chooses(&self) -> bool {
        self.keep == Keep::BestValid || self.learning_rates.len() > 1 || self.patience > 0
    }

    /// The settings as a file, each with what it is for; read back they are the same.
    pub fn to_toml(&self) -> String {
        let mut out = Lines(String::new());
        out.0 += "# What is decided, and what is known\n";
        let file = |path: &Option<PathBuf>| path.as_ref().map(|p| p.to_string_lossy().into_owned());
        out.optional("problem", file(&self.problem), "the problem: .mps .qps .lp .json .toml");
        out.optional("features", file(&self.features), "known when deciding: .csv .npz .parquet, one row a decision");
        out.optional("costs", file(&self.costs), "known afterwards: a column for each predicted variable or parameter");
        out.optional("solutions", file(&self.solutions), "in place of costs: decisions that were taken, a column for each variable");
        out.line("predict", &self.predict, "with solutions: variables whose costs are predicted; [] is all");
        out.line("valid", self.valid, "share of the rows that epochs and learning rates are chosen on");
        out.line("test", self.test, "share of the rows that the result is judged on, and nothing is chosen on");
        out.line("split", self.split, "random (drawn by the seed) or time (in the order of the file)");
        out.line("scale_features", self.scale_features, "mean 0 and deviation 1 over the training rows");
        out.line("scale_costs", self.scale_costs, "train in units of the mean absolute training cost");
        out.0 += "\n# What is learned\n";
        out.line("loss", &self.loss, "`dfl train --list` names them");
        out.line("solver", &self.solver, "in training; auto: exact, or quadratic where the loss needs a derivative");
        out.optional("violation_cost", self.violation_cost, "of a unit by which a true constraint is broken, if constraints are predicted");
        out.line("predictor", &self.predictor, "linear or mlp");
        out.line("epochs", self.epochs, "passes over the training rows");
        out.line("batch", self.batch, "rows of a step");
        out.line("learning_rates", &self.learning_rates, "of several, the best on the validation rows");
        out.line("schedule", self.schedule, "constant or cosine");
        out.line("keep", self.keep, "best_valid or last: the epoch whose weights are kept");
        out.line("patience", self.patience, "epochs without a better validation figure after which to stop; 0 is never");
        out.line("tolerated_failures", self.tolerated_failures, "rows of a training without a usable decision");
        out.0 += "\n# How it is run\n";
        out.line("seed", self.seed, "of the split, the first weights, the order of rows and all noise");
        out.line("threads", self.threads, "0 is all cores");
        out.line("device", &self.device, "of networks: auto, cpu or cuda:N");
        let tables = [
            ("options", "of the loss and its solver, e.g. sigma = 0.5", Value::Table(self.options.clone())),
            ("model", "of the predictor, e.g. hidden = [32, 32]", Value::Table(self.model.clone())),
            ("limits", "of each solve: backend, nodes, iterations, seconds", value(&self.limits)),
            (
                "drawing",
                "what a decision is: kind = values, path, tour, schedule or portfolio (docs/tutorials/your-own-data.md)",
                value(&self.drawing),
            ),
        ];
        for (name, what, table) in tables {
            let _ = write!(out.0, "\n# {what}\n[{name}]\n{}", table.as_table().map(ToString::to_string).unwrap_or_default());
        }
        out.0
    }
}

/// Lines of a file of settings.
struct Lines(String);

impl Lines {
    fn line(&mut self, key: &str, setting: impl Serialize, what: &str) {
        let text = format!("{key} = {}", value(&setting));
        let _ = writeln!(self.0, "{text:<32} # {what}");
    }

    fn optional(&mut self, key: &str, setting: Option<impl Serialize>, what: &str) {
        match setting {
            Some(setting) => self.line(key, setting, what),
            None => {
                let _ = writeln!(self.0, "{:<32} # {what}", format!("# {key} ="));
            }
        }
    }
}

fn value(setting: &impl Serialize) -> Value {
    Value::try_from(setting).expect("settings are strings, numbers, lists and tables, which TOML has")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings> {
        Settings::of(toml::from_str(text).unwrap(), Path::new("run.toml"))
    }

    #[test]
    fn what_is_printed_reads_back() {
        let text = "problem = '/p.mps'\nloss = 'pfy'\nlearning_rates = [0.1, 0.03]\nviolation_cost = 2.5\npredict = ['a', 'b c']
            [options]\nsigma = 0.5\n[model]\nhidden = [8, 4]\n[limits]\nnodes = 7\n[drawing]\nkind = 'path'\nheight = 2\nwidth = 3";
        for settings in [Settings::default(), read(text).unwrap()] {
            assert_eq!(read(&settings.to_toml()).unwrap(), settings, "{}", settings.to_toml());
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |text: &str| read(text).unwrap_err().to_string();
        for (text, named) in [
            ("epocs = 3", "epocs"),
            ("[limits]\nnode = 3", "node"),
            ("[drawing]\nkind = 'path'\nheight = 3", "width"),
            ("valid = 0.6\ntest = 0.5", "settings valid and test: 1.1"),
            ("learning_rates = []", "number of learning rates"),
            ("learning_rates = [-1.0]", "learning rate: -1"),
            ("valid = 0.0", "setting valid: 0 is not accepted"),
            ("epochs = 0", "setting epochs"),
            ("violation_cost = -1.0", "setting violation_cost"),
            ("split = 'sorted'", "sorted"),
        ] {
            assert!(refused(text).contains(named), "{text}: {}", refused(text));
        }
        assert!(!read("valid = 0.0\nkeep = 'last'").unwrap().chooses());
    }
}
