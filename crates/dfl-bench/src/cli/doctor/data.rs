//! The checkout, what `cargo xtask setup` has fetched, and data sets.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Check;
use crate::data::data_dirs;

#[derive(Deserialize)]
struct Manifest {
    set: Vec<Set>,
}

#[derive(Deserialize)]
struct Set {
    name: String,
    #[serde(default)]
    file: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    file: String,
}

pub(super) fn checks() -> Vec<Check> {
    let Some(root) = checkout() else {
        return vec![Check::missing(
            "checkout",
            "not run within one",
            "benchmarks and their data need the repository; your own files do not",
        )];
    };
    let mut checks = vec![fetched(&root)];
    let text = fs::read_to_string(root.join("datasets/manifest.toml")).unwrap_or_default();
    match toml::from_str::<Manifest>(&text) {
        Ok(manifest) => checks.extend(manifest.set.iter().map(|set| data_set(set, &data_dirs()))),
        Err(error) => {
            checks.push(Check::broken("data sets", format!("datasets/manifest.toml: {error}"), "`git checkout datasets/manifest.toml`"));
        }
    }
    checks
}

/// The repository around the current directory, else that which this program was built from.
fn checkout() -> Option<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut roots = here.ancestors().map(Path::to_path_buf).chain(built.canonicalize());
    roots.find(|root| root.join("datasets/manifest.toml").is_file())
}

fn fetched(root: &Path) -> Check {
    let folder = root.join(".deps");
    let mut parts: Vec<String> = ["cmake", "libclang", "libtorch", "qdldl"].map(str::to_owned).into();
    parts.retain(|part| folder.join(part).exists());
    match parts.as_slice() {
        [] => Check::missing(
            "checkout",
            format!("{}, without .deps", root.display()),
            "`cargo xtask setup` fetches what building all parts needs",
        ),
        parts => Check::ok("checkout", format!("{}, .deps with {}", root.display(), parts.join(", "))),
    }
}

fn data_set(set: &Set, dirs: &[PathBuf]) -> Check {
    let name = format!("data {}", set.name);
    let find = |member: &Member| dirs.iter().find(|dir| dir.join(&member.file).is_file());
    let found: Vec<&PathBuf> = set.file.iter().filter_map(find).collect();
    match found.first() {
        Some(dir) if found.len() == set.file.len() => Check::ok(name, plain(dir)),
        _ => {
            let what = format!("{} of {} files", found.len(), set.file.len());
            Check::missing(name, what, format!("`cargo xtask data {}`; only its benchmarks need it", set.name))
        }
    }
}

/// A folder without the detours by which it was found.
fn plain(dir: &Path) -> String {
    dir.canonicalize().unwrap_or_else(|_| dir.to_owned()).display().to_string()
}
