//! The entry of a version in `CHANGELOG.md`.

use super::Outcome;
use anyhow::{Context, Result};
use std::path::Path;

const UNRELEASED: &str = "## [Unreleased]";

/// Whether the version has an entry with a date and something in it, and nothing waits for a later one.
pub(super) fn check(root: &Path, version: &str) -> Result<Outcome> {
    let path = root.join("CHANGELOG.md");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let faults = faults(&text, version);
    Ok(if faults.is_empty() { Outcome::Passed(format!("has an entry for {version}")) } else { Outcome::Failed(faults) })
}

fn faults(text: &str, version: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let waiting = section(text, UNRELEASED).is_some_and(|(_, items)| items > 0);
    if waiting {
        faults.push(format!("{UNRELEASED} of CHANGELOG.md is not empty: move what it has under {version}"));
    }
    match section(text, &format!("## [{version}]")) {
        None => faults.push(format!("CHANGELOG.md has no heading `## [{version}] - YEAR-MONTH-DAY`")),
        Some((_, 0)) => faults.push(format!("the entry for {version} in CHANGELOG.md has no item")),
        Some((rest, _)) if !is_date(rest.trim_start_matches(" - ")) => {
            faults.push(format!("the heading for {version} in CHANGELOG.md must end in ` - YEAR-MONTH-DAY`"));
        }
        Some(_) => {}
    }
    faults
}

/// What follows a heading on its line, and how many items there are below it.
fn section<'a>(text: &'a str, heading: &str) -> Option<(&'a str, usize)> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(heading));
    let rest = lines.next()?.strip_prefix(heading)?;
    Some((rest, lines.take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("* ")).count()))
}

fn is_date(text: &str) -> bool {
    let form = |(index, letter): (usize, char)| if index == 4 || index == 7 { letter == '-' } else { letter.is_ascii_digit() };
    text.len() == 10 && text.chars().enumerate().all(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_with_a_date_and_an_item_is_enough() {
        let text = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-22\n\n### Added\n\n* A thing.\n\n## [0.1.0] - 2026-01-01\n";
        assert!(faults(text, "0.2.0").is_empty());
        assert!(faults(text, "0.1.0")[0].contains("no item"));
        assert!(faults(text, "0.3.0")[0].contains("no heading"));
    }

    #[test]
    fn what_is_unreleased_or_undated_is_to_be_mended() {
        let text = "## [Unreleased]\n* Waits.\n## [0.2.0] - soon\n* A thing.\n";
        let faults = faults(text, "0.2.0");
        assert!(faults.len() == 2 && faults[0].contains("not empty") && faults[1].contains("YEAR-MONTH-DAY"), "{faults:?}");
    }

    #[test]
    fn the_changelog_of_this_checkout_has_its_version() {
        let version = env!("CARGO_PKG_VERSION");
        let text = std::fs::read_to_string(crate::checkout::root().join("CHANGELOG.md")).unwrap();
        assert!(section(&text, &format!("## [{version}]")).is_some_and(|(_, items)| items > 0), "{version}");
    }
}
