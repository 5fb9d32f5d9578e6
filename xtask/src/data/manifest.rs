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
    pub(crate) file: String,
    pub(crate) url: String,
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) convert: Option<Convert>,
}

/// What turns the file as published into the one the loaders read.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Convert {
    /// A NumPy array of integers, to one number a line.
    NpyToLines,
}

impl Manifest {
    /// Reads and checks the manifest.
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
        let manifest = Manifest::load(&crate::checkout::root().join("datasets/manifest.toml")).unwrap();
        for file in manifest.set.iter().flat_map(|set| &set.file) {
            assert!(file.sha256.len() == 64 && file.size > 0 && file.url.starts_with("https://"), "{}", file.file);
        }
        let text = manifest.set("pmj").unwrap_err().to_string();
        assert!(text.contains("`pmj`") && text.contains("pjm"), "{text}");
    }
}
