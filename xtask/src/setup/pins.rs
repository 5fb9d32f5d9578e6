//! The pinned downloads of `pins.toml`.

use crate::data::Wheel;
use crate::show;
use anyhow::{Context, Result};
use serde::Deserialize;

/// Which libtorch.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Flavour {
    /// For the processor alone.
    Cpu,
    /// With the CUDA libraries.
    Cuda,
}

impl Flavour {
    /// From the command line.
    pub(crate) fn asked(cuda: bool) -> Self {
        if cuda { Self::Cuda } else { Self::Cpu }
    }
}

/// All pinned downloads.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pins {
    archive: Vec<Archive>,
}

/// One file to download and what to take from it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Archive {
    item: String,
    flavour: Option<Flavour>,
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) tag: String,
    hosts: Vec<String>,
    size: Option<u64>,
    pub(crate) sha256: String,
    pub(crate) take: Vec<String>,
}

impl Pins {
    /// Reads the table that is compiled in.
    pub(crate) fn load() -> Result<Self> {
        toml::from_str(include_str!("pins.toml")).context("xtask/src/setup/pins.toml")
    }

    /// What `item` consists of on this host; empty if there is nothing to download for it.
    pub(crate) fn of(&self, item: &str, host: &str, flavour: Flavour) -> Vec<Archive> {
        let fits = |archive: &&Archive| {
            let flavoured = archive.flavour.is_none_or(|wanted| wanted == flavour);
            archive.item == item && flavoured && archive.hosts.iter().any(|name| name == host)
        };
        self.archive.iter().filter(fits).cloned().collect()
    }
}

impl Archive {
    /// A wheel for every platform, of which one member is taken to `target`.
    pub(crate) fn of_wheel(wheel: &Wheel, target: &str) -> Self {
        let Wheel { package, version, member, sha256 } = wheel.clone();
        let take = vec![format!("{member}={target}")];
        Self { item: package.clone(), flavour: None, package, version, tag: "any".into(), hosts: Vec::new(), size: None, sha256, take }
    }

    /// Whether this is a source archive, not a wheel.
    pub(crate) fn is_source(&self) -> bool {
        self.tag == "source"
    }

    /// For messages: name, version and size.
    pub(crate) fn label(&self) -> String {
        let size = self.size.map(|bytes| format!(", {}", show::size(bytes))).unwrap_or_default();
        format!("{} {}{size}", self.package, self.version)
    }

    /// The name under which a verified download is kept until it is unpacked.
    pub(crate) fn file_name(&self) -> String {
        format!("{}-{}-{}", self.package, self.version, self.tag)
    }
}

/// What identifies a set of downloads: change any pin and the item is made anew.
pub(crate) fn key(archives: &[Archive]) -> String {
    archives.iter().map(|archive| &archive.sha256[..16]).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_complete() {
        for archive in Pins::load().unwrap().archive {
            let hexadecimal = archive.sha256.len() == 64 && archive.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(hexadecimal, "{}: sha256", archive.label());
            assert!(archive.take.iter().all(|rule| rule.contains('=')), "{}: take", archive.label());
        }
    }

    #[test]
    fn the_two_kinds_of_libtorch_have_different_keys() {
        let pins = Pins::load().unwrap();
        let [cpu, cuda] = [Flavour::Cpu, Flavour::Cuda].map(|flavour| pins.of("libtorch", "linux-x86_64", flavour));
        assert_eq!([cpu.len(), cuda.len()], [3, 16]);
        assert_ne!(key(&cpu), key(&cuda));
    }
}
