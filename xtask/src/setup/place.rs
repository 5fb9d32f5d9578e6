//! Putting an item in its place so that an interruption leaves either nothing or the whole.
//!
//! An item grows in `.deps/partial/`, is renamed into place, and its stamp in `.deps/stamps/` is written last.

use super::found::Found;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// What lies at `.deps/NAME`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Version of the item.
    pub(crate) version: String,
    /// Where it is from.
    #[serde(flatten)]
    pub(crate) origin: Origin,
}

/// Where an item is from.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(tag = "from", rename_all = "lowercase")]
pub(crate) enum Origin {
    /// Unpacked from downloads with this key.
    Downloaded { key: String },
    /// A link to what the machine has.
    Installed { target: PathBuf, how: String },
}

impl Stamp {
    /// Whether the item is a link to `path`.
    pub(crate) fn is_link_to(&self, path: &Path) -> bool {
        matches!(&self.origin, Origin::Installed { target, .. } if target == path)
    }
}

/// The stamp of an item that is in place, else `None`.
pub(crate) fn stamp(deps: &Path, item: &str) -> Option<Stamp> {
    let text = fs::read_to_string(stamp_file(deps, item)).ok()?;
    let there = deps.join(item).is_dir();
    toml::from_str(&text).ok().filter(|_| there)
}

fn stamp_file(deps: &Path, item: &str) -> PathBuf {
    deps.join("stamps").join(format!("{item}.toml"))
}

/// An empty folder in which the item may grow; what an interrupted run left there is removed.
pub(crate) fn start(deps: &Path, item: &str) -> Result<PathBuf> {
    let folder = deps.join("partial").join(item);
    remove(&folder)?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(folder)
}

/// Moves the grown item into its place and stamps it.
pub(crate) fn finish(deps: &Path, item: &str, stamp: &Stamp) -> Result<()> {
    let (stamp_file, place) = (stamp_file(deps, item), deps.join(item));
    remove(&stamp_file)?;
    remove(&place)?;
    fs::rename(deps.join("partial").join(item), &place).with_context(|| format!("cannot move {item} to {}", place.display()))?;
    fs::create_dir_all(deps.join("stamps")).context("cannot make the folder .deps/stamps")?;
    let text = toml::to_string(stamp).context("cannot write a stamp")?;
    fs::write(&stamp_file, text).with_context(|| format!("cannot write {}", stamp_file.display()))
}

/// Makes the place of the item a link to what was found.
pub(crate) fn link(deps: &Path, item: &str, found: &Found) -> Result<()> {
    let grown = start(deps, item)?;
    if found.program {
        fs::create_dir(grown.join("bin")).with_context(|| format!("cannot make {}", grown.display()))?;
        symlink(&found.target, &grown.join("bin").join(item))?;
    } else {
        remove(&grown)?;
        symlink(&found.target, &grown)?;
    }
    let origin = Origin::Installed { target: found.target.clone(), how: found.how.to_owned() };
    finish(deps, item, &Stamp { version: found.version.clone(), origin })
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, link).with_context(|| format!("cannot link {} to {}", link.display(), target.display()))
}

#[cfg(not(unix))]
fn symlink(target: &Path, _: &Path) -> Result<()> {
    anyhow::bail!("setup cannot make links on this system; set the variables of .cargo/config.toml yourself, e.g. to {}", target.display())
}

/// Removes a file, a link (not what it points at) or a folder; it may be absent.
fn remove(path: &Path) -> Result<()> {
    let Ok(kind) = fs::symlink_metadata(path) else { return Ok(()) };
    let removed = if kind.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

/// The size of all files below a folder.
pub(crate) fn size_of(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let kind = entry.metadata()?;
        sum += if kind.is_dir() { size_of(&entry.path())? } else { kind.len() };
    }
    Ok(sum)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn downloaded() -> Stamp {
        Stamp { version: "1".into(), origin: Origin::Downloaded { key: "k".into() } }
    }

    #[test]
    fn a_half_grown_item_is_not_there_and_starts_over() {
        let deps = tempfile::tempdir().unwrap();
        fs::write(start(deps.path(), "thing").unwrap().join("half"), "x").unwrap();
        assert_eq!(stamp(deps.path(), "thing"), None);
        fs::write(start(deps.path(), "thing").unwrap().join("whole"), "xyz").unwrap();
        finish(deps.path(), "thing", &downloaded()).unwrap();
        assert_eq!(stamp(deps.path(), "thing"), Some(downloaded()));
        assert!(!deps.path().join("thing/half").exists());
        assert_eq!(size_of(&deps.path().join("thing")).unwrap(), 3);
    }

    #[test]
    fn replacing_a_link_leaves_what_it_pointed_at() {
        let [deps, theirs] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        fs::write(theirs.path().join("kept"), "").unwrap();
        let found = Found { target: theirs.path().into(), program: false, version: "1".into(), how: "installed" };
        link(deps.path(), "thing", &found).unwrap();
        assert!(stamp(deps.path(), "thing").unwrap().is_link_to(theirs.path()));
        start(deps.path(), "thing").unwrap();
        finish(deps.path(), "thing", &downloaded()).unwrap();
        assert!(theirs.path().join("kept").exists() && !deps.path().join("thing/kept").exists());
    }

    #[test]
    fn a_program_is_linked_by_its_own_name() {
        let deps = tempfile::tempdir().unwrap();
        let found = Found { target: "/bin/sh".into(), program: true, version: "1".into(), how: "on PATH" };
        link(deps.path(), "cmake", &found).unwrap();
        assert_eq!(fs::read_link(deps.path().join("cmake/bin/cmake")).unwrap(), Path::new("/bin/sh"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let text = format!("{:#}", start(Path::new("/proc/nowhere"), "thing").unwrap_err());
        assert!(text.contains("/proc/nowhere/partial/thing"), "{text}");
    }
}
