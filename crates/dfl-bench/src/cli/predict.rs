//! `dfl predict`: decisions of a trained run for new rows.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use dfl_core::{Batch, Result};
use serde_json::{Map, Value, json};

use super::machine::{device, set_threads};
use super::{say_json, show};
use crate::user::{Prediction, Run};

/// Arguments of `dfl predict`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Predict {
    /// Folder that `dfl train` wrote
    run: PathBuf,
    /// Features of the rows to decide for, with the columns that the run was trained on
    #[arg(long, value_name = "FILE")]
    features: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    what: What,
    /// File for it, in place of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// File for the predicted costs as well
    #[arg(long, value_name = "FILE")]
    costs_out: Option<PathBuf>,
    /// Threads of solvers and networks [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<u64>,
    /// Device of networks: auto, cpu or cuda:N
    #[arg(long, value_parser = device)]
    device: Option<String>,
    /// Print one JSON object with ids, decisions and predicted costs by name
    #[arg(long, conflicts_with_all = ["out", "what"])]
    json: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum What {
    /// The value of each variable
    #[default]
    Decisions,
    /// The predicted costs or parameters
    Costs,
}

const HELP: &str = "\
Examples:
  dfl predict run --features tomorrow.csv > decisions.csv
  dfl predict run --features tomorrow.csv --out decisions.csv --costs-out costs.csv

CSV with a column `id` (as in the features, else the number of the row from 0) and one for each
variable, or each predicted cost, by name. Costs trained for decisions need not be good forecasts.";

impl Predict {
    pub(super) fn run(&self) -> Result<ExitCode> {
        set_threads(self.threads)?;
        let run = Run::open(&self.run, self.device.as_deref())?;
        let Prediction { ids, parameters, decisions } = run.predict(&self.features)?;
        let costs = run.problem.in_tables(&parameters)?;
        let (variables, names) = (&run.problem.variables, &run.problem.parameters);
        if self.json {
            let rows = ids.iter().zip(decisions.iter()).zip(costs.iter());
            let rows: Vec<Value> =
                rows.map(|((id, x), c)| json!({"id": id, "decision": object(variables, x), "costs": object(names, c)})).collect();
            say_json(&rows)?;
        } else {
            let (columns, values) = match self.what {
                What::Decisions => (variables, &decisions),
                What::Costs => (names, &costs),
            };
            table(self.out.as_deref(), &ids, columns, values)?;
        }
        if let Some(path) = &self.costs_out {
            table(Some(path), &ids, names, &costs)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn object(names: &[String], values: &[f64]) -> Map<String, Value> {
    names.iter().cloned().zip(values.iter().map(|v| json!(v + 0.0))).collect()
}

fn table(out: Option<&Path>, ids: &[String], columns: &[String], values: &Batch) -> Result<()> {
    let header: Vec<String> = ["id".to_owned()].into_iter().chain(columns.iter().cloned()).collect();
    let row = |(id, row): (&String, &[f64])| [id.clone()].into_iter().chain(row.iter().map(|v| show::number(*v))).collect();
    show::csv(out, &header, ids.iter().zip(values.iter()).map(row))
}
