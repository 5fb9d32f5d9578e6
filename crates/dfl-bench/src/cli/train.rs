//! `dfl train`: a run of a user's own problem.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use dfl_core::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use toml::{Table, Value};

use super::machine::{commit, device, interruption, set_threads};
use super::{complain, say, say_json, show};
use crate::user::{self, Epoch, Metrics, Place, Settings, Watcher};

/// Arguments of `dfl train`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Train {
    /// Settings in TOML; options of the command line come first
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The problem: .mps, .qps, .lp, .json, or .toml that says what is predicted
    #[arg(long, value_name = "FILE")]
    problem: Option<PathBuf>,
    /// What is known when deciding, a row a decision: .csv, .npz or .parquet
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// What turned out, a column for each variable whose cost is predicted
    #[arg(long, value_name = "FILE")]
    costs: Option<PathBuf>,
    /// In place of costs: decisions that were taken, a column for each variable
    #[arg(long, value_name = "FILE", conflicts_with = "costs")]
    solutions: Option<PathBuf>,
    /// What is minimised; --list names the losses [default: spo_plus]
    #[arg(long, value_name = "ID")]
    loss: Option<String>,
    /// linear or mlp [default: linear]
    #[arg(long, value_name = "ID")]
    predictor: Option<String>,
    /// Solver inside training [default: as the loss needs it]
    #[arg(long, value_name = "ID")]
    solver: Option<String>,
    /// Passes over the training rows [default: 30]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Rates, with commas; the best on the validation rows is kept [default: 0.01]
    #[arg(long, value_name = "RATE", value_delimiter = ',')]
    learning_rate: Vec<f64>,
    /// Of the split, weights and noise [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Threads of solvers and networks [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<u64>,
    /// Device of networks: auto, cpu or cuda:N
    #[arg(long, value_parser = device)]
    device: Option<String>,
    /// Any other setting, e.g. test=0.3, options.sigma=0.5, model.hidden=[32]
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, Value)>,
    /// Folder of the run
    #[arg(long, value_name = "DIR", required_unless_present_any = ["print_config", "list", "resume"])]
    out: Option<PathBuf>,
    /// Go on with a run that was cut off
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    resume: Option<Option<PathBuf>>,
    /// Replace an earlier run in the folder
    #[arg(long, conflicts_with = "resume")]
    force: bool,
    /// Print all settings as a file to begin with, and train nothing
    #[arg(long)]
    print_config: bool,
    /// Name the losses with what each needs
    #[arg(long)]
    list: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  dfl train --problem plan.mps --features X.csv --costs C.csv --out run
  dfl train --config run.toml --loss pfy --set options.sigma=0.5 --learning-rate 0.1,0.01 --out run2
  dfl train --resume run                 after Ctrl-C, a crash or a full disk
  dfl train --print-config > run.toml    every setting with its default";

/// What is printed as JSON.
#[derive(Serialize)]
struct Report<'a> {
    run: &'a Path,
    #[serde(flatten)]
    metrics: &'a Metrics,
}

