//! Files that the documentation names, by links and by paths between backticks: each is there, and each page is named by another.

use super::TextFile;
use super::markdown::{Kind, Part, parts};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A span that begins with one of these is a path from the root.
const FOLDERS: [&str; 8] = ["docs/", "crates/", "benchmarks/", "datasets/", "xtask/", "cmake/", ".ci/", ".github/"];
/// Filled by commands, so that a fresh checkout does not have it.
const FETCHED: &str = "datasets/cache";

/// Pages below this folder are found by whoever opens it.
const LISTED: &str = "docs/decisions/";

/// Checks every Markdown file.
pub(super) fn check(root: &Path, files: &[TextFile]) -> Vec<String> {
    let (mut findings, mut reached) = (Vec::new(), BTreeSet::new());
    for page in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, name) in parts(&page.text).into_iter().flat_map(|part| named(part).into_iter().map(move |name| (part.line, name))) {
            match name.file(root, page) {
                Some(file) => reached.extend((file != root.join(&page.path)).then(|| file.canonicalize().ok()).flatten()),
                None => findings.push(format!("{}:{line}: {} is not there; remedy: correct the path", page.path, name.text())),
            }
        }
    }
    findings.extend(unreached(root, files, &reached));
    findings
}

fn unreached(root: &Path, files: &[TextFile], reached: &BTreeSet<PathBuf>) -> Vec<String> {
    let pages = files.iter().filter(|file| file.path.starts_with("docs/") && file.path.ends_with(".md") && !file.path.starts_with(LISTED));
    let lost = pages.filter(|page| root.join(&page.path).canonicalize().is_ok_and(|path| !reached.contains(&path)));
    lost.map(|page| format!("{}: no other page names it; remedy: a link from where readers come from", page.path)).collect()
}

/// What a part of a page points at.
enum Name {
    /// Seen from the page, perhaps with an anchor.
    Link(String),
    /// Seen from the root.
    Path(String),
}

fn named(part: Part<'_>) -> Vec<Name> {
    match part.kind {
        Kind::Prose => targets(part.text).map(|target| Name::Link(target.to_owned())).collect(),
        Kind::Span => paths(part.text).into_iter().map(Name::Path).collect(),
        Kind::Block => Vec::new(),
    }
}

impl Name {
    fn text(&self) -> &str {
        match self {
            Self::Link(text) | Self::Path(text) => text,
        }
    }

    /// The file, if there is one, and in it the heading of the anchor. A link that begins with `#` stays on the page.
    fn file(&self, root: &Path, page: &TextFile) -> Option<PathBuf> {
        let (path, anchor) = match self {
            Self::Path(path) => return Some(root.join(path)).filter(|place| place.exists()),
            Self::Link(target) => target.split_once('#').unwrap_or((target, "")),
        };
        let own = root.join(&page.path);
        let place = if path.is_empty() { own } else { own.parent()?.join(path) };
        let found = place.exists() && (anchor.is_empty() || headings(&place).any(|heading| slug(&heading) == anchor));
        found.then_some(place)
    }
}

fn headings(page: &Path) -> impl Iterator<Item = String> {
    let text = std::fs::read_to_string(page).unwrap_or_default();
    text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// The links of a piece of prose that stay within the repository.
fn targets(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://"))
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
        std::fs::write(root.path().join("README.md"), text).unwrap();
        let file = |path: &str, text: &str| TextFile { path: path.into(), text: text.into() };
        check(root.path(), &[file("README.md", text), file("docs/there.md", "")])
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let text = "# Part\n[a](docs/there.md), [b](docs/there.md#a-part-of-it), [c](#part), [d](https://x/gone.md), `v[0](gone.md)`";
        assert_eq!(found(text), Vec::<String>::new());
        for gone in ["gone.md", "docs/there.md#gone", "#gone"] {
            let findings = found(&format!("`docs/there.md`\n[a]({gone})"));
            assert!(findings.len() == 1 && findings[0].starts_with(&format!("README.md:2: {gone}")), "{findings:?}");
        }
    }

    #[test]
    fn a_path_that_is_not_there_is_found_and_a_pattern_is_none() {
        let text = "`docs/there.md`, `docs/*.md`, `crates/NAME/src`, `datasets/cache/x`, `gone.md`, `docs/ and more`";
        assert_eq!(found(text), Vec::<String>::new());
        let findings = found("`docs/{there,gone}.md`");
        assert!(findings.len() == 1 && findings[0].contains("docs/gone.md"), "{findings:?}");
    }

    #[test]
    fn a_page_that_no_other_names_is_found() {
        let findings = found("no link");
        assert!(findings.len() == 1 && findings[0].starts_with("docs/there.md: no other page"), "{findings:?}");
    }
}
