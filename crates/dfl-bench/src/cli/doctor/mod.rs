//! `dfl doctor`: what is installed and works, and what to do about the rest.

mod data;
mod solvers;
#[cfg(feature = "torch")]
mod torch;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use dfl_core::Result;
use serde::Serialize;

/// Arguments of `dfl doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dfl doctor           each part with its version, and what to do where something is missing
  dfl doctor --json    the same as one JSON object, for a report of a fault

A part is `ok`, `missing` (this build or machine lacks it; most work needs it not) or `broken`
(it is there and does not work). Backends solve a tiny program each, devices a tiny product.
  --json: {\"version\", \"healthy\", \"checks\": [{\"name\", \"state\", \"found\", \"remedy\"}]}

Exit code: 0 if nothing is broken, 1 otherwise")]
pub(super) struct Doctor {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is known of one part.
#[derive(Debug, Serialize)]
struct Check {
    name: String,
    state: State,
    found: String,
    remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Missing,
    Broken,
}

impl Check {
    fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Ok, found: found.into(), remedy: None }
    }

    fn missing(name: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Missing, found: found.into(), remedy: Some(remedy.into()) }
    }

    fn broken(name: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Broken, found: found.into(), remedy: Some(remedy.into()) }
    }
}

#[derive(Debug, Serialize)]
struct Findings {
    version: &'static str,
    healthy: bool,
    checks: Vec<Check>,
}

impl Doctor {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let findings = Findings::new();
        let mut out = io::stdout().lock();
        // A closed standard output, as behind `head`, is no reason to fail.
        let _ = if self.json { print_json(&mut out, &findings) } else { write!(out, "{findings}") };
        Ok(if findings.healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Findings {
    fn new() -> Self {
        let mut checks = vec![program()];
        checks.extend(solvers::checks());
        checks.extend(networks());
        checks.push(threads());
        checks.push(parquet());
        checks.extend(data::checks());
        let healthy = checks.iter().all(|check| check.state != State::Broken);
        Self { version: env!("CARGO_PKG_VERSION"), healthy, checks }
    }
}

fn print_json(out: &mut impl Write, findings: &Findings) -> io::Result<()> {
    serde_json::to_writer(&mut *out, findings)?;
    writeln!(out)
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "dfl {}", self.version)?;
        let width = self.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or_default();
        for Check { name, state, found, remedy } in &self.checks {
            let state = match state {
                State::Ok => "ok",
                State::Missing => "missing",
                State::Broken => "BROKEN",
            };
            writeln!(f, "  {state:<7}  {name:<width$}  {found}")?;
            if let Some(remedy) = remedy {
                writeln!(f, "  {:<7}  {:<width$}  -> {remedy}", "", "")?;
            }
        }
        let broken: Vec<&str> = self.checks.iter().filter(|c| c.state == State::Broken).map(|c| c.name.as_str()).collect();
        match broken.as_slice() {
            [] => writeln!(f, "All that is installed works."),
            names => writeln!(f, "Broken: {}.", names.join(", ")),
        }
    }
}

fn program() -> Check {
    let all = [
        ("highs", cfg!(feature = "highs")),
        ("osqp", cfg!(feature = "osqp")),
        ("parquet", cfg!(feature = "parquet")),
        ("torch", cfg!(feature = "torch")),
    ];
    let names = |built: bool| all.iter().filter(|(_, has)| *has == built).map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    match (names(true).as_str(), names(false).as_str()) {
        (with, "") => Check::ok("program", format!("{system}, with {with}")),
        ("", _) => Check::ok("program", format!("{system}, with the parts in pure Rust alone")),
        (with, without) => Check::ok("program", format!("{system}, with {with}, without {without}")),
    }
}

fn threads() -> Check {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let bound = std::env::var("OMP_NUM_THREADS").map_or_else(|_| String::new(), |bound| format!("; OMP_NUM_THREADS is {bound}"));
    Check::ok("threads", format!("{cores} on this machine, which --threads bounds{bound}"))
}

fn parquet() -> Check {
    if cfg!(feature = "parquet") {
        Check::ok("parquet", "tables in .parquet files are read")
    } else {
        Check::missing("parquet", "not in this build", "write tables as .csv or .npz, or build with the feature `parquet`")
    }
}

#[cfg(feature = "torch")]
fn networks() -> Vec<Check> {
    torch::checks()
}

#[cfg(not(feature = "torch"))]
fn networks() -> Vec<Check> {
    vec![Check::missing(
        "libtorch",
        "not in this build: linear predictors only",
        "`cargo xtask setup`, then build with the feature `torch`",
    )]
}
