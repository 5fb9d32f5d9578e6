//! `cargo xtask release`: whether the crates are ready to be published, and what to run then. It publishes nothing itself.

mod changelog;
mod package;
mod semver;

use crate::tidy::{self, Published};
use crate::{checkout, process, setup};
use anyhow::{Context, Result};
use std::process::Command;

/// Options of `release`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask release                      every check; builds each package as a user of the registry would, minutes
  cargo xtask release --no-build           the same without the builds, seconds
  cargo xtask release --baseline v0.1.0    compares the public items with those of a tag, a branch or a commit

Checks that versions agree, CHANGELOG.md has an entry, the work tree is clean, `cargo xtask tidy` finds nothing, no public item that users
may rely on is gone or changed without a new version (cargo-semver-checks), and the packages build from what is in them alone.
In the end it says what to run. Exit code 1 if anything is to be mended first.")]
pub(crate) struct Options {
    /// Revision to compare public items with [default: the latest tag v*]
    #[arg(long, value_name = "REV")]
    baseline: Option<String>,
    /// Make the packages but do not build them
    #[arg(long)]
    no_build: bool,
}

/// How a check ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed(String),
    /// It could not be asked; the reason.
    LeftOut(String),
    /// What is to be mended.
    Failed(Vec<String>),
}

/// Runs every check, so that one run shows all there is to mend.
pub(crate) fn run(options: &Options) -> Result<i32> {
    let crates = tidy::in_order()?;
    let version = crates.first().map(|first| first.version.clone()).context("no crate of the workspace is published")?;
    if !options.no_build {
        // The models are built with libtorch.
        setup::ensure()?;
    }
    type Check<'a> = Box<dyn Fn() -> Result<Outcome> + 'a>;
    let checks: [(&str, Check<'_>); 6] = [
        ("versions", Box::new(|| Ok(versions(&crates)))),
        ("changelog", Box::new(|| changelog::check(&checkout::root(), &version))),
        ("work tree", Box::new(|| work_tree(&version))),
        ("tidy", Box::new(tidied)),
        ("public items", Box::new(|| semver::check(&crates, options.baseline.as_deref()))),
        ("packages", Box::new(|| package::check(!options.no_build))),
    ];
    let mut failed = Vec::new();
    for (name, check) in checks {
        eprintln!("== {name}");
        let outcome = check()?;
        println!("{}", line(name, &outcome));
        if matches!(outcome, Outcome::Failed(_)) {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        println!("\n{}", instructions(&crates, &version));
        return Ok(0);
    }
    println!("\nnot ready: {}", failed.join(", "));
    Ok(1)
}

fn line(name: &str, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed(what) => format!("{name}: {what}"),
        Outcome::LeftOut(why) => format!("{name}: left out: {why}"),
        Outcome::Failed(faults) => faults.iter().map(|fault| format!("{name}: to mend: {fault}")).collect::<Vec<_>>().join("\n"),
    }
}

/// One version for all: they are published together. That they ask for each other in this version is checked by tidy.
fn versions(crates: &[Published]) -> Outcome {
    let version = |package: &Published| package.version.clone();
    match crates.iter().find(|package| package.version != crates[0].version) {
        Some(other) => {
            Outcome::Failed(vec![format!("{} is {} but {} is {}", crates[0].name, crates[0].version, other.name, other.version)])
        }
        None => Outcome::Passed(crates.first().map(version).unwrap_or_default()),
    }
}

fn work_tree(version: &str) -> Result<Outcome> {
    let git = |args: &[&str]| process::capture(Command::new("git").current_dir(checkout::root()).args(args));
    let changed = git(&["status", "--porcelain"])?;
    let tagged = !git(&["tag", "--list", &format!("v{version}")])?.trim().is_empty();
    let mut faults = Vec::new();
    if !changed.is_empty() {
        faults.push(format!("{} files are not committed: commit or stash them", changed.lines().count()));
    }
    if tagged {
        faults.push(format!("there is a tag v{version} already: raise the version in Cargo.toml (docs/releasing.md)"));
    }
    Ok(if faults.is_empty() { Outcome::Passed("clean".into()) } else { Outcome::Failed(faults) })
}

fn tidied() -> Result<Outcome> {
    Ok(match tidy::run()? {
        0 => Outcome::Passed("clean".into()),
        _ => Outcome::Failed(vec!["what tidy found, above".into()]),
    })
}

fn instructions(crates: &[Published], version: &str) -> String {
    let publish: String = crates.iter().map(|package| format!("  cargo publish -p {}\n", package.name)).collect();
    format!(
        "ready: {version}. Nothing was published. To publish, from this commit:\n  git tag -a v{version} -m {version}\n  \
         cargo login                # once, with a token of the registry\n{publish}  git push origin v{version}\n\
         A version that is published cannot be changed, only yanked. A crate must be in the registry's index before one that depends on it \
         can follow; cargo waits for that."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Published {
        let mut package = Published::default();
        (package.name, package.version) = (name.into(), version.into());
        package
    }

    #[test]
    fn crates_with_different_versions_are_not_ready() {
        assert_eq!(versions(&[package("a", "0.2.0"), package("b", "0.2.0")]), Outcome::Passed("0.2.0".into()));
        let Outcome::Failed(faults) = versions(&[package("a", "0.2.0"), package("b", "0.1.0")]) else { panic!("passed") };
        assert_eq!(faults, ["a is 0.2.0 but b is 0.1.0"]);
    }

    #[test]
    fn the_instructions_name_every_crate_in_order() {
        let text = instructions(&[package("a", "1.0.0"), package("b", "1.0.0")], "1.0.0");
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is not in {text}"));
        assert!(at("git tag -a v1.0.0") < at("publish -p a") && at("publish -p a") < at("publish -p b") && at("-p b") < at("git push"));
    }
}
