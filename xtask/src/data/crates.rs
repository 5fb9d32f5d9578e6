//! A file of a Rust package, through cargo: it fetches what Cargo.lock names and has verified it.

use super::manifest::CrateFile;
use crate::process;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

#[derive(Deserialize)]
struct Listing {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
}

/// Copies the file to `place`.
pub(super) fn copy(file: &CrateFile, place: &Path) -> Result<()> {
    let from = folder(file)?.join(&file.member);
    fs::copy(&from, place).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

/// Where cargo keeps the package.
fn folder(file: &CrateFile) -> Result<PathBuf> {
    let found = packages()?.iter().find(|package| package.name == file.package && package.version == file.version);
    let package = found.with_context(|| format!("Cargo.lock has no {} {}", file.package, file.version))?;
    Ok(package.manifest_path.with_file_name(""))
}

/// The packages of Cargo.lock, which cargo fetches if need be; it is asked once.
fn packages() -> Result<&'static [Package]> {
    static PACKAGES: OnceLock<Vec<Package>> = OnceLock::new();
    if let Some(packages) = PACKAGES.get() {
        return Ok(packages);
    }
    // All features: the package may be one that only a backend needs.
    let text = process::capture(process::cargo().args(["metadata", "--format-version", "1", "--locked", "--all-features"]))
        .context("cargo could not fetch the packages of Cargo.lock")?;
    let listing: Listing = serde_json::from_str(&text).context("cannot read what cargo metadata printed")?;
    Ok(PACKAGES.get_or_init(|| listing.packages))
}
