//! `dfl report`: the page of a trained run, or of suites that were run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dfl_core::{Error, Result};

use super::{say, say_json};
use crate::page;
use crate::results::report;
use crate::user::Run;

/// Arguments of `dfl report`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Report {
    /// Folder that `dfl train` or `dfl bench` wrote
    run: PathBuf,
    /// Page of a trained run to write [default: report.html in its folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Tells a folder of suites from that of a run.
const MEASUREMENTS: &str = "results.jsonl";

const HELP: &str = "\
Examples:
  dfl report run                         writes run/report.html
  dfl report run --out /srv/www/run.html
  dfl report target/bench                the page of suites again, from what is stored there

One file without any request to elsewhere: figures beside the baselines, regrets row by row, the
course of training, and decisions drawn as what they are (the setting [drawing] says what that is).";

impl Report {
    pub(super) fn run(&self) -> Result<ExitCode> {
        if self.run.join(MEASUREMENTS).exists() {
            return self.of_suites();
        }
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
    fn of_suites(&self) -> Result<ExitCode> {
        if self.out.is_some() {
            return Err(Error::Unsupported { who: "a folder of suites", what: "--out; its page is written into the folder" });
        }
        let path = report::again(&self.run)?;
        if self.json {
            say_json(&serde_json::json!({"report": path}))?;
        } else {
            say(&format!("report   {}", path.display()));
        }
        Ok(ExitCode::SUCCESS)
    }
}