impl Train {
    pub(super) fn run(&self) -> Result<ExitCode> {
        if self.list {
            user::losses().iter().for_each(|(id, needs)| say(&format!("{id:<20} {needs}")));
            return Ok(ExitCode::SUCCESS);
        }
        let settings = self.settings()?;
        if self.print_config {
            say(settings.to_toml().trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        let out = self.folder()?;
        let threads = match (&self.resume, settings.threads) {
            (Some(_), 0) => user::RunFolder::open(&out)?.1.threads,
            (_, threads) => threads,
        };
        let threads = set_threads((threads > 0).then_some(threads as u64))?;
        let (bar, interrupted) = (Bar::new(), interruption()?);
        let stop = || interrupted.load(Ordering::Relaxed);
        let place = Place { threads, commit: commit(), interrupted: &stop, watcher: &bar };
        let ended = match &self.resume {
            Some(_) => user::resume(&out, Some(&settings), &place),
            None => user::train(&settings, &out, self.force, &place),
        };
        drop(bar);
        match ended {
            Ok(metrics) => self.show(&out, &metrics),
            Err(error) => {
                let kept = match error {
                    Error::Interrupted => out.join("versions.json").exists(),
                    Error::File { .. } => out.join("checkpoint").exists(),
                    _ => false,
                };
                if kept {
                    complain(&format!("every whole epoch is kept; go on with: dfl train --resume {}", out.display()));
                }
                Err(error)
            }
        }
    }

    fn folder(&self) -> Result<PathBuf> {
        let named = self.resume.clone().flatten().or_else(|| self.out.clone());
        named.ok_or(Error::Unsupported { who: "--resume", what: "a guess which run is meant; name its folder: --resume DIR" })
    }

    /// The file of settings: that of the command line, or of the run to go on with.
    fn config(&self) -> Result<Option<PathBuf>> {
        if self.config.is_none() && self.resume.is_some() {
            let (folder, _) = user::RunFolder::open(&self.folder()?)?;
            return Ok(Some(folder.file("config.toml")));
        }
        Ok(self.config.clone())
    }

    /// The settings of the file with those of the command line over them.
    fn settings(&self) -> Result<Settings> {
        let config = self.config()?;
        let mut table = config.as_deref().map_or_else(|| Ok(Table::new()), user::read_table_of_settings)?;
        let path = |path: &Option<PathBuf>| path.as_ref().map(|p| Value::from(p.to_string_lossy().into_owned()));
        let word = |word: &Option<String>| word.clone().map(Value::from);
        let whole = |n: Option<u64>| n.map(whole_number).transpose();
        let rates = (!self.learning_rate.is_empty()).then(|| Value::from(self.learning_rate.clone()));
        let flags = [
            ("problem", path(&self.problem)),
            ("features", path(&self.features)),
            ("costs", path(&self.costs)),
            ("solutions", path(&self.solutions)),
            ("loss", word(&self.loss)),
            ("predictor", word(&self.predictor)),
            ("solver", word(&self.solver)),
            ("epochs", whole(self.epochs.map(|n| n as u64))?),
            ("learning_rates", rates),
            ("seed", whole(self.seed)?),
            ("threads", whole(self.threads)?),
            ("device", word(&self.device)),
        ];
        for (key, value) in flags {
            if let Some(value) = value {
                table.insert(key.into(), value);
            }
        }
        self.set.iter().try_for_each(|(key, value)| insert(&mut table, key, value.clone()))?;
        Settings::of(table, config.as_deref().unwrap_or(Path::new("of the command line")))
    }

    fn show(&self, out: &Path, metrics: &Metrics) -> Result<ExitCode> {
        if self.json {
            say_json(&Report { run: out, metrics })?;
            return Ok(ExitCode::SUCCESS);
        }
        let part = ["test", "valid", "train"].into_iter().find_map(|part| Some((part, metrics.figures.get(part)?)));
        if let Some((part, figures)) = part {
            let Metrics { problem, loss, predictor, solver, .. } = metrics;
            let rows = metrics.rows.get(part).copied().unwrap_or(0);
            say(&format!("{problem}: {loss} ({solver}), {predictor}; {rows} {part} rows"));
            say(show::figures(figures).trim_end());
        }
        say(&metrics.verdict);
        let level = ["MORE", "not distinguishable", "the same"].iter().any(|words| metrics.verdict.contains(words));
        if level && metrics.baseline != "oracle" {
            say(&format!("So `{}` would do as well here; more rows, another loss or predictor may change that.", metrics.baseline));
        }
        if metrics.maximise {
            say(user::MAXIMISES);
        }
        metrics.notes.iter().for_each(|note| say(note));
        say(&format!("kept epoch {} at learning rate {} in {}", metrics.epoch, metrics.learning_rate, out.display()));
        Ok(ExitCode::SUCCESS)
    }
}

/// `KEY=VALUE`; a value that is no TOML is a word.
fn pair(text: &str) -> std::result::Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("give KEY=VALUE, e.g. test=0.3")?;
    let parsed = toml::from_str::<Table>(&format!("v = {value}")).ok().and_then(|mut table| table.remove("v"));
    Ok((key.trim().to_owned(), parsed.unwrap_or_else(|| Value::from(value))))
}

/// A number as settings hold it.
fn whole_number(n: u64) -> Result<Value> {
    let need = "at most 9223372036854775807";
    i64::try_from(n).map(Value::from).map_err(|_| Error::Domain { what: "number of the command line", value: n as f64, need })
}

/// Puts a value behind a key with dots in it.
fn insert(table: &mut Table, key: &str, value: Value) -> Result<()> {
    let Some((first, rest)) = key.split_once('.') else {
        table.insert(key.into(), value);
        return Ok(());
    };
    match table.entry(first).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => insert(inner, rest, value),
        _ => Err(Error::Unknown { what: "setting", given: key.into(), known: format!("{first}, which has no parts") }),
    }
}

/// A bar of epochs on the terminal, nothing elsewhere.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len} {elapsed} {wide_msg}").expect("the template is valid");
        let bar = ProgressBar::no_length().with_style(style).with_prefix("reading");
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }
}

impl Watcher for Bar {
    fn begin(&self, learning_rate: f64, epochs: usize, done: usize) {
        self.0.set_prefix(format!("rate {learning_rate}"));
        self.0.set_length(epochs as u64);
        self.0.set_position(done as u64);
    }
    fn epoch(&self, epoch: &Epoch) {
        let valid = epoch.valid.map_or_else(String::new, |valid| format!(", on validation rows {}", user::short(valid)));
        self.0.set_message(format!("loss {}{valid}", user::short(epoch.loss)));
        self.0.set_position(epoch.epoch as u64);
    }
    fn note(&self, text: &str) {
        self.0.suspend(|| complain(text));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_command_line_are_toml_or_words() {
        let mut table = Table::new();
        for text in ["options.sigma=0.5", "loss=pfy", "model.hidden=[8, 4]", "keep=\"last\"", "limits.nodes=7"] {
            let (key, value) = pair(text).unwrap();
            insert(&mut table, &key, value).unwrap();
        }
        let expected = "loss = 'pfy'\nkeep = 'last'\n[options]\nsigma = 0.5\n[model]\nhidden = [8, 4]\n[limits]\nnodes = 7";
        assert_eq!(table, toml::from_str(expected).unwrap());
        assert!(pair("loss").is_err());
        assert!(insert(&mut table, "loss.sigma", Value::from(1)).unwrap_err().to_string().contains("`loss.sigma`"));
        assert!(whole_number(1 << 63).is_err() && whole_number(7).unwrap() == Value::from(7));
    }
}
