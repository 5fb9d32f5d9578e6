//! Files that the documentation names: links, and paths between backticks.

use super::TextFile;
use super::markdown::{Kind, Part, parts};
use std::path::Path;

/// A span that begins with one of these is a path from the root.
const FOLDERS: [&str; 8] = ["docs/", "crates/", "benchmarks/", "datasets/", "xtask/", "cmake/", ".ci/", ".github/"];
/// Filled by commands, so that a fresh checkout does not have it.
const FETCHED: &str = "datasets/cache";

/// Checks every Markdown file.
pub(super) fn check(root: &Path, files: &[TextFile]) -> Vec<String> {
    let pages = files.iter().filter(|file| file.path.ends_with(".md"));
    pages.flat_map(|file| parts(&file.text).into_iter().flat_map(|part| broken(root, file, part))).collect()
}

fn broken(root: &Path, file: &TextFile, part: Part<'_>) -> Vec<String> {
    let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    let named = match part.kind {
        Kind::Prose => targets(part.text).map(|target| (target.to_owned(), folder.join(target))).collect(),
        Kind::Span => paths(part.text).into_iter().map(|path| (path.clone(), path.into())).collect(),
        Kind::Block => Vec::new(),
    };
    let missing = named.into_iter().filter(|(_, path)| !root.join(path).exists());
    missing.map(|(name, _)| format!("{}:{}: {name} is not there; remedy: correct the path", file.path, part.line)).collect()
}

/// Where the links of a piece of prose lead within the repository.
fn targets(prose: &str) -> impl Iterator<Item = &str> {
    let links = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links.filter(|link| !link.contains("://")).filter_map(|link| link.split('#').next()).filter(|path| !path.is_empty())
}

/// The paths that a span stands for: one for each word between braces, none if it is a pattern or no path at all.
fn paths(span: &str) -> Vec<String> {
    let pattern = span.contains([' ', '*', '$', '<', '|']) || span.split('/').any(stands_for_a_name);
    if pattern || span.starts_with(FETCHED) || !FOLDERS.iter().any(|folder| span.starts_with(folder)) {
        return Vec::new();
    }
    match span.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (words, after))) => words.split(',').map(|word| format!("{before}{word}{after}")).collect(),
        None => vec![span.to_owned()],
    }
}

/// `NAME` in `crates/NAME/src`.
fn stands_for_a_name(segment: &str) -> bool {
    !segment.is_empty() && segment.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("docs")).unwrap();
        std::fs::write(root.path().join("docs/there.md"), "").unwrap();
        check(root.path(), &[TextFile { path: "docs/page.md".into(), text: text.into() }])
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        assert!(found("[a](there.md), [b](there.md#part), [c](#part), [d](https://x/gone.md), `v[0](gone.md)`").is_empty());
        let findings = found("line\n[a](gone.md)");
        assert!(findings.len() == 1 && findings[0].starts_with("docs/page.md:2: gone.md"), "{findings:?}");
    }

    #[test]
    fn a_path_that_is_not_there_is_found_and_a_pattern_is_none() {
        assert!(found("`docs/there.md`, `docs/*.md`, `crates/NAME/src`, `datasets/cache/x`, `gone.md`, `docs/ and more`").is_empty());
        let findings = found("`docs/{there,gone}.md`");
        assert!(findings.len() == 1 && findings[0].contains("docs/gone.md"), "{findings:?}");
    }
}
