//! `dfl evaluate`: what a trained run's decisions are worth on new rows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dfl_core::Result;

use super::machine::{device, set_threads};
use super::{say, say_json, show};
use crate::user::{Figures, MAXIMISES, Run};

/// Arguments of `dfl evaluate`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Evaluate {
    /// Folder that `dfl train` wrote
    run: PathBuf,
    /// Features of the new rows, with the columns that the run was trained on
    #[arg(long, value_name = "FILE")]
    features: PathBuf,
    /// What turned out
    #[arg(long, value_name = "FILE", required_unless_present = "solutions")]
    costs: Option<PathBuf>,
    /// In place of costs: decisions that were taken
    #[arg(long, value_name = "FILE", conflicts_with = "costs")]
    solutions: Option<PathBuf>,
    /// Each row's cost, that of the baseline and of the best decision, as CSV
    #[arg(long, value_name = "FILE")]
    rows_out: Option<PathBuf>,
    /// Threads of solvers and networks [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<u64>,
    /// Device of networks: auto, cpu or cuda:N
    #[arg(long, value_parser = device)]
    device: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  dfl evaluate run --features X_new.csv --costs C_new.csv
  dfl evaluate run --features X_new.csv --costs C_new.csv --rows-out rows.csv --json

Costs of decisions under the truth, less being better. Where constraints are predicted, the cost has
violation_cost for each unit by which the true rows and bounds are broken, and the violation is shown.";

impl Evaluate {
    pub(super) fn run(&self) -> Result<ExitCode> {
        set_threads(self.threads)?;
        let run = Run::open(&self.run, self.device.as_deref())?;
        let found = run.evaluate(&self.features, self.costs.as_deref(), self.solutions.as_deref())?;
        if let Some(path) = &self.rows_out {
            let header = ["id", "cost", "baseline", "best", "regret"].map(str::to_owned);
            let rows = found.rows.iter().map(|r| {
                let numbers = [r.cost, r.baseline, r.best, r.cost - r.best].map(show::number);
                [r.id.clone()].into_iter().chain(numbers).collect()
            });
            show::csv(Some(path), &header, rows)?;
        }
        if self.json {
            say_json(&found)?;
            return Ok(ExitCode::SUCCESS);
        }
        let figures: BTreeMap<String, Figures> = found.figures.into_iter().collect();
        say(&format!("{}: {} rows", self.run.display(), found.rows.len()));
        say(show::figures(&figures).trim_end());
        say(&found.verdict);
        if found.maximise {
            say(MAXIMISES);
        }
        found.notes.iter().for_each(|note| say(note));
        Ok(ExitCode::SUCCESS)
    }
}
