//! The program `dfl`: one file per subcommand, so that the binary itself only passes the arguments on.
//!
//! Exit codes: 0 done, 1 bad input or usage; `dfl solve` has more for problems without an optimum.

mod bench;
mod compare;
mod completions;
mod doctor;
mod evaluate;
mod generate;
mod machine;
mod measure_step;
mod npz;
mod predict;
mod progress;
mod report;
mod show;
mod solve;
mod train;

use std::error::Error as _;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dfl_core::{Error, Result};

/// Decision-focused learning at the command line.
#[derive(Debug, Parser)]
#[command(name = "dfl", version, max_term_width = 100, arg_required_else_help = true, after_help = HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
Examples:
  dfl doctor                                   what is installed, and what to do about the rest
  dfl solve plan.mps                           the optimum of a problem in a file
  dfl train --problem plan.mps --features X.csv --costs C.csv --out run
  dfl generate shortest-path --out sp.json     data of a benchmark
  dfl COMMAND --help                           all about one of them

Exit codes: 0 done, 1 bad input or something failed; dfl solve: 2 infeasible, 3 unbounded,
4 stopped at a limit, 5 not convex; dfl bench --check: 1 a regression, 3 a row could not be
measured; 130 stopped by a second Ctrl-C";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write synthetic data of a benchmark task to a file
    Generate(generate::Generate),
    /// Find the optimum of a problem in a file
    Solve(solve::Solve),
    /// Train a predictor for the decisions of your own problem
    Train(train::Train),
    /// Judge a trained run on new rows
    Evaluate(evaluate::Evaluate),
    /// Decide for new rows with a trained run
    Predict(predict::Predict),
    /// Write the page of a trained run
    Report(report::Report),
    /// Compare trained runs on their test rows
    Compare(compare::Compare),
    /// Run benchmark suites, print their tables, write results and a report
    Bench(bench::Bench),
    /// Say what is installed and works, and what to do about the rest
    Doctor(doctor::Doctor),
    /// Write what a shell needs to complete arguments
    Completions(completions::Completions),
    /// Take one training step and say what memory it needed
    #[command(hide = true)]
    MeasureStep(measure_step::MeasureStep),
}

/// Runs the program on `args` (the first is its name) and returns its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli.command).unwrap_or_else(|error| explain(&error)),
        Err(usage) => {
            // A closed standard output, as behind `head`, is no reason to fail.
            let _ = usage.print();
            if usage.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Generate(generate) => generate.run(),
        Command::Solve(solve) => solve.run(),
        Command::Train(train) => train.run(),
        Command::Evaluate(evaluate) => evaluate.run(),
        Command::Predict(predict) => predict.run(),
        Command::Report(report) => report.run(),
        Command::Compare(compare) => compare.run(),
        Command::Bench(bench) => bench.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Completions(completions) => completions.run(),
        Command::MeasureStep(step) => step.run(),
    }
}

/// Prints a line; a closed standard output, as behind `head`, is no reason to fail.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints one JSON object.
fn say_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string(value).map_err(|e| Error::Backend { backend: "serde_json", source: Box::new(e) })?;
    say(&text);
    Ok(())
}

/// Prints a line on standard error.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints an error with its causes.
fn explain(error: &Error) -> ExitCode {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = writeln!(err, "  caused by: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}
