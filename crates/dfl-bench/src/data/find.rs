//! Where data sets are looked for.

use std::path::{Path, PathBuf};

use dfl_core::{Error, Result};

/// The folders that may hold data sets, in the order in which they are asked.
///
/// `$DFL_DATA_DIR`, then for each root `datasets/cache/`, then for each root `../shared/datasets/`. The roots are the current directory and
/// its ancestors, then the checkout this crate was built from, so that tests, which run inside the crate, find what the user fetched.
pub fn data_dirs() -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = std::env::current_dir().map(|dir| ancestors(&dir)).unwrap_or_default();
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if !roots.iter().any(|root| same(root, &checkout)) {
        roots.push(checkout);
    }
    let named = std::env::var_os("DFL_DATA_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = roots.iter().map(|root| root.join("datasets/cache"));
    let shared = roots.iter().map(|root| root.join("../shared/datasets"));
    named.into_iter().chain(cache).chain(shared).collect()
}

/// The path of `file`, which belongs to the data set `name`.
///
/// # Errors
/// [`Error::MissingData`], naming the command that fetches `name`, if no folder of [`data_dirs`] holds the file.
pub fn find(name: &'static str, file: &str) -> Result<PathBuf> {
    find_in(&data_dirs(), name, file)
}

/// Like [`find`], in the folders given.
///
/// # Errors
/// As [`find`].
pub fn find_in(dirs: &[PathBuf], name: &'static str, file: &str) -> Result<PathBuf> {
    dirs.iter().map(|dir| dir.join(file)).find(|path| path.is_file()).ok_or(Error::MissingData { name })
}

fn ancestors(dir: &Path) -> Vec<PathBuf> {
    dir.ancestors().map(Path::to_path_buf).collect()
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_that_has_the_file_wins() {
        let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        std::fs::write(second.path().join("set.txt"), "2").unwrap();
        let dirs = [first.path().to_path_buf(), second.path().to_path_buf()];
        assert_eq!(find_in(&dirs, "set", "set.txt").unwrap(), dirs[1].join("set.txt"));
        std::fs::write(first.path().join("set.txt"), "1").unwrap();
        assert_eq!(find_in(&dirs, "set", "set.txt").unwrap(), dirs[0].join("set.txt"));
    }

    #[test]
    fn a_missing_set_names_the_command_that_fetches_it() {
        let text = find_in(&[], "pjm", "nothing.txt").unwrap_err().to_string();
        assert!(text.contains("data set pjm not found") && text.contains("cargo xtask data pjm"), "{text}");
    }
}
