//! Files that must be there, must not be too long, and must parse.

use super::TextFile;
use std::path::Path;

const LONGEST: usize = 500;

/// Checks the files of the repository as a set and by their form.
pub(crate) fn check(root: &Path, files: &[TextFile]) -> Vec<String> {
    let mut findings = without_readme(root, files);
    findings.extend(files.iter().filter_map(too_long));
    findings.extend(files.iter().filter_map(broken_toml));
    findings
}

fn without_readme(root: &Path, files: &[TextFile]) -> Vec<String> {
    let crates = files.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
    let missing = crates.filter(|folder| !root.join(folder).join("README.md").is_file());
    missing.map(|folder| format!("{folder}: no README.md; remedy: say in it what the crate is for, with one example")).collect()
}

fn too_long(file: &TextFile) -> Option<String> {
    let lines = file.text.lines().count();
    let long = file.path.ends_with(".rs") && lines > LONGEST;
    long.then(|| format!("{}: {lines} lines; remedy: split it (at most {LONGEST}, best 100 to 250)", file.path))
}

/// Experiments, baselines and data sets are data that the programs read: a slip must not wait for a run.
fn broken_toml(file: &TextFile) -> Option<String> {
    let data = file.path.starts_with("benchmarks/") || file.path.starts_with("datasets/");
    if !data || !file.path.ends_with(".toml") {
        return None;
    }
    let error = toml::from_str::<toml::Table>(&file.text).err()?;
    Some(format!("{}: is not TOML; remedy: mend what the parser says: {}", file.path, error.to_string().trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_crate_without_a_readme_is_named() {
        let root = tempfile::tempdir().unwrap();
        let files = [file("crates/bare/Cargo.toml", "")];
        let findings = check(root.path(), &files);
        assert!(findings[0].starts_with("crates/bare: no README.md"), "{findings:?}");
        std::fs::create_dir_all(root.path().join("crates/bare")).unwrap();
        std::fs::write(root.path().join("crates/bare/README.md"), "").unwrap();
        assert!(check(root.path(), &files).is_empty());
    }

    #[test]
    fn a_long_file_is_named_with_its_length() {
        assert!(too_long(&file("a.rs", &"\n".repeat(501))).unwrap().starts_with("a.rs: 501 lines"));
        assert_eq!(too_long(&file("a.rs", &"\n".repeat(500))), None);
        assert_eq!(too_long(&file("a.csv", &"\n".repeat(501))), None);
    }

    #[test]
    fn a_definition_that_does_not_parse_is_named() {
        let broken = broken_toml(&file("benchmarks/definitions/x.toml", "seeds = ")).unwrap();
        assert!(broken.starts_with("benchmarks/definitions/x.toml: is not TOML"), "{broken}");
        assert_eq!(broken_toml(&file("benchmarks/definitions/x.toml", "seeds = 1")), None);
    }
}
