//! Instruction counts of the kernels under callgrind: what `cargo xtask bench --check` holds against accepted counts.
//!
//! Times say nothing on a machine that others use; the instructions of a deterministic kernel are the same every time. They do
//! depend on the compiler, on valgrind and on the processor's features, so that counts of another machine are a named gap, no verdict.

mod baseline;
mod callgrind;

use crate::{checkout, process};
use anyhow::{Context, Result};
use baseline::{Baseline, Environment, Verdict};
use callgrind::Valgrind;
use std::path::PathBuf;
use std::process::Command;

/// Counts and compares with what was accepted; the exit code is 1 if a kernel takes too many instructions, else 0.
///
/// # Errors
/// If the kernels do not compile or their baseline cannot be read.
pub(crate) fn check() -> Result<i32> {
    let baseline = Baseline::load(&file())?;
    let verdict = match measure()? {
        Ok(measured) => baseline.compare(&measured),
        Err(gap) => Verdict::gap(gap),
    };
    print!("{verdict}");
    Ok(verdict.exit_code())
}

/// Counts and accepts; without valgrind the accepted counts stay as they are, which is said.
///
/// # Errors
/// If the kernels do not compile or the file cannot be written.
pub(crate) fn accept(why: &str) -> Result<()> {
    match measure()? {
        Ok(measured) => {
            let commit = process::capture(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(checkout::root()));
            let commit = commit.map(|text| text.trim().to_owned()).ok();
            println!("instructions: {} kernels accepted", measured.kernels.len());
            measured.accepted(commit, why, Baseline::load(&file())?).save(&file())
        }
        Err(gap) => {
            print!("{}", Verdict::gap(gap));
            Ok(())
        }
    }
}

fn file() -> PathBuf {
    checkout::root().join("benchmarks/baselines/instructions.json")
}

/// Counts of this checkout, or why there are none.
fn measure() -> Result<Result<baseline::Measured, String>> {
    let Some(valgrind) = process::find_program(&["valgrind"], &process::path()) else {
        return Ok(Err("valgrind is not installed".to_owned()));
    };
    let kernels = build()?;
    let valgrind = Valgrind { program: valgrind, kernels };
    let rustc = process::capture(Command::new("rustc").arg("--version").current_dir(checkout::root()))?.trim().to_owned();
    // Asked under valgrind, whose processor has the features that the kernels see there.
    let environment = Environment { rustc, valgrind: valgrind.version()?, features: valgrind.ask("--features")?.trim().to_owned() };
    let names: Vec<String> = valgrind.ask("--list")?.lines().map(str::to_owned).collect();
    let kernels = names.into_iter().map(|name| valgrind.count(&name).map(|count| (name, count))).collect::<Result<_>>()?;
    Ok(Ok(baseline::Measured { environment, kernels }))
}

/// The example `kernels` of dfl-solvers, as it is released.
fn build() -> Result<PathBuf> {
    let mut command = process::cargo();
    command.args(["build", "--release", "--quiet", "--package", "dfl-solvers", "--example", "kernels", "--message-format", "json"]);
    let messages = process::capture(&mut command).context("the kernels do not compile")?;
    executable(&messages).context("cargo did not say where it put the kernels")
}

/// The path in cargo's message about the example.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_in_the_last_message_that_has_one() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n{\"executable\":\"/t/release/examples/kernels\"}\n{\"success\":true}\n";
        assert_eq!(executable(messages), Some(PathBuf::from("/t/release/examples/kernels")));
        assert_eq!(executable("no json"), None);
    }
}
