//! Public items that are gone or changed since a revision, by the program cargo-semver-checks.

use super::Outcome;
use crate::tidy::Published;
use crate::{checkout, process};
use anyhow::Result;
use std::process::Command;

/// What cargo-semver-checks needs to know of a crate: libtorch's bindings must be documented without libtorch.
fn features(name: &str) -> &'static [&'static str] {
    if name == "dfl-models" { &["--only-explicit-features", "--features", "doc-only"] } else { &["--default-features"] }
}

/// Compares each crate with the revision, or with the latest tag. Nothing to compare with is no fault: a first release breaks nobody.
pub(super) fn check(crates: &[Published], revision: Option<&str>) -> Result<Outcome> {
    let Some(revision) = revision.map(str::to_owned).or_else(latest_tag) else {
        return Ok(Outcome::LeftOut("no tag v* to compare with; name a revision with --baseline".into()));
    };
    if !is_installed() {
        let remedy = "cargo-semver-checks is not installed: cargo install --locked cargo-semver-checks, or run the workflow, which has it";
        return Ok(Outcome::Failed(vec![remedy.into()]));
    }
    let mut faults = Vec::new();
    for package in crates {
        if process::run(&mut command(&package.name, &revision))? != 0 {
            faults.push(format!("{} since {revision}, as said above: raise the version, or keep what users may rely on", package.name));
        }
    }
    Ok(if faults.is_empty() { Outcome::Passed(format!("as the version says, since {revision}")) } else { Outcome::Failed(faults) })
}

fn command(name: &str, revision: &str) -> Command {
    let mut command = process::cargo();
    command.args(["semver-checks", "--package", name, "--baseline-rev", revision]).args(features(name));
    command
}

fn latest_tag() -> Option<String> {
    let mut git = Command::new("git");
    git.current_dir(checkout::root()).args(["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"]);
    process::capture(&mut git).ok().map(|tag| tag.trim().to_owned())
}

fn is_installed() -> bool {
    process::capture(process::cargo().args(["semver-checks", "--version"])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_are_compared_without_libtorch() {
        let words = |name: &str| {
            let command = command(name, "v0.1.0");
            command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words("dfl-core"), "semver-checks --package dfl-core --baseline-rev v0.1.0 --default-features");
        assert!(words("dfl-models").ends_with("--baseline-rev v0.1.0 --only-explicit-features --features doc-only"));
    }
}
