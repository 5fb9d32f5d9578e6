//! `dfl report`: the page of a trained run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dfl_core::Result;

use super::{say, say_json};
use crate::page;
use crate::user::Run;

/// Arguments of `dfl report`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Report {
    /// Folder that `dfl train` wrote
    run: PathBuf,
    /// Page to write [default: report.html in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  dfl report run                         writes run/report.html
  dfl report run --out /srv/www/run.html

One file without any request to elsewhere: figures beside the baselines, regrets row by row, the
course of training, and decisions drawn as what they are (the setting [drawing] says what that is).";

impl Report {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let run = Run::open(&self.run, Some("cpu"))?;
        let path = self.out.clone().unwrap_or_else(|| run.folder.file("report.html"));
        page::write(&path, &run.story(format!("dfl report {}", self.run.display()))?)?;
        if self.json {
            say_json(&serde_json::json!({"report": path, "verdict": run.metrics.verdict}))?;
        } else {
            say(&format!("{}\nreport   {}", run.metrics.verdict, path.display()));
        }
        Ok(ExitCode::SUCCESS)
    }
}
