//! `cargo xtask bench` and `cargo xtask dfl`: the program `dfl` from the checkout, with every backend.

use crate::{data, process, setup};
use anyhow::Result;
use std::ffi::OsString;
use std::process::Command;

/// Data sets of the default suite.
const DEFAULT_SETS: [&str; 2] = ["pjm", "so_ebm_split"];

/// Runs the benchmarks; the exit code is that of `dfl bench`.
pub(crate) fn bench(args: &[OsString]) -> Result<i32> {
    setup::ensure()?;
    for name in DEFAULT_SETS {
        if let Err(error) = data::ensure(name) {
            eprintln!("warning: {error:#}\nwarning: going on without the data set {name}; what needs it will say so");
        }
    }
    process::run(program().arg("bench").args(args))
}

/// Runs the program with the user's arguments; the exit code is the program's.
pub(crate) fn dfl(args: &[OsString]) -> Result<i32> {
    setup::ensure()?;
    process::run(program().args(args))
}

/// Optimised, since its figures are timings; in the caller's folder, since its arguments name the caller's files.
fn program() -> Command {
    let mut command = process::cargo();
    if let Ok(folder) = std::env::current_dir() {
        command.current_dir(folder);
    }
    let manifest = crate::checkout::root().join("Cargo.toml");
    command.args(["run", "--release", "--package", "dfl-bench", "--features", "full", "--bin", "dfl", "--manifest-path"]).arg(manifest);
    command.arg("--");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_the_program_come_after_the_separator() {
        let mut command = program();
        command.args(["solve", "--help"]);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!(words[words.len() - 3..], ["--", "solve", "--help"]);
        assert!(words.contains(&"--release".to_owned()) && words.contains(&"full".to_owned()));
    }
}
