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
    let missing = match part.kind {
        Kind::Prose => targets(part.text).filter(|target| !leads_somewhere(root, file, target)).map(str::to_owned).collect(),
        Kind::Span => paths(part.text).into_iter().filter(|path| !root.join(path).exists()).collect(),
        Kind::Block => Vec::new(),
    };
    missing.into_iter().map(|name| format!("{}:{}: {name} is not there; remedy: correct the path", file.path, part.line)).collect()
}

/// The links of a piece of prose that stay within the repository.
fn targets(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://"))
}

/// Whether there is such a file, seen from the page, and such a heading in it. A link that begins with `#` stays on the page.
fn leads_somewhere(root: &Path, page: &TextFile, target: &str) -> bool {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let place = root.join(Path::new(&page.path).parent().unwrap_or(Path::new(""))).join(path);
    if !path.is_empty() && !place.exists() {
        return false;
    }
    let text = if path.is_empty() { page.text.clone() } else { std::fs::read_to_string(place).unwrap_or_default() };
    anchor.is_empty() || text.lines().filter(|line| line.starts_with('#')).any(|heading| slug(heading) == anchor)
}

/// The anchor that a heading gets: its letters, digits and hyphens, in lower case, with hyphens for blanks.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
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
        std::fs::write(root.path().join("docs/there.md"), "## A part: of `it`").unwrap();
        check(root.path(), &[TextFile { path: "docs/page.md".into(), text: text.into() }])
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        assert!(found("# Part\n[a](there.md), [b](there.md#a-part-of-it), [c](#part), [d](https://x/gone.md), `v[0](gone.md)`").is_empty());
        for gone in ["gone.md", "there.md#gone", "#gone"] {
            let findings = found(&format!("line\n[a]({gone})"));
            assert!(findings.len() == 1 && findings[0].starts_with(&format!("docs/page.md:2: {gone}")), "{findings:?}");
        }
    }

    #[test]
    fn a_path_that_is_not_there_is_found_and_a_pattern_is_none() {
        assert!(found("`docs/there.md`, `docs/*.md`, `crates/NAME/src`, `datasets/cache/x`, `gone.md`, `docs/ and more`").is_empty());
        let findings = found("`docs/{there,gone}.md`");
        assert!(findings.len() == 1 && findings[0].contains("docs/gone.md"), "{findings:?}");
    }
}
