//! `cargo xtask check`: everything that CI wants to be clean and that runs no test.

use crate::test::EVERY_BACKEND;
use crate::{process, setup, tidy};
use anyhow::Result;
use std::process::Command;

/// Runs every step, so that one run shows all there is to mend, and names those that failed.
pub(crate) fn run() -> Result<i32> {
    setup::ensure()?;
    let steps = [("format (remedy: cargo fmt --all)", format()), ("clippy", clippy()), ("documentation", documentation())];
    let mut failed = Vec::new();
    for (name, mut command) in steps {
        eprintln!("== {name}");
        if process::run(&mut command)? != 0 {
            failed.push(name);
        }
    }
    eprintln!("== tidy");
    if tidy::run()? != 0 {
        failed.push("tidy");
    }
    Ok(report(&failed))
}

fn report(failed: &[&str]) -> i32 {
    if failed.is_empty() {
        eprintln!("check: all clean");
        return 0;
    }
    eprintln!("check: failed: {}", failed.join(", "));
    1
}

fn format() -> Command {
    let mut command = process::cargo();
    command.args(["fmt", "--all", "--check"]);
    command
}

fn clippy() -> Command {
    let mut command = process::cargo();
    command.arg("clippy").args(EVERY_BACKEND).args(["--all-targets", "--", "-D", "warnings"]);
    command
}

fn documentation() -> Command {
    let mut command = process::cargo();
    command.arg("doc").args(EVERY_BACKEND).arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_whole() {
        assert_eq!([report(&[]), report(&["clippy"])], [0, 1]);
    }
}
