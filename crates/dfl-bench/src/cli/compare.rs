//! `dfl compare`: trained runs beside each other on the same test rows.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dfl_core::Result;

use super::{say, say_json};
use crate::page;
use crate::results::table;
use crate::user::{self, Compared, Difference, MAXIMISES, short};

/// Arguments of `dfl compare`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Compare {
    /// Folders that `dfl train` wrote; the others are compared with the first
    #[arg(required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// Page to write, of the last run against the first
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  dfl compare run1 run2
  dfl compare two_stage spo_plus pfy --out compare.html

Differences of cost are paired over the test rows: their mean, a 95 % interval and a two-sided p by
the bootstrap, and the share of rows that cost less. Runs with other test rows are refused.";

impl Compare {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let compared = user::compare(&self.runs)?;
        if let Some(path) = &self.out {
            let runs: Vec<String> = self.runs.iter().map(|run| run.display().to_string()).collect();
            page::write(path, &compared.story(format!("dfl compare {} --out {}", runs.join(" "), path.display())))?;
        }
        if self.json {
            say_json(&compared)?
        } else {
            print(&compared)
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(compared: &Compared) {
    let cells = |run: &user::ComparedRun| {
        let of = |value: fn(&Difference) -> String| run.difference.as_ref().map_or_else(String::new, value);
        vec![
            run.folder.display().to_string(),
            format!("{} {}", run.loss, run.predictor),
            short(run.mean_cost),
            short(run.mean_regret),
            of(|d| short(d.mean)),
            of(|d| format!("{} to {}", short(d.interval[0]), short(d.interval[1]))),
            of(|d| format!("{:.4}", d.p)),
            of(|d| format!("{:.0} %", 100.0 * d.wins)),
        ]
    };
    let titles = ["run", "what", "mean cost", "mean regret", "difference", "95 % interval", "p", "wins"];
    say(table::plain(&titles, &compared.runs.iter().map(cells).collect::<Vec<_>>()).trim_end());
    compared.runs.iter().filter(|run| !run.verdict.is_empty()).for_each(|run| say(&run.verdict));
    if compared.maximise {
        say(MAXIMISES);
    }
}
