//! Dependencies that nothing uses: each costs whoever builds or ships a crate.

use super::TextFile;
use super::layers::{Dependency, Metadata, Package};
use super::text::{code_lines, has_word};
use anyhow::{Context, Result};

/// Dependencies that the sources need not name, with the reason.
const UNNAMED: [(&str, &str, &str); 1] =
    [("dfl-models", "torch-sys", "its build script hands the place of libtorch to ours, which links programs to it")];

/// Checks the list of the workspace and that of each crate.
pub(super) fn check(metadata: &Metadata, files: &[TextFile]) -> Result<Vec<String>> {
    let mut findings = in_workspace(metadata, files)?;
    for package in &metadata.packages {
        findings.extend(in_crate(package, files));
    }
    Ok(findings)
}

fn in_workspace(metadata: &Metadata, files: &[TextFile]) -> Result<Vec<String>> {
    let Some(file) = files.iter().find(|file| file.path == "Cargo.toml") else { return Ok(Vec::new()) };
    let manifest: toml::Table = toml::from_str(&file.text).context("cannot read the workspace's Cargo.toml")?;
    let listed = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies")).and_then(toml::Value::as_table);
    let used = |name: &str| metadata.packages.iter().flat_map(|package| &package.dependencies).any(|other| other.known_as() == name);
    let unused = listed.into_iter().flat_map(toml::Table::keys).filter(|name| !used(name));
    Ok(unused.map(|name| format!("Cargo.toml: no crate depends on {name}; remedy: remove it from [workspace.dependencies]")).collect())
}

fn in_crate(package: &Package, files: &[TextFile]) -> Vec<String> {
    let folder = package.folder(files);
    let excused = |name: &str| UNNAMED.iter().any(|&(owner, other, _)| owner == package.name && other == name);
    let unused = package.dependencies.iter().filter(|dependency| !excused(dependency.known_as()) && !named(dependency, &folder));
    let remedy = "remedy: remove it from the crate's Cargo.toml, or say in xtask/src/tidy/used.rs why it stays";
    let say = |dependency: &Dependency| format!("{}: depends on {} and never names it; {remedy}", package.name, dependency.known_as());
    unused.map(say).collect()
}

impl Package {
    /// The crate's Rust files, by their path within it.
    fn folder<'a>(&self, files: &'a [TextFile]) -> Vec<(&'a str, &'a TextFile)> {
        let own = [format!("crates/{}/", self.name), format!("{}/", self.name)];
        let within = |file: &'a TextFile| own.iter().find_map(|folder| file.path.strip_prefix(folder.as_str())).map(|path| (path, file));
        files.iter().filter(|file| file.path.ends_with(".rs")).filter_map(within).collect()
    }
}

impl Dependency {
    fn known_as(&self) -> &str {
        self.rename.as_ref().unwrap_or(&self.name)
    }
}

/// Whether the code that a dependency of this kind is for names it. What is for tests may also stand in an example in a comment.
fn named(dependency: &Dependency, folder: &[(&str, &TextFile)]) -> bool {
    let word = dependency.known_as().replace('-', "_");
    let in_code = |file: &TextFile| code_lines(file).any(|(_, line)| has_word(line, &word));
    folder.iter().any(|(path, file)| match dependency.kind.as_deref() {
        None => path.starts_with("src/") && in_code(file),
        Some("build") => *path == "build.rs" && in_code(file),
        Some(_) => file.text.lines().any(|line| has_word(line, &word)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.into(), text: text.into() }
    }

    fn metadata(dependencies: &[(&str, Option<&str>)]) -> Metadata {
        let dependency =
            |&(name, kind): &(&str, Option<&str>)| Dependency { name: name.into(), rename: None, kind: kind.map(str::to_owned) };
        Metadata { packages: vec![Package { name: "a".into(), dependencies: dependencies.iter().map(dependency).collect() }] }
    }

    #[test]
    fn an_entry_of_the_workspace_without_a_user_is_found() {
        let files = [file("Cargo.toml", "[workspace.dependencies]\none-a = '1'\ntwo = '1'\n"), file("a/src/lib.rs", "use two::T;")];
        let findings = check(&metadata(&[("two", None)]), &files).unwrap();
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("Cargo.toml: no crate depends on one-a"), "{findings:?}");
    }

    #[test]
    fn a_crate_that_the_code_does_not_name_is_found() {
        let files = [
            file("crates/a/src/lib.rs", "use in_code::T; // in_comment::T\n/// doc_test::f();\nlet not_in_codex = 1;"),
            file("crates/a/tests/t.rs", "use in_test::T;"),
            file("crates/a/build.rs", "in_build::run();"),
            file("crates/b/src/lib.rs", "use elsewhere::T;"),
        ];
        let named = [("in-code", None), ("in-test", Some("dev")), ("doc-test", Some("dev")), ("in-build", Some("build"))];
        assert_eq!(check(&metadata(&named), &files).unwrap(), Vec::<String>::new());
        for wrong in [("in-comment", None), ("codex", None), ("in-test", None), ("elsewhere", None), ("in-code", Some("build"))] {
            let findings = check(&metadata(&[wrong]), &files).unwrap();
            assert!(findings.len() == 1 && findings[0].contains(wrong.0), "{wrong:?}: {findings:?}");
        }
    }
}
