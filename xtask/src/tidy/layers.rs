//! Which crate may depend on which, and which must build with a Rust toolchain alone.

use crate::process;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What each crate of the workspace may depend on, tests apart (`docs/ARCHITECTURE.md`).
const ALLOWED: &[(&str, &[&str])] = &[
    ("dfl-core", &[]),
    ("dfl-solvers", &["dfl-core"]),
    ("dfl-losses", &["dfl-core"]),
    ("dfl-models", &["dfl-core"]),
    ("dfl-bench", &["dfl-core", "dfl-losses", "dfl-models", "dfl-solvers"]),
    ("xtask", &[]),
];

/// Crates whose default features must need no C compiler.
const BARE: [&str; 5] = ["dfl-core", "dfl-losses", "dfl-solvers", "dfl-bench", "xtask"];

/// Crates that build or look for C and C++ libraries.
const NATIVE: [&str; 8] = ["bindgen", "cc", "clang-sys", "cmake", "highs-sys", "osqp-sys", "pkg-config", "torch-sys"];

/// What cargo says of the crates of the workspace.
#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
}

#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// The name in the manifest and in the code, where it is another.
    pub(super) rename: Option<String>,
    /// `None` for an ordinary one, else `build` or `dev`.
    pub(super) kind: Option<String>,
}

impl Metadata {
    /// Asks cargo.
    pub(super) fn of(root: &Path) -> Result<Self> {
        let text = process::capture(process::cargo().current_dir(root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        serde_json::from_str(&text).context("cannot read what cargo metadata printed")
    }
}

/// Checks layers and native dependencies.
pub(super) fn check(root: &Path, metadata: &Metadata) -> Result<Vec<String>> {
    let mut findings = layers(metadata);
    for name in BARE {
        findings.extend(native(name, &process::capture(&mut tree(root, name))?));
    }
    Ok(findings)
}

fn layers(metadata: &Metadata) -> Vec<String> {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let Some(below) = allowed.get(package.name.as_str()) else {
            findings.push(format!("{}: a crate without a layer; remedy: enter it in xtask/src/tidy/layers.rs", package.name));
            continue;
        };
        let shipped = package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"));
        let ours = shipped.filter(|dependency| metadata.packages.iter().any(|other| other.name == dependency.name));
        let wrong = ours.filter(|dependency| !below.contains(&dependency.name.as_str()));
        findings.extend(wrong.map(|dependency| {
            let (name, other) = (&package.name, &dependency.name);
            format!("{name}: depends on {other}, which is not below it; remedy: move what both need to dfl-core, or use it in tests only")
        }));
    }
    findings
}

fn tree(root: &Path, name: &str) -> Command {
    let mut command = process::cargo();
    command.current_dir(root).args(["tree", "--package", name, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    command
}

/// `tree` is what `cargo tree` lists for crate `name` with default features, one package a line.
fn native(name: &str, tree: &str) -> Vec<String> {
    let mut found: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).filter(|word| NATIVE.contains(word)).collect();
    found.sort_unstable();
    found.dedup();
    let say = |native: &str| {
        format!(
            "{name}: default features pull in {native}; remedy: put it behind a feature (`cargo tree -p {name} -i {native}` shows the way)"
        )
    };
    found.into_iter().map(say).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        let dependency =
            |&(name, kind): &(&str, Option<&str>)| Dependency { name: name.into(), rename: None, kind: kind.map(str::to_owned) };
        Package { name: name.into(), dependencies: dependencies.iter().map(dependency).collect() }
    }

    #[test]
    fn a_loss_that_depends_on_a_solver_is_found_but_a_test_may() {
        let loss = |kind| Metadata { packages: vec![package("dfl-losses", &[("dfl-solvers", kind)]), package("dfl-solvers", &[])] };
        let findings = layers(&loss(None));
        assert!(findings[0].starts_with("dfl-losses: depends on dfl-solvers"), "{findings:?}");
        assert_eq!(layers(&loss(Some("build"))).len(), 1);
        assert!(layers(&loss(Some("dev"))).is_empty());
    }

    #[test]
    fn a_new_crate_must_get_a_layer() {
        let findings = layers(&Metadata { packages: vec![package("dfl-new", &[])] });
        assert!(findings[0].contains("dfl-new") && findings[0].contains("layers.rs"), "{findings:?}");
    }

    #[test]
    fn a_compiled_library_in_the_default_features_is_found_once() {
        let tree = "dfl-core v0.1.0 (/w)\ncc v1.2.0\nrand v0.10.0\ncc v1.2.0 (*)\ncc-like v1.0.0\n";
        let findings = native("dfl-core", tree);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].contains("cargo tree -p dfl-core -i cc"), "{findings:?}");
    }
}
