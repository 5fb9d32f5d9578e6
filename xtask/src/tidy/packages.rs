//! What a crate needs to be published: metadata, licences inside its package, and versions that agree.

use crate::{checkout, process};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What a registry and a reader ask of a manifest.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) manifest_path: PathBuf,
    /// Where it may be published: `None` anywhere, empty nowhere.
    publish: Option<Vec<String>>,
    description: Option<String>,
    documentation: Option<String>,
    license: Option<String>,
    readme: Option<String>,
    rust_version: Option<String>,
    keywords: Vec<String>,
    categories: Vec<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The requirement, such as `^0.1.0`; `*` if only the path is given.
    pub(crate) req: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Published>,
}

/// The crates of the workspace that are published, each after those that it depends on.
pub(crate) fn in_order() -> Result<Vec<Published>> {
    let text = process::capture(process::cargo().current_dir(checkout::root()).args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("cannot read what cargo metadata printed")?;
    let published = metadata.packages.into_iter().filter(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()));
    Ok(sorted(published.collect()))
}

/// Dependencies of tests count too: cargo looks for them when it makes the package. Cargo allows no circle, so that one is always next.
fn sorted(mut rest: Vec<Published>) -> Vec<Published> {
    let mut order: Vec<Published> = Vec::new();
    while !rest.is_empty() {
        let waits = |package: &Published| package.dependencies.iter().any(|other| rest.iter().any(|later| later.name == other.name));
        let next = rest.iter().position(|package| !waits(package)).unwrap_or(0);
        order.push(rest.remove(next));
    }
    order
}

/// Checks every crate that is published.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let packages = in_order()?;
    Ok(packages.iter().flat_map(|package| faults(root, package, &packages)).collect())
}

fn faults(root: &Path, package: &Published, all: &[Published]) -> Vec<String> {
    let name = &package.name;
    let mut faults: Vec<String> = incomplete(package).into_iter().map(|fault| format!("{name}: {fault}")).collect();
    let folder = package.manifest_path.parent().unwrap_or(root);
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let same = |a: Option<Vec<u8>>, b: Option<Vec<u8>>| a.is_some() && a == b;
        if !same(std::fs::read(folder.join(licence)).ok(), std::fs::read(root.join(licence)).ok()) {
            faults.push(format!("{name}: no {licence} in its package; remedy: ln -s ../../{licence} in the folder of the crate"));
        }
    }
    for other in package.dependencies.iter().filter_map(|dependency| Some((dependency, all.iter().find(|p| p.name == dependency.name)?))) {
        let (dependency, target) = other;
        if dependency.req != format!("^{}", target.version) {
            let (req, version) = (&dependency.req, &target.version);
            faults
                .push(format!("{name}: asks for {} {req}, which is {version}; remedy: enter it in [workspace.dependencies]", target.name));
        }
    }
    faults
}

fn incomplete(package: &Published) -> Vec<&'static str> {
    let empty = |field: &Option<String>| field.as_ref().is_none_or(|text| text.trim().is_empty());
    let keyword = |word: &String| word.len() <= 20 && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_+".contains(letter));
    let checks = [
        (empty(&package.description), "no description in Cargo.toml; remedy: say in a line what it is"),
        (empty(&package.license), "no license in Cargo.toml; remedy: license.workspace = true"),
        (empty(&package.readme), "no readme in Cargo.toml; remedy: readme = \"README.md\""),
        (empty(&package.documentation), "no documentation in Cargo.toml; remedy: the address of its pages on docs.rs"),
        (empty(&package.rust_version), "no rust-version in Cargo.toml; remedy: rust-version.workspace = true"),
        (package.categories.is_empty(), "no categories in Cargo.toml; remedy: categories.workspace = true"),
        (
            package.keywords.is_empty() || package.keywords.len() > 5 || !package.keywords.iter().all(keyword),
            "keywords in Cargo.toml must be one to five, of at most 20 letters; remedy: keywords.workspace = true",
        ),
    ];
    checks.into_iter().filter_map(|(wrong, fault)| wrong.then_some(fault)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, needs: &[&str]) -> Published {
        let dependency = |name: &&str| Dependency { name: (*name).into(), req: "^0.1.0".into() };
        Published { name: name.into(), version: "0.1.0".into(), dependencies: needs.iter().map(dependency).collect(), ..Default::default() }
    }

    #[test]
    fn each_crate_comes_after_what_it_depends_on() {
        let order = sorted(vec![package("c", &["b", "serde"]), package("b", &["a"]), package("a", &[])]);
        assert_eq!(order.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn crates_of_this_workspace_are_published_from_the_core_up() {
        let order = in_order().unwrap();
        let at = |name: &str| order.iter().position(|package| package.name == name).unwrap();
        assert!(at("dfl-core") < at("dfl-solvers") && at("dfl-solvers") < at("dfl-losses") && at("dfl-models") < at("dfl-bench"));
        assert!(order.iter().all(|package| package.name != "xtask"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let root = tempfile::tempdir().unwrap();
        let mut bad = package("a", &["b"]);
        bad.manifest_path = root.path().join("crates/a/Cargo.toml");
        bad.dependencies[0].req = "*".into();
        let findings = faults(root.path(), &bad, &[package("b", &[])]).join("\n");
        for missing in ["description", "license", "readme", "documentation", "rust-version", "categories", "keywords", "LICENSE-MIT", "b *"]
        {
            assert!(findings.contains(missing), "{missing}: {findings}");
        }
    }
}
