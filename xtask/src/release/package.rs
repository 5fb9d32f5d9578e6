//! The packages as the registry would get them.

use super::Outcome;
use crate::process;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Tests and benches are left out of packages on purpose, which cargo says of each.
const EXPECTED: &str = "warning: ignoring ";

/// Makes every package and, if asked, builds each from what is in it, the others in place of those in the registry.
pub(super) fn check(build: bool) -> Result<Outcome> {
    let (code, packaged) = quietly(&mut command(build))?;
    let what = if build { "made and built from what is in them" } else { "made; not built, as asked" };
    Ok(match code {
        0 => Outcome::Passed(format!("{packaged} {what}")),
        _ => Outcome::Failed(vec!["cargo publish --dry-run fails, as said above".into()]),
    })
}

fn command(build: bool) -> Command {
    let mut command = process::cargo();
    // That the work tree is clean is a check of its own, so that this one shows what it finds in any case.
    command.args(["publish", "--workspace", "--dry-run", "--allow-dirty"]);
    if !build {
        command.arg("--no-verify");
    }
    command
}

/// Passes on what cargo says but for the lines that are expected; the exit code and how many packages there are.
fn quietly(command: &mut Command) -> Result<(i32, usize)> {
    let mut child = command.stderr(Stdio::piped()).spawn().context("cannot start cargo")?;
    let stderr = child.stderr.take().expect("standard error was asked for as a pipe");
    let mut packages = 0;
    for line in BufReader::new(stderr).lines() {
        let line = line.context("cannot read what cargo said")?;
        packages += usize::from(line.trim_start().starts_with("Packaged "));
        if !line.starts_with(EXPECTED) {
            eprintln!("{line}");
        }
    }
    Ok((process::code(child.wait().context("cargo was lost")?), packages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_are_only_built_if_asked_and_never_uploaded() {
        let words = |build| command(build).get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>();
        assert!(words(true).contains(&"--dry-run".to_owned()) && words(false).contains(&"--dry-run".to_owned()));
        assert!(!words(true).contains(&"--no-verify".to_owned()) && words(false).contains(&"--no-verify".to_owned()));
    }

    #[test]
    #[cfg(unix)]
    fn packages_are_counted_and_the_code_of_cargo_is_kept() {
        let script = "echo 'warning: ignoring test `x`' >&2; echo '    Packaged 3 files' >&2; echo '    Packaged 4 files' >&2; exit 101";
        assert_eq!(quietly(Command::new("sh").args(["-c", script])).unwrap(), (101, 2));
    }
}
