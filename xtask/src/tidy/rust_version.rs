//! No dependency may ask for a later Rust than the workspace promises.

use crate::process;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    rust_version: Option<String>,
}

/// Asks cargo for every package that a build on this machine can need, backends and tests included.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut command = process::cargo();
    command.current_dir(root).args(["metadata", "--format-version", "1", "--all-features", "--filter-platform", &host()?]);
    let metadata = serde_json::from_str(&process::capture(&mut command)?).context("cannot read what cargo metadata printed")?;
    Ok(later(&metadata))
}

fn host() -> Result<String> {
    let text = process::capture(Command::new("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not say for which machine it is")?;
    Ok(host.to_owned())
}

fn later(metadata: &Metadata) -> Vec<String> {
    let ours = |package: &&Package| metadata.workspace_members.contains(&package.id);
    let promises: Vec<_> = metadata.packages.iter().filter(ours).filter_map(|package| numbers(package.rust_version.as_deref()?)).collect();
    let Some(promise) = promises.into_iter().min() else {
        return vec!["Cargo.toml: no rust-version; remedy: enter the oldest Rust".into()];
    };
    let wrong = metadata.packages.iter().filter(|package| package.rust_version.as_deref().and_then(numbers) > Some(promise));
    let say = |package: &Package| {
        let (name, version, asks) = (&package.name, &package.version, package.rust_version.as_deref().unwrap_or_default());
        format!("{name} {version}: asks for Rust {asks}, later than rust-version in Cargo.toml; remedy: an older {name}, or promise {asks}")
    };
    wrong.map(say).collect()
}

/// `1.88` is `1.88.0`.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next().unwrap_or(Some(0))?, parts.next().unwrap_or(Some(0))?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_that_asks_for_a_later_rust_is_found() {
        let package = |name: &str, asks: Option<&str>| Package {
            id: name.into(),
            name: name.into(),
            version: "2.0.0".into(),
            rust_version: asks.map(str::to_owned),
        };
        let packages = vec![
            package("ours", Some("1.88")),
            package("same", Some("1.88.0")),
            package("silent", None),
            package("early", Some("1.9")),
            package("late", Some("1.88.1")),
        ];
        let findings = later(&Metadata { packages, workspace_members: vec!["ours".into()] });
        assert!(findings.len() == 1 && findings[0].starts_with("late 2.0.0: asks for Rust 1.88.1"), "{findings:?}");
    }

    #[test]
    fn a_workspace_that_promises_nothing_is_told_so() {
        let findings = later(&Metadata { packages: Vec::new(), workspace_members: Vec::new() });
        assert!(findings[0].contains("no rust-version"), "{findings:?}");
    }
}
