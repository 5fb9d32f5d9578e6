//! Commands, examples and suites that documentation, help and workflows name: each must exist.

use super::TextFile;
use super::markdown::{Kind, parts};
use std::collections::BTreeSet;

/// Where the commands of `dfl` are written.
const DFL: &str = "crates/dfl-bench/src/cli/mod.rs";

/// `xtask` has the names of the commands of `cargo xtask`.
pub(super) fn check(files: &[TextFile], xtask: &[String]) -> Vec<String> {
    let Some(dfl) = files.iter().find(|file| file.path == DFL).map(|file| variants(&file.text)) else {
        return vec![format!("{DFL}: not there; remedy: say in xtask/src/tidy/commands.rs where the commands of dfl are")];
    };
    let known = Known { xtask: with_help(xtask.iter().cloned()), dfl: with_help(dfl), examples: examples(files), suites: suites(files) };
    files.iter().flat_map(|file| code(file).into_iter().flat_map(|(line, text)| known.faults(file, line, text))).collect()
}

fn with_help(names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    names.into_iter().chain(["help".to_owned()]).collect()
}

struct Known {
    xtask: BTreeSet<String>,
    dfl: BTreeSet<String>,
    examples: BTreeSet<String>,
    suites: BTreeSet<String>,
}

impl Known {
    fn faults(&self, file: &TextFile, line: usize, text: &str) -> Vec<String> {
        let xtask = ["cargo xtask ", "cargo +stable xtask "].into_iter().flat_map(|start| text.split(start).skip(1));
        let dfl = text.split("cargo xtask dfl ").skip(1).chain(text.trim_start_matches(['$', ' ']).strip_prefix("dfl "));
        let example = text.split("--example ").skip(1);
        let unknown = |after: &str, kind: &str, known: &BTreeSet<String>| {
            let name = word(after).filter(|name| !known.contains(*name))?;
            Some(format!("{}:{line}: there is no {kind} `{name}`; remedy: correct the name", file.path))
        };
        let of_xtask = xtask.filter_map(|after| unknown(after, "command of cargo xtask", &self.xtask));
        let of_dfl = dfl.filter_map(|after| unknown(after, "command of dfl", &self.dfl));
        let of_examples = example.filter_map(|after| unknown(after, "example", &self.examples));
        // Tests of the program make suites of their own.
        let suite = text.split("--suite ").skip(1).filter(|_| !file.path.ends_with(".rs"));
        let suites = suite.flat_map(|after| after.split_whitespace().next().unwrap_or_default().split(','));
        let of_suites = suites.filter_map(|name| unknown(name, "suite", &self.suites));
        of_xtask.chain(of_dfl).chain(of_examples).chain(of_suites).collect()
    }
}

/// The name that a text begins with, if it begins with one and not with an option or a word that stands for any.
fn word(text: &str) -> Option<&str> {
    let end = text.find(|letter: char| !(letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter)));
    let word = &text[..end.unwrap_or(text.len())];
    word.starts_with(|letter: char| letter.is_ascii_lowercase()).then_some(word)
}

/// The lines, or parts of lines, that may hold a command.
fn code(file: &TextFile) -> Vec<(usize, &str)> {
    if file.path.ends_with(".md") {
        return parts(&file.text).into_iter().filter(|part| part.kind != Kind::Prose).map(|part| (part.line, part.text)).collect();
    }
    // This folder has commands that are not there, to be found by its tests.
    let help = file.path.ends_with(".rs") && !file.path.starts_with("xtask/src/tidy/");
    let workflow = file.path.ends_with(".yml") || file.path == ".ci/run";
    let lines = if help || workflow { file.text.as_str() } else { "" };
    lines.lines().enumerate().map(|(index, line)| (index + 1, line)).collect()
}

/// The variants of `enum Command`, as clap names them: `MeasureStep` is `measure-step`.
fn variants(source: &str) -> Vec<String> {
    let Some((_, rest)) = source.split_once("enum Command {\n") else { return Vec::new() };
    let body = rest.lines().take_while(|line| *line != "}");
    let names =
        body.filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with(|letter: char| letter.is_ascii_uppercase()));
    names.filter_map(|line| line.split(|letter: char| !letter.is_alphanumeric()).next()).map(kebab).collect()
}

fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

/// Files `benchmarks/definitions/NAME.toml`.
fn suites(files: &[TextFile]) -> BTreeSet<String> {
    let paths = files.iter().filter_map(|file| file.path.strip_prefix("benchmarks/definitions/"));
    paths.filter_map(|path| path.strip_suffix(".toml").map(str::to_owned)).collect()
}

/// Files `crates/C/examples/NAME.rs` and folders with a `main.rs`.
fn examples(files: &[TextFile]) -> BTreeSet<String> {
    let paths = files.iter().filter_map(|file| file.path.strip_prefix("crates/")?.split_once("/examples/")).map(|(_, path)| path);
    paths.filter_map(|path| path.strip_suffix("/main.rs").or_else(|| path.strip_suffix(".rs")).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        let cli = "enum Command {\n    /// Solves\n    Solve(solve::Solve),\n    #[command(hide = true)]\n    MeasureStep(X),\n}\n";
        let file = |path: &str, text: &str| TextFile { path: path.into(), text: text.into() };
        let known = ["crates/a/examples/one.rs", "crates/a/examples/two/main.rs", "benchmarks/definitions/power.toml"];
        let files: Vec<TextFile> = [file(DFL, cli), file(path, text)].into_iter().chain(known.map(|path| file(path, ""))).collect();
        check(&files, &["data".into(), "dfl".into()])
    }

    #[test]
    fn commands_that_exist_pass() {
        let text = "`cargo xtask data pjm`, `cargo xtask help`, `cargo xtask NAME`, `dfl solve|measure-step`, gone: dfl gone\n\
                    ```sh\ncargo xtask dfl solve x\n$ dfl measure-step\ncargo run --example two\ncargo run --example one\n\
                    cargo xtask data --suite power,power\n```\n";
        assert_eq!(faults("docs/page.md", text), Vec::<String>::new());
    }

    #[test]
    fn commands_and_examples_that_do_not_exist_are_found() {
        for (path, text) in [
            ("README.md", "`cargo xtask gone`"),
            ("README.md", "`dfl gone --help`"),
            ("README.md", "```\ncargo run --example gone\n```"),
            ("README.md", "`cargo xtask dfl gone`"),
            ("README.md", "`dfl solve --suite power,gone`"),
            (".github/workflows/ci.yml", "      - run: cargo +stable xtask gone"),
            (".ci/run", "cargo xtask gone"),
            ("crates/dfl-bench/src/cli/solve.rs", "  dfl gone FILE    solves a file"),
        ] {
            let findings = faults(path, text);
            assert!(findings.len() == 1 && findings[0].starts_with(path) && findings[0].contains("`gone`"), "{text}: {findings:?}");
        }
    }

    #[test]
    fn the_commands_of_dfl_in_this_checkout_are_read() {
        let text = std::fs::read_to_string(crate::checkout::root().join(DFL)).unwrap();
        let names = variants(&text);
        assert!(names.contains(&"solve".to_owned()) && names.contains(&"measure-step".to_owned()), "{names:?}");
    }
}
