//! Development commands: `cargo xtask help`.
//!
//! Starts processes and reads files; depends on no crate of the workspace and needs nothing installed but a Rust toolchain.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

mod backends;
mod check;
mod checkout;
mod counts;
mod data;
mod digest;
mod examples;
mod instructions;
mod peers;
mod process;
mod release;
mod setup;
mod show;
mod skips;
mod test;
mod tidy;

use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", version, about = "Builds, tests and measures this workspace", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
A fresh clone needs Rust, a C++ compiler and Python 3 with pip. Then:
  cargo xtask bench             sets up, runs the default suite, prints the tables
  cargo xtask test              sets up, runs every test
  cargo xtask bench --help      what a benchmark run takes (the options of `dfl bench`)";

#[derive(Subcommand)]
enum Command {
    /// Gets what the solvers and libtorch need into .deps/, without root.
    Setup(setup::Options),
    /// Sets up if needed, then runs every test and sums the counts.
    Test(test::Options),
    /// Sets up if needed, then builds every example and runs it.
    Examples(examples::Options),
    /// Sets up if needed, then runs the benchmarks; every argument goes to `dfl bench`.
    #[command(disable_help_flag = true)]
    Bench(Passed),
    /// Runs the program `dfl` from this checkout, with every backend if the command uses any; every argument goes to it.
    #[command(disable_help_flag = true)]
    Dfl(Passed),
    /// The fast lane of CI: formatting, clippy, documentation, tidy.
    Check,
    /// Fetches and verifies data sets of datasets/manifest.toml; without a name, lists them.
    Data(data::Options),
    /// Checks that the crates are ready to be published, and says what to run then; publishes nothing.
    Release(release::Options),
    /// Checks the rules of the code base that code can check (layers, file sizes, stray words).
    Tidy,
}

/// Arguments that another program will read.
#[derive(Args)]
struct Passed {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match run(cli.command) {
        Ok(code) => exit_code(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<i32> {
    match command {
        Command::Setup(options) => setup::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Examples(options) => examples::run(&options),
        Command::Bench(passed) => backends::bench(&passed.args),
        Command::Dfl(passed) => backends::dfl(&passed.args),
        Command::Check => check::run(),
        Command::Data(options) => data::run(&options),
        Command::Release(options) => release::run(&options),
        Command::Tidy => tidy::run(),
    }
}

/// The names of all commands, for the check of what the documentation says.
fn commands() -> Vec<String> {
    Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// Help is success; anything else is bad usage, which is 1 here and not clap's 2 (`dfl solve` gives 2 a meaning).
fn usage(error: &clap::Error) -> ExitCode {
    // Nothing is left to do if even the message cannot be written.
    let _ = error.print();
    if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn exit_code(code: i32) -> ExitCode {
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_of_another_program_pass_through_even_help() {
        let cli = Cli::try_parse_from(["xtask", "bench", "--help", "--suite", "power", "--", "x"]).unwrap();
        let Command::Bench(passed) = cli.command else { panic!("not bench") };
        assert_eq!(passed.args, ["--help", "--suite", "power", "--", "x"]);
    }
}
